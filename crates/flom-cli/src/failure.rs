//! What a program says when it fails, and the exit status it ends with.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use flom_settings::ConflictError;
use flom_types::{Chain, ReturnCode};

use crate::exit;
use crate::options::SyntaxError;
use crate::trace;

/// The end of a program that could not do what it was asked: lines for the user, and a status.
///
/// Everything goes to stderr, except what belongs on stdout before (`-V`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    output: Vec<String>,
    lines: Vec<Line>,
    status: u8,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Line {
    /// Printed as it is: scripts know it.
    Exact(String),
    /// Printed after the name of the program.
    Named(String),
}

impl Failure {
    /// Ends with `status` after a line that scripts know, printed as it is.
    pub fn exact(status: u8, line: impl Into<String>) -> Self {
        Self::new(status, Line::Exact(line.into()))
    }

    /// Ends with `status` after lines that scripts know, or that say more than those.
    pub(crate) fn exact_lines(status: u8, lines: Vec<String>) -> Self {
        Self {
            output: Vec::new(),
            lines: lines.into_iter().map(Line::Exact).collect(),
            status,
        }
    }

    /// Ends with `status` after a sentence of ours, printed as `flom: SENTENCE`.
    pub fn sentence(status: u8, sentence: impl Into<String>) -> Self {
        Self::new(status, Line::Named(sentence.into()))
    }

    /// Ends with `status` after `error` and its causes, printed as `flom: ERROR: CAUSE: CAUSE`.
    pub fn caused(status: u8, error: &dyn Error) -> Self {
        Self::sentence(status, Chain(error).to_string())
    }

    /// Ends with 99 after the line `LABEL: ret_cod=N (TEXT)`, as FLoM 1.7.2 names what went wrong
    /// between it and the daemon.
    pub fn returned(label: &str, code: ReturnCode) -> Self {
        Self::exact(exit::FAILED, format!("{label}: {code}"))
    }

    /// Adds a line with `error` and its causes, which says in our words what the first line means.
    #[must_use]
    pub fn because(mut self, error: &dyn Error) -> Self {
        self.lines.push(Line::Named(Chain(error).to_string()));
        self
    }

    /// Adds a line that scripts know, printed as it is.
    #[must_use]
    pub fn and(mut self, line: impl Into<String>) -> Self {
        self.lines.push(Line::Exact(line.into()));
        self
    }

    /// Says what was to be printed before this happened: `output` on stdout, `warnings` on stderr.
    #[must_use]
    pub fn after(mut self, output: Vec<String>, warnings: Vec<String>) -> Self {
        self.output = output;
        self.lines
            .splice(..0, warnings.into_iter().map(Line::Exact));
        self
    }

    /// The status that the program ends with.
    pub fn status(&self) -> u8 {
        self.status
    }

    /// What goes to stdout, line by line.
    pub fn output(&self) -> &[String] {
        &self.output
    }

    /// What goes to stderr, line by line, when `program` fails so.
    pub fn messages(&self, program: &str) -> Vec<String> {
        let print = |line: &Line| match line {
            Line::Exact(text) => text.clone(),
            Line::Named(text) => format!("{program}: {text}"),
        };
        self.lines.iter().map(print).collect()
    }

    /// Prints it all and gives the status to end with.
    pub fn report(self, program: &str) -> ExitCode {
        trace::give_up();
        // Nobody is left to be told that stdout or stderr cannot be written; the status still says
        // that something failed.
        let _ = write_lines(&mut std::io::stdout().lock(), &self.output);
        let _ = write_lines(&mut std::io::stderr().lock(), &self.messages(program));
        ExitCode::from(self.status)
    }

    fn new(status: u8, line: Line) -> Self {
        Self {
            output: Vec::new(),
            lines: vec![line],
            status,
        }
    }
}

impl From<SyntaxError> for Failure {
    fn from(error: SyntaxError) -> Self {
        Self::exact(exit::FAILED, format!("option parsing failed: {error}"))
    }
}

impl From<ConflictError> for Failure {
    fn from(error: ConflictError) -> Self {
        Self::exact(exit::FAILED, error.to_string())
            .and("Configuration is not valid, cannot go on!")
    }
}

/// Writes `lines`, each in one piece and with its end.
pub(crate) fn write_lines(to: &mut impl Write, lines: &[String]) -> std::io::Result<()> {
    for line in lines {
        to.write_all(format!("{line}\n").as_bytes())?;
    }
    to.flush()
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot reach the daemon")]
    struct Unreachable {
        source: io::Error,
    }

    fn unreachable() -> Unreachable {
        Unreachable {
            source: io::Error::other("no route"),
        }
    }

    #[test]
    fn our_own_sentences_name_the_program_and_every_cause() {
        let failure = Failure::caused(exit::FAILED, &unreachable());
        assert_eq!(
            failure.messages("flom"),
            ["flom: cannot reach the daemon: no route"]
        );
    }

    #[test]
    fn a_return_code_is_printed_as_scripts_know_it_and_explained_below() {
        let failure =
            Failure::returned("flom_client_connect", ReturnCode::CONNECT).because(&unreachable());
        assert_eq!(failure.status(), 99);
        assert_eq!(
            failure.messages("flom"),
            [
                "flom_client_connect: ret_cod=-105 \
                 (ERROR: 'connect' function returned an error condition)",
                "flom: cannot reach the daemon: no route",
            ]
        );
    }

    #[test]
    fn what_was_said_before_comes_first() {
        let failure =
            Failure::exact(1, "last").after(vec!["out".to_string()], vec!["first".to_string()]);
        assert_eq!(failure.output(), ["out"]);
        assert_eq!(failure.messages("flom"), ["first", "last"]);
    }
}
