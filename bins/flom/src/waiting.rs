//! Why the lock is not there yet, on stderr: one line repainted on a terminal, elsewhere a new line
//! whenever something has changed.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use flom_client::command::Explanation;
use rustix::termios::tcgetwinsize;

use crate::width::cut;

/// When a wait is explained if stderr is a terminal and nothing else is said.
const AFTER: Duration = Duration::from_secs(1);

/// Columns of a terminal that does not say how many it has.
const COLUMNS: usize = 80;

/// After how long to explain a wait; `None`: never. `report` is what `--wait-report` says: nothing,
/// or a number of seconds.
pub(crate) fn after(report: Option<Option<u32>>, quiet: bool) -> Option<Duration> {
    match report {
        _ if quiet => None,
        Some(seconds) => Some(seconds.map_or(AFTER, |s| Duration::from_secs(s.into()))),
        None => io::stderr().is_terminal().then_some(AFTER),
    }
}

/// What has been said so far.
pub(crate) struct Waiting<W> {
    out: W,
    is_terminal: bool,
    columns: usize,
    /// What the line on a file says, without what changes with time alone.
    last: String,
}

impl Waiting<io::Stderr> {
    /// On stderr.
    pub(crate) fn on_stderr() -> Self {
        Self {
            is_terminal: io::stderr().is_terminal(),
            columns: columns(),
            out: io::stderr(),
            last: String::new(),
        }
    }
}

impl<W: Write> Waiting<W> {
    /// The request waits, for so long.
    pub(crate) fn explain(&mut self, explanation: &Explanation, since: Duration) {
        let seconds = since.as_secs();
        let line = match explanation {
            Explanation::Known(line) => format!("flom: [{seconds}s] {line}"),
            Explanation::Unknown => format!("flom: [{seconds}s] waits for the lock"),
        };
        if self.is_terminal {
            let shown = cut(&line, self.columns - 1);
            self.put(&format!("\r\x1b[2K{shown}"));
        } else if timeless(&line) != self.last {
            self.last = timeless(&line);
            self.put(&format!("{line}\n"));
        }
    }

    /// It does not wait any more: the line on a terminal goes.
    pub(crate) fn over(&mut self) {
        if self.is_terminal {
            self.put("\r\x1b[2K");
        }
    }

    /// It has come to nothing because of them.
    pub(crate) fn in_vain(&mut self, lines: &[String]) {
        lines
            .iter()
            .for_each(|line| self.put(&format!("flom: {line}\n")));
    }

    /// What cannot be written is lost: nobody is there to read it.
    fn put(&mut self, text: &str) {
        let _ = self.out.write_all(text.as_bytes());
        let _ = self.out.flush();
    }
}

/// The line without its durations.
fn timeless(line: &str) -> String {
    let is_time = |word: &&str| {
        let word = word.trim_matches(['[', ']']);
        let starts = word.starts_with(|c: char| c.is_ascii_digit());
        starts && word.ends_with(['s', 'm', 'h']) && word.chars().all(|c| c.is_ascii_alphanumeric())
    };
    let words = line.split(' ').filter(|word| !is_time(word));
    words.collect::<Vec<_>>().join(" ")
}

/// How wide the terminal is.
fn columns() -> usize {
    let said = tcgetwinsize(io::stderr()).map_or(0, |size| usize::from(size.ws_col));
    if said > 1 { said } else { COLUMNS }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(is_terminal: bool, lines: &[&str]) -> String {
        let mut waiting = Waiting {
            out: Vec::new(),
            is_terminal,
            columns: 30,
            last: String::new(),
        };
        for (at, line) in lines.iter().enumerate() {
            let known = Explanation::Known((*line).to_owned());
            waiting.explain(&known, Duration::from_secs(at as u64 + 1));
        }
        waiting.over();
        String::from_utf8(waiting.out).unwrap()
    }

    #[test]
    fn a_terminal_has_one_line_that_fits_and_goes_in_the_end() {
        let text = said(true, &["waits for db: a long story of many words", "waits"]);
        let expected = "\r\x1b[2Kflom: [1s] waits for db: a l…\r\x1b[2Kflom: [2s] waits\r\x1b[2K";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_file_gets_a_line_only_if_more_than_the_time_has_changed() {
        let lines = [
            "waits; EX for 5s by ann; 2 requests are before it",
            "waits; EX for 1m06s by ann; 2 requests are before it",
            "waits; EX for 1m07s by ann; 1 request is before it",
        ];
        let expected = format!("flom: [1s] {}\nflom: [3s] {}\n", lines[0], lines[2]);
        assert_eq!(said(false, &lines), expected);
    }

    #[test]
    fn a_wait_is_explained_to_those_who_want_it() {
        assert_eq!(after(Some(None), false), Some(AFTER));
        assert_eq!(after(Some(Some(7)), false), Some(Duration::from_secs(7)));
        assert_eq!(after(Some(Some(7)), true), None);
        assert_eq!(after(None, true), None);
    }
}
