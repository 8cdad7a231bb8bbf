//! A program as those see it who explain it: its options, each with all its names.

use flom_settings::{Kind, Setting, Settings, shown, signals};

use crate::help::GROUPS;
use crate::options::Options;
use crate::{flom, flomd};

/// A program and its options.
pub(crate) struct Program {
    pub(crate) name: &'static str,
    options: Options,
    pub(crate) defaults: fn() -> Settings,
    /// Whether a command stands behind its options.
    pub(crate) runs_command: bool,
}

pub(crate) const FLOM: Program = Program {
    name: "flom",
    options: flom::OPTIONS,
    defaults: Settings::default,
    runs_command: true,
};

pub(crate) const FLOMD: Program = Program {
    name: "flomd",
    options: flomd::OPTIONS,
    defaults: Settings::default_of_daemon,
    runs_command: false,
};

/// An option that people are to know.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) shorts: Vec<char>,
    pub(crate) longs: Vec<&'static str>,
    pub(crate) kind: Kind,
    pub(crate) brief: &'static str,
    pub(crate) about: &'static str,
    /// If it is a setting.
    pub(crate) setting: Option<&'static Setting>,
}

/// What a shell can offer as a value.
pub(crate) enum Offer {
    /// Nothing.
    Nothing,
    /// These words.
    Words(Vec<&'static str>),
    Files,
    Directories,
    Hosts,
    Interfaces,
}

impl Program {
    /// The options with the heading that they stand under.
    pub(crate) fn sections(&self) -> Vec<(&'static str, Vec<Shown>)> {
        let of_group = |group| {
            let settings = self.options.settings().filter(move |s| s.group == group);
            settings.map(Shown::of_setting).collect::<Vec<_>>()
        };
        let groups = GROUPS.map(|(group, heading)| (heading, of_group(group)));
        let shown = self.options.commands.iter();
        let others = shown.filter_map(|command| {
            Some(Shown {
                shorts: command.shorts.to_vec(),
                longs: command.longs.to_vec(),
                kind: command.kind,
                brief: command.help.text()?,
                about: command.about,
                setting: None,
            })
        });
        let mut sections = Vec::from(groups);
        sections.retain(|(_, options)| !options.is_empty());
        sections.push(("Others", others.collect()));
        sections
    }

    /// All options.
    pub(crate) fn options(&self) -> Vec<Shown> {
        let sections = self.sections().into_iter();
        sections.flat_map(|(_, options)| options).collect()
    }
}

impl Shown {
    pub(crate) fn of_setting(setting: &'static Setting) -> Self {
        Self {
            shorts: setting.short.into_iter().collect(),
            longs: vec![setting.long],
            kind: setting.kind,
            brief: setting.help,
            about: setting.about,
            setting: Some(setting),
        }
    }

    /// Its names with their dashes, the short ones first.
    pub(crate) fn names(&self) -> Vec<String> {
        let shorts = self.shorts.iter().map(|short| format!("-{short}"));
        let longs = self.longs.iter().map(|long| format!("--{long}"));
        shorts.chain(longs).collect()
    }

    /// The value it has where nobody says anything, if it is a setting that takes one.
    pub(crate) fn default(&self, defaults: &Settings) -> Option<String> {
        self.kind.placeholder()?;
        let word = self.setting?.word(defaults)?;
        Some(shown(&word)).filter(|word| !word.is_empty())
    }

    pub(crate) fn offer(&self) -> Offer {
        match (self.kind, self.longs[0]) {
            (Kind::YesNo, _) => Offer::Words(vec!["yes", "no"]),
            (Kind::Choice(_, words), _) => Offer::Words(words.to_vec()),
            (_, "ignore-signal") => Offer::Words(signals().map(|(_, name)| name).collect()),
            (Kind::File(_), _) => Offer::Files,
            (Kind::Directory(_), _) => Offer::Directories,
            (_, "unicast-address") => Offer::Hosts,
            (_, "network-interface") => Offer::Interfaces,
            _ => Offer::Nothing,
        }
    }
}
