//! Which resources were left half done, over the end of the daemon.
//!
//! A line for each: how the last exclusive holder ended, a blank, the name in base64. The file is
//! that of one daemon, known by where it listens.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flom_types::{Previous, ResourceName, Time};

use super::{StateError, make};

/// How long after a change the file is written, in ms: many changes at once are written once.
const DELAY_MS: u64 = 500;

/// The longest file that is read: far more than a daemon remembers.
const BYTES: u64 = 64 * 1024 * 1024;

/// Bytes of a file's name that tell the daemon; more of them are told by a hash.
const NAME_BYTES: usize = 180;

/// A resource, and how its last exclusive holder ended.
pub(crate) type Mark = (ResourceName, Previous);

/// The file of one daemon.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// `None`: nothing is kept.
    path: Option<PathBuf>,
    /// When it is to be written.
    due: Option<Time>,
}

impl Marks {
    /// Those of the daemon that listens at `place`, among others whose files are in `directory`.
    pub(crate) fn of(directory: &Path, place: &str) -> Self {
        Self {
            path: Some(directory.join(file_name(place))),
            due: None,
        }
    }

    /// What an earlier daemon has left.
    ///
    /// # Errors
    ///
    /// There is a file, and it cannot be read.
    pub(crate) fn read(&self) -> Result<Vec<Mark>, StateError> {
        let Some(path) = &self.path else {
            return Ok(Vec::new());
        };
        match read(path) {
            Ok(text) => Ok(text.lines().filter_map(mark).collect()),
            Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => {
                let path = path.clone();
                Err(StateError::File { path, source })
            }
        }
    }

    /// Takes note that there is something new to be written.
    pub(crate) fn note(&mut self, now: Time) {
        if self.path.is_some() {
            self.due.get_or_insert(now.after_ms(DELAY_MS));
        }
    }

    /// When [`write`](Self::write) is due.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.due
    }

    /// Writes them all anew, if anything has changed.
    ///
    /// # Errors
    ///
    /// It cannot be written, nor will it be tried again.
    pub(crate) fn write(&mut self, marks: impl Iterator<Item = Mark>) -> Result<(), StateError> {
        if self.due.take().is_none() {
            return Ok(());
        }
        let Some(path) = &self.path else {
            return Ok(());
        };
        write(path, marks).map_err(|source| {
            let path = self.path.take().expect("it was there");
            StateError::File { path, source }
        })
    }
}

/// The place, in letters that a file may have in its name.
fn file_name(place: &str) -> String {
    let mut name = String::from("previous-");
    for byte in place.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => {
                name.push(byte.into());
            }
            _ => _ = write!(name, "%{byte:02x}"),
        }
    }
    if name.len() > NAME_BYTES {
        let mut hasher = DefaultHasher::new();
        place.hash(&mut hasher);
        name.truncate(NAME_BYTES);
        let _ = write!(name, "-{:016x}", hasher.finish());
    }
    name
}

fn read(path: &Path) -> io::Result<String> {
    let file = File::open(path)?;
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(file, BYTES), &mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What a line says; one that says nothing is passed over.
fn mark(line: &str) -> Option<Mark> {
    let (previous, name) = line.split_once(' ')?;
    let name = ResourceName::parse(&STANDARD.decode(name).ok()?).ok()?;
    let previous: Previous = previous.parse().ok()?;
    previous.is_dirty().then_some((name, previous))
}

/// A new file takes the place of the old one; where there is nothing to say, there is none.
fn write(path: &Path, marks: impl Iterator<Item = Mark>) -> io::Result<()> {
    let mut text = String::new();
    for (name, previous) in marks {
        let _ = writeln!(text, "{previous} {}", STANDARD.encode(name.as_bytes()));
    }
    if text.is_empty() {
        return match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    }
    make(path.parent().expect("it is in a directory"))?;
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&new)?;
    // Not synced: that would hold up everybody, and what a crash of the host has interrupted is
    // unknown anyway.
    file.write_all(text.as_bytes())?;
    drop(file);
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use std::{env, process};

    use super::*;

    const NOW: Time = Time(7);

    fn name(text: &str) -> ResourceName {
        ResourceName::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn what_was_left_half_done_comes_back_and_is_gone_when_there_is_nothing() {
        let directory = env::temp_dir().join(format!("flom-marks-{}", process::id()));
        let marks = [
            (name("db"), Previous::Failed(3)),
            (name("/a/b c"), Previous::Lost),
        ];
        let mut kept = Marks::of(&directory, "/tmp/flom-ann");
        assert_eq!(kept.read().unwrap(), []);
        kept.write(marks.iter().cloned()).unwrap(); // nothing new: nothing is written
        assert_eq!(kept.read().unwrap(), []);
        kept.note(NOW);
        kept.note(Time(100));
        assert_eq!(kept.next_deadline(), Some(NOW.after_ms(DELAY_MS)));
        kept.write(marks.iter().cloned()).unwrap();
        assert_eq!(kept.next_deadline(), None);
        assert_eq!(
            Marks::of(&directory, "/tmp/flom-ann").read().unwrap(),
            marks
        );
        assert_eq!(Marks::of(&directory, "/tmp/flom-bob").read().unwrap(), []);
        kept.note(NOW);
        kept.write([].into_iter()).unwrap();
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn what_makes_no_sense_is_passed_over() {
        for line in [
            "",
            "lost",
            "lost !",
            "lost ",
            "released ZGI=",
            "perhaps ZGI=",
        ] {
            assert_eq!(mark(line), None, "{line}");
        }
        assert_eq!(mark("lost ZGI="), Some((name("db"), Previous::Lost)));
    }

    #[test]
    fn every_place_has_a_file_of_its_own() {
        assert_eq!(file_name("/tmp/flom-ann"), "previous-%2ftmp%2fflom-ann");
        let long = "x".repeat(300);
        let names = [file_name(&long), file_name(&(long.clone() + "y"))];
        assert_ne!(names[0], names[1]);
        assert!(names.iter().all(|name| name.len() < 255));
    }
}
