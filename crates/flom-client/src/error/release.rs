//! Why a lock has not been given back, or a daemon not been told to end.

use std::io;
use std::time::Duration;

use flom_types::{ResourceName, ReturnCode};

use super::ConnectError;

/// Why a lock has not been given back as it was meant to be. In any case it is not held any more by
/// the guard that it was taken from.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// The connection was gone already, and the lock with it.
    #[error(transparent)]
    Lost(#[from] LockLost),
    /// The daemon has been told, and has not said that it has let go.
    #[error("the daemon at {peer} has not confirmed the release within {} s", after.as_secs())]
    NoConfirmation {
        /// Who was told.
        peer: String,
        /// How long we have waited.
        after: Duration,
    },
    /// The lock is released, but there was no number to go back.
    #[error("{resource} is released, but is no transactional sequence to be rolled back")]
    NotTransactional {
        /// What was locked.
        resource: ResourceName,
    },
    /// The lock is that of the process from which this one was forked, and still held there.
    #[error("{resource} is locked by the parent of this process")]
    OtherProcess {
        /// What is locked.
        resource: ResourceName,
    },
}

impl ReleaseError {
    /// The number by which FLoM 1.7.2 names this.
    pub fn code(&self) -> ReturnCode {
        match self {
            Self::Lost(lost) => lost.code(),
            Self::NoConfirmation { .. } => ReturnCode(0),
            Self::NotTransactional { .. } => ReturnCode::NOT_TRANSACTIONAL,
            Self::OtherProcess { .. } => ReturnCode::INVALID_SEQUENCE,
        }
    }
}

/// The connection that carried a lock has ended: others may have been given the lock.
#[derive(Debug, thiserror::Error)]
#[error("lost the daemon at {peer} and with it the lock")]
pub struct LockLost {
    /// Who was lost.
    pub peer: String,
    /// What the system said, unless it was a plain close.
    pub source: Option<io::Error>,
}

impl LockLost {
    /// The number by which FLoM 1.7.2 names this.
    pub fn code(&self) -> ReturnCode {
        ReturnCode::SEND
    }
}

/// Why a daemon was not told to end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShutdownError {
    /// There is none, or it cannot be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// It does not end for us.
    #[error("the daemon at {peer} refuses: {reason}")]
    Refused {
        /// Who refuses.
        peer: String,
        /// Why, in the daemon's words.
        reason: String,
    },
    /// It went away before the order could be sent.
    #[error("cannot send the order to end to the daemon at {peer}")]
    Send {
        /// Who was to be told.
        peer: String,
        /// What the system said.
        source: io::Error,
    },
}

impl ShutdownError {
    /// The number by which FLoM 1.7.2 names this.
    pub fn code(&self) -> ReturnCode {
        match self {
            Self::Connect(error) => error.code(),
            Self::Refused { .. } => ReturnCode::CANT_LOCK,
            Self::Send { .. } => ReturnCode::SEND,
        }
    }
}
