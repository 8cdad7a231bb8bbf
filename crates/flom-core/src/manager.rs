//! The lock manager.

use flom_types::{Now, Time, limits};

use crate::{Action, Event};

/// How far newcomers may pass waiters (design decision 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fairness {
    /// A waiter is passed so many times by others that fit; then nobody passes it.
    Bounded(u32),
    /// Nobody passes a waiter that it conflicts with.
    Fifo,
    /// Whoever fits is served, as in FLoM 1.7.2.
    FirstFit,
}

impl Default for Fairness {
    fn default() -> Self {
        Self::Bounded(limits::PASSED_AT_MOST)
    }
}

/// Knows who holds what and who waits for it.
#[derive(Debug)]
pub struct LockManager {
    actions: Vec<Action>,
}

impl LockManager {
    /// A manager that keeps no lock yet.
    pub fn new(_fairness: Fairness) -> Self {
        Self {
            actions: Vec::new(),
        }
    }

    /// Applies `event` as of `now` and yields what to do about it, in order.
    pub fn handle(&mut self, _now: Now, _event: Event) -> impl Iterator<Item = Action> {
        self.actions.drain(..)
    }

    /// When the next [`Event::Tick`] is due; `None` while nothing depends on the clock.
    pub fn next_deadline(&self) -> Option<Time> {
        None
    }

    /// Whether no resource exists and nobody is parked: a daemon may end.
    pub fn is_empty(&self) -> bool {
        true
    }

    /// Whether nobody holds, waits or is parked: a draining daemon may end.
    pub fn is_quiet(&self) -> bool {
        true
    }
}
