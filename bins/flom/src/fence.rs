//! `--fence-check`: the largest fencing token that has been seen, in a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use flom_cli::{Failure, exit};

/// Why the number in the file is not what was asked for.
#[derive(Debug, thiserror::Error)]
enum CheckError {
    /// Somebody with a later grant has been there.
    #[error("{}: {number} comes too late, {kept} has been here", path.display())]
    Late {
        path: PathBuf,
        number: u64,
        kept: u64,
    },
    /// The file holds something else.
    #[error("{}: it holds no number, so nothing is changed", path.display())]
    NoNumber { path: PathBuf },
    /// The system says no.
    #[error("{}", path.display())]
    System { path: PathBuf, source: io::Error },
}

/// Raises the number in `file` to `number`. Fails if it holds a larger one.
pub(crate) fn check(file: &Path, number: u64) -> Result<(), Failure> {
    raise(file, number).map_err(|error| match &error {
        CheckError::Late { .. } => Failure::caused(exit::NOT_LOCKED, &error),
        _ => Failure::caused(exit::FAILED, &error),
    })
}

fn raise(path: &Path, number: u64) -> Result<(), CheckError> {
    let system = |source| CheckError::System {
        path: path.to_path_buf(),
        source,
    };
    let (file, path) = &mut open_locked(path).map_err(system)?;
    let kept = read(file).map_err(system)?;
    let kept = kept.ok_or_else(|| CheckError::NoNumber { path: path.clone() })?;
    match number {
        late if late < kept => Err(CheckError::Late {
            path: path.clone(),
            number,
            kept,
        }),
        // Whoever has written it may not have lived to see it synced.
        again if again == kept => sync_directory(path).map_err(system),
        _ => replace(path, file, number).map_err(system),
    }
}

/// The file, made where there is none, with its lock, and its place. A new file takes the place of
/// the old one with every change, so the lock counts only if the file is still the one there; and
/// links may be turned elsewhere at any time, so they are followed once.
fn open_locked(path: &Path) -> io::Result<(File, PathBuf)> {
    loop {
        let place = match fs::canonicalize(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                OpenOptions::new()
                    .write(true)
                    .create(true)
                    .truncate(false)
                    .open(path)?;
                continue;
            }
            place => place?,
        };
        if !fs::symlink_metadata(&place)?.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        let file = OpenOptions::new().read(true).write(true).open(&place)?;
        file.lock()?;
        let (ours, theirs) = (file.metadata()?, fs::symlink_metadata(&place));
        if theirs.is_ok_and(|theirs| (theirs.dev(), theirs.ino()) == (ours.dev(), ours.ino())) {
            return Ok((file, place));
        }
    }
}

/// The number in the file, 0 in an empty one; `None` if that is none.
fn read(file: &mut File) -> io::Result<Option<u64>> {
    const LONGEST: usize = 64;
    let mut text = Vec::new();
    file.take(LONGEST as u64 + 1).read_to_end(&mut text)?;
    if text.len() > LONGEST {
        return Ok(None);
    }
    let text = str::from_utf8(&text).unwrap_or("?").trim_end();
    Ok(match text {
        "" => Some(0),
        text => parse(text),
    })
}

/// A number of digits alone.
fn parse(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain)
}

/// Puts a file with `number` in place of the old one, so that a crash leaves one of the two.
fn replace(path: &Path, old: &File, number: u64) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    // Of somebody who did not live to the end; nobody else is at it, as the old file is locked.
    let _ = fs::remove_file(&new);
    let written = write(&new, old, number).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written?;
    sync_directory(path)
}

fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

fn write(path: &Path, old: &File, number: u64) -> io::Result<()> {
    // Never what somebody else has put there.
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.set_permissions(old.metadata()?.permissions())?;
    writeln!(file, "{number}")?;
    file.sync_all()
}
