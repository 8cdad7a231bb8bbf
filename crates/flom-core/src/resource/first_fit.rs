//! Waiters that ask for different quantities: the first that asks for little enough.

use flom_types::SessionId;

use crate::queue::Ticket;

/// Waiters in order of arrival, below a tournament of what they ask for.
///
/// Leaf `i` of the tournament is what waiter `i` asks for, each node the smaller of its two
/// children: the first waiter that asks for at most `n` is found by going down, left where the left
/// one is small enough. Who leaves becomes a leaf that is too big for everybody; when the leaves
/// are used up, those are dropped.
#[derive(Debug, Default)]
pub(crate) struct FirstFit {
    waiters: Vec<(Ticket, SessionId)>,
    /// Twice as many as there are leaves; the root is number 1, the children of `n` are `2n` and
    /// `2n + 1`, and the leaves are the second half.
    smallest: Vec<u32>,
    /// The same with the larger of the two children; who left asks for nothing here.
    largest: Vec<u32>,
    alive: usize,
}

/// A waiter that asks for little enough.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fit {
    pub(crate) at: usize,
    pub(crate) ticket: Ticket,
    pub(crate) session: SessionId,
    pub(crate) quantity: u32,
}

const GONE: u32 = u32::MAX;
/// What a leaf asks for, as the largest go.
fn in_demand(quantity: u32) -> u32 {
    match quantity {
        GONE => 0,
        quantity => quantity,
    }
}

const LEAVES_AT_LEAST: usize = 8;

impl FirstFit {
    pub(crate) fn push(&mut self, ticket: Ticket, session: SessionId, quantity: u32) {
        if self.waiters.len() == self.leaves() {
            self.make_room();
        }
        self.waiters.push((ticket, session));
        self.alive += 1;
        self.set(self.waiters.len() - 1, quantity);
    }

    pub(crate) fn remove(&mut self, ticket: Ticket) {
        if let Ok(at) = self
            .waiters
            .binary_search_by_key(&ticket, |(ticket, _)| *ticket)
            && self.quantity(at) != GONE
        {
            self.remove_at(at);
        }
    }

    /// Takes out the waiter that was found there.
    pub(crate) fn remove_at(&mut self, at: usize) {
        self.alive -= 1;
        self.set(at, GONE);
    }

    /// The first waiter that asks for at most `quantity`.
    pub(crate) fn first_at_most(&self, quantity: u32) -> Option<Fit> {
        if self
            .smallest
            .get(1)
            .is_none_or(|smallest| *smallest > quantity)
        {
            return None;
        }
        let mut node = 1;
        while node < self.leaves() {
            node *= 2;
            if self.smallest[node] > quantity {
                node += 1;
            }
        }
        let at = node - self.leaves();
        let (ticket, session) = self.waiters[at];
        Some(Fit {
            at,
            ticket,
            session,
            quantity: self.quantity(at),
        })
    }

    /// The first waiter that asks for more than `quantity`.
    pub(crate) fn first_above(&self, quantity: u32) -> Option<(Ticket, SessionId)> {
        if *self.largest.get(1)? <= quantity {
            return None;
        }
        let mut node = 1;
        while node < self.leaves() {
            node *= 2;
            if self.largest[node] <= quantity {
                node += 1;
            }
        }
        Some(self.waiters[node - self.leaves()])
    }

    fn leaves(&self) -> usize {
        self.smallest.len() / 2
    }

    fn quantity(&self, at: usize) -> u32 {
        self.smallest[self.leaves() + at]
    }

    fn set(&mut self, at: usize, quantity: u32) {
        let mut node = self.leaves() + at;
        self.smallest[node] = quantity;
        self.largest[node] = in_demand(quantity);
        while node > 1 {
            node /= 2;
            let smallest = self.smallest[2 * node].min(self.smallest[2 * node + 1]);
            let largest = self.largest[2 * node].max(self.largest[2 * node + 1]);
            // Where many ask for the same, the tournament above has mostly not changed.
            if (self.smallest[node], self.largest[node]) == (smallest, largest) {
                break;
            }
            self.smallest[node] = smallest;
            self.largest[node] = largest;
        }
    }

    /// Drops who left, with room for as many again as are left: so each waiter is moved but a few
    /// times in its life, however many there are.
    fn make_room(&mut self) {
        let leaves = (2 * self.alive).next_power_of_two().max(LEAVES_AT_LEAST);
        let quantities: Vec<u32> = (0..self.waiters.len())
            .map(|at| self.quantity(at))
            .filter(|quantity| *quantity != GONE)
            .collect();
        let mut at = 0;
        let kept = self.leaves();
        let old = std::mem::replace(&mut self.smallest, vec![GONE; 2 * leaves]);
        self.waiters.retain(|_| {
            at += 1;
            old[kept + at - 1] != GONE
        });
        self.smallest[leaves..leaves + quantities.len()].copy_from_slice(&quantities);
        self.largest = vec![0; 2 * leaves];
        for leaf in leaves..2 * leaves {
            self.largest[leaf] = in_demand(self.smallest[leaf]);
        }
        for node in (1..leaves).rev() {
            self.smallest[node] = self.smallest[2 * node].min(self.smallest[2 * node + 1]);
            self.largest[node] = self.largest[2 * node].max(self.largest[2 * node + 1]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_is_small_enough_is_found_whatever_came_and_went() {
        let (mut line, mut naive) = (FirstFit::default(), Vec::<(u64, u32)>::new());
        let mut random = 7_u64;
        for ticket in 0..5000_u64 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let quantity = (random >> 40) as u32 % 50;
            if (random >> 33) % 5 < 3 {
                line.push(Ticket(ticket), SessionId(ticket), quantity);
                naive.push((ticket, quantity));
            } else if !naive.is_empty() {
                let (gone, _) = naive.remove((random >> 20) as usize % naive.len());
                line.remove(Ticket(gone));
                line.remove(Ticket(gone));
            }
            let wanted = naive.iter().find(|(_, q)| *q <= quantity / 3);
            let found = line.first_at_most(quantity / 3);
            let found = found.map(|fit| (fit.ticket.0, fit.quantity));
            assert_eq!(found, wanted.copied());
            let wanted = naive.iter().find(|(_, q)| *q > quantity);
            let found = line.first_above(quantity).map(|(ticket, _)| ticket.0);
            assert_eq!(found, wanted.map(|(ticket, _)| *ticket));
            assert_eq!(line.alive, naive.len());
        }
    }

    #[test]
    fn room_does_not_grow_with_those_who_left() {
        let mut line = FirstFit::default();
        for ticket in 0..10_000 {
            line.push(Ticket(ticket), SessionId(ticket), 1);
            line.remove(Ticket(ticket));
        }
        assert!(line.leaves() <= 2 * LEAVES_AT_LEAST);
    }
}
