//! What of the rules' state can be looked at from outside.

use flom_types::{Now, ResourceKind, ResourceName, Time};

use super::{Hold, Rules};
use crate::queue::{PassLimit, Ticket};
use crate::snapshot::{Held, Room};

impl Rules {
    /// How much of the resource `name` can be held, where that is counted.
    pub(crate) fn room(&self, name: &ResourceName) -> Option<Room> {
        let elements = || u32::try_from(name.elements().count()).unwrap_or(u32::MAX);
        let total = match name.kind() {
            ResourceKind::Simple | ResourceKind::Hierarchical => return None,
            ResourceKind::Numeric { units } => units,
            ResourceKind::Set => elements(),
            ResourceKind::Sequence { holders, .. } | ResourceKind::Timestamp { holders } => holders,
        };
        let free = match self {
            Self::Simple(_) | Self::Tree(_) => return None,
            Self::Numeric(numeric) => numeric.free(),
            Self::Set(set) => set.free(),
            Self::Sequence(sequence) => sequence.free(),
            Self::Timestamp(timestamp) => timestamp.free(),
        };
        Some(Room { total, free })
    }

    /// What somebody has who was granted `hold` of the resource `name`.
    pub(crate) fn held(&self, name: &[u8], hold: Hold) -> Held {
        match (self, hold) {
            (_, Hold::Mode(mode)) => Held::Mode(mode),
            (_, Hold::Units(units)) => Held::Units(units),
            (_, Hold::Value(value)) => Held::Number(value),
            (Self::Set(set), Hold::Element(place)) => Held::Element(set.element(place)),
            (Self::Tree(tree), Hold::Node { node, mode }) => Held::Node {
                path: tree.name(name, node),
                mode,
            },
            (Self::Timestamp(timestamp), Hold::Time { wall_us }) => {
                Held::Text(timestamp.text(wall_us))
            }
            (rules, hold) => unreachable!("{hold:?} is nothing that {rules:?} has granted"),
        }
    }

    /// The waiters that nobody with whom they conflict may pass.
    pub(crate) fn unpassable(&self, limit: PassLimit) -> Vec<Ticket> {
        let mut tickets = Vec::new();
        match self {
            Self::Simple(simple) => simple.unpassable(limit, &mut tickets),
            Self::Numeric(numeric) => numeric.unpassable(limit, &mut tickets),
            Self::Tree(tree) => tree.unpassable(&mut tickets),
            // All requests are alike there, and served in order of arrival.
            Self::Set(set) => tickets.extend(set.tickets()),
            Self::Sequence(sequence) => tickets.extend(sequence.tickets()),
            Self::Timestamp(timestamp) => tickets.extend(timestamp.tickets()),
        }
        tickets.sort_unstable();
        tickets
    }

    /// When the clock lets a place be taken that is free already.
    pub(crate) fn tick_awaited(&self, now: Now) -> Option<Time> {
        match self {
            Self::Timestamp(timestamp) => timestamp.tick_awaited(now),
            _ => None,
        }
    }
}
