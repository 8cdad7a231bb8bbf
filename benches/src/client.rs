//! One client of a load: a connection that does not block.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown};

use crate::vocabulary::{Said, Vocabulary};

/// Where a server can be reached.
#[derive(Clone, Debug)]
pub enum Address {
    /// A UNIX socket.
    Unix(PathBuf),
    /// A TCP port.
    Tcp(SocketAddr),
}

/// A connection to a server.
#[derive(Debug)]
pub struct Client {
    socket: OwnedFd,
    inbox: Vec<u8>,
}

/// More than all answers that a client of these loads can have before it reads.
const READ_BYTES: usize = 4096;

impl Client {
    /// Connects; waits if the server is behind with accepting.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn connect(to: &Address) -> io::Result<Self> {
        let socket = match to {
            Address::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_nonblocking(true)?;
                OwnedFd::from(stream)
            }
            Address::Tcp(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                stream.set_nonblocking(true)?;
                OwnedFd::from(stream)
            }
        };
        Ok(Self {
            socket,
            inbox: Vec::new(),
        })
    }

    /// Sends `bytes`, in one piece.
    ///
    /// # Errors
    ///
    /// The server has gone, or reads nothing any more.
    pub fn say(&self, bytes: &[u8]) -> io::Result<()> {
        match send(&self.socket, bytes, SendFlags::NOSIGNAL)? {
            sent if sent == bytes.len() => Ok(()),
            _ => Err(io::ErrorKind::WriteZero.into()),
        }
    }

    /// Says that nothing more will be said.
    ///
    /// # Errors
    ///
    /// The server has gone.
    pub fn half_close(&self) -> io::Result<()> {
        Ok(shutdown(&self.socket, Shutdown::Write)?)
    }

    /// Reads what has come; `false` if the server has closed.
    pub(crate) fn receive(&mut self) -> bool {
        let mut buffer = [0; READ_BYTES];
        match recv(&self.socket, &mut buffer[..], RecvFlags::empty()) {
            Ok((0, _)) => false,
            Ok((bytes, _)) => {
                self.inbox.extend_from_slice(&buffer[..bytes]);
                true
            }
            Err(Errno::AGAIN) => true,
            Err(_) => false,
        }
    }

    /// The next answer of those that have been received.
    pub(crate) fn next_said(&mut self, vocabulary: &mut Vocabulary) -> io::Result<Option<Said>> {
        let Some((said, length)) = vocabulary.first(&self.inbox)? else {
            return Ok(None);
        };
        self.inbox.drain(..length);
        Ok(Some(said))
    }

    /// Waits for the next answer, at most `limit`.
    ///
    /// # Errors
    ///
    /// There is none by then, or the server has closed.
    pub fn wait(&mut self, vocabulary: &mut Vocabulary, limit: Duration) -> io::Result<Said> {
        let end = Instant::now() + limit;
        loop {
            if let Some(said) = self.next_said(vocabulary)? {
                return Ok(said);
            }
            self.wait_readable(end)?;
            if !self.receive() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Waits until the server has closed, at most `limit`.
    ///
    /// # Errors
    ///
    /// It has not by then.
    pub fn wait_closed(&mut self, limit: Duration) -> io::Result<()> {
        let end = Instant::now() + limit;
        while self.receive() {
            self.wait_readable(end)?;
        }
        Ok(())
    }

    fn wait_readable(&self, end: Instant) -> io::Result<()> {
        let left = end.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(self, PollFlags::IN)], Some(&left))? {
            0 => Err(io::ErrorKind::TimedOut.into()),
            _ => Ok(()),
        }
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
