//! A name outside of the file system, which nobody can sweep away.
//!
//! Whoever cleans up a directory such as `/tmp` may remove a daemon's socket and its lock file. The
//! files say nothing then about the daemon, which goes on keeping locks; a second one would give the
//! same locks to others. So each daemon also listens on a name of Linux's abstract namespace that
//! follows from where the socket is. It is freed by the system with the process.
//!
//! Nothing is said over it: somebody who connects finds the files gone, and the daemon looks after
//! them. The name holds for a network namespace; between two that share a directory, the lock file
//! alone keeps daemons apart.

use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;

use socket2::{Domain, SockAddr, Socket, Type};

/// The name that goes with a socket's path: by directory, whatever it is called there or here.
fn name(socket: &Path) -> io::Result<String> {
    let directory = match socket.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let directory = directory.metadata()?;
    let mut file = DefaultHasher::new();
    file.write(socket.file_name().unwrap_or_default().as_bytes());
    let (device, inode, file) = (directory.dev(), directory.ino(), file.finish());
    Ok(format!("flom/door/{device:x}:{inode:x}/{file:x}"))
}

/// Takes the name; the socket does not block.
///
/// # Errors
///
/// [`io::ErrorKind::AddrInUse`] if somebody has it. Anything else means that there are no such names
/// here.
pub(crate) fn take(socket: &Path) -> io::Result<UnixListener> {
    let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(name(socket)?)?)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Has whoever has the name look after its files. Does not wait.
pub(crate) fn knock(socket: &Path) -> io::Result<()> {
    let knocking = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    knocking.set_nonblocking(true)?;
    // A leading NUL stands for the abstract namespace.
    knocking.connect(&SockAddr::unix(format!("\0{}", name(socket)?))?)
}
