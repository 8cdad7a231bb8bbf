//! The transcripts, in short: who says it, how many bytes it has, what kind of message it is, and
//! what stands in it.

use crate::harness::{PEER, message};

/// A command line, its status, and what goes over the wire.
pub(super) type Transcript = (&'static str, i32, &'static [&'static str]);

#[rustfmt::skip]
pub(super) const TRANSCRIPTS: &[Transcript] = &[
    ("-r A -- true", 0, &[
        r#"client 195 lock name="QQ==" mode="5" wait="1" create="1" lifespan="0""#,
        r#"daemon 147 first rc="0""#,
        r#"client 115 unlock name="QQ==" rollback="0""#,
        "client ends",
    ]),
    ("-r A -o -1 -- true", 0, &[
        r#"client 195 lock name="QQ==" mode="5" wait="1" create="1" lifespan="0""#,
        r#"daemon 147 first rc="1""#,
        r#"daemon 95 later rc="0""#,
        r#"client 115 unlock name="QQ==" rollback="0""#,
        "client ends",
    ]),
    ("-r A -o 0 -- true", 98, &[
        r#"client 195 lock name="QQ==" mode="5" wait="0" create="1" lifespan="0""#,
        r#"daemon 147 first rc="4""#,
        "client ends",
    ]),
    ("-r A -o 50 -- true", 98, &[
        r#"client 195 lock name="QQ==" mode="5" wait="1" create="1" lifespan="0""#,
        r#"daemon 147 first rc="1""#,
        "client ends",
    ]),
    ("-r N[10] -q 4 -- true", 0, &[
        r#"client 203 lock name="TlsxMF0=" wait="1" quantity="4" create="1" lifespan="0""#,
        r#"daemon 147 first rc="0""#,
        r#"client 119 unlock name="TlsxMF0=" rollback="0""#,
        "client ends",
    ]),
    ("-r N[10] -q 11 -- true", 99, &[
        r#"client 204 lock name="TlsxMF0=" wait="1" quantity="11" create="1" lifespan="0""#,
        r#"daemon 147 first rc="6""#,
        "client ends",
    ]),
    ("-r red.green.blue -- true", 0, &[
        r#"client 202 lock name="cmVkLmdyZWVuLmJsdWU=" wait="1" create="1" lifespan="0""#,
        r#"daemon 161 first rc="0" element="red""#,
        r#"client 131 unlock name="cmVkLmdyZWVuLmJsdWU=" rollback="0""#,
        "client ends",
    ]),
    ("-r /a/b -l CR -- true", 0, &[
        r#"client 199 lock name="L2EvYg==" mode="1" wait="1" create="1" lifespan="0""#,
        r#"daemon 147 first rc="0""#,
        r#"client 119 unlock name="L2EvYg==" rollback="0""#,
        "client ends",
    ]),
    ("-r _S_seq[2] -- false", 1, &[
        r#"client 194 lock name="X1Nfc2VxWzJd" wait="1" create="1" lifespan="0""#,
        r#"daemon 159 first rc="0" element="1""#,
        r#"client 123 unlock name="X1Nfc2VxWzJd" rollback="1""#,
        "client ends",
    ]),
    ("-r _t_%Y%m%d%H%M%S#fff[1] -- true", 0, &[
        r#"client 214 lock name="X3RfJVklbSVkJUglTSVTI2ZmZlsxXQ==" wait="1" create="1" lifespan="0""#,
        r#"daemon 176 first rc="0" element="20261122160349.007""#,
        r#"client 143 unlock name="X3RfJVklbSVkJUglTSVTI2ZmZlsxXQ==" rollback="0""#,
        "client ends",
    ]),
    ("-r B -e no -- true", 0, &[
        r#"client 195 lock name="Qg==" mode="5" wait="1" create="0" lifespan="0""#,
        r#"daemon 147 first rc="2""#,
        r#"daemon 95 later rc="1""#,
        r#"daemon 95 later rc="0""#,
        r#"client 115 unlock name="Qg==" rollback="0""#,
        "client ends",
    ]),
    ("-r B -e no -o 0 -- true", 96, &[
        r#"client 195 lock name="Qg==" mode="5" wait="0" create="0" lifespan="0""#,
        r#"daemon 147 first rc="5""#,
        "client ends",
    ]),
    ("-r A -i 1500 -- true", 0, &[
        r#"client 198 lock name="QQ==" mode="5" wait="1" create="1" lifespan="1500""#,
        r#"daemon 147 first rc="0""#,
        r#"client 115 unlock name="QQ==" rollback="0""#,
        "client ends",
    ]),
    ("-x", 0, &[r#"client 155 shutdown immediate="0""#]),
    ("-X", 0, &[r#"client 155 shutdown immediate="1""#]),
];

/// A line of a transcript.
#[derive(Clone, Debug)]
pub(super) enum Line {
    Client(String),
    Daemon(String),
    ClientEnds,
}

/// What a line of a transcript means. Fails if the number of bytes is another.
pub(super) fn line(text: &str) -> Line {
    if text == "client ends" {
        return Line::ClientEnds;
    }
    let mut words = text.splitn(4, ' ');
    let mut word = || words.next().expect("a transcript of four words");
    let (who, length, kind, inside) = (word(), word(), word(), word());
    let session = format!("<session peerid=\"{PEER}\"/>");
    let said = match kind {
        "lock" => message(1, 8, &format!("{session}<resource {inside}/>")),
        "first" => message(1, 16, &format!("{session}<answer {inside}/>")),
        "later" => message(1, 24, &format!("<answer {inside}/>")),
        "unlock" => message(2, 8, &format!("<resource {inside} />")),
        "shutdown" => message(5, 8, &format!("{session}<shutdown {inside}/>")),
        _ => panic!("no such message: {kind}"),
    };
    assert_eq!(said.len().to_string(), length, "{said}");
    match who {
        "client" => Line::Client(said),
        _ => Line::Daemon(said),
    }
}

/// The same, of what a client says.
pub(super) fn client(text: &str) -> String {
    match line(&format!("client {text}")) {
        Line::Client(said) => said,
        other => panic!("{other:?}"),
    }
}

/// The same, of what a daemon says.
pub(super) fn daemon(text: &str) -> String {
    match line(&format!("daemon {text}")) {
        Line::Daemon(said) => said,
        other => panic!("{other:?}"),
    }
}
