//! The command line of `flom`, as meant.

use std::ffi::OsString;
use std::io;

use flom_settings::Settings;

use crate::failure::{Failure, write_lines};

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
    /// `--debug-feature`; fails with [`exit::DEBUG_FAILED`](crate::exit::DEBUG_FAILED).
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
    /// Nothing to run: [`exit::no_command`](crate::exit::no_command).
    NoCommand,
}

/// A test of the network for people, see `spec/discovery.md` §11.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DebugFeature {
    /// `ipv6.multicast.server`.
    MulticastServer,
    /// `ipv6.multicast.client`.
    MulticastClient,
}

impl Run {
    /// Prints the lines that come before anything else happens.
    ///
    /// # Errors
    ///
    /// If stdout cannot be written.
    pub fn announce(&self) -> io::Result<()> {
        write_lines(&mut io::stdout().lock(), &self.output)?;
        write_lines(&mut io::stderr().lock(), &self.warnings)
    }
}

/// Reads a command line, the name of the program not included.
///
/// # Errors
///
/// Whatever ends `flom` before anything is contacted: [`Failure`] says how.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Invocation, Failure> {
    let command: Vec<OsString> = args.into_iter().collect();
    let action = match command.is_empty() {
        true => Action::NoCommand,
        false => Action::Lock { command },
    };
    Ok(Invocation::Run(Box::new(Run {
        settings: Settings::default(),
        action,
        output: Vec::new(),
        warnings: Vec::new(),
    })))
}
