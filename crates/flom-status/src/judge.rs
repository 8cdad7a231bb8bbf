//! Would a request have to wait, by which rule, and for whom (`spec/resources.md` §5 to §8).
//!
//! The rules of the lock manager, read off a snapshot: whether it would grant, not how. A test
//! compares the two.

use flom_core::snapshot::{Held, Holder, Resource, Snapshot, Waiter};
use flom_types::{LockMode, ResourceKind, ResourceName, SessionId, Time};

/// What somebody might ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The resource.
    pub resource: ResourceName,
    /// How; counts for simple and hierarchical resources.
    pub mode: LockMode,
    /// How many units; counts for numeric resources.
    pub quantity: u32,
    /// Whether the resource may be created for it.
    pub create: bool,
}

/// What would become of a request, and because of whom.
#[derive(Clone, Debug)]
pub struct Judgement<'a> {
    /// What is asked for.
    pub question: Question,
    /// What decides.
    pub rule: Rule,
    /// Holders that have to give something back first.
    pub hard: Vec<&'a Holder>,
    /// Requests that came before and want what this one wants, in order of arrival. Empty if the
    /// request would be granted.
    pub soft: Vec<&'a Waiter>,
}

/// What decides what becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Nothing is in the way: granted at once.
    Free,
    /// The resource would be created: granted at once.
    New,
    /// Somebody holds it in a mode that does not go with the one asked for.
    Mode,
    /// Fewer units are free than are asked for.
    Units {
        /// How many are free.
        free: u32,
        /// How many there are.
        total: u32,
    },
    /// All elements of a set, or places of a sequence or timestamp, are taken.
    Places {
        /// How many there are.
        total: u32,
    },
    /// The next timestamp can only be made at this moment, where it is known.
    Tick {
        /// When.
        at: Option<Time>,
    },
    /// Nothing held is in the way, but requests that came before must not be passed.
    Queue,
    /// The resource does not exist, and may not be created for this request.
    NotCreated,
    /// There are not that many units: refused at once.
    Impossible {
        /// How many there are.
        total: u32,
    },
    /// The daemon is about to end: refused at once.
    Draining,
}

impl Rule {
    /// Whether the request would be granted at once.
    pub fn is_granted(self) -> bool {
        matches!(self, Self::Free | Self::New)
    }

    /// Whether the request would be refused, however patient.
    pub fn is_refused(self) -> bool {
        matches!(self, Self::Impossible { .. } | Self::Draining)
    }

    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::New => "new",
            Self::Mode => "mode",
            Self::Units { .. } => "units",
            Self::Places { .. } => "places",
            Self::Tick { .. } => "tick",
            Self::Queue => "queue",
            Self::NotCreated => "not-created",
            Self::Impossible { .. } => "impossible",
            Self::Draining => "draining",
        }
    }
}

/// What would become of a newcomer that asks `question`.
pub fn why<'a>(snapshot: &'a Snapshot, question: &Question) -> Judgement<'a> {
    if snapshot.draining {
        return Judgement::alone(question, Rule::Draining);
    }
    match snapshot.resource(&question.resource) {
        Some(resource) => {
            let waiters: Vec<_> = resource.waiters.iter().collect();
            judge(resource, &waiters, question)
        }
        None => missing(snapshot, question),
    }
}

/// Why the request of `session` waits; `None` if it does not.
pub fn why_waits(snapshot: &Snapshot, session: SessionId) -> Option<Judgement<'_>> {
    for resource in &snapshot.resources {
        let find = |waiter: &Waiter| waiter.session == session;
        if let Some(at) = resource.waiters.iter().position(find) {
            let question = Question::of(&resource.waiters[at]);
            let ahead: Vec<_> = resource.waiters[..at].iter().collect();
            return Some(judge(resource, &ahead, &question));
        }
    }
    let parked = snapshot
        .parked
        .iter()
        .find(|waiter| waiter.session == session)?;
    let question = Question::of(parked);
    let mut judgement = Judgement::alone(&question, Rule::NotCreated);
    judgement.soft = snapshot
        .parked_for(&question.resource)
        .take_while(|waiter| waiter.session != session)
        .collect();
    Some(judgement)
}

impl Question {
    fn of(waiter: &Waiter) -> Self {
        let request = &waiter.request;
        Self {
            resource: request.resource.clone(),
            mode: request.mode,
            quantity: request.quantity,
            create: request.create,
        }
    }

    /// Whether the request of `waiter` and this one cannot both be granted, or not at once.
    fn competes_with(&self, waiter: &Waiter) -> bool {
        match self.resource.kind() {
            ResourceKind::Simple => !waiter.request.mode.admits(self.mode),
            ResourceKind::Hierarchical => {
                !waiter.request.mode.admits(self.mode)
                    && meet(&waiter.request.resource, &self.resource)
            }
            _ => true,
        }
    }

    /// Whether `holder` has something that this request cannot be granted beside.
    fn is_stopped_by(&self, holder: &Holder) -> bool {
        match &holder.held {
            Held::Mode(mode) => !mode.admits(self.mode),
            Held::Node { path, mode } => !mode.admits(self.mode) && meet(path, &self.resource),
            Held::Units(units) => *units > 0,
            Held::Element(_) | Held::Number(_) | Held::Text(_) => true,
        }
    }
}

impl Judgement<'_> {
    fn alone(question: &Question, rule: Rule) -> Self {
        Self {
            question: question.clone(),
            rule,
            hard: Vec::new(),
            soft: Vec::new(),
        }
    }
}

fn missing<'a>(snapshot: &'a Snapshot, question: &Question) -> Judgement<'a> {
    let impossible = match question.resource.kind() {
        ResourceKind::Numeric { units } if question.quantity > units => Some(units),
        _ => None,
    };
    let rule = match (question.create, impossible) {
        (true, Some(total)) => Rule::Impossible { total },
        (true, None) => match question.resource.kind() {
            ResourceKind::Sequence { holders: 0, .. } | ResourceKind::Timestamp { holders: 0 } => {
                Rule::Places { total: 0 }
            }
            _ => Rule::New,
        },
        (false, _) => Rule::NotCreated,
    };
    let mut judgement = Judgement::alone(question, rule);
    if rule == Rule::NotCreated {
        judgement.soft = snapshot.parked_for(&question.resource).collect();
    }
    judgement
}

/// Judges a request against the holders and those `ahead` of it.
fn judge<'a>(resource: &'a Resource, ahead: &[&'a Waiter], question: &Question) -> Judgement<'a> {
    let competitors = || ahead.iter().copied().filter(|w| question.competes_with(w));
    let rule = rule(resource, question, competitors().any(|w| w.unpassable));
    let mut judgement = Judgement::alone(question, rule);
    if matches!(rule, Rule::Mode | Rule::Units { .. } | Rule::Places { .. }) {
        let holders = resource.holders.iter();
        judgement.hard = holders
            .filter(|holder| question.is_stopped_by(holder))
            .collect();
    }
    if !rule.is_granted() && !rule.is_refused() {
        judgement.soft = competitors().collect();
    }
    judgement
}

fn rule(resource: &Resource, question: &Question, held_back: bool) -> Rule {
    let free = resource.room.map_or(0, |room| room.free);
    let total = resource.room.map_or(0, |room| room.total);
    let by_rule = match question.resource.kind() {
        ResourceKind::Simple | ResourceKind::Hierarchical => {
            let stopped = resource.holders.iter().any(|h| question.is_stopped_by(h));
            stopped.then_some(Rule::Mode)
        }
        ResourceKind::Numeric { .. } if question.quantity > total => {
            Some(Rule::Impossible { total })
        }
        ResourceKind::Numeric { .. } => {
            (question.quantity > free).then_some(Rule::Units { free, total })
        }
        ResourceKind::Set | ResourceKind::Sequence { .. } => {
            (free == 0).then_some(Rule::Places { total })
        }
        ResourceKind::Timestamp { .. } if free == 0 => Some(Rule::Places { total }),
        ResourceKind::Timestamp { .. } => {
            (held_back || resource.next_tick.is_some()).then_some(Rule::Tick {
                at: resource.next_tick,
            })
        }
    };
    by_rule.unwrap_or(if held_back { Rule::Queue } else { Rule::Free })
}

/// Whether one path is the other or leads to it.
fn meet(one: &ResourceName, other: &ResourceName) -> bool {
    one.levels().zip(other.levels()).all(|(a, b)| a == b)
}
