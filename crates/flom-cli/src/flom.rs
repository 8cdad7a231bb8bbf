//! The command line of `flom`, as meant.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use flom_settings::{Configuration, Origin, Setting, Settings};
use flom_types::Chain;

use crate::command::{OF_FLOM, Wish};
use crate::exit;
use crate::failure::{Failure, write_lines};
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
    /// Raise the number in `file` to `number`, unless it is larger.
    FenceCheck {
        /// The file that holds it.
        file: PathBuf,
        /// The number.
        number: u64,
    },
    /// Look whether all is well.
    Doctor(Box<Sources>),
    /// Do something.
    Run(Box<Run>),
}

/// The sources of settings, for those who look for what is wrong with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    /// What they say; complete, but of no use if there are errors.
    pub settings: Settings,
    /// The files that were looked for, and whether they were there.
    pub files: Vec<(PathBuf, bool)>,
    /// What is odd about them, a sentence each.
    pub warnings: Vec<String>,
    /// After what no command could go on, a sentence each.
    pub errors: Vec<String>,
}

/// What to do, with which settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Checked and complete: one transport is set.
    pub settings: Settings,
    /// What to do.
    pub action: Action,
    /// Whether and when a wait for the lock is explained.
    pub explain: Explain,
    /// Lines for stdout before anything else happens (`-V`).
    pub output: Vec<String>,
    /// Lines for stderr before anything else happens.
    pub warnings: Vec<String>,
}

/// Whether and when a wait for the lock is explained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Explain {
    /// `--wait-report`: after so many seconds, if it says how many.
    pub report: Option<Option<u32>>,
    /// `--quiet`: not at all.
    pub quiet: bool,
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
    /// `--status`, `--why`: show what the daemon keeps.
    Observe {
        /// Whether what would become of the lock that the settings describe; else everything.
        why: bool,
        /// Whether only the resource that the settings name.
        only: bool,
        /// Whether as JSON.
        json: bool,
    },
    /// `--metrics`: print figures for Prometheus.
    Metrics,
    /// `--watch`: show on the terminal what the daemon keeps, as it changes.
    Watch {
        /// Whether only the resource that the settings name.
        only: bool,
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
    if let Some(file) = words.value_of(Wish::FenceCheck) {
        return fence_check(file, &words.command);
    }
    if words.want(Wish::Doctor) {
        return Ok(Invocation::Doctor(Box::new(Sources::read(&words, host))));
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
            explain: Explain::default(),
            output: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// From the words to checked settings and an action. What there is to print stays in `self`,
    /// also in front of a failure.
    fn prepare(&mut self, words: Words, host: &Host) -> Result<(), Failure> {
        let mut configuration = configuration(&words, host);
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
        self.settings.check()?;
        self.settings.fill_in_socket();
        let meaningless = self.settings.drop_meaningless().into_iter();
        let meaningless = meaningless.filter(|_| verbose);
        self.warnings
            .extend(meaningless.map(|sentence| format!("flom: warning: {sentence}")));
        self.explain = explain(&words)?;
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
            .and_then(|()| Ok(configuration.settings().check()?));
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

impl Sources {
    fn read(words: &Words, host: &Host) -> Self {
        let mut configuration = configuration(words, host);
        let mut run = Run::new();
        run.warnings = sources::warnings("flom", &configuration);
        let complaints = configuration.complaints().iter();
        let mut errors: Vec<_> = complaints
            .filter(|complaint| !complaint.is_warning())
            .map(|complaint| Chain(complaint).to_string())
            .collect();
        if errors.is_empty() {
            let checked = run
                .check_interface(&mut configuration, host)
                .and_then(|()| Ok(configuration.settings().check()?));
            let failure = checked.err().map(|failure| failure.messages("flom"));
            errors.extend(failure.and_then(|messages| messages.into_iter().next()));
        }
        configuration.settings_mut().fill_in_socket();
        let files = configuration.files();
        Self {
            files: files
                .map(|(path, there)| (path.to_path_buf(), there))
                .collect(),
            settings: configuration.into_settings(),
            warnings: run.warnings,
            errors,
        }
    }
}

/// What the files say, and the words over it.
fn configuration(words: &Words, host: &Host) -> Configuration {
    let mut configuration = Configuration::default();
    (host.read_files)(&mut configuration);
    if let Some(file) = words.value_of(Wish::ConfigFile) {
        configuration.read_file(Path::new(file));
    }
    configuration.apply(&words.given);
    configuration
}

/// Now that it is known where the trace goes: a warning if it cannot go there.
fn begin_trace(configuration: &Configuration) -> Option<String> {
    sources::trace(configuration);
    let error = trace::direct(&configuration.settings().trace)?;
    let reason = Chain(&error);
    Some(format!(
        "flom: warning: {reason}; the trace goes to standard error"
    ))
}

/// What is wanted; what comes first here wins.
fn action(words: Words) -> Result<Action, Failure> {
    let immediate = words.want(Wish::Immediate);
    if let Some(name) = words.value_of(Wish::DebugFeature) {
        DebugFeature::parse(name).map(Action::DebugFeature)
    } else if immediate || words.want(Wish::Quiesce) {
        Ok(Action::Shutdown { immediate })
    } else if words.want(Wish::Status) || words.want(Wish::Why) {
        observe(&words)
    } else if words.want(Wish::Watch) {
        let only = names_resource(&words);
        Ok(Action::Watch { only })
    } else if words.want(Wish::Metrics) {
        Ok(Action::Metrics)
    } else if words.want(Wish::Format) {
        Err(exit::format_of_what())
    } else if words.command.is_empty() {
        Ok(Action::NoCommand)
    } else {
        let command = words.command;
        Ok(Action::Lock { command })
    }
}

/// `--fence-check FILE N`.
fn fence_check(file: &OsStr, words: &[OsString]) -> Result<Invocation, Failure> {
    let [word] = words else {
        return Err(exit::bad_fence_check());
    };
    let digits = word.to_str().filter(|text| !text.starts_with('+'));
    let number = digits.and_then(|text| text.parse().ok());
    Ok(Invocation::FenceCheck {
        file: file.into(),
        number: number.ok_or_else(exit::bad_fence_check)?,
    })
}

fn explain(words: &Words) -> Result<Explain, Failure> {
    let report = match words.value_of(Wish::WaitReport) {
        None => None,
        Some(word) if word.is_empty() => Some(None),
        Some(word) => match word.to_str().and_then(|word| word.parse().ok()) {
            Some(seconds) => Some(Some(seconds)),
            None => return Err(exit::bad_wait_report()),
        },
    };
    let quiet = words.want(Wish::Quiet);
    Ok(Explain { report, quiet })
}

/// `--status` wins where both are given: it says more.
fn observe(words: &Words) -> Result<Action, Failure> {
    let json = match words.value_of(Wish::Format).and_then(OsStr::to_str) {
        None if words.want(Wish::Format) => return Err(exit::bad_format()),
        None | Some("text") => false,
        Some("json") => true,
        Some(_) => return Err(exit::bad_format()),
    };
    let why = !words.want(Wish::Status);
    let only = names_resource(words);
    match why && !only {
        true => Err(exit::why_what()),
        false => Ok(Action::Observe { why, only, json }),
    }
}

/// Whether the command line itself says which resource.
fn names_resource(words: &Words) -> bool {
    let name = Setting::by_long("resource-name").expect("a row of the table");
    words.given.has(name)
}

#[cfg(test)]
mod tests;
