//! `--help`, from the tables of options.

use std::fmt::Write;

use flom_settings::{Setting, Settings, TABLE};

use crate::command::{Command, Help};
use crate::exit;
use crate::options::Options;
use crate::{flom, flomd};

/// Where the text of an option begins; the longest option ends two columns before.
const TEXT_COLUMN: usize = 35;

/// The groups of the table in the order of the help, with their headings.
const GROUPS: [(&str, &str); 6] = [
    ("Resource", "What to lock"),
    ("Daemon", "Where the daemon is, and how long it stays"),
    ("Network", "Network"),
    ("Monitor", "While the command runs"),
    ("TLS", "Encryption"),
    ("Trace", "Messages"),
];

const FLOM_INTRODUCTION: &str = "\
Usage: flom [OPTION...] [--] [COMMAND [ARG...]]

Runs COMMAND while it holds a lock, on this host or across hosts, and ends with
the exit status of COMMAND. Options are flom's own up to the first --, also
behind COMMAND. Numbers may be written as in C: 10, 0xa, 012.
";

const FLOM_EXAMPLES: &str = "\
Environment:
  FLOM_TRACE_MASK=0x100000  trace the debug features on stderr

Examples:
  flom -- make install
      One at a time on this host; the others wait.
  flom -A 239.255.0.1 -r nightly -o 0 -- backup
      One at a time in the network; ends with 98 where it cannot begin at once.
";

const FLOMD_INTRODUCTION: &str = "\
Usage: flomd [OPTION...]

The daemon that flom starts by itself. By hand, or from a service manager, it
stays in the foreground, logs to stderr, and ends in order on SIGTERM.
";

/// The help of `flom`.
pub(crate) fn of_flom() -> String {
    let defaults = Settings::default();
    let options = options(flom::OPTIONS, &defaults, "Instead of running a command");
    let statuses: String = exit::MEANINGS
        .iter()
        .map(|(status, meaning)| format!("  {status:>2}  {meaning}\n"))
        .collect();
    format!(
        "{FLOM_INTRODUCTION}{options}\n\
         Exit status: that of COMMAND, 128+N if signal N killed it, or\n{statuses}\n\
         {FLOM_EXAMPLES}"
    )
}

/// The help of `flomd`.
pub(crate) fn of_flomd() -> String {
    let defaults = Settings::default_of_daemon();
    let options = options(flomd::OPTIONS, &defaults, "Instead of being a daemon");
    format!("{FLOMD_INTRODUCTION}{options}")
}

/// All options under their headings; `others` is the one of those that are no settings.
fn options(options: Options, defaults: &Settings, others: &str) -> String {
    let settings = || TABLE.iter().filter(|setting| (options.has)(setting));
    let mut text = String::new();
    for (group, heading) in GROUPS {
        let of_group = settings().filter(|s| s.group == group && s.is_available);
        section(&mut text, heading, of_group.map(|s| setting(s, defaults)));
    }
    let shown = options.commands.iter().filter_map(|c| match c.help {
        Help::Shown(help) => Some(command(c, help)),
        Help::Hidden => None,
    });
    section(&mut text, others, shown);
    let later = settings().filter(|setting| !setting.is_available);
    let later = later.map(|s| setting(s, defaults));
    section(&mut text, "Not in this version yet", later);
    text
}

/// A heading and its lines, if there are any.
fn section(text: &mut String, heading: &str, lines: impl Iterator<Item = String>) {
    let lines: String = lines.map(|line| line + "\n").collect();
    if !lines.is_empty() {
        write!(text, "\n{heading}:\n{lines}").expect("a string takes any text");
    }
}

fn setting(setting: &Setting, defaults: &Settings) -> String {
    let names = match setting.short {
        Some(short) => format!("-{short}, --{}", setting.long),
        None => format!("    --{}", setting.long),
    };
    let default = setting
        .word(defaults)
        .filter(|_| setting.kind.placeholder().is_some());
    let default = default.map(|word| format!(" [{}]", flom_settings::shown(&word)));
    let help = format!("{}{}", setting.help, default.unwrap_or_default());
    line(&names, setting.kind.placeholder(), &help)
}

fn command(command: &Command, help: &str) -> String {
    let shorts = command.shorts.iter().map(|short| format!("-{short}"));
    let longs = command.longs.iter().map(|long| format!("--{long}"));
    let names: Vec<_> = shorts.chain(longs).collect();
    let indent = if command.shorts.is_empty() {
        "    "
    } else {
        ""
    };
    let names = format!("{indent}{}", names.join(", "));
    line(&names, command.placeholder, help)
}

fn line(names: &str, placeholder: Option<&str>, help: &str) -> String {
    let option = match placeholder {
        Some(placeholder) => format!("  {names} {placeholder}"),
        None => format!("  {names}"),
    };
    format!("{option:<TEXT_COLUMN$}{help}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_fits_80_columns_and_every_text_has_its_column() {
        for line in of_flom().lines().chain(of_flomd().lines()) {
            assert!(line.chars().count() <= 80, "{line}");
            if line.trim_start().starts_with('-') {
                let (option, text) = line.split_at(TEXT_COLUMN);
                assert!(option.ends_with("  "), "{line}");
                assert!(!text.starts_with(' '), "{line}");
            }
        }
    }

    #[test]
    fn every_option_is_there_once() {
        let help = of_flom();
        let settings = TABLE.iter().map(|setting| setting.long);
        let commands = flom::OPTIONS.commands.iter().flat_map(|c| c.longs);
        for long in settings.chain(commands.copied()) {
            let option = format!("--{long}");
            let times = help
                .split([' ', ',', '\n'])
                .filter(|word| *word == option)
                .count();
            assert_eq!(times, 1, "{option}");
        }
    }

    #[test]
    fn every_group_of_the_table_has_a_heading() {
        for setting in &TABLE {
            assert!(
                GROUPS.iter().any(|(group, _)| *group == setting.group),
                "{setting:?}"
            );
        }
    }

    #[test]
    fn the_help_of_the_daemon_leaves_out_what_only_the_command_has() {
        let help = of_flomd();
        assert!(help.contains("--unicast-address HOST"));
        assert!(help.contains("--daemon-lifespan MS"));
        for option in [
            "--resource-name",
            "--ignore-signal",
            "--detach",
            "--quiesce-exit",
        ] {
            assert!(!help.contains(option), "{option}");
        }
    }
}
