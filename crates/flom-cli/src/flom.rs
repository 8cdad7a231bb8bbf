//! The command line of `flom`, as meant.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use flom_settings::{Configuration, Origin, Setting, Settings};

use crate::command::{OF_FLOM, Wish};
use crate::exit;
use crate::failure::{Failure, chain, write_lines};
use crate::options::{Options, Words, read};
use crate::{help, sources, trace, version};

pub use crate::feature::DebugFeature;

pub(crate) const OPTIONS: Options = Options {
    has: |_| true,
    commands: &OF_FLOM,
};

/// What the user wants of `flom`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invocation {
    /// Print this text, end with 0.
    Help(String),
    /// Print this text (version, signal list), end with 0.
    Print(String),
    /// Print the id of this host, end with 0.
    UniqueId,
    /// Do something.
    Run(Box<Run>),
}

/// What to do, with which settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Checked and complete: one transport is set.
    pub settings: Settings,
    /// What to do.
    pub action: Action,
    /// Lines for stdout before anything else happens (`-V`).
    pub output: Vec<String>,
    /// Lines for stderr before anything else happens.
    pub warnings: Vec<String>,
}

/// What `flom` is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// `--debug-feature`; fails with [`exit::DEBUG_FAILED`].
    DebugFeature(DebugFeature),
    /// `-x`, `-X`: ask the daemon to end.
    Shutdown {
        /// Whether at once (`-X`).
        immediate: bool,
    },
    /// Run a command under the lock.
    Lock {
        /// The program and its arguments; never empty.
        command: Vec<OsString>,
    },
    /// Nothing more: `--check-config` has said what there is to say.
    CheckConfig,
    /// Nothing to run: [`exit::no_command`].
    NoCommand,
}

/// What `flom` asks the host that it runs on.
struct Host {
    /// Reads the files that hold for every command.
    read_files: fn(&mut Configuration),
    find_interface: FindInterface,
}

/// Says why there is no network interface of this name that could be used.
pub type FindInterface = fn(&str) -> Result<(), String>;

/// Reads a command line, the name of the program not included, and the configuration files.
///
/// The steps, and which of them wins, are those of `spec/command-line.md` §1.
///
/// # Errors
///
/// Whatever ends `flom` before anything is contacted: [`Failure`] says how.
pub fn parse(
    args: impl IntoIterator<Item = OsString>,
    find_interface: FindInterface,
) -> Result<Invocation, Failure> {
    let host = Host {
        read_files: Configuration::read_standard_files,
        find_interface,
    };
    parse_on(&host, args)
}

fn parse_on(host: &Host, args: impl IntoIterator<Item = OsString>) -> Result<Invocation, Failure> {
    let words = read(OPTIONS, args)?;
    if words.want(Wish::Help) {
        return Ok(Invocation::Help(help::of_flom()));
    }
    if words.want(Wish::HelpAll) {
        return Ok(Invocation::Help(help::all_of_flom()));
    }
    let facts = [
        (Wish::Version, version::text as fn() -> String),
        (Wish::SignalList, version::signal_list),
    ];
    let facts: String = facts
        .into_iter()
        .filter(|(wish, _)| words.want(*wish))
        .map(|(_, text)| text())
        .collect();
    if !facts.is_empty() {
        return Ok(Invocation::Print(facts));
    }
    if words.want(Wish::UniqueId) {
        return Ok(Invocation::UniqueId);
    }
    let mut run = Run::new();
    match run.prepare(words, host) {
        Ok(()) => Ok(Invocation::Run(Box::new(run))),
        Err(failure) => Err(failure.after(run.output, run.warnings)),
    }
}

impl Run {
    /// Prints the lines that come before anything else happens.
    ///
    /// # Errors
    ///
    /// If stdout or stderr cannot be written.
    pub fn announce(&self) -> io::Result<()> {
        write_lines(&mut io::stdout().lock(), &self.output)?;
        write_lines(&mut io::stderr().lock(), &self.warnings)
    }

    fn new() -> Self {
        Self {
            settings: Settings::default(),
            action: Action::NoCommand,
            output: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// From the words to checked settings and an action. What there is to print stays in `self`,
    /// also in front of a failure.
    fn prepare(&mut self, words: Words, host: &Host) -> Result<(), Failure> {
        let mut configuration = Configuration::default();
        (host.read_files)(&mut configuration);
        if let Some(file) = words.value_of(Wish::ConfigFile) {
            configuration.read_file(Path::new(file));
        }
        configuration.apply(&words.given);
        self.warnings = sources::warnings("flom", &configuration);
        self.warnings.extend(begin_trace(&configuration));
        if words.want(Wish::CheckConfig) {
            self.action = Action::CheckConfig;
            return self.check(configuration, host);
        }
        sources::refuse_first_error(&configuration)?;
        self.check_interface(&mut configuration, host)?;
        self.settings = configuration.into_settings();
        let verbose = self.settings.trace.verbose;
        if verbose {
            self.output = self.settings.verbose_lines();
        }
        trace::share(&mut self.settings.trace);
        check_together(&self.settings)?;
        self.settings.fill_in_socket();
        let meaningless = self.settings.drop_meaningless().into_iter();
        let meaningless = meaningless.filter(|_| verbose);
        self.warnings
            .extend(meaningless.map(|sentence| format!("flom: warning: {sentence}")));
        self.action = action(words)?;
        if matches!(self.action, Action::Lock { .. }) {
            self.warnings.extend(self.settings.drop_unignorable());
        }
        Ok(())
    }

    /// `--check-config`: says everything there is to be said about the sources.
    fn check(&mut self, mut configuration: Configuration, host: &Host) -> Result<(), Failure> {
        let checked = sources::refuse_errors(&configuration)
            .and_then(|()| self.check_interface(&mut configuration, host))
            .and_then(|()| check_together(configuration.settings()));
        configuration.settings_mut().fill_in_socket();
        self.output = sources::report(&configuration);
        checked
    }

    /// The interface must be there. In a file, which many hosts may share, it is passed over with
    /// a warning where it is not.
    fn check_interface(
        &mut self,
        configuration: &mut Configuration,
        host: &Host,
    ) -> Result<(), Failure> {
        let setting = Setting::by_long("network-interface").expect("a row of the table");
        let Some(name) = &configuration.settings().network.interface else {
            return Ok(());
        };
        let Err(reason) = (host.find_interface)(name) else {
            return Ok(());
        };
        let Origin::File(place) = configuration.origin(setting) else {
            let line = format!("network-interface: '{name}' is an invalid value: {reason}");
            return Err(Failure::exact(exit::FAILED, line));
        };
        let Setting { group, key, .. } = setting;
        let warning = format!("file {place}: [{group}]/{key} is passed over: {reason}");
        self.warnings.push(format!("flom: warning: {warning}"));
        configuration.settings_mut().network.interface = None;
        Ok(())
    }
}

/// Now that it is known where the trace goes: a warning if it cannot go there.
fn begin_trace(configuration: &Configuration) -> Option<String> {
    sources::trace(configuration);
    let error = trace::direct(&configuration.settings().trace)?;
    let reason = chain(&error);
    Some(format!(
        "flom: warning: {reason}; the trace goes to standard error"
    ))
}

/// Whether the settings go together, and with this version.
pub(crate) fn check_together(settings: &Settings) -> Result<(), Failure> {
    settings.check()?;
    match settings.first_unavailable() {
        None => Ok(()),
        Some(setting) => Err(Failure::not_yet(exit::FAILED, setting.long)),
    }
}

/// What is wanted; what comes first here wins.
fn action(words: Words) -> Result<Action, Failure> {
    let immediate = words.want(Wish::Immediate);
    if let Some(name) = words.value_of(Wish::DebugFeature) {
        DebugFeature::parse(name).map(Action::DebugFeature)
    } else if immediate || words.want(Wish::Quiesce) {
        Ok(Action::Shutdown { immediate })
    } else if words.command.is_empty() {
        Ok(Action::NoCommand)
    } else {
        let command = words.command;
        Ok(Action::Lock { command })
    }
}

#[cfg(test)]
mod tests {
    use flom_settings::default_socket;

    use super::*;

    /// Without files, and with one network interface.
    const HOST: Host = Host {
        read_files: |_| {},
        find_interface: |name| match name {
            "lo" => Ok(()),
            _ => Err(format!("there is no {name}")),
        },
    };

    fn parse_line(line: &str) -> Result<Invocation, Failure> {
        parse_on(&HOST, line.split_whitespace().map(OsString::from))
    }

    fn run(line: &str) -> Run {
        match parse_line(line) {
            Ok(Invocation::Run(run)) => *run,
            other => panic!("{line}: {other:?}"),
        }
    }

    /// Status, and lines of stderr.
    fn failure(line: &str) -> (u8, String) {
        let failure = parse_line(line).unwrap_err();
        (failure.status(), failure.messages("flom").join("\n"))
    }

    #[test]
    fn a_command_is_run_under_the_lock_of_the_default_socket() {
        let run = run("ls /usr");
        let command = vec!["ls".into(), "/usr".into()];
        assert_eq!(run.action, Action::Lock { command });
        assert_eq!(run.settings.daemon.socket_name, Some(default_socket()));
        assert_eq!((run.output, run.warnings), (vec![], vec![]));
    }

    #[test]
    fn the_first_wish_in_the_order_of_the_steps_wins() {
        let is_print = |line| matches!(parse_line(line), Ok(Invocation::Print(_)));
        assert!(is_print("-v -r _RESOURCE -c none --unique-id"));
        assert!(is_print("--signal-list -l XX ls"));
        assert_eq!(parse_line("--unique-id -l XX"), Ok(Invocation::UniqueId));
        assert!(matches!(parse_line("-v -h"), Ok(Invocation::Help(_))));
        assert_eq!(failure("-v -d abc").0, 99);
        let server = Action::DebugFeature(DebugFeature::MulticastServer);
        assert_eq!(
            run("--debug-feature=IPv6.Multicast.Server -X ls").action,
            server
        );
        let client = Action::DebugFeature(DebugFeature::MulticastClient);
        assert_eq!(run("--debug-feature ipv6.multicast.client").action, client);
        assert_eq!(run("-x ls").action, Action::Shutdown { immediate: false });
        assert_eq!(run("-X ls").action, Action::Shutdown { immediate: true });
        assert_eq!(run("-x -X ls").action, Action::Shutdown { immediate: true });
        assert_eq!(run("-V").action, Action::NoCommand);
    }

    #[test]
    fn the_version_comes_before_the_signal_list() {
        let facts = Invocation::Print(version::text() + &version::signal_list());
        assert_eq!(parse_line("--signal-list -v"), Ok(facts));
    }

    #[test]
    fn verbose_lines_are_as_given_and_printed_before_the_check() {
        let run = run("-V -l PR -q 3 -r foo[9] ls");
        assert_eq!(run.output.len(), 29);
        assert_eq!(run.output[7], "[Resource]/LockMode=3");
        assert_eq!(run.output[10], "[Daemon]/SocketName=''");

        let failure = parse_line("-V -s /tmp/s -A ff02::1 ls").unwrap_err();
        assert_eq!(failure.output().len(), 29);
        assert!(
            parse_line("-s /tmp/s -A ff02::1 ls")
                .unwrap_err()
                .output()
                .is_empty()
        );
    }

    #[test]
    fn values_that_mean_nothing_are_dropped_and_said_so_only_if_verbose() {
        let loud = run("-V -q 3 -r foo ls");
        assert_eq!(
            loud.warnings,
            [
                "flom: warning: This resource type (1) does not support quantity lock option; \
              specified value (3) will be ignored"
            ]
        );
        let quiet = run("-q 3 -r foo ls");
        assert_eq!(quiet.warnings, Vec::<String>::new());
        assert_eq!(quiet.settings.resource.quantity, 1);
    }

    #[test]
    fn signals_that_nobody_can_ignore_are_said_where_a_command_runs() {
        let warning = "Warning: couldn't ignore signal 9:SIGKILL";
        let locked = run("--ignore-signal KILL --ignore-signal=2 ls");
        assert_eq!(locked.warnings, [warning]);
        assert_eq!(locked.settings.monitor.ignored_signals, [2]);
        assert_eq!(
            run("--ignore-signal KILL -X").warnings,
            Vec::<String>::new()
        );
    }

    #[test]
    fn negative_units_warn_even_in_front_of_a_failure() {
        let ignored = "Resource quantity ignored because negative values (-3) are meaningless";
        assert_eq!(run("-q -3 ls").warnings, [ignored]);
        let (status, lines) = failure("-q -3 -l XX ls");
        assert_eq!(status, 99);
        assert!(
            lines.starts_with(&format!("{ignored}\nlock-mode: 'XX' ")),
            "{lines}"
        );
    }

    #[test]
    fn every_failure_has_its_status_and_the_words_that_scripts_know() {
        let local_or_network = "ERROR: flom can not be configured for local (UNIX socket) and \
                                network (TCP-UDP/IP) communication at the same time.\n\
                                Configuration is not valid, cannot go on!";
        let table = [
            ("-Z", 99, "option parsing failed: Unknown option -Z"),
            (
                "-r foo -d",
                99,
                "option parsing failed: Missing argument for -d",
            ),
            (
                "-r _RESOURCE ls",
                99,
                "ERROR: '_RESOURCE' is a reserved resource name and can not be set by user",
            ),
            (
                "-r _RESOURCE ls",
                99,
                "\nflom_config_set_resource_name: ret_cod=-14",
            ),
            (
                "-r foo_bar ls",
                99,
                "ERROR: 'foo_bar' is not a valid name for a resource",
            ),
            (
                "-r foo_bar ls",
                99,
                "\nflom_config_set_resource_name: ret_cod=-14",
            ),
            ("-l XX ls", 99, "lock-mode: 'XX' is an invalid value"),
            (
                "-e true ls",
                99,
                "resource-create: 'true' is an invalid value",
            ),
            (
                "-p 70000 ls",
                99,
                "unicast-port: '70000' is an invalid value",
            ),
            (
                "--ignore-signal SIGFOO ls",
                99,
                "ignore-signal: 'SIGFOO' is an invalid value",
            ),
            ("-s /tmp/s -a ::1 ls", 99, local_or_network),
            ("-s /tmp/s -A ff02::1 ls", 99, local_or_network),
            (
                "-c no/such/file ls",
                99,
                "ERROR: error while loading file 'no/such/file': No such file or directory",
            ),
            ("-c no/such/file ls", 99, "\nflom_config_init: ret_cod=-203"),
            (
                "-n eth9 ls",
                99,
                "network-interface: 'eth9' is an invalid value: there is no eth9",
            ),
            (
                "-m /no/such/directory ls",
                99,
                "mount-point-vfs: '/no/such/directory' is an invalid value",
            ),
            (
                "-m / ls",
                99,
                "mount-point-vfs: this version does not have this option yet",
            ),
            (
                "--tls-certificate=/no/such/file ls",
                99,
                "tls-certificate: '/no/such/file' is not a valid value",
            ),
            (
                "--tls-certificate=/etc/passwd ls",
                99,
                "tls-certificate: this version does not have this option yet",
            ),
            (
                "--tls-check-peer-id=yes ls",
                99,
                "ERROR: TLS check peer id can not be specified without full TLS configuration.",
            ),
            (
                "--debug-feature=foo",
                1,
                "debug-feature: 'foo' is an invalid value",
            ),
            (
                "--debug-feature=",
                1,
                "debug-feature: '' is an invalid value",
            ),
            (
                "--debug-feature=tls.server",
                1,
                "debug-feature tls.server: this version does not have this option yet",
            ),
            ("--debug-feature=foo -s /tmp/s -a ::1", 99, local_or_network),
        ];
        for (line, status, words) in table {
            let (theirs, lines) = failure(line);
            assert_eq!(theirs, status, "{line}");
            assert!(lines.contains(words), "{line}: {lines}");
        }
    }
}
