//! `--doctor`: looks whether everything is well that locking needs, a line for each check.
//!
//! ```text
//!   look at the world ──► facts ──► judge (no I/O) ──► Finding ──► a line, maybe a hint
//! ```

mod certificates;
mod clock;
mod configuration;
mod daemon;
mod finding;
mod multicast;
mod socket;

use std::process::ExitCode;
use std::time::{Instant, SystemTime};

use flom_cli::exit;
use flom_cli::flom::Sources;

use crate::print;
use finding::{Finding, Verdict};

/// What the checks have come to so far.
#[derive(Default)]
struct Report {
    wrong: bool,
    /// What was advised last: that need not be said twice in a row.
    advice: Option<String>,
}

/// Looks at everything and says what it finds as soon as it is known. Changes nothing, starts no
/// daemon.
pub(crate) fn run(sources: &Sources) -> ExitCode {
    let (began, wall_clock) = (Instant::now(), SystemTime::now());
    let mut report = Report::default();
    report.tell(configuration::judge(sources));
    let mut daemon_clock = None;
    if sources.errors.is_empty() {
        let settings = &sources.settings;
        report.tell(certificates::check(&settings.tls));
        let socket = socket::check(settings);
        let is_blocked = socket.iter().any(|one| one.verdict == Verdict::Failed);
        report.tell(socket);
        // First the group: a server of the debug feature answers but once.
        report.tell(multicast::check(settings));
        // Where there can be no daemon, none is asked.
        if !is_blocked {
            let (finding, clock) = daemon::check(settings);
            daemon_clock = clock;
            report.tell([finding]);
        }
    }
    report.tell([clock::check(began, wall_clock, daemon_clock)]);
    match report.wrong {
        true => ExitCode::from(exit::DOCTOR_FOUND),
        false => ExitCode::SUCCESS,
    }
}

impl Report {
    fn tell(&mut self, findings: impl IntoIterator<Item = Finding>) {
        for mut finding in findings {
            self.wrong |= finding.verdict != Verdict::Ok;
            match finding.hint == self.advice {
                true => finding.hint = None,
                false => self.advice.clone_from(&finding.hint),
            }
            print::line(&finding.to_string());
        }
    }
}
