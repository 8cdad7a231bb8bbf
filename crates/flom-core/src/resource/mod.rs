//! The rules of each kind of resource, behind one face.

mod first_fit;
mod format;
mod hierarchical;
mod look;
mod modes;
mod numeric;
mod sequence;
mod set;
mod simple;
pub(crate) mod stuck;
mod timestamp;

use flom_types::{LockMode, Now, ResourceKind, ResourceName, SessionId, Time};
use jiff::tz::TimeZone;

use crate::queue::{PassLimit, Ticket};
use crate::{CloseReason, Request};
use hierarchical::{NodeId, Tree};
use modes::ModeSet;
use numeric::Numeric;
use sequence::Sequence;
use set::Set;
use simple::Simple;
use timestamp::Timestamp;

/// What a session holds of a resource: what is given back when it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Of a simple resource.
    Mode(LockMode),
    /// Of a pool.
    Units(u32),
    /// Of a set: the element's place in the name.
    Element(u32),
    /// Of a tree.
    Node { node: NodeId, mode: LockMode },
    /// Of a sequence: the number.
    Value(u32),
    /// Of a timestamp resource; the text is the client's for ever.
    Time {
        /// What it was made from, in µs since the Unix epoch.
        wall_us: i64,
    },
}

impl Hold {
    /// Whether its end leaves a mark.
    pub(crate) fn is_exclusive(self) -> bool {
        use LockMode::Exclusive;
        matches!(
            self,
            Self::Mode(Exclusive)
                | Self::Node {
                    mode: Exclusive,
                    ..
                }
        )
    }
}

/// What a session holds, since when, and the number of the grant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holding {
    pub(crate) hold: Hold,
    pub(crate) since: Time,
    pub(crate) fence: u64,
    /// The number of the grant to a session outside, if this is the same once more.
    pub(crate) lent_from: Option<u64>,
}

/// How a request stands.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It holds this now; the element where the kind has one.
    Granted(Hold, Option<String>),
    /// It has to wait.
    NotNow,
    /// It can never be granted.
    Impossible,
}

/// Somebody who waited and waits no more.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) session: SessionId,
    pub(crate) hold: Hold,
    pub(crate) element: Option<String>,
}

/// Why there can be no resource of a name that the grammar lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// A timestamp's text would not change at least every hour.
    NoTick,
    /// A timestamp's text would not fit an answer.
    TextTooLong,
}

/// Whether whoever goes with `held` goes with `asked`.
fn covers(held: LockMode, asked: LockMode) -> bool {
    let of_asked = ModeSet::conflicting(asked);
    of_asked
        .without(ModeSet::conflicting(held))
        .modes()
        .next()
        .is_none()
}

/// The state of one resource.
#[derive(Debug)]
pub(crate) enum Rules {
    Simple(Simple),
    Numeric(Numeric),
    Set(Set),
    Tree(Tree),
    Sequence(Sequence),
    Timestamp(Timestamp),
}

impl Rules {
    /// A resource of this name that nobody has used yet; only a timestamp has to know its zone.
    pub(crate) fn new(
        name: &ResourceName,
        zone: impl FnOnce() -> TimeZone,
        limit: PassLimit,
    ) -> Result<Self, Unusable> {
        Ok(match name.kind() {
            ResourceKind::Simple => Self::Simple(Simple::default()),
            ResourceKind::Numeric { units } => Self::Numeric(Numeric::new(units)),
            ResourceKind::Set => Self::Set(Set::new(name)),
            ResourceKind::Hierarchical => Self::Tree(Tree::new(limit)),
            ResourceKind::Sequence {
                transactional,
                holders,
            } => Self::Sequence(Sequence::new(transactional, holders)),
            ResourceKind::Timestamp { holders } => {
                Self::Timestamp(Timestamp::new(name, holders, zone())?)
            }
        })
    }

    /// Judges a request of a newcomer against holders and those who may not be passed.
    pub(crate) fn ask(&mut self, request: &Request, limit: PassLimit, now: Now) -> Verdict {
        match self {
            Self::Simple(simple) => simple.ask(Ticket::NEWCOMER, request.mode, limit),
            Self::Numeric(numeric) => numeric.ask(request.quantity, limit),
            Self::Set(set) => set.ask(),
            Self::Tree(tree) => tree.ask(&request.resource, request.mode),
            Self::Sequence(sequence) => sequence.ask(),
            Self::Timestamp(timestamp) => timestamp.ask(now),
        }
    }

    /// Lets the request wait behind all others.
    pub(crate) fn enqueue(&mut self, ticket: Ticket, session: SessionId, request: &Request) {
        match self {
            Self::Simple(simple) => simple.enqueue(ticket, session, request.mode),
            Self::Numeric(numeric) => numeric.enqueue(ticket, session, request.quantity),
            Self::Set(set) => set.enqueue(ticket, session),
            Self::Tree(tree) => tree.enqueue(ticket, session, &request.resource, request.mode),
            Self::Sequence(sequence) => sequence.enqueue(ticket, session),
            Self::Timestamp(timestamp) => timestamp.enqueue(ticket, session),
        }
    }

    /// Takes a waiter out.
    pub(crate) fn withdraw(&mut self, ticket: Ticket, request: &Request) {
        match self {
            Self::Simple(simple) => simple.withdraw(ticket, request.mode),
            Self::Numeric(numeric) => numeric.withdraw(ticket),
            Self::Set(set) => set.withdraw(ticket),
            Self::Tree(tree) => tree.withdraw(ticket),
            Self::Sequence(sequence) => sequence.withdraw(ticket),
            Self::Timestamp(timestamp) => timestamp.withdraw(ticket),
        }
    }

    /// Takes back what was held, by somebody who has ended well, if nothing else is noted.
    pub(crate) fn release(&mut self, hold: Hold, rollback: bool) {
        match (self, hold) {
            (Self::Simple(simple), Hold::Mode(mode)) => simple.release(mode),
            (Self::Numeric(numeric), Hold::Units(units)) => numeric.release(units),
            (Self::Set(set), Hold::Element(place)) => set.release(place),
            (Self::Tree(tree), Hold::Node { node, mode }) => tree.release(node, mode),
            (Self::Sequence(sequence), Hold::Value(value)) => sequence.release(value, rollback),
            (Self::Timestamp(timestamp), Hold::Time { .. }) => timestamp.release(),
            (rules, hold) => unreachable!("{hold:?} is nothing that {rules:?} has granted"),
        }
    }

    /// Notes that the last exclusive holder of what was granted has ended well, or not.
    pub(crate) fn set_released(&mut self, hold: Hold, well: bool) {
        match (self, hold) {
            (Self::Simple(simple), _) => simple.released = well,
            (Self::Tree(tree), Hold::Node { node, .. }) => tree.set_released(node, well),
            _ => {}
        }
    }

    /// Whether the last exclusive holder of what was granted is known to have ended well.
    pub(crate) fn was_released(&self, hold: Hold) -> bool {
        match (self, hold) {
            (Self::Simple(simple), _) => simple.released,
            (Self::Tree(tree), Hold::Node { node, .. }) => tree.was_released(node),
            _ => false,
        }
    }

    /// The full name of what was granted of the resource `name`.
    pub(crate) fn name_of(&self, name: &[u8], hold: Hold) -> ResourceName {
        match (self, hold) {
            (Self::Tree(tree), Hold::Node { node, .. }) => tree.name(name, node),
            _ => ResourceName::parse(name).expect("it was one when it was created"),
        }
    }

    /// Whether there is so and so much of it, rather than modes that go together.
    pub(crate) fn is_counted(&self) -> bool {
        !matches!(self, Self::Simple(_) | Self::Tree(_))
    }

    /// What of `hold` is as good as what is asked for; `None`: it is not enough.
    pub(crate) fn covers(&self, hold: Hold, request: &Request) -> Option<Hold> {
        let is_enough = match (self, hold) {
            (Self::Simple(_), Hold::Mode(mode)) => covers(mode, request.mode),
            (Self::Tree(tree), Hold::Node { node, mode }) => {
                covers(mode, request.mode) && tree.leads_to(node, &request.resource)
            }
            (_, Hold::Units(units)) => {
                return (request.quantity <= units).then_some(Hold::Units(request.quantity));
            }
            _ => true,
        };
        is_enough.then_some(hold)
    }

    /// Grants once more what `hold` covers, passing nobody.
    pub(crate) fn lend(&mut self, hold: Hold, request: &Request) -> Hold {
        match self {
            Self::Simple(simple) => simple.lend(request.mode),
            Self::Tree(tree) => tree.lend(&request.resource, request.mode),
            _ => hold,
        }
    }

    /// Whether somebody holds exclusively what `hold` is of.
    pub(crate) fn is_exclusive(&self, hold: Hold) -> bool {
        match (self, hold) {
            (Self::Simple(simple), _) => simple.is_exclusive(),
            (Self::Tree(tree), Hold::Node { node, .. }) => tree.is_exclusive(node),
            _ => false,
        }
    }

    /// Which of its holds a session gives back that unlocks `name`.
    pub(crate) fn pick(&self, holds: &[Holding], name: &ResourceName) -> Option<usize> {
        match self {
            Self::Set(_) => Set::pick(holds),
            Self::Tree(tree) => tree.pick(holds, name),
            _ => holds.len().checked_sub(1),
        }
    }

    /// What becomes of a session that unlocks this resource but holds nothing of it by that name:
    /// it is closed for that reason, or else what it waits for is withdrawn.
    pub(crate) fn unlock_of_nothing(&self, holds: &[Holding]) -> Option<CloseReason> {
        match self {
            Self::Sequence(_) => Some(CloseReason::UnlockedNothing),
            Self::Tree(_) if !holds.is_empty() => Some(CloseReason::UnlockedOther),
            _ => None,
        }
    }

    /// Grants every waiter that fits, in order of arrival.
    pub(crate) fn settle(&mut self, limit: PassLimit, now: Now, grants: &mut Vec<Grant>) {
        match self {
            Self::Simple(simple) => simple.settle(limit, grants),
            Self::Numeric(numeric) => numeric.settle(limit, grants),
            Self::Set(set) => set.settle(grants),
            Self::Tree(tree) => tree.settle(grants),
            Self::Sequence(sequence) => sequence.settle(grants),
            Self::Timestamp(timestamp) => timestamp.settle(now, grants),
        }
    }

    /// When the clock alone may grant something; always after `now`.
    pub(crate) fn next_tick(&self, now: Now) -> Option<Time> {
        match self {
            Self::Timestamp(timestamp) => timestamp.next_tick(now),
            _ => None,
        }
    }

    /// Whether the rules hold; looked at by debug builds. Where something is lent, holders need not
    /// go together.
    pub(crate) fn is_sound(&self, limit: PassLimit, is_lent: bool) -> bool {
        match self {
            Self::Simple(simple) => simple.is_sound(limit, is_lent),
            Self::Numeric(numeric) => numeric.is_sound(limit),
            Self::Set(set) => set.is_sound(),
            Self::Tree(tree) => tree.is_sound(is_lent),
            Self::Sequence(sequence) => sequence.is_sound(),
            // Whether a waiter has to wait is a matter of the clock.
            Self::Timestamp(_) => true,
        }
    }
}
