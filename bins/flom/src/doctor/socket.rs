//! The UNIX socket and its lock file: whether something is left over, or in the way.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use flom_net::connect_unix;
use flom_settings::{Settings, Transport};

use super::finding::Finding;

const CHECK: &str = "socket";

/// What is at the path of the socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Nothing,
    NoDirectory,
    NoSocket,
    /// A socket of this user.
    Socket {
        uid: u32,
        listens: bool,
    },
    /// A socket that we may not use.
    Forbidden,
}

/// What is at the path of the lock file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Lock {
    Nothing,
    Free,
    Held,
    Unusable,
}

/// Looks at the socket of the settings, if they mean one.
pub(crate) fn check(settings: &Settings) -> Vec<Finding> {
    match settings.transport() {
        Transport::Unix(path) => {
            let own = fs::metadata("/proc/self").map_or(u32::MAX, |process| process.uid());
            judge(&path, look(&path), look_at_lock(&path), own)
        }
        Transport::Tcp | Transport::Multicast => Vec::new(),
    }
}

fn look(path: &Path) -> Place {
    let Ok(file) = fs::metadata(path) else {
        let directory = path.parent().is_none_or(Path::is_dir);
        return if directory {
            Place::Nothing
        } else {
            Place::NoDirectory
        };
    };
    if !file.file_type().is_socket() {
        return Place::NoSocket;
    }
    let uid = file.uid();
    match connect_unix(path) {
        Ok(_) => Place::Socket { uid, listens: true },
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Place::Forbidden,
        Err(error) => Place::Socket {
            uid,
            // Its queue is full, for instance.
            listens: error.kind() != io::ErrorKind::ConnectionRefused,
        },
    }
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".lock");
    name.into()
}

/// A daemon that starts at this very moment may find the lock taken, and tries again.
fn look_at_lock(path: &Path) -> Lock {
    let path = lock_path(path);
    match fs::symlink_metadata(&path) {
        Err(_) => return Lock::Nothing,
        Ok(file) if !file.is_file() => return Lock::Unusable,
        Ok(_) => {}
    }
    match File::open(path).map(|file| file.try_lock_shared()) {
        Ok(Ok(())) => Lock::Free,
        Ok(Err(TryLockError::WouldBlock)) => Lock::Held,
        Ok(Err(TryLockError::Error(_))) | Err(_) => Lock::Unusable,
    }
}

/// `own` is the user who asks.
fn judge(path: &Path, place: Place, lock: Lock, own: u32) -> Vec<Finding> {
    let name = path.display();
    let mut findings = vec![match place {
        Place::Nothing => Finding::ok(CHECK, format!("{name}: not there, as no daemon runs")),
        Place::NoDirectory => Finding::failed(
            CHECK,
            format!("{name}: its directory is not there, or may not be looked into"),
            "make the directory, or choose another socket with -s",
        ),
        Place::NoSocket => Finding::failed(
            CHECK,
            format!("{name}: that is no socket, so no daemon can listen there"),
            "move it away, or choose another socket with -s",
        ),
        Place::Forbidden => Finding::failed(
            CHECK,
            format!("{name}: this user may not connect to it"),
            "its mode, or that of a directory above it, decides who may",
        ),
        Place::Socket { listens: true, .. } => {
            Finding::ok(CHECK, format!("{name}: somebody listens"))
        }
        Place::Socket { uid, .. } if uid == own || own == 0 => Finding::warning(
            CHECK,
            format!("{name}: left over by a daemon that was killed"),
            "nothing to do: the next daemon takes its place",
        ),
        Place::Socket { uid, .. } => Finding::failed(
            CHECK,
            format!("{name}: left over by a daemon of uid {uid} that was killed"),
            "that user, or root, has to remove it: in /tmp nobody else may",
        ),
    }];
    let listens = matches!(place, Place::Socket { listens: true, .. });
    match lock {
        Lock::Held if !listens => findings.push(Finding::warning(
            CHECK,
            format!("{name}.lock: somebody holds it, though nobody listens"),
            format!(
                "a daemon is about to start or to end; if it stays like this, `fuser -v \
                 {name}.lock` tells who it is"
            ),
        )),
        Lock::Unusable => findings.push(Finding::failed(
            CHECK,
            format!("{name}.lock: this user cannot open it, or it is no file"),
            "a daemon of this user could not start: its owner has to remove it or make it readable \
             and writable for all",
        )),
        Lock::Nothing | Lock::Free | Lock::Held => {}
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict::{self, Failed, Ok, Warning};
    use super::*;

    const fn left_by(uid: u32) -> Place {
        Place::Socket {
            uid,
            listens: false,
        }
    }

    #[test]
    fn what_stands_in_the_way_has_failed_and_what_goes_away_by_itself_is_a_warning() {
        let served = Place::Socket {
            uid: 9,
            listens: true,
        };
        let table: &[(Place, Lock, u32, &[Verdict])] = &[
            (Place::Nothing, Lock::Nothing, 7, &[Ok]),
            (Place::Nothing, Lock::Free, 7, &[Ok]),
            (served, Lock::Held, 7, &[Ok]),
            (served, Lock::Free, 7, &[Ok]),
            (left_by(7), Lock::Free, 7, &[Warning]),
            (left_by(8), Lock::Free, 0, &[Warning]),
            (left_by(8), Lock::Free, 7, &[Failed]),
            (left_by(7), Lock::Held, 7, &[Warning, Warning]),
            (Place::Nothing, Lock::Held, 7, &[Ok, Warning]),
            (Place::Nothing, Lock::Unusable, 7, &[Ok, Failed]),
            (Place::NoSocket, Lock::Nothing, 7, &[Failed]),
            (Place::NoDirectory, Lock::Nothing, 7, &[Failed]),
            (Place::Forbidden, Lock::Free, 7, &[Failed]),
        ];
        for (place, lock, own, expected) in table {
            let findings = judge(Path::new("/s"), *place, *lock, *own);
            let verdicts: Vec<_> = findings.iter().map(|finding| finding.verdict).collect();
            assert_eq!(verdicts, *expected, "{place:?} {lock:?} {own}");
        }
    }
}
