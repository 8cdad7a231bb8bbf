//! What can go wrong between a client and its daemon: one enum for each thing that can fail, each
//! with the number by which FLoM 1.7.2 names it.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use flom_settings::{Complaint, ConflictError};
use flom_types::limits::SOCKET_PATH_BYTES;
use flom_types::{ResourceName, ReturnCode};

use crate::locate::Endpoint;
use crate::tls::TlsError;

/// A cause that comes from another crate.
type Cause = Box<dyn Error + Send + Sync>;

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
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        Box::new(Self(text))
    }
}

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
    /// The connection ended before the lock was granted: nothing is held, nothing is queued.
    #[error("the daemon at {peer} closed the connection before it granted {resource}")]
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
            Self::Refused { .. } => ReturnCode::CANT_LOCK,
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
