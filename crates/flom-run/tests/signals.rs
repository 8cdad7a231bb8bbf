//! What signals do to a run. One test alone in its process: a signal reaches all that is in it.

#![expect(clippy::unwrap_used, reason = "tests, also their helpers, may panic")]

mod fake;

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use fake::{Daemon, Serve, answer, hear_message, says, touch};
use flom_run::{Ended, Job, Outcome, run};
use flom_types::Patience;
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use signal_hook::low_level::raise;

fn outcome(job: &Job) -> Outcome {
    run(job, &mut |_| {})
}

#[test]
fn signals_go_to_the_command_or_withdraw_the_request() {
    forwarded_while_the_command_runs();
    not_forwarded_if_ignored();
    kept_from_the_command_alone();
    withdrawn_while_waiting();
}

/// The command sends flom a signal, gets it back and takes its time; the lock is held until then.
fn forwarded_while_the_command_runs() {
    let daemon = Daemon::start(vec![says(answer(16, 0))]);
    let script = "trap 'kill $!; exit 5' TERM; sleep 1000 & kill -TERM $PPID; wait";
    let outcome = outcome(&daemon.job(script, Patience::Forever));
    assert!(
        matches!(outcome, Outcome::Ended(Ended::Exited(5))),
        "{outcome:?}"
    );
    assert!(daemon.told()[0].contains("verb=\"2\""));

    let daemon = Daemon::start(vec![says(answer(16, 0))]);
    let outcome = outcome_of_kill(&daemon);
    assert!(
        matches!(outcome, Outcome::Ended(Ended::Killed(SIGUSR1))),
        "{outcome:?}"
    );
}

fn outcome_of_kill(daemon: &Daemon) -> Outcome {
    outcome(&daemon.job("kill -USR1 $PPID; exec sleep 1000", Patience::Forever))
}

/// TERM is ignored, INT is not: only INT comes back.
fn not_forwarded_if_ignored() {
    let daemon = Daemon::start(vec![says(answer(16, 0))]);
    let script = "trap 'kill $!; exit 5' TERM; trap 'kill $!; exit 6' INT; \
                  sleep 1000 & kill -TERM $PPID; kill -INT $PPID; wait";
    let mut job = daemon.job(script, Patience::Forever);
    job.ignored_signals = vec![SIGTERM];
    let outcome = outcome(&job);
    assert!(
        matches!(outcome, Outcome::Ended(Ended::Exited(6))),
        "{outcome:?}"
    );
}

/// What flom catches or ignores, the command does not.
fn kept_from_the_command_alone() {
    let daemon = Daemon::start(vec![says(answer(16, 0))]);
    let status = daemon.path("status");
    let mut job = daemon.job(
        &format!("cp /proc/self/status '{}'", status.display()),
        Patience::Forever,
    );
    job.ignored_signals = vec![SIGINT, 14];
    assert!(matches!(outcome(&job), Outcome::Ended(Ended::Exited(0))));
    let status = fs::read_to_string(status).unwrap();
    assert_eq!(signals_in(&status, "SigIgn:"), 0, "{status}");
    assert_eq!(signals_in(&status, "SigBlk:"), 0, "{status}");
}

/// The set of signals in a line of a status, as bits; those above 31 are the C library's own.
fn signals_in(status: &str, line: &str) -> u64 {
    let set = status.lines().find_map(|text| text.strip_prefix(line));
    u64::from_str_radix(set.unwrap().trim(), 16).unwrap() & 0x7fff_ffff
}

/// Nothing is run, and the daemon sees the client hang up before flom ends.
fn withdrawn_while_waiting() {
    for ignored in [vec![], vec![SIGTERM]] {
        let serve: Serve = Box::new(|mut stream| {
            hear_message(&mut stream);
            stream.write_all(answer(16, 1).as_bytes()).unwrap();
            signal_until_it_hangs_up(&mut stream)
        });
        let daemon = Daemon::start(vec![serve]);
        let trace = daemon.path("trace");
        let mut job = daemon.job(&touch(&trace), Patience::Forever);
        job.ignored_signals = ignored;
        let outcome = outcome(&job);
        assert!(
            matches!(outcome, Outcome::Withdrawn(SIGTERM)),
            "{outcome:?}"
        );
        assert!(!trace.exists());
        assert_eq!(daemon.told(), [""]);
    }
}

/// The client may not yet listen to signals when it hears the answer, so one is not enough. (It does
/// no harm either: those who ran before it in this process have left their handler.)
fn signal_until_it_hangs_up(stream: &mut UnixStream) -> String {
    stream
        .set_read_timeout(Some(Duration::from_millis(5)))
        .unwrap();
    let mut heard = String::new();
    loop {
        raise(SIGTERM).unwrap();
        match stream.read_to_string(&mut heard) {
            Ok(_) => return heard,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
}
