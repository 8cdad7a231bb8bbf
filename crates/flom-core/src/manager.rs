//! Who holds what, and who gets it next.
//!
//! This file knows sessions, the life of resources and the order of answers; what fits together is
//! the business of [`Rules`](crate::resource::Rules), a file for each kind.

mod circles;
mod effort;
mod footprint;
mod leave;
mod life;
mod loans;
mod look;
mod marks;
mod nests;
mod resume;

use std::cell::LazyCell;
use std::collections::BTreeSet;

use flom_types::limits::GRANTS_PER_SESSION;
use flom_types::{Fairness, Now, Outcome, Previous, ResourceName, SessionId, Time};
use jiff::tz::TimeZone;
use slab::Slab;

use crate::names::Names;
use crate::parking::{Parked, Parking};
use crate::queue::{PassLimit, Ticket};
use crate::resource::{Grant, Hold, Holding, Verdict};
use crate::sessions::Sessions;
use crate::{Action, CloseReason, Event, Granted, Nesting, Request, Step};

pub use footprint::Footprint;
use life::Resource;
use loans::Loans;
use marks::Marks;
use nests::{Nest, Nests};

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
    last_fence: u64,
    marks: Marks,
    nests: Nests,
    loans: Loans,
    held: usize,
    waiting: usize,
    /// What is spent on resources that nobody uses.
    idle_bytes: usize,
    actions: Vec<Action>,
    grants: Vec<Grant>,
}

type ResourceId = usize;

/// A session with something to lose; nothing is kept of others.
#[derive(Debug, Default)]
struct Session {
    bound: Option<ResourceId>,
    /// In order of the grants.
    holds: Vec<Holding>,
    waiting: Option<Waiting>,
    parked: Option<(Ticket, ResourceName)>,
    /// Where it runs, if it has said so.
    nest: Option<Box<Nest>>,
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
            last_fence: 0,
            marks: Marks::default(),
            nests: Nests::default(),
            loans: Loans::default(),
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

    /// The number of the latest grant.
    pub fn last_fence(&self) -> u64 {
        self.last_fence
    }

    /// Makes the numbers of all grants to come higher than `to`. Never lowers them.
    pub fn raise_fence(&mut self, to: u64) {
        self.last_fence = self.last_fence.max(to);
    }

    /// Applies `event` as of `now` and yields what to do about it, in order.
    ///
    /// What the clock has brought about since the last event comes first, so that the answers
    /// depend on the moments of the events alone and not on when a tick was delivered.
    pub fn handle(&mut self, now: Now, event: Event) -> impl Iterator<Item = Action> {
        self.expire(now);
        match event {
            Event::Lock {
                session,
                request,
                nesting,
            } => self.lock(now, session, request, nesting),
            Event::Unlock {
                session,
                resource,
                rollback,
                ended,
            } => {
                let ended = ended.unwrap_or(Previous::Released);
                self.unlock(now, session, &resource, (rollback, ended));
            }
            Event::Gone { session } => self.gone(now, session),
            Event::Resume { session, from } => self.resume(session, from),
            Event::Drain => self.drain(),
            Event::Tick => {}
        }
        self.actions.drain(..)
    }

    fn lock(&mut self, now: Now, id: SessionId, request: Request, nesting: Option<Box<Nesting>>) {
        if self.draining {
            return self.answer(id, Step::First, Outcome::Refused);
        }
        // A session waits for one thing at a time: what it asked for before is withdrawn.
        self.stop_waiting(now, id);
        let session = self.sessions.get_or_new(id);
        if session.holds.len() >= GRANTS_PER_SESSION {
            return self.close(now, id, CloseReason::TooManyGrants);
        }
        let (bound, holds_nothing) = (session.bound, session.holds.is_empty());
        match nesting {
            Some(nesting) => self.know(id, *nesting),
            None => self.is_not_reentrant(id),
        }
        if let Some(bound) = bound {
            if *self.resources[bound].name == *request.resource.tree() {
                return self.ask(now, id, bound, (request, now.time), Step::First);
            }
            if !holds_nothing {
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
            self.drop_session(id);
            self.answer(id, Step::First, Outcome::CannotWait);
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
        if self.lend(now, id, on, &request, step) {
            self.after_change(now, on);
            return self.refuse_late_circles(now, on);
        }
        match self.resources[on].rules.ask(&request, self.limit, now) {
            Verdict::Granted(hold, element) => {
                self.grant(now, id, on, hold, (step, element));
                self.after_change(now, on);
                return self.refuse_late_circles(now, on);
            }
            Verdict::Impossible => self.answer(id, step, Outcome::Impossible),
            Verdict::NotNow if request.wait => {
                if let Some(circle) = self.circle_of_newcomer(now, id, on, &request) {
                    self.actions.push(Action::Deadlock {
                        session: id,
                        step,
                        circle,
                    });
                    return;
                }
                let ticket = self.draw_ticket();
                self.resources[on].rules.enqueue(ticket, id, &request);
                self.session(id).waiting = Some(Waiting {
                    ticket,
                    request,
                    since,
                });
                self.waiting += 1;
                self.start_keeping(id, on, ticket);
                self.answer(id, step, Outcome::Queued);
            }
            Verdict::NotNow => self.answer(id, step, Outcome::Busy),
        }
        self.after_change(now, on);
    }

    /// Notes that the session holds this now, and tells it.
    fn grant(
        &mut self,
        now: Now,
        id: SessionId,
        on: ResourceId,
        hold: Hold,
        (step, element): (Step, Option<String>),
    ) {
        self.last_fence += 1;
        let fence = self.last_fence;
        let previous = self.previous(on, hold);
        self.session(id).holds.push(Holding {
            hold,
            since: now.time,
            fence,
            lent_from: None,
        });
        self.held += 1;
        self.actions.push(Action::Answer {
            session: id,
            step,
            outcome: Outcome::Granted,
            element,
            granted: Some(Granted { fence, previous }),
        });
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

    /// Serves who waits and can be served now.
    fn settle(&mut self, now: Now, id: ResourceId) {
        let mut grants = std::mem::take(&mut self.grants);
        self.resources[id]
            .rules
            .settle(self.limit, now, &mut grants);
        let any = !grants.is_empty();
        for Grant {
            session,
            hold,
            element,
        } in grants.drain(..)
        {
            self.waiting -= 1;
            if let Some(Waiting { ticket, .. }) = self.session(session).waiting.take() {
                self.stop_keeping(session, id, ticket);
            }
            self.grant(now, session, id, hold, (Step::Later, element));
        }
        self.grants = grants;
        self.after_change(now, id);
        if any {
            self.refuse_late_circles(now, id);
        }
    }

    /// What is due whenever holders or waiters of a resource have changed.
    fn after_change(&mut self, now: Now, id: ResourceId) {
        let rules = &self.resources[id].rules;
        let is_lent = self.loans.count > 0;
        debug_assert!(rules.is_sound(self.limit, is_lent), "{rules:?}");
        let tick = rules.next_tick(now);
        self.set_deadline(id, tick);
    }

    fn session(&mut self, id: SessionId) -> &mut Session {
        self.sessions.get_or_new(id)
    }

    fn draw_ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        Ticket(self.next_ticket)
    }

    /// Says anything but that it is granted.
    fn answer(&mut self, session: SessionId, step: Step, outcome: Outcome) {
        self.actions.push(Action::Answer {
            session,
            step,
            outcome,
            element: None,
            granted: None,
        });
    }
}
