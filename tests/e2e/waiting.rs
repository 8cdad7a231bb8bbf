//! Waiting for a lock, and giving up.

use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Daemon, FakeDaemon, Flow, Heard, ask, message};

const BUSY: &str = "Resource already locked, the lock cannot be obtained\n";
const MISSING: &str =
    "The resource could be available in the future, but the requester can't wait\n";

fn expired(ms: u32) -> String {
    format!("The lock was not obtained because timeout ({ms} milliseconds) expired\n")
}

#[test]
fn who_does_not_wait_hears_that_the_resource_is_taken() {
    let daemon = Daemon::start();
    let _holder = daemon.holder("db");
    daemon
        .flom(["-r", "db", "-o", "0", "--", "echo", "no"])
        .run()
        .expect(98, "", BUSY);
}

#[test]
fn who_waits_for_some_time_hears_that_it_is_over() {
    let daemon = Daemon::start();
    let _holder = daemon.holder("db");
    let waited = daemon
        .flom(["-r", "db", "-o", "300", "--", "echo", "no"])
        .run();
    let waited = waited.expect(98, "", &expired(300));
    assert!(waited.took >= Duration::from_millis(300), "{waited:?}");
}

#[test]
fn a_wait_that_is_over_takes_the_request_back() {
    let daemon = Daemon::start();
    let mut holder = daemon.holder("db");
    let tap = daemon.tap();
    tap.flom(["-r", "db", "-o", "50", "--", "echo", "no"])
        .run()
        .expect(98, "", &expired(50));
    let flows = tap.wait_for_end();
    assert_eq!(flows[2..], [Flow::ClientEnds, Flow::DaemonEnds]);
    let next = daemon.waiter(["-r", "db", "--", "echo", "mine"]);
    holder.close_stdin();
    next.wait().expect(0, "mine\n", "");
}

#[test]
fn a_lock_in_time_is_a_lock() {
    let daemon = Daemon::start();
    let mut holder = daemon.holder("db");
    let waiter = daemon.waiter(["-r", "db", "-o", "20000", "--", "echo", "mine"]);
    holder.close_stdin();
    waiter.wait().expect(0, "mine\n", "");
}

#[test]
fn below_zero_is_for_ever() {
    let daemon = Daemon::start();
    let mut holder = daemon.holder("db");
    let waiter = daemon.waiter(["-r", "db", "-o", "-100", "--", "echo", "mine"]);
    holder.close_stdin();
    waiter.wait().expect(0, "mine\n", "");
}

#[test]
fn who_may_not_create_a_resource_and_does_not_wait_hears_that_there_is_none() {
    let daemon = Daemon::start();
    let words = ["-r", "db", "-e", "no", "-o", "0", "--", "echo", "no"];
    daemon.flom(words).run().expect(96, "", MISSING);
    let _holder = daemon.holder("db");
    daemon.flom(words).run().expect(98, "", BUSY);
}

#[test]
fn who_may_not_create_a_resource_waits_for_somebody_who_does() {
    let daemon = Daemon::start();
    let tap = daemon.tap();
    let parked = tap
        .flom(["-r", "db", "-e", "no", "--", "echo", "mine"])
        .spawn();
    tap.wait_for_answer("rc=\"2\"");
    let mut holder = daemon.holder("db");
    tap.wait_for_answer("rc=\"1\"");
    assert_eq!(parked.stdout_so_far(), "");
    holder.close_stdin();
    parked.wait().expect(0, "mine\n", "");
}

#[test]
fn nobody_creates_it_in_time() {
    let daemon = Daemon::start();
    let words = ["-r", "db", "-e", "no", "-o", "100", "--", "echo", "no"];
    daemon.flom(words).run().expect(98, "", &expired(100));
}

#[test]
fn the_timeout_is_the_sum_of_all_waits() {
    // Says again and again that the request is queued: each answer alone would be in time.
    let daemon = FakeDaemon::new(|mut client| {
        client.hear();
        client.say(message(1, 16, "<session peerid=\"x\"/><answer rc=\"2\"/>"));
        for _ in 0.. {
            client.say(message(1, 24, "<answer rc=\"1\"/>"));
            if client.has_ended_within(Duration::from_millis(20)) {
                break;
            }
        }
    });
    let waited = daemon.flom(["-o", "200", "--", "echo", "no"]).run();
    let waited = waited.expect(98, "", &expired(200));
    assert!(waited.took >= Duration::from_millis(200), "{waited:?}");
    daemon.finish();
}

#[test]
fn a_signal_takes_the_request_back_and_ends_flom() {
    let daemon = Daemon::start();
    for (signal, code) in [
        (Signal::TERM, -15),
        (Signal::INT, -2),
        (Signal::HUP, -1),
        (Signal::USR1, -10),
        (Signal::KILL, -9),
    ] {
        let mut holder = daemon.holder("db");
        let tap = daemon.tap();
        // Not even an ignored signal is: there is no command yet.
        let words = ["-r", "db", "--ignore-signal=SIGTERM", "--", "echo", "no"];
        let waiter = tap.flom(words).spawn();
        tap.wait_for_answer("rc=\"1\"");
        waiter.signal(signal);
        waiter.wait().expect(code, "", "");
        let flows = tap.wait_for_end();
        assert_eq!(
            flows[2..],
            [Flow::ClientEnds, Flow::DaemonEnds],
            "{signal:?}"
        );
        holder.close_stdin();
        holder.wait().expect(0, "held\n", "");
        assert_eq!(daemon.probe("db"), 0, "after {signal:?}");
    }
}

#[test]
fn a_signal_while_parked_takes_the_request_back() {
    let daemon = Daemon::start();
    let tap = daemon.tap();
    let parked = tap
        .flom(["-r", "db", "-e", "no", "--", "echo", "no"])
        .spawn();
    tap.wait_for_answer("rc=\"2\"");
    parked.signal(Signal::TERM);
    parked.wait().expect(-15, "", "");
    tap.wait_for_end();
    assert_eq!(daemon.connect().ask(ask("db")), (16, 0));
}

#[test]
fn a_waiter_that_goes_does_not_stop_those_behind_it() {
    let daemon = Daemon::start();
    let mut holder = daemon.connect();
    assert_eq!(holder.ask(ask("db")), (16, 0));
    let first = daemon.waiter(["-r", "db", "--", "echo", "no"]);
    let second = daemon.waiter(["-r", "db", "--", "echo", "mine"]);
    // Both at once, as when a whole process group is killed.
    first.signal(Signal::KILL);
    holder.finish();
    assert_eq!(holder.hear(), Heard::Closed);
    second.wait().expect(0, "mine\n", "");
}
