//! A client's connection to a daemon.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use flom_types::target;
use log::debug;
use socket2::{Domain, SockAddr, Socket, Type};

use crate::address::lacks_scope;

/// A connection to a daemon; closed when dropped, and not inherited by programs started meanwhile.
#[derive(Debug)]
pub enum Stream {
    /// On this host.
    Unix(UnixStream),
    /// Over the network.
    Tcp(TcpStream),
}

/// How long a daemon's queue may stay full.
const QUEUE_LIMIT: Duration = Duration::from_secs(10);

/// Between two looks at a full queue; the system does not tell when there is room.
const QUEUE_PAUSE: Duration = Duration::from_millis(10);

/// Connects to the daemon on the UNIX socket `path`. Waits for room in its queue, at most for 10 s.
///
/// # Errors
///
/// As [`connect_unix_within`].
pub fn connect_unix(path: &Path) -> io::Result<Stream> {
    connect_unix_within(path, QUEUE_LIMIT)
}

/// Connects to the daemon on the UNIX socket `path`. Waits for room in its queue, at most for
/// `limit`.
///
/// # Errors
///
/// As the system says: [`io::ErrorKind::NotFound`] if there is no such socket,
/// [`io::ErrorKind::ConnectionRefused`] if it is left over and nobody listens;
/// [`io::ErrorKind::TimedOut`] if the daemon lets nobody in.
pub fn connect_unix_within(path: &Path, limit: Duration) -> io::Result<Stream> {
    let address = SockAddr::unix(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    let started = Instant::now();
    loop {
        match socket.connect(&address) {
            Ok(()) => break,
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            Err(_) if started.elapsed() >= limit => return Err(io::ErrorKind::TimedOut.into()),
            Err(_) => thread::sleep(QUEUE_PAUSE),
        }
    }
    socket.set_nonblocking(false)?;
    Ok(Stream::Unix(socket.into()))
}

/// Connects to the first of the `addresses` that accepts.
///
/// All together get as long as `limit`: each address may use its share of what is left, so that
/// one that swallows everything does not keep the next from being tried. What is written goes out
/// at once (`TCP_NODELAY`).
///
/// # Errors
///
/// Those of the last address, with the address in the text; [`io::ErrorKind::TimedOut`] if it was
/// silent.
pub fn connect_tcp(addresses: &[SocketAddr], limit: Duration) -> io::Result<Stream> {
    let started = Instant::now();
    let mut refusal = io::Error::new(io::ErrorKind::InvalidInput, "no address to connect to");
    for (address, left) in addresses.iter().zip((1..=addresses.len()).rev()) {
        let share = limit.saturating_sub(started.elapsed()) / u32::try_from(left).unwrap_or(1);
        match connect_one(address, share) {
            Ok(stream) => {
                debug!(target: target::WIRE, "connected to {address}");
                return Ok(Stream::Tcp(stream));
            }
            Err(error) => {
                let text = format!("cannot connect to {address}: {error}");
                debug!(target: target::WIRE, "{text}");
                refusal = io::Error::new(error.kind(), text);
            }
        }
    }
    Err(refusal)
}

fn connect_one(address: &SocketAddr, limit: Duration) -> io::Result<TcpStream> {
    if lacks_scope(address) {
        return Err(unscoped());
    }
    let stream = TcpStream::connect_timeout(address, limit.max(Duration::from_millis(1)))?;
    // A port from which connections of this host start can be given to this very connection; then
    // it is connected to itself, and nobody listens there.
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The system would only say "invalid argument".
pub(crate) fn unscoped() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "it is a link-local address, and no network interface is named",
    )
}

impl Stream {
    /// Ends one direction of the connection, or both.
    ///
    /// # Errors
    ///
    /// As the system says, [`io::ErrorKind::NotConnected`] if the peer has gone already.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Self::Unix(stream) => stream.shutdown(how),
            Self::Tcp(stream) => stream.shutdown(how),
        }
    }

    /// Whether reading and writing return [`io::ErrorKind::WouldBlock`] instead of waiting.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        match self {
            Self::Unix(stream) => stream.set_nonblocking(nonblocking),
            Self::Tcp(stream) => stream.set_nonblocking(nonblocking),
        }
    }

    /// How long a read waits before it returns [`io::ErrorKind::WouldBlock`]; `None` is for ever.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] if the limit is zero.
    pub fn set_read_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Unix(stream) => stream.set_read_timeout(limit),
            Self::Tcp(stream) => stream.set_read_timeout(limit),
        }
    }
}

impl Read for &Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Unix(stream) => (&*stream).read(buffer),
            Stream::Tcp(stream) => (&*stream).read(buffer),
        }
    }
}

impl Write for &Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Unix(stream) => (&*stream).write(bytes),
            Stream::Tcp(stream) => (&*stream).write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(()) // nothing is held back here
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(()) // nothing is held back here
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(stream) => stream.as_fd(),
            Self::Tcp(stream) => stream.as_fd(),
        }
    }
}

impl AsRawFd for Stream {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use socket2::SockRef;

    use super::*;

    #[test]
    fn a_daemon_that_lets_nobody_in_is_not_waited_for_for_ever() {
        let name = format!("flom-queue-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let listener = UnixListener::bind(&path).unwrap();
        SockRef::from(&listener).listen(0).unwrap();
        let first = connect_unix(&path).unwrap();
        let error = connect_unix_within(&path, Duration::from_millis(30)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        listener.accept().unwrap();
        connect_unix(&path).unwrap();
        drop(first);
        std::fs::remove_file(&path).unwrap();
    }
}
