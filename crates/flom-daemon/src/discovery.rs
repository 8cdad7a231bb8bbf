//! The socket on which clients ask the group who is there.
//!
//! Anything can come in here, from anybody: what is no query is dropped without a word, and nothing
//! closes the socket (`spec/discovery.md` §7).

use std::fmt;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use flom_discovery::Responder;
use flom_types::limits::DATAGRAM_BYTES;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

use crate::records::QUERY;
use crate::system_log::SystemLog;
use crate::trace;

/// Datagrams that are dealt with in one turn.
const SHARE: usize = 64;

/// Answers queries.
#[derive(Debug)]
pub(crate) struct Discovery {
    socket: UdpSocket,
    group: SocketAddr,
    responder: Responder,
    /// One byte more than a query may have, so that longer ones show.
    buffer: [u8; DATAGRAM_BYTES + 1],
    /// There may be datagrams; the system only tells about new ones.
    ready: bool,
    system_log: SystemLog,
}

impl Discovery {
    /// Answers what comes in at `socket`, which has joined `group`, as `responder` says.
    ///
    /// # Errors
    ///
    /// The socket cannot be kept from blocking.
    pub(crate) fn new(
        socket: UdpSocket,
        group: SocketAddr,
        responder: Responder,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            group,
            responder,
            buffer: [0; DATAGRAM_BYTES + 1],
            ready: true,
            system_log: SystemLog::none(),
        })
    }

    /// Tells `system_log` who asks.
    pub(crate) fn log_to(&mut self, system_log: SystemLog) {
        self.system_log = system_log;
    }

    /// Has the system tell under `token` that something has come in.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub(crate) fn register(&self, token: Token, registry: &Registry) -> io::Result<()> {
        registry.register(&mut SourceFd(&self.as_raw_fd()), token, Interest::READABLE)
    }

    /// Something has come in.
    pub(crate) fn knock(&mut self) {
        self.ready = true;
    }

    /// Whether there may be datagrams.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready
    }

    /// Answers the queries that are there, but for those that come from `ours`, as far as a turn
    /// goes; how many they are.
    pub(crate) fn serve(&mut self, ours: impl Fn(SocketAddr) -> bool) -> usize {
        let mut queries = 0;
        for _ in 0..SHARE {
            if !self.ready {
                break;
            }
            match self.socket.recv_from(&mut self.buffer) {
                Ok((length, from)) if !ours(from) => queries += self.reply(length, from),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.ready = false,
                // One of ours. Or what has become of an earlier reply, or a signal: the next
                // datagram may be fine.
                Ok(_) | Err(_) => {}
            }
        }
        queries
    }

    /// The number of queries answered: one or none.
    fn reply(&self, length: usize, from: SocketAddr) -> usize {
        let datagram = &self.buffer[..length];
        trace::datagram("from", from, datagram);
        let Some(reply) = self.responder.reply(datagram) else {
            return 0;
        };
        self.system_log
            .tell(QUERY, format_args!("asked by {from} who is there"));
        trace::datagram("to", from, reply);
        // Who asks will ask again; an answer that is lost needs no more care than that.
        usize::from(self.socket.send_to(reply, from).is_ok())
    }
}

impl fmt::Display for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "group {}", self.group)
    }
}

impl AsFd for Discovery {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for Discovery {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}
