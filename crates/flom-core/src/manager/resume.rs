//! Connections that break and come again.

use flom_types::{Outcome, Previous, SessionId};

use super::LockManager;
use crate::{Action, Granted, Step};

impl LockManager {
    /// Lets `session` hold what `from` holds, and tells it what that was granted last.
    pub(super) fn resume(&mut self, session: SessionId, from: SessionId) {
        let Some((fence, element)) = self.resumable(session, from) else {
            return self.answer(session, Step::First, Outcome::Refused);
        };
        self.sessions.rename(from, session);
        self.rename_nest(from, session);
        self.loans.rename(from, session);
        let previous = Previous::None;
        self.actions.push(Action::Answer {
            session,
            step: Step::First,
            outcome: Outcome::Granted,
            element,
            granted: Some(Granted { fence, previous }),
        });
    }

    /// The fence and the element of the last grant of `from`, if `session` may take over its locks.
    fn resumable(&self, session: SessionId, from: SessionId) -> Option<(u64, Option<String>)> {
        if self.sessions.get(session).is_some() {
            return None;
        }
        let old = self.sessions.get(from)?;
        let last = old.holds.last().filter(|_| old.waiting.is_none())?;
        let resource = &self.resources[old.bound?];
        Some((last.fence, resource.element(last.hold)))
    }
}
