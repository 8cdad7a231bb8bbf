//! Why a lock is not held.

use std::io;
use std::time::Duration;

use flom_types::{ResourceName, ReturnCode};

use super::ConnectError;
use crate::tls::TlsError;

/// Why a lock is not held.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// There is no daemon to ask.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The daemon is one of FLoM 1.7.2, whose messages are too short for the request.
    #[error(
        "the resource's name has {bytes} bytes, and the daemon at {peer} is one of FLoM 1.7.2, \
         which takes about 240: use a shorter name, or the flomd of this program"
    )]
    NameTooLong {
        /// Length of the name.
        bytes: usize,
        /// The daemon.
        peer: String,
    },
    /// Somebody else has it, and the request was not to wait.
    #[error("{resource} is taken")]
    Busy {
        /// What was asked for.
        resource: ResourceName,
    },
    /// Not granted in time; the request is withdrawn.
    #[error("{resource} was not granted within {} ms", after.as_millis())]
    TimedOut {
        /// What was asked for.
        resource: ResourceName,
        /// How long we have waited.
        after: Duration,
        /// Whether it was in the queue; else the resource did not exist, or nobody answered.
        queued: bool,
    },
    /// The resource does not exist, and the request may neither create it nor wait.
    #[error("{resource} does not exist")]
    NoSuchResource {
        /// What was asked for.
        resource: ResourceName,
    },
    /// More is asked for than the resource will ever have.
    #[error("{resource} can never satisfy the request")]
    Impossible {
        /// What was asked for.
        resource: ResourceName,
    },
    /// The daemon takes the name for no resource name.
    #[error("the daemon at {peer} says that {resource} is no valid name for a resource")]
    InvalidName {
        /// What was asked for.
        resource: ResourceName,
        /// Who was asked.
        peer: String,
    },
    /// The daemon refuses, for instance because we may not lock there, or it is about to end.
    #[error("the daemon at {peer} refuses {resource}{}", why(*rc, reason.as_deref()))]
    Refused {
        /// What was asked for.
        resource: ResourceName,
        /// Who was asked.
        peer: String,
        /// Its answer.
        rc: i32,
        /// Why, in the daemon's words; `None` if it does not say.
        reason: Option<String>,
    },
    /// To wait would be to wait for oneself, through others or not: see
    /// [`Request::inside`](crate::Request::inside). Nothing is queued.
    #[error("{resource}: it would wait for itself")]
    Deadlock {
        /// What was asked for.
        resource: ResourceName,
        /// Who waits for whom, in the daemon's words, a line each.
        circle: Vec<String>,
    },
    /// The connection ended before the lock was granted: nothing is held, nothing is queued.
    #[error("the connection to the daemon at {peer} ended before it granted {resource}")]
    Disconnected {
        /// What was asked for.
        resource: ResourceName,
        /// Who was asked.
        peer: String,
        /// Whether it had not even given a first answer: a daemon about to end does that, and
        /// another one may be there by now.
        unanswered: bool,
        /// What the system said, unless it was a plain close.
        source: Option<io::Error>,
    },
    /// The daemon is not whom its certificate was made for, does not trust us, or uses TLS where we
    /// do not.
    #[error("no TLS with the daemon at {peer}")]
    Tls {
        /// Who was asked.
        peer: String,
        /// What is wrong.
        source: TlsError,
    },
    /// The daemon owes an answer that it can always give at once.
    #[error("the daemon at {peer} has not answered within {} s", after.as_secs())]
    NoAnswer {
        /// Who was asked.
        peer: String,
        /// How long we have waited.
        after: Duration,
    },
    /// The daemon says something that is no answer to the request.
    #[error("the daemon at {peer} broke the protocol: {problem}")]
    Protocol {
        /// Who was asked.
        peer: String,
        /// What is wrong with what it said.
        problem: String,
        /// The number of that.
        code: ReturnCode,
    },
}

fn why(rc: i32, reason: Option<&str>) -> String {
    match reason {
        Some(reason) => format!(": {reason}"),
        None => format!(" (answer {rc}); it may be about to end"),
    }
}

impl LockError {
    /// The number by which FLoM 1.7.2 names this.
    pub fn code(&self) -> ReturnCode {
        match self {
            Self::Connect(error) => error.code(),
            Self::NameTooLong { .. } => ReturnCode::CONTAINER_FULL,
            Self::Busy { .. } => ReturnCode::LOCK_BUSY,
            Self::TimedOut { .. } | Self::NoAnswer { .. } => ReturnCode::NETWORK_TIMEOUT,
            Self::NoSuchResource { .. } => ReturnCode::CANT_WAIT,
            Self::Impossible { .. } => ReturnCode::LOCK_IMPOSSIBLE,
            Self::InvalidName { .. } => ReturnCode::INVALID_RESOURCE_NAME,
            Self::Refused { .. } | Self::Deadlock { .. } => ReturnCode::CANT_LOCK,
            Self::Disconnected { source, .. } => {
                let tls = source.as_ref().and_then(TlsError::within);
                tls.map_or(ReturnCode::RECV, TlsError::code)
            }
            Self::Tls { source, .. } => source.code(),
            Self::Protocol { code, .. } => *code,
        }
    }

    /// Whether others were simply there before us.
    pub fn is_contention(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::TimedOut { .. })
    }

    /// Whether the same request may succeed later, with nothing changed but the time.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Connect(error) => matches!(
                error,
                ConnectError::Nobody { .. }
                    | ConnectError::Silence { .. }
                    | ConnectError::Unreachable { .. }
                    | ConnectError::TimedOut { .. }
            ),
            Self::NoSuchResource { .. } | Self::Disconnected { .. } => true,
            _ => self.is_contention(),
        }
    }
}
