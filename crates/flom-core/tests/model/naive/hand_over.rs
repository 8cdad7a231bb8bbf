//! What goes from one holder to another: the end of the last one, locks lent, locks taken over.

use flom_core::{Action, Granted, Request, Step};
use flom_types::{Outcome, Previous, SessionId};

use super::Naive;
use crate::lending::{lender, root};
use crate::rules::{Held, leaves_a_mark};

impl Naive {
    /// Grants what the session or one outside of it has.
    pub(super) fn lend(
        &mut self,
        which: usize,
        session: SessionId,
        request: &Request,
        step: Step,
    ) -> bool {
        let lenders = self.nests.lenders(session);
        let Some(held) = lender(&self.lives[which].held, &lenders, request).cloned() else {
            return false;
        };
        self.last_fence += 1;
        let held = Held {
            session,
            request: request.clone(),
            fence: self.last_fence,
            lent_from: Some(root(&held)),
            ..held
        };
        let granted = Granted {
            fence: held.fence,
            previous: self.previous(which, &held),
        };
        self.said.push(Action::Answer {
            session,
            step,
            outcome: Outcome::Granted,
            element: held.element.clone(),
            granted: Some(granted),
        });
        self.lives[which].held.push(held);
        true
    }

    /// Takes something back from somebody who has ended like that.
    pub(super) fn release(&mut self, which: usize, hold: usize, rollback: bool, ended: Previous) {
        let life = &mut self.lives[which];
        let Some(held) = life.release(hold, rollback) else {
            return;
        };
        let is_its_own = held.lent_from.is_none();
        let beside = life.held.iter().any(|other| {
            leaves_a_mark(&other.request) && other.request.resource == held.request.resource
        });
        if leaves_a_mark(&held.request) && (is_its_own || ended.is_dirty() && !beside) {
            let name = held.request.resource;
            life.released.retain(|other| *other != name);
            self.dirty.retain(|(other, _)| *other != name);
            match ended.is_dirty() {
                true => self.dirty.push((name, ended)),
                false => life.released.push(name),
            }
        }
    }

    pub(super) fn previous(&self, which: usize, held: &Held) -> Previous {
        let name = &held.request.resource;
        let dirty = self.dirty.iter().find(|(other, _)| other == name);
        match dirty {
            Some((_, how)) => *how,
            None if self.lives[which].released.contains(name) => Previous::Released,
            None => Previous::None,
        }
    }

    /// Of a session that holds something and waits for nothing, another takes it over.
    pub(super) fn resume(&mut self, session: SessionId, from: SessionId) {
        let mut queues = self.lives.iter().flat_map(|life| &life.queue);
        let waits = queues.any(|waiter| waiter.session == from);
        let is_new = self.life_of(session).is_none()
            && self.parked.iter().all(|(parked, _)| *parked != session);
        let mut held = self.lives.iter().flat_map(|life| &life.held);
        let last = held.rfind(|held| held.session == from);
        let Some(Held { fence, element, .. }) = last.filter(|_| is_new && !waits).cloned() else {
            return self.answer(session, Step::First, Outcome::Refused);
        };
        for life in &mut self.lives {
            let users = life.users.iter_mut();
            let holders = life.held.iter_mut().map(|held| &mut held.session);
            let outer = life.queue.iter_mut().flat_map(|waiter| &mut waiter.outer);
            let all = users.chain(holders).chain(outer);
            all.filter(|user| **user == from)
                .for_each(|user| *user = session);
        }
        self.nests.rename(from, session);
        let previous = Previous::None;
        self.said.push(Action::Answer {
            session,
            step: Step::First,
            outcome: Outcome::Granted,
            element,
            granted: Some(Granted { fence, previous }),
        });
    }
}
