//! What flom says while it works: lines, each in one piece and at once.
//!
//! A line that cannot be written is lost: nobody is there to read it, and the lock and the command
//! matter more.

use std::error::Error;
use std::io::{self, Write};

use flom_cli::flom::Run;
use flom_cli::{Failure, exit};
use flom_client::command::Notice;

/// A text that ends its lines itself, on stdout.
pub(crate) fn text(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes());
    let _ = stdout.flush();
}

/// One line on stdout.
pub(crate) fn line(line: &str) {
    text(&format!("{line}\n"));
}

/// One line on stderr, as it is.
pub(crate) fn warning(line: &str) {
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// `error` and its causes, on stderr; the program goes on.
pub(crate) fn complaint(error: &dyn Error) {
    let _ = Failure::caused(exit::FAILED, error).report("flom");
}

/// What `run` has to say before it begins.
pub(crate) fn announcement(run: &Run) {
    let _ = run.announce();
}

/// A step of the search for a daemon, for those who asked for it with `-V`; what is wrong with the
/// daemon that was started, for everybody.
pub(crate) fn search(verbose: bool, notice: &Notice<'_>) {
    match notice {
        Notice::Shortcoming { text } => {
            warning(&format!(
                "flom: the daemon that was started serves, but {text}"
            ));
        }
        step if verbose => line(&step.to_string()),
        _ => {}
    }
}
