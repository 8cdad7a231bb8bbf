//! Who waits in a tree and can never be served.

use std::collections::{BTreeMap, BTreeSet};

use flom_types::{LockMode, ResourceName, SessionId};

use super::{NodeId, ROOT, Tree, before};
use crate::Request;
use crate::queue::Ticket;
use crate::resource::Hold;
use crate::resource::modes::ModeSet;
use crate::resource::stuck::Chain;

/// A line: where, and for what.
type Place = (NodeId, LockMode);

/// The first waiter of a line that is stuck and must not be passed.
#[derive(Clone, Copy, Debug)]
struct Stuck {
    place: Place,
    session: SessionId,
    /// The waiter of another line that stops it; `None`: a holder does.
    by: Option<Ticket>,
}

impl Tree {
    /// See [`Rules::stuck`](crate::resource::Rules::stuck).
    ///
    /// Looks at no lines but those that somebody guards, and of these at those above and below who
    /// is stuck.
    pub(crate) fn stuck(&self, ticket: Ticket, request: &Request, holds: &[Hold]) -> Option<Chain> {
        let (name, mode) = (&request.resource, request.mode);
        let nodes = holds.iter().filter_map(|hold| match hold {
            Hold::Node { node, mode } => Some((*node, *mode)),
            _ => None,
        });
        let nodes: Vec<Place> = nodes.collect();
        let conflicts =
            |place: &Place| !place.1.admits(mode) && self.is_above_or_below(place.0, name);
        if nodes.iter().any(conflicts) {
            return Some(Chain::new());
        }
        // In order of arrival, as who stops somebody came before.
        let mut open = BTreeMap::new();
        for place in nodes {
            self.stop_lines(place, (Ticket::FIRST, None), &mut open);
        }
        let mut found: BTreeMap<Ticket, Stuck> = BTreeMap::new();
        let mut lines = BTreeSet::new();
        while let Some((earlier, stuck)) = open.pop_first()
            && earlier < ticket
        {
            if !lines.insert(stuck.place) {
                continue;
            }
            found.insert(earlier, stuck);
            if conflicts(&stuck.place) {
                let links = std::iter::successors(Some(stuck), |link| Some(found[&link.by?]));
                return Some(links.map(|link| link.session).collect());
            }
            self.stop_lines(stuck.place, (earlier, Some(earlier)), &mut open);
        }
        None
    }

    /// Collects of each line that `place` conflicts with the first waiter after `ticket`, if it must
    /// not be passed.
    fn stop_lines(
        &self,
        (node, mode): Place,
        (ticket, by): (Ticket, Option<Ticket>),
        open: &mut BTreeMap<Ticket, Stuck>,
    ) {
        for other in ModeSet::conflicting(mode).modes() {
            let heads = &self.nodes[node].below;
            let guarded = heads.guarded.range(before(other, Ticket::NEWCOMER));
            let below = guarded.map(|head| heads.heads[head]);
            for id in self.path(node).chain(below) {
                let line = &self.nodes[id].lines[other as usize];
                if let Some((stuck, session)) = line.unpassable_after(ticket, self.limit) {
                    let place = (id, other);
                    open.insert(stuck, Stuck { place, session, by });
                }
            }
        }
    }

    /// Whether the node is on the path to `name`, or is that, or is below it.
    pub(super) fn is_above_or_below(&self, node: NodeId, name: &ResourceName) -> bool {
        let mut levels: Vec<_> = self.path(node).filter(|id| *id != ROOT).collect();
        levels.reverse();
        let levels = levels.iter().map(|id| &*self.nodes[*id].level);
        levels
            .zip(name.levels().skip(1))
            .all(|(one, other)| one == other)
    }
}
