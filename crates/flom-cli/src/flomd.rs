//! The command line of `flomd`, as meant.

use std::ffi::OsString;

use flom_settings::Settings;

use crate::failure::Failure;

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
    /// `--detach`: leaves the session and starts the daemon proper.
    Detach,
    /// `--detached`: the daemon proper, which tells on stdout whether it is ready.
    Detached,
}

/// Reads a command line, the name of the program not included.
///
/// Without `-d`, the daemon stays for ever.
///
/// # Errors
///
/// Whatever ends `flomd` before it opens anything: [`Failure`] says how.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Invocation, Failure> {
    let _: Vec<OsString> = args.into_iter().collect();
    Ok(Invocation::Run(Box::new(Run {
        settings: Settings::default(),
        stage: Stage::Foreground,
        warnings: Vec::new(),
    })))
}
