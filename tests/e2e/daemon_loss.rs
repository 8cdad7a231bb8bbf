//! The daemon goes away, or stops working.

use std::sync::mpsc;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Daemon, FakeDaemon, Started, flom, message};

/// How long flom may take to find out that a daemon does nothing any more.
const BOUND: Duration = Duration::from_secs(15);

#[test]
fn the_command_goes_on_its_status_is_kept_and_flom_says_so() {
    for daemon in [Daemon::start(), Daemon::start_tcp()] {
        let script = "echo held; cat; exit 7";
        let mut flom = daemon.flom(["-r", "db", "--", "sh", "-c", script]).spawn();
        flom.wait_for_stdout("held\n");
        drop(daemon);
        flom.wait_for_stderr("lost the daemon at ");
        assert!(flom.is_running());
        flom.close_stdin();
        let ended = flom.wait().expect_code(7);
        // Told once, and what comes of it.
        assert_eq!(ended.stderr.lines().count(), 2, "{ended:?}");
    }
}

#[test]
fn who_waits_hears_of_it() {
    let mut waiters = Vec::new();
    for daemon in [Daemon::start(), Daemon::start_tcp()] {
        let holder = daemon.holder("db");
        let waiter = daemon.waiter(["-r", "db", "--", "echo", "no"]);
        daemon.signal(Signal::KILL);
        let ended = waiter.wait().expect_code(99);
        let line = "flom_client_lock: ret_cod=-126 (ERROR: 'recv' function returned an error \
                    condition)\n";
        assert!(ended.stderr.starts_with(line), "{ended:?}");
        assert_eq!(ended.stdout, "");
        waiters.push(holder);
    }
}

#[test]
fn the_next_command_starts_another_daemon() {
    let daemon = Daemon::start();
    let socket = daemon.socket().clone();
    let started = Started::with(socket.to_str().unwrap());
    let holder = daemon.holder("db");
    daemon.signal(Signal::KILL);
    holder.wait_for_stderr("lost the daemon at ");
    let words = [
        "-s",
        socket.to_str().unwrap(),
        "-d",
        "60000",
        "-r",
        "db",
        "--",
        "echo",
        "mine",
    ];
    flom(words).run().expect(0, "mine\n", "");
    started.the_daemon();
}

#[test]
fn a_daemon_that_does_nothing_does_not_keep_flom_for_ever() {
    let daemon = Daemon::start();
    let mut holder = daemon.holder("db");
    let waiter = daemon.waiter(["-r", "db", "-o", "100", "--", "echo", "no"]);
    daemon.signal(Signal::STOP);
    holder.close_stdin();
    let ended = holder.wait().expect_code(0);
    assert!(ended.took < BOUND, "{ended:?}");
    assert!(
        ended.stderr.contains("has not confirmed the release"),
        "{ended:?}"
    );
    let ended = waiter.wait().expect_code(98);
    assert!(ended.took < BOUND, "{ended:?}");
    let line = "The lock was not obtained because timeout (100 milliseconds) expired\n";
    assert_eq!(ended.stderr, line);
}

#[test]
fn a_daemon_that_does_nothing_is_no_reason_to_wait_longer_than_asked() {
    let daemon = Daemon::start();
    daemon.signal(Signal::STOP);
    let words = ["-r", "db", "-o", "100", "--", "echo", "no"];
    let ended = daemon.flom(words).run().expect_code(98);
    assert!(ended.took < BOUND, "{ended:?}");
}

#[test]
fn a_daemon_that_lives_on_after_a_pause_has_forgotten_nothing() {
    let daemon = Daemon::start();
    let mut holder = daemon.holder("db");
    daemon.signal(Signal::STOP);
    let waiter = daemon.flom(["-r", "db", "--", "echo", "mine"]).spawn();
    daemon.signal(Signal::CONT);
    assert_eq!(daemon.probe("db"), 4);
    holder.close_stdin();
    holder.wait().expect(0, "held\n", "");
    waiter.wait().expect(0, "mine\n", "");
}

#[test]
fn a_daemon_that_ends_before_its_first_answer_is_asked_for_once_more() {
    // The first is about to end when the request comes; by then the place is another's.
    let daemon = Daemon::start();
    let path = daemon.scratch().file("place");
    let (from, to) = (daemon.socket().clone(), path.clone());
    let ending = FakeDaemon::at(&path, move |mut client| {
        client.hear();
        std::fs::rename(from, to).unwrap();
    });
    ending
        .flom(["--", "echo", "mine"])
        .run()
        .expect(0, "mine\n", "");
    ending.finish();
}

#[test]
fn a_daemon_that_never_says_goodbye_costs_bounded_time() {
    let (over, wait) = mpsc::channel();
    let daemon = FakeDaemon::new(move |mut client| {
        client.hear();
        client.say(message(1, 16, "<session peerid=\"x\"/><answer rc=\"0\"/>"));
        // Keeps its side open as long as the test likes.
        wait.recv().unwrap();
    });
    let ended = daemon
        .flom(["--", "sh", "-c", "exit 7"])
        .run()
        .expect_code(7);
    over.send(()).unwrap();
    assert!(ended.took < BOUND, "{ended:?}");
    daemon.finish();
}
