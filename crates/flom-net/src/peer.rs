//! Who is at the other end of a connection, as far as the system knows.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use socket2::{Domain, SockRef};

/// The other end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Peer {
    /// A process of this machine, at the moment at which it connected. The system says so, not the
    /// process.
    Local {
        /// Its effective user.
        uid: u32,
        /// Its number; `None` if it is none here, as that of a process of another container.
        pid: Option<u32>,
    },
    /// Somebody at this address.
    Remote(SocketAddr),
}

impl Peer {
    /// Who is at the other end of `socket`, a UNIX or TCP connection.
    ///
    /// # Errors
    ///
    /// As the system says; for TCP also if the peer has gone.
    pub fn of(socket: &impl AsFd) -> io::Result<Self> {
        let tcp = SockRef::from(socket);
        if tcp.local_addr()?.domain() != Domain::UNIX {
            let address = tcp.peer_addr()?.as_socket();
            return address.map(Self::Remote).ok_or_else(neither);
        }
        let credentials = getsockopt(socket, PeerCredentials)?;
        Ok(Self::Local {
            uid: credentials.uid(),
            pid: u32::try_from(credentials.pid()).ok().filter(|pid| *pid > 0),
        })
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local {
                uid,
                pid: Some(pid),
            } => write!(f, "uid {uid} (pid {pid})"),
            Self::Local { uid, pid: None } => write!(f, "uid {uid}"),
            Self::Remote(address) => address.fmt(f),
        }
    }
}

fn neither() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "it is neither a UNIX nor a TCP connection",
    )
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;
    use std::process;

    use nix::unistd::geteuid;

    use super::*;

    #[test]
    fn a_local_peer_is_known_by_user_and_process_though_it_be_gone() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let me = Peer::Local {
            uid: geteuid().as_raw(),
            pid: Some(process::id()),
        };
        assert_eq!(Peer::of(&ours).unwrap(), me);
        drop(theirs);
        assert_eq!(Peer::of(&ours).unwrap(), me);
    }

    #[test]
    fn a_remote_peer_is_known_by_its_address() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(host).unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (socket, _) = listener.accept().unwrap();
            let address = client.local_addr().unwrap();
            assert_eq!(Peer::of(&socket).unwrap(), Peer::Remote(address));
        }
    }
}
