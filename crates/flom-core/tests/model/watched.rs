//! What the referee knows of a resource.

use flom_core::Request;
use flom_types::{ResourceKind, ResourceName, SessionId, Time};

use crate::clock::{Usable, format_of};
use crate::lending::give_back;
use crate::referee::Objection;
use crate::rules::{Held, no_element_twice};

/// What is known of a resource, in this life and, if it is forgotten, of its last one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watched {
    pub(crate) users: Vec<SessionId>,
    pub(crate) unused_since: Option<Time>,
    pub(crate) kept_ms: u64,
    pub(crate) held: Vec<Held>,
    /// What a sequence or timestamp has given out, in that order.
    pub(crate) given: Vec<String>,
    /// Numbers that came back and are not given out again yet.
    pub(crate) returned: Vec<String>,
}

impl Watched {
    /// Somebody uses it, and is given this element at once, if any.
    pub(crate) fn enter(
        &mut self,
        now: Time,
        session: SessionId,
        request: &Request,
        element: Option<&str>,
    ) {
        if self.users.is_empty() {
            let may_be_new = self
                .unused_since
                .is_some_and(|since| since.after_ms(self.kept_ms) <= now);
            // Only what it gives out can show that it was forgotten; if it does not, it goes on.
            let starts_again = match request.resource.kind() {
                ResourceKind::Sequence { .. } => element == Some("1"),
                _ => true,
            };
            if self.unused_since.is_none() || may_be_new && starts_again {
                *self = Self {
                    kept_ms: kept_ms(request),
                    ..Self::default()
                };
            }
        }
        self.unused_since = None;
        if !self.users.contains(&session) {
            self.users.push(session);
        }
    }

    pub(crate) fn gives(&mut self, name: &ResourceName, element: Option<&str>) -> Objection {
        match (name.kind(), element) {
            (ResourceKind::Set, Some(_)) if no_element_twice(name, &self.held) => Ok(()),
            (ResourceKind::Sequence { .. }, Some(number)) => self.gives_number(number),
            (ResourceKind::Timestamp { .. }, Some(text)) => self.gives_time(name, text),
            (
                ResourceKind::Simple | ResourceKind::Numeric { .. } | ResourceKind::Hierarchical,
                None,
            ) => Ok(()),
            (_, element) => Err(format!("{name} gives {element:?} beside {:?}", self.held)),
        }
    }

    /// No gap and no double: what came back goes first, else it is the next.
    fn gives_number(&mut self, number: &str) -> Objection {
        if let Some(which) = self.returned.iter().position(|back| back == number) {
            self.returned.remove(which);
            return Ok(());
        }
        let next = (self.given.len() + 1).to_string();
        if number != next || !self.returned.is_empty() {
            return Err(format!(
                "number {number}, not {next} or one of {:?}",
                self.returned
            ));
        }
        self.given.push(next);
        Ok(())
    }

    /// Never twice, and always later.
    fn gives_time(&mut self, name: &ResourceName, text: &str) -> Objection {
        let Usable::Yes(format) = format_of(name) else {
            return Err(format!("{name} gives a time and cannot"));
        };
        if format.is_whole && self.given.contains(&text.to_owned()) {
            return Err(format!("time {text} comes twice"));
        }
        // With the offset behind it a later time may be a smaller text.
        let is_ordered = format.is_whole && !format.text.contains("%z");
        if is_ordered && self.given.last().is_some_and(|last| last.as_str() >= text) {
            return Err(format!("time {text} after {:?}", self.given.last()));
        }
        self.given.push(text.to_owned());
        Ok(())
    }

    pub(crate) fn takes_back(&mut self, which: usize, rollback: bool) {
        let Some(held) = give_back(&mut self.held, which) else {
            return;
        };
        let is_transactional = matches!(
            held.request.resource.kind(),
            ResourceKind::Sequence {
                transactional: true,
                ..
            }
        );
        if rollback && is_transactional {
            self.returned.extend(held.element);
        }
    }
}

fn kept_ms(request: &Request) -> u64 {
    match request.idle_lifespan_ms {
        0 => 2000,
        lifespan => lifespan + 1000,
    }
}
