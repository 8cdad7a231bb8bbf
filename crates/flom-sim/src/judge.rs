//! The promises, and whether they are kept.

use std::collections::{BTreeMap, BTreeSet};

use flom_core::{Action, Event, Request, Step};
use flom_types::{Outcome, ResourceKind, ResourceName, SessionId};

use self::holds::{Held, Holds, exclude};

mod holds;

/// Knows who counts on which lock, and what the daemon has done.
#[derive(Debug, Default)]
pub struct Judge {
    /// How often a waiter may be passed; `None`: as often as may be.
    passes: Option<u32>,
    /// Whether resources are kept for ever, so that what they give out can be compared.
    lasting: bool,
    /// By number of the client.
    counted_on: BTreeMap<usize, Held>,
    holds: Holds,
    asked: BTreeMap<SessionId, Request>,
    waiting: BTreeMap<SessionId, Waiting>,
    given: BTreeMap<ResourceName, Given>,
    arrivals: u64,
    /// Locks granted.
    pub grants: u64,
    /// Those for which somebody had waited.
    pub grants_after_waiting: u64,
    /// Waiters that were passed by others.
    pub passings: u64,
}

#[derive(Debug)]
struct Waiting {
    request: Request,
    arrived: u64,
    passed: u32,
}

/// What a sequence or timestamp has given out.
#[derive(Debug, Default)]
struct Given {
    ever: BTreeSet<String>,
    returned: BTreeSet<String>,
    last: String,
}

/// What is wrong, or nothing.
pub type Verdict = Result<(), String>;

impl Judge {
    /// Before anything has happened. A waiter may be passed `passes` times, or as often as may be;
    /// `lasting` says whether resources are kept for ever, so that what they give out can be
    /// compared.
    pub fn new(passes: Option<u32>, lasting: bool) -> Self {
        Self {
            passes,
            lasting,
            ..Self::default()
        }
    }

    /// A client has read that the lock is its own.
    ///
    /// # Errors
    ///
    /// What is wrong with that.
    pub fn counts_on(
        &mut self,
        client: usize,
        request: Request,
        element: Option<String>,
    ) -> Verdict {
        let held = Held::new(request, element);
        exclude(&held, self.counted_on.values())?;
        self.counted_on.insert(client, held);
        Ok(())
    }

    /// A client does not count on its lock any more.
    pub fn lets_go(&mut self, client: usize) {
        self.counted_on.remove(&client);
    }

    /// How many clients count on a lock.
    pub fn users(&self) -> usize {
        self.counted_on.len()
    }

    /// The daemon's lock manager is told.
    pub fn heard(&mut self, event: &Event) {
        match event {
            Event::Lock {
                session,
                request,
                nesting,
            } => {
                // What it waited for before is withdrawn.
                self.waiting.remove(session);
                self.holds.know(*session, nesting.as_deref());
                self.asked.insert(*session, request.clone());
            }
            Event::Unlock {
                session,
                resource,
                rollback,
                ..
            } => match self.holds.give_back(*session, resource) {
                Some(held) => self.take_back(&held, *rollback),
                None => drop(self.waiting.remove(session)),
            },
            Event::Gone { session } => self.forget(*session),
            Event::Resume { session, from } => {
                self.holds.rename(*from, *session);
            }
            Event::Drain | Event::Tick => {}
        }
    }

    /// The daemon's lock manager wants something done.
    ///
    /// # Errors
    ///
    /// What is wrong with that.
    pub fn told(&mut self, action: &Action) -> Verdict {
        match action {
            Action::Close { session, .. } => {
                self.forget(*session);
                Ok(())
            }
            Action::Answer {
                session,
                step,
                outcome,
                element,
                ..
            } => self.answered(*session, *step, *outcome, element.as_deref()),
            Action::Deadlock { session, step, .. } => {
                self.answered(*session, *step, Outcome::Busy, None)
            }
        }
    }

    /// Whether nobody is left, by the daemon's lights.
    pub fn is_over(&self) -> bool {
        self.holds.all().next().is_none() && self.waiting.is_empty()
    }

    fn answered(
        &mut self,
        session: SessionId,
        step: Step,
        outcome: Outcome,
        element: Option<&str>,
    ) -> Verdict {
        let asked = match step {
            Step::First => self.asked.remove(&session).map(Waiting::for_nothing_yet),
            Step::Later | Step::Refusal => self.waiting.remove(&session),
        };
        let Some(asked) = asked else {
            return Err(format!("{session} is told {outcome} and has asked nothing"));
        };
        self.is_refused_rightly(&asked.request, outcome)?;
        match outcome {
            Outcome::Queued => {
                self.arrivals += 1;
                let arrived = self.arrivals;
                self.waiting.insert(session, Waiting { arrived, ..asked });
            }
            Outcome::Parked => drop(self.waiting.insert(session, asked)),
            Outcome::Granted => {
                self.grants += 1;
                self.grants_after_waiting += u64::from(step == Step::Later);
                let held = Held::new(asked.request.clone(), element.map(str::to_owned));
                if self.holds.lend(session, &held) {
                    return Ok(());
                }
                self.pass(session, &asked)?;
                exclude(&held, self.holds.all())?;
                if self.lasting {
                    self.given
                        .entry(held.request.resource.clone())
                        .or_default()
                        .gives(&held)?;
                }
                self.holds.grant(session, held);
            }
            // There is no such resource: the session is bound to nothing, and as good as new.
            Outcome::CannotWait | Outcome::InvalidName => self.holds.forget(session),
            _ => {}
        }
        Ok(())
    }

    /// Whoever does not get what it asks for must have a reason.
    fn is_refused_rightly(&self, request: &Request, outcome: Outcome) -> Verdict {
        let name = &request.resource;
        let is_wrong = match (outcome, name.kind()) {
            (Outcome::Impossible, ResourceKind::Numeric { units }) => request.quantity <= units,
            (Outcome::Impossible | Outcome::InvalidName, _) => true,
            // A tick is reason enough.
            (_, ResourceKind::Timestamp { .. }) => false,
            (Outcome::Busy | Outcome::Queued, _) => {
                let is_it = |other: &Request| other.resource.tree() == name.tree();
                let is_held = self.holds.all().any(|held| is_it(&held.request));
                !is_held && !self.waiting.values().any(|waiting| is_it(&waiting.request))
            }
            _ => false,
        };
        match is_wrong {
            true => Err(format!("{request:?} is {outcome}, for no reason")),
            false => Ok(()),
        }
    }

    /// Whoever came earlier and conflicts with a request that is granted has been passed.
    fn pass(&mut self, session: SessionId, granted: &Waiting) -> Verdict {
        for (other, waiting) in &mut self.waiting {
            if waiting.arrived >= granted.arrived {
                continue;
            }
            if is_alike(&waiting.request, &granted.request) {
                return Err(format!(
                    "{other} came before {session} and asks for the same"
                ));
            }
            if conflict(&waiting.request, &granted.request) {
                waiting.passed += 1;
                self.passings += 1;
                if self.passes.is_some_and(|limit| waiting.passed > limit) {
                    return Err(format!(
                        "{session} passes {other}, which has been passed {} times now",
                        waiting.passed
                    ));
                }
            }
        }
        Ok(())
    }

    fn forget(&mut self, session: SessionId) {
        self.waiting.remove(&session);
        while let Some(held) = self.holds.give_back_latest(session) {
            self.take_back(&held, true);
        }
        self.holds.forget(session);
    }

    fn take_back(&mut self, held: &Held, rollback: bool) {
        let is_transactional = matches!(
            held.request.resource.kind(),
            ResourceKind::Sequence {
                transactional: true,
                ..
            }
        );
        // Somebody who runs inside of the session may have it, too.
        let is_kept = || self.holds.all().any(|other| other.is_same(held));
        if rollback && is_transactional && !is_kept() {
            let given = self.given.entry(held.request.resource.clone()).or_default();
            given.returned.extend(held.element.clone());
        }
    }
}

impl Waiting {
    fn for_nothing_yet(request: Request) -> Self {
        Self {
            request,
            arrived: u64::MAX,
            passed: 0,
        }
    }
}

impl Given {
    /// Sequences have neither gap nor double, timestamps no double and go up.
    fn gives(&mut self, held: &Held) -> Verdict {
        let name = &held.request.resource;
        let Some(element) = held.element.clone() else {
            return Ok(());
        };
        match name.kind() {
            ResourceKind::Sequence { .. } if self.returned.remove(&element) => return Ok(()),
            ResourceKind::Sequence { .. } => {
                let next = (self.ever.len() + 1).to_string();
                if element != next || !self.returned.is_empty() {
                    let back = &self.returned;
                    return Err(format!(
                        "{name} gives {element}, not {next} or one of {back:?}"
                    ));
                }
            }
            ResourceKind::Timestamp { .. } if element <= self.last => {
                return Err(format!("{name} gives {element} after {}", self.last));
            }
            ResourceKind::Timestamp { .. } => {}
            _ => return Ok(()),
        }
        self.last.clone_from(&element);
        match self.ever.insert(element.clone()) {
            true => Ok(()),
            false => Err(format!("{name} gives {element} twice")),
        }
    }
}

/// Whether two requests are for the same, so that the earlier one must be granted first.
fn is_alike(one: &Request, other: &Request) -> bool {
    one.resource == other.resource
        && match one.resource.kind() {
            ResourceKind::Simple | ResourceKind::Hierarchical => one.mode == other.mode,
            ResourceKind::Numeric { .. } => one.quantity == other.quantity,
            _ => true,
        }
}

/// Whether two requests are for the same resource and cannot both be granted as if the other were
/// not there.
fn conflict(one: &Request, other: &Request) -> bool {
    let (here, there) = (&one.resource, &other.resource);
    here.tree() == there.tree()
        && match here.kind() {
            ResourceKind::Simple => !one.mode.admits(other.mode),
            ResourceKind::Hierarchical => {
                let (one_path, other_path): (Vec<_>, Vec<_>) =
                    (here.levels().collect(), there.levels().collect());
                let meets = one_path.starts_with(&other_path) || other_path.starts_with(&one_path);
                meets && !one.mode.admits(other.mode)
            }
            _ => true,
        }
}
