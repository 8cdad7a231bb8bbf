//! A connection to a daemon that never makes its owner wait longer than it wants to.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use flom_net::{PeerName, Stream};
use flom_settings::Tls;
use flom_types::target;
use log::debug;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::secured::{Opened, Secured};
use crate::tls::{self, TlsError};
use crate::trace;

/// What a reader waits for.
pub(crate) const READABLE: PollFlags = PollFlags::IN;

/// A connection whose reads and writes do not block, and the name of who is at its other end.
///
/// Everything takes it by reference, so that the holder of a lock can be looked after by several
/// threads.
#[derive(Debug)]
pub(crate) struct Line {
    stream: Stream,
    peer: String,
    /// TLS, if there is.
    secured: Option<Secured>,
    /// Whether the daemon's id must be its proven name.
    checks_peer: bool,
}

/// What a read found on the socket.
pub(crate) type Received = Heard;

/// What a read found.
#[derive(Debug)]
pub(crate) enum Heard {
    /// So many bytes, at the start of the buffer.
    Bytes(usize),
    /// Nothing yet.
    Nothing,
    /// The peer has closed the connection, or it broke for this reason.
    End(Option<io::Error>),
}

impl Line {
    /// Takes over a connection to the daemon called `peer`.
    ///
    /// # Errors
    ///
    /// If the system refuses to let its reads return at once.
    pub(crate) fn new(stream: Stream, peer: String) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        debug!(target: target::CONN, "connected to {peer}");
        Ok(Self {
            stream,
            peer,
            secured: None,
            checks_peer: false,
        })
    }

    /// Encrypts the connection as `tls` says, if it says so; the handshake is done then.
    ///
    /// # Errors
    ///
    /// Why that cannot be, or has not been by `until`.
    pub(crate) fn secure(mut self, tls: &Tls, until: Instant) -> Result<Self, TlsError> {
        if let Some((layer, hello)) = tls::layer(tls)? {
            let secured = Secured::new(layer);
            secured.shake_hands(&self, &hello, until)?;
            self.secured = Some(secured);
            self.checks_peer = tls.check_peer_id;
        }
        Ok(self)
    }

    /// Whether the connection is encrypted.
    pub(crate) fn is_secured(&self) -> bool {
        self.secured.is_some()
    }

    /// Whether the daemon, which says that its id is `claimed`, is whom its certificate was made
    /// for, if that matters.
    pub(crate) fn check_peer(&self, claimed: &str) -> Result<(), TlsError> {
        let proven = self.secured.as_ref().and_then(Secured::peer_name);
        let proven = proven.as_ref().map_or("", PeerName::as_str);
        if self.checks_peer && (claimed.is_empty() || claimed != proven) {
            let (claimed, proven) = (claimed.to_owned(), proven.to_owned());
            return Err(TlsError::OtherPeer { claimed, proven });
        }
        Ok(())
    }

    pub(crate) fn peer(&self) -> &str {
        &self.peer
    }

    /// Sends `bytes` in one piece where the system takes them so, which it does for a message
    /// unless the peer has not read for long.
    ///
    /// # Errors
    ///
    /// As the system says; [`io::ErrorKind::TimedOut`] if it does not take them within `limit`.
    pub(crate) fn send(&self, bytes: &[u8], limit: Duration) -> io::Result<()> {
        trace::sent(&self.peer, bytes);
        match &self.secured {
            None => self.send_raw(bytes, limit),
            Some(secured) => {
                let wire = secured.seal(bytes).map_err(TlsError::into_io)?;
                self.send_raw(&wire, limit)
            }
        }
    }

    /// Sends `bytes` as they are.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub(crate) fn send_raw(&self, bytes: &[u8], limit: Duration) -> io::Result<()> {
        let until = Instant::now() + limit;
        let mut sent = 0;
        while sent < bytes.len() {
            match (&self.stream).write(&bytes[sent..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(more) => sent += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if !self.wait(PollFlags::OUT, until)? {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what is there, without waiting for it.
    pub(crate) fn hear(&self, buffer: &mut [u8]) -> Heard {
        let heard = match &self.secured {
            None => match self.receive(buffer) {
                Heard::Bytes(_) if tls::begins(buffer[0]) => {
                    Heard::End(Some(TlsError::OnlyDaemon.into_io()))
                }
                heard => heard,
            },
            Some(secured) => match secured.hear(self, buffer) {
                Opened::Bytes(bytes) => Heard::Bytes(bytes),
                Opened::Nothing => Heard::Nothing,
                Opened::End => Heard::End(None),
                Opened::Failed(TlsError::Broken(error)) => Heard::End(Some(error)),
                Opened::Failed(error) => Heard::End(Some(error.into_io())),
            },
        };
        if let Heard::Bytes(bytes) = heard {
            trace::received(&self.peer, &buffer[..bytes]);
        }
        heard
    }

    /// Why the peer has ended an encrypted connection over which nothing can be sent any more, if
    /// it has said so.
    pub(crate) fn last_word(&self) -> Option<io::Error> {
        let mut buffer = [0; 1024];
        loop {
            match self.hear(&mut buffer) {
                Heard::Bytes(_) => {}
                Heard::End(Some(error)) if TlsError::within(&error).is_some() => {
                    return Some(error);
                }
                Heard::Nothing | Heard::End(_) => return None,
            }
        }
    }

    /// Reads what is on the socket, without waiting for it.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> Received {
        loop {
            match (&self.stream).read(buffer) {
                Ok(0) => {
                    debug!(target: target::CONN, "{} has closed the connection", self.peer);
                    return Heard::End(None);
                }
                Ok(bytes) => return Heard::Bytes(bytes),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Heard::Nothing,
                Err(error) => {
                    debug!(target: target::CONN, "connection to {} broke: {error}", self.peer);
                    return Heard::End(Some(error));
                }
            }
        }
    }

    /// Says that nothing more will come and waits, at most for `limit`, until the peer has closed
    /// the connection too: then it has acted on all that was said. `false` if it has not.
    pub(crate) fn hang_up(&self, limit: Duration) -> bool {
        debug!(target: target::CONN, "hangs up");
        let until = Instant::now() + limit;
        if self.stream.shutdown(Shutdown::Write).is_err() {
            return true; // the peer has closed already
        }
        // What still arrives, such as a grant that crossed our withdrawal, is of no use any more.
        // A peer that talks on and on gets no more time than a silent one.
        let mut buffer = [0; 1024];
        loop {
            match self.hear(&mut buffer) {
                Heard::End(_) => return true,
                Heard::Bytes(_) if Instant::now() < until => {}
                Heard::Bytes(_) => return false,
                Heard::Nothing => match self.wait(PollFlags::IN, until) {
                    Ok(true) => {}
                    Ok(false) | Err(_) => return false,
                },
            }
        }
    }

    /// Waits until the connection is ready for `what`; `false` if it is not by then.
    pub(crate) fn wait(&self, what: PollFlags, until: Instant) -> io::Result<bool> {
        wait_for(self.as_fd(), what, until)
    }
}

impl AsFd for Line {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// Waits until `descriptor` is ready for `what`, or has failed; `false` if it is not by then.
pub(crate) fn wait_for(
    descriptor: BorrowedFd<'_>,
    what: PollFlags,
    until: Instant,
) -> io::Result<bool> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let limit = Timespec::try_from(left).unwrap_or(Timespec {
            tv_sec: i64::MAX,
            tv_nsec: 0,
        });
        match poll(
            &mut [PollFd::from_borrowed_fd(descriptor, what)],
            Some(&limit),
        ) {
            Ok(ready) => return Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    const SOON: Duration = Duration::from_millis(20);
    const AMPLE: Duration = Duration::from_secs(60);

    fn pair() -> (Line, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (
            Line::new(Stream::Unix(ours), "test".into()).unwrap(),
            theirs,
        )
    }

    #[test]
    fn a_peer_that_never_closes_is_waited_for_no_longer_than_the_limit() {
        let (line, _theirs) = pair();
        assert!(!line.hang_up(SOON));
    }

    #[test]
    fn a_peer_that_talks_on_and_on_is_waited_for_no_longer_than_the_limit() {
        let (line, mut theirs) = pair();
        let talker = std::thread::spawn(move || while theirs.write_all(&[b'x'; 512]).is_ok() {});
        assert!(!line.hang_up(SOON));
        drop(line);
        talker.join().unwrap();
    }

    #[test]
    fn hanging_up_ends_as_soon_as_the_peer_closes() {
        let (line, mut theirs) = pair();
        let peer = std::thread::spawn(move || {
            theirs.read_to_end(&mut Vec::new()).unwrap(); // until we hang up
            theirs.write_all(b"a grant that came too late").unwrap();
        });
        assert!(line.hang_up(AMPLE));
        peer.join().unwrap();
    }

    #[test]
    fn a_peer_that_does_not_read_cannot_hold_up_the_sender() {
        let (line, _theirs) = pair();
        let much = vec![b'x'; 16 << 20];
        assert_eq!(
            line.send(&much, SOON).unwrap_err().kind(),
            io::ErrorKind::TimedOut
        );
    }

    #[test]
    fn nothing_there_is_not_the_end() {
        let (line, theirs) = pair();
        let mut buffer = [0; 8];
        assert!(matches!(line.hear(&mut buffer), Heard::Nothing));
        (&theirs).write_all(b"ab").unwrap();
        assert!(matches!(line.hear(&mut buffer), Heard::Bytes(2)));
        drop(theirs);
        assert!(matches!(line.hear(&mut buffer), Heard::End(None)));
    }
}
