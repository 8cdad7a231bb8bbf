//! Circles: who would wait for itself, through others or not.
//!
//! A waiter is stuck if it could not be served although all that are not stuck were served, ended
//! and gave back what they hold. As each request that would be stuck is refused, none is; so whether
//! a new one would be can be found out by going from whom it waits for to those for whom these wait.
//! Only sessions that somebody keeps from ending are looked at: of each resource a list of them is
//! kept, and is nearly always empty.
//!
//! Clients could make that take as long as they like, and everybody else would wait. So it may take
//! only so much [`Effort`]; a search that needs more finds nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use flom_types::{Now, SessionId};

use super::{LockManager, ResourceId};
use crate::queue::Ticket;
use crate::resource::Hold;
use crate::resource::stuck::Chain;
use crate::{Action, Link, Request, Step};

/// The state of a manager, with a request that may be a waiter.
struct Search<'a> {
    manager: &'a LockManager,
    newcomer: Option<Newcomer<'a>>,
}

/// A request that does not wait yet.
struct Newcomer<'a> {
    session: SessionId,
    on: ResourceId,
    request: &'a Request,
    keeps: Vec<SessionId>,
}

/// A session that waits.
struct Waiter<'a> {
    on: ResourceId,
    ticket: Ticket,
    request: &'a Request,
}

/// A session that is kept from ending, and what it holds of a resource.
struct Stopped {
    session: SessionId,
    /// With a number each, which is the same for the same thing.
    holds: Vec<(u64, Hold)>,
}

/// What is held together, however often it is lent.
fn each_once(holds: impl Iterator<Item = (u64, Hold)>) -> Vec<Hold> {
    let holds: BTreeMap<u64, Hold> = holds.collect();
    holds.into_values().collect()
}

/// How a search came to a waiter: from which other one, through whom.
struct Way {
    from: SessionId,
    chain: Chain,
    holder: SessionId,
}

impl LockManager {
    /// The circle that would be closed if the session waited for that.
    pub(super) fn circle_of_newcomer(
        &self,
        now: Now,
        session: SessionId,
        on: ResourceId,
        request: &Request,
    ) -> Option<Vec<Link>> {
        if self.nests.count == 0 {
            return None;
        }
        let keeps = self.kept_while_waiting(session);
        if keeps.is_empty() {
            return None;
        }
        let newcomer = Newcomer {
            session,
            on,
            request,
            keeps,
        };
        self.nests.effort.refill(now.time);
        let search = Search {
            manager: self,
            newcomer: Some(newcomer),
        };
        search.circle(session, &search.stuck([session])?)
    }

    /// Refuses who waits for a resource and waits for itself, now that somebody has been granted the
    /// resource: a holder may be one more that cannot end, and an earlier waiter one more that must
    /// not be passed.
    #[inline]
    pub(super) fn refuse_late_circles(&mut self, now: Now, on: ResourceId) {
        if self.nests.keepers.is_empty() {
            return;
        }
        self.nests.effort.refill(now.time);
        while let Some((session, circle)) = self.late_circle(on) {
            self.actions.push(Action::Deadlock {
                session,
                step: Step::Later,
                circle,
            });
            self.stop_waiting(now, session);
        }
    }

    fn late_circle(&self, on: ResourceId) -> Option<(SessionId, Vec<Link>)> {
        let keepers = self.nests.keepers.get(&on)?;
        let search = Search {
            manager: self,
            newcomer: None,
        };
        let stuck = search.stuck(keepers.values().copied())?;
        let mut latest_first = keepers.values().rev().filter(|one| stuck.contains(one));
        latest_first.find_map(|session| Some((*session, search.circle(*session, &stuck)?)))
    }
}

impl Search<'_> {
    /// The shortest circle that `first` waits in, if it does, and if it is found in time.
    fn circle(&self, first: SessionId, stuck: &BTreeSet<SessionId>) -> Option<Vec<Link>> {
        let keeps = self.keeps(first);
        let mut ways: BTreeMap<SessionId, Way> = BTreeMap::new();
        let mut next = VecDeque::from([first]);
        while let Some(from) = next.pop_front() {
            if self.manager.nests.effort.is_over() {
                return None;
            }
            for (holder, chain) in self.blockers(from, stuck) {
                if keeps.contains(&holder) {
                    let last = Way {
                        from,
                        chain,
                        holder,
                    };
                    return Some(self.tell(first, &last, &ways));
                }
                for waiter in self.kept_by(holder).filter(|one| stuck.contains(one)) {
                    if waiter != first && !ways.contains_key(&waiter) {
                        let chain = chain.clone();
                        ways.insert(
                            waiter,
                            Way {
                                from,
                                chain,
                                holder,
                            },
                        );
                        next.push_back(waiter);
                    }
                }
            }
        }
        None
    }

    /// Those who can never be served, among whom `firsts` may have to wait; `None` if none of `firsts`
    /// is one of them, or if it takes too long to find out.
    fn stuck(&self, firsts: impl IntoIterator<Item = SessionId>) -> Option<BTreeSet<SessionId>> {
        let mut firsts: BTreeSet<SessionId> = firsts.into_iter().collect();
        let mut stuck = self.within_reach(&firsts)?;
        let mut waiters: BTreeMap<ResourceId, Vec<SessionId>> = BTreeMap::new();
        for waiter in &stuck {
            let on = self.waiter(*waiter).on;
            waiters.entry(on).or_default().push(*waiter);
        }
        let mut next: BTreeSet<ResourceId> = waiters.keys().copied().collect();
        while let Some(on) = next.pop_first() {
            let Some(waiters) = waiters.get_mut(&on) else {
                continue;
            };
            for served in self.take_servable(on, waiters, &stuck) {
                stuck.remove(&served);
                firsts.remove(&served);
                // Those whom it kept can end now, and others have what they hold.
                let kept = self.keeps(served).iter();
                let kept = kept.filter_map(|kept| self.manager.sessions.get(*kept)?.bound);
                next.extend(kept);
            }
            if firsts.is_empty() || self.manager.nests.effort.is_over() {
                return None;
            }
        }
        Some(stuck)
    }

    /// The waiters who keep somebody from ending for whom `firsts` may have to wait, and so on;
    /// `None` if there are too many to be found in time.
    fn within_reach(&self, firsts: &BTreeSet<SessionId>) -> Option<BTreeSet<SessionId>> {
        let mut found = firsts.clone();
        let mut seen = BTreeSet::new();
        let mut next: Vec<SessionId> = firsts.iter().copied().collect();
        while let Some(session) = next.pop() {
            let on = self.waiter(session).on;
            if !seen.insert(on) {
                continue;
            }
            for stopped in self.stopped(on) {
                let waiters = self.kept_by(stopped.session);
                next.extend(waiters.filter(|waiter| found.insert(*waiter)));
            }
            if self.manager.nests.effort.is_over() {
                return None;
            }
        }
        Some(found)
    }

    /// Takes those out of the `waiters` for a resource who can be served if those who are `stuck`
    /// cannot.
    fn take_servable(
        &self,
        on: ResourceId,
        waiters: &mut Vec<SessionId>,
        stuck: &BTreeSet<SessionId>,
    ) -> Vec<SessionId> {
        let stopped = self.stopped_for_ever(on, stuck);
        let holds = each_once(stopped.flat_map(|stopped| stopped.holds));
        let manager = self.manager;
        let rules = &manager.resources[on].rules;
        let is_servable = |session: &mut SessionId| {
            manager.nests.effort.spend(1 + holds.len());
            let Waiter {
                ticket, request, ..
            } = self.waiter(*session);
            !manager.nests.effort.is_over()
                && rules
                    .stuck((ticket, request), &holds, manager.limit)
                    .is_none()
        };
        waiters.extract_if(.., is_servable).collect()
    }

    /// For which holders this waiter waits for ever, and through which other waiters.
    fn blockers(&self, from: SessionId, stuck: &BTreeSet<SessionId>) -> Vec<(SessionId, Chain)> {
        let Waiter {
            on,
            ticket,
            request,
        } = self.waiter(from);
        let manager = self.manager;
        let rules = &manager.resources[on].rules;
        let holders: Vec<Stopped> = self.stopped_for_ever(on, stuck).collect();
        let all = each_once(holders.iter().flat_map(|one| &one.holds).copied());
        let blocks = |holder: Stopped| {
            let chain = match rules.is_counted() {
                true => rules.stuck((ticket, request), &all, manager.limit)?,
                false => {
                    let its = each_once(holder.holds.into_iter());
                    rules.stuck((ticket, request), &its, manager.limit)?
                }
            };
            Some((holder.session, chain))
        };
        holders.into_iter().filter_map(blocks).collect()
    }

    /// Who holds something of that resource and is kept from ending by one of those.
    fn stopped_for_ever(
        &self,
        on: ResourceId,
        stuck: &BTreeSet<SessionId>,
    ) -> impl Iterator<Item = Stopped> {
        self.stopped(on).filter(|stopped| {
            let mut waiters = self.kept_by(stopped.session);
            waiters.any(|waiter| stuck.contains(&waiter))
        })
    }

    /// Who holds something of that resource and is kept from ending.
    fn stopped(&self, on: ResourceId) -> impl Iterator<Item = Stopped> {
        let manager = self.manager;
        let known = manager.nests.stopped.get(&on).into_iter().flatten();
        let new = self.newcomer.iter().flat_map(|newcomer| &newcomer.keeps);
        let new = new.filter(move |session| {
            let session = manager.sessions.get(**session);
            session.is_some_and(|session| session.bound == Some(on))
        });
        let all: BTreeSet<SessionId> = known.chain(new).copied().collect();
        all.into_iter().filter_map(move |session| {
            let holds = &manager.sessions.get(session)?.holds;
            let holds = holds.iter().map(|holding| manager.loans.whole(holding));
            let holds: Vec<_> = holds.collect();
            manager.nests.effort.spend(1 + holds.len());
            (!holds.is_empty()).then_some(Stopped { session, holds })
        })
    }

    /// Who waits and keeps the session from ending.
    fn kept_by(&self, session: SessionId) -> impl Iterator<Item = SessionId> {
        let nest = self.manager.sessions.get(session);
        let nest = nest.and_then(|session| session.nest.as_ref());
        let known = nest.into_iter().flat_map(|nest| &nest.kept_by).copied();
        let newcomer = self.newcomer.iter();
        let newcomer = newcomer.filter(move |newcomer| newcomer.keeps.contains(&session));
        known.chain(newcomer.map(|newcomer| newcomer.session))
    }

    /// Whom it keeps from ending.
    fn keeps(&self, session: SessionId) -> &[SessionId] {
        match &self.newcomer {
            Some(newcomer) if newcomer.session == session => &newcomer.keeps,
            _ => {
                let session = self.manager.sessions.get(session);
                let nest = session.and_then(|session| session.nest.as_ref());
                nest.map_or(&[], |nest| &nest.keeps)
            }
        }
    }

    fn waiter(&self, session: SessionId) -> Waiter<'_> {
        if let Some(newcomer) = &self.newcomer
            && newcomer.session == session
        {
            return Waiter {
                on: newcomer.on,
                ticket: Ticket::NEWCOMER,
                request: newcomer.request,
            };
        }
        let kept = self.manager.sessions.get(session);
        let waiting = kept.and_then(|kept| Some((kept.bound?, kept.waiting.as_ref()?)));
        let (on, waiting) = waiting.expect("who keeps others from ending waits");
        Waiter {
            on,
            ticket: waiting.ticket,
            request: &waiting.request,
        }
    }

    /// The circle in words, from `first` to the holder at the end of the `last` way.
    fn tell(&self, first: SessionId, last: &Way, ways: &BTreeMap<SessionId, Way>) -> Vec<Link> {
        let mut circle = Vec::new();
        let mut way = Some(last);
        while let Some(Way {
            from,
            chain,
            holder,
        }) = way
        {
            let waiters = std::iter::once(from).chain(chain);
            let holders = chain.iter().chain([holder]);
            let links = waiters.zip(holders).map(|(waiter, holder)| Link {
                waiter: *waiter,
                resource: self.waiter(*waiter).request.resource.clone(),
                holder: *holder,
            });
            let mut links: Vec<Link> = links.collect();
            links.append(&mut circle);
            circle = links;
            way = (*from != first).then(|| &ways[from]);
        }
        circle
    }
}
