//! Who gives back, gives up or goes.

use flom_types::{Now, Outcome, Previous, ResourceName, SessionId};

use super::{LockManager, ResourceId, Waiting};
use crate::resource::Holding;
use crate::{Action, CloseReason, Step};

impl LockManager {
    pub(super) fn unlock(
        &mut self,
        now: Now,
        id: SessionId,
        name: &ResourceName,
        (rollback, ended): (bool, Previous),
    ) {
        let Some(session) = self.sessions.get_mut(id) else {
            return self.close(now, id, CloseReason::UnlockedNothing);
        };
        let Some(bound) = session.bound else {
            return self.close(now, id, CloseReason::UnlockedNothing);
        };
        let resource = &mut self.resources[bound];
        if *resource.name != *name.tree() {
            return self.close(now, id, CloseReason::UnlockedOther);
        }
        match resource.rules.pick(&session.holds, name) {
            Some(which) => {
                let holding = session.holds.remove(which);
                self.give_back(bound, holding, rollback, ended);
                self.settle(now, bound);
            }
            None => match resource.rules.unlock_of_nothing(&session.holds) {
                Some(reason) => self.close(now, id, reason),
                None => self.stop_waiting(now, id),
            },
        }
    }

    pub(super) fn gone(&mut self, now: Now, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let holds = std::mem::take(&mut session.holds);
        if let Some(bound) = session.bound {
            for holding in holds.into_iter().rev() {
                self.give_back(bound, holding, true, Previous::Lost);
            }
            self.withdraw(id);
            self.settle(now, bound);
            self.unbind(now, id);
        } else {
            self.withdraw(id);
        }
        self.drop_session(id);
    }

    /// Takes back what somebody held, who has ended like that.
    pub(super) fn give_back(
        &mut self,
        on: ResourceId,
        holding: Holding,
        rollback: bool,
        ended: Previous,
    ) {
        self.held -= 1;
        let Holding {
            hold, lent_from, ..
        } = holding;
        if self.loans.count > 0 && self.passes_over(on, holding) {
            return;
        }
        let rules = &mut self.resources[on].rules;
        // As a rule it ends well, and so did all before it: then there is nothing to remember.
        if hold.is_exclusive()
            && (ended.is_dirty() || lent_from.is_some() || self.marks.are_there())
        {
            let was_released = rules.was_released(hold);
            rules.release(hold, rollback);
            rules.set_released(hold, was_released);
            self.mark(on, hold, lent_from.is_some(), ended);
        } else {
            rules.release(hold, rollback);
        }
    }

    pub(super) fn drain(&mut self) {
        self.draining = true;
        for parked in self.parking.clear() {
            self.drop_session(parked.session);
            self.answer(parked.session, Step::Refusal, Outcome::Refused);
        }
    }

    /// Ends a session that broke the rules.
    pub(super) fn close(&mut self, now: Now, id: SessionId, reason: CloseReason) {
        self.actions.push(Action::Close {
            session: id,
            reason,
        });
        self.gone(now, id);
    }

    /// Withdraws what the session waits for; who was held back by it may go on.
    pub(super) fn stop_waiting(&mut self, now: Now, id: SessionId) {
        if self.withdraw(id)
            && let Some(bound) = self.session(id).bound
        {
            self.settle(now, bound);
        }
    }

    /// Takes the session out of queue and parking; whether it was in one of them.
    pub(super) fn withdraw(&mut self, id: SessionId) -> bool {
        let Some(session) = self.sessions.get_mut(id) else {
            return false;
        };
        if let Some((ticket, name)) = session.parked.take() {
            self.parking.leave(&name, ticket);
            return true;
        }
        let (Some(waiting), Some(bound)) = (session.waiting.take(), session.bound) else {
            return false;
        };
        let Waiting {
            ticket, request, ..
        } = waiting;
        self.resources[bound].rules.withdraw(ticket, &request);
        self.waiting -= 1;
        self.stop_keeping(id, bound, ticket);
        true
    }
}
