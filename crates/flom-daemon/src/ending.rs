//! When the daemon ends: told to at once, told to when nobody needs it, or not used any more.

use flom_core::LockManager;
use flom_types::{SessionId, Time};

use crate::lifespan::Lifespan;

/// What the daemon knows about its end.
#[derive(Debug)]
pub(crate) struct Ending {
    /// How long it lives without being used.
    pub(crate) lifespan: Lifespan,
    order: Order,
    /// Who has told it to end, and waits for the end of the connection as an answer.
    ordered_by: Vec<SessionId>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Order {
    None,
    /// As soon as nobody holds or waits for anything.
    Drain,
    /// With locks still held.
    AtOnce,
}

/// Whether it is time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Due {
    /// No.
    NotYet,
    /// Yes. Who is still at the door finds nobody and looks for, or starts, another daemon.
    Yes,
    /// Only if nobody is at the door: it has not been used for so long.
    IfAlone,
}

impl Ending {
    pub(crate) fn new(lifespan: Lifespan) -> Self {
        Self {
            lifespan,
            order: Order::None,
            ordered_by: Vec::new(),
        }
    }

    /// To end with this turn.
    pub(crate) fn order_at_once(&mut self) {
        self.order = Order::AtOnce;
    }

    /// To end when nobody holds or waits for anything; `by` is told that the order has come, by the
    /// end of its connection.
    pub(crate) fn order_drain(&mut self, by: SessionId) {
        self.ordered_by.push(by);
        self.order = Order::Drain;
    }

    /// Whether nothing else is to be done.
    pub(crate) fn is_at_once(&self) -> bool {
        self.order == Order::AtOnce
    }

    /// Who is to be told that an order has come.
    pub(crate) fn ordered_by(&mut self) -> impl Iterator<Item = SessionId> {
        self.ordered_by.drain(..)
    }

    /// Whether it is time to end at `now`.
    pub(crate) fn is_due(&self, now: Time, manager: &LockManager) -> Due {
        let unused = || manager.is_empty() && self.lifespan.end().is_some_and(|end| end <= now);
        match self.order {
            Order::AtOnce => Due::Yes,
            Order::Drain if manager.is_quiet() => Due::Yes,
            Order::None if unused() => Due::IfAlone,
            Order::None | Order::Drain => Due::NotYet,
        }
    }

    /// When [`is_due`](Self::is_due) may change for no other reason than the time.
    pub(crate) fn next_deadline(&self, manager: &LockManager) -> Option<Time> {
        // As long as there are resources, one of their deadlines comes before the end.
        self.lifespan.end().filter(|_| manager.is_empty())
    }
}
