//! The signals that a daemon heeds.

use std::fmt;
use std::io;

use flom_start::held_back;
use mio::{Interest, Registry, Token};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;

const HEEDED: [i32; 3] = [SIGTERM, SIGINT, SIGHUP];

/// Watches TERM and INT, which end the daemon in order, and HUP, which does not: whoever closes a
/// terminal must not take the locks of others away.
pub(crate) struct Watchman {
    signals: Signals,
    on_hangup: Box<dyn FnMut() + Send>,
}

impl fmt::Debug for Watchman {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watchman").finish_non_exhaustive()
    }
}

impl Watchman {
    /// Has the system tell under `token` that a signal has come; HUP has `on_hangup` called.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub(crate) fn new(
        on_hangup: Box<dyn FnMut() + Send>,
        token: Token,
        registry: &Registry,
    ) -> io::Result<Self> {
        // While the library has not written down which handlers there are, a signal would do nothing
        // at all.
        let mut signals = held_back(HEEDED, || Signals::new(HEEDED))?;
        registry.register(&mut signals, token, Interest::READABLE)?;
        Ok(Self { signals, on_hangup })
    }

    /// Does what the signals ask for that have come; the one that says to end, if there is one.
    pub(crate) fn heed(&mut self) -> Option<i32> {
        let mut end = None;
        // All of them are taken, so that an old one is not found later.
        for signal in self.signals.pending() {
            match signal {
                SIGHUP => (self.on_hangup)(),
                other => end = Some(other),
            }
        }
        end
    }
}
