//! What goes from one holder of a node to another.

use flom_types::{LockMode, ResourceName};

use super::{NodeId, ROOT, Tree};
use crate::resource::Hold;

impl Tree {
    /// Grants `mode` once more to those who have it at that path or above, passing nobody.
    pub(crate) fn lend(&mut self, name: &ResourceName, mode: LockMode) -> Hold {
        let node = self.enter(name);
        self.nodes[node].held.add(mode);
        self.above(node, |below| below.held.add(mode));
        Hold::Node { node, mode }
    }

    /// Whether the node is on the path to `name`, or is that.
    pub(crate) fn leads_to(&self, node: NodeId, name: &ResourceName) -> bool {
        let depth = self.path(node).filter(|id| *id != ROOT).count();
        depth < name.levels().count() && self.is_above_or_below(node, name)
    }

    /// Whether somebody holds exactly that node exclusively.
    pub(crate) fn is_exclusive(&self, node: NodeId) -> bool {
        self.nodes[node].held.has(LockMode::Exclusive)
    }

    pub(crate) fn set_released(&mut self, node: NodeId, well: bool) {
        self.nodes[node].released = well;
    }

    pub(crate) fn was_released(&self, node: NodeId) -> bool {
        self.nodes[node].released
    }
}
