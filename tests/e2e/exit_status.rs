//! How flom ends, and what it says then (`spec/command-line.md` §7).

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use crate::harness::{Daemon, FakeDaemon, Finished, Scratch, flom, hosts, message};

#[test]
fn the_status_of_the_command_is_that_of_flom_whatever_it_is() {
    let daemon = Daemon::start();
    for status in [0, 1, 2, 96, 97, 98, 99, 126, 127, 128, 255] {
        let script = format!("exit {status}");
        daemon
            .flom(["--", "sh", "-c", &script])
            .run()
            .expect(status, "", "");
    }
}

#[test]
fn a_timestamp_without_a_time_of_day_is_told_what_was_expected() {
    let daemon = Daemon::start();
    let ended = daemon.flom(["-r", "_t_%Y[1]", "--", "true"]).run();
    let ended = ended.expect_code(99);
    let last = ended.stderr.lines().last();
    assert!(
        last.is_some_and(|line| line.contains("expected one of %c %H")),
        "{ended:?}"
    );
    daemon
        .flom(["-r", "_t_%H[1]", "--", "true"])
        .run()
        .expect(0, "", "");
}

#[test]
fn a_command_killed_by_a_signal_is_told_as_shells_do() {
    let daemon = Daemon::start();
    for signal in [1, 2, 3, 6, 9, 11, 14, 15] {
        let script = format!("ulimit -c 0; kill -{signal} $$");
        daemon
            .flom(["--", "sh", "-c", &script])
            .run()
            .expect(128 + signal, "", "");
    }
}

#[test]
fn there_must_be_a_command() {
    let scratch = Scratch::new();
    let socket = scratch.file("socket");
    let words = ["-s", socket.to_str().unwrap()];
    flom(words).run().expect(97, "", "No command to execute!\n");
    flom(words)
        .args(["--"])
        .run()
        .expect(97, "", "No command to execute!\n");
    assert!(!socket.exists(), "no daemon was started");
}

#[test]
fn what_cannot_be_executed_is_named_with_the_reason_and_the_lock_is_free() {
    let daemon = Daemon::start();
    let plain = daemon.scratch().file("plain");
    fs::write(&plain, "no program").unwrap();
    fs::set_permissions(&plain, Permissions::from_mode(0o644)).unwrap();
    let plain = plain.to_str().unwrap();
    for (command, reason) in [
        ("/no/such/command", "No such file or directory"),
        ("no-such-command", "No such file or directory"),
        ("/", "Permission denied"),
        (plain, "Permission denied"),
        ("", "No such file or directory"),
    ] {
        let ended = daemon
            .flom(["-r", "db", "--", command])
            .run()
            .expect_code(97);
        let lines: Vec<_> = ended.stderr.lines().collect();
        let first = format!("flom: cannot execute '{command}': {reason}");
        assert!(lines[0].starts_with(&first), "{ended:?}");
        assert_eq!(
            lines[1..],
            [format!("Unable to execute command '{command}'")]
        );
        daemon
            .flom(["-r", "db", "-o", "0", "--", "true"])
            .run()
            .expect(0, "", "");
    }
}

#[test]
fn a_script_without_an_interpreter_runs_in_a_shell() {
    let daemon = Daemon::start();
    let script = daemon.scratch().file("script");
    fs::write(&script, "echo \"$1\"; exit 5\n").unwrap();
    fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
    let words = ["--", script.to_str().unwrap(), "argument"];
    daemon.flom(words).run().expect(5, "argument\n", "");
}

#[test]
fn more_than_there_will_ever_be_is_refused_at_once() {
    let daemon = Daemon::start();
    let line = "Resource will never satisfy the request, the lock cannot be obtained\n";
    daemon
        .flom(["-r", "pool[3]", "-q", "4", "--", "true"])
        .run()
        .expect(99, "", line);
}

#[test]
fn where_nobody_is_and_none_is_started_the_connection_fails() {
    let scratch = Scratch::new();
    let socket = scratch.file("socket");
    let ended = flom(["-s", socket.to_str().unwrap(), "-d", "0", "--", "true"]).run();
    let line = "flom_client_connect: ret_cod=-105 (ERROR: 'connect' function returned an error \
                condition)\n";
    assert!(ended.stderr.starts_with(line), "{ended:?}");
    let reason = format!("flom: no daemon at {}, ", socket.display());
    assert!(ended.stderr.contains(&reason), "{ended:?}");
    ended.expect_code(99);
}

#[test]
fn a_host_that_has_no_address_is_named() {
    // Where no name server is to be reached.
    let Some([host]) = hosts() else { return };
    let words = ["-a", "no-such-host.invalid", "-d", "0", "--", "true"];
    let ended = host.flom(words).run();
    let line = "flom_client_connect: ret_cod=-110 (ERROR: 'getaddrinfo' function returned an \
                error condition)\n";
    assert!(ended.stderr.starts_with(line), "{ended:?}");
    assert!(ended.stderr.contains("no-such-host.invalid"), "{ended:?}");
    ended.expect_code(99);
}

#[test]
fn ipv4_does_not_go_with_an_interface() {
    let ended = flom(["-a", "127.0.0.1", "-n", "lo", "-d", "0", "--", "true"]).run();
    assert!(
        ended
            .stderr
            .starts_with("flom_client_connect: ret_cod=-110 ("),
        "{ended:?}"
    );
    ended.expect_code(99);
}

/// What flom says and does when this is the first answer it gets, and then the end.
fn answered(answer: &'static str) -> Finished {
    let daemon = FakeDaemon::new(move |mut client| {
        client.hear();
        client.say(answer);
        client.finish();
        client.hear();
    });
    let ended = daemon.flom(["--", "echo", "it ran"]).run();
    daemon.finish();
    ended
}

#[test]
fn a_daemon_that_answers_nonsense_never_makes_the_command_run() {
    for (answer, code) in [
        ("", -126),
        (
            "<msg level=\"3\" verb=\"1\" step=\"16\"><answer rc=\"99\"/></msg>",
            -13,
        ),
        (
            "<msg level=\"3\" verb=\"1\" step=\"16\"><answer rc=\"-14\"/></msg>",
            -14,
        ),
        (
            "<msg level=\"3\" verb=\"1\" step=\"24\"><answer rc=\"0\"/></msg>",
            -13,
        ),
        ("<msg level=\"3\" verb=\"3\" step=\"8\"></msg>", -13),
        (
            "<msg level=\"4\" verb=\"1\" step=\"16\"><answer rc=\"0\"/></msg>",
            -15,
        ),
        ("<foo></msg>", -16),
        (
            "<msg level=\"3\" verb=\"1\" step=\"16\"><answer rc=\"1\"/></msg>\
             <msg level=\"3\" verb=\"1\" step=\"24\"><answer rc=\"6\"/></msg>",
            6,
        ),
        (
            "<msg level=\"3\" verb=\"1\" step=\"16\"><answer rc=\"1\"/></msg>\
             <msg level=\"3\" verb=\"1\" step=\"32\"><answer rc=\"3\"/></msg>",
            3,
        ),
    ] {
        let ended = answered(answer).expect_code(99);
        assert_eq!(ended.stdout, "", "{answer}: {ended:?}");
        let line = format!("flom_client_lock: ret_cod={code} (");
        let known = "Resource will never satisfy the request, the lock cannot be obtained\n";
        let told = ended.stderr.starts_with(&line) || code == 6 && ended.stderr == known;
        assert!(told, "{answer}: {ended:?}");
    }
}

#[test]
fn answers_that_come_together_are_read_one_by_one() {
    let daemon = FakeDaemon::new(|mut client| {
        client.hear();
        let queued = message(1, 16, "<session peerid=\"x\"/><answer rc=\"1\"/>");
        client.say(queued + &message(1, 24, "<answer rc=\"0\"/>"));
        client.hear();
        client.hear();
    });
    daemon
        .flom(["--", "echo", "it ran"])
        .run()
        .expect(0, "it ran\n", "");
    daemon.finish();
}
