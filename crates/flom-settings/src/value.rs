//! From the words that a user has given for a setting to a checked value.
//!
//! A [`Value`] knows nothing of the setting it is for. What it can be read as is a method each,
//! and the table says which of them a setting uses.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::{env, fs};

use flom_types::limits::SOCKET_PATH_BYTES;
use flom_types::{LockMode, ResourceName};

use crate::mount_table::is_shown_by_flom;
use crate::number::{decimal, integer};
use crate::principal::Principal;
use crate::problem::Problem;
use crate::signal::parse_signal;

/// What one source gives for one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    /// One word; any number of them for a list.
    words: Vec<OsString>,
    /// Whether it stands in a file: numbers are decimal there and lose their sign, and what may
    /// be unset is so by an empty value.
    in_file: bool,
}

impl Value {
    /// A value of one word.
    pub(crate) fn new(word: OsString) -> Self {
        Self {
            words: vec![word],
            in_file: false,
        }
    }

    /// What stands in a file: one word, or any number of them for a list.
    pub(crate) fn of_file(words: Vec<OsString>) -> Self {
        Self {
            words,
            in_file: true,
        }
    }

    /// Adds the next word of a list.
    pub(crate) fn add(&mut self, word: OsString) {
        self.words.push(word);
    }

    /// Sets `target` by `yes`, `no`, `y` or `n`, in any letter case.
    ///
    /// Scripts may rely on FLoM 1.7.2, which looks for these inside the word, in this order: that
    /// is taken too, with a warning.
    pub(crate) fn decide(&self, target: &mut bool) -> Result<(), Problem> {
        const WORDS: [(&str, bool); 4] = [("no", false), ("yes", true), ("n", false), ("y", true)];
        let word = self
            .word()
            .to_ascii_lowercase()
            .to_string_lossy()
            .into_owned();
        let found = WORDS.into_iter().find(|(known, _)| word.contains(known));
        let (known, meaning) = found.ok_or_else(|| self.unexpected("yes or no"))?;
        *target = meaning;
        match word == known {
            true => Ok(()),
            false => Err(Problem::Loose {
                value: self.word().to_os_string(),
                meaning: if meaning { "yes" } else { "no" },
            }),
        }
    }

    /// A lock mode, by its short or long word, in any letter case.
    pub(crate) fn mode(&self) -> Result<LockMode, Problem> {
        let mode = self.word().to_str().and_then(|word| word.parse().ok());
        mode.ok_or_else(|| {
            self.unexpected("NL, CR, CW, PR, PW or EX, or the long name of one of them")
        })
    }

    /// A resource name that users may give.
    pub(crate) fn name(&self) -> Result<ResourceName, Problem> {
        ResourceName::parse_given(self.word().as_bytes()).map_err(|reason| Problem::Name {
            value: self.word().to_os_string(),
            reason,
        })
    }

    /// A whole number of 32 bits.
    pub(crate) fn integer(&self) -> Result<i32, Problem> {
        let (read, expected) = match self.in_file {
            true => (decimal(self.word()), "a whole number of 32 bits, decimal"),
            false => (integer(self.word()), "a whole number of 32 bits"),
        };
        read.map_err(|_| self.unexpected(expected))
    }

    /// A whole number, `low` and `high` included.
    pub(crate) fn between(&self, low: u32, high: u32) -> Result<u32, Problem> {
        let number = self.integer()?;
        let size = match self.in_file {
            true => Some(number.unsigned_abs()),
            false => u32::try_from(number).ok(),
        };
        size.filter(|size| (low..=high).contains(size))
            .ok_or_else(|| self.unexpected(format!("a number from {low} to {high}")))
    }

    /// A whole number of 31 bits, at least `low`.
    pub(crate) fn at_least(&self, low: u32) -> Result<u32, Problem> {
        self.between(low, i32::MAX.unsigned_abs())
    }

    /// Units of a resource; `None`, for 0, leaves them as they are.
    pub(crate) fn units(&self) -> Result<Option<u32>, Problem> {
        let number = self.integer()?;
        if number < 0 && !self.in_file {
            return Err(Problem::NegativeUnits(number));
        }
        let units = number.saturating_abs().unsigned_abs();
        Ok((units > 0).then_some(units))
    }

    /// A hop limit; 0 is 1.
    pub(crate) fn hops(&self) -> Result<u8, Problem> {
        let hops = self.between(0, u8::MAX.into())?.max(1);
        Ok(u8::try_from(hops).expect("it is at most 255"))
    }

    /// A port.
    pub(crate) fn port(&self) -> Result<u16, Problem> {
        let port = self.between(0, u16::MAX.into())?;
        Ok(u16::try_from(port).expect("it is at most 65535"))
    }

    /// A size of 31 bits; of a negative number, its absolute value.
    pub(crate) fn size(&self) -> Result<u32, Problem> {
        Ok(self.integer()?.saturating_abs().unsigned_abs())
    }

    /// Text, such as the name of a host; completes "expected ..." with `what`. In a file, empty is
    /// none.
    pub(crate) fn text(&self, what: &'static str) -> Result<Option<String>, Problem> {
        if self.is_unset() {
            return Ok(None);
        }
        self.word()
            .to_str()
            .filter(|text| !text.is_empty())
            .map(|text| Some(text.to_string()))
            .ok_or_else(|| self.unexpected(what))
    }

    /// The path of a UNIX socket, absolute: a relative one starts at the current directory. In a
    /// file, empty is none.
    pub(crate) fn socket(&self) -> Result<Option<PathBuf>, Problem> {
        if self.is_unset() {
            return Ok(None);
        }
        if self.word().is_empty() {
            return Err(self.unexpected("the path of a UNIX socket"));
        }
        let path = self.absolute()?;
        if path.as_os_str().len() > SOCKET_PATH_BYTES {
            let limit = format!("a path of at most {SOCKET_PATH_BYTES} bytes, made absolute");
            return Err(self.unexpected(limit));
        }
        Ok(Some(path))
    }

    /// The path of a file, absolute: a relative one starts at the current directory. Empty is none.
    pub(crate) fn file(&self) -> Result<Option<PathBuf>, Problem> {
        match self.word().is_empty() {
            true => Ok(None),
            false => self.absolute().map(Some),
        }
    }

    /// A file that is there, by its real path. In a file, empty is none.
    pub(crate) fn existing_file(&self) -> Result<Option<PathBuf>, Problem> {
        if self.is_unset() {
            return Ok(None);
        }
        let path = fs::canonicalize(self.word()).map_err(|error| Problem::NoFile {
            value: self.word().to_os_string(),
            reason: error.to_string(),
        })?;
        Ok(Some(path))
    }

    /// A directory that can be looked into, absolute; or one where a daemon has mounted what it
    /// shows, be it killed since or that of another user. In a file, empty is none.
    pub(crate) fn directory(&self) -> Result<Option<PathBuf>, Problem> {
        if self.is_unset() {
            return Ok(None);
        }
        match (fs::read_dir(self.word()), self.absolute()) {
            (Err(error), Ok(path)) if !is_shown_by_flom(&path) => {
                Err(self.unexpected(format!("a directory that can be opened: {error}")))
            }
            (_, path) => path.map(Some),
        }
    }

    /// One of the words of `T`, whose error completes a sentence with "expected ...".
    pub(crate) fn parse<T: FromStr<Err: Display>>(&self) -> Result<T, Problem> {
        let parsed = self.word().to_string_lossy().parse();
        parsed.map_err(|error: T::Err| unexpected(self.word(), &error.to_string()))
    }

    /// Sets `target` to the signals of a list, ascending, each once.
    ///
    /// What is no signal is refused on a command line. In a file, which many hosts and versions
    /// may share, it is passed over with a warning.
    pub(crate) fn signals(&self, target: &mut Vec<i32>) -> Result<(), Problem> {
        let (mut numbers, mut unknown) = (Vec::new(), None);
        for word in &self.words {
            let name = match self.in_file {
                true => word.to_str().map(str::trim),
                false => word.to_str(),
            };
            match name.and_then(parse_signal) {
                Some(number) => numbers.push(number),
                None => unknown = unknown.or(Some(word)),
            }
        }
        numbers.sort_unstable();
        numbers.dedup();
        *target = numbers;
        match unknown.cloned() {
            None => Ok(()),
            Some(value) if self.in_file => Err(Problem::UnknownSignal { value }),
            Some(value) => Err(Problem::Unexpected {
                value,
                expected: "a signal of --signal-list, such as SIGTERM, TERM or 15".into(),
            }),
        }
    }

    /// Sets `target` to those whom a list names, each once. In a file, empty is none.
    ///
    /// Who is passed over would be kept out, or let in where nobody else is named, so all must be
    /// known.
    pub(crate) fn principals(&self, target: &mut Vec<Principal>) -> Result<(), Problem> {
        let mut principals = BTreeSet::new();
        for word in &self.words {
            let item = word.to_str().map(|word| match self.in_file {
                true => word.trim(),
                false => word,
            });
            let principal = item.map_or(Err("expected UTF-8".to_string()), |item| {
                let parsed = item.parse::<Principal>();
                parsed.map_err(|error| error.to_string())
            });
            principals.insert(principal.map_err(|error| unexpected(word, &error))?);
        }
        *target = principals.into_iter().collect();
        Ok(())
    }

    /// Whether it takes back what an earlier source has said.
    pub(crate) fn is_unset(&self) -> bool {
        self.in_file && self.word().is_empty()
    }

    /// The last word: the value, but for lists.
    pub(crate) fn word(&self) -> &OsStr {
        self.words
            .last()
            .map_or(OsStr::new(""), OsString::as_os_str)
    }

    fn absolute(&self) -> Result<PathBuf, Problem> {
        let path = Path::new(self.word());
        if path.is_absolute() {
            return Ok(path.to_path_buf());
        }
        let here = env::current_dir().map_err(|error| {
            self.unexpected(format!(
                "an absolute path, as there is no directory to start at: {error}"
            ))
        })?;
        Ok(here.join(path))
    }

    fn unexpected(&self, expected: impl Into<Cow<'static, str>>) -> Problem {
        Problem::Unexpected {
            value: self.word().to_os_string(),
            expected: expected.into(),
        }
    }
}

/// What is wrong with `word` by an error that completes a sentence with "expected ...".
fn unexpected(word: &OsStr, error: &str) -> Problem {
    let expected = error.strip_prefix("expected ").unwrap_or(error);
    Problem::Unexpected {
        value: word.to_os_string(),
        expected: expected.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    fn value(word: &str) -> Value {
        Value::new(word.into())
    }

    fn is_unexpected(problem: &Problem) -> bool {
        matches!(problem, Problem::Unexpected { .. })
    }

    #[test]
    fn yes_and_no_are_words_in_any_case_and_what_contains_them_is_taken_with_a_warning() {
        let decided = |word: &str, before: bool| {
            let mut target = before;
            let result = value(word).decide(&mut target);
            (target, result)
        };
        for (word, meaning) in [("yes", true), ("Y", true), ("NO", false), ("n", false)] {
            assert_eq!(decided(word, !meaning), (meaning, Ok(())), "{word}");
        }
        for (word, meaning) in [
            ("maybe", true),
            ("any", false),
            ("yesno", false),
            ("yes ", true),
        ] {
            let (taken, result) = decided(word, !meaning);
            assert_eq!(taken, meaning, "{word}");
            assert!(result.unwrap_err().is_warning(), "{word}");
        }
        for word in ["", "true", "1", "0"] {
            assert!(
                is_unexpected(&decided(word, true).1.unwrap_err()),
                "{word:?}"
            );
        }
    }

    #[test]
    fn a_lock_mode_is_a_whole_word_in_any_case() {
        for word in ["PR", "pr", "ProtectedRead", "PROTECTEDREAD"] {
            assert_eq!(value(word).mode(), Ok(LockMode::ProtectedRead), "{word}");
        }
        for word in ["", "5", "xEXx", "CRPR"] {
            assert!(is_unexpected(&value(word).mode().unwrap_err()), "{word:?}");
        }
    }

    #[test]
    fn a_port_has_16_bits() {
        assert_eq!(value("0").port(), Ok(0));
        assert_eq!(value("0xffff").port(), Ok(65535));
        for word in ["65536", "70000", "-1"] {
            let Err(Problem::Unexpected { expected, .. }) = value(word).port() else {
                panic!("{word} was taken");
            };
            assert_eq!(expected, "a number from 0 to 65535");
        }
    }

    #[test]
    fn units_below_1_change_nothing_and_below_0_warn() {
        assert_eq!(value("3").units(), Ok(Some(3)));
        assert_eq!(value("0").units(), Ok(None));
        let problem = value("-3").units().unwrap_err();
        assert_eq!(problem, Problem::NegativeUnits(-3));
        assert!(problem.is_warning());
    }

    #[test]
    fn a_hop_limit_is_1_to_255_and_0_means_1() {
        for (word, hops) in [("0", 1), ("1", 1), ("255", 255)] {
            assert_eq!(value(word).hops(), Ok(hops));
        }
        assert!(is_unexpected(&value("256").hops().unwrap_err()));
        assert!(is_unexpected(&value("-1").hops().unwrap_err()));
    }

    #[test]
    fn a_size_loses_its_sign() {
        assert_eq!(value("-250").size(), Ok(250));
        assert_eq!(value("250").size(), Ok(250));
        assert_eq!(value("-2147483648").size(), Ok(2_147_483_647));
    }

    #[test]
    fn a_relative_socket_starts_at_the_current_directory() {
        let here = env::current_dir().unwrap();
        assert_eq!(value("sock").socket(), Ok(Some(here.join("sock"))));
        assert_eq!(value("/tmp//x").socket(), Ok(Some("/tmp//x".into())));
    }

    #[test]
    fn a_socket_path_has_at_most_107_bytes_and_at_least_one() {
        let path = |length: usize| format!("/{}", "s".repeat(length - 1));
        assert!(value(&path(107)).socket().is_ok());
        assert!(is_unexpected(&value(&path(108)).socket().unwrap_err()));
        assert!(is_unexpected(&value("").socket().unwrap_err()));
        let any_bytes = Value::new(OsString::from_vec(b"/tmp/\xff".to_vec()));
        assert!(any_bytes.socket().is_ok());
    }

    #[test]
    fn signals_come_sorted_and_each_once() {
        let mut list = value("TERM");
        list.add("2".into());
        list.add("sigterm".into());
        let mut signals = vec![9];
        assert_eq!(list.signals(&mut signals), Ok(()));
        assert_eq!(signals, [2, 15]);
    }

    #[test]
    fn the_wrong_signal_is_named_and_not_its_neighbour() {
        let mut list = value("FOO");
        list.add("TERM".into());
        let Err(Problem::Unexpected { value, .. }) = list.signals(&mut Vec::new()) else {
            panic!("FOO was taken");
        };
        assert_eq!(value, "FOO");
    }

    #[test]
    fn an_empty_word_of_the_command_line_opens_nothing_to_everybody() {
        let mut list = vec![Principal::User(0)];
        for word in ["", " "] {
            let taken = value(word).principals(&mut list);
            assert_eq!(taken.is_err(), word.is_empty(), "{word:?}");
        }
        assert_eq!(list, [Principal::Name(" ".to_string())]);
        let bytes = Value::new(OsString::from_vec(b"\xff".to_vec()));
        assert!(is_unexpected(&bytes.principals(&mut list).unwrap_err()));
    }

    #[test]
    fn text_is_utf_8_and_not_empty() {
        assert_eq!(
            value("é%eth0").text("a host"),
            Ok(Some("é%eth0".to_string()))
        );
        assert!(is_unexpected(&value("").text("a host").unwrap_err()));
        let bytes = Value::new(OsString::from_vec(b"\xff".to_vec()));
        assert!(is_unexpected(&bytes.text("a host").unwrap_err()));
    }
}
