//! The end of a daemon: asked for, or by a signal.

use rustix::process::Signal;

use crate::harness::{Daemon, Heard, Scratch, ask, flom};

const QUIESCE: &str = "Starting FLoM daemon quiesce shutdown...\n";
const IMMEDIATE: &str = "Starting FLoM daemon immediate shutdown...\n";

#[test]
fn a_daemon_that_nobody_uses_ends_when_asked_to() {
    for (option, line) in [
        ("-x", QUIESCE),
        ("-X", IMMEDIATE),
        ("--immediate-exit", IMMEDIATE),
    ] {
        for mut daemon in [Daemon::start(), Daemon::start_tcp()] {
            daemon.flom([option]).run().expect(0, line, "");
            daemon.wait_for_end();
            daemon.assert_socket_removed();
        }
    }
}

#[test]
fn a_command_is_not_run_besides_and_at_once_wins() {
    let mut daemon = Daemon::start();
    let _holder = daemon.holder("db");
    daemon
        .flom(["-x", "-X", "--", "echo", "no"])
        .run()
        .expect(0, IMMEDIATE, "");
    daemon.wait_for_end();
}

#[test]
fn without_a_daemon_it_fails_and_says_why() {
    let scratch = Scratch::new();
    let socket = scratch.file("socket");
    for (option, line) in [("-x", QUIESCE), ("-X", IMMEDIATE)] {
        let ended = flom(["-s", socket.to_str().unwrap(), option])
            .run()
            .expect_code(99);
        assert_eq!(ended.stdout, line);
        let reason = format!("flom: no daemon at {}", socket.display());
        assert!(ended.stderr.starts_with(&reason), "{ended:?}");
        assert!(!socket.exists(), "none is started for it");
    }
}

#[test]
fn quiesce_serves_who_holds_and_waits_and_refuses_everybody_else() {
    let mut daemon = Daemon::start();
    let mut holder = daemon.holder("db");
    let waiter = daemon.waiter(["-r", "db", "--", "echo", "mine"]);
    let tap = daemon.tap();
    let parked = tap
        .flom(["-r", "later", "-e", "no", "--", "echo", "no"])
        .spawn();
    tap.wait_for_answer("rc=\"2\"");

    daemon.flom(["-x"]).run().expect(0, QUIESCE, "");
    let refused = parked.wait().expect_code(99);
    assert!(
        refused.stderr.starts_with("flom_client_lock: ret_cod=3 ("),
        "{refused:?}"
    );
    let late = daemon
        .flom(["-r", "web", "--", "echo", "no"])
        .run()
        .expect_code(99);
    assert_eq!(late.stdout, "", "{late:?}");
    assert!(late.stderr.contains("ret_cod="), "{late:?}");

    assert!(daemon.is_running() && holder.is_running());
    assert_eq!(waiter.stdout_so_far(), "");
    holder.close_stdin();
    holder.wait().expect(0, "held\n", "");
    waiter.wait().expect(0, "mine\n", "");
    daemon.wait_for_end();
    daemon.assert_socket_removed();
}

#[test]
fn quiesce_answers_a_new_request_with_code_3_and_then_hangs_up() {
    let daemon = Daemon::start();
    let holder = daemon.holder("db");
    daemon.flom(["-x"]).run().expect(0, QUIESCE, "");
    let mut late = daemon.connect();
    assert_eq!(late.ask(ask("web")), (16, 3));
    assert_eq!(late.hear(), Heard::Closed);
    drop(holder);
}

#[test]
fn quiesce_twice_is_quiesce_and_at_once_is_at_once() {
    let mut daemon = Daemon::start();
    let _holder = daemon.holder("db");
    for _ in 0..2 {
        daemon.flom(["-x"]).run().expect(0, QUIESCE, "");
        assert_eq!(daemon.probe("db"), 3);
    }
    assert!(daemon.is_running());
    daemon.flom(["-X"]).run().expect(0, IMMEDIATE, "");
    daemon.wait_for_end();
}

#[test]
fn at_once_leaves_the_command_alone_and_tells_everybody() {
    for mut daemon in [Daemon::start(), Daemon::start_tcp()] {
        let script = "echo held; cat; exit 7";
        let mut holder = daemon.flom(["-r", "db", "--", "sh", "-c", script]).spawn();
        holder.wait_for_stdout("held\n");
        let waiter = daemon.waiter(["-r", "db", "--", "echo", "no"]);
        let tap = daemon.tap();
        let parked = tap
            .flom(["-r", "later", "-e", "no", "--", "echo", "no"])
            .spawn();
        tap.wait_for_answer("rc=\"2\"");

        daemon.flom(["-X"]).run().expect(0, IMMEDIATE, "");
        daemon.wait_for_end();
        daemon.assert_socket_removed();
        for waiting in [waiter, parked] {
            let ended = waiting.wait().expect_code(99);
            assert!(
                ended.stderr.starts_with("flom_client_lock: ret_cod="),
                "{ended:?}"
            );
            assert_eq!(ended.stdout, "");
        }
        holder.wait_for_stderr("lost the daemon at ");
        assert!(holder.is_running());
        holder.close_stdin();
        holder.wait().expect_code(7);
    }
}

#[test]
fn signals_end_a_daemon_in_order() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut daemon = Daemon::start();
        let holder = daemon.holder("db");
        daemon.signal(signal);
        daemon.wait_for_end();
        daemon.assert_socket_removed();
        drop(holder);
    }
}
