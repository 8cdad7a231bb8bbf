//! The command line of `flomd`, as meant.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use flom_settings::{Configuration, Settings};

use crate::command::{OF_FLOMD, Wish};
use crate::exit;
use crate::failure::{Failure, write_lines};
use crate::options::{Options, Words, read};
use crate::{help, sources, version};

pub(crate) const OPTIONS: Options = Options {
    has: |setting| setting.of_daemon,
    commands: &OF_FLOMD,
};

/// What the user, or the `flom` that starts a daemon, wants of `flomd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invocation {
    /// Print this text, end with 0.
    Help(String),
    /// Print this text (version), end with 0.
    Print(String),
    /// Be a daemon.
    Run(Box<Run>),
}

/// How to be a daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Checked and complete: one transport is set.
    pub settings: Settings,
    /// Which step of the start this is.
    pub stage: Stage,
    /// Lines for stderr before anything else happens.
    pub warnings: Vec<String>,
}

/// The steps by which `flom` starts a daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Started by a person or a service manager: stays in the foreground.
    Foreground,
    /// `--detach`: leaves the session and goes on as the daemon proper.
    Detach,
    /// `--detached`: the daemon proper, which tells on stdout whether it is ready.
    Detached,
}

impl Run {
    /// Prints the lines that come before anything else happens.
    ///
    /// # Errors
    ///
    /// If stderr cannot be written.
    pub fn announce(&self) -> io::Result<()> {
        write_lines(&mut io::stderr().lock(), &self.warnings)
    }
}

/// Reads a command line, the name of the program not included.
///
/// Without `-d`, the daemon stays for ever.
///
/// # Errors
///
/// Whatever ends `flomd` before it opens anything: [`Failure`] says how.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Invocation, Failure> {
    let words = read(OPTIONS, args)?;
    if words.want(Wish::Help) {
        return Ok(Invocation::Help(help::of_flomd()));
    }
    if words.want(Wish::HelpAll) {
        return Ok(Invocation::Help(help::all_of_flomd()));
    }
    if words.want(Wish::Version) {
        return Ok(Invocation::Print(version::text()));
    }
    if !words.command.is_empty() {
        return Err(Failure::sentence(exit::FAILED, "a daemon runs no command"));
    }
    let mut warnings = Vec::new();
    match settings(&words, &mut warnings) {
        Ok(settings) => Ok(Invocation::Run(Box::new(Run {
            settings,
            stage: stage(&words),
            warnings,
        }))),
        Err(failure) => Err(failure.after(Vec::new(), warnings)),
    }
}

/// Settings of the files of every command are none of the daemon's: it gets its own from who starts
/// it, or from the one file it is told to read.
fn settings(words: &Words, warnings: &mut Vec<String>) -> Result<Settings, Failure> {
    let mut configuration = Configuration::new(Settings::default_of_daemon());
    if let Some(file) = words.value_of(Wish::ConfigFile) {
        configuration.read_file(Path::new(file));
    }
    configuration.apply(&words.given);
    warnings.extend(sources::warnings("flomd", &configuration));
    sources::trace(&configuration);
    sources::refuse_first_error(&configuration)?;
    let mut settings = configuration.into_settings();
    settings.check()?;
    settings.fill_in_socket();
    if settings.daemon.lifespan_ms == 0 {
        return Err(Failure::exact(
            exit::FAILED,
            "daemon-lifespan: '0' is an invalid value: expected ms above 0, or below 0 for ever",
        ));
    }
    Ok(settings)
}

fn stage(words: &Words) -> Stage {
    if words.want(Wish::Detached) {
        Stage::Detached
    } else if words.want(Wish::Detach) {
        Stage::Detach
    } else {
        Stage::Foreground
    }
}

#[cfg(test)]
mod tests {
    use flom_settings::default_socket;

    use super::*;

    fn parse_line(line: &str) -> Result<Invocation, Failure> {
        parse(line.split_whitespace().map(OsString::from))
    }

    fn run(line: &str) -> Run {
        match parse_line(line) {
            Ok(Invocation::Run(run)) => *run,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn message(line: &str) -> String {
        let failure = parse_line(line).unwrap_err();
        assert_eq!(failure.status(), 99, "{line}");
        failure.messages("flomd").join("\n")
    }

    #[test]
    fn a_daemon_started_by_hand_stays_in_the_foreground_for_ever() {
        let run = run("");
        assert_eq!(run.stage, Stage::Foreground);
        assert_eq!(run.settings.daemon.lifespan_ms, -1);
        assert_eq!(run.settings.daemon.socket_name, Some(default_socket()));
    }

    #[test]
    fn a_daemon_gets_the_settings_of_the_command_that_starts_it() {
        let mut settings = Settings::default();
        settings.daemon.unicast_address = Some("fe80::1%eth0".to_string());
        settings.daemon.multicast_address = Some("ff02::1".to_string());
        settings.daemon.multicast_port = 4444;
        settings.network.keepalive_probes = 3;
        let arguments = ["--detached".into()]
            .into_iter()
            .chain(settings.daemon_arguments());
        let Ok(Invocation::Run(run)) = parse(arguments) else {
            panic!("the arguments were refused");
        };
        assert_eq!(run.stage, Stage::Detached);
        assert_eq!(run.settings, settings);
    }

    #[test]
    fn the_steps_of_the_start_are_options() {
        assert_eq!(run("--foreground -s /tmp/s").stage, Stage::Foreground);
        assert_eq!(run("--detach -s /tmp/s").stage, Stage::Detach);
        assert_eq!(run("--detached -s /tmp/s").stage, Stage::Detached);
    }

    #[test]
    fn a_daemon_has_no_options_of_the_command() {
        for option in [
            "-r",
            "--resource-timeout",
            "-x",
            "--unique-id",
            "--ignore-signal",
        ] {
            let expected = format!("option parsing failed: Unknown option {option}");
            assert_eq!(message(option), expected);
        }
        assert_eq!(message("ls"), "flomd: a daemon runs no command");
    }

    #[test]
    fn a_daemon_cannot_be_told_not_to_be() {
        assert!(message("-d 0").starts_with("daemon-lifespan: '0' is an invalid value"));
    }

    #[test]
    fn conflicts_are_reported() {
        assert!(message("-s /tmp/s -a ::1").ends_with("Configuration is not valid, cannot go on!"));
    }

    #[test]
    fn a_daemon_reads_the_one_file_it_is_told_to_and_options_come_after_it() {
        let file = std::env::temp_dir().join(format!("flomd-{}.conf", std::process::id()));
        let path = file.to_str().unwrap();
        let text = "[Daemon]\nUnicastAddress=::1\nUnicastPort=7\nwait=1\n[Resource]\nName=a\n";
        std::fs::write(&file, text).unwrap();
        let run = run(&format!("-c {path} -p 9"));
        assert_eq!(run.settings.daemon.unicast_address.as_deref(), Some("::1"));
        assert_eq!(run.settings.daemon.unicast_port, 9);
        assert_eq!(run.settings.daemon.lifespan_ms, -1);
        let warning = "unknown key wait in group [Daemon] is passed over";
        assert_eq!(
            run.warnings,
            [format!("flomd: warning: file '{path}', line 4: {warning}")]
        );
        std::fs::remove_file(&file).unwrap();
        let missing = message(&format!("-c {path}"));
        assert!(
            missing.ends_with("\nflom_config_init: ret_cod=-203"),
            "{missing}"
        );
    }

    #[test]
    fn help_and_version_come_first() {
        assert!(matches!(parse_line("-v -d 0"), Ok(Invocation::Print(_))));
        assert!(matches!(parse_line("-h"), Ok(Invocation::Help(_))));
    }
}
