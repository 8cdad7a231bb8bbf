//! A daemon's UNIX socket: one daemon at a time, and nothing removed that is no socket.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use flom_types::limits::SOCKET_PATH_BYTES;
use flom_types::{ReturnCode, target};
use log::{debug, warn};
use nix::libc::{O_NOFOLLOW, O_NONBLOCK};
use nix::unistd::{Uid, User};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::claim;

/// A listening UNIX socket, and what keeps other daemons away from it: the lock on `NAME.lock`, and
/// a name outside of the file system in case somebody removes the files.
///
/// Goes away with the value: first the name, then the socket, lock and claim last. The lock file
/// stays; whoever removed it would let two daemons lock two files of one name.
#[derive(Debug)]
pub struct UnixDoor {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode of the socket: the name may lead to another one by now.
    identity: (u64, u64),
    /// Held, never read. Behind the listener, as fields are dropped in this order.
    lock: File,
    /// None where the system has no such names.
    claim: Option<UnixListener>,
}

/// Why a daemon cannot listen on a UNIX socket.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DoorError {
    /// The path does not fit into an address.
    #[error("socket path {} is {length} bytes long, {SOCKET_PATH_BYTES} are possible", .path.display())]
    PathLength {
        /// The path of the socket.
        path: PathBuf,
        /// Its bytes.
        length: usize,
    },
    /// The lock file can be neither opened nor created, or is no file.
    #[error("cannot open lock file {}{}", .path.display(), owned(.owner.as_ref()))]
    LockFile {
        /// The path of the lock file.
        path: PathBuf,
        /// Whose it is, if it exists.
        owner: Option<Owner>,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody else listens there, or is about to: no failure, that one will do.
    #[error("socket {} is served by another process", .path.display())]
    Busy {
        /// The path of the socket.
        path: PathBuf,
    },
    /// Something has the name of the socket that is none, and may be of value to somebody.
    #[error("{} is {what} of {owner}, not a socket: it stays", .path.display())]
    NoSocket {
        /// The path of the socket.
        path: PathBuf,
        /// What it is, as in "a regular file".
        what: &'static str,
        /// Whose it is.
        owner: Owner,
    },
    /// The socket of an earlier daemon cannot be removed, in most cases for being another user's.
    #[error("cannot remove socket {} of {owner}", .path.display())]
    Leftover {
        /// The path of the socket.
        path: PathBuf,
        /// Whose it is.
        owner: Owner,
        /// What the system said.
        source: io::Error,
    },
    /// The socket cannot be created.
    #[error("cannot bind socket {}", .path.display())]
    Bind {
        /// The path of the socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The socket was created, but takes no connections.
    #[error("cannot listen on socket {}", .path.display())]
    Listen {
        /// The path of the socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl DoorError {
    /// The number of this failure; [`DoorError::Busy`] is none, and has that of a refused bind for
    /// who asks nevertheless.
    pub fn code(&self) -> ReturnCode {
        match self {
            Self::PathLength { .. } => ReturnCode::BUFFER_OVERFLOW,
            Self::LockFile { .. } => ReturnCode::OPEN,
            Self::NoSocket { .. } | Self::Leftover { .. } => ReturnCode::UNLINK,
            Self::Bind { .. } | Self::Busy { .. } => ReturnCode::BIND,
            Self::Listen { .. } => ReturnCode::LISTEN,
        }
    }
}

/// Whose a file is; prints as the user's name, or as `uid 1234` if there is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Owner {
    /// The user's number.
    pub uid: u32,
    /// The user's name, if the system knows one.
    pub name: Option<String>,
}

impl Owner {
    fn of(file: &Metadata) -> Self {
        let user = User::from_uid(Uid::from_raw(file.uid())).ok().flatten();
        Self {
            uid: file.uid(),
            name: user.map(|user| user.name),
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => f.write_str(name),
            None => write!(f, "uid {}", self.uid),
        }
    }
}

impl UnixDoor {
    /// Listens, without blocking, on the UNIX socket `path`, which anybody may use who reaches it.
    ///
    /// Locks `PATH.lock`, creates it if need be, and replaces the socket of a daemon that is gone.
    /// Mode 0777 of the socket and 0666 of the lock file, less the umask of the process.
    ///
    /// # Errors
    ///
    /// [`DoorError::Busy`] if another daemon has the lock or the socket; else what stands in the
    /// way, which is left as it was.
    pub fn open(path: &Path, backlog: i32) -> Result<Self, DoorError> {
        check(path)?;
        look(path)?; // before there is a lock file beside what is no socket
        let claim = claim(path)?;
        let lock = lock(path)?;
        clear(path)?;
        let socket = bind(path)?;
        let door = Self {
            identity: identity(path).map_err(|source| bind_error(path, source))?,
            listener: socket.into(),
            path: path.to_owned(),
            lock,
            claim,
        };
        door.listen(backlog)?; // on failure the door takes its socket away
        Ok(door)
    }

    /// The socket, to accept connections from.
    pub fn listener(&self) -> &UnixListener {
        &self.listener
    }

    /// Takes the name away, so that no new client comes; who connected before can still be
    /// accepted. Until the door is closed, the lock keeps other daemons out.
    ///
    /// # Errors
    ///
    /// As the system says if the name cannot be removed; if it leads to no socket of ours, it is
    /// none of our business.
    pub fn hide(&self) -> io::Result<()> {
        match identity(&self.path) {
            Ok(found) if found == self.identity => fs::remove_file(&self.path),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Puts the name back after [`hide`](Self::hide), on a new socket. The old one is closed:
    /// whoever waits there has to be accepted before.
    ///
    /// # Errors
    ///
    /// [`DoorError::Bind`] or [`DoorError::Listen`]; nobody can connect then.
    pub fn show(&mut self, backlog: i32) -> Result<(), DoorError> {
        self.listener = bind(&self.path)?.into();
        self.identity = identity(&self.path).map_err(|source| bind_error(&self.path, source))?;
        self.listen(backlog)
    }

    /// What becomes readable when somebody finds the door's files gone: accept and drop whoever is
    /// there, and call [`restore`](Self::restore).
    pub fn claim(&self) -> Option<&UnixListener> {
        self.claim.as_ref()
    }

    /// Puts back what somebody has removed, lock file and name. Whether the socket is a new one.
    ///
    /// # Errors
    ///
    /// [`DoorError::Busy`] if another daemon, of a program that knows files only, has taken the
    /// place; else what stands in the way.
    pub fn restore(&mut self, backlog: i32) -> Result<bool, DoorError> {
        let ours = self.lock.metadata().map(|file| (file.dev(), file.ino()));
        if identity(&lock_path(&self.path)).ok() != ours.ok() {
            self.lock = lock(&self.path)?;
        }
        if identity(&self.path).is_ok_and(|found| found == self.identity) {
            return Ok(false);
        }
        clear(&self.path)?;
        self.show(backlog)?;
        Ok(true)
    }

    /// Removes the socket and lets the lock go.
    pub fn close(self) {
        drop(self);
    }

    fn listen(&self, backlog: i32) -> Result<(), DoorError> {
        let socket = socket2::SockRef::from(&self.listener);
        socket
            .listen(backlog)
            .and_then(|()| socket.set_nonblocking(true))
            .map_err(|source| DoorError::Listen {
                path: self.path.clone(),
                source,
            })
    }
}

impl Drop for UnixDoor {
    fn drop(&mut self) {
        if let Err(error) = self.hide() {
            let path = self.path.display();
            warn!(target: target::DAEMON, "cannot remove socket {path}: {error}");
        }
    }
}

/// Refuses what the system would take for something else: an empty path for "any name", one that
/// starts with NUL for a name outside of the file system.
fn check(path: &Path) -> Result<(), DoorError> {
    let bytes = path.as_os_str().as_bytes();
    if bytes.is_empty() || bytes.contains(&0) {
        let source = io::Error::new(io::ErrorKind::InvalidInput, "that is no name of a file");
        return Err(bind_error(path, source));
    }
    if bytes.len() > SOCKET_PATH_BYTES {
        return Err(DoorError::PathLength {
            path: path.to_owned(),
            length: bytes.len(),
        });
    }
    Ok(())
}

fn claim(path: &Path) -> Result<Option<UnixListener>, DoorError> {
    match claim::take(path) {
        Ok(claim) => Ok(Some(claim)),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            // Whoever has it may not know that its files are gone; if it cannot be told, the one
            // who starts us will ask again.
            let _ = claim::knock(path);
            Err(DoorError::Busy {
                path: path.to_owned(),
            })
        }
        Err(error) => {
            let path = path.display();
            debug!(target: target::DAEMON, "no second name for socket {path}: {error}");
            Ok(None)
        }
    }
}

fn lock_path(socket: &Path) -> PathBuf {
    let mut path = OsString::from(socket);
    path.push(".lock");
    PathBuf::from(path)
}

fn lock(socket: &Path) -> Result<File, DoorError> {
    let path = lock_path(socket);
    let refused = |source| {
        let owner = fs::symlink_metadata(&path)
            .ok()
            .map(|file| Owner::of(&file));
        DoorError::LockFile {
            path: path.clone(),
            owner,
            source,
        }
    };
    let file = open_lock_file(&path).map_err(refused)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DoorError::Busy {
            path: socket.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(refused(source)),
    }
}

/// Opens the lock file, creates it only if there is none: in a directory such as `/tmp`, Linux lets
/// nobody open another user's file with the wish to create it (`fs.protected_regular`), though its
/// mode allows to use it.
fn open_lock_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    // Neither led elsewhere by a link nor held up by a pipe that somebody put there.
    options
        .read(true)
        .write(true)
        .mode(0o666)
        .custom_flags(O_NOFOLLOW | O_NONBLOCK);
    let file = match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => options.create(true).open(path)?,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            options.write(false).open(path)? // enough for a lock
        }
        other => other?,
    };
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is no regular file",
        ));
    }
    Ok(file)
}

/// Whose socket has the name, if there is one.
fn look(path: &Path) -> Result<Option<Owner>, DoorError> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(bind_error(path, source)),
    };
    let owner = Owner::of(&found);
    match found.file_type().is_socket() {
        true => Ok(Some(owner)),
        false => Err(DoorError::NoSocket {
            path: path.to_owned(),
            what: what(&found),
            owner,
        }),
    }
}

/// Removes the socket of a daemon that is gone; for who holds the lock.
fn clear(path: &Path) -> Result<(), DoorError> {
    let Some(owner) = look(path)? else {
        return Ok(());
    };
    // The lock should prove that nobody listens. It does not if the lock file was swept away, as
    // happens in /tmp, or if the socket is another program's.
    match probe(path) {
        Ok(()) => {
            return Err(DoorError::Busy {
                path: path.to_owned(),
            });
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            return Err(DoorError::Busy {
                path: path.to_owned(),
            }); // it has more to do than it can
        }
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => {
            return Err(DoorError::Leftover {
                path: path.to_owned(),
                owner,
                source,
            });
        }
    }
    fs::remove_file(path).map_err(|source| DoorError::Leftover {
        path: path.to_owned(),
        owner,
        source,
    })
}

fn probe(path: &Path) -> io::Result<()> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::unix(path)?)
}

fn what(file: &Metadata) -> &'static str {
    let kind = file.file_type();
    if kind.is_file() {
        "a regular file"
    } else if kind.is_dir() {
        "a directory"
    } else if kind.is_symlink() {
        "a symbolic link"
    } else {
        "a special file"
    }
}

fn bind(path: &Path) -> Result<Socket, DoorError> {
    let bound = || {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&SockAddr::unix(path)?)?;
        Ok(socket)
    };
    bound().map_err(|source| bind_error(path, source))
}

fn bind_error(path: &Path, source: io::Error) -> DoorError {
    DoorError::Bind {
        path: path.to_owned(),
        source,
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let file = fs::symlink_metadata(path)?;
    Ok((file.dev(), file.ino()))
}

fn owned(owner: Option<&Owner>) -> String {
    owner
        .map(|owner| format!(" of {owner}"))
        .unwrap_or_default()
}
