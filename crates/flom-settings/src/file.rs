//! A configuration file: from its bytes to what it gives.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::fcntl::OFlag;

use crate::given::Given;
use crate::key_file::{self, Item, SyntaxError};
use crate::origin::Place;
use crate::problem::Problem;
use crate::rows::TABLE;
use crate::table::{Kind, Setting};
use crate::text::shown_bytes;
use crate::value::Value;

/// Bytes of the longest file that is read: one with every key and its explanation has about 10 KiB.
const FILE_BYTES: u64 = 1 << 20;

/// A file of which nothing can be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// It cannot be opened or read.
    #[error("ERROR: error while loading file '{}'", file.display())]
    Unreadable {
        /// The file, as it was given or built.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is a directory or a device.
    #[error("ERROR: error while loading file '{}': it is no regular file", file.display())]
    NotAFile {
        /// The file, as it was given or built.
        file: PathBuf,
    },
    /// It is longer than any configuration.
    #[error(
        "ERROR: error while loading file '{}': it is longer than {FILE_BYTES} bytes",
        file.display()
    )]
    TooLong {
        /// The file, as it was given or built.
        file: PathBuf,
    },
    /// A line that belongs to no configuration file.
    #[error("ERROR: error while loading file {place}: {problem}")]
    Syntax {
        /// The line.
        place: Place,
        /// What is wrong with it.
        problem: SyntaxError,
    },
}

impl FileError {
    /// Whether there is no such file, as far as we may know: who has become another user often
    /// still has a `HOME` into which that user may not look.
    pub(crate) fn is_absence(&self) -> bool {
        let Self::Unreadable { file, source } = self else {
            return false;
        };
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => true,
            io::ErrorKind::PermissionDenied => file.symlink_metadata().is_err(),
            _ => false,
        }
    }
}

/// Something in a file that means nothing to this version: a warning only.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unknown {
    /// A group.
    #[error("file {place}: unknown group [{name}] is passed over{}", hint(meant))]
    Group {
        /// The line.
        place: Place,
        /// As it stands there.
        name: String,
        /// A group whose name differs only in blanks or letter case.
        meant: Option<&'static str>,
    },
    /// A key of a known group.
    #[error(
        "file {place}: unknown key {key} in group [{group}] is passed over{}",
        hint(meant)
    )]
    Key {
        /// The line.
        place: Place,
        /// The group.
        group: String,
        /// As it stands there.
        key: String,
        /// A key whose name differs only in letter case.
        meant: Option<&'static str>,
    },
}

fn hint(meant: &Option<&str>) -> String {
    meant.map_or(String::new(), |meant| format!("; did you mean {meant}?"))
}

/// What a file says.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) given: Given,
    pub(crate) unknown: Vec<Unknown>,
}

/// Reads `path`.
///
/// # Errors
///
/// All reasons why nothing of it can be used, in the order of its lines; at least one.
pub(crate) fn read(path: &Path) -> Result<Contents, Vec<FileError>> {
    let text = load(path).map_err(|error| vec![error])?;
    interpret(path, &text)
}

fn load(path: &Path) -> Result<Vec<u8>, FileError> {
    let file = || path.to_path_buf();
    let unreadable = |source| FileError::Unreadable {
        file: file(),
        source,
    };
    let mut options = OpenOptions::new();
    // Nobody may write into the pipe that somebody has given as a file.
    options.read(true).custom_flags(OFlag::O_NONBLOCK.bits());
    let opened = options.open(path).map_err(unreadable)?;
    if !opened.metadata().map_err(unreadable)?.is_file() {
        return Err(FileError::NotAFile { file: file() });
    }
    let mut text = Vec::new();
    let mut limited = opened.take(FILE_BYTES + 1);
    let length = limited.read_to_end(&mut text).map_err(unreadable)?;
    match u64::try_from(length).is_ok_and(|length| length <= FILE_BYTES) {
        true => Ok(text),
        false => Err(FileError::TooLong { file: file() }),
    }
}

/// What `text`, the contents of `path`, says.
///
/// # Errors
///
/// Every line that belongs to no configuration file.
pub(crate) fn interpret(path: &Path, text: &[u8]) -> Result<Contents, Vec<FileError>> {
    let file: Arc<Path> = path.into();
    let place = |line| Place {
        file: Arc::clone(&file),
        line,
    };
    let (mut contents, mut errors, mut group) = (Contents::default(), Vec::new(), None);
    for (line, item) in key_file::lines(text) {
        let place = place(line);
        match item {
            Ok(Item::Group(name)) => {
                group = known_group(name);
                if group.is_none() {
                    contents.unknown.push(unknown_group(place, name));
                }
            }
            Ok(Item::Entry { key, value }) => {
                // What stands in an unknown group goes with it.
                if let Some(group) = group {
                    contents.entry(place, group, key, value);
                }
            }
            Err(problem) => errors.push(FileError::Syntax { place, problem }),
        }
    }
    match errors.is_empty() {
        true => Ok(contents),
        false => Err(errors),
    }
}

impl Contents {
    fn entry(&mut self, place: Place, group: &'static str, key: &[u8], value: &[u8]) {
        let setting = std::str::from_utf8(key).ok();
        match setting.and_then(|key| Setting::by_key(group, key)) {
            Some(setting) => {
                let value = read_value(setting, value);
                self.given.add_line(setting, place, value);
            }
            None => self.unknown.push(unknown_key(place, group, key)),
        }
    }
}

fn read_value(setting: &Setting, value: &[u8]) -> Result<Value, Problem> {
    let as_given = || OsStr::from_bytes(value).to_os_string();
    let text = std::str::from_utf8(value).map_err(|_| Problem::NotText { value: as_given() })?;
    let words = match setting.kind {
        Kind::List(_) => key_file::list(text),
        _ => key_file::text(text).map(|word| vec![word]),
    };
    let words = words.map_err(|_| Problem::Escape { value: as_given() })?;
    Ok(Value::of_file(words.into_iter().map(Into::into).collect()))
}

fn known_group(name: &[u8]) -> Option<&'static str> {
    groups().find(|group| group.as_bytes() == name)
}

fn unknown_group(place: Place, name: &[u8]) -> Unknown {
    let meant = groups().find(|group| name.trim_ascii().eq_ignore_ascii_case(group.as_bytes()));
    let name = shown_bytes(name);
    Unknown::Group { place, name, meant }
}

fn unknown_key(place: Place, group: &str, key: &[u8]) -> Unknown {
    let mut settings = TABLE.iter().filter(|setting| setting.group == group);
    let meant = settings.find(|setting| key.eq_ignore_ascii_case(setting.key.as_bytes()));
    Unknown::Key {
        place,
        group: group.to_string(),
        key: shown_bytes(key),
        meant: meant.map(|setting| setting.key),
    }
}

fn groups() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|setting| setting.group)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process;

    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    use super::*;
    use crate::{Principal, Settings};

    fn contents(text: &[u8]) -> Contents {
        interpret(Path::new("f"), text).unwrap()
    }

    /// The settings, and everything that was said.
    fn read_text(text: &[u8]) -> (Settings, Vec<String>) {
        let (mut settings, contents) = (Settings::default(), contents(text));
        let errors = contents.given.apply_to(&mut settings).errors;
        let said = contents.unknown.iter().map(ToString::to_string);
        let said = said.chain(errors.iter().map(ToString::to_string)).collect();
        (settings, said)
    }

    #[test]
    fn the_last_line_of_a_key_counts_and_groups_are_merged() {
        let text = b"[Resource]\nName=a\nName=b\n[Daemon]\nLifespan=1\n[Resource]\nName=c\n";
        let (settings, said) = read_text(text);
        assert_eq!(settings.resource.name.as_bytes(), b"c");
        assert_eq!(settings.daemon.lifespan_ms, 1);
        assert_eq!(said, Vec::<String>::new());
    }

    #[test]
    fn a_list_does_not_grow_from_line_to_line() {
        let (settings, _) = read_text(b"[Monitor]\nIgnoredSignals=1;2\nIgnoredSignals=15\n");
        assert_eq!(settings.monitor.ignored_signals, [15]);
    }

    #[test]
    fn who_is_in_an_access_list_stands_between_semicolons_and_counts_once() {
        let text = b"[Access]\nLock= uid:0 ;a, b;gid:0;uid:root;a\\;b;\nShutdown=x\nShutdown=\n";
        let (settings, said) = read_text(text);
        let names = ["a, b", "a;b"].map(|name| Principal::Name(name.to_string()));
        let numbers = [Principal::User(0), Principal::Group(0)];
        assert_eq!(settings.access.lock, [&names[..], &numbers].concat());
        assert_eq!(settings.access.shutdown, []);
        assert_eq!(said, Vec::<String>::new());
    }

    #[test]
    fn an_access_list_that_names_nobody_somewhere_is_not_taken_at_all() {
        for (list, item, expected) in [
            (
                "uid:0;uid:nosuchuser",
                "uid:nosuchuser",
                "a user that this host knows",
            ),
            (
                "gid:nosuchgroup;uid:0",
                "gid:nosuchgroup",
                "a group that this host knows",
            ),
            ("uid:0,uid:1", "uid:0,uid:1", "a user that this host knows"),
            ("user:root", "user:root", "uid:USER, gid:GROUP or a peer id"),
            (";", "", "a peer id, uid:USER or gid:GROUP"),
            ("a;;b", "", "a peer id, uid:USER or gid:GROUP"),
        ] {
            let (settings, said) = read_text(format!("[Access]\nLock={list}\n").as_bytes());
            assert_eq!(settings.access.lock, [], "{list}");
            let expected = format!(
                "ERROR: invalid configuration found in file 'f', line 2: [Access]/Lock: '{item}' \
                 is an invalid value: expected {expected}"
            );
            assert!(
                said.len() == 1 && said[0].starts_with(&expected),
                "{said:?}"
            );
        }
    }

    #[test]
    fn an_access_list_may_be_long() {
        let list: Vec<_> = (0..10_000)
            .map(|number| format!("host-{number:05}"))
            .collect();
        let (settings, said) = read_text(format!("[Access]\nLock={}\n", list.join(";")).as_bytes());
        assert_eq!((settings.access.lock.len(), said.len()), (10_000, 0));
    }

    #[test]
    fn what_is_unknown_is_said_with_what_may_be_meant() {
        let text = b"[resource]\nName=a b\n[Daemon]\nlifespan=1\nWait=x\nLifespan[de]=2\n[x]\n";
        let (settings, said) = read_text(text);
        assert_eq!(settings, Settings::default());
        assert_eq!(
            said,
            [
                "file 'f', line 1: unknown group [resource] is passed over; did you mean Resource?",
                "file 'f', line 4: unknown key lifespan in group [Daemon] is passed over; did you \
                 mean Lifespan?",
                "file 'f', line 5: unknown key Wait in group [Daemon] is passed over",
                "file 'f', line 6: unknown key Lifespan[de] in group [Daemon] is passed over",
                "file 'f', line 7: unknown group [x] is passed over",
            ]
        );
    }

    #[test]
    fn a_signal_that_is_none_is_passed_over_and_said() {
        let (settings, said) = read_text(b"[Monitor]\nIgnoredSignals=2; TERM;3abc;15,1;\n");
        assert_eq!(settings.monitor.ignored_signals, [2, 15]);
        assert_eq!(
            said,
            [
                "file 'f', line 2: [Monitor]/IgnoredSignals: '3abc' is passed over: expected a \
                 signal of --signal-list, such as SIGTERM, TERM or 15, and ; between two"
            ]
        );
    }

    #[test]
    fn the_first_error_is_that_of_the_first_setting_of_the_table() {
        let text = b"[Daemon]\nLifespan=x\n[Resource]\nQuantity=0x10\nName=a b\n\
                     Timeout=7.5\n";
        let (_, said) = read_text(text);
        let invalid = "ERROR: invalid configuration found in file 'f', line";
        assert_eq!(
            said,
            [
                format!(
                    "{invalid} 5: [Resource]/Name: 'a b' is not a valid name for a resource: {}",
                    flom_types::ResourceName::parse(b"a b").unwrap_err()
                ),
                format!(
                    "{invalid} 6: [Resource]/Timeout: '7.5' is an invalid value: expected a \
                     whole number of 32 bits, decimal"
                ),
                format!(
                    "{invalid} 4: [Resource]/Quantity: '0x10' is an invalid value: expected a \
                     whole number of 32 bits, decimal"
                ),
                format!(
                    "{invalid} 2: [Daemon]/Lifespan: 'x' is an invalid value: expected a whole \
                     number of 32 bits, decimal"
                ),
            ]
        );
    }

    #[test]
    fn escapes_and_bytes_that_mean_nothing_are_said() {
        let text = b"[Resource]\nName=a\\x\n[Daemon]\nUnicastAddress=\xff\nSocketName=/a\\sb\n";
        let (settings, said) = read_text(text);
        assert_eq!(settings.daemon.socket_name, Some("/a b".into()));
        let invalid = "ERROR: invalid configuration found in file 'f', line";
        assert_eq!(
            said,
            [
                format!(
                    "{invalid} 2: [Resource]/Name: 'a\\x' has an unknown escape: expected s, n, t, \
                     r or another \\ behind \\"
                ),
                format!("{invalid} 4: [Daemon]/UnicastAddress: '\u{fffd}' is not UTF-8"),
            ]
        );
    }

    #[test]
    fn every_wrong_line_is_said_and_nothing_is_taken() {
        let errors = interpret(Path::new("f"), b"Name=a\n[Resource]\nName=b\nx\n").unwrap_err();
        let said: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "ERROR: error while loading file 'f', line 1: 'Name' stands before the first \
                 [Group]",
                "ERROR: error while loading file 'f', line 4: expected [Group], Key=Value or # \
                 comment, found 'x'",
            ]
        );
    }

    #[test]
    fn only_a_regular_file_of_sound_length_is_read() {
        let directory = std::env::temp_dir().join(format!("flom-file-{}", process::id()));
        fs::create_dir_all(&directory).unwrap();
        let (pipe, long) = (directory.join("pipe"), directory.join("long"));
        mkfifo(&pipe, Mode::S_IRUSR).unwrap();
        fs::write(&long, vec![b'\n'; 1 << 20]).unwrap();
        assert!(load(&long).is_ok());
        fs::write(&long, vec![b'\n'; (1 << 20) + 1]).unwrap();
        assert!(matches!(load(&long), Err(FileError::TooLong { .. })));
        for odd in [&directory, &pipe, Path::new("/dev/null")] {
            let error = load(odd).unwrap_err();
            assert!(matches!(error, FileError::NotAFile { .. }), "{error:?}");
            assert!(!error.is_absence());
        }
        for absent in [directory.join("none"), long.join("none")] {
            assert!(load(&absent).unwrap_err().is_absence(), "{absent:?}");
        }
        fs::remove_dir_all(directory).unwrap();
    }
}
