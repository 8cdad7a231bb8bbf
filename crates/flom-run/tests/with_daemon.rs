//! Runs against daemons of every kind: the command runs under the lock or not at all.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests, also their helpers, may panic"
)]

mod fake;

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use fake::{Daemon, Serve, answer, hear_message, says, touch};
use flom_client::{LockError, ReleaseError};
use flom_run::{Ended, Job, Notice, Outcome, RunError, run};
use flom_settings::KilledStatus;
use flom_types::Patience;

const NEVER: Patience = Patience::UpTo(Duration::from_secs(600));

/// How the job ends, and what was told on the way.
fn outcome(job: &Job) -> (Outcome, Vec<String>) {
    let mut told = Vec::new();
    let outcome = run(job, &mut |notice| {
        told.push(match notice {
            Notice::Locked { element } => format!("locked {element}"),
            Notice::Lost(_) => "lost".to_string(),
            Notice::NotReleased(ReleaseError::NoConfirmation { .. }) => "unconfirmed".to_string(),
            Notice::NotReleased(_) => "not released".to_string(),
            _ => "other".to_string(),
        });
    });
    (outcome, told)
}

#[track_caller]
fn ended(job: &Job) -> (Ended, Vec<String>) {
    match outcome(job) {
        (Outcome::Ended(ended), told) => (ended, told),
        (other, told) => panic!("{other:?} {told:?}"),
    }
}

#[track_caller]
fn lock_error(job: &Job) -> LockError {
    match outcome(job).0 {
        Outcome::Failed(RunError::Lock(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn unlocks_with(told: &[String], rollback: &str) -> bool {
    let word = format!("rollback=\"{rollback}\"");
    matches!(told, [unlock] if unlock.contains("verb=\"2\"") && unlock.contains(&word))
}

#[test]
fn the_status_of_the_command_is_kept_and_its_failure_rolls_back() {
    for (script, end, rollback) in [
        ("exit 0", Ended::Exited(0), "0"),
        ("exit 98", Ended::Exited(98), "1"),
        ("kill -KILL $$", Ended::Killed(9), "1"),
    ] {
        let daemon = Daemon::start(vec![says(answer(16, 0))]);
        let job = daemon.job(script, Patience::Forever);
        assert_eq!(ended(&job), (end, vec![]), "{script}");
        assert!(unlocks_with(&daemon.told(), rollback), "{script}");
    }
}

#[test]
fn a_killed_command_counts_as_a_success_for_who_wants_it_so() {
    for (script, end, rollback) in [
        ("kill -KILL $$", Ended::Exited(0), "0"),
        ("exit 98", Ended::Exited(98), "1"),
    ] {
        let daemon = Daemon::start(vec![says(answer(16, 0))]);
        let mut job = daemon.job(script, Patience::Forever);
        job.killed_status = KilledStatus::Zero;
        assert_eq!(ended(&job), (end, vec![]), "{script}");
        assert!(unlocks_with(&daemon.told(), rollback), "{script}");
    }
}

#[test]
fn no_odd_answer_runs_the_command() {
    for words in [
        answer(16, 3),
        answer(16, 4),
        answer(16, 5),
        answer(16, 6),
        answer(16, -14),
        answer(16, 99),
        answer(24, 0),
        answer(32, 0),
        answer(16, 1) + &answer(24, 6),
        answer(16, 1) + &answer(24, 2),
        answer(16, 2) + &answer(24, -1),
        answer(16, 1) + &answer(16, 0),
        answer(16, 0).replace("level=\"3\"", "level=\"2\""),
        answer(16, 1) + &answer(24, 0).replace("level=\"3\"", "level=\"4\""),
        "garbage</msg>".to_string(),
        "<msg level=\"3\" verb=\"3\" step=\"8\"></msg>".to_string(),
        "x".repeat(70_000),
    ] {
        let daemon = Daemon::start(vec![says(words.clone())]);
        let trace = daemon.path("trace");
        lock_error(&daemon.job(&touch(&trace), NEVER));
        assert!(!trace.exists(), "{words:.300}");
        assert_eq!(daemon.told(), [""], "{words:.300}");
    }
}

#[test]
fn the_element_is_the_last_argument_and_told_before_the_command_starts() {
    let words = answer(16, 0).replace("rc=\"0\"", "rc=\"0\" element=\"a b\"");
    let daemon = Daemon::start(vec![says(words)]);
    let mut job = daemon.job("test \"$*\" = 'first a b'", Patience::Forever);
    job.command.push("first".into());
    assert_eq!(
        ended(&job),
        (Ended::Exited(0), vec!["locked a b".to_string()])
    );
}

#[test]
fn what_cannot_be_executed_gives_the_lock_back_rolled_back() {
    let daemon = Daemon::start(vec![says(answer(16, 0))]);
    let mut job = daemon.job("", Patience::Forever);
    job.command = vec!["/no/such/program".into()];
    match outcome(&job).0 {
        Outcome::Failed(RunError::Execute { command, .. }) => {
            assert_eq!(command, "/no/such/program");
        }
        other => panic!("{other:?}"),
    }
    assert!(unlocks_with(&daemon.told(), "1"));
}

#[test]
fn a_daemon_that_ends_before_its_first_answer_is_asked_again_once() {
    let closes = || -> Serve {
        Box::new(|mut stream| {
            hear_message(&mut stream);
            "closed".to_string()
        })
    };
    let daemon = Daemon::start(vec![closes(), says(answer(16, 0))]);
    assert_eq!(ended(&daemon.job("exit 7", NEVER)).0, Ended::Exited(7));
    assert!(unlocks_with(&daemon.told()[1..], "1"));

    let daemon = Daemon::start(vec![closes(), closes()]);
    let error = lock_error(&daemon.job("exit 7", NEVER));
    assert!(matches!(error, LockError::Disconnected { .. }), "{error}");
    assert_eq!(daemon.told(), ["closed", "closed"]);
}

#[test]
fn a_daemon_that_lets_us_wait_is_left_when_the_time_is_up() {
    let daemon = Daemon::start(vec![says(answer(16, 1))]);
    let patience = Patience::UpTo(Duration::from_millis(30));
    let error = lock_error(&daemon.job("exit 7", patience));
    assert!(matches!(error, LockError::TimedOut { .. }), "{error}");
    assert_eq!(daemon.told(), [""]);
}

#[test]
fn a_daemon_lost_while_the_command_runs_is_told_once_and_the_status_kept() {
    let (send, receive) = std::sync::mpsc::channel::<PathBuf>();
    let serve: Serve = Box::new(move |mut stream| {
        hear_message(&mut stream);
        stream.write_all(answer(16, 0).as_bytes()).unwrap();
        drop(stream);
        fs::write(receive.recv().unwrap(), "").unwrap();
        String::new()
    });
    let daemon = Daemon::start(vec![serve]);
    let gone = daemon.path("gone");
    let script = format!("until test -e '{}'; do :; done; exit 5", gone.display());
    send.send(gone).unwrap();
    assert_eq!(
        ended(&daemon.job(&script, Patience::Forever)),
        (Ended::Exited(5), vec!["lost".to_string()])
    );
}

#[test]
fn a_daemon_that_never_closes_after_the_release_is_not_waited_for_for_ever() {
    let (done, wait) = std::sync::mpsc::channel::<()>();
    let serve: Serve = Box::new(move |mut stream| {
        hear_message(&mut stream);
        stream.write_all(answer(16, 0).as_bytes()).unwrap();
        let _ = wait.recv();
        String::new()
    });
    let daemon = Daemon::start(vec![serve]);
    assert_eq!(
        ended(&daemon.job("exit 6", Patience::Forever)),
        (Ended::Exited(6), vec!["unconfirmed".to_string()])
    );
    drop(done);
}
