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
mod pulse;
mod run;
mod signals;
mod terminal;
mod timers;

use std::ffi::OsString;
use std::time::Duration;

use flom_client::command::Explanation;
use flom_client::{LockLost, ReleaseError, Request};
use flom_settings::{KilledStatus, OnLost};
use flom_types::Patience;

pub use event_loop::run;
pub use exit::{Ended, Outcome, RunError, Stopped, status_of_signal};
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
    /// What the shell runs first if the last exclusive holder has left things half done.
    pub on_dirty: Option<String>,
    /// How long the lock is held, and what becomes of the command without it.
    pub limits: Limits,
}

/// How long a lock is held, and what becomes of the command without it.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// What becomes of the command if the daemon is lost.
    pub on_lost: OnLost,
    /// How long a frozen command waits for the daemon.
    pub lost_grace: Duration,
    /// How long a command may take to end in order.
    pub kill_after: Duration,
    /// How long the command may hold the lock, if there is a limit.
    pub max_hold: Option<Duration>,
    /// How long the lock is held at least, if that is to be.
    pub min_hold: Option<Duration>,
    /// Within how long the daemon must say something, if it has to.
    pub heartbeat: Option<Duration>,
}

impl Job {
    /// Whether the command has to lead a group of its own: then all of it can be stopped and ended.
    pub(crate) fn needs_group(&self) -> bool {
        self.limits.on_lost != OnLost::Continue || self.limits.max_hold.is_some()
    }
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
    /// The daemon has gone while the command runs. What becomes of the command is as
    /// [`Limits::on_lost`] says.
    Lost(&'a LockLost),
    /// The daemon is back with the lock, and the command, which was frozen, goes on.
    Back,
    /// The lock will not be back, and the command, which was frozen, is ended.
    Gone,
    /// The command has held the lock for too long, and is ended.
    TooLong,
    /// What was to be run first has failed, and the command is not run.
    NotRepaired,
    /// The command has ended, and it is not certain that the lock was given back in order.
    NotReleased(&'a ReleaseError),
}
