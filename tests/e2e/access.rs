//! Who is let in and who is kept out by the lists of `[Access]`.

use std::fs;

use crate::harness::{
    Daemon, Heard, Lab, Program, Scratch, Shared, Started, ask, flom, hosts, privilege, refs,
};

const SOMEBODY: u32 = 65533;
const GROUP: u32 = 65532;
const OTHER: u32 = 65531;

/// What the system log, here standard error, is told of each who is kept out.
const RECORD: &str = "FLM034W";

/// What a list says where nobody else may.
const NOBODY_ELSE: &str = "--access-lock=uid:4294967294";

#[test]
fn locks_are_for_those_on_the_list() {
    if !privilege() {
        return;
    }
    let shared = Shared::new();
    let list = ["--access-lock=uid:65533", "--access-lock=gid:65532"];
    let daemon = shared.program(0, "flomd", &list).spawn();
    shared.wait_for_daemon();
    let locks = ["--", "echo", "mine"];
    for (uid, gid, others, may) in [
        (SOMEBODY, OTHER, "", true),
        (OTHER, GROUP, "", true),
        (OTHER, OTHER, "65532", true),
        (OTHER, OTHER, "1,2,3,65532,4", true),
        (OTHER, OTHER, "", false),
        (GROUP, SOMEBODY, "1,2,3", false),
        (0, 0, "", false),
    ] {
        let ended = shared.program_of(uid, gid, others, "flom", &locks).run();
        if may {
            ended.expect(0, "mine\n", "");
        } else {
            let ended = ended.expect_code(99);
            let reason = format!(
                "\nflom: the daemon at {} refuses _RESOURCE: uid {uid} may not lock ([Access] \
                 Lock)\n",
                shared.socket().display()
            );
            assert!(ended.stderr.ends_with(&reason), "{ended:?}");
            assert_eq!(ended.stdout, "");
        }
    }
    shared.flom(0, &["-X"]).expect_code(0); // that is another list
    let log = daemon.wait().stderr;
    assert_eq!(log.matches(RECORD).count(), 3, "{log}");
    let record = "is kept out: uid 65531 may not lock ([Access] Lock)";
    assert!(log.contains(record), "{log}");
}

#[test]
fn a_daemon_is_ended_by_those_on_the_list() {
    if !privilege() {
        return;
    }
    let cases = [
        (&["--access-shutdown=uid:65533"][..], SOMEBODY, true),
        (&["--access-shutdown=gid:65533"], SOMEBODY, true),
        (&["--access-shutdown=uid:65533"], OTHER, false),
        (&["--access-shutdown=uid:65533"], 0, false),
        (&["--access-shutdown=host"], 0, false),
        (
            &["--access-shutdown=host", "--access-shutdown=uid:0"],
            0,
            true,
        ),
    ];
    for (list, user, may) in cases {
        let shared = Shared::new();
        let mut daemon = shared.program(0, "flomd", list).spawn();
        shared.wait_for_daemon();
        let ended = shared.flom(user, &["-X"]);
        if may {
            ended.expect_code(0);
            daemon.wait().expect_code(0);
        } else {
            let ended = ended.expect_code(99);
            let reason = format!("refuses: uid {user} may not end it ([Access] Shutdown)\n");
            assert!(ended.stderr.ends_with(&reason), "{ended:?}");
            shared.flom(user, &["--", "true"]).expect(0, "", ""); // that is another list
            assert!(daemon.is_running());
        }
    }
}

#[test]
fn a_list_keeps_out_who_has_proven_nothing() {
    let Some([here, there]) = hosts() else {
        return;
    };
    here.cable("eth0", &there, "eth0");
    here.add_ipv4("eth0", "10.1.0.1/24");
    there.add_ipv4("eth0", "10.1.0.2/24");
    let address = "10.1.0.1".parse().unwrap();
    let list = ["--access-lock=uid:0", "--access-lock=10.1.0.2"];
    let daemon = Daemon::start_on(&here, address, &list);
    let ended = daemon.flom(["--", "true"]).on(&there).run().expect_code(99);
    let reason = "somebody who has not proven who that is may not lock ([Access] Lock)\n";
    assert!(ended.stderr.ends_with(reason), "{ended:?}");
    drop(daemon);
    let more = ["--access-shutdown=uid:0", "--remote-shutdown=yes"];
    let daemon = Daemon::start_on(&here, address, &more);
    daemon.flom(["--", "true"]).on(&there).run().expect_code(0);
    let ended = daemon.flom(["-X"]).on(&there).run().expect_code(99);
    let reason = "somebody who has not proven who that is may not end it ([Access] Shutdown)\n";
    assert!(ended.stderr.ends_with(reason), "{ended:?}");
}

/// What `flom` of FLoM 1.7.2 ends with 99 after: another code than 0, 1, 2 in the first answer.
#[test]
fn an_old_client_that_is_kept_out_gets_an_answer_that_it_ends_with() {
    let daemon = Daemon::start_with(&format!("exec \"$FLOMD\" \"$@\" {NOBODY_ELSE}"));
    let mut wire = daemon.connect();
    wire.say(ask("x").message());
    let heard = wire.hear();
    assert_eq!(heard.answer(), (16, 3));
    let Heard::Message(text) = heard else {
        panic!("no message")
    };
    assert!(text.ends_with("<answer rc=\"3\"/></msg>"), "{text}");
    assert_eq!(wire.hear(), Heard::Closed);
    daemon.wait_for_stderr(RECORD);
}

#[test]
fn who_has_been_let_in_is_not_asked_again_and_who_has_not_gets_no_second_chance() {
    let mut daemon = Daemon::start_with(&format!("exec \"$FLOMD\" \"$@\" {NOBODY_ELSE}"));
    let mut wire = daemon.connect();
    // Two requests in one go: one answer.
    let twice = ask("x").message() + &ask("x").message();
    wire.say(twice);
    assert_eq!(wire.hear().answer(), (16, 3));
    assert_eq!(wire.hear(), Heard::Closed);
    assert!(daemon.is_running());
    let user = rustix::process::geteuid().as_raw();
    let script = format!("exec \"$FLOMD\" \"$@\" --access-lock=uid:{user}");
    let daemon = Daemon::start_with(&script);
    let holder = daemon.holder("x");
    let waiter = daemon.waiter(["-r", "x", "--", "echo", "mine"]);
    drop(holder);
    waiter.wait().expect(0, "mine\n", "");
}

#[test]
fn a_daemon_that_is_started_gets_the_lists_of_the_files() {
    let scratch = Scratch::new();
    let (socket, file) = (scratch.file("socket"), scratch.file("conf"));
    let started = Started::with(socket.to_str().unwrap());
    let words = |more: &[&str]| {
        let at = ["-c", file.to_str().unwrap(), "-s", socket.to_str().unwrap()];
        [&at[..], more]
            .concat()
            .into_iter()
            .map(str::to_string)
            .collect::<Vec<_>>()
    };
    let hosts: Vec<_> = (0..10_000)
        .map(|number| format!("host {number}, of ours"))
        .collect();
    let list = hosts.join(";");
    let text =
        format!("[Access]\nLock={list};uid:4294967294\nObserve= a ; b ;\n[Daemon]\nLifespan=-1\n");
    fs::write(&file, text).unwrap();
    let ended = flom(words(&["--", "true"])).run().expect_code(99);
    assert!(
        ended.stderr.contains("may not lock ([Access] Lock)"),
        "{ended:?}"
    );
    let line = fs::read_to_string(started.the_daemon().file("cmdline")).unwrap();
    let given: Vec<_> = line
        .split('\0')
        .filter(|word| word.starts_with("--access"))
        .collect();
    assert_eq!(given.len(), 10_003);
    assert!(given.contains(&"--access-lock=host 9999, of ours"));
    assert!(
        given.ends_with(&["--access-observe=a", "--access-observe=b"]),
        "{given:?}"
    );
    flom(words(&["-X"])).run().expect_code(0);
}

#[test]
fn a_list_with_somebody_unknown_is_refused_with_file_line_and_key() {
    let scratch = Scratch::new();
    let file = scratch.file("conf");
    let path = file.to_str().unwrap();
    for (list, item, expected) in [
        (
            "uid:0;uid:nosuchuser",
            "uid:nosuchuser",
            "a user that this host knows by its name",
        ),
        (
            "gid:no such group",
            "gid:no such group",
            "a group that this host knows by its name",
        ),
        (
            "uid:0 uid:1",
            "uid:0 uid:1",
            "a user that this host knows by its name",
        ),
        ("uid:0;;", "", "a peer id, uid:USER or gid:GROUP"),
        ("user:root", "user:root", "uid:USER, gid:GROUP or a peer id"),
    ] {
        fs::write(&file, format!("[Access]\n# who\nShutdown={list}\n")).unwrap();
        let begin = format!(
            "ERROR: invalid configuration found in file '{path}', line 3: [Access]/Shutdown: \
             '{item}' is an invalid value: expected {expected}"
        );
        let ended = flom(["-c", path, "--", "true"]).run().expect_code(99);
        assert!(ended.stderr.starts_with(&begin), "{ended:?}");
        let ended = Program::new(env!("CARGO_BIN_EXE_flomd"));
        let ended = ended.args(["-c", path]).run().expect_code(99);
        assert!(ended.stderr.starts_with(&begin), "{ended:?}");
    }
    let ended = flom(["--access-lock=", "--", "true"]).run().expect_code(99);
    let expected =
        "access-lock: '' is an invalid value: expected a peer id, uid:USER or gid:GROUP\n";
    assert!(ended.stderr.ends_with(expected), "{ended:?}");
}

/// A certificate proves who somebody is, wherever that is: over TCP, and over a UNIX socket beside
/// what the system says.
#[test]
fn a_certificate_lets_in_who_is_on_the_list_by_its_name() {
    let lab = Lab::new();
    lab.add(
        "guest",
        &lab.authority.host("guest, of ours"),
        &[&lab.authority],
    );
    let list = [
        "--access-lock=guest, of ours",
        "--access-shutdown=guest, of ours",
    ];
    let good = lab.words("good");
    let words: Vec<_> = refs(&good).into_iter().chain(list).collect();
    let quoted: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
    let script = format!("exec \"$FLOMD\" \"$@\" {}", quoted.join(" "));
    for mut daemon in [Daemon::start_tcp_with(&words), Daemon::start_with(&script)] {
        let run = |name: &str, more: &[&str]| {
            let words = lab.words(name);
            daemon
                .flom(refs(&words).into_iter().chain(more.iter().copied()))
                .run()
        };
        let locks = ["--", "echo", "mine"];
        run("guest", &locks).expect(0, "mine\n", "");
        let kept_out = run("good", &locks).expect_code(99);
        let reason = format!(
            "the certificate of {} may not lock ([Access] Lock)\n",
            lab.id
        );
        assert!(kept_out.stderr.ends_with(&reason), "{kept_out:?}");
        let kept_out = run("good", &["-X"]).expect_code(99);
        let reason = "may not end it ([Access] Shutdown)\n";
        assert!(kept_out.stderr.ends_with(reason), "{kept_out:?}");
        run("guest", &["-X"]).expect_code(0);
        daemon.wait_for_end();
    }
}

#[test]
fn who_may_look_is_another_list() {
    let script = format!(
        "exec \"$FLOMD\" \"$@\" {}",
        NOBODY_ELSE.replace("lock", "observe")
    );
    let daemon = Daemon::start_with(&script);
    daemon.flom(["--", "true"]).run().expect(0, "", "");
    let ended = daemon.flom(["--status"]).run().expect_code(99);
    assert!(
        ended
            .stderr
            .contains("may not look at it ([Access] Observe)"),
        "{ended:?}"
    );
    let user = rustix::process::geteuid().as_raw();
    let script = format!("exec \"$FLOMD\" \"$@\" {NOBODY_ELSE} --access-observe=uid:{user}");
    let daemon = Daemon::start_with(&script);
    daemon.flom(["--status"]).run().expect_code(0);
    daemon.flom(["--", "true"]).run().expect_code(99);
}
