//! `--help` and `--help-all`, from the tables of options.

use std::fmt::Write;

use flom_settings::{Setting, Settings, system_file};

use crate::command::{Command, Help};
use crate::exit;
use crate::options::Options;
use crate::trace::MODULES;
use crate::{flom, flomd};

/// Where the text of an option begins; the longest option ends two columns before.
const TEXT_COLUMN: usize = 35;

/// The groups of the table in the order of the help, with their headings.
pub(crate) const GROUPS: [(&str, &str); 7] = [
    ("Resource", "What to lock"),
    ("Daemon", "Where the daemon is, and how long it stays"),
    ("Network", "Network"),
    ("Monitor", "While the command runs"),
    ("TLS", "Encryption"),
    ("Access", "Who may do what"),
    ("Trace", "Messages"),
];

const FLOM_INTRODUCTION: &str = "\
Usage: flom [OPTION...] [--] [COMMAND [ARG...]]

Runs COMMAND while it holds a lock, on this host or across hosts, and ends with
the exit status of COMMAND. Options are flom's own up to the first --, also
behind COMMAND. Numbers may be written as in C: 10, 0xa, 012.
";

const FLOM_EXAMPLES: &str = "\
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

const FLOMD_SURROUNDINGS: &str = "\
In the foreground it also reads NOTIFY_SOCKET, LISTEN_FDS, LISTEN_PID and
LISTEN_FDNAMES, as a service manager sets them: it tells when it is ready, and
serves the sockets it is given instead of those that its settings name.

Signals: TERM and INT end it in order, HUP opens the trace file anew.

Exit status: 0 after an end in order, 99 if it could not start or not go on.
";

/// The short help of `flom`.
pub(crate) fn of_flom() -> String {
    let options = common(flom::OPTIONS, &Settings::default());
    format!(
        "{FLOM_INTRODUCTION}{options}\n\
         {FLOM_EXAMPLES}\n\
         man flom explains all options.\n"
    )
}

/// The long help of `flom`.
pub(crate) fn all_of_flom() -> String {
    let defaults = Settings::default();
    let options = all(flom::OPTIONS, &defaults);
    let statuses: String = exit::MEANINGS
        .iter()
        .map(|(status, meaning)| format!("  {status:>2}  {meaning}\n"))
        .collect();
    format!(
        "{FLOM_INTRODUCTION}{options}\n\
         Files: {system}, ~/.flom, and that of -c; man flom.conf explains them.\n\
         {modules}\n\
         Exit status: that of COMMAND, 128+N if signal N killed it, or\n{statuses}\n\
         {FLOM_EXAMPLES}",
        system = system_file().display(),
        modules = modules()
    )
}

/// The short help of `flomd`.
pub(crate) fn of_flomd() -> String {
    let options = common(flomd::OPTIONS, &Settings::default_of_daemon());
    format!(
        "{FLOMD_INTRODUCTION}{options}\n\
         man flomd explains all options.\n"
    )
}

/// The long help of `flomd`.
pub(crate) fn all_of_flomd() -> String {
    let defaults = Settings::default_of_daemon();
    let options = all(flomd::OPTIONS, &defaults);
    let modules = modules();
    format!("{FLOMD_INTRODUCTION}{options}\n{modules}\n{FLOMD_SURROUNDINGS}")
}

/// What can be traced.
fn modules() -> String {
    let lines = MODULES
        .iter()
        .filter(|module| module.target.is_some())
        .map(|module| format!("  {:#8x}  {}\n", module.bit, module.tells));
    let lines: String = lines.collect();
    format!("Environment: FLOM_TRACE_MASK says what to trace, the sum of\n{lines}")
}

/// The options that most people need.
fn common(options: Options, defaults: &Settings) -> String {
    let mut text = String::new();
    let of_group = |group| options.settings().filter(move |s| s.group == group);
    let settings = GROUPS.iter().flat_map(|(group, _)| of_group(*group));
    let settings = settings.filter(|s| s.is_common);
    let settings = settings.map(|s| setting(s, defaults));
    let commands = options.commands.iter().filter_map(|c| match c.help {
        Help::Common(help) => Some(command(c, help)),
        _ => None,
    });
    section(&mut text, "Most used options", settings.chain(commands));
    text
}

/// All options under their headings.
fn all(options: Options, defaults: &Settings) -> String {
    let mut text = String::new();
    for (group, heading) in GROUPS {
        let of_group = options.settings().filter(|s| s.group == group);
        section(&mut text, heading, of_group.map(|s| setting(s, defaults)));
    }
    let shown = options.commands.iter();
    let shown = shown.filter_map(|c| c.help.text().map(|help| command(c, help)));
    section(&mut text, "Others", shown);
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
    line(&names, command.kind.placeholder(), help)
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
        let texts = [of_flom(), all_of_flom(), of_flomd(), all_of_flomd()];
        for line in texts.iter().flat_map(|text| text.lines()) {
            assert!(line.chars().count() <= 80, "{line}");
            if line.trim_start().starts_with('-') {
                let (option, text) = line.split_at(TEXT_COLUMN);
                assert!(option.ends_with("  "), "{line}");
                assert!(!text.starts_with(' '), "{line}");
            }
        }
    }

    fn count(text: &str, long: &str) -> usize {
        let option = format!("--{long}");
        let words = text.split([' ', ',', '\n']);
        words.filter(|word| *word == option).count()
    }

    #[test]
    fn every_option_is_in_the_long_help_once() {
        for (options, help) in [
            (flom::OPTIONS, all_of_flom()),
            (flomd::OPTIONS, all_of_flomd()),
        ] {
            for setting in options.settings() {
                assert_eq!(count(&help, setting.long), 1, "{setting:?}");
            }
            for command in options.commands {
                let times = usize::from(command.help != Help::Hidden);
                for long in command.longs {
                    assert_eq!(count(&help, long), times, "{long}");
                }
            }
        }
    }

    #[test]
    fn the_short_help_fits_a_screen_and_has_the_most_used_options_only() {
        let help = of_flom();
        assert!(help.lines().count() < 40, "{help}");
        for long in [
            "resource-name",
            "resource-timeout",
            "help-all",
            "check-config",
        ] {
            let times = usize::from(long != "check-config");
            assert_eq!(count(&help, long), times, "{long}");
        }
    }

    #[test]
    fn every_group_of_the_table_has_a_heading() {
        for setting in flom::OPTIONS.settings() {
            assert!(
                GROUPS.iter().any(|(group, _)| *group == setting.group),
                "{setting:?}"
            );
        }
    }

    #[test]
    fn the_help_of_the_daemon_leaves_out_what_only_the_command_has() {
        let help = all_of_flomd();
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
