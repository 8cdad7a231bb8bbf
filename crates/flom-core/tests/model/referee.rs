//! Watches what happens and what is said, and objects where a promise is broken. It never works
//! out what should be said, so a mistake that the two lock managers share does not escape it.

use std::collections::BTreeMap;

use flom_core::{Action, Event, Granted, Request, Step};
use flom_types::{Now, Outcome, ResourceKind, ResourceName, SessionId};

use crate::lending::{lender, root, takers};
use crate::nests::Nests;
use crate::rules::{Held, all_alike, conflict, given_back, is_room};
use crate::watched::Watched;

/// What has been promised so far.
#[derive(Clone, Debug)]
pub(crate) struct Referee {
    /// How often a waiter may be passed; `None`: as often as may be.
    passes: Option<u32>,
    waiting: BTreeMap<SessionId, Waiting>,
    /// By what lives as one.
    resources: BTreeMap<Vec<u8>, Watched>,
    arrivals: u64,
    last_fence: u64,
    nests: Nests,
}

#[derive(Clone, Debug)]
struct Waiting {
    request: Request,
    /// `None` while it is parked.
    arrived: Option<u64>,
    passed: u32,
}

/// What is wrong, or nothing.
pub(crate) type Objection = Result<(), String>;

impl Referee {
    pub(crate) fn new(passes: Option<u32>) -> Self {
        Self {
            passes,
            waiting: BTreeMap::new(),
            resources: BTreeMap::new(),
            arrivals: 0,
            last_fence: 0,
            nests: Nests::default(),
        }
    }

    /// Looks at an event and all that is said because of it.
    pub(crate) fn watch(&mut self, now: Now, event: &Event, said: &[Action]) -> Objection {
        one_answer_each(event, said)?;
        let mut asked = None;
        match event {
            Event::Lock {
                session,
                request,
                nesting,
            } => {
                if !matches!(
                    said.first(),
                    Some(Action::Answer {
                        outcome: Outcome::Refused,
                        ..
                    })
                ) {
                    self.waiting.remove(session);
                    if let Some(nesting) = nesting {
                        let lineage = &nesting.lineage;
                        self.nests.learn(*session, lineage.own(), lineage.outer());
                    }
                    let wants = nesting.as_ref().is_some_and(|nesting| nesting.reentrant);
                    self.nests.want(*session, wants);
                }
                asked = Some(request);
            }
            Event::Unlock {
                session,
                resource,
                rollback,
                ..
            } => self.unlocked(*session, resource, *rollback),
            Event::Resume { session, from } => return self.resumed(*session, *from, &said[0]),
            Event::Gone { session } => self.forget(now, *session),
            Event::Drain | Event::Tick => {}
        }
        for action in said {
            match action {
                Action::Close { session, .. } => self.forget(now, *session),
                Action::Answer {
                    session,
                    step: Step::First,
                    outcome,
                    element,
                    granted,
                } => {
                    self.rises(*outcome, *granted)?;
                    let request = asked.ok_or("a first answer to no question")?;
                    self.first(now, *session, request, *outcome, element.as_deref())?;
                }
                Action::Answer {
                    session,
                    step,
                    outcome,
                    element,
                    granted,
                } => {
                    self.rises(*outcome, *granted)?;
                    self.later(now, *session, *step, *outcome, element.as_deref())?;
                }
                Action::Deadlock {
                    session,
                    step: Step::First,
                    ..
                } => {
                    let request = asked.ok_or("a first answer to no question")?;
                    self.first(now, *session, request, Outcome::Busy, None)?;
                }
                Action::Deadlock { session, .. } => self.deadlocked(now, *session)?,
            }
        }
        self.nobody_is_forgotten()
    }

    /// Somebody who waited is refused.
    fn deadlocked(&mut self, now: Now, session: SessionId) -> Objection {
        let Some(Waiting {
            request, arrived, ..
        }) = self.waiting.remove(&session)
        else {
            return Err(format!("{session} does not wait and is refused"));
        };
        if arrived.is_none() {
            self.bind(now, session, &request, false, None);
        }
        Ok(())
    }

    /// Exactly who is granted has a number, and it is higher than all before.
    fn rises(&mut self, outcome: Outcome, granted: Option<Granted>) -> Objection {
        if granted.is_some() != (outcome == Outcome::Granted) {
            return Err(format!("{outcome} with {granted:?}"));
        }
        let fence = granted.map_or(u64::MAX, |granted| granted.fence);
        if fence <= self.last_fence {
            return Err(format!("grant {fence} after {}", self.last_fence));
        }
        self.last_fence = granted.map_or(self.last_fence, |granted| granted.fence);
        Ok(())
    }

    /// What one held, another holds now.
    fn resumed(&mut self, session: SessionId, from: SessionId, said: &Action) -> Objection {
        let Action::Answer {
            granted: Some(granted),
            ..
        } = said
        else {
            return Ok(());
        };
        if self.waiting.contains_key(&from) || granted.fence > self.last_fence {
            return Err(format!("{session} takes over from {from}: {granted:?}"));
        }
        let mut any = false;
        for watched in self.resources.values_mut() {
            let holders = watched.held.iter_mut().map(|held| &mut held.session);
            for user in watched.users.iter_mut().chain(holders) {
                if *user == session {
                    return Err(format!("{session} has something already"));
                }
                if *user == from {
                    *user = session;
                    any = true;
                }
            }
        }
        self.nests.rename(from, session);
        match any {
            true => Ok(()),
            false => Err(format!("{session} takes over nothing")),
        }
    }

    fn first(
        &mut self,
        now: Now,
        session: SessionId,
        request: &Request,
        outcome: Outcome,
        element: Option<&str>,
    ) -> Objection {
        match outcome {
            Outcome::Refused => return Ok(()),
            Outcome::Parked | Outcome::CannotWait | Outcome::InvalidName => {
                self.unbind(now, session, None);
            }
            _ => {
                self.unbind(now, session, Some(request.resource.tree()));
                self.bind(now, session, request, outcome == Outcome::Granted, element);
            }
        }
        if matches!(outcome, Outcome::CannotWait | Outcome::InvalidName) {
            self.nests.forget(session);
        }
        if outcome.is_waiting() && !request.wait {
            return Err(format!("{session} has to wait and must not"));
        }
        match outcome {
            Outcome::Granted => self.granted(session, request, None, element)?,
            Outcome::Parked | Outcome::Queued => {
                self.arrivals += 1;
                let waiting = Waiting {
                    request: request.clone(),
                    arrived: (outcome == Outcome::Queued).then_some(self.arrivals),
                    passed: 0,
                };
                self.waiting.insert(session, waiting);
            }
            _ => {}
        }
        Ok(())
    }

    fn later(
        &mut self,
        now: Now,
        session: SessionId,
        step: Step,
        outcome: Outcome,
        element: Option<&str>,
    ) -> Objection {
        let Some(waiting) = self.waiting.remove(&session) else {
            return Err(format!("{session} does not wait and is told {outcome}"));
        };
        let request = &waiting.request;
        if step == Step::Refusal {
            self.nests.forget(session);
        }
        if waiting.arrived.is_none() && step == Step::Later {
            self.bind(now, session, request, outcome == Outcome::Granted, element);
        }
        match (step, outcome, waiting.arrived) {
            (Step::Later, Outcome::Granted, arrived) => {
                self.granted(session, request, arrived, element)
            }
            (Step::Later, Outcome::Queued, None) => {
                self.arrivals += 1;
                let arrived = Some(self.arrivals);
                self.waiting.insert(session, Waiting { arrived, ..waiting });
                Ok(())
            }
            (Step::Later, Outcome::Impossible, None) | (Step::Refusal, Outcome::Refused, None) => {
                Ok(())
            }
            _ => Err(format!(
                "{session} waits and is told {outcome} in step {step:?}"
            )),
        }
    }

    /// A grant, to somebody who came when `arrived` says, or only now.
    fn granted(
        &mut self,
        session: SessionId,
        request: &Request,
        arrived: Option<u64>,
        element: Option<&str>,
    ) -> Objection {
        let tree = request.resource.tree();
        let lenders = self.nests.lenders(session);
        if arrived.is_none() && self.lent(session, request, element, &lenders) {
            return Ok(());
        }
        for (other, waiting) in &mut self.waiting {
            let is_earlier = waiting.arrived.is_some_and(|earlier| {
                waiting.request.resource.tree() == tree
                    && arrived.is_none_or(|arrived| earlier < arrived)
            });
            if !is_earlier || !conflict(&waiting.request, request) {
                continue;
            }
            waiting.passed += 1;
            let limit = match all_alike(request.resource.kind()) {
                true => Some(0),
                false => self.passes,
            };
            if limit.is_some_and(|limit| waiting.passed > limit) {
                let times = waiting.passed;
                return Err(format!(
                    "{session} passes {other}, passed {times} times now"
                ));
            }
        }
        let fence = self.last_fence;
        let watched = self.watched(tree);
        if !is_room(request, takers(&watched.held)) {
            return Err(format!(
                "{session} is granted {request:?} beside {:?}",
                watched.held
            ));
        }
        watched.held.push(Held {
            session,
            request: request.clone(),
            element: element.map(str::to_owned),
            place: request
                .resource
                .elements()
                .position(|written| Some(written) == element)
                .unwrap_or(0),
            fence,
            lent_from: None,
        });
        watched.gives(&request.resource, element)
    }

    /// Whether what is granted is what one of the `lenders` has; nobody is passed by that.
    fn lent(
        &mut self,
        session: SessionId,
        request: &Request,
        element: Option<&str>,
        lenders: &[SessionId],
    ) -> bool {
        let fence = self.last_fence;
        let watched = self.watched(request.resource.tree());
        let Some(held) = lender(&watched.held, lenders, request) else {
            return false;
        };
        assert_eq!(held.element.as_deref(), element, "another is lent");
        let held = Held {
            session,
            request: request.clone(),
            fence,
            lent_from: Some(root(held)),
            ..held.clone()
        };
        watched.held.push(held);
        true
    }

    fn unlocked(&mut self, session: SessionId, name: &ResourceName, rollback: bool) {
        let Some(watched) = self.resources.get_mut(name.tree()) else {
            return;
        };
        if let Some(which) = given_back(&watched.held, session, name) {
            watched.takes_back(which, rollback);
        } else {
            self.waiting.remove(&session);
        }
    }

    /// The session is over.
    fn forget(&mut self, now: Now, session: SessionId) {
        self.nests.forget(session);
        self.waiting.remove(&session);
        for watched in self.resources.values_mut() {
            while let Some(which) = watched
                .held
                .iter()
                .rposition(|held| held.session == session)
            {
                watched.takes_back(which, true);
            }
        }
        self.unbind(now, session, None);
    }

    fn bind(
        &mut self,
        now: Now,
        session: SessionId,
        request: &Request,
        is_granted: bool,
        element: Option<&str>,
    ) {
        let number = element.filter(|_| is_granted);
        self.watched(request.resource.tree())
            .enter(now.time, session, request, number);
    }

    fn watched(&mut self, tree: &[u8]) -> &mut Watched {
        self.resources.entry(tree.to_vec()).or_default()
    }

    fn unbind(&mut self, now: Now, session: SessionId, except: Option<&[u8]>) {
        for (tree, watched) in &mut self.resources {
            if except != Some(&tree[..]) && watched.users.contains(&session) {
                watched.users.retain(|user| *user != session);
                if watched.users.is_empty() {
                    watched.unused_since = Some(now.time);
                }
            }
        }
    }

    /// Whoever waits has to: for lack of room, for a tick, or for somebody who must not be passed.
    fn nobody_is_forgotten(&self) -> Objection {
        for (session, waiting) in &self.waiting {
            let request = &waiting.request;
            let Some(arrived) = waiting.arrived else {
                continue;
            };
            let held = self.resources.get(request.resource.tree());
            let mut holders = held.into_iter().flat_map(|watched| takers(&watched.held));
            if !is_room(request, holders.by_ref()) {
                continue;
            }
            if let ResourceKind::Timestamp { .. } = request.resource.kind() {
                continue;
            }
            let has_to = self.waiting.values().any(|other| {
                other.arrived.is_some_and(|earlier| earlier < arrived)
                    && other.request.resource.tree() == request.resource.tree()
                    && conflict(&other.request, request)
                    && self.passes.is_some_and(|limit| other.passed >= limit)
            });
            if !has_to {
                return Err(format!("{session} waits for nobody: {request:?}"));
            }
        }
        Ok(())
    }
}

/// A question has exactly one first answer, or its connection is closed; nothing else has.
fn one_answer_each(event: &Event, said: &[Action]) -> Objection {
    let asks = match event {
        Event::Lock { session, .. } | Event::Resume { session, .. } => Some(*session),
        _ => None,
    };
    let mut answered = Vec::new();
    for action in said {
        match action {
            Action::Answer {
                session,
                step: Step::First,
                ..
            }
            | Action::Deadlock {
                session,
                step: Step::First,
                ..
            } => answered.push(*session),
            Action::Close { session, .. } if asks == Some(*session) => answered.push(*session),
            _ => {}
        }
    }
    match answered == Vec::from_iter(asks) {
        true => Ok(()),
        false => Err(format!("{asks:?} asks, {answered:?} are answered")),
    }
}
