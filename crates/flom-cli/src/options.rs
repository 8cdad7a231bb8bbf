//! From the words of a command line to what they say, not yet whether it makes sense
//! (`spec/command-line.md` §2).

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use lexopt::{Arg, Parser};

use flom_settings::{Given, IntegerError, Kind, Setting, TABLE, integer, shown};

use crate::command::{Command, Wish};

/// Which options a program has.
#[derive(Clone, Copy)]
pub(crate) struct Options {
    /// Whether it has a setting of the table.
    pub(crate) has: fn(&Setting) -> bool,
    /// Its other options.
    pub(crate) commands: &'static [Command],
}

/// What a command line says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Words {
    /// Settings, as given.
    pub(crate) given: Given,
    /// The words that are no options.
    pub(crate) command: Vec<OsString>,
    wishes: Vec<(Wish, OsString)>,
}

impl Words {
    /// Whether there is an option that asks for `wish`.
    pub(crate) fn want(&self, wish: Wish) -> bool {
        self.value_of(wish).is_some()
    }

    /// The value of the last option that asks for `wish`, empty if it takes none.
    pub(crate) fn value_of(&self, wish: Wish) -> Option<&OsStr> {
        let mut wishes = self.wishes.iter().rev();
        wishes
            .find(|(theirs, _)| *theirs == wish)
            .map(|(_, value)| value.as_os_str())
    }
}

/// Why the words of a command line make no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SyntaxError {
    #[error("Unknown option {}", shown(word))]
    Unknown { word: OsString },
    #[error("Missing argument for {option}")]
    Missing { option: String },
    #[error("Error parsing option {option}: its value must be a word of its own")]
    Attached { option: String },
    #[error("Cannot parse integer value '{}' for {option}", shown(value))]
    NotANumber { option: String, value: OsString },
    #[error("Integer value '{}' for {option} out of range", shown(value))]
    OutOfRange { option: String, value: OsString },
}

/// Reads `args`, the name of the program not included.
///
/// An option that asks for help ends the reading. Options count wherever they stand, up to the
/// first `--`.
pub(crate) fn read(
    options: Options,
    args: impl IntoIterator<Item = OsString>,
) -> Result<Words, SyntaxError> {
    let mut parser = Parser::from_args(args);
    parser.set_short_equals(false);
    let (mut words, mut word) = (Words::default(), OsString::new());
    while !words.want(Wish::Help) && !words.want(Wish::HelpAll) {
        // Inside of a group such as `-Vd` there is no new word: the one that was begun counts.
        if let Some(next) = parser
            .try_raw_args()
            .and_then(|rest| rest.peek().map(OsStr::to_owned))
        {
            word = next;
        }
        let (name, option) = match parser.next() {
            Ok(None) => break,
            Ok(Some(Arg::Value(word))) => {
                words.command.push(word);
                continue;
            }
            Ok(Some(Arg::Short(letter))) => (format!("-{letter}"), options.by_short(letter)),
            Ok(Some(Arg::Long(long))) => (format!("--{long}"), options.by_long(long)),
            Err(_) => return Err(SyntaxError::Unknown { word }),
        };
        let option = option.ok_or(SyntaxError::Unknown { word: word.clone() })?;
        let value = value(&mut parser, option, name)?;
        words.take(option, value);
    }
    Ok(words)
}

/// A row of one of the two tables.
#[derive(Clone, Copy)]
enum Found {
    Setting(&'static Setting),
    Command(&'static Command),
}

impl Found {
    fn takes_value(self) -> bool {
        match self {
            Self::Setting(setting) => setting.kind.placeholder().is_some(),
            Self::Command(command) => command.kind.placeholder().is_some(),
        }
    }

    fn takes_integer(self) -> bool {
        matches!(self, Self::Setting(setting) if matches!(setting.kind, Kind::Integer(_)))
    }
}

impl Options {
    /// The settings it has, in the order of the table.
    pub(crate) fn settings(self) -> impl Iterator<Item = &'static Setting> {
        TABLE.iter().filter(move |setting| (self.has)(setting))
    }

    fn by_short(self, short: char) -> Option<Found> {
        let command = self.commands.iter().find(|c| c.shorts.contains(&short));
        let setting = Setting::by_short(short).filter(|setting| (self.has)(setting));
        command.map(Found::Command).or(setting.map(Found::Setting))
    }

    fn by_long(self, long: &str) -> Option<Found> {
        let command = self.commands.iter().find(|c| c.longs.contains(&long));
        let setting = Setting::by_long(long).filter(|setting| (self.has)(setting));
        command.map(Found::Command).or(setting.map(Found::Setting))
    }
}

impl Words {
    fn take(&mut self, option: Found, value: OsString) {
        match option {
            Found::Command(command) => self.wishes.push((command.wish, value)),
            Found::Setting(setting) if setting.kind == Kind::Flag => {
                self.given.add(setting, "yes".into());
            }
            Found::Setting(setting) => self.given.add(setting, value),
        }
    }
}

/// The value of the option just read, empty if it takes none. `name` is the option as typed.
fn value(parser: &mut Parser, option: Found, name: String) -> Result<OsString, SyntaxError> {
    let is_long = name.starts_with("--");
    if !option.takes_value() {
        if is_long {
            // `--version=1` is `--version`; `--wait-report=10` says more than without.
            return Ok(parser.optional_value().unwrap_or_default());
        }
        return Ok(OsString::new());
    }
    let attached = parser.optional_value();
    let value = match attached {
        Some(value) if is_long || is_negative(option, &value) => value,
        Some(_) => return Err(SyntaxError::Attached { option: name }),
        None => match parser.value() {
            Ok(value) => value,
            Err(_) => return Err(SyntaxError::Missing { option: name }),
        },
    };
    if option.takes_integer() {
        check_integer(name, &value)?;
    }
    Ok(value)
}

/// Whether `attached` is the value in words such as `-d-1`: no option begins with a dash.
fn is_negative(option: Found, attached: &OsStr) -> bool {
    option.takes_integer() && attached.as_bytes().starts_with(b"-")
}

fn check_integer(option: String, value: &OsStr) -> Result<(), SyntaxError> {
    let value_as_typed = value.to_os_string();
    match integer(value) {
        Ok(_) => Ok(()),
        Err(IntegerError::NotANumber) => Err(SyntaxError::NotANumber {
            option,
            value: value_as_typed,
        }),
        Err(IntegerError::OutOfRange) => Err(SyntaxError::OutOfRange {
            option,
            value: value_as_typed,
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;
    use crate::command::OF_FLOM;

    const FLOM: Options = Options {
        has: |_| true,
        commands: &OF_FLOM,
    };

    fn read_line(line: &str) -> Result<Words, SyntaxError> {
        read(FLOM, line.split_whitespace().map(OsString::from))
    }

    /// The lines of `-V` that differ from the defaults, and the command.
    fn meaning(words: &Words) -> (Vec<String>, Vec<String>) {
        let mut configuration = flom_settings::Configuration::default();
        let default = configuration.settings().verbose_lines();
        configuration.apply(&words.given);
        assert!(configuration.complaints().is_empty(), "{configuration:?}");
        let lines = configuration.settings().verbose_lines().into_iter();
        let command = words.command.iter().map(|word| shown(word)).collect();
        (
            lines.filter(|line| !default.contains(line)).collect(),
            command,
        )
    }

    #[test]
    fn every_accepted_form_is_read() {
        let table = [
            ("--daemon-lifespan=300", "[Daemon]/Lifespan=300", ""),
            ("--daemon-lifespan 300", "[Daemon]/Lifespan=300", ""),
            ("--daemon-lifespan=-1", "[Daemon]/Lifespan=-1", ""),
            ("-d -1", "[Daemon]/Lifespan=-1", ""),
            ("-d-1", "[Daemon]/Lifespan=-1", ""),
            ("-Vd-1", "[Trace]/Verbose=1 [Daemon]/Lifespan=-1", ""),
            ("-Vd 300", "[Trace]/Verbose=1 [Daemon]/Lifespan=300", ""),
            ("-d 300 -d 400", "[Daemon]/Lifespan=400", ""),
            ("-V -V --verbose", "[Trace]/Verbose=1", ""),
            ("--verbose=no", "[Trace]/Verbose=1", ""),
            ("-a -V", "[Daemon]/UnicastAddress='-V'", ""),
            (
                "--ignore-signal=TERM --ignore-signal INT",
                "[Monitor]/IgnoredSignals='SIGINT;SIGTERM'",
                "",
            ),
            ("echo hi", "", "echo hi"),
            ("ls -V", "[Trace]/Verbose=1", "ls"),
            ("echo -n hi", "[Network]/NetworkInterface='hi'", "echo"),
            ("-- echo -- hi", "", "echo -- hi"),
            ("echo a -- -b", "", "echo a -b"),
            ("-- echo a -- -b", "", "echo a -- -b"),
            ("- -V -", "[Trace]/Verbose=1", "- -"),
        ];
        for (line, settings, command) in table {
            let (lines, words) = meaning(&read_line(line).unwrap());
            assert_eq!(lines.join(" "), settings, "{line}");
            assert_eq!(words.join(" "), command, "{line}");
        }
    }

    #[test]
    fn every_wrong_word_is_named() {
        let attached = "its value must be a word of its own";
        let table = [
            ("-Z", "Unknown option -Z".to_string()),
            ("-VZ", "Unknown option -VZ".to_string()),
            ("-V --verb", "Unknown option --verb".to_string()),
            ("--verb=3", "Unknown option --verb=3".to_string()),
            ("--=3", "Unknown option --=3".to_string()),
            ("ls -l", "Missing argument for -l".to_string()),
            ("-d", "Missing argument for -d".to_string()),
            ("-Vd", "Missing argument for -d".to_string()),
            (
                "--lock-mode",
                "Missing argument for --lock-mode".to_string(),
            ),
            (
                "-d abc",
                "Cannot parse integer value 'abc' for -d".to_string(),
            ),
            (
                "-d --",
                "Cannot parse integer value '--' for -d".to_string(),
            ),
            ("-d-", "Cannot parse integer value '-' for -d".to_string()),
            (
                "--daemon-lifespan=",
                "Cannot parse integer value '' for --daemon-lifespan".to_string(),
            ),
            (
                "-d 9999999999",
                "Integer value '9999999999' for -d out of range".to_string(),
            ),
            ("-d300", format!("Error parsing option -d: {attached}")),
            ("-d=5", format!("Error parsing option -d: {attached}")),
            ("-d=-1", format!("Error parsing option -d: {attached}")),
            ("-s/tmp/x", format!("Error parsing option -s: {attached}")),
            ("-s-x", format!("Error parsing option -s: {attached}")),
            ("-aA x y", format!("Error parsing option -a: {attached}")),
        ];
        for (line, message) in table {
            let error = read_line(line).unwrap_err();
            assert_eq!(error.to_string(), message, "{line}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_pass_through() {
        let bytes = OsString::from_vec(b"\xff\xfe".to_vec());
        let args = ["-r".into(), "/a".into(), "echo".into(), bytes.clone()];
        assert_eq!(
            read(FLOM, args).unwrap().command,
            ["echo".into(), bytes.clone()]
        );
        let mut option = OsString::from("-");
        option.push(&bytes);
        let error = read(FLOM, [option]).unwrap_err();
        assert_eq!(error.to_string(), "Unknown option -\u{fffd}\u{fffd}");
    }

    #[test]
    fn an_empty_word_is_a_word() {
        let words = read(FLOM, ["".into(), "-r".into(), "".into()]).unwrap();
        assert_eq!(words.command, [""]);
        assert_ne!(words.given, Given::default());
    }

    #[test]
    fn help_ends_the_reading_and_an_error_before_it_wins() {
        assert!(read_line("-V --help -Z").unwrap().want(Wish::Help));
        assert!(read_line("-V?Z").unwrap().want(Wish::Help));
        assert!(read_line("-V --help-all -Z").unwrap().want(Wish::HelpAll));
        assert!(read_line("-Z --help").is_err());
    }

    #[test]
    fn the_last_value_of_a_command_counts() {
        let words = read_line("--debug-feature a --debug-feature=b --version=1").unwrap();
        assert_eq!(words.value_of(Wish::DebugFeature), Some(OsStr::new("b")));
        assert!(words.want(Wish::Version));
        assert!(!words.want(Wish::UniqueId));
    }

    #[test]
    fn no_option_is_there_twice() {
        for setting in &TABLE {
            let clash = |c: &Command| {
                c.longs.contains(&setting.long)
                    || setting.short.is_some_and(|short| c.shorts.contains(&short))
            };
            assert!(!OF_FLOM.iter().any(clash), "{setting:?}");
        }
    }
}
