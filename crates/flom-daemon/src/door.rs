//! The socket that clients connect to, UNIX or TCP.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use flom_net::{DoorError, Keepalive, UnixDoor, tune};
use flom_types::target;
use log::warn;
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with};

use crate::start::BACKLOG;

/// A socket that clients connect to. It does not block.
#[derive(Debug)]
pub(crate) enum Door {
    /// Of our own, as its name is.
    Unix(UnixDoor),
    /// Of a service manager, which goes on listening when the daemon ends.
    PassedUnix(UnixListener),
    /// Of our own or passed: it has no name to take care of.
    Tcp(TcpListener),
}

/// What was found at the door.
#[derive(Debug)]
pub(crate) enum Found {
    /// A client; its socket does not block.
    Client(OwnedFd),
    /// A client that has gone already, or cannot be served for a reason of its own.
    Nobody,
    /// Nobody is left there.
    Empty,
    /// Somebody may be there, but cannot be let in for want of descriptors or memory.
    Full(Errno),
}

impl Door {
    /// A door for TCP connections, each of which is noticed when its peer vanishes.
    ///
    /// # Errors
    ///
    /// As the system says; on Linux only if this is no TCP socket.
    pub(crate) fn tcp(listener: TcpListener, keepalive: &Keepalive) -> io::Result<Self> {
        tune(&listener, keepalive)?;
        Ok(Self::Tcp(listener))
    }

    /// Lets one client in.
    pub(crate) fn accept(&self) -> Found {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        match accept_with(self.as_fd(), flags) {
            Ok(socket) => Found::Client(socket),
            Err(Errno::AGAIN) => Found::Empty,
            Err(error) if concerns_the_client(error) => Found::Nobody,
            // Whatever else it is, it does not go away by asking again at once.
            Err(error) => Found::Full(error),
        }
    }

    /// Takes the name away, if there is one: whoever has come until now can still be let in, nobody
    /// comes after.
    pub(crate) fn hide(&self) {
        if let Self::Unix(door) = self
            && let Err(error) = door.hide()
        {
            warn!(target: target::DAEMON, "cannot remove {self}: {error}");
        }
    }

    /// Puts the name back, if it was taken away; whether the socket is a new one then.
    ///
    /// # Errors
    ///
    /// As the system says. Nobody can come in any more.
    pub(crate) fn show(&mut self) -> Result<bool, DoorError> {
        match self {
            Self::Unix(door) => door.show(BACKLOG).map(|()| true),
            Self::PassedUnix(_) | Self::Tcp(_) => Ok(false),
        }
    }

    /// What becomes readable when somebody finds the files of the door gone.
    pub(crate) fn claim(&self) -> Option<&UnixListener> {
        match self {
            Self::Unix(door) => door.claim(),
            Self::PassedUnix(_) | Self::Tcp(_) => None,
        }
    }

    /// Puts back the files that somebody has removed; whether the socket is a new one then.
    ///
    /// # Errors
    ///
    /// What stands in the way.
    pub(crate) fn restore(&mut self) -> Result<bool, DoorError> {
        while self.claim().is_some_and(|claim| claim.accept().is_ok()) {}
        match self {
            Self::Unix(door) => door.restore(BACKLOG),
            Self::PassedUnix(_) | Self::Tcp(_) => Ok(false),
        }
    }

    pub(crate) fn tcp_address(&self) -> Option<SocketAddr> {
        match self {
            Self::Unix(_) | Self::PassedUnix(_) => None,
            Self::Tcp(listener) => listener.local_addr().ok(),
        }
    }

    /// Whether nobody comes in from another host.
    pub(crate) fn is_local(&self) -> bool {
        match self {
            Self::Unix(_) | Self::PassedUnix(_) => true,
            Self::Tcp(_) => {
                let address = self.tcp_address();
                address.is_some_and(|address| address.ip().to_canonical().is_loopback())
            }
        }
    }
}

impl AsFd for Door {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(door) => door.listener().as_fd(),
            Self::PassedUnix(listener) => listener.as_fd(),
            Self::Tcp(listener) => listener.as_fd(),
        }
    }
}

impl AsRawFd for Door {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(door) => write!(f, "{}", path(door.listener()).display()),
            Self::PassedUnix(listener) => write!(f, "{}", path(listener).display()),
            Self::Tcp(..) => match self.tcp_address() {
                Some(address) => write!(f, "{address}"),
                None => f.write_str("a TCP port"),
            },
        }
    }
}

fn path(listener: &UnixListener) -> PathBuf {
    let address = listener.local_addr().ok();
    let path = address.as_ref().and_then(|address| address.as_pathname());
    path.unwrap_or("a UNIX socket".as_ref()).to_owned()
}

/// Whether `accept` reports what happened to a connection before it was accepted (accept(2), "Error
/// handling"): the next one may be fine.
fn concerns_the_client(error: Errno) -> bool {
    matches!(
        error,
        Errno::CONNABORTED
            | Errno::CONNRESET
            | Errno::INTR
            | Errno::PROTO
            | Errno::PERM
            | Errno::NOPROTOOPT
            | Errno::OPNOTSUPP
            | Errno::HOSTDOWN
            | Errno::HOSTUNREACH
            | Errno::NETDOWN
            | Errno::NETUNREACH
            | Errno::NONET
            | Errno::TIMEDOUT
    )
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::time::Duration;

    use flom_net::listen_tcp;
    use rustix::fs::{OFlags, fcntl_getfl};
    use rustix::io::{FdFlags, fcntl_getfd};
    use rustix::net::sockopt::{socket_keepalive, tcp_keepcnt, tcp_nodelay};

    use super::*;

    #[test]
    fn a_door_without_a_name_stays_the_socket_that_it_was() {
        let listener = listen_tcp(&["127.0.0.1:0".parse().unwrap()], 16).unwrap();
        let keepalive = Keepalive {
            time: Duration::from_secs(60),
            interval: Duration::from_secs(10),
            probes: 7,
        };
        let mut door = Door::tcp(listener, &keepalive).unwrap();
        door.hide();
        let is_new = door.show().unwrap();
        assert!(!is_new, "it would be watched twice");
        TcpStream::connect(door.tcp_address().unwrap()).unwrap();
    }

    #[test]
    fn connections_of_both_families_are_set_up_alike() {
        let keepalive = Keepalive {
            time: Duration::from_secs(60),
            interval: Duration::from_secs(10),
            probes: 7,
        };
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let listener = listen_tcp(&[host.parse().unwrap()], 16).unwrap();
            let door = Door::tcp(listener, &keepalive).unwrap();
            assert!(matches!(door.accept(), Found::Empty));
            let _client = TcpStream::connect(door.tcp_address().unwrap()).unwrap();
            let Found::Client(socket) = door.accept() else {
                panic!("nobody came to {door}");
            };
            assert!(tcp_nodelay(&socket).unwrap(), "{door}");
            assert!(socket_keepalive(&socket).unwrap(), "{door}");
            assert_eq!(tcp_keepcnt(&socket).unwrap(), 7, "{door}");
            assert!(fcntl_getfl(&socket).unwrap().contains(OFlags::NONBLOCK));
            assert!(fcntl_getfd(&socket).unwrap().contains(FdFlags::CLOEXEC));
        }
    }
}
