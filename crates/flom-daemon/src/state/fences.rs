//! Numbers for grants that no daemon of this user has given out before.
//!
//! The file holds two lines, each with a number below which everything may have been given out; the
//! larger one counts. A block of numbers is reserved by writing its end over the smaller one and
//! having that synced, before the first number is used. So a write that is torn by a crash leaves
//! the other line, and what it says is enough: nothing of the block was given out then.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::{StateError, make};

/// Numbers that are reserved at once. Also how far ahead of the clock a restart may move them, in µs:
/// 17 seconds.
const BLOCK: u64 = 1 << 24;

/// With so few left, the next block is reserved. Far more than one turn can use.
const RESERVE: u64 = 1 << 20;

/// Bytes of a line.
const LINE: usize = 21;

/// Numbers that this daemon may give out.
#[derive(Debug, Default)]
pub(crate) struct Fences {
    /// `None`: nothing is reserved, the clock has to do.
    path: Option<PathBuf>,
    /// The end of the block that is ours.
    end: u64,
}

impl Fences {
    /// The numbers of the daemons that keep their state in `directory`.
    pub(crate) fn of(directory: &Path) -> Self {
        Self {
            path: Some(directory.join("fences")),
            end: 0,
        }
    }

    /// Whether [`reserve`](Self::reserve) is due, after `last` was given out.
    pub(crate) fn is_low(&self, last: u64) -> bool {
        self.path.is_some() && last >= self.end.saturating_sub(RESERVE)
    }

    /// Reserves the next numbers: those above the one returned, which is at least `last`, and at
    /// least the time in µs.
    ///
    /// # Errors
    ///
    /// Nothing could be reserved, nor will be; the number goes by what could be read, and the clock.
    pub(crate) fn reserve(&mut self, last: u64, wall_us: i64) -> (u64, Result<(), StateError>) {
        let least = last.max(u64::try_from(wall_us).unwrap_or(0));
        let Some(path) = &self.path else {
            return (least, Err(StateError::Nowhere));
        };
        let mut base = least;
        match reserve(path, &mut base) {
            Ok(end) => {
                self.end = end;
                (base, Ok(()))
            }
            Err(source) => {
                let path = self.path.take().expect("it was there");
                (base, Err(StateError::File { path, source }))
            }
        }
    }
}

/// Raises `base` to what may have been given out; the end of the block above it, once it is synced.
fn reserve(path: &Path, base: &mut u64) -> io::Result<u64> {
    let directory = path.parent().expect("it is in a directory");
    make(directory)?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(0o600);
    let file = match options.open(path) {
        Ok(file) => file,
        Err(error) => {
            // What others have given out counts all the same.
            let mut text = [0; 2 * LINE];
            if File::open(path)
                .and_then(|file| read(&file, &mut text))
                .is_ok()
            {
                raise(base, lines(&text));
            }
            return Err(error);
        }
    };
    file.lock()?;
    let mut text = [0; 2 * LINE];
    let is_new = read(&file, &mut text)? == 0;
    let lines = lines(&text);
    raise(base, lines);
    let end = base.saturating_add(BLOCK);
    let line = format!("{end:020}\n");
    if is_new {
        file.write_all_at(format!("{line}{line}").as_bytes(), 0)?;
        file.sync_all()?;
        File::open(directory)?.sync_all()?;
    } else {
        let at = if lines[0] <= lines[1] { 0 } else { LINE };
        file.write_all_at(line.as_bytes(), at as u64)?;
        file.sync_data()?;
    }
    Ok(end)
}

/// Fills `buffer` as far as the file does.
fn read(file: &File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], filled as u64)? {
            0 => break,
            more => filled += more,
        }
    }
    Ok(filled)
}

/// What the lines say.
fn lines(text: &[u8; 2 * LINE]) -> [Option<u64>; 2] {
    [0, LINE].map(|at| number(&text[at..at + LINE]))
}

fn raise(base: &mut u64, lines: [Option<u64>; 2]) {
    *base = lines.into_iter().flatten().fold(*base, u64::max);
}

/// The number in a whole line.
fn number(line: &[u8]) -> Option<u64> {
    let digits = str::from_utf8(line).ok()?.strip_suffix('\n')?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;
    use std::{env, fs, process, thread};

    use rustix::process::{Uid, getuid};
    use rustix::thread::set_thread_uid;

    use super::*;

    /// A directory of its own, gone at the end.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let path = env::temp_dir().join(format!("flom-fences-{}-{name}", process::id()));
            let _ = fs::remove_dir_all(&path);
            Self(path)
        }

        fn path(&self) -> PathBuf {
            self.0.join("fences")
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn reserved(directory: &Directory, last: u64, wall_us: i64) -> (u64, u64) {
        let mut fences = Fences::of(&directory.0);
        let (base, told) = fences.reserve(last, wall_us);
        told.unwrap();
        (base, fences.end)
    }

    #[test]
    fn each_daemon_begins_where_none_has_been_whatever_the_clock_says() {
        let directory = Directory::new("restarts");
        let (mut last, mut wall_us) = (0, 1_000_000);
        for restart in 0..50 {
            let (base, end) = reserved(&directory, 0, wall_us);
            assert!(base >= last, "{base} {last}");
            assert!(base >= u64::try_from(wall_us).unwrap());
            assert_eq!(end, base + BLOCK);
            last = end;
            wall_us = if restart % 2 == 0 { 0 } else { wall_us + 7 };
        }
        assert!(reserved(&directory, 0, i64::MAX / 2).0 == i64::MAX as u64 / 2);
        assert!(reserved(&directory, u64::MAX / 4 * 3, 0).0 == u64::MAX / 4 * 3);
    }

    #[test]
    fn a_write_that_was_torn_lowers_nothing_that_counts() {
        for written in 0..LINE {
            let directory = Directory::new("torn");
            reserved(&directory, 0, 5_000_000_000);
            let (_, given_out) = reserved(&directory, 0, 0);
            let before = fs::read(directory.path()).unwrap();
            reserved(&directory, 0, 0);
            let after = fs::read(directory.path()).unwrap();
            let at = before.iter().zip(&after).position(|(b, a)| b != a).unwrap() / LINE * LINE;
            let mut torn = before.clone();
            torn[at..at + written].copy_from_slice(&after[at..at + written]);
            torn[at + written..at + LINE].fill(0);
            fs::write(directory.path(), torn).unwrap();
            let (base, _) = reserved(&directory, 0, 0);
            assert!(base >= given_out, "{written}");
        }
    }

    #[test]
    fn more_is_reserved_before_all_is_given_out() {
        let directory = Directory::new("low");
        let mut fences = Fences::of(&directory.0);
        assert!(fences.is_low(0));
        let (base, _) = fences.reserve(0, 7);
        assert!(!fences.is_low(base));
        assert!(!fences.is_low(base + BLOCK - RESERVE - 1));
        assert!(fences.is_low(base + BLOCK - RESERVE));
        let (next, _) = fences.reserve(base + BLOCK - RESERVE, 7);
        assert_eq!(next, base + BLOCK);
        assert!(!fences.is_low(next));
    }

    #[test]
    fn what_cannot_be_written_counts_as_far_as_it_can_be_read() {
        let directory = Directory::new("fixed");
        let (_, given_out) = reserved(&directory, 0, 5_000_000_000);
        let may = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode));
        may(&directory.0, 0o755).unwrap();
        may(&directory.path(), 0o444).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                if getuid().is_root() {
                    set_thread_uid(Uid::from_raw(65_534)).unwrap(); // of this thread alone
                }
                let (base, told) = Fences::of(&directory.0).reserve(0, 7);
                assert!(told.is_err());
                assert_eq!(base, given_out);
            });
        });
    }

    #[test]
    fn without_a_file_the_clock_has_to_do_and_it_is_told_once() {
        let directory = Directory::new("nowhere");
        fs::write(&directory.0, "").unwrap(); // where the directory should be
        let mut fences = Fences::of(&directory.0);
        let (base, told) = fences.reserve(3, 1000);
        assert_eq!(base, 1000);
        assert!(matches!(told, Err(StateError::File { .. })));
        assert!(!fences.is_low(u64::MAX));
        fs::remove_file(&directory.0).unwrap();
    }
}
