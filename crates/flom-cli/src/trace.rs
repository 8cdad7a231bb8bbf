//! The trace: what `FLOM_TRACE_MASK` asks for, one line for each step (`spec/tracing.md`).
//!
//! ```text
//!   log::trace!(target: ..) ─► Logger ─ bit of the target? ─► line ─► kept ─► file │ stderr │ nowhere
//!                               log.rs        modules.rs               output.rs
//! ```
//!
//! The head of a line, and the lines of the debug features, have the form that users of FLoM 1.7.2
//! know. Lines are kept until it is known where they go: that is a setting like others.
//!
//! | who | calls |
//! |---|---|
//! | both programs, first of all | [`begin`] |
//! | `flom`, by [`flom::parse`](crate::flom::parse) | `direct` |
//! | `flomd` | [`open`] while it still has the umask of its starter, [`settle`] once it is ready |
//! | `flomd`, told to by a signal | [`reopen`] |
//!
//! With a mask of 0 nothing is opened, no logger is there, and a line costs a comparison of levels.

mod dump;
mod file;
mod function;
mod line;
mod mask;
mod modules;
mod output;

use std::sync::{Mutex, MutexGuard, PoisonError};

use flom_settings as settings;
use log::{LevelFilter, Record};

use crate::log::logger;
use output::Output;

pub use dump::{dump_address, dump_bytes, dump_resolved, dump_text, or_null};
pub use file::OpenError;
pub use function::Traced;
pub use mask::TraceMask;
pub use modules::{MODULES, Module};
pub use output::Otherwise;

/// Begins to trace what `FLOM_TRACE_MASK` says. A second call changes nothing.
pub fn begin() {
    let mask = TraceMask::from_environment();
    if !mask.is_empty() {
        crate::log::begin(Trace::new(mask));
    }
}

/// Opens the file of the daemon, if one is named. What it holds stays for now, and lines are kept
/// until [`settle`].
///
/// # Errors
///
/// The file cannot be opened.
pub fn open(trace: &settings::Trace, otherwise: Otherwise) -> Result<(), OpenError> {
    let Some(running) = running() else {
        return Ok(());
    };
    let file = trace.daemon_file.as_deref();
    running.output().open(file, otherwise)?;
    crate::log::set_level();
    Ok(())
}

/// Writes the lines that were kept, and from now on all others as they come. A file is emptied
/// before, unless it is to be appended to, or this daemon is not `ready`: then it may be that of
/// another one.
pub fn settle(trace: &settings::Trace, ready: bool) {
    if let Some(running) = running() {
        running.output().settle(ready && !trace.append);
    }
}

/// Opens the trace file again, if there is one. If its name has been given to another file
/// meanwhile, or to none, then lines go into that one, or a new one, from now on.
///
/// # Errors
///
/// It cannot be opened. Then lines go where they went before.
pub fn reopen() -> Result<(), OpenError> {
    running().map_or(Ok(()), |running| running.output().reopen())
}

/// Opens the file of the command, if one is named, empties it unless it is to be appended to, and
/// writes the lines that were kept. They go to stderr if there is no file, or if it cannot be
/// opened, which is returned.
pub(crate) fn direct(trace: &settings::Trace) -> Option<OpenError> {
    let mut output = running()?.output();
    let opened = output.open(trace.command_file.as_deref(), Otherwise::Stderr);
    output.settle(!trace.append);
    opened.err()
}

/// Has the daemon that this command may start append to the file, if it is the one that the command
/// has begun.
pub(crate) fn share(trace: &mut settings::Trace) {
    let shared = trace.daemon_file.is_some() && trace.daemon_file == trace.command_file;
    trace.append |= shared && running().is_some();
}

/// Before a program says why it fails: what is still kept goes to stderr.
pub(crate) fn give_up() {
    if let Some(running) = running() {
        running.output().settle(false);
    }
}

fn running() -> Option<&'static Trace> {
    logger()?.trace()
}

/// What is traced, and where to.
#[derive(Debug)]
pub(crate) struct Trace {
    mask: TraceMask,
    output: Mutex<Output>,
}

impl Trace {
    /// Keeps its lines for now.
    pub(crate) fn new(mask: TraceMask) -> Self {
        Self {
            mask,
            output: Mutex::new(Output::new()),
        }
    }

    /// Which records are worth a look.
    pub(crate) fn level(&self) -> LevelFilter {
        match self.mask.is_empty() || self.output().is_nowhere() {
            true => LevelFilter::Off,
            false => LevelFilter::Trace,
        }
    }

    /// Whether records with `target` are traced, of whatever level.
    pub(crate) fn wants(&self, target: &str) -> bool {
        self.mask.has_target(target)
    }

    /// Writes, or keeps, a line for `record`.
    pub(crate) fn add(&self, record: &Record) {
        let line = line::line(record); // which may itself log something
        self.output().add(line);
    }

    /// Whether lines appear where the log does.
    pub(crate) fn is_on_stderr(&self) -> bool {
        self.output().is_stderr()
    }

    fn output(&self) -> MutexGuard<'_, Output> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
