//! Numbers for grants that no daemon of this user has given out before.
//!
//! The file holds two lines, each with a number below which everything may have been given out; the
//! larger one counts. It is far ahead: a new one is written over the smaller one, and synced, only
//! when it is reached, before any number beyond it is used. A write that is torn by a crash leaves
//! the other line, and what that says is enough then.
//!
//! A third line says how much of that is given out. It is not synced, as a sync can take long where
//! disks are busy; it counts as long as the system is not started again, and dies with it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::{StateError, make};

/// Numbers that a daemon takes at once. Also how far ahead of the clock its start may move them, in
/// µs: 17 seconds.
const BLOCK: u64 = 1 << 24;

/// For how many more the file is synced. Also how far ahead of the clock a start of the system may
/// move them, in µs: 19 hours.
const AHEAD: u64 = 1 << 36;

/// Where Linux says which start of the system this is.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// With so few left, the next block is reserved. Far more than one turn can use.
const RESERVE: u64 = 1 << 20;

/// Bytes of a synced line.
const LINE: usize = 21;

/// Bytes of all lines, at most.
const ALL: usize = 3 * LINE + 64;

/// Numbers that this daemon may give out.
#[derive(Debug, Default)]
pub(crate) struct Fences {
    /// `None`: nothing is reserved, the clock has to do.
    path: Option<PathBuf>,
    /// Which start of the system this is; empty if that is not known.
    boot: String,
    /// The end of the block that is ours.
    end: u64,
}

impl Fences {
    /// The numbers of the daemons that keep their state in `directory`.
    pub(crate) fn of(directory: &Path) -> Self {
        Self {
            path: Some(directory.join("fences")),
            boot: fs::read_to_string(BOOT)
                .unwrap_or_default()
                .trim()
                .to_owned(),
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
    /// The number goes by what could be read, and the clock. Unless the file is only
    /// [damaged](StateError::Damaged), nothing is reserved, nor will be.
    pub(crate) fn reserve(&mut self, last: u64, wall_us: i64) -> (u64, Result<(), StateError>) {
        let least = last.max(u64::try_from(wall_us).unwrap_or(0));
        let Some(path) = &self.path else {
            return (least, Err(StateError::Nowhere));
        };
        let mut base = least;
        match reserve(path, &self.boot, &mut base) {
            Ok(Reserved { end, was_damaged }) => {
                self.end = end;
                let path = path.clone();
                let told = if was_damaged {
                    Err(StateError::Damaged { path })
                } else {
                    Ok(())
                };
                (base, told)
            }
            Err(source) => {
                let path = self.path.take().expect("it was there");
                (base, Err(StateError::File { path, source }))
            }
        }
    }
}

/// What has become of it.
struct Reserved {
    /// The end of the block.
    end: u64,
    /// Whether it is not known what was given out before.
    was_damaged: bool,
}

/// Raises `base` to what may have been given out; the block above it, once as much is synced.
fn reserve(path: &Path, boot: &str, base: &mut u64) -> io::Result<Reserved> {
    let directory = path.parent().expect("it is in a directory");
    make(directory)?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(0o600);
    let file = match options.open(path) {
        Ok(file) => file,
        Err(error) => {
            // What others have given out counts all the same.
            if let Ok(kept) = File::open(path).and_then(|file| Kept::read(&file)) {
                *base = kept.given_out(boot).max(*base);
            }
            return Err(error);
        }
    };
    file.lock()?;
    let kept = Kept::read(&file)?;
    *base = kept.given_out(boot).max(*base);
    let end = base.saturating_add(BLOCK);
    if end > kept.synced() {
        let line = format!("{:020}\n", end.saturating_add(AHEAD));
        match kept.lines {
            [None, None] => {
                file.write_all_at(format!("{line}{line}").as_bytes(), 0)?;
                file.sync_all()?;
                File::open(directory)?.sync_all()?;
            }
            [one, other] => {
                let at = if one <= other { 0 } else { LINE };
                file.write_all_at(line.as_bytes(), at as u64)?;
                file.sync_data()?;
            }
        }
    }
    let line = format!("{end:020} {boot}\n");
    file.write_all_at(line.as_bytes(), 2 * LINE as u64)?;
    Ok(Reserved {
        end,
        was_damaged: kept.is_damaged,
    })
}

/// What the file says.
struct Kept {
    /// The synced lines.
    lines: [Option<u64>; 2],
    /// What is given out, and in which start of the system.
    cursor: Option<(u64, String)>,
    /// Whether there is something else instead of both lines.
    is_damaged: bool,
}

impl Kept {
    fn read(file: &File) -> io::Result<Self> {
        let mut text = [0; ALL];
        let filled = read(file, &mut text)?;
        let cursor = text[2 * LINE..].split(|byte| *byte == b'\n').next();
        let cursor = cursor.and_then(|line| str::from_utf8(line).ok()?.split_once(' '));
        let lines = [0, LINE].map(|at| number(&text[at..at + LINE]));
        let cursor = cursor.and_then(|(end, boot)| Some((small(end)?, boot.to_owned())));
        Ok(Self {
            lines,
            cursor,
            is_damaged: filled > 0 && lines == [None, None],
        })
    }

    /// Below this, everything may have been given out.
    fn synced(&self) -> u64 {
        self.lines.into_iter().flatten().max().unwrap_or(0)
    }

    /// Above this, nothing has been given out.
    fn given_out(&self, boot: &str) -> u64 {
        match &self.cursor {
            Some((end, theirs)) if theirs == boot && !boot.is_empty() => *end,
            _ => self.synced(),
        }
    }
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

/// The number in a whole line.
fn number(line: &[u8]) -> Option<u64> {
    small(str::from_utf8(line).ok()?.strip_suffix('\n')?)
}

/// No daemon has written a number of 64 bits: there would be none after it.
fn small(digits: &str) -> Option<u64> {
    let number: u64 = digits.parse().ok()?;
    (number >> 63 == 0).then_some(number)
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
        reserved_in("one", directory, last, wall_us)
    }

    /// The same in one of several starts of the system.
    fn reserved_in(boot: &str, directory: &Directory, last: u64, wall_us: i64) -> (u64, u64) {
        let mut fences = Fences {
            boot: boot.to_owned(),
            ..Fences::of(&directory.0)
        };
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
    fn a_damaged_file_is_told_of_and_written_anew() {
        let directory = Directory::new("full");
        for line in [u64::MAX, u64::MAX - 1, 1 << 63]
            .map(|number| format!("{number:020}\n"))
            .into_iter()
            .chain(["garbage".to_owned()])
        {
            fs::create_dir_all(directory.path().parent().unwrap()).unwrap();
            fs::write(directory.path(), format!("{line}{line}")).unwrap();
            let mut fences = Fences::of(&directory.0);
            let (base, told) = fences.reserve(0, 5);
            assert_eq!((base, fences.end), (5, 5 + BLOCK));
            assert!(matches!(told, Err(StateError::Damaged { .. })), "{told:?}");
            assert!(fences.reserve(base, 5).1.is_ok());
        }
    }

    #[test]
    fn a_daemon_is_not_kept_waiting_for_the_disk_but_once_in_many_times() {
        let directory = Directory::new("seldom");
        let (base, _) = reserved(&directory, 0, 0);
        let synced =
            |directory: &Directory| fs::read(directory.path()).unwrap()[..2 * LINE].to_vec();
        let before = synced(&directory);
        for _ in 0..100 {
            reserved(&directory, 0, 0);
            assert_eq!(synced(&directory), before);
        }
        let far = i64::try_from(base + AHEAD + BLOCK).unwrap();
        reserved(&directory, 0, far);
        assert_ne!(synced(&directory), before);
    }

    #[test]
    fn what_a_crash_of_the_system_has_lost_is_not_given_out_again() {
        let directory = Directory::new("crash");
        reserved(&directory, 0, 0);
        let synced = fs::read(directory.path()).unwrap();
        let mut last = 0;
        for _ in 0..10 {
            (_, last) = reserved(&directory, 0, 0);
        }
        for lost in [&synced[..], &synced[..2 * LINE], &synced[..2 * LINE + 9]] {
            fs::write(directory.path(), lost).unwrap();
            let (base, _) = reserved_in("two", &directory, 0, 0);
            assert!(base >= last);
        }
    }

    #[test]
    fn where_the_start_of_the_system_is_not_known_each_daemon_begins_beyond_what_is_synced() {
        let directory = Directory::new("unknown");
        let (_, end) = reserved_in("", &directory, 0, 0);
        assert!(reserved_in("", &directory, 0, 0).0 >= end + AHEAD);
    }

    #[test]
    fn a_write_that_was_torn_lowers_nothing_that_counts() {
        for written in 0..LINE {
            let directory = Directory::new("torn");
            let (_, given_out) = reserved_in("one", &directory, 0, 5_000_000_000);
            let before = fs::read(directory.path()).unwrap();
            // The next start of the system ends while it writes, before anything is given out.
            reserved_in("two", &directory, 0, 0);
            let after = fs::read(directory.path()).unwrap();
            let at = before.iter().zip(&after).position(|(b, a)| b != a).unwrap() / LINE * LINE;
            assert!(at < 2 * LINE);
            let mut torn = before.clone();
            torn[at..at + written].copy_from_slice(&after[at..at + written]);
            torn[at + written..at + LINE].fill(0);
            fs::write(directory.path(), torn).unwrap();
            let (base, _) = reserved_in("three", &directory, 0, 0);
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
        let mut fences = Fences::of(&directory.0);
        fences.reserve(0, 5_000_000_000).1.unwrap();
        let given_out = fences.end;
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
