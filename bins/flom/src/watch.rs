//! `--watch`: what the daemon keeps, on the terminal, as it changes.
//!
//! ```text
//!   daemon ─► lookout (a thread: asks, waits, asks again) ─► latest text ─┐
//!   keys, signals, time ──────────────────────────────────────────────────┴─► screen
//! ```

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use flom_cli::{Failure, exit};
use flom_client::command::{self, Look};
use flom_settings::Settings;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::print;

mod keys;
mod lookout;
mod page;
mod terminal;

use keys::Key;
use lookout::Lookout;
use page::Page;
use terminal::{Signals, Terminal};

/// How often it is painted though nothing has changed: the time goes on.
const PAINT: Duration = Duration::from_secs(1);

/// Shows everything, or what is known of the resource that the settings name, until somebody has
/// seen enough.
pub(crate) fn run(settings: Settings, only: bool) -> Result<ExitCode, Failure> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        let text = "--watch needs a terminal to read from and to write to; --status prints the \
                    same once";
        return Err(Failure::sentence(exit::FAILED, text));
    }
    let verbose = settings.trace.verbose;
    let look = Look::Status {
        only: only.then(|| settings.resource.name.clone()),
    };
    let failed = |error: &dyn std::error::Error| Failure::caused(exit::FAILED, error);
    let client = command::client(settings).map_err(|error| failed(&error))?;
    let mut search = |notice: command::Notice<'_>| print::search(verbose, &notice);
    let watcher = command::watch(&client, &mut search).map_err(|error| failed(&error))?;
    let lookout = Lookout::begin(client, watcher, look);
    show(&lookout.map_err(|error| failed(&error))?).map_err(|error| failed(&error))
}

/// Paints and listens until the end.
fn show(lookout: &Lookout) -> io::Result<ExitCode> {
    let signals = Signals::watch()?;
    let mut terminal = Terminal::take()?;
    let mut page = Page::default();
    loop {
        page.show(lookout.latest());
        let (rows, columns) = terminal.size();
        terminal.paint(&page.frame(rows, columns))?;
        if !wait(&signals, lookout)? {
            continue;
        }
        if let Some(signal) = signals.taken() {
            // As if it had ended flom, but with the terminal as it was.
            return Ok(ExitCode::from(128 + signal));
        }
        lookout.heed();
        for key in terminal.keys()? {
            match key {
                Key::Quit => return Ok(ExitCode::SUCCESS),
                Key::Move(by) => page.turn(by, rows),
            }
        }
    }
}

/// Waits for a key, a signal, news or the next second; whether it was one of the first three.
fn wait(signals: &Signals, lookout: &Lookout) -> io::Result<bool> {
    let until = Instant::now() + PAINT;
    let stdin = io::stdin();
    let mut watched = [
        PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN),
        PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN),
        PollFd::from_borrowed_fd(lookout.as_fd(), PollFlags::IN),
    ];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).expect("a second is short enough");
        match poll(&mut watched, Some(&timeout)) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
