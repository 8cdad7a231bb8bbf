//! What the programs of this project need beyond the library. No promise is made about it.

use std::io;
use std::time::Duration;

use flom_settings::Settings;
use flom_types::{Outcome, Previous, Who};

use crate::call::{Limits, Wait};
use crate::client::Client;
use crate::error::{ConfigError, LockError, LockLost, ReleaseError};
use crate::guard::Guard;
use crate::observe;
use crate::pending::Pending;
use crate::request::Request;
use crate::resume;
use crate::shutdown;

pub use crate::error::ShutdownError;
pub use crate::explain::Explanation;
pub use crate::notice::Notice;
pub use crate::observe::{Look, ObserveError, Watcher};
pub use crate::resume::{Claim, Ear, ResumeError};

/// A client as the `flom` command is one with these settings.
///
/// # Errors
///
/// [`ConfigError::NoEndpoint`] if they say nothing about where a daemon could be.
pub fn client(settings: Settings) -> Result<Client, ConfigError> {
    Client::new(settings, None, Limits::COMMAND)
}

/// As [`Request::start`], but the time of `wait` begins with the request, not with the search for a
/// daemon. `tell` hears about the search.
///
/// # Errors
///
/// As [`Request::start`].
pub fn start(
    request: &Request,
    wait: Wait,
    tell: &mut dyn FnMut(Notice<'_>),
) -> Result<Pending, LockError> {
    request.begin(wait, tell)
}

/// `request`, which says who asks.
pub fn introduce(request: Request, who: Who) -> Request {
    request.introduce(who)
}

/// As [`Guard::unlock`], or [`Guard::rollback`]; the next holder learns that this one has `ended` so.
///
/// # Errors
///
/// As those.
pub fn release(guard: Guard, rollback: bool, ended: Previous) -> Result<(), ReleaseError> {
    match rollback {
        true => guard.roll_back(ended),
        false => guard.release(false, ended),
    }
}

/// `request`, which promises that the holder is heard of every `beat_ms`, and has the lock kept for
/// `grace_ms` if the connection breaks; 0 for neither.
pub fn steady(request: Request, beat_ms: u32, grace_ms: u32) -> Request {
    request.steady(beat_ms, grace_ms)
}

/// Whether the daemon answers to [`ping`].
pub fn answers(guard: &Guard) -> bool {
    guard.is_extended()
}

/// Asks the daemon whether it is there. Only one that [`answers`] may be asked.
///
/// # Errors
///
/// [`LockLost`] if the daemon has gone.
pub fn ping(guard: &Guard) -> Result<(), LockLost> {
    resume::ping(guard)
}

/// What there is to be said of the daemon of `guard` if it has not said a word for so long.
pub fn silent(guard: &Guard, limit: Duration) -> LockLost {
    guard.silent(limit)
}

/// What it takes to [`resume()`]; `None` if the daemon knows nothing of such.
pub fn claim(guard: &Guard) -> Option<Claim> {
    Claim::of(guard)
}

/// Goes on, over a new connection, with a lock that `request` was granted once. Never starts a
/// daemon, and takes no longer than about twice `limit`.
///
/// # Errors
///
/// [`ResumeError`]
pub fn resume(request: &Request, claim: &Claim, limit: Duration) -> Result<Guard, ResumeError> {
    request.resume(claim, limit)
}

/// Asks why `pending` waits, unless that is being asked already; what is known at once is the answer.
/// Never waits.
pub fn ask_why(pending: &mut Pending) -> Option<Explanation> {
    pending.ask_why()
}

/// Whether the daemon has answered the request at all.
pub fn is_answered(pending: &Pending) -> bool {
    pending.is_answered()
}

/// What the daemon has said to [`ask_why`], once it has been driven.
pub fn explanation(pending: &mut Pending) -> Option<Explanation> {
    pending.explanation()
}

/// Because of whom `pending` came to nothing by `error`, in lines. Waits for the daemon's word, but
/// not for long; nothing if it does not say.
pub fn because_of(pending: &mut Pending, error: &LockError) -> Option<Vec<String>> {
    pending.because_of(error)
}

/// Whether there is anything to be gained by asking again after `error`: a daemon that was about to
/// end took the connection with it, and another one may be there by now.
pub fn is_worth_asking_again(error: &LockError) -> bool {
    matches!(
        error,
        LockError::Disconnected {
            unanswered: true,
            ..
        }
    )
}

/// Asks the daemon to end: at once, or as soon as nobody holds or waits for a lock.
///
/// Returns when the daemon has closed the connection, which says that it has heard, or after a
/// second: a daemon of FLoM 1.7.2 does not say. Never starts a daemon.
///
/// # Errors
///
/// [`ShutdownError`], if there is no daemon to be told.
pub fn shutdown(
    client: &Client,
    immediate: bool,
    tell: &mut dyn FnMut(Notice<'_>),
) -> Result<(), ShutdownError> {
    shutdown::shutdown(client, immediate, tell)
}

/// Looks at what the daemon keeps, and passes what it says to `out`, piece by piece: text, or JSON.
///
/// Says what would become of the request that was asked about. Never starts a daemon, and says
/// nothing to a daemon of FLoM 1.7.2 that could harm it.
///
/// # Errors
///
/// [`ObserveError`], if there is no daemon or it cannot show what it keeps.
pub fn observe(
    client: &Client,
    look: &Look,
    json: bool,
    tell: &mut dyn FnMut(Notice<'_>),
    out: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> Result<Outcome, ObserveError> {
    observe::observe(client, look, json, tell, out)
}

/// Finds the daemon, for those who want to look at it again and again. Never starts one.
///
/// # Errors
///
/// [`ObserveError`], if there is no daemon or it cannot show what it keeps.
pub fn watch(client: &Client, tell: &mut dyn FnMut(Notice<'_>)) -> Result<Watcher, ObserveError> {
    observe::watch(client, tell)
}
