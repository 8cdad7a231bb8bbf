//! Who waits, in order of arrival, and how often each has been passed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use flom_types::{Fairness, SessionId};

/// A place in the order of arrival; grows over all waiters of all resources.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Ticket(pub(crate) u64);

impl Ticket {
    /// Of a request that does not wait yet: everybody came before it.
    pub(crate) const NEWCOMER: Self = Self(u64::MAX);

    /// Nobody came before it.
    pub(crate) const FIRST: Self = Self(0);
}

/// How often a waiter may be passed by requests that conflict with it; then nobody passes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct PassLimit(pub(crate) Option<u32>);

impl PassLimit {
    pub(crate) fn of(fairness: Fairness) -> Self {
        Self(match fairness {
            Fairness::Bounded(times) => Some(times),
            Fairness::Fifo => Some(0),
            Fairness::FirstFit => None,
        })
    }
}

/// Waiters that ask for the same and so are served in order of arrival.
///
/// Whoever is granted passes all that came before it, so of two waiters in a line the earlier one
/// has been passed at least as often. Hence each waiter keeps only how much oftener it has been
/// passed than the next: a grant changes one number, however long the line is.
#[derive(Debug, Default)]
pub(crate) struct Line {
    waiters: BTreeMap<Ticket, Waiter>,
    /// How often the first waiter has been passed: the sum of all `passed_more`.
    head_passed: u32,
    /// The waiters that have been passed oftener than the next: hardly any, as none is passed oftener
    /// than the limit.
    #[expect(
        clippy::box_collection,
        reason = "there are six lines for each, mostly without"
    )]
    steps: Option<Box<BTreeSet<Ticket>>>,
}

#[derive(Debug)]
struct Waiter {
    session: SessionId,
    /// How much oftener this waiter has been passed than the one behind it.
    passed_more: u32,
}

impl Line {
    /// Whether nobody waits here.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    /// The first waiter.
    pub(crate) fn head(&self) -> Option<(Ticket, SessionId)> {
        self.waiters
            .first_key_value()
            .map(|(ticket, waiter)| (*ticket, waiter.session))
    }

    /// All waiters, in order of arrival.
    pub(crate) fn tickets(&self) -> impl Iterator<Item = Ticket> {
        self.waiters.keys().copied()
    }

    /// The waiters that must not be passed any more.
    pub(crate) fn unpassable(&self, limit: PassLimit) -> impl Iterator<Item = Ticket> {
        let mut passed = self.head_passed;
        let with_passed = self.waiters.iter().map(move |(ticket, waiter)| {
            let its = passed;
            passed -= waiter.passed_more;
            (*ticket, its)
        });
        with_passed
            .take_while(move |(_, passed)| limit.0.is_some_and(|limit| *passed >= limit))
            .map(|(ticket, _)| ticket)
    }

    /// The first waiter that came after `ticket`, if it must not be passed any more.
    pub(crate) fn unpassable_after(
        &self,
        ticket: Ticket,
        limit: PassLimit,
    ) -> Option<(Ticket, SessionId)> {
        let after = (Bound::Excluded(ticket), Bound::Unbounded);
        let (next, waiter) = self.waiters.range(after).next()?;
        self.is_unpassable(*next, limit)
            .then_some((*next, waiter.session))
    }

    /// Whether the waiter of that ticket must not be passed any more: nor must any before it.
    pub(crate) fn is_unpassable(&self, ticket: Ticket, limit: PassLimit) -> bool {
        let last = self.steps.as_ref().and_then(|steps| steps.first());
        self.is_guarded(limit) && last.is_none_or(|last| ticket <= *last)
    }

    /// Adds a waiter that comes after all others.
    pub(crate) fn push(&mut self, ticket: Ticket, session: SessionId) {
        debug_assert!(
            self.waiters
                .last_key_value()
                .is_none_or(|(last, _)| *last < ticket)
        );
        self.waiters.insert(
            ticket,
            Waiter {
                session,
                passed_more: 0,
            },
        );
    }

    /// Takes a waiter out; false if it does not wait here.
    pub(crate) fn remove(&mut self, ticket: Ticket) -> bool {
        let Some(waiter) = self.waiters.remove(&ticket) else {
            return false;
        };
        if waiter.passed_more == 0 {
            return true;
        }
        let steps = self.steps.get_or_insert_default();
        steps.remove(&ticket);
        match self.waiters.range_mut(..ticket).next_back() {
            Some((before, waiter_before)) => {
                waiter_before.passed_more += waiter.passed_more;
                steps.insert(*before);
            }
            None => self.head_passed -= waiter.passed_more,
        }
        true
    }

    /// Notes that `by`, which conflicts with everybody here, has been granted.
    pub(crate) fn passed(&mut self, by: Ticket, limit: PassLimit) {
        if limit.0.is_none() {
            return;
        }
        if let Some((ticket, waiter)) = self.waiters.range_mut(..by).next_back() {
            waiter.passed_more += 1;
            self.head_passed += 1;
            self.steps.get_or_insert_default().insert(*ticket);
        }
    }

    /// Whether the first waiter, if there is one, must not be passed any more.
    pub(crate) fn is_guarded(&self, limit: PassLimit) -> bool {
        limit.0.is_some_and(|limit| self.head_passed >= limit)
    }

    /// Whether somebody here came before `by` and must not be passed any more.
    pub(crate) fn stops(&self, by: Ticket, limit: PassLimit) -> bool {
        self.is_guarded(limit) && self.head().is_some_and(|(head, _)| head < by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same with a plain list of (ticket, times passed).
    #[derive(Default)]
    struct Naive(Vec<(u64, u32)>);

    #[test]
    fn the_head_knows_how_often_it_was_passed_whatever_happened_before() {
        const LIMIT: PassLimit = PassLimit(Some(1000));
        let (mut line, mut naive) = (Line::default(), Naive::default());
        let mut random = 1_u64;
        for ticket in 0..3000_u64 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let choice = (random >> 33) % 7;
            let pick = (random >> 40) as usize;
            match choice {
                0..=2 => {
                    line.push(Ticket(ticket), SessionId(ticket));
                    naive.0.push((ticket, 0));
                }
                3 | 4 if !naive.0.is_empty() => {
                    let by = naive.0[pick % naive.0.len()].0;
                    line.passed(Ticket(by), LIMIT);
                    naive
                        .0
                        .iter_mut()
                        .filter(|(t, _)| *t < by)
                        .for_each(|(_, n)| *n += 1);
                }
                5 => {
                    line.passed(Ticket::NEWCOMER, LIMIT);
                    naive.0.iter_mut().for_each(|(_, n)| *n += 1);
                }
                _ if !naive.0.is_empty() => {
                    let (gone, _) = naive.0.remove(pick % naive.0.len());
                    assert!(line.remove(Ticket(gone)));
                    assert!(!line.remove(Ticket(gone)));
                }
                _ => {}
            }
            assert_eq!(line.head_passed, naive.0.first().map_or(0, |(_, n)| *n));
            assert_eq!(
                line.head().map(|(t, _)| t.0),
                naive.0.first().map(|(t, _)| *t)
            );
        }
    }

    #[test]
    fn all_before_the_last_one_that_must_not_be_passed_must_not_be_passed() {
        let mut random = 1_u64;
        for _ in 0..1000 {
            let mut line = Line::default();
            for ticket in 1..30 {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let pick = Ticket((random >> 40) % ticket);
                match (random >> 33) % 16 {
                    0..=8 => line.push(Ticket(ticket), SessionId(ticket)),
                    9 => line.passed(pick, PassLimit(Some(1000))),
                    _ => drop(line.remove(pick)),
                }
                let limit = PassLimit(Some(line.head_passed));
                let unpassable: Vec<_> = line.unpassable(limit).collect();
                let mut before = Ticket::FIRST;
                for ticket in line.tickets() {
                    let found = line.unpassable_after(before, limit);
                    let wanted = unpassable.contains(&ticket);
                    assert_eq!(found, wanted.then_some((ticket, SessionId(ticket.0))));
                    before = ticket;
                }
            }
        }
    }

    #[test]
    fn only_who_came_before_is_protected_from_being_passed() {
        let limit = PassLimit(Some(1));
        let mut line = Line::default();
        line.push(Ticket(5), SessionId(1));
        assert!(!line.stops(Ticket::NEWCOMER, limit));
        line.passed(Ticket::NEWCOMER, limit);
        assert!(line.stops(Ticket::NEWCOMER, limit));
        assert!(line.stops(Ticket(6), limit));
        assert!(!line.stops(Ticket(4), limit));
        assert!(!line.stops(Ticket::NEWCOMER, PassLimit(None)));
    }
}
