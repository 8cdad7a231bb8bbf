//! A connection made in advance.

use crate::call::Wait;
use crate::client::Client;
use crate::error::LockError;
use crate::guard::Guard;
use crate::line::Line;
use crate::pending::Pending;
use crate::request::Request;

/// A connection to a daemon with nothing locked on it, made by [`Client::connect`], spent by the
/// one request that it carries.
///
/// For who wants to know early that there is a daemon, or wants to lock without the way to it. A
/// daemon with little room gives up connections that have never asked for anything.
///
/// ```
/// # use flom_testkit::Daemon;
/// # let daemon = Daemon::start();
/// # let client = flom_client::Client::builder().unix(daemon.socket()).build()?;
/// use flom_client::Wait;
///
/// let session = client.connect()?; // at start: is there a daemon?
/// let request = client.request("stock")?;
/// let guard = session.lock(&request, Wait::Forever)?;
/// # guard.unlock()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a session that carries no request is of no use"]
pub struct Session {
    client: Client,
    line: Line,
}

impl Session {
    pub(crate) fn new(client: Client, line: Line) -> Self {
        Self { client, line }
    }

    /// Locks what `request` says, over this connection.
    ///
    /// # Errors
    ///
    /// As [`Request::lock`], and [`LockError::Busy`] with [`Wait::No`], [`LockError::TimedOut`] with
    /// [`Wait::For`]. The connection is closed then.
    pub fn lock(self, request: &Request, wait: Wait) -> Result<Guard, LockError> {
        self.start(request, wait)?.wait()
    }

    /// Sends what `request` says over this connection, and returns; the caller waits.
    ///
    /// # Errors
    ///
    /// As [`Request::start`].
    pub fn start(self, request: &Request, wait: Wait) -> Result<Pending, LockError> {
        request.ask_over(self.line, &self.client, wait)
    }

    /// Whether nobody can listen, and the daemon has proved who it is.
    pub fn is_encrypted(&self) -> bool {
        self.line.is_secured()
    }

    /// Who is at the other end: the socket, or the address as it was given or found.
    pub fn peer(&self) -> &str {
        self.line.peer()
    }
}
