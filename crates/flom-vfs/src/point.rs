//! What is at the mount point before anything is mounted there.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::mount::{UnmountFlags, unmount};

use crate::mount::{FILE_SYSTEM, MountError};

/// Where the system lists what is mounted.
const TABLE: &str = "/proc/self/mountinfo";

/// Dead mounts that are taken away at most: each daemon that was killed has left one.
const DEAD_AT_MOST: usize = 16;

/// The path of a directory that can be mounted over. What a daemon that was killed has left there is
/// taken away.
pub(crate) fn prepare(directory: &Path) -> Result<PathBuf, MountError> {
    let path = absolute(directory).map_err(|source| unusable(directory, source))?;
    for _ in 0..DEAD_AT_MOST {
        match (is_ours(&path), fs::metadata(&path)) {
            (true, Ok(_)) => return Err(MountError::Taken { path }),
            (true, Err(error)) if is_dead(&error) => detach(&path).map_err(|source| {
                let path = path.clone();
                MountError::Dead { path, source }
            })?,
            (_, Err(source)) => return Err(unusable(&path, source)),
            (false, Ok(found)) if !found.is_dir() => {
                return Err(unusable(&path, io::ErrorKind::NotADirectory.into()));
            }
            (false, Ok(_)) => return Ok(path),
        }
    }
    Err(unusable(&path, io::ErrorKind::ResourceBusy.into()))
}

/// Takes a mount away though somebody is still looking at it, who sees nothing more.
pub(crate) fn detach(path: &Path) -> io::Result<()> {
    let flags = UnmountFlags::DETACH | UnmountFlags::NOFOLLOW;
    match unmount(path, flags) {
        Ok(()) => Ok(()),
        Err(error) if error == rustix::io::Errno::PERM => detach_by_helper(path),
        Err(error) => Err(error.into()),
    }
}

/// Users may not unmount, but this program may for them.
fn detach_by_helper(path: &Path) -> io::Result<()> {
    let mut command = Command::new("fusermount3");
    command.args(["-u", "-z", "--"]).arg(path);
    let command = command.stdin(Stdio::null()).stdout(Stdio::null());
    let output = command.stderr(Stdio::piped()).output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(io::Error::other(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        )),
    }
}

/// Without links and dots, even if a dead mount is there, which the system does not look into.
fn absolute(directory: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(directory) {
        Err(error) if is_dead(&error) => match (directory.parent(), directory.file_name()) {
            (Some(parent), Some(name)) => Ok(fs::canonicalize(parent)?.join(name)),
            _ => Err(error),
        },
        result => result,
    }
}

/// Whether the one who served a mount is gone.
fn is_dead(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::NOTCONN.raw_os_error())
}

/// Whether the uppermost mount at that path is one of a flom.
fn is_ours(path: &Path) -> bool {
    let table = fs::read(TABLE).unwrap_or_default();
    uppermost(&table, path).is_some_and(|kind| kind == FILE_SYSTEM)
}

/// What kind of file system is at `path`, by the system's `table`.
fn uppermost(table: &[u8], path: &Path) -> Option<String> {
    let lines = table.split(|byte| *byte == b'\n');
    let mounts = lines.filter_map(|line| {
        let mut words = line.split(|byte| *byte == b' ');
        let point = words.nth(4)?;
        let kind = words.skip_while(|word| *word != b"-").nth(1)?;
        Some((plain(point), kind))
    });
    let mut mounts = mounts.rev();
    let last = mounts.find(|(point, _)| point == path);
    last.map(|(_, kind)| String::from_utf8_lossy(kind).into_owned())
}

/// A path of the table: blanks and the like stand there as `\040`.
fn plain(word: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((&first, behind)) = rest.split_first() {
        let octal = behind.get(..3).and_then(|digits| {
            let digits = str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 8).ok()
        });
        match (first, octal) {
            (b'\\', Some(byte)) => {
                bytes.push(byte);
                rest = &behind[3..];
            }
            _ => {
                bytes.push(first);
                rest = behind;
            }
        }
    }
    OsString::from_vec(bytes).into()
}

/// Whether mounting at `point` would hide `path`.
pub(crate) fn hides(point: &Path, path: &Path) -> bool {
    let resolved = path
        .parent()
        .and_then(|parent| fs::canonicalize(parent).ok());
    let parent = resolved.as_deref().or(path.parent());
    parent.is_some_and(|parent| parent.starts_with(point))
}

fn unusable(path: &Path, source: io::Error) -> MountError {
    MountError::Point {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &[u8] = b"\
21 26 0:20 / /proc rw,nosuid - proc proc rw\n\
30 26 0:50 / /mnt/a\\040b\\134c ro,nosuid,nodev shared:7 master:1 - fuse.flom flom ro,user_id=0\n\
31 30 0:51 / /mnt/x ro - fuse.flom flom ro\n\
32 31 0:52 / /mnt/x rw - tmpfs none rw\n\
broken\n";

    #[test]
    fn the_last_mount_at_a_path_is_the_one_to_be_seen() {
        let kind = |path| uppermost(SAMPLE, Path::new(path));
        assert_eq!(kind("/mnt/a b\\c").as_deref(), Some("fuse.flom"));
        assert_eq!(kind("/mnt/x").as_deref(), Some("tmpfs"));
        assert_eq!(kind("/mnt"), None);
    }

    #[test]
    fn a_word_of_the_table_that_is_cut_off_stays_as_it_is() {
        assert_eq!(plain(b"/a\\04"), Path::new("/a\\04"));
        assert_eq!(plain(b"/a\\"), Path::new("/a\\"));
        assert_eq!(plain(b"/a\\999b"), Path::new("/a\\999b"));
    }

    #[test]
    fn what_is_no_directory_is_said() {
        let table = [
            (
                "/no/such/directory",
                "No such file or directory (os error 2)",
            ),
            ("/etc/passwd", "not a directory"),
        ];
        for (path, reason) in table {
            let MountError::Point {
                path: named,
                source,
            } = prepare(Path::new(path)).unwrap_err()
            else {
                panic!("{path}");
            };
            assert_eq!(
                (named.as_path(), &*source.to_string()),
                (Path::new(path), reason)
            );
        }
        assert_eq!(
            prepare(Path::new("/tmp/../tmp/.")).unwrap(),
            Path::new("/tmp")
        );
    }

    #[test]
    fn a_mount_hides_what_is_below_it() {
        let point = Path::new("/tmp");
        assert!(hides(point, Path::new("/tmp/socket")));
        assert!(hides(point, Path::new("/tmp/no/such/socket")));
        assert!(hides(point, Path::new("/usr/../tmp/socket")));
        assert!(!hides(point, Path::new("/tmp")));
        assert!(!hides(point, Path::new("/tmpfile")));
        assert!(!hides(point, Path::new("/run/socket")));
    }
}
