//! Who runs inside of whom, as far as that matters: a session that waits keeps those it runs inside of
//! from ending, and itself if it holds something.
//!
//! A session that has said nothing about itself is not known here: it costs nothing, and is thought to
//! be able to end at any time.

use std::collections::{BTreeMap, BTreeSet};

use flom_types::{Lineage, SessionId, Token};

use super::effort::Effort;
use super::{LockManager, ResourceId};
use crate::Nesting;
use crate::queue::Ticket;

/// What is kept of all nests.
#[derive(Debug, Default)]
pub(super) struct Nests {
    /// How many sessions have said where they run.
    pub(super) count: usize,
    /// Of two sessions with the same token, which clients choose, the first counts.
    known: BTreeMap<Token, SessionId>,
    /// The sessions bound to a resource that somebody keeps from ending.
    pub(super) stopped: BTreeMap<ResourceId, BTreeSet<SessionId>>,
    /// Those who wait for a resource and keep somebody from ending.
    pub(super) keepers: BTreeMap<ResourceId, BTreeMap<Ticket, SessionId>>,
    /// What may be spent on looking for circles.
    pub(super) effort: Effort,
}

/// What a session has said about itself, and what follows from it.
#[derive(Debug)]
pub(super) struct Nest {
    lineage: Lineage,
    /// Whether it is to have what those outside of it have.
    reentrant: bool,
    /// Whom it keeps from ending while it waits.
    pub(super) keeps: Vec<SessionId>,
    /// Who waits and keeps it from ending.
    pub(super) kept_by: BTreeSet<SessionId>,
}

impl LockManager {
    /// Learns where the session runs.
    pub(super) fn know(&mut self, id: SessionId, nesting: Nesting) {
        let Nesting { lineage, reentrant } = nesting;
        let token = lineage.own();
        match &mut self.session(id).nest {
            Some(nest) => {
                nest.reentrant = reentrant;
                let old = std::mem::replace(&mut nest.lineage, lineage).own();
                if old != token {
                    self.unknow(id, old);
                }
            }
            none => {
                *none = Some(Box::new(Nest {
                    lineage,
                    reentrant,
                    keeps: Vec::new(),
                    kept_by: BTreeSet::new(),
                }));
                self.nests.count += 1;
            }
        }
        self.nests.known.entry(token).or_insert(id);
    }

    fn unknow(&mut self, id: SessionId, token: Token) {
        if self.nests.known.get(&token) == Some(&id) {
            self.nests.known.remove(&token);
        }
    }

    /// Forgets a session that holds nothing and waits for nothing.
    pub(super) fn drop_session(&mut self, id: SessionId) {
        let nest = self.sessions.remove(id).and_then(|session| session.nest);
        let Some(nest) = nest else {
            return;
        };
        self.nests.count -= 1;
        self.unknow(id, nest.lineage.own());
        for waiter in nest.kept_by {
            if let Some(inner) = &mut self.session(waiter).nest {
                inner.keeps.retain(|kept| *kept != id);
            }
        }
    }

    /// A request of the session does not say where it comes from.
    pub(super) fn is_not_reentrant(&mut self, id: SessionId) {
        if self.nests.count > 0
            && let Some(nest) = &mut self.session(id).nest
        {
            nest.reentrant = false;
        }
    }

    /// The session and those outside of it, the innermost first, if it is to have what they have.
    pub(super) fn reentrant_from(&self, id: SessionId) -> Option<Vec<SessionId>> {
        let nest = self.sessions.get(id)?.nest.as_ref()?;
        let outer = nest.lineage.outer().iter().rev();
        let outer = outer.filter_map(|token| self.nests.known.get(token).copied());
        nest.reentrant
            .then(|| std::iter::once(id).chain(outer).collect())
    }

    /// Those who could not end as long as the session waits.
    pub(super) fn kept_while_waiting(&self, id: SessionId) -> Vec<SessionId> {
        let Some(session) = self.sessions.get(id) else {
            return Vec::new();
        };
        let Some(nest) = &session.nest else {
            return Vec::new();
        };
        let outer = nest.lineage.outer().iter();
        let outer = outer.filter_map(|token| self.nests.known.get(token).copied());
        let mut kept: Vec<_> = outer.filter(|outer| *outer != id).collect();
        kept.extend((!session.holds.is_empty()).then_some(id));
        kept.sort_unstable();
        kept.dedup();
        kept
    }

    /// The session waits from now on.
    pub(super) fn start_keeping(&mut self, id: SessionId, on: ResourceId, ticket: Ticket) {
        if self.nests.count == 0 {
            return;
        }
        let keeps = self.kept_while_waiting(id);
        if keeps.is_empty() {
            return;
        }
        self.nests.keepers.entry(on).or_default().insert(ticket, id);
        for kept in &keeps {
            let session = self.session(*kept);
            let bound = session.bound;
            if let Some(nest) = &mut session.nest {
                nest.kept_by.insert(id);
            }
            if let Some(bound) = bound {
                self.nests.stopped.entry(bound).or_default().insert(*kept);
            }
        }
        if let Some(nest) = &mut self.session(id).nest {
            nest.keeps = keeps;
        }
    }

    /// The session waits no more.
    pub(super) fn stop_keeping(&mut self, id: SessionId, on: ResourceId, ticket: Ticket) {
        if self.nests.keepers.is_empty() {
            return;
        }
        take_out(&mut self.nests.keepers, on, |keepers| {
            keepers.remove(&ticket);
            keepers.is_empty()
        });
        let Some(nest) = &mut self.session(id).nest else {
            return;
        };
        for kept in std::mem::take(&mut nest.keeps) {
            let session = self.session(kept);
            let bound = session.bound;
            let Some(nest) = &mut session.nest else {
                continue;
            };
            nest.kept_by.remove(&id);
            if nest.kept_by.is_empty()
                && let Some(bound) = bound
            {
                self.no_longer_stopped(kept, bound);
            }
        }
    }

    /// The session is bound to a resource from now on.
    pub(super) fn nest_bound(&mut self, id: SessionId, to: ResourceId) {
        if self.nests.keepers.is_empty() {
            return;
        }
        let nest = &self.session(id).nest;
        if nest.as_ref().is_some_and(|nest| !nest.kept_by.is_empty()) {
            self.nests.stopped.entry(to).or_default().insert(id);
        }
    }

    /// The session is not stopped any more, or not bound to that resource.
    pub(super) fn no_longer_stopped(&mut self, id: SessionId, from: ResourceId) {
        take_out(&mut self.nests.stopped, from, |stopped| {
            stopped.remove(&id);
            stopped.is_empty()
        });
    }

    /// What is known of `from`, who does not wait, holds for `to` from now on.
    pub(super) fn rename_nest(&mut self, from: SessionId, to: SessionId) {
        let session = self.session(to);
        let bound = session.bound;
        let Some(nest) = &session.nest else {
            return;
        };
        let (token, kept_by) = (nest.lineage.own(), nest.kept_by.clone());
        if let Some(known) = self.nests.known.get_mut(&token)
            && *known == from
        {
            *known = to;
        }
        if let Some(bound) = bound
            && !kept_by.is_empty()
        {
            self.no_longer_stopped(from, bound);
            self.nests.stopped.entry(bound).or_default().insert(to);
        }
        for waiter in kept_by {
            if let Some(inner) = &mut self.session(waiter).nest {
                let keeps = inner.keeps.iter_mut();
                keeps
                    .filter(|kept| **kept == from)
                    .for_each(|kept| *kept = to);
            }
        }
    }
}

/// Takes something out of the entry of `id`, and the entry too if `take` says that it is empty.
fn take_out<T>(
    table: &mut BTreeMap<ResourceId, T>,
    id: ResourceId,
    take: impl FnOnce(&mut T) -> bool,
) {
    if let Some(entry) = table.get_mut(&id)
        && take(entry)
    {
        table.remove(&id);
    }
}
