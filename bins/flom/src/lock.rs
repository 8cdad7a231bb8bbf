//! A command under a lock: from settings to a job, from its outcome to messages and a status.

use std::env;
use std::ffi::OsString;
use std::io::Stderr;
use std::num::NonZeroU32;
use std::process::ExitCode;
use std::time::Duration;

use flom_cli::flom::Explain;
use flom_cli::{Failure, exit};
use flom_client::{Lineage, LockError, command};
use flom_run::{Job, Limits, Notice, Outcome, RunError, die_of, status_of_signal};
use flom_settings::{Monitor, OnLost, Settings, shown, signal_name};
use flom_types::{ResourceKind, ResourceName, tick_us};

use crate::print;
use crate::waiting::{self, Waiting};

/// Runs `command` under the lock that `settings` name, and says with which status to end.
pub(crate) fn run(
    settings: Settings,
    command: Vec<OsString>,
    explain: Explain,
) -> Result<ExitCode, Failure> {
    let (verbose, timeout_ms) = (settings.trace.verbose, settings.resource.timeout_ms);
    let mut job = job(settings, command)?;
    job.explain_after = waiting::after(explain.report, explain.quiet);
    let on_lost = job.limits.on_lost;
    let mut waiting = Waiting::on_stderr();
    match flom_run::run(&job, &mut |notice| {
        tell(verbose, on_lost, &mut waiting, &notice);
    }) {
        Outcome::Ended(ended) => Ok(ExitCode::from(ended.status())),
        Outcome::Withdrawn(signal) => {
            die_of(signal);
            Ok(ExitCode::from(status_of_signal(signal)))
        }
        Outcome::Stopped(_) => Ok(ExitCode::from(exit::STOPPED)), // it has been told why
        Outcome::Failed(error) => Err(failure(&error, timeout_ms)),
    }
}

fn job(settings: Settings, command: Vec<OsString>) -> Result<Job, Failure> {
    let resource = settings.resource.clone();
    let Monitor {
        ignored_signals,
        killed_status,
        label,
        hide_command,
        on_dirty,
        on_lost,
        lost_grace,
        kill_after,
        max_hold,
        min_hold,
    } = settings.monitor.clone();
    let outer = outer();
    let heartbeat = settings.network.heartbeat;
    // Over a UNIX socket nobody goes without the daemon's noticing.
    let is_remote = settings.daemon.socket_name.is_none();
    let beat_ms = if is_remote { heartbeat.as_ms() } else { 0 };
    let grace_ms = match on_lost {
        OnLost::Freeze if is_remote => lost_grace.as_ms(),
        _ => 0,
    };
    let client =
        command::client(settings).map_err(|error| Failure::caused(exit::FAILED, &error))?;
    let who = flom_settings::who(label.as_deref(), if hide_command { &[] } else { &command });
    let request = client
        .request_for(&resource.name)
        .reentrant(resource.reentrant)
        .mode(resource.mode)
        .quantity(NonZeroU32::new(resource.quantity).unwrap_or(NonZeroU32::MIN))
        .create(resource.create)
        .idle_lifespan(Duration::from_millis(resource.idle_lifespan_ms.into()));
    let request = match outer {
        Some(outer) => request.inside_of(outer),
        None => request,
    };
    Ok(Job {
        request: command::steady(command::introduce(request, who), beat_ms, grace_ms),
        patience: resource.patience(),
        command,
        ignored_signals,
        killed_status,
        explain_after: None,
        on_dirty,
        limits: Limits {
            on_lost,
            lost_grace: lost_grace.duration().unwrap_or_default(),
            kill_after: kill_after.duration().unwrap_or_default(),
            max_hold: max_hold.duration(),
            min_hold: min_hold.duration(),
            heartbeat: heartbeat.duration(),
        },
    })
}

/// The `flom` under whose lock this one runs.
fn outer() -> Option<Lineage> {
    let text = env::var_os("FLOM_SESSION")?;
    let outer = text.to_str().and_then(|text| text.parse().ok());
    if outer.is_none() {
        let text = shown(&text);
        print::warning(&format!(
            "flom: warning: FLOM_SESSION is '{text}', which no flom has set: it is passed over"
        ));
    }
    outer
}

fn tell(verbose: bool, on_lost: OnLost, waiting: &mut Waiting<Stderr>, notice: &Notice<'_>) {
    match notice {
        Notice::Waits { explanation, since } => waiting.explain(explanation, *since),
        Notice::WaitOver => waiting.over(),
        Notice::InVain { lines } => waiting.in_vain(lines),
        Notice::Search(notice) => print::search(verbose, notice),
        Notice::Locked { element } if verbose => {
            print::line(&format!("Locked element is '{element}'"));
        }
        Notice::CannotIgnore { number } => {
            let name = signal_name(*number).unwrap_or_default();
            print::warning(&format!("Warning: couldn't ignore signal {number}:{name}"));
        }
        Notice::Lost(lost) => {
            print::complaint(lost);
            print::warning(match on_lost {
                OnLost::Continue => "flom: the command goes on without it",
                OnLost::Term | OnLost::Kill => "flom: the command is ended",
                OnLost::Freeze => "flom: the command is stopped until the daemon is back",
            });
        }
        Notice::Back => print::warning("flom: the daemon is back and has kept the lock"),
        Notice::Gone => print::warning("flom: the lock is gone, the command is ended"),
        Notice::NotRepaired => {
            print::warning("flom: the repair (--on-dirty) has failed, the command is not run");
        }
        Notice::TooLong => {
            print::warning("flom: --max-hold is over, the command is ended");
        }
        Notice::NotReleased(error) => print::complaint(error),
        _ => {}
    }
}

/// The messages and the status of `spec/command-line.md` §7.
fn failure(error: &RunError, timeout_ms: i32) -> Failure {
    match error {
        RunError::Lock(LockError::Busy { .. }) => exit::busy(),
        RunError::Lock(LockError::TimedOut { .. }) => exit::timed_out(timeout_ms),
        RunError::Lock(LockError::NoSuchResource { .. }) => exit::cannot_wait(),
        RunError::Lock(LockError::Impossible { .. }) => exit::impossible(),
        RunError::Lock(LockError::Deadlock { resource, circle }) => {
            exit::deadlock(resource, circle)
        }
        RunError::Lock(LockError::Connect(error)) => {
            Failure::returned("flom_client_connect", error.code()).because(error)
        }
        RunError::Lock(error) => {
            let failure = Failure::returned("flom_client_lock", error.code()).because(error);
            match error {
                LockError::Disconnected { resource, .. } if has_no_time(resource) => {
                    failure.and(NO_TIME)
                }
                _ => failure,
            }
        }
        RunError::Execute { command, source } => exit::cannot_execute(command, source)
            .and(format!("Unable to execute command '{}'", shown(command))),
        error => exit::cannot_watch(error),
    }
}

/// Old daemons do not say why they close the connection, and ours have to do as they do.
const NO_TIME: &str = "flom: a daemon takes a timestamp only if its format has a time of day: expected \
    one of %c %H %I %M %r %R %s %S %T %X, or #f to #ffffff";

fn has_no_time(resource: &ResourceName) -> bool {
    matches!(resource.kind(), ResourceKind::Timestamp { .. })
        && tick_us(resource.format()).is_none()
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn every_failure_has_its_status_and_the_line_that_scripts_know() {
        let resource = ResourceName::default;
        let lock = RunError::Lock;
        let table = [
            (
                lock(LockError::Busy {
                    resource: resource(),
                }),
                98,
                "Resource already locked, the lock cannot be obtained",
            ),
            (
                lock(LockError::TimedOut {
                    resource: resource(),
                    after: Duration::ZERO,
                    queued: true,
                }),
                98,
                "The lock was not obtained because timeout (250 milliseconds) expired",
            ),
            (
                lock(LockError::NoSuchResource {
                    resource: resource(),
                }),
                96,
                "The resource could be available in the future, but the requester can't wait",
            ),
            (
                lock(LockError::Impossible {
                    resource: resource(),
                }),
                99,
                "Resource will never satisfy the request, the lock cannot be obtained",
            ),
            (
                lock(LockError::Deadlock {
                    resource: resource(),
                    circle: vec!["it waits".to_owned()],
                }),
                95,
                "flom: _RESOURCE would never be granted: whoever has it waits for who asks",
            ),
            (
                lock(LockError::Disconnected {
                    resource: resource(),
                    peer: "x".to_string(),
                    unanswered: false,
                    source: None,
                }),
                99,
                "flom_client_lock: ret_cod=-126 (ERROR: 'recv' function returned an error condition)",
            ),
            (
                RunError::Execute {
                    command: "x".into(),
                    source: io::Error::other("reason"),
                },
                97,
                "flom: cannot execute 'x': reason",
            ),
            (
                RunError::Watch(io::Error::other("reason")),
                97,
                "flom: cannot watch the command: reason",
            ),
        ];
        for (error, status, line) in table {
            let failure = failure(&error, 250);
            assert_eq!(failure.status(), status, "{error}");
            assert_eq!(failure.messages("flom")[0], line);
        }
    }
}
