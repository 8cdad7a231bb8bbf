//! TLS: who gets through to whom, and what is said if somebody does not (`spec/tls.md` §7).

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use flom_tls::Files;

use crate::harness::{Daemon, Identity, Lab, Program, Started, flom, hosts, refs};

/// A certificate of this machine, after `change`.
fn changed(lab: &Lab, change: impl FnOnce(&mut rcgen::CertificateParams)) -> Identity {
    lab.authority.host_with(&lab.id, change)
}

/// A lab with everything that can be wrong.
fn lab() -> Lab {
    let lab = Lab::new();
    let trusted: &[_] = &[&lab.authority];
    lab.add("foreign", &lab.other.host(&lab.id), trusted);
    lab.add("distrustful", &lab.authority.host(&lab.id), &[&lab.other]);
    lab.add("selfmade", &Identity::self_signed(&lab.id), trusted);
    let expired = |params: &mut rcgen::CertificateParams| {
        params.not_after = rcgen::date_time_ymd(2001, 1, 1);
    };
    lab.add("expired", &changed(&lab, expired), trusted);
    let only = |usage| changed(&lab, |params| params.extended_key_usages = vec![usage]);
    use rcgen::ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
    lab.add("server", &only(ServerAuth), trusted);
    lab.add("client", &only(ClientAuth), trusted);
    let middle = lab.authority.intermediate("middle");
    lab.add("short", &middle.host(&lab.id), trusted);
    lab.add("chain", &middle.host(&lab.id).chained(&middle), trusted);
    lab.add("stranger", &lab.authority.host("another-id"), trusted);
    let nameless = |params: &mut rcgen::CertificateParams| {
        params.distinguished_name.remove(rcgen::DnType::CommonName);
    };
    lab.add("nameless", &changed(&lab, nameless), trusted);
    let authority = |params: &mut rcgen::CertificateParams| {
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    };
    lab.add("authority", &changed(&lab, authority), trusted);
    lab.add("mixed", &lab.authority.host(&lab.id), trusted);
    lab.copy("good.key", "mixed.key");
    add_version_1(&lab);
    lab
}

/// Adds one of version 1, which only OpenSSL makes.
fn add_version_1(lab: &Lab) {
    let script = "openssl req -newkey rsa:2048 -nodes -keyout version-1.key -out request \
            -subj \"/CN=$1\" && \
        openssl x509 -req -in request -signkey version-1.key -out version-1.pem && \
        cp good.ca version-1.ca";
    let made = Program::sh(script, [&*lab.id]).directory(lab.scratch.path());
    made.run().expect_code(0);
}

/// Daemons at a UNIX socket and at a TCP port, with these words.
fn daemons(words: &[String]) -> [Daemon; 2] {
    let quoted: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
    let script = format!("exec \"$FLOMD\" \"$@\" {}", quoted.join(" "));
    [
        Daemon::start_with(&script),
        Daemon::start_tcp_with(&refs(words)),
    ]
}

/// What a command under a lock says, and its status, with these words.
fn lock(daemon: &Daemon, words: &[String]) -> (i32, String) {
    let command = ["-r", "db", "--", "echo", "ran"];
    let ran = daemon.flom(refs(words).into_iter().chain(command)).run();
    (ran.code(), ran.stdout + &ran.stderr)
}

/// Row by row: certificate of the client, and the number and some words of what it says; `None`
/// where it gets the lock.
type Row<'a> = (Vec<String>, Option<(&'a str, &'a str)>);

fn check(daemon_words: &[String], rows: &[Row<'_>]) {
    for daemon in daemons(daemon_words) {
        for (words, failure) in rows {
            let (code, said) = lock(&daemon, words);
            match failure {
                None => assert_eq!((code, &*said), (0, "ran\n"), "{words:?}"),
                Some((number, text)) => {
                    assert_eq!(code, 99, "{words:?}: {said}");
                    assert!(
                        said.contains(number) && said.contains(text),
                        "{words:?}: {said}"
                    );
                    assert!(!said.contains("ran\n"), "{words:?}: {said}");
                }
            }
        }
    }
}

#[test]
fn a_daemon_with_tls_takes_whom_it_trusts_and_says_why_it_does_not_take_others() {
    let lab = lab();
    let distrust = "it does not trust our certificate";
    check(
        &lab.words("good"),
        &[
            (lab.words("good"), None),
            (lab.checking("good"), None),
            (lab.words("chain"), None),
            (lab.words("client"), None),
            (lab.words("stranger"), None),
            (lab.words("nameless"), None),
            (vec![], Some(("ret_cod=-126", "the daemon uses TLS"))),
            (lab.words("foreign"), Some(("ret_cod=-409", distrust))),
            (lab.words("selfmade"), Some(("ret_cod=-409", distrust))),
            // What is wrong with it in itself the client sees as well, and says what to do.
            (
                lab.words("expired"),
                Some(("ret_cod=-409", ": it has expired")),
            ),
            (
                lab.words("server"),
                Some(("ret_cod=-409", "extendedKeyUsage=serverAuth,clientAuth")),
            ),
            (
                lab.words("authority"),
                Some(("ret_cod=-409", "have the CA sign one of the host")),
            ),
            (
                lab.words("version-1"),
                Some(("ret_cod=-409", "make one of version 3")),
            ),
            (lab.words("short"), Some(("ret_cod=-409", distrust))),
            (
                lab.words("distrustful"),
                Some(("ret_cod=-407", "no trusted authority")),
            ),
            (
                lab.words("mixed"),
                Some(("ret_cod=-404", "is not that of the certificate")),
            ),
            (
                lab.words("good")[..2].to_vec(),
                Some(("TLS needs", "together")),
            ),
        ],
    );
}

#[test]
fn a_daemon_in_clear_text_and_a_client_with_tls_part_at_once() {
    let lab = Lab::new();
    let part = Some(("ret_cod=-406", "the daemon does not use it"));
    check(&[], &[(lab.words("good"), part), (vec![], None)]);
}

#[test]
fn ids_are_checked_by_whoever_wants_to() {
    let lab = lab();
    let refused = Some(("ret_cod=3", "but its certificate is that of"));
    check(
        &lab.checking("good"),
        &[
            (lab.words("good"), None),
            (lab.checking("good"), None),
            (lab.words("stranger"), refused),
            (lab.words("nameless"), refused),
        ],
    );
    let mismatch = Some(("ret_cod=-23", "certificate is that of 'another-id'"));
    check(
        &lab.words("stranger"),
        &[(lab.words("good"), None), (lab.checking("good"), mismatch)],
    );
}

#[test]
fn a_daemon_that_nobody_could_trust_does_not_start_and_its_starter_says_why() {
    let lab = lab();
    let socket = lab.scratch.file("socket");
    let _started = Started::with(socket.to_str().unwrap());
    for (name, number, text) in [
        ("mixed", "ret_cod=-404", "is not that of the certificate"),
        ("foreign", "ret_cod=-407", "no trusted authority"),
        ("expired", "ret_cod=-407", "it has expired"),
        ("client", "ret_cod=-407", "does not allow a server"),
    ] {
        let words = lab.words(name);
        let place = ["-s", socket.to_str().unwrap(), "--", "true"];
        let ran = flom(refs(&words).into_iter().chain(place))
            .run()
            .expect_code(99);
        let said = &ran.stderr;
        assert!(
            said.contains(number) && said.contains(text),
            "{name}: {said}"
        );
        assert!(!socket.exists(), "{name}");
    }
}

#[test]
fn a_daemon_ends_for_those_it_trusts_and_others_are_told_that_it_does_not() {
    let lab = lab();
    for mut daemon in daemons(&lab.checking("good")) {
        for words in [vec![], lab.words("foreign"), lab.words("stranger")] {
            for order in ["-x", "-X"] {
                let words = refs(&words).into_iter().chain([order]);
                let ran = daemon.flom(words).run().expect_code(99);
                assert!(!ran.stderr.is_empty(), "{ran:?}");
            }
        }
        assert_eq!(lock(&daemon, &lab.words("good")).0, 0, "it is still there");
        let words = lab.words("good");
        daemon
            .flom(refs(&words).into_iter().chain(["-X"]))
            .run()
            .expect_code(0);
        daemon.wait_for_end();
    }
}

#[test]
fn renewed_files_are_used_without_a_new_daemon() {
    let lab = lab();
    for daemon in daemons(&lab.words("good")) {
        assert_eq!(lock(&daemon, &lab.words("good")).0, 0);
        for extension in ["pem", "key", "ca"] {
            lab.copy(&format!("good.{extension}"), &format!("kept.{extension}"));
        }
        lab.add("good", &lab.other.host(&lab.id), &[&lab.other]);
        assert_eq!(lock(&daemon, &lab.words("good")).0, 0);
        let (code, said) = lock(&daemon, &lab.words("kept"));
        assert!(code == 99 && said.contains("ret_cod=-407"), "{said}");
        fs::remove_file(lab.scratch.file("good.key")).unwrap();
        let (code, said) = lock(&daemon, &lab.words("kept"));
        assert!(code == 99 && said.contains("its log says why"), "{said}");
        for extension in ["pem", "key", "ca"] {
            lab.copy(&format!("kept.{extension}"), &format!("good.{extension}"));
        }
        assert_eq!(lock(&daemon, &lab.words("good")).0, 0);
    }
}

/// A daemon that says on stderr what becomes of each request.
fn telling(words: &[String]) -> Daemon {
    let quoted: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
    let script = format!("RUST_LOG=debug exec \"$FLOMD\" \"$@\" {}", quoted.join(" "));
    Daemon::start_with(&script)
}

#[test]
fn a_silent_peer_loses_its_connection_and_keeps_nobody_waiting() {
    let lab = Lab::new();
    let words = [
        lab.words("good"),
        vec!["--tls-handshake-timeout=300".into()],
    ]
    .concat();
    let daemon = Daemon::start_tcp_with(&refs(&words));
    let mut silent = TcpStream::connect(daemon.tcp_address()).unwrap();
    assert_eq!(lock(&daemon, &lab.words("good")).0, 0);
    silent
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    assert_eq!(silent.read(&mut [0; 16]).unwrap(), 0);
    // The other way round: a daemon that takes the connection and no more.
    let mute = std::net::TcpListener::bind((crate::harness::loopback(), 28015)).unwrap();
    let host = mute.local_addr().unwrap().ip().to_string();
    let place = ["-a", &host, "-d", "0", "--", "true"];
    let ran = flom(refs(&words).into_iter().chain(place))
        .run()
        .expect_code(99);
    assert!(ran.stderr.contains("ret_cod=-406"), "{ran:?}");
    assert!(ran.stderr.contains("within 0.3 s"), "{ran:?}");
}

#[test]
fn five_hundred_half_open_handshakes_do_not_delay_a_hand_over() {
    const HALF_OPEN: usize = 500;
    let lab = Lab::new();
    let daemon = telling(&lab.words("good"));
    let words = lab.words("good");
    let with = |command: &[&'static str]| {
        let command: Vec<&str> = command.to_vec();
        daemon.flom(refs(&words).into_iter().chain(command)).spawn()
    };
    let mut holder = with(&["-r", "db", "--", "sh", "-c", "echo held; exec cat"]);
    holder.wait_for_stdout("held\n");
    let waiter = with(&["-r", "db", "--", "echo", "mine"]);
    daemon.wait_for_stderr("queued after");
    let file = |extension| lab.scratch.file(&format!("good.{extension}"));
    let files = Files {
        certificate: file("pem"),
        private_key: file("key"),
        ca_certificate: file("ca"),
    };
    let mut half_open = Vec::new();
    for number in 0..HALF_OPEN {
        let mut socket = std::os::unix::net::UnixStream::connect(daemon.socket()).unwrap();
        if number % 2 == 0 {
            let mut hello = Vec::new();
            flom_tls::client(&files, &mut hello).unwrap();
            socket.write_all(&hello).unwrap();
        }
        half_open.push(socket);
    }
    let released = Instant::now();
    holder.close_stdin();
    waiter.wait_for_stdout("mine\n");
    let took = released.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    holder.wait().expect_code(0);
    waiter.wait().expect_code(0);
    drop(half_open);
}

#[test]
fn two_hosts_find_each_other_and_check_who_they_are() {
    let Some([a, b]) = hosts() else { return };
    let lab = lab();
    a.cable("eth0", &b, "eth0");
    let group = ["-A", "ff02::1"];
    let on = |host: &crate::harness::Host, words: &[String], more: &[&str]| {
        host.flom(
            refs(words)
                .into_iter()
                .chain(group)
                .chain(more.iter().copied()),
        )
        .run()
    };
    let good = lab.checking("good");
    on(&a, &good, &["-d", "60000", "--", "echo", "started"]).expect(0, "started\n", "");
    on(&b, &good, &["-d", "0", "--", "echo", "found"]).expect(0, "found\n", "");
    for (words, number) in [
        (vec![], "ret_cod=-126"),
        (lab.words("foreign"), "ret_cod=-409"),
        (lab.words("distrustful"), "ret_cod=-407"),
        (lab.checking("stranger"), "ret_cod=3"),
    ] {
        let refused = on(&b, &words, &["-d", "0", "--", "true"]).expect_code(99);
        assert!(refused.stderr.contains(number), "{refused:?}");
    }
    on(&b, &good, &["-X"]).expect_code(0);
}

#[test]
fn debug_features_tell_whether_two_hosts_trust_each_other() {
    let lab = lab();
    let rows = [
        (lab.words("good"), lab.words("good"), 0, 0),
        (lab.checking("good"), lab.checking("good"), 0, 0),
        // Client, server.
        (lab.checking("stranger"), lab.checking("good"), 1, 1),
        (lab.checking("good"), lab.words("stranger"), 1, 0),
        (lab.words("distrustful"), lab.words("good"), 1, 1),
        (lab.words("foreign"), lab.words("good"), 1, 1),
    ];
    for (client, server, client_code, server_code) in rows {
        let host = crate::harness::loopback().to_string();
        let part = |name: &str, words: &[String]| {
            let feature = format!("--debug-feature={name}");
            flom(refs(words)).args(["-a", &host, "-p", "28015", &feature])
        };
        let serving = part("tls.server", &server).spawn();
        let calling = crate::harness::eventually("a server", || {
            let ran = part("tls.client", &client).run();
            (!ran.stderr.contains("cannot reach")).then_some(ran)
        });
        let serving = serving.wait();
        assert_eq!(
            calling.code(),
            client_code,
            "{client:?} {calling:?} {serving:?}"
        );
        assert_eq!(
            serving.code(),
            server_code,
            "{server:?} {calling:?} {serving:?}"
        );
        for end in [&calling, &serving] {
            assert_eq!(end.stdout, "");
            assert_eq!(end.stderr.is_empty(), end.code() == 0, "{end:?}");
        }
    }
    let host = crate::harness::loopback().to_string();
    for (name, words) in [
        ("tls.client", lab.words("mixed")),
        ("tls.client", lab.words("good")),
        ("tls.server", lab.words("mixed")),
        ("tls.server", vec![]),
    ] {
        let feature = format!("--debug-feature={name}");
        let ran = flom(refs(&words)).args(["-a", &host, &feature]).run();
        assert!(ran.code() == 1 && !ran.stderr.is_empty(), "{ran:?}");
    }
}

#[test]
fn certificates_by_the_commands_of_the_manual_are_good() {
    let lab = Lab::new();
    let manual = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/tls.md")).unwrap();
    let commands = manual.split("```sh\n").nth(1).unwrap();
    let commands = commands.split("```").next().unwrap();
    let script = format!("set -e\nflom() {{ \"$FLOM\" \"$@\"; }}\n{commands}");
    let no_words: [&str; 0] = [];
    Program::sh(&script, no_words)
        .directory(lab.scratch.path())
        .run()
        .expect_code(0);
    let file = |name| lab.scratch.file(name);
    let words = [
        format!("--tls-certificate={}", file("host.pem").display()),
        format!("--tls-private-key={}", file("host.key").display()),
        format!("--tls-ca-certificate={}", file("ca.pem").display()),
        "--tls-check-peer-id=yes".to_owned(),
    ];
    check(&words, &[(words.to_vec(), None)]);
}
