//! The lock manager once more, as plainly as it can be said: lists, every rule looked up by
//! scanning them, and every state that follows from the past worked out from the past.

mod circles;
mod hand_over;
mod look;

use std::collections::VecDeque;

use flom_core::{Action, CloseReason, Event, Granted, Link, Nesting, Request, Step};
use flom_types::{Now, Outcome, Previous, ResourceKind, ResourceName, SessionId};
use jiff::tz::TimeZone;

use crate::clock::{self, Stamp, Usable};
use crate::lending::takers;
use crate::life::{Life, Number, Waiter, number};
use crate::nests::Nests;
use crate::rules::{Held, all_alike, conflict, given_back, is_room};

/// A lock manager.
#[derive(Clone, Debug)]
pub(crate) struct Naive {
    /// How often a waiter may be passed; `None`: as often as may be.
    passes: Option<u32>,
    zone: TimeZone,
    draining: bool,
    lives: Vec<Life>,
    parked: Vec<(SessionId, Request)>,
    last_fence: u64,
    /// Of what the last exclusive holder has ended badly, and how; the oldest first.
    dirty: Vec<(ResourceName, Previous)>,
    nests: Nests,
    /// The circles that the other manager tells of: there can be several, and any will do.
    told: VecDeque<Vec<Link>>,
    said: Vec<Action>,
}

enum Verdict {
    Granted(Held),
    NotNow,
    Impossible,
}

impl Naive {
    pub(crate) fn new(passes: Option<u32>, zone: TimeZone) -> Self {
        Self {
            passes,
            zone,
            draining: false,
            lives: Vec::new(),
            parked: Vec::new(),
            last_fence: 0,
            dirty: Vec::new(),
            nests: Nests::default(),
            told: VecDeque::new(),
            said: Vec::new(),
        }
    }

    /// What is to be said because of `event`; of the time that has passed before it, nothing. The
    /// circles are those that are `told` by somebody else, if there is nothing wrong with them.
    pub(crate) fn handle(&mut self, now: Now, event: &Event, told: &[Action]) -> Vec<Action> {
        self.listen(told);
        match event {
            Event::Lock {
                session,
                request,
                nesting,
            } => self.lock(now, *session, request, nesting.as_deref()),
            Event::Unlock {
                session,
                resource,
                rollback,
                ended,
            } => self.unlock(now, *session, resource, (*rollback, *ended)),
            Event::Resume { session, from } => self.resume(*session, *from),
            Event::Gone { session } => self.gone(now, *session),
            Event::Drain => {
                self.draining = true;
                for (session, _) in std::mem::take(&mut self.parked) {
                    self.forget_nest(session);
                    self.answer(session, Step::Refusal, Outcome::Refused);
                }
            }
            Event::Tick => {}
        }
        std::mem::take(&mut self.said)
    }

    /// What is to be said because time has passed. Of those who wait for a tick only those are
    /// served of whom `may_serve` says so.
    pub(crate) fn pass(
        &mut self,
        now: Now,
        told: &[Action],
        may_serve: impl Fn(SessionId) -> bool,
    ) -> Vec<Action> {
        self.listen(told);
        self.lives
            .retain(|life| life.forgotten_at().is_none_or(|time| now.time < time));
        for which in 0..self.lives.len() {
            let life = &self.lives[which];
            if life.depends_on_clock() && life.queue.first().is_some_and(|w| may_serve(w.session)) {
                self.settle(now, which);
            }
        }
        std::mem::take(&mut self.said)
    }

    fn lock(&mut self, now: Now, session: SessionId, request: &Request, nesting: Option<&Nesting>) {
        if self.draining {
            return self.answer(session, Step::First, Outcome::Refused);
        }
        self.stop_waiting(now, session);
        if let Some(Nesting { lineage, .. }) = nesting {
            self.nests.learn(session, lineage.own(), lineage.outer());
        }
        let reentrant = nesting.is_some_and(|nesting| nesting.reentrant);
        self.nests.want(session, reentrant);
        if let Some(which) = self.life_of(session) {
            let life = &self.lives[which];
            if life.created_by.resource.tree() == request.resource.tree() {
                return self.ask(now, which, session, request, Step::First);
            }
            if life.held.iter().any(|held| held.session == session) {
                return self.close(now, session, CloseReason::AskedOther);
            }
            self.leave(now, session);
        }
        let existing = self
            .lives
            .iter()
            .position(|life| life.created_by.resource.tree() == request.resource.tree());
        match existing {
            Some(which) => {
                self.lives[which].enter(session);
                self.ask(now, which, session, request, Step::First);
            }
            None if request.create => self.create(now, session, request),
            None if request.wait => {
                self.parked.push((session, request.clone()));
                self.answer(session, Step::First, Outcome::Parked);
            }
            None => {
                self.forget_nest(session);
                self.answer(session, Step::First, Outcome::CannotWait);
            }
        }
    }

    fn create(&mut self, now: Now, session: SessionId, request: &Request) {
        if let ResourceKind::Timestamp { .. } = request.resource.kind() {
            match clock::format_of(&request.resource) {
                Usable::Yes(_) => {}
                Usable::NoTick => return self.close(now, session, CloseReason::NoSuchResource),
                Usable::TooLong => {
                    self.forget_nest(session);
                    return self.answer(session, Step::First, Outcome::InvalidName);
                }
            }
        }
        let which = self.lives.len();
        self.lives.push(Life::new(request));
        self.lives[which].enter(session);
        self.ask(now, which, session, request, Step::First);
        let (woken, parked) = std::mem::take(&mut self.parked)
            .into_iter()
            .partition(|(_, parked)| parked.resource.tree() == request.resource.tree());
        self.parked = parked;
        for (session, request) in woken {
            self.lives[which].enter(session);
            self.ask(now, which, session, &request, Step::Later);
        }
    }

    fn ask(&mut self, now: Now, which: usize, session: SessionId, request: &Request, step: Step) {
        if self.lend(which, session, request, step) {
            return self.refuse_late_circles(now, which);
        }
        let life = &self.lives[which];
        match self.judge(life, life.queue.len(), session, request, now) {
            Verdict::Granted(held) => {
                let waiting = life.queue.len();
                self.grant(now, which, waiting, held, step);
                self.refuse_late_circles(now, which);
            }
            Verdict::Impossible => self.answer(session, step, Outcome::Impossible),
            Verdict::NotNow if request.wait => {
                let waiter = Waiter {
                    session,
                    request: request.clone(),
                    passed: 0,
                    outer: self.nests.outer(session),
                };
                self.lives[which].queue.push(waiter);
                if self.is_refused((which, self.lives[which].queue.len() - 1), step) {
                    return;
                }
                self.answer(session, step, Outcome::Queued);
            }
            Verdict::NotNow => self.answer(session, step, Outcome::Busy),
        }
    }

    /// Judges a request that comes after the first `before` waiters.
    fn judge(
        &self,
        life: &Life,
        before: usize,
        session: SessionId,
        request: &Request,
        now: Now,
    ) -> Verdict {
        let kind = request.resource.kind();
        if matches!(kind, ResourceKind::Numeric { units } if request.quantity > units) {
            return Verdict::Impossible;
        }
        if all_alike(kind) && before > 0 {
            return Verdict::NotNow;
        }
        if !is_room(request, takers(&life.held)) {
            return Verdict::NotNow;
        }
        let is_kept_back = life.queue[..before].iter().any(|waiter| {
            conflict(&waiter.request, request)
                && self.passes.is_some_and(|limit| waiter.passed >= limit)
        });
        if is_kept_back {
            return Verdict::NotNow;
        }
        let fence = 0; // until it is granted
        let (element, place) = match kind {
            ResourceKind::Set => {
                let (place, element) = life.free_element();
                (Some(element), place)
            }
            ResourceKind::Sequence { .. } => (Some(life.next_number().to_string()), 0),
            ResourceKind::Timestamp { .. } => match self.stamp(life, now) {
                Some(stamp) => (Some(stamp.text), 0),
                None => return Verdict::NotNow,
            },
            _ => (None, 0),
        };
        Verdict::Granted(Held {
            session,
            request: request.clone(),
            element,
            place,
            fence,
            lent_from: None,
        })
    }

    fn stamp(&self, life: &Life, now: Now) -> Option<Stamp> {
        match clock::format_of(&life.created_by.resource) {
            Usable::Yes(format) => clock::next_stamp(format, &self.zone, &life.stamps, now),
            other => panic!("a resource was made of a format that is not usable: {other:?}"),
        }
    }

    /// Grants what `judge` has found grantable.
    fn grant(&mut self, now: Now, which: usize, before: usize, mut held: Held, step: Step) {
        self.last_fence += 1;
        held.fence = self.last_fence;
        let granted = Granted {
            fence: held.fence,
            previous: self.previous(which, &held),
        };
        if let ResourceKind::Timestamp { .. } = held.request.resource.kind() {
            let stamp = self.stamp(&self.lives[which], now);
            self.lives[which].stamps.extend(stamp);
        }
        let life = &mut self.lives[which];
        for waiter in &mut life.queue[..before] {
            waiter.passed += u32::from(conflict(&waiter.request, &held.request));
        }
        if let ResourceKind::Sequence { .. } = held.request.resource.kind() {
            life.numbers.push(Number::Given(number(&held)));
        }
        life.grants += 1;
        self.said.push(Action::Answer {
            session: held.session,
            step,
            outcome: Outcome::Granted,
            element: held.element.clone(),
            granted: Some(granted),
        });
        life.held.push(held);
    }

    /// One walk along the queue.
    fn settle(&mut self, now: Now, which: usize) {
        let mut at = 0;
        while at < self.lives[which].queue.len() {
            let life = &self.lives[which];
            let Waiter {
                session, request, ..
            } = life.queue[at].clone();
            match self.judge(life, at, session, &request, now) {
                Verdict::Granted(held) => {
                    self.lives[which].queue.remove(at);
                    self.grant(now, which, at, held, Step::Later);
                }
                _ => at += 1,
            }
        }
        self.lives[which].forget_nodes();
        self.refuse_late_circles(now, which);
    }

    fn unlock(
        &mut self,
        now: Now,
        session: SessionId,
        name: &ResourceName,
        (rollback, ended): (bool, Option<Previous>),
    ) {
        let Some(which) = self.life_of(session) else {
            return self.close(now, session, CloseReason::UnlockedNothing);
        };
        let life = &mut self.lives[which];
        if life.created_by.resource.tree() != name.tree() {
            return self.close(now, session, CloseReason::UnlockedOther);
        }
        if let Some(given_back) = given_back(&life.held, session, name) {
            let ended = ended.unwrap_or(Previous::Released);
            self.release(which, given_back, rollback, ended);
            return self.settle(now, which);
        }
        let holds = life.held.iter().any(|held| held.session == session);
        match name.kind() {
            ResourceKind::Sequence { .. } => {
                self.close(now, session, CloseReason::UnlockedNothing);
            }
            ResourceKind::Hierarchical if holds => {
                self.close(now, session, CloseReason::UnlockedOther);
            }
            _ => self.stop_waiting(now, session),
        }
    }

    fn gone(&mut self, now: Now, session: SessionId) {
        self.parked.retain(|(parked, _)| *parked != session);
        if let Some(which) = self.life_of(session) {
            let is_its = |held: &Held| held.session == session;
            while let Some(latest) = self.lives[which].held.iter().rposition(is_its) {
                self.release(which, latest, true, Previous::Lost);
            }
            let life = &mut self.lives[which];
            life.queue.retain(|waiter| waiter.session != session);
            self.settle(now, which);
            self.leave(now, session);
        }
        self.forget_nest(session);
    }

    fn close(&mut self, now: Now, session: SessionId, reason: CloseReason) {
        self.said.push(Action::Close { session, reason });
        self.gone(now, session);
    }

    fn stop_waiting(&mut self, now: Now, session: SessionId) {
        self.parked.retain(|(parked, _)| *parked != session);
        if let Some(which) = self.life_of(session) {
            let queue = &mut self.lives[which].queue;
            if let Some(at) = queue.iter().position(|waiter| waiter.session == session) {
                queue.remove(at);
                self.settle(now, which);
            }
        }
    }

    fn leave(&mut self, now: Now, session: SessionId) {
        for life in &mut self.lives {
            life.users.retain(|user| *user != session);
            if life.users.is_empty() {
                life.unused_since.get_or_insert(now.time);
            }
        }
    }

    fn life_of(&self, session: SessionId) -> Option<usize> {
        self.lives
            .iter()
            .position(|life| life.users.contains(&session))
    }

    fn answer(&mut self, session: SessionId, step: Step, outcome: Outcome) {
        self.said.push(Action::Answer {
            session,
            step,
            outcome,
            element: None,
            granted: None,
        });
    }
}
