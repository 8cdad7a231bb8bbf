//! Who holds what, and who gets it next.
//!
//! This file knows sessions, the life of resources and the order of answers; what fits together is
//! the business of [`Rules`], a file for each kind.

mod footprint;
mod look;

use std::cell::LazyCell;
use std::collections::BTreeSet;

use flom_types::limits::{GRANTS_PER_SESSION, IDLE_BYTES, RETENTION_EXTRA_MS, RETENTION_MS};
use flom_types::{Fairness, Now, Outcome, ResourceName, SessionId, Time};
use jiff::tz::TimeZone;
use slab::Slab;

use crate::names::Names;
use crate::parking::{Parked, Parking};
use crate::queue::{PassLimit, Ticket};
use crate::resource::{Grant, Holding, Rules, Unusable, Verdict};

use crate::sessions::Sessions;
use crate::{Action, CloseReason, Event, Request, Step};

pub use footprint::Footprint;

/// Knows who holds what and who waits for it.
///
/// Three ways in: [`handle`](Self::handle) takes an event, [`next_deadline`](Self::next_deadline)
/// says when the clock is an event, and the other methods only look.
#[derive(Debug)]
pub struct LockManager {
    limit: PassLimit,
    /// Of timestamps. Read when the first is asked for: most managers never are.
    zone: LazyCell<TimeZone, Box<dyn FnOnce() -> TimeZone + Send>>,
    draining: bool,
    names: Names<ResourceId>,
    resources: Slab<Resource>,
    sessions: Sessions<Session>,
    parking: Parking,
    /// Of each resource at most one: when it is forgotten, or when its next tick is.
    deadlines: BTreeSet<(Time, ResourceId)>,
    next_ticket: u64,
    held: usize,
    waiting: usize,
    /// What is spent on resources that nobody uses.
    idle_bytes: usize,
    actions: Vec<Action>,
    grants: Vec<Grant>,
}

/// What a resource costs beside its name, in bytes, roughly.
const RESOURCE_BYTES: usize = 512;

type ResourceId = usize;

#[derive(Debug)]
struct Resource {
    name: Box<[u8]>,
    rules: Rules,
    /// How many sessions hold it, wait for it or were its last users.
    bound: usize,
    /// How long it is kept after the last of them has left.
    retention_ms: u64,
    deadline: Option<Time>,
}

impl Resource {
    fn bytes(&self) -> usize {
        RESOURCE_BYTES + self.name.len()
    }
}

/// A session with something to lose; nothing is kept of others.
#[derive(Debug, Default)]
struct Session {
    bound: Option<ResourceId>,
    /// In order of the grants.
    holds: Vec<Holding>,
    waiting: Option<Waiting>,
    parked: Option<(Ticket, ResourceName)>,
}

/// A request in the queue of the resource to which its session is bound.
#[derive(Debug)]
struct Waiting {
    ticket: Ticket,
    request: Request,
    since: Time,
}

impl LockManager {
    /// A manager that keeps no lock yet; timestamps show the time of `zone`.
    pub fn new(fairness: Fairness, zone: TimeZone) -> Self {
        Self::with_zone_on_demand(fairness, || zone)
    }

    /// The same; `zone` is called once, when the first timestamp is asked for.
    pub fn with_zone_on_demand(
        fairness: Fairness,
        zone: impl FnOnce() -> TimeZone + Send + 'static,
    ) -> Self {
        Self {
            limit: PassLimit::of(fairness),
            zone: LazyCell::new(Box::new(zone)),
            draining: false,
            names: Names::default(),
            resources: Slab::new(),
            sessions: Sessions::default(),
            parking: Parking::default(),
            deadlines: BTreeSet::new(),
            next_ticket: 0,
            held: 0,
            waiting: 0,
            idle_bytes: 0,
            actions: Vec::new(),
            grants: Vec::new(),
        }
    }

    /// When the next [`Event::Tick`] is due; `None` while nothing depends on the clock.
    pub fn next_deadline(&self) -> Option<Time> {
        self.deadlines.first().map(|(time, _)| *time)
    }

    /// Whether no resource exists and nobody is parked: a daemon may end.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.parking.is_empty()
    }

    /// Whether nobody holds, waits or is parked: a draining daemon may end.
    pub fn is_quiet(&self) -> bool {
        self.held == 0 && self.waiting == 0 && self.parking.is_empty()
    }

    /// Applies `event` as of `now` and yields what to do about it, in order.
    ///
    /// What the clock has brought about since the last event comes first, so that the answers
    /// depend on the moments of the events alone and not on when a tick was delivered.
    pub fn handle(&mut self, now: Now, event: Event) -> impl Iterator<Item = Action> {
        self.expire(now);
        match event {
            Event::Lock { session, request } => self.lock(now, session, request),
            Event::Unlock {
                session,
                resource,
                rollback,
            } => {
                self.unlock(now, session, &resource, rollback);
            }
            Event::Gone { session } => self.gone(now, session),
            Event::Drain => self.drain(),
            Event::Tick => {}
        }
        self.actions.drain(..)
    }

    fn expire(&mut self, now: Now) {
        while let Some((time, id)) = self.deadlines.first().copied()
            && time <= now.time
        {
            if self.resources[id].bound > 0 {
                self.settle(now, id);
            } else {
                self.forget(id);
            }
        }
    }

    /// Forgets a resource that nobody uses.
    fn forget(&mut self, id: ResourceId) {
        self.set_deadline(id, None);
        let resource = self.resources.remove(id);
        self.idle_bytes -= resource.bytes();
        self.names.remove(&resource.name);
    }

    /// Forgets resources that nobody uses before their time, if there are too many.
    fn forget_surplus(&mut self) {
        while self.idle_bytes > IDLE_BYTES {
            let idle = |(_, id): &&(Time, ResourceId)| self.resources[*id].bound == 0;
            let Some((_, next)) = self.deadlines.iter().find(idle) else {
                return;
            };
            self.forget(*next);
        }
    }

    fn lock(&mut self, now: Now, id: SessionId, request: Request) {
        if self.draining {
            return self.answer(id, Step::First, Outcome::Refused);
        }
        // A session waits for one thing at a time: what it asked for before is withdrawn.
        self.stop_waiting(now, id);
        let session = self.sessions.get_or_new(id);
        if session.holds.len() >= GRANTS_PER_SESSION {
            return self.close(now, id, CloseReason::TooManyGrants);
        }
        if let Some(bound) = session.bound {
            if *self.resources[bound].name == *request.resource.tree() {
                return self.ask(now, id, bound, (request, now.time), Step::First);
            }
            if !session.holds.is_empty() {
                return self.close(now, id, CloseReason::AskedOther);
            }
            self.unbind(now, id);
        }
        if let Some(resource) = self.names.get(request.resource.tree()) {
            self.bind(id, resource);
            self.ask(now, id, resource, (request, now.time), Step::First);
        } else if request.create {
            self.create(now, id, request);
        } else if request.wait {
            self.park(now, id, request);
        } else {
            self.sessions.remove(id);
            self.answer(id, Step::First, Outcome::CannotWait);
        }
    }

    fn create(&mut self, now: Now, id: SessionId, request: Request) {
        let zone = || TimeZone::clone(&self.zone);
        let rules = match Rules::new(&request.resource, zone, self.limit) {
            Ok(rules) => rules,
            Err(Unusable::NoTick) => return self.close(now, id, CloseReason::NoSuchResource),
            Err(Unusable::TextTooLong) => {
                self.sessions.remove(id);
                return self.answer(id, Step::First, Outcome::InvalidName);
            }
        };
        let name = request.resource.tree();
        let resource = self.resources.insert(Resource {
            name: name.into(),
            rules,
            bound: 0,
            retention_ms: match request.idle_lifespan_ms {
                0 => RETENTION_MS,
                lifespan => lifespan.saturating_add(RETENTION_EXTRA_MS),
            },
            deadline: None,
        });
        self.names.insert(name, resource);
        self.bind(id, resource);
        let woken = self.parking.wake(name);
        self.ask(now, id, resource, (request, now.time), Step::First);
        for parked in woken {
            self.session(parked.session).parked = None;
            self.bind(parked.session, resource);
            let asked = (parked.request, parked.since);
            self.ask(now, parked.session, resource, asked, Step::Later);
        }
    }

    /// Judges a request, and since when it has been there.
    fn ask(
        &mut self,
        now: Now,
        id: SessionId,
        on: ResourceId,
        (request, since): (Request, Time),
        step: Step,
    ) {
        match self.resources[on].rules.ask(&request, self.limit, now) {
            Verdict::Granted(hold, element) => {
                let since = now.time;
                self.session(id).holds.push(Holding { hold, since });
                self.held += 1;
                self.answer_with(id, step, Outcome::Granted, element);
            }
            Verdict::Impossible => self.answer(id, step, Outcome::Impossible),
            Verdict::NotNow if request.wait => {
                let ticket = self.draw_ticket();
                self.resources[on].rules.enqueue(ticket, id, &request);
                self.session(id).waiting = Some(Waiting {
                    ticket,
                    request,
                    since,
                });
                self.waiting += 1;
                self.answer(id, step, Outcome::Queued);
            }
            Verdict::NotNow => self.answer(id, step, Outcome::Busy),
        }
        self.after_change(now, on);
    }

    fn park(&mut self, now: Now, id: SessionId, request: Request) {
        let ticket = self.draw_ticket();
        self.session(id).parked = Some((ticket, request.resource.clone()));
        let parked = Parked {
            session: id,
            request,
            since: now.time,
        };
        self.parking.enter(ticket, parked);
        self.answer(id, Step::First, Outcome::Parked);
    }

    fn unlock(&mut self, now: Now, id: SessionId, name: &ResourceName, rollback: bool) {
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
                resource
                    .rules
                    .release(session.holds.remove(which).hold, rollback);
                self.held -= 1;
                self.settle(now, bound);
            }
            None => match resource.rules.unlock_of_nothing(&session.holds) {
                Some(reason) => self.close(now, id, reason),
                None => self.stop_waiting(now, id),
            },
        }
    }

    fn gone(&mut self, now: Now, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let holds = std::mem::take(&mut session.holds);
        if let Some(bound) = session.bound {
            self.held -= holds.len();
            let rules = &mut self.resources[bound].rules;
            holds
                .into_iter()
                .rev()
                .for_each(|holding| rules.release(holding.hold, true));
            self.withdraw(id);
            self.settle(now, bound);
            self.unbind(now, id);
        } else {
            self.withdraw(id);
        }
        self.sessions.remove(id);
    }

    fn drain(&mut self) {
        self.draining = true;
        for parked in self.parking.clear() {
            self.sessions.remove(parked.session);
            self.answer(parked.session, Step::Refusal, Outcome::Refused);
        }
    }

    /// Ends a session that broke the rules.
    fn close(&mut self, now: Now, id: SessionId, reason: CloseReason) {
        self.actions.push(Action::Close {
            session: id,
            reason,
        });
        self.gone(now, id);
    }

    /// Withdraws what the session waits for; who was held back by it may go on.
    fn stop_waiting(&mut self, now: Now, id: SessionId) {
        if self.withdraw(id)
            && let Some(bound) = self.session(id).bound
        {
            self.settle(now, bound);
        }
    }

    /// Takes the session out of queue and parking; whether it was in one of them.
    fn withdraw(&mut self, id: SessionId) -> bool {
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
        true
    }

    /// Serves who waits and can be served now.
    fn settle(&mut self, now: Now, id: ResourceId) {
        let mut grants = std::mem::take(&mut self.grants);
        self.resources[id]
            .rules
            .settle(self.limit, now, &mut grants);
        for Grant {
            session,
            hold,
            element,
        } in grants.drain(..)
        {
            let waiter = self.session(session);
            waiter.waiting = None;
            let since = now.time;
            waiter.holds.push(Holding { hold, since });
            self.waiting -= 1;
            self.held += 1;
            self.answer_with(session, Step::Later, Outcome::Granted, element);
        }
        self.grants = grants;
        self.after_change(now, id);
    }

    /// What is due whenever holders or waiters of a resource have changed.
    fn after_change(&mut self, now: Now, id: ResourceId) {
        let rules = &self.resources[id].rules;
        debug_assert!(rules.is_sound(self.limit), "{rules:?}");
        let tick = rules.next_tick(now);
        self.set_deadline(id, tick);
    }

    fn bind(&mut self, id: SessionId, to: ResourceId) {
        self.session(id).bound = Some(to);
        let resource = &mut self.resources[to];
        let was_idle = resource.bound == 0 && resource.deadline.is_some();
        resource.bound += 1;
        if was_idle {
            self.idle_bytes -= resource.bytes();
            self.set_deadline(to, None);
        }
    }

    fn unbind(&mut self, now: Now, id: SessionId) {
        let Some(from) = self.session(id).bound.take() else {
            return;
        };
        let resource = &mut self.resources[from];
        resource.bound -= 1;
        if resource.bound == 0 {
            let forgotten = now.time.after_ms(resource.retention_ms);
            self.idle_bytes += resource.bytes();
            self.set_deadline(from, Some(forgotten));
            self.forget_surplus();
        }
    }

    fn set_deadline(&mut self, id: ResourceId, deadline: Option<Time>) {
        let resource = &mut self.resources[id];
        if resource.deadline == deadline {
            return;
        }
        if let Some(old) = std::mem::replace(&mut resource.deadline, deadline) {
            self.deadlines.remove(&(old, id));
        }
        if let Some(new) = deadline {
            self.deadlines.insert((new, id));
        }
    }

    fn session(&mut self, id: SessionId) -> &mut Session {
        self.sessions.get_or_new(id)
    }

    fn draw_ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        Ticket(self.next_ticket)
    }

    fn answer(&mut self, session: SessionId, step: Step, outcome: Outcome) {
        self.answer_with(session, step, outcome, None);
    }

    fn answer_with(
        &mut self,
        session: SessionId,
        step: Step,
        outcome: Outcome,
        element: Option<String>,
    ) {
        self.actions.push(Action::Answer {
            session,
            step,
            outcome,
            element,
        });
    }
}
