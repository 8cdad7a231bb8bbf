//! Putting the file system up, and taking it down.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, SystemTime};

use flom_status::Numbered;
use fuser::{Config, MountOption, Session, SessionUnmounter};
use rustix::process::{getegid, geteuid};

use crate::fs::{Fs, Owner};
use crate::gallery::Gallery;
use crate::point;

/// By what name it goes in the table of mounts.
pub(crate) const FILE_SYSTEM: &str = "fuse.flom";

/// Where a program asks for a file system of its own.
const DEVICE: &str = "/dev/fuse";

/// How long those who are looking may hold up the end.
const END_LIMIT: Duration = Duration::from_millis(200);

/// Why nothing is mounted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MountError {
    /// Nothing can be mounted there.
    #[error("cannot use '{}'", path.display())]
    Point {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another daemon, which is alive, has mounted its own there.
    #[error("'{}' belongs to another daemon", path.display())]
    Taken {
        /// Where.
        path: PathBuf,
    },
    /// What a daemon that was killed has left there cannot be taken away.
    #[error("cannot unmount what a daemon has left at '{}'", path.display())]
    Dead {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that is needed would not be seen any more.
    #[error("'{}' would hide '{}'", path.display(), file.display())]
    Hides {
        /// Where.
        path: PathBuf,
        /// The file.
        file: PathBuf,
    },
    /// The system has no FUSE.
    #[error("this system has no FUSE ({DEVICE})")]
    NoFuse,
    /// Whoever is not root needs the program `fusermount3`, and it is not there.
    #[error("cannot mount at '{}' without root or fusermount3 (package fuse3)", path.display())]
    NoHelper {
        /// Where.
        path: PathBuf,
    },
    /// The system does not mount it.
    #[error("cannot mount at '{}'", path.display())]
    System {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Why the file system is still there.
#[derive(Debug, thiserror::Error)]
#[error("cannot unmount '{}'", path.display())]
pub struct UnmountError {
    path: PathBuf,
    source: io::Error,
}

/// A file system that is mounted. It stays until [`unmount`](Self::unmount), or until the process
/// ends, which leaves a dead one.
#[derive(Debug)]
pub struct Mounted {
    path: PathBuf,
    unmounter: SessionUnmounter,
    /// Disconnected when the last request has been answered.
    end: Receiver<()>,
}

/// Mounts what `views` gives at `directory`: read-only, and for nobody but this user. `views` is
/// asked whenever somebody looks, on a thread of its own, and gives the latest view if it is not
/// the one it has given before.
///
/// `needed` are paths of files that must not be hidden.
///
/// # Errors
///
/// [`MountError`]
pub fn mount(
    directory: &Path,
    needed: &[&Path],
    views: impl FnMut() -> Option<Arc<Numbered>> + Send + 'static,
) -> Result<Mounted, MountError> {
    let path = point::prepare(directory)?;
    if let Some(file) = needed.iter().find(|file| point::hides(&path, file)) {
        let file = file.to_path_buf();
        return Err(MountError::Hides { path, file });
    }
    if !Path::new(DEVICE).exists() {
        return Err(MountError::NoFuse);
    }
    let owner = Owner {
        uid: geteuid().as_raw(),
        gid: getegid().as_raw(),
    };
    let fs = Fs::new(Gallery::new(views, SystemTime::now()), owner);
    let session = Session::new(fs, &path, &options()).map_err(|source| refused(&path, source))?;
    serve(path, session)
}

fn options() -> Config {
    let mut options = Config::default();
    options.mount_options = vec![
        MountOption::FSName("flom".to_owned()),
        // Told to the system too, which the option of that name is not.
        MountOption::CUSTOM("subtype=flom".to_owned()),
        MountOption::RO,
        MountOption::NoDev,
        MountOption::NoSuid,
        MountOption::DefaultPermissions,
    ];
    options
}

fn refused(path: &Path, source: io::Error) -> MountError {
    let path = path.to_owned();
    match source.kind() {
        // The device and the directory are there, so it is the program.
        io::ErrorKind::NotFound => MountError::NoHelper { path },
        // What fusermount3 has printed: a line.
        kind if source.raw_os_error().is_none() => {
            let source = io::Error::new(kind, source.to_string().trim());
            MountError::System { path, source }
        }
        _ => MountError::System { path, source },
    }
}

fn serve<F: fuser::Filesystem>(
    path: PathBuf,
    mut session: Session<F>,
) -> Result<Mounted, MountError> {
    let unmounter = session.unmount_callable();
    let (at_end, end) = channel();
    let thread = thread::Builder::new().name("vfs".to_owned());
    let spawned = thread.spawn(move || {
        if let Err(error) = session.run() {
            log::warn!(target: flom_types::target::DAEMON, "the file system ends: {error}");
        }
        drop(at_end);
    });
    match spawned {
        Ok(_) => Ok(Mounted {
            path,
            unmounter,
            end,
        }),
        Err(source) => Err(MountError::System { path, source }),
    }
}

impl Mounted {
    /// Where.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Unmounts it; who is still looking sees nothing more, and hardly holds this up.
    /// That somebody else has unmounted it is no error.
    ///
    /// # Errors
    ///
    /// [`UnmountError`]
    pub fn unmount(mut self) -> Result<(), UnmountError> {
        let unmounted = match self.unmounter.unmount() {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => point::detach(&self.path),
            result => result,
        };
        unmounted.map_err(|source| UnmountError {
            path: self.path,
            source,
        })?;
        // An error is what is waited for. Whoever stays longer stays with a dead file system.
        let _ = self.end.recv_timeout(END_LIMIT);
        Ok(())
    }
}
