//! The sample configuration: every key, with its explanation and as a comment.

use std::fmt::Write;

use flom_settings::{Setting, Settings, TABLE, shown};

/// Columns of the longest line, as far as words allow.
const COLUMNS: usize = 80;

/// Values to show for settings whose defaults nobody can write down.
const EXAMPLES: [(&str, &str); 2] = [("Name", "nightly"), ("RemoteShutdown", "yes")];

const INTRODUCTION: &str = "\
# Configuration of flom: /etc/flom.conf for everybody, ~/.flom for one user, or
# the file of `flom -c`. Later ones override earlier ones, options override them
# all. `flom --check-config` prints each setting and where its value comes from;
# flom.conf(5) explains the form of this file.
#
# Each key stands here with its default; those without a value are not set.
";

/// The file.
pub(crate) fn text() -> String {
    let (mut text, defaults, mut group) = (INTRODUCTION.to_string(), Settings::default(), "");
    for setting in &TABLE {
        if setting.group != group {
            group = setting.group;
            write!(text, "\n[{group}]\n").expect("a string grows");
        }
        write!(
            text,
            "\n{}#{}={}\n",
            comment(setting.about),
            setting.key,
            value(setting, &defaults)
        )
        .expect("a string grows");
    }
    text
}

fn value(setting: &Setting, defaults: &Settings) -> String {
    match EXAMPLES.iter().find(|(key, _)| *key == setting.key) {
        Some((_, example)) => (*example).to_string(),
        None => shown(&setting.word(defaults).unwrap_or_default()),
    }
}

/// `text` in lines that begin with `#`.
fn comment(text: &str) -> String {
    let (mut lines, mut line) = (String::new(), "#".to_string());
    for word in text.split(' ') {
        if line.chars().count() + 1 + word.chars().count() > COLUMNS {
            lines = lines + &line + "\n";
            line = "#".to_string();
        }
        line = line + " " + word;
    }
    lines + &line + "\n"
}

#[cfg(test)]
mod tests {
    use flom_settings::Configuration;

    use super::*;

    #[test]
    fn what_is_a_comment_in_it_can_be_said_too() {
        let uncommented: String = text()
            .lines()
            .map(|line| {
                let key = line.strip_prefix('#').filter(|key| !key.starts_with(' '));
                key.unwrap_or(line).to_string() + "\n"
            })
            .collect();
        let file = std::env::temp_dir().join(format!("flom-sample-{}", std::process::id()));
        std::fs::write(&file, uncommented).unwrap();
        let mut configuration = Configuration::default();
        configuration.read_file(&file);
        std::fs::remove_file(&file).unwrap();
        assert!(configuration.complaints().is_empty(), "{configuration:?}");
        for setting in &TABLE {
            let from_file = configuration.origin(setting).to_string();
            assert!(from_file.starts_with(file.to_str().unwrap()), "{setting:?}");
        }
        let mut expected = Settings::default();
        expected.resource.name = configuration.settings().resource.name.clone();
        expected.daemon.remote_shutdown = Some(true);
        assert_eq!(configuration.settings(), &expected);
    }

    #[test]
    fn as_it_is_installed_it_says_nothing() {
        let says = |line: &str| !line.is_empty() && !line.starts_with(['#', '[']);
        assert_eq!(text().lines().find(|line| says(line)), None);
    }

    #[test]
    fn lines_fit_a_terminal() {
        for line in text().lines() {
            assert!(line.chars().count() <= COLUMNS, "{line}");
        }
    }
}
