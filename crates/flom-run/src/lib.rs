//! Runs a command under a flom lock.
//!
//! ```text
//!   daemon ──┐                                                ┌──► daemon: request, release
//!   command ─┼─► event_loop ── Event ─► Run ── Effect ─► event_loop ─► command: start, signals
//!   signals ─┘                                                └──► user: notices
//! ```
//!
//! The lock is held from before the command starts until after it has ended, whatever happens to
//! `flom` in between, short of SIGKILL: signals are passed on to the command, and flom ends when
//! the command does.

#![forbid(unsafe_code)]

mod child;
mod environment;
mod event_loop;
mod exit;
mod explain;
mod run;
mod signals;

use std::ffi::OsString;
use std::time::Duration;

use flom_client::command::Explanation;
use flom_client::{LockLost, ReleaseError, Request};
use flom_settings::KilledStatus;
use flom_types::Patience;

pub use event_loop::run;
pub use exit::{Ended, Outcome, RunError, status_of_signal};
pub use signals::die_of;

/// A command and the lock it needs.
#[derive(Clone, Debug)]
pub struct Job {
    /// What to lock.
    pub request: Request,
    /// How long to wait for the lock, counted from the request: the search for a daemon not
    /// included, everything after it included.
    pub patience: Patience,
    /// The program and its arguments. What has been locked of a set, a sequence or a timestamp
    /// resource is one more argument at the end.
    pub command: Vec<OsString>,
    /// Signals that are to do nothing while the command runs: not to flom, and not by flom to the
    /// command.
    pub ignored_signals: Vec<i32>,
    /// What the command counts as if a signal kills it.
    pub killed_status: KilledStatus,
    /// After how long a wait is explained for the first time; `None`: never, nor a wait in vain.
    pub explain_after: Option<Duration>,
}

/// What happens on the way, for those who want to know.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Notice<'a> {
    /// A step of the search for a daemon.
    Search(flom_client::command::Notice<'a>),
    /// The request waits, for this reason. Told again from time to time.
    Waits {
        /// As far as it is known.
        explanation: &'a Explanation,
        /// How long it has waited.
        since: Duration,
    },
    /// The request that waited does not any more.
    WaitOver,
    /// The request has come to nothing because of them, in lines.
    InVain {
        /// Who has what it wants.
        lines: &'a [String],
    },
    /// This is what has been locked; the command starts now.
    Locked {
        /// The element of a set, the number of a sequence, the timestamp.
        element: &'a str,
    },
    /// This signal cannot be kept from ending flom.
    CannotIgnore {
        /// Its number.
        number: i32,
    },
    /// The daemon has gone while the command runs, and the command goes on without a lock. Told
    /// once.
    Lost(&'a LockLost),
    /// The command has ended, and it is not certain that the lock was given back in order.
    NotReleased(&'a ReleaseError),
}
