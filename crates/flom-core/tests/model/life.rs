//! What the naive lock manager knows of a resource.

use std::collections::VecDeque;

use flom_core::Request;
use flom_types::{ResourceKind, ResourceName, SessionId, Time};

use crate::clock::Stamp;
use crate::lending::give_back;
use crate::rules::Held;

/// A resource, from its creation until it is forgotten.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) created_by: Request,
    /// Who is bound to it.
    pub(crate) users: Vec<SessionId>,
    pub(crate) unused_since: Option<Time>,
    /// In order of the grants.
    pub(crate) held: Vec<Held>,
    pub(crate) queue: Vec<Waiter>,
    /// Every number of a sequence ever given out or taken back.
    pub(crate) numbers: Vec<Number>,
    /// Every timestamp ever given out.
    pub(crate) stamps: Vec<Stamp>,
    /// How many grants there have been.
    pub(crate) grants: usize,
    /// Of what the last exclusive holder has ended well.
    pub(crate) released: Vec<ResourceName>,
}

#[derive(Clone, Debug)]
pub(crate) struct Waiter {
    pub(crate) session: SessionId,
    pub(crate) request: Request,
    pub(crate) passed: u32,
    /// The sessions that it runs inside of.
    pub(crate) outer: Vec<SessionId>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Number {
    Given(u32),
    TakenBack(u32),
}

impl Life {
    /// A resource that nobody has used yet.
    pub(crate) fn new(created_by: &Request) -> Self {
        Self {
            created_by: created_by.clone(),
            users: Vec::new(),
            unused_since: None,
            held: Vec::new(),
            queue: Vec::new(),
            numbers: Vec::new(),
            stamps: Vec::new(),
            grants: 0,
            released: Vec::new(),
        }
    }

    pub(crate) fn enter(&mut self, session: SessionId) {
        self.users.push(session);
        self.unused_since = None;
    }

    pub(crate) fn forgotten_at(&self) -> Option<Time> {
        let kept_ms = match self.created_by.idle_lifespan_ms {
            0 => 2000,
            lifespan => lifespan + 1000,
        };
        Some(self.unused_since?.after_ms(kept_ms))
    }

    pub(crate) fn depends_on_clock(&self) -> bool {
        matches!(
            self.created_by.resource.kind(),
            ResourceKind::Timestamp { .. }
        )
    }

    /// Forgets of whom nobody remembers more than that.
    pub(crate) fn forget_nodes(&mut self) {
        let held = self.held.iter().map(|held| &held.request.resource);
        let asked = self.queue.iter().map(|waiter| &waiter.request.resource);
        let used: Vec<&ResourceName> = held.chain(asked).collect();
        self.released.retain(|name| {
            let levels: Vec<_> = name.levels().collect();
            let leads_to = |other: &&ResourceName| {
                let others: Vec<_> = other.levels().collect();
                others.starts_with(&levels)
            };
            levels.len() <= 1 || used.iter().any(leads_to)
        });
    }

    /// Somebody gives something back; what that was, if nobody else keeps it.
    pub(crate) fn release(&mut self, which: usize, rollback: bool) -> Option<Held> {
        let held = give_back(&mut self.held, which)?;
        if let ResourceKind::Sequence {
            transactional: true,
            ..
        } = held.request.resource.kind()
            && rollback
        {
            self.numbers.push(Number::TakenBack(number(&held)));
        }
        Some(held)
    }

    /// The first element that nobody holds, from as many places on as there have been grants.
    pub(crate) fn free_element(&self) -> (usize, String) {
        let elements: Vec<&str> = self.created_by.resource.elements().collect();
        let places = (0..elements.len()).map(|at| (at + self.grants) % elements.len());
        let mut free = places.filter(|place| !self.held.iter().any(|held| held.place == *place));
        let place = free.next().expect("there is room");
        (place, elements[place].into())
    }

    /// What has been taken back, in that order; if nothing, the one after the largest given out.
    pub(crate) fn next_number(&self) -> u32 {
        let (mut back, mut fresh) = (VecDeque::new(), 1);
        for number in &self.numbers {
            match number {
                Number::TakenBack(number) => back.push_back(*number),
                Number::Given(number) if back.front() == Some(number) => {
                    back.pop_front();
                }
                Number::Given(number) => fresh = number + 1,
            }
        }
        back.front().copied().unwrap_or(fresh)
    }
}

pub(crate) fn number(held: &Held) -> u32 {
    let element = held.element.as_deref().expect("sequences give numbers");
    element.parse().expect("sequences give numbers")
}
