//! What a peer may write that no old peer does, and what costs it its connection
//! (`spec/protocol.md` §2.2, §3, §14; `spec/discovery.md` §6).

use flom_proto::{
    Answer, AnswerStep, DecodeError, Decoder, Here, Lock, Message, Session, Unlock, decode,
};
use flom_types::ReturnCode;

#[track_caller]
fn read(text: &str) -> Message {
    decode(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[track_caller]
fn read_lock(text: &str) -> Lock {
    match read(text) {
        Message::Lock(lock) => lock,
        other => panic!("{text} is {other:?}"),
    }
}

#[track_caller]
fn read_answer(text: &str) -> Answer {
    match read(text) {
        Message::Answer(answer) => answer,
        other => panic!("{text} is {other:?}"),
    }
}

/// The code with which reading `bytes` fails.
#[track_caller]
fn code(bytes: impl AsRef<[u8]>) -> i32 {
    let bytes = bytes.as_ref();
    match decode(bytes) {
        Ok(message) => panic!("{} is {message:?}", bytes.escape_ascii()),
        Err(error) => error.code().0,
    }
}

fn resource(attributes: &str) -> String {
    format!(r#"<msg level="3" verb="1" step="8"><resource {attributes}/></msg>"#)
}

const UNLOCK: &str = r#"<msg level="3" verb="2" step="8"><resource name="QQ=="/></msg>"#;

#[test]
fn prolog_comments_and_white_space_may_be_what_they_like() {
    let wanted = read(UNLOCK);
    for before in [
        "",
        "\r\n\t ",
        r#"<?xml version="1.0" encoding="UTF-8" ?>"#,
        "<?xml version='1.1' standalone='no'?>\n",
        "<!-- a > comment --><?a pi?>\n<!DOCTYPE msg>",
    ] {
        assert_eq!(read(&format!("{before}{UNLOCK}")), wanted, "{before}");
    }
    let spread = "<msg\n level = \"3\"\tverb='2' step=\"8\" >\n<!-- <resource> --> text &amp; \
                  <![CDATA[<resource>]]> <?pi?><resource  name='QQ=='\n></resource >\n</msg>\n";
    assert_eq!(read(spread), wanted);
}

#[test]
fn attributes_come_in_any_order_and_the_last_of_two_counts() {
    let lock = read_lock(&resource(
        r#"lifespan="7" create="1" mode="1" wait='1' mode="4" name="QUE=" name="Qg==""#,
    ));
    assert_eq!(lock.name, b"B");
    assert_eq!(lock.mode, Some(4));
    assert_eq!(lock.lifespan, 7);
    assert!(lock.wait && lock.create);
}

#[test]
fn entities_in_values_are_decoded() {
    let answer = read_answer(
        r#"<msg level="&#51;" verb="1" step="16"><answer rc="0" element="&lt;&amp;&gt;&quot;&apos;&#x41;&#66;"/></msg>"#,
    );
    assert_eq!(answer.element.as_deref(), Some("<&>\"'AB"));
    assert_eq!(read_lock(&resource(r#"name="QQ&#61;&#x3D;""#)).name, b"A");
    assert_eq!(code(resource(r#"name="QQ==" mode="&nbsp;""#)), -16);
    assert_eq!(code(resource(r#"name="QQ==" mode="&#0;""#)), -16);
}

#[test]
fn unknown_elements_and_attributes_have_no_say() {
    let message = read(
        r#"<msg level="3" verb="2" step="8" more="1"><future name="x"/><session peerid="p" level="9"/><deep><resource name="QQ==" mode="5" owner="me"/></deep><answer rc="4"/><network port="1"/></msg>"#,
    );
    let wanted = Unlock {
        ended: None,
        name: b"A".to_vec(),
        rollback: false,
    };
    assert_eq!(message, Message::Unlock(wanted));
    // Names are case sensitive.
    assert_eq!(
        code(r#"<msg level="3" verb="2" step="8"><Resource name="QQ=="/></msg>"#),
        -16
    );
    assert_eq!(
        code(r#"<msg level="3" verb="2" step="8"><resource Name="QQ=="/></msg>"#),
        -16
    );
}

#[test]
fn unknown_attributes_of_network_and_shutdown_have_no_say() {
    assert_eq!(
        read(r#"<msg level="3" verb="4" step="16"><network address="a" port="1" ext="1"/></msg>"#),
        Message::Here(Here {
            address: "a".to_owned(),
            port: 1
        })
    );
    let shutdown = r#"<msg level="3" verb="5" step="8"><shutdown immediate="1" ext="1"/></msg>"#;
    assert!(matches!(read(shutdown), Message::Shutdown(shutdown) if shutdown.immediate));
}

#[test]
fn elements_before_msg_have_no_say() {
    assert_eq!(
        code(r#"<resource name="QQ=="/><msg level="3" verb="2" step="8"></msg>"#),
        -16
    );
    let answer = read_answer(
        r#"<session peerid="p"/><answer/><msg level="3" verb="1" step="16"><answer rc="1"/></msg>"#,
    );
    assert_eq!(answer.session, None);
    assert_eq!(
        code(r#"<answer rc="1"/><msg level="3" verb="1" step="16"></msg>"#),
        -16
    );
}

#[test]
fn absent_attributes_mean_zero_or_nothing() {
    assert_eq!(
        read_lock(&resource(r#"name="""#)),
        Lock {
            session: None,
            name: Vec::new(),
            mode: None,
            wait: false,
            quantity: None,
            create: false,
            lifespan: 0,
        }
    );
    let answer = read_answer(r#"<msg verb="1" step="24"><session/><answer/></msg>"#);
    let nobody = Session {
        ties: None,
        peer_id: String::new(),
        ext: false,
        who: None,
    };
    assert_eq!(
        answer,
        Answer {
            fence: None,
            previous: None,
            session: Some(nobody),
            step: AnswerStep::Later,
            rc: 0,
            element: None,
        }
    );
}

#[test]
fn numbers_are_read_as_by_strtol_and_clamped() {
    let lock = read_lock(&resource(
        r#"name="QQ==" mode=" -1x" quantity="99999999999999999999" wait="2" create="-1" lifespan="""#,
    ));
    assert_eq!(lock.mode, Some(-1));
    assert_eq!(lock.quantity, Some(i64::MAX));
    assert_eq!(lock.lifespan, 0);
    assert!(lock.wait && lock.create);
    let rc = |rc: &str| {
        read_answer(&format!(
            r#"<msg verb="1" step="16"><answer rc="{rc}"/></msg>"#
        ))
        .rc
    };
    // Cut to 32 bits, this would be "granted".
    assert_eq!(rc("4294967296"), i32::MAX);
    assert_eq!(rc("-4294967296"), i32::MIN);
    assert_eq!(rc("-14"), -14);
}

#[test]
fn names_are_read_as_lenient_base64() {
    let name = |name: &str| read_lock(&resource(&format!("name=\"{name}\""))).name;
    assert_eq!(name("Q Q=\n="), b"A");
    assert_eq!(name("QQ"), b"");
    assert_eq!(name("QQBC"), b"A\0B");
}

#[test]
fn a_message_without_what_it_is_about_is_none() {
    let lock = r#"<msg level="3" verb="1" step="8"><resource mode="5"/></msg>"#;
    assert_eq!(
        decode(lock.as_bytes()),
        Err(DecodeError::Missing {
            element: "resource",
            attribute: "name"
        })
    );
    for (step, body) in [
        (r#"verb="1" step="8""#, ""),
        (r#"verb="2" step="8""#, r#"<resource rollback="1"/>"#),
        (r#"verb="1" step="16""#, r#"<session peerid="p"/>"#),
        (r#"verb="5" step="8""#, r#"<shutdown/>"#),
        (r#"verb="4" step="16""#, ""),
        (r#"verb="4" step="16""#, r#"<network address=""/>"#),
        (r#"verb="4" step="16""#, r#"<network port="1"/>"#),
        (r#"verb="4" step="16""#, r#"<network address="" port="0"/>"#),
        (
            r#"verb="4" step="16""#,
            r#"<network address="" port="-1"/>"#,
        ),
        (
            r#"verb="4" step="16""#,
            r#"<network address="" port="69536"/>"#,
        ),
    ] {
        assert_eq!(code(format!("<msg level='3' {step}>{body}</msg>")), -16);
    }
}

#[test]
fn another_level_is_refused_before_anything_else_is_understood() {
    for (level, theirs) in [
        ("4", 4),
        ("", 0),
        ("-3", -3),
        ("99999999999999999999", i64::MAX),
    ] {
        let message = format!(r#"<msg level="{level}" verb="77"><new></msg>"#);
        let error = decode(message.as_bytes()).unwrap_err();
        assert_eq!(error, DecodeError::OtherLevel { theirs });
        assert_eq!(error.code(), ReturnCode::LEVEL_MISMATCH);
    }
}

#[test]
fn unknown_verbs_and_steps_are_refused() {
    for attributes in [
        "",
        r#"verb="1""#,
        r#"step="8""#,
        r#"verb="1" step="0""#,
        r#"verb="1" step="9""#,
        r#"verb="1" step="40""#,
        r#"verb="2" step="16""#,
        r#"verb="3" step="24""#,
        r#"verb="4" step="24""#,
        r#"verb="5" step="16""#,
        r#"verb="6" step="8""#,
        r#"verb="4294967297" step="8""#,
    ] {
        assert_eq!(code(format!("<msg level='3' {attributes}></msg>")), -13);
    }
}

#[test]
fn what_is_no_xml_is_refused() {
    for text in [
        "</msg>",
        "rubbish</msg>",
        "<foo></msg>",
        "<foo </msg>",
        "<a><msg level='3' verb='3' step='8'></msg>",
        "<msg level='3' verb='3' step='8'><a></msg>",
        "<msg level='3' verb='3' step='8'></a></msg>",
        "<msg level='3' verb='3' step='8'/></msg>",
        "<msg level='3' verb='3' step='8'><!-- </msg>",
        "<msg level='3' verb='3' step='8'><?pi </msg>",
        "<msg level='3' verb='3' step='8'><![CDATA[ </msg>",
        "<msg level='3' verb='3' step='8'><!DOCTYPE </msg>",
        "<msg level='3' verb='3' step='8'/><!DOCTYPE </msg>",
        "<msg level='3' verb='3' step='8'><!</msg>",
        "<msg level='3' verb='3' step='8'>&</msg>",
        "<msg level='3' verb='3' step='8'><a b='</msg>",
        "<msg level='3' verb='3' step='8'><a b></a></msg>",
        "<msg level='3' verb='3' step='8'><a b=c/></msg>",
        "<msg level=3 verb='3' step='8'></msg>",
        "text <msg level='3' verb='3' step='8'></msg>",
        "&amp;<msg level='3' verb='3' step='8'></msg>",
        "<![CDATA[]]><msg level='3' verb='3' step='8'></msg>",
    ] {
        assert_eq!(code(text), -16, "{text}");
    }
    for bytes in [
        &b"<msg level='3' verb='3' step='8'>\xff</msg>"[..],
        b"<msg level='3' verb='3' step='8' x='\xc3'></msg>",
        b"<!-- \xed\xa0\x80 --><msg level='3' verb='3' step='8'></msg>",
        b"\xff\xfe<\0m\0s\0g\0</msg>",
    ] {
        assert_eq!(code(bytes), -16);
    }
}

#[test]
fn a_datagram_is_one_message_and_no_more() {
    assert_eq!(read(&format!(" {UNLOCK}\n")), read(UNLOCK));
    assert_eq!(decode(b""), Err(DecodeError::Incomplete));
    assert_eq!(decode(b"<msg></msg"), Err(DecodeError::Incomplete));
    assert_eq!(
        decode(format!("{UNLOCK} {UNLOCK}").as_bytes()),
        Err(DecodeError::Trailing {
            bytes: UNLOCK.len()
        })
    );
    assert_eq!(code(format!("{UNLOCK}\0")), -16);
}

#[test]
fn white_space_between_messages_is_none_of_them() {
    let mut decoder = Decoder::new();
    decoder.feed(format!("{UNLOCK}\n\n{UNLOCK}\n").as_bytes());
    assert_eq!(decoder.next_message(), Ok(Some(read(UNLOCK))));
    assert_eq!(decoder.next_message(), Ok(Some(read(UNLOCK))));
    assert_eq!(decoder.next_message(), Ok(None));
    assert_eq!(decoder.pending(), 0);
}

#[test]
fn a_decoder_that_has_failed_stays_so() {
    let mut decoder = Decoder::new();
    decoder.feed(format!("{UNLOCK}rubbish</msg>{UNLOCK}").as_bytes());
    assert_eq!(decoder.next_message(), Ok(Some(read(UNLOCK))));
    let error = decoder.next_message().unwrap_err();
    let pending = decoder.pending();
    decoder.feed(UNLOCK.as_bytes());
    assert_eq!(decoder.pending(), pending);
    assert_eq!(decoder.next_message(), Err(error));
}

#[test]
fn a_message_is_as_long_as_the_limit_or_too_long() {
    let limit = 1023;
    let filled = |length: usize| {
        let empty = "<msg level='3' verb='3' step='8'></msg>";
        empty.replace("><", &format!(">{}<", ".".repeat(length - empty.len())))
    };
    let mut decoder = Decoder::with_limit(limit);
    decoder.feed(filled(limit).as_bytes());
    assert_eq!(decoder.next_message(), Ok(Some(Message::Ping)));
    decoder.feed(filled(limit + 1).as_bytes());
    let error = decoder.next_message().unwrap_err();
    assert_eq!(error, DecodeError::TooLong { limit });
    assert_eq!(error.code(), ReturnCode::BUFFER_OVERFLOW);

    // It need not arrive in full to be too long.
    let mut decoder = Decoder::with_limit(limit);
    decoder.feed(&filled(limit + 1).as_bytes()[..limit - 1]);
    assert_eq!(decoder.next_message(), Ok(None));
    decoder.feed(b".");
    assert_eq!(decoder.next_message(), Err(DecodeError::TooLong { limit }));

    let limit = flom_types::limits::MESSAGE_BYTES;
    assert_eq!(read(&filled(limit)), Message::Ping);
    assert_eq!(code(filled(limit + 1)), -9);
}
