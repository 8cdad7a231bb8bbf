//! Sequences: ascending numbers (`spec/resources.md` §8.1).

use std::collections::VecDeque;

use flom_types::SessionId;

use super::{Grant, Hold, Verdict};
use crate::queue::{Line, Ticket};

/// Numbers from 1 on, each for one holder, at most so many holders at a time.
#[derive(Debug)]
pub(crate) struct Sequence {
    transactional: bool,
    /// How many it can have at a time.
    holders: u32,
    free: u32,
    next: u32,
    /// Numbers whose holders have failed, in that order; they go out again before fresh ones.
    returned: VecDeque<u32>,
    line: Line,
}

impl Sequence {
    pub(crate) fn new(transactional: bool, holders: u32) -> Self {
        Self {
            transactional,
            holders,
            free: holders,
            next: 1,
            returned: VecDeque::new(),
            line: Line::default(),
        }
    }

    pub(crate) fn ask(&mut self) -> Verdict {
        match self.take() {
            Some((hold, element)) => Verdict::Granted(hold, Some(element)),
            None => Verdict::NotNow,
        }
    }

    fn take(&mut self) -> Option<(Hold, String)> {
        self.free = self.free.checked_sub(1)?;
        let value = self.returned.pop_front().unwrap_or_else(|| {
            let fresh = self.next;
            self.next = fresh.checked_add(1).unwrap_or(1);
            fresh
        });
        Some((Hold::Value(value), value.to_string()))
    }

    pub(crate) fn enqueue(&mut self, ticket: Ticket, session: SessionId) {
        self.line.push(ticket, session);
    }

    pub(crate) fn withdraw(&mut self, ticket: Ticket) {
        self.line.remove(ticket);
    }

    pub(crate) fn release(&mut self, value: u32, rollback: bool) {
        self.free += 1;
        if rollback && self.transactional {
            self.returned.push_back(value);
        }
    }

    pub(crate) fn settle(&mut self, grants: &mut Vec<Grant>) {
        while let Some((ticket, session)) = self.line.head()
            && let Some((hold, element)) = self.take()
        {
            self.line.remove(ticket);
            grants.push(Grant {
                session,
                hold,
                element: Some(element),
            });
        }
    }

    pub(crate) fn places(&self) -> usize {
        self.holders as usize
    }

    pub(crate) fn free(&self) -> u32 {
        self.free
    }

    pub(crate) fn tickets(&self) -> impl Iterator<Item = Ticket> {
        self.line.tickets()
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.free == 0 || self.line.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_last_number_comes_one_and_never_zero() {
        let mut sequence = Sequence::new(false, 3);
        sequence.next = u32::MAX;
        for wanted in ["4294967295", "1", "2"] {
            match sequence.ask() {
                Verdict::Granted(_, Some(element)) => assert_eq!(element, wanted),
                other => panic!("{other:?}"),
            }
        }
    }
}
