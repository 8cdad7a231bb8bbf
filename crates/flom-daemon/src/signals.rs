//! The signals that end a daemon in order.

use std::fmt;
use std::io;

use mio::{Interest, Registry, Token};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;

/// Watches TERM, INT and HUP.
pub(crate) struct Watchman {
    signals: Signals,
    hangup_ends: bool,
}

impl fmt::Debug for Watchman {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watchman")
            .field("hangup_ends", &self.hangup_ends)
            .finish_non_exhaustive()
    }
}

impl Watchman {
    /// Has the system tell under `token` that a signal has come; HUP only ends the daemon if
    /// `hangup_ends`, but never kills it.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub(crate) fn new(hangup_ends: bool, token: Token, registry: &Registry) -> io::Result<Self> {
        let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
        registry.register(&mut signals, token, Interest::READABLE)?;
        Ok(Self {
            signals,
            hangup_ends,
        })
    }

    /// The signal that says to end, if one has come.
    pub(crate) fn end(&mut self) -> Option<i32> {
        let Self {
            signals,
            hangup_ends,
        } = self;
        // All of them are taken, so that an old one is not found later.
        let ending = signals
            .pending()
            .filter(|signal| *signal != SIGHUP || *hangup_ends);
        ending.last()
    }
}
