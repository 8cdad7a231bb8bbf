//! The manual pages: prose in `manual/*.roff`, with places for what the tables know.

use std::fmt::Write;

use flom_settings::{Setting, Settings, TABLE};

use super::program::{FLOM, FLOMD, Program, Shown};
use super::roff::{bold, entry, italic};
use crate::exit;
use crate::trace::MODULES;

/// flom(1).
pub(crate) fn flom() -> String {
    let statuses = exit::MEANINGS
        .iter()
        .map(|(status, meaning)| entry(&bold(&status.to_string()), &sentence(meaning)));
    let page = include_str!("manual/flom.1.roff");
    page.replace("@OPTIONS@\n", &options(&FLOM))
        .replace("@STATUSES@\n", &statuses.collect::<String>())
        .replace("@MODULES@\n", &modules())
        .replace("@VERSION@", env!("CARGO_PKG_VERSION"))
}

/// flomd(8).
pub(crate) fn flomd() -> String {
    let page = include_str!("manual/flomd.8.roff");
    // The settings are those of flom, which hands them on.
    let options = options(&FLOMD).replace("a daemon that this command starts", "the daemon");
    page.replace("@OPTIONS@\n", &options)
        .replace("@MODULES@\n", &modules())
        .replace("@VERSION@", env!("CARGO_PKG_VERSION"))
}

/// flom.conf(5).
pub(crate) fn flom_conf() -> String {
    let page = include_str!("manual/flom.conf.5.roff");
    page.replace("@KEYS@\n", &keys())
        .replace("@VERSION@", env!("CARGO_PKG_VERSION"))
}

fn options(program: &Program) -> String {
    let (mut text, defaults) = (String::new(), (program.defaults)());
    for (heading, options) in program.sections() {
        writeln!(text, ".SS {heading}").expect("a string grows");
        text.extend(options.iter().map(|option| option_entry(option, &defaults)));
    }
    text
}

fn option_entry(option: &Shown, defaults: &Settings) -> String {
    let names: Vec<_> = option.names().iter().map(|name| bold(name)).collect();
    let value = option.kind.placeholder();
    let value = value.map(|text| format!(" {}", placeholder(text)));
    let term = names.join(", ") + &value.unwrap_or_default();
    entry(&term, &about(option, defaults))
}

/// The bits that something is traced for.
fn modules() -> String {
    let modules = MODULES.iter().filter(|module| module.target.is_some());
    modules
        .map(|module| {
            entry(
                &bold(&format!("{:#x}", module.bit)),
                &sentence(module.tells),
            )
        })
        .collect()
}

fn keys() -> String {
    let (mut text, defaults, mut group) = (String::new(), Settings::default(), "");
    for setting in &TABLE {
        if setting.group != group {
            group = setting.group;
            writeln!(text, ".SS [{group}]").expect("a string grows");
        }
        text += &key_entry(setting, &defaults);
    }
    text
}

fn key_entry(setting: &'static Setting, defaults: &Settings) -> String {
    let shown = Shown::of_setting(setting);
    let value = setting.kind.placeholder().unwrap_or("yes|no");
    let term = format!("{}={}", bold(setting.key), placeholder(value));
    let option = format!(" Option: {}.", shown.names().join(", "));
    entry(&term, &(about(&shown, defaults) + &option))
}

/// Words to choose from are typed, others stand for something.
fn placeholder(text: &str) -> String {
    match text.split_once('|') {
        Some((one, other)) => format!("{}|{}", bold(one), bold(other)),
        None => italic(text),
    }
}

fn about(option: &Shown, defaults: &Settings) -> String {
    let mut text = option.about.to_string();
    if let Some(default) = option.default(defaults) {
        write!(text, " Default: {default}.").expect("a string grows");
    }
    text
}

/// A text of the help as a sentence.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first: String = characters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    format!("{first}{}.", characters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packaging::roff::escape;

    #[test]
    fn every_option_has_its_entry_in_the_manual_of_its_program() {
        for (program, page) in [(FLOM, flom()), (FLOMD, flomd())] {
            for option in program.options() {
                for name in option.names() {
                    let term = bold(&name);
                    let has = |line: &str| line.starts_with("\\fB") && line.contains(&term);
                    assert!(page.lines().any(has), "{} {name}", program.name);
                }
                let about = page.contains(&escape(option.about));
                assert!(about || program.name == "flomd", "{:?}", option.names());
            }
        }
    }

    #[test]
    fn every_key_has_its_entry() {
        let page = flom_conf();
        for setting in &TABLE {
            let entry = format!("\n.TP\n{}=", bold(setting.key));
            assert_eq!(page.matches(&entry).count(), 1, "{setting:?}");
        }
    }

    #[test]
    fn nothing_is_left_to_be_filled_in() {
        for page in [flom(), flomd(), flom_conf()] {
            let left = page.lines().find(|line| line.contains('@'));
            assert_eq!(left, None);
        }
    }

    #[test]
    fn every_status_is_explained() {
        let page = flom();
        for (status, _) in exit::MEANINGS {
            assert!(page.contains(&format!(".TP\n{}\n", bold(&status.to_string()))));
        }
    }
}
