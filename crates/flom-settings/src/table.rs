//! What a setting is: where it stands in a file, its option, its value, its help.
//!
//! What programs accept, print, explain and hand on comes from the [`TABLE`]; nothing else lists
//! settings.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use flom_types::LockMode;

use crate::Settings;
use crate::principal::Principal;
use crate::problem::Problem;
use crate::rows::TABLE;
use crate::signal::signal_name;
use crate::text::shown;
use crate::value::Value;

/// One setting: a row of [`TABLE`].
pub struct Setting {
    /// Its group in a configuration file.
    pub group: &'static str,
    /// Its key there.
    pub key: &'static str,
    /// Its option of one letter, without the dash.
    pub short: Option<char>,
    /// Its long option, without the dashes; no two settings share one.
    pub long: &'static str,
    /// What kind of value it takes.
    pub kind: Kind,
    /// What it is for, in a few words.
    pub help: &'static str,
    /// Whether it concerns a daemon: an option of `flomd` too.
    pub of_daemon: bool,
    /// Whether FLoM 1.7.2 has it: then `-V` prints it.
    pub of_old: bool,
    /// Whether the short help shows it.
    pub is_common: bool,
    /// What it is for, in some sentences.
    pub about: &'static str,
    pub(crate) get: fn(&Settings) -> Shape,
    /// Checks a value and puts it into the settings.
    pub(crate) set: fn(&mut Settings, &Value) -> Result<(), Problem>,
}

/// What a value looks like; the text is its placeholder in the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No value as an option, `yes` or `no` in a file.
    Flag,
    /// `yes` or `no`.
    YesNo,
    /// A whole number of 32 bits.
    Integer(&'static str),
    /// Any word.
    Word(&'static str),
    /// One of some words; these and maybe others.
    Choice(&'static str, &'static [&'static str]),
    /// A file.
    File(&'static str),
    /// A directory.
    Directory(&'static str),
    /// Any words: the option can be repeated, and has semicolons in between in a file.
    List(&'static str),
}

impl Kind {
    /// How the help names the value, if the option takes one.
    pub fn placeholder(self) -> Option<&'static str> {
        match self {
            Self::Flag => None,
            Self::YesNo => Some("yes|no"),
            Self::Integer(text)
            | Self::Word(text)
            | Self::Choice(text, _)
            | Self::File(text)
            | Self::Directory(text)
            | Self::List(text) => Some(text),
        }
    }
}

impl Setting {
    /// The setting with this long option.
    pub fn by_long(long: &str) -> Option<&'static Self> {
        TABLE.iter().find(|setting| setting.long == long)
    }

    /// The setting with this option of one letter.
    pub fn by_short(short: char) -> Option<&'static Self> {
        TABLE.iter().find(|setting| setting.short == Some(short))
    }

    /// The setting with this group and key of a configuration file.
    pub fn by_key(group: &str, key: &str) -> Option<&'static Self> {
        TABLE.iter().find(|s| s.group == group && s.key == key)
    }

    /// Its value in `settings`, as the word after the option; `None` if it has none.
    pub fn word(&self, settings: &Settings) -> Option<OsString> {
        match (self.get)(settings) {
            Shape::Text(text) => text,
            Shape::List(words) if words.is_empty() => None,
            Shape::List(words) => Some(words.join(";").into()),
            Shape::Number(number) => Some(number.to_string().into()),
            Shape::YesNo(yes) => Some(yes_or_no(yes).into()),
            Shape::Mode(mode) => Some(mode.short_name().into()),
        }
    }

    /// Its value in `settings`, as the words behind as many options: one, but for a list.
    pub(crate) fn words(&self, settings: &Settings) -> Vec<OsString> {
        match (self.get)(settings) {
            Shape::List(words) => words.into_iter().map(Into::into).collect(),
            _ => self.word(settings).into_iter().collect(),
        }
    }

    /// The line of `-V` about it.
    pub(crate) fn verbose_line(&self, settings: &Settings) -> String {
        let value = match (self.get)(settings) {
            Shape::Text(_) | Shape::List(_) => {
                format!("'{}'", shown(&self.word(settings).unwrap_or_default()))
            }
            Shape::Number(number) => number.to_string(),
            Shape::YesNo(yes) => u8::from(yes).to_string(),
            Shape::Mode(mode) => mode.number().to_string(),
        };
        format!("[{}]/{}={value}", self.group, self.key)
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Setting({})", self.long)
    }
}

// The table has each long option once.
impl PartialEq for Setting {
    fn eq(&self, other: &Self) -> bool {
        self.long == other.long
    }
}

impl Eq for Setting {}

/// A value on its way out: how it is printed depends on where.
pub(crate) enum Shape {
    Text(Option<OsString>),
    List(Vec<String>),
    Number(i64),
    YesNo(bool),
    Mode(LockMode),
}

pub(crate) fn number(number: impl Into<i64>) -> Shape {
    Shape::Number(number.into())
}

pub(crate) fn word(word: String) -> Shape {
    Shape::Text(Some(word.into()))
}

pub(crate) fn yes_or_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

pub(crate) fn text(text: Option<&String>) -> Shape {
    Shape::Text(text.map(OsString::from))
}

pub(crate) fn path(path: Option<&PathBuf>) -> Shape {
    Shape::Text(path.map(|path| path.clone().into_os_string()))
}

pub(crate) fn signals(numbers: &[i32]) -> Shape {
    let names = numbers.iter().filter_map(|number| signal_name(*number));
    Shape::List(names.map(str::to_string).collect())
}

pub(crate) fn principals(principals: &[Principal]) -> Shape {
    Shape::List(principals.iter().map(ToString::to_string).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use flom_types::Fairness;

    use super::*;
    use crate::KilledStatus;

    #[test]
    fn no_option_and_no_key_is_there_twice() {
        let all = TABLE.len();
        let longs: BTreeSet<_> = TABLE.iter().map(|setting| setting.long).collect();
        let keys: BTreeSet<_> = TABLE.iter().map(|s| (s.group, s.key)).collect();
        assert_eq!((longs.len(), keys.len()), (all, all));
        let shorts: Vec<_> = TABLE.iter().filter_map(|setting| setting.short).collect();
        assert_eq!(shorts.iter().collect::<BTreeSet<_>>().len(), shorts.len());
    }

    #[test]
    fn every_setting_takes_what_it_prints() {
        let mut settings = Settings::default();
        settings.trace.verbose = true;
        settings.resource.mode = LockMode::ProtectedWrite;
        settings.resource.create = false;
        settings.daemon.socket_name = Some("/tmp/s".into());
        settings.daemon.unicast_address = Some("fe80::1%eth0".to_string());
        settings.daemon.unicast_port = 1;
        settings.daemon.multicast_address = Some("ff02::1".to_string());
        settings.network.interface = Some("eth0".to_string());
        settings.network.discovery_ttl = 9;
        settings.monitor.ignored_signals = vec![15];
        settings.monitor.killed_status = KilledStatus::Zero;
        settings.daemon.fairness = Fairness::Fifo;
        settings.daemon.remote_shutdown = Some(false);
        settings.daemon.http = "[::1]:7".parse().ok();
        settings.trace.daemon_file = Some("/tmp/d".into());
        settings.trace.command_file = Some("/tmp/c".into());
        settings.trace.append = true;
        let mut copy = Settings::default();
        settings.daemon.mount_point_vfs = Some("/".into());
        settings.tls.certificate = Some("/etc/passwd".into());
        settings.tls.private_key = Some("/etc/passwd".into());
        settings.tls.ca_certificate = Some("/etc/passwd".into());
        settings.tls.check_peer_id = true;
        let named = Principal::Name("a;b".to_string());
        settings.access.lock = vec![named, Principal::User(0)];
        settings.access.shutdown = vec![Principal::Group(7)];
        settings.access.observe = vec![Principal::Group(8)];
        for setting in &TABLE {
            let words = setting.words(&settings).into_iter();
            let value = words.map(Value::new).reduce(|mut value, next| {
                value.add(next.word().to_os_string());
                value
            });
            if let Some(value) = value.filter(|value| value.word() != "_RESOURCE") {
                assert_eq!((setting.set)(&mut copy, &value), Ok(()), "{setting:?}");
            }
        }
        assert_eq!(copy, settings);
    }
}
