//! Clients that come back over another connection.

use flom_core::{Action, Event, Step};
use flom_types::{Now, Outcome, ResourceName, SessionId, Token};

use super::Daemon;
use crate::answers::Word;
use crate::trace;

/// Why somebody does not go on.
const NOTHING: &str = "there is no such lock to go on with";

impl Daemon {
    /// Lets `session` go on with the lock that is known by `token`, if there is one.
    pub(super) fn resume(
        &mut self,
        now: Now,
        session: SessionId,
        token: Token,
        resource: &ResourceName,
    ) {
        let Some(from) = self.conns.take_over(session, token, resource) else {
            let word = Word {
                element: Some(NOTHING.to_owned()),
                ..Outcome::Refused.into()
            };
            self.conns.metrics().answered(Outcome::Refused);
            return self.conns.answer(now.time, session, Step::First, word);
        };
        self.conns.mind(session);
        let event = Event::Resume { session, from };
        trace::event(&event);
        for mut action in self.manager.handle(now, event) {
            trace::action(&action);
            if let Action::Answer {
                outcome: Outcome::Refused,
                element,
                ..
            } = &mut action
            {
                *element = Some(NOTHING.to_owned());
            }
            self.conns.act(now.time, action);
        }
        if !self.conns.may_hold(session) {
            // The lock manager knows better: then nobody has it.
            self.ask_manager(now, Event::Gone { session: from });
        }
        self.settle(now);
    }
}
