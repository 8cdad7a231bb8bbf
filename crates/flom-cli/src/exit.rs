//! Exit statuses of flom, and the lines on stderr that scripts know, in one table
//! (`spec/command-line.md` §7).

use std::error::Error;
use std::ffi::OsStr;
use std::io;

use flom_types::ResourceName;

use crate::failure::Failure;

/// A debug feature failed.
pub const DEBUG_FAILED: u8 = 1;
/// The doctor has found something that is not well.
pub const DOCTOR_FOUND: u8 = 1;
/// The command was ended, because the lock was lost or held for too long.
pub const STOPPED: u8 = 94;
/// To wait would be to wait for oneself.
pub const DEADLOCK: u8 = 95;
/// The resource does not exist, and the request may neither create it nor wait.
pub const CANNOT_WAIT: u8 = 96;
/// There is no command, or it could not be run.
pub const NOT_RUN: u8 = 97;
/// The lock was not obtained in time.
pub const NOT_LOCKED: u8 = 98;
/// Everything else that goes wrong.
pub const FAILED: u8 = 99;

/// What the statuses mean, for the help.
pub(crate) const MEANINGS: [(u8, &str); 7] = [
    (
        DEBUG_FAILED,
        "a debug feature failed, or not all is well (--doctor)",
    ),
    (
        STOPPED,
        "the command was ended: its lock was lost, or its time was up",
    ),
    (
        DEADLOCK,
        "whoever has it waits, in the end, for who asks: a deadlock",
    ),
    (
        CANNOT_WAIT,
        "no such resource; neither created (-e) nor waited for (-o)",
    ),
    (NOT_RUN, "no command, or it could not be run"),
    (
        NOT_LOCKED,
        "not locked in time (-o), or a writer is too late",
    ),
    (FAILED, "anything else that went wrong, explained on stderr"),
];

/// No command was given.
pub fn no_command() -> Failure {
    Failure::exact(NOT_RUN, "No command to execute!")
}

/// `command` could not be executed.
pub fn cannot_execute(command: &OsStr, error: &io::Error) -> Failure {
    let command = flom_settings::shown(command);
    Failure::sentence(NOT_RUN, format!("cannot execute '{command}': {error}"))
}

/// The command could not be started or waited for, though it may have run.
pub fn cannot_watch(error: &dyn Error) -> Failure {
    Failure::caused(NOT_RUN, error)
}

/// The resource does not exist and may not be created, and `-o 0` says not to wait for it.
pub fn cannot_wait() -> Failure {
    Failure::exact(
        CANNOT_WAIT,
        "The resource could be available in the future, but the requester can't wait",
    )
}

/// The resource is taken, and `-o 0` says not to wait for it.
pub fn busy() -> Failure {
    Failure::exact(
        NOT_LOCKED,
        "Resource already locked, the lock cannot be obtained",
    )
}

/// Whoever has the resource waits for this request, as the lines of `circle` say.
pub fn deadlock(resource: &ResourceName, circle: &[String]) -> Failure {
    let first = format!("{resource} would never be granted: whoever has it waits for who asks");
    let failure = Failure::sentence(DEADLOCK, first);
    circle
        .iter()
        .fold(failure, |failure, line| failure.and(format!("  {line}")))
}

/// `--fence-check` without a file and a number.
pub(crate) fn bad_fence_check() -> Failure {
    let sentence = "--fence-check: expected FILE and a number, as in FLOM_FENCE (which a daemon of \
                    FLoM 1.7.2 does not give)";
    Failure::sentence(FAILED, sentence)
}

/// `--format` names nothing that there is.
pub(crate) fn bad_format() -> Failure {
    Failure::sentence(FAILED, "--format: expected text or json")
}

/// `--format` without anything that has several.
pub(crate) fn format_of_what() -> Failure {
    Failure::sentence(FAILED, "--format: goes with --status or --why only")
}

/// `--wait-report` with something that is no number of seconds.
pub(crate) fn bad_wait_report() -> Failure {
    Failure::sentence(FAILED, "--wait-report: expected a number of seconds")
}

/// `--why` without a resource.
pub(crate) fn why_what() -> Failure {
    Failure::sentence(FAILED, "--why: say which resource, with -r NAME")
}

/// The time of `-o` ran out.
pub fn timed_out(timeout_ms: i32) -> Failure {
    Failure::exact(
        NOT_LOCKED,
        format!("The lock was not obtained because timeout ({timeout_ms} milliseconds) expired"),
    )
}

/// More is asked for than the resource will ever have.
pub fn impossible() -> Failure {
    Failure::exact(
        FAILED,
        "Resource will never satisfy the request, the lock cannot be obtained",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_of_the_lock_has_the_status_and_the_line_that_scripts_know() {
        let table = [
            (no_command(), 97, "No command to execute!"),
            (
                cannot_wait(),
                96,
                "The resource could be available in the future, but the requester can't wait",
            ),
            (
                busy(),
                98,
                "Resource already locked, the lock cannot be obtained",
            ),
            (
                timed_out(250),
                98,
                "The lock was not obtained because timeout (250 milliseconds) expired",
            ),
            (
                impossible(),
                99,
                "Resource will never satisfy the request, the lock cannot be obtained",
            ),
            (
                cannot_execute(OsStr::new("no such"), &io::Error::other("reason")),
                97,
                "flom: cannot execute 'no such': reason",
            ),
        ];
        for (failure, status, line) in table {
            assert_eq!(failure.status(), status, "{line}");
            assert_eq!(failure.messages("flom"), [line]);
        }
    }
}
