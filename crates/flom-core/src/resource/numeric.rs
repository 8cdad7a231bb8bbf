//! Numeric resources: a pool of units (`spec/resources.md` §6.1).

use flom_types::SessionId;

use super::first_fit::{FirstFit, Fit};
use super::stuck::Chain;
use super::{Grant, Hold, Verdict};
use crate::queue::{Line, PassLimit, Ticket};

/// A pool of units. Whoever takes units conflicts with everybody who waits for some.
#[derive(Debug)]
pub(crate) struct Numeric {
    units: u32,
    free: u32,
    line: Line,
    /// The same waiters as in `line`, by what they ask for.
    sizes: FirstFit,
}

impl Numeric {
    pub(crate) fn new(units: u32) -> Self {
        Self {
            units,
            free: units,
            line: Line::default(),
            sizes: FirstFit::default(),
        }
    }

    pub(crate) fn ask(&mut self, quantity: u32, limit: PassLimit) -> Verdict {
        if quantity > self.units {
            Verdict::Impossible
        } else if quantity > self.free || self.line.stops(Ticket::NEWCOMER, limit) {
            Verdict::NotNow
        } else {
            Verdict::Granted(self.grant(Ticket::NEWCOMER, quantity, limit), None)
        }
    }

    fn grant(&mut self, ticket: Ticket, quantity: u32, limit: PassLimit) -> Hold {
        self.free -= quantity;
        self.line.passed(ticket, limit);
        Hold::Units(quantity)
    }

    pub(crate) fn enqueue(&mut self, ticket: Ticket, session: SessionId, quantity: u32) {
        self.line.push(ticket, session);
        self.sizes.push(ticket, session, quantity);
    }

    pub(crate) fn withdraw(&mut self, ticket: Ticket) {
        self.line.remove(ticket);
        self.sizes.remove(ticket);
    }

    pub(crate) fn release(&mut self, quantity: u32) {
        self.free += quantity;
    }

    pub(crate) fn settle(&mut self, limit: PassLimit, grants: &mut Vec<Grant>) {
        while let Some(fit) = self.first_that_fits(limit) {
            self.line.remove(fit.ticket);
            self.sizes.remove_at(fit.at);
            let hold = self.grant(fit.ticket, fit.quantity, limit);
            grants.push(Grant {
                session: fit.session,
                hold,
                element: None,
            });
        }
    }

    fn first_that_fits(&self, limit: PassLimit) -> Option<Fit> {
        let first = self.sizes.first_at_most(self.free)?;
        (!self.line.stops(first.ticket, limit)).then_some(first)
    }

    /// See [`Rules::stuck`](super::Rules::stuck).
    pub(crate) fn stuck(
        &self,
        (ticket, quantity): (Ticket, u32),
        holds: &[Hold],
        limit: PassLimit,
    ) -> Option<Chain> {
        let units = |hold: &Hold| match hold {
            Hold::Units(units) => *units,
            _ => 0,
        };
        let left = self.units - holds.iter().map(units).sum::<u32>();
        if quantity > left {
            return Some(Chain::new());
        }
        let (earlier, session) = self.sizes.first_above(left)?;
        (earlier < ticket && self.line.is_unpassable(earlier, limit)).then(|| vec![session])
    }

    pub(crate) fn free(&self) -> u32 {
        self.free
    }

    pub(crate) fn unpassable(&self, limit: PassLimit, tickets: &mut Vec<Ticket>) {
        tickets.extend(self.line.unpassable(limit));
    }

    pub(crate) fn is_sound(&self, limit: PassLimit) -> bool {
        self.free <= self.units && self.first_that_fits(limit).is_none()
    }
}
