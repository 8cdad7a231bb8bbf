//! Listening sockets that a service manager has opened for the daemon (`sd_listen_fds(3)`).

use std::env;
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixListener;
use std::process;

use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;

use crate::entrances::DOORS;

/// The number of the first descriptor that is passed.
const FIRST: usize = 3;

/// A listening socket that was passed. It belongs to the manager: its name, if it has one, stays
/// when the daemon ends.
#[derive(Debug)]
pub struct PassedSocket {
    /// What the manager calls it, which is nothing but a help for people.
    pub name: Option<String>,
    /// The socket.
    pub listener: PassedListener,
}

/// What can be passed.
#[derive(Debug)]
pub enum PassedListener {
    /// A UNIX stream socket.
    Unix(UnixListener),
    /// A TCP socket.
    Tcp(TcpListener),
}

/// Why passed sockets cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PassedError {
    /// There are too many.
    #[error("{count} sockets were passed (LISTEN_FDS), at most {DOORS} can be served")]
    TooMany {
        /// How many.
        count: usize,
    },
    /// It is something else.
    #[error("passed descriptor {descriptor}{} is no listening stream socket", named(.name.as_ref()))]
    NoListener {
        /// Its number.
        descriptor: usize,
        /// Its name.
        name: Option<String>,
    },
    /// It cannot be kept from blocking.
    #[error("cannot use passed descriptor {descriptor}{}", named(.name.as_ref()))]
    Unusable {
        /// Its number.
        descriptor: usize,
        /// Its name.
        name: Option<String>,
        /// What the system said.
        source: io::Error,
    },
}

/// Takes the sockets that `LISTEN_FDS` counts, if `LISTEN_PID` says that they are meant for this
/// process. To be called once, before there are threads.
///
/// # Errors
///
/// [`PassedError`]; a daemon that served only some of them would leave clients of the others
/// waiting.
pub fn take_passed() -> Result<Vec<PassedSocket>, PassedError> {
    let text = |name| env::var(name).unwrap_or_default();
    let count = count(&text("LISTEN_PID"), &text("LISTEN_FDS"), process::id());
    if count == 0 {
        return Ok(Vec::new());
    } else if count > DOORS {
        return Err(PassedError::TooMany { count });
    }
    let names = text("LISTEN_FDNAMES");
    let mut descriptors = ListenFd::from_env();
    (0..count)
        .map(|index| take(&mut descriptors, index, name(&names, index)))
        .collect()
}

/// How many sockets were passed to the process `own`.
fn count(pid: &str, count: &str, own: u32) -> usize {
    match pid.parse() == Ok(own) {
        true => count.parse().unwrap_or(0),
        false => 0,
    }
}

/// The name of a descriptor in a list with colons. `unknown` stands for none (`sd_listen_fds(3)`).
fn name(names: &str, index: usize) -> Option<String> {
    let name = names.split(':').nth(index)?;
    (!name.is_empty() && name != "unknown").then(|| name.to_owned())
}

fn take(
    descriptors: &mut ListenFd,
    index: usize,
    name: Option<String>,
) -> Result<PassedSocket, PassedError> {
    let descriptor = FIRST + index;
    let listener = match descriptors.take_unix_listener(index) {
        Ok(unix) => unix.map(PassedListener::Unix),
        Err(_) => {
            let tcp = descriptors.take_tcp_listener(index).ok().flatten();
            tcp.map(PassedListener::Tcp)
        }
    };
    let listens = |listener: &PassedListener| socket_acceptconn(listener).unwrap_or(false);
    let Some(listener) = listener.filter(listens) else {
        return Err(PassedError::NoListener { descriptor, name });
    };
    match listener.set_nonblocking() {
        Ok(()) => Ok(PassedSocket { name, listener }),
        Err(source) => Err(PassedError::Unusable {
            descriptor,
            name,
            source,
        }),
    }
}

impl PassedListener {
    fn set_nonblocking(&self) -> io::Result<()> {
        match self {
            Self::Unix(listener) => listener.set_nonblocking(true),
            Self::Tcp(listener) => listener.set_nonblocking(true),
        }
    }
}

impl AsFd for PassedListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(listener) => listener.as_fd(),
            Self::Tcp(listener) => listener.as_fd(),
        }
    }
}

/// What is added about a descriptor that has a name.
fn named(name: Option<&String>) -> String {
    name.map(|name| format!(" ({name})")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sockets_for_this_process_are_taken() {
        let table = [
            ("7", "2", 2),
            ("7", "0", 0),
            ("7", "", 0),
            ("7", "-1", 0),
            ("7", "two", 0),
            ("8", "2", 0),
            ("", "2", 0),
        ];
        for (pid, fds, expected) in table {
            assert_eq!(count(pid, fds, 7), expected, "{pid} {fds}");
        }
    }

    #[test]
    fn a_socket_has_a_name_if_the_manager_gives_it_one() {
        let names = "flom.socket::unknown:tcp";
        let names = [0, 1, 2, 3, 4].map(|index| name(names, index));
        let [unix, tcp] = ["flom.socket", "tcp"].map(|name| Some(name.to_owned()));
        assert_eq!(names, [unix, None, None, tcp, None]);
    }
}
