//! What can be seen of the naive lock manager.

use flom_core::Action;
use flom_types::{Now, Previous, ResourceName, SessionId, Time};

use super::Naive;
use crate::clock;
use crate::lending::takers;
use crate::life::Life;
use crate::rules::is_room;

impl Naive {
    /// When the first resource will be forgotten, if nobody comes back to it.
    pub(crate) fn forgets_at(&self) -> Option<Time> {
        self.lives.iter().filter_map(Life::forgotten_at).min()
    }

    /// Whether somebody waits who needs nothing but time to pass.
    pub(crate) fn waits_for_the_clock(&self) -> bool {
        self.lives.iter().any(|life| {
            life.depends_on_clock()
                && life
                    .queue
                    .first()
                    .is_some_and(|first| is_room(&first.request, takers(&life.held)))
        })
    }

    /// Whether the manager may not know yet that the session can be served, because the wall clock
    /// has come up within the last `ms` to the time from which it was set back.
    pub(crate) fn is_hard_to_know(&self, session: SessionId, now: Now, ms: u64) -> bool {
        let stamps = self.life_of(session).map(|which| &self.lives[which].stamps);
        let last = stamps.and_then(|stamps| stamps.last());
        last.is_some_and(|last| clock::has_just_caught_up(last, now, ms))
    }

    /// The number of the latest grant.
    pub(crate) fn last_fence(&self) -> u64 {
        self.last_fence
    }

    /// Of what the last exclusive holder has ended badly, and how; the oldest first.
    pub(crate) fn dirty(&self) -> &[(ResourceName, Previous)] {
        &self.dirty
    }

    /// Of grants at the same moment, the numbers are those that were `said`.
    pub(crate) fn number_as(&mut self, said: &[Action]) {
        for action in said {
            if let Action::Answer {
                session,
                granted: Some(granted),
                ..
            } = action
            {
                let mut held = self.lives.iter_mut().flat_map(|life| &mut life.held);
                let latest = held.rfind(|held| held.session == *session);
                latest.expect("it was granted").fence = granted.fence;
            }
        }
    }

    /// How many hold, wait and are parked.
    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        let held = self.lives.iter().map(|life| life.held.len()).sum();
        let waiting = self.lives.iter().map(|life| life.queue.len()).sum();
        (held, waiting, self.parked.len())
    }

    pub(crate) fn resources(&self) -> usize {
        self.lives.len()
    }

    /// How many sessions have something to lose.
    pub(crate) fn sessions(&self) -> usize {
        let users: usize = self.lives.iter().map(|life| life.users.len()).sum();
        users + self.parked.len()
    }

    /// Whether somebody waits for ever, and has said where it runs.
    pub(crate) fn is_stuck(&self) -> bool {
        !self.scene().stuck().is_empty()
    }

    /// Whether the session neither waits nor holds anything else.
    pub(crate) fn may_ask(&self, session: SessionId, resource: &ResourceName) -> bool {
        let waits = self.lives.iter().flat_map(|life| &life.queue);
        let waits = waits.map(|waiter| waiter.session);
        let parked = self.parked.iter().map(|(parked, _)| *parked);
        let held = self.lives.iter().flat_map(|life| &life.held);
        let mut held = held.filter(|held| held.session == session);
        !waits.chain(parked).any(|waiter| waiter == session)
            && held.all(|held| held.request.resource.tree() == resource.tree())
    }

    /// How many sessions have said where they run.
    pub(crate) fn nested(&self) -> usize {
        self.nests.said.len()
    }
}
