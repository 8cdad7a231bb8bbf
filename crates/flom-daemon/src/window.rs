//! A window for those who look from another thread: what the daemon keeps, whenever they ask.
//!
//! ```text
//!   looker's thread                    the loop
//!   Window ── wanted, wakes it ──────► Frame ── a view, if it is wanted ──┐
//!      ▲                                                                  │
//!      └────────────────────────── channel ◄──────────────────────────────┘
//! ```
//!
//! The looker waits for the loop, never the loop for the looker. How often it looks is limited by
//! what a view costs: together they stay a small part of the daemon's time.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use flom_core::LockManager;
use flom_status::{Numbered, View};
use flom_types::Now;
use mio::{Registry, Token, Waker};

use crate::conns::Conns;

/// How many times as long as it took to take a view it is good.
const REST: u32 = 10;

/// How long any view is good: to be woken costs something, too.
const REST_AT_LEAST: Duration = Duration::from_micros(200);

/// How long somebody who looks waits for the loop, which has other things to do.
const PATIENCE: Duration = Duration::from_secs(1);

/// Shows what the daemon keeps to one who looks from another thread.
pub struct Window {
    wanted: Arc<AtomicBool>,
    waker: Arc<Waker>,
    views: Receiver<Fresh>,
    /// Until when the last view is good.
    good_until: Option<Instant>,
}

/// A view that has just been taken.
struct Fresh {
    shown: Arc<Numbered>,
    /// What was shown before: whoever looks forgets it, which takes a while if it is much.
    _before: Option<Arc<Numbered>>,
    good_until: Instant,
}

/// Its side of the loop.
pub(crate) struct Frame {
    asked: Arc<AtomicBool>,
    /// A view is to be taken.
    wanted: bool,
    views: Sender<Fresh>,
    latest: Option<Arc<Numbered>>,
}

/// Takes down what has been put up behind a window.
pub type TakeDown = Box<dyn FnOnce() -> Result<(), Box<dyn Error>> + Send>;

/// Nothing is shown where it should be; everything else is as it should.
#[derive(Debug, thiserror::Error)]
#[error("nothing is shown at {place}: {reason}")]
pub struct NotShown {
    pub(crate) place: String,
    /// With its causes.
    pub(crate) reason: String,
}

/// What has been put up behind a window.
pub(crate) struct Exhibition {
    pub(crate) place: String,
    pub(crate) frame: Frame,
    pub(crate) take_down: TakeDown,
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Window").finish_non_exhaustive()
    }
}

impl fmt::Debug for Exhibition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut show = f.debug_struct("Exhibition");
        show.field("place", &self.place).finish_non_exhaustive()
    }
}

impl Window {
    /// What the daemon keeps now; `None` if that was given before and is good still, or if the
    /// daemon has no time, or is at its end.
    pub fn look(&mut self) -> Option<Arc<Numbered>> {
        if self.good_until.is_some_and(|end| Instant::now() < end) {
            return None;
        }
        // What has come too late for an earlier look.
        while self.views.try_recv().is_ok() {}
        self.wanted.store(true, Ordering::Release);
        self.waker.wake().ok()?;
        let fresh = self.views.recv_timeout(PATIENCE).ok()?;
        self.good_until = Some(fresh.good_until);
        Some(fresh.shown)
    }
}

impl Frame {
    /// A window, for which the loop is woken under `token`.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<(Self, Window)> {
        let (sender, receiver) = channel();
        let wanted = Arc::new(AtomicBool::new(false));
        let window = Window {
            wanted: Arc::clone(&wanted),
            waker: Arc::new(Waker::new(registry, token)?),
            views: receiver,
            good_until: None,
        };
        let frame = Self {
            asked: wanted,
            wanted: false,
            views: sender,
            latest: None,
        };
        Ok((frame, window))
    }

    /// Whether there is something to do in the next turn.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// Takes a view if one is wanted, and it can be taken in one turn.
    pub(crate) fn serve(&mut self, now: Now, manager: &LockManager, conns: &mut Conns) {
        self.wanted |= self.asked.swap(false, Ordering::Acquire);
        if !self.wanted || !conns.get_acquainted() {
            return;
        }
        self.wanted = false;
        let began = Instant::now();
        let view = View::new(manager.snapshot(now), conns.peers());
        let numbered = Numbered::new(view, self.latest.as_deref(), || conns.next_number());
        let shown = Arc::new(numbered);
        let _before = self.latest.replace(Arc::clone(&shown));
        let end = Instant::now();
        let good_until = end + (REST * (end - began)).max(REST_AT_LEAST);
        // Nobody may look any more.
        let _ = self.views.send(Fresh {
            shown,
            _before,
            good_until,
        });
    }
}
