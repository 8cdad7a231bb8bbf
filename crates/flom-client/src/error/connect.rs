//! Why there is no connection to a daemon.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use flom_types::ReturnCode;

use super::Cause;
use crate::locate::Endpoint;
use crate::tls::TlsError;

/// Why there is no connection to a daemon.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// No daemon is there, and none was to be started.
    #[error("no daemon at {endpoint}, and none is to be started")]
    Nobody {
        /// Where it was looked for.
        endpoint: Endpoint,
        /// What the system said.
        source: io::Error,
    },
    /// Nobody answered the group, and no daemon was to be started.
    #[error("no daemon answered {attempts} queries to {endpoint}, and none is to be started")]
    Silence {
        /// The group.
        endpoint: Endpoint,
        /// How many queries were sent.
        attempts: u32,
    },
    /// Something is there, but we may not, or cannot, connect to it.
    #[error("cannot connect to {peer}")]
    Unreachable {
        /// The socket, or the address that a daemon gave as its own.
        peer: String,
        /// What the system said.
        source: io::Error,
    },
    /// The connection cannot be encrypted, or the daemon is not trusted.
    #[error("no TLS connection to {peer}")]
    Tls {
        /// Who is there.
        peer: String,
        /// Why not.
        source: TlsError,
    },
    /// No connection within the time limit.
    #[error("no connection to {endpoint} within {} ms", after.as_millis())]
    TimedOut {
        /// Where a daemon was looked for.
        endpoint: Endpoint,
        /// How long it was looked for.
        after: Duration,
    },
    /// The host or the group has no address that could be used.
    #[error("no address for {endpoint}")]
    Resolve {
        /// What was looked up.
        endpoint: Endpoint,
        /// Why.
        source: Cause,
    },
    /// The network interface that was asked for cannot be used.
    #[error("cannot use the network interface")]
    Interface {
        /// Which, and why.
        source: Cause,
    },
    /// No socket could be made for the group.
    #[error("cannot use {endpoint}")]
    Group {
        /// The group.
        endpoint: Endpoint,
        /// What the system said.
        source: io::Error,
    },
    /// No interface took the query.
    #[error("cannot send a query to {endpoint}")]
    Query {
        /// The group.
        endpoint: Endpoint,
        /// What the system said.
        source: io::Error,
    },
    /// There was no daemon, and none could be started.
    #[error("cannot start a daemon for {endpoint}")]
    NotStarted {
        /// Where it was to be.
        endpoint: Endpoint,
        /// Why not.
        source: StartError,
    },
    /// A daemon has been started, and cannot be reached.
    #[error("the daemon just started for {endpoint} cannot be reached")]
    NotReached {
        /// Where it should be.
        endpoint: Endpoint,
        /// What happened when we tried.
        source: Box<ConnectError>,
    },
    /// Somebody holds the place of a daemon, but does not answer as one.
    #[error("{endpoint} is taken, but no daemon answers there: {report}")]
    Occupied {
        /// The place.
        endpoint: Endpoint,
        /// What the daemon that was to be started said about it.
        report: String,
    },
}

impl ConnectError {
    /// The number by which FLoM 1.7.2 names this.
    pub fn code(&self) -> ReturnCode {
        match self {
            Self::Nobody { .. }
            | Self::Silence { .. }
            | Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::Group { .. } => ReturnCode::CONNECT,
            Self::Tls { source, .. } => source.code(),
            Self::Resolve { .. } => ReturnCode::GETADDRINFO,
            Self::Interface { .. } => ReturnCode::INVALID_INTERFACE,
            Self::Query { .. } => ReturnCode::SENDTO,
            Self::NotStarted { endpoint, source } => source.code(endpoint),
            Self::NotReached { endpoint, .. } | Self::Occupied { endpoint, .. } => match endpoint {
                Endpoint::Group { .. } => ReturnCode::CONNECTION_REFUSED,
                _ => ReturnCode::DAEMON_NOT_STARTED,
            },
        }
    }
}

/// Why no daemon could be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The program cannot be run.
    #[error("cannot run {}: it is looked for beside flom and in PATH, or set FLOMD", program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The program says why it is no daemon.
    #[error("{reason}")]
    Failed {
        /// The number of the reason.
        code: ReturnCode,
        /// The reason.
        reason: String,
    },
    /// The program ended, or said something else than whether it is ready.
    #[error("{} ended without saying whether it is ready", program.display())]
    NoReport {
        /// The program.
        program: PathBuf,
    },
    /// The program did not say anything in time.
    #[error("{} has not become ready within {} s", program.display(), after.as_secs())]
    TooSlow {
        /// The program.
        program: PathBuf,
        /// How long we have waited.
        after: Duration,
    },
}

impl StartError {
    fn code(&self, endpoint: &Endpoint) -> ReturnCode {
        match (self, endpoint) {
            // As ever: an address of another host shows only by the failure to listen on it.
            (Self::Failed { code, .. }, Endpoint::Tcp { .. }) if *code == ReturnCode::BIND => {
                ReturnCode::DAEMON_NOT_STARTED
            }
            (Self::Failed { code, .. }, _) => *code,
            _ => ReturnCode::DAEMON_NOT_STARTED,
        }
    }
}
