//! Clients that come back over another connection.

use flom_core::{Action, Event, Request, Step};
use flom_types::{Now, Outcome, SessionId, Token};

use super::Daemon;
use crate::answers::Word;
use crate::trace;

/// Why somebody does not go on.
const NOTHING: &str = "there is no such lock to go on with";

impl Daemon {
    /// Lets `session` go on with the lock that is known by `token`, if there is one.
    pub(super) fn resume(&mut self, now: Now, session: SessionId, token: Token, request: &Request) {
        let Some(from) = self.conns.owner(session, token, request) else {
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
            // Who is refused has changed nothing.
            match &mut action {
                Action::Answer {
                    outcome: Outcome::Granted,
                    ..
                } => self.conns.take_over(session, from),
                Action::Answer { element, .. } => *element = Some(NOTHING.to_owned()),
                _ => {}
            }
            self.conns.act(now.time, action);
        }
        self.settle(now);
    }
}
