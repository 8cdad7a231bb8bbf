//! The protocol as bytes (`spec/protocol.md`), written down once more.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::net::sockopt::set_socket_linger;

use super::{Host, PATIENCE, uninterrupted};

/// The host id that the tests say they have; as long as a true one.
pub(crate) const PEER: &str = "0123456789abcdef0123456789abcdef";

const PROLOG: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>";
const END: &[u8] = b"</msg>";

/// A whole message, byte for byte as the old programs write it.
pub(crate) fn message(verb: u32, step: u32, body: &str) -> String {
    format!("{PROLOG}<msg level=\"3\" verb=\"{verb}\" step=\"{step}\">{body}</msg>")
}

/// An unlock message.
pub(crate) fn unlock(name: &str) -> String {
    let name = STANDARD.encode(name);
    message(
        2,
        8,
        &format!("<resource name=\"{name}\" rollback=\"0\" />"),
    )
}

/// Asks for this simple resource: mode EX, may wait, may create.
pub(crate) fn ask(name: &str) -> Ask<'_> {
    Ask {
        name,
        mode: 5,
        wait: 1,
        create: 1,
        lifespan: 0,
    }
}

/// A lock message to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) name: &'a str,
    pub(crate) mode: i64,
    pub(crate) wait: u8,
    pub(crate) create: u8,
    pub(crate) lifespan: u32,
}

impl Ask<'_> {
    pub(crate) fn message(self) -> String {
        let Self {
            name,
            mode,
            wait,
            create,
            lifespan,
        } = self;
        let name = STANDARD.encode(name);
        let resource = format!(
            "<resource name=\"{name}\" mode=\"{mode}\" wait=\"{wait}\" create=\"{create}\" \
             lifespan=\"{lifespan}\"/>"
        );
        message(1, 8, &format!("<session peerid=\"{PEER}\"/>{resource}"))
    }
}

/// A stream socket of either kind.
#[derive(Debug)]
pub(crate) enum Socket {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Socket {
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Unix(socket) => socket.try_clone().map(Self::Unix),
            Self::Tcp(socket) => socket.try_clone().map(Self::Tcp),
        }
    }

    pub(crate) fn shutdown(&self, how: Shutdown) {
        // Who is gone already need not be told.
        let _ = match self {
            Self::Unix(socket) => socket.shutdown(how),
            Self::Tcp(socket) => socket.shutdown(how),
        };
    }

    fn set_read_timeout(&self, limit: Duration) -> io::Result<()> {
        match self {
            Self::Unix(socket) => socket.set_read_timeout(Some(limit)),
            Self::Tcp(socket) => socket.set_read_timeout(Some(limit)),
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(socket) => socket.as_fd(),
            Self::Tcp(socket) => socket.as_fd(),
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(socket) => socket.read(buffer),
            Self::Tcp(socket) => socket.read(buffer),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(socket) => socket.write(bytes),
            Self::Tcp(socket) => socket.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where a daemon listens.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Unix(PathBuf),
    Tcp(SocketAddr),
}

impl Place {
    /// Connects, from `host` if there is one.
    pub(crate) fn connect_from(&self, host: Option<&Host>) -> io::Result<Socket> {
        match host {
            Some(host) => host.enter(|| self.connect()),
            None => self.connect(),
        }
    }

    fn connect(&self) -> io::Result<Socket> {
        match self {
            Self::Unix(path) => UnixStream::connect(path).map(Socket::Unix),
            Self::Tcp(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                Ok(Socket::Tcp(stream))
            }
        }
    }
}

/// What has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Message(String),
    /// The other side has ended the connection, in order or not.
    Closed,
}

impl Heard {
    /// Step and code of an answer.
    #[track_caller]
    pub(crate) fn answer(&self) -> (i32, i32) {
        let number = |text: &str, name: &str| {
            let (_, tail) = text.split_once(&format!(" {name}=\""))?;
            tail.split_once('"')?.0.parse().ok()
        };
        match self {
            Self::Message(text) => number(text, "step").zip(number(text, "rc")),
            Self::Closed => None,
        }
        .unwrap_or_else(|| panic!("no answer: {self:?}"))
    }
}

/// One end of a connection, which says and hears bytes.
#[derive(Debug)]
pub(crate) struct Wire {
    socket: Socket,
    heard: Vec<u8>,
}

impl Wire {
    pub(crate) fn new(socket: Socket) -> Self {
        socket.set_read_timeout(PATIENCE).unwrap();
        Self {
            socket,
            heard: Vec::new(),
        }
    }

    /// Sends bytes; not minding if the other side is gone: that will be heard.
    pub(crate) fn say(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.socket.write_all(bytes.as_ref());
    }

    /// The next message, or the end.
    #[track_caller]
    pub(crate) fn hear(&mut self) -> Heard {
        loop {
            if let Some(message) = self.take_message() {
                return message;
            }
            let mut buffer = [0; 4096];
            match uninterrupted(|| self.socket.read(&mut buffer)) {
                Ok(0) => return Heard::Closed,
                Ok(count) => self.heard.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    panic!("nothing heard within {PATIENCE:?}")
                }
                Err(_) => return Heard::Closed,
            }
        }
    }

    /// Asks, and gives step and code of the answer.
    #[track_caller]
    pub(crate) fn ask(&mut self, ask: Ask<'_>) -> (i32, i32) {
        self.say(ask.message());
        self.hear().answer()
    }

    /// Bytes that have come already and were not taken as a message.
    pub(crate) fn pending(&mut self) -> &[u8] {
        self.socket
            .set_read_timeout(Duration::from_millis(1))
            .unwrap();
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = uninterrupted(|| self.socket.read(&mut buffer)) {
            self.heard.extend_from_slice(&buffer[..count]);
        }
        self.socket.set_read_timeout(PATIENCE).unwrap();
        &self.heard
    }

    /// Whether the other side has ended the connection within this time, and said nothing before.
    pub(crate) fn has_ended_within(&mut self, limit: Duration) -> bool {
        self.socket.set_read_timeout(limit).unwrap();
        let ended = matches!(uninterrupted(|| self.socket.read(&mut [0])), Ok(0));
        self.socket.set_read_timeout(PATIENCE).unwrap();
        ended
    }

    /// Whether somebody still takes what is said here.
    pub(crate) fn is_there(&mut self) -> bool {
        self.socket.write_all(b" ").is_ok()
    }

    /// Says that nothing more will be said.
    pub(crate) fn finish(&self) {
        self.socket.shutdown(Shutdown::Write);
    }

    /// Goes away with a reset instead of an orderly end (TCP).
    pub(crate) fn reset(self) {
        set_socket_linger(&self.socket, Some(Duration::ZERO)).unwrap();
    }

    fn take_message(&mut self) -> Option<Heard> {
        let end = self
            .heard
            .windows(END.len())
            .position(|bytes| bytes == END)?
            + END.len();
        let message = self.heard.drain(..end).collect();
        Some(Heard::Message(String::from_utf8(message).unwrap()))
    }
}
