//! Why no client can be made.

use std::error::Error;
use std::path::PathBuf;

use flom_settings::{Complaint, ConflictError};
use flom_types::limits::SOCKET_PATH_BYTES;
use flom_types::{Chain, ReturnCode};

use super::Cause;
use crate::tls::TlsError;

/// Why no client can be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Neither a socket nor an address nor a group.
    #[error("nothing says where to find a daemon: no socket, no address, no group")]
    NoEndpoint,
    /// The path is longer than the system lets the path of a socket be.
    #[error("the socket's path has more than {SOCKET_PATH_BYTES} bytes: {}", path.display())]
    SocketPathTooLong {
        /// The path.
        path: PathBuf,
    },
    /// No daemon is at port 0.
    #[error("port 0 is none")]
    Port,
    /// The id is empty, too long, or not printable.
    #[error("no peer can have the id {id:?}")]
    PeerId {
        /// The id.
        id: String,
    },
    /// A configuration file cannot be used.
    #[error("cannot use the configuration files")]
    Files {
        /// Which, where in it, and why.
        source: Cause,
        /// The number of that.
        code: ReturnCode,
    },
    /// The files of the TLS identity are of no use.
    #[error("cannot use TLS")]
    Tls {
        /// Which, and why.
        source: TlsError,
    },
    /// What the configuration files say cannot all be meant.
    #[error("the configuration files contradict themselves")]
    Conflict {
        /// What contradicts what.
        source: Cause,
    },
}

impl ConfigError {
    /// The number by which FLoM 1.7.2 names this.
    pub fn code(&self) -> ReturnCode {
        match self {
            Self::NoEndpoint => ReturnCode::INTERNAL_ERROR,
            Self::SocketPathTooLong { .. } => ReturnCode::BUFFER_OVERFLOW,
            Self::PeerId { .. } => ReturnCode::NULL_OBJECT,
            Self::Port | Self::Conflict { .. } => ReturnCode::INVALID_OPTION,
            Self::Files { code, .. } => *code,
            Self::Tls { source } => source.code(),
        }
    }

    /// The first thing wrong with the files, as the library of FLoM 1.7.2 would number it.
    pub(crate) fn files(complaint: &Complaint) -> Self {
        let code = match complaint.code() {
            ReturnCode::CONFIG_FILE => ReturnCode::INVALID_OPTION,
            code => code,
        };
        let source = Reported::of(complaint);
        Self::Files { source, code }
    }

    pub(crate) fn conflict(conflict: ConflictError) -> Self {
        let source = Box::new(conflict);
        Self::Conflict { source }
    }
}

/// An error that has been put into words, causes included, because its owner keeps it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Reported(String);

impl Reported {
    fn of(error: &dyn Error) -> Cause {
        Box::new(Self(Chain(error).to_string()))
    }
}
