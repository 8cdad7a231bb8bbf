//! How a run ends, and the exit status that says so. What our own failures are called, and with
//! which status they end, is in flom-cli's `exit`: their messages stand there.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use flom_client::LockError;
use flom_settings::KilledStatus;
use flom_types::Previous;

/// How a run has ended.
#[derive(Debug)]
#[must_use]
pub enum Outcome {
    /// The command ran to its end.
    Ended(Ended),
    /// This signal ended the wait for the lock; the request is withdrawn. Whoever asked expects
    /// this process to [die](crate::die_of) of it.
    Withdrawn(i32),
    /// The command was ended before its time.
    Stopped(Stopped),
    /// The command was not run, or nobody knows how it ended.
    Failed(RunError),
}

/// Why a command was ended before its time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stopped {
    /// The daemon was lost, and the lock with it.
    Lost,
    /// It has held the lock for as long as it may.
    TooLong,
}

/// How the command ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// With this status.
    Exited(u8),
    /// By this signal.
    Killed(i32),
}

/// Why the command did not run, or how it ended cannot be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The lock was not obtained.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The lock was obtained, and is released again.
    #[error("cannot execute '{}'", flom_settings::shown(command))]
    Execute {
        /// The program as given.
        command: OsString,
        /// What the system said.
        source: io::Error,
    },
    /// The system does not let us watch out for signals, the command or the daemon.
    #[error("cannot watch the command")]
    Watch(#[source] io::Error),
}

/// Added to the number of the signal that killed a process, as shells do it.
const KILLED: u8 = 128;

impl Ended {
    /// The exit status that tells how the command ended: its own, or 128 + N after signal N.
    pub fn status(self) -> u8 {
        match self {
            Self::Exited(status) => status,
            Self::Killed(signal) => status_of_signal(signal),
        }
    }

    /// What the next holder of the resource is told.
    pub(crate) fn as_previous(self) -> Previous {
        match self {
            Self::Exited(0) => Previous::Released,
            Self::Exited(status) => Previous::Failed(status),
            Self::Killed(signal) => Previous::Killed(u8::try_from(signal).unwrap_or(0)),
        }
    }

    /// What the user wants a killed command to count as.
    pub(crate) fn counted(self, killed: KilledStatus) -> Self {
        match (self, killed) {
            (Self::Killed(_), KilledStatus::Zero) => Self::Exited(0),
            (ended, _) => ended,
        }
    }

    /// Whether the command did what it was to do.
    pub fn succeeded(self) -> bool {
        self == Self::Exited(0)
    }
}

impl From<ExitStatus> for Ended {
    fn from(status: ExitStatus) -> Self {
        match status.signal() {
            Some(signal) => Self::Killed(signal),
            // A status is a byte; the system hands it over as a larger number.
            None => Self::Exited(status.code().map_or(0, |code| (code & 0xff) as u8)),
        }
    }
}

/// The exit status that stands for the death by `signal`.
pub fn status_of_signal(signal: i32) -> u8 {
    u8::try_from(signal).map_or(KILLED, |signal| KILLED.wrapping_add(signal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_of_the_command_has_its_status() {
        // As waitpid(2) reports them: status in the second byte, signal in the first.
        let table = [
            (0x0000, Ended::Exited(0), 0),
            (0x0100, Ended::Exited(1), 1),
            (0x6300, Ended::Exited(99), 99),
            (0xff00, Ended::Exited(255), 255),
            (0x0001, Ended::Killed(1), 129),
            (0x0009, Ended::Killed(9), 137),
            (0x000f, Ended::Killed(15), 143),
            (0x008b, Ended::Killed(11), 139), // with a core
        ];
        for (raw, ended, status) in table {
            assert_eq!(Ended::from(ExitStatus::from_raw(raw)), ended, "{raw:#x}");
            assert_eq!(ended.status(), status, "{ended:?}");
            assert_eq!(ended.succeeded(), status == 0, "{ended:?}");
        }
    }
}
