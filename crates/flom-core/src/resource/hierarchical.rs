//! Trees: a path meets its ancestors and its descendants (`spec/resources.md` §7).

use std::collections::{BTreeMap, BTreeSet};

use flom_types::{LockMode, ResourceName, SessionId};
use slab::Slab;

use super::modes::{ModeSet, Tally};
use super::{Grant, Hold, Verdict};
use crate::queue::{Line, PassLimit, Ticket};

/// All paths with the same first level.
///
/// Every node knows what is held, waited for and guarded at it and below it, so a request looks at
/// its own path only. Nodes exist while somebody holds or waits at them or below.
#[derive(Debug)]
pub(crate) struct Tree {
    nodes: Slab<Node>,
    /// Where each waiter waits, and for what.
    waiters: BTreeMap<Ticket, (NodeId, LockMode)>,
    /// Nodes where holders or waiters have left since the waiters were last looked at.
    touched: Vec<NodeId>,
}

pub(crate) type NodeId = usize;

const ROOT: NodeId = 0;

#[derive(Debug, Default)]
struct Node {
    parent: Option<NodeId>,
    level: Box<[u8]>,
    children: BTreeMap<Box<[u8]>, NodeId>,
    held: Tally,
    /// By mode.
    lines: [Line; 6],
    /// In all children together.
    below: Below,
}

/// What there is below a node.
#[derive(Debug, Default)]
struct Below {
    held: Tally,
    waiting: Tally,
    waiters: BTreeSet<Ticket>,
}

impl Below {
    /// Whether somebody who conflicts with `mode` has come before `ticket`.
    fn waited_before(&self, ticket: Ticket, mode: LockMode) -> bool {
        self.waiting.conflicts(mode) && self.waiters.first().is_some_and(|first| *first < ticket)
    }
}

impl Tree {
    pub(crate) fn new() -> Self {
        let mut nodes = Slab::new();
        nodes.insert(Node::default());
        Self {
            nodes,
            waiters: BTreeMap::new(),
            touched: Vec::new(),
        }
    }

    pub(crate) fn ask(&mut self, name: &ResourceName, mode: LockMode, limit: PassLimit) -> Verdict {
        let node = self.enter(name);
        if self.fits(Ticket::NEWCOMER, node, mode, limit) {
            return Verdict::Granted(self.grant(Ticket::NEWCOMER, node, mode, limit), None);
        }
        self.prune(node);
        Verdict::NotNow
    }

    pub(crate) fn enqueue(
        &mut self,
        ticket: Ticket,
        session: SessionId,
        name: &ResourceName,
        mode: LockMode,
    ) {
        let node = self.enter(name);
        self.nodes[node].lines[mode as usize].push(ticket, session);
        self.waiters.insert(ticket, (node, mode));
        self.above(node, |below| {
            below.waiting.add(mode);
            below.waiters.insert(ticket);
        });
    }

    pub(crate) fn withdraw(&mut self, ticket: Ticket) {
        if let Some((node, _)) = self.take_out(ticket) {
            self.touched.push(node);
        }
    }

    pub(crate) fn release(&mut self, node: NodeId, mode: LockMode) {
        self.nodes[node].held.remove(mode);
        self.above(node, |below| below.held.remove(mode));
        self.touched.push(node);
    }

    /// Which hold of a session is at the path named; the latest, where there are several.
    pub(crate) fn pick(&self, holds: &[Hold], name: &ResourceName) -> Option<usize> {
        let named = self.find(name)?;
        holds
            .iter()
            .rposition(|hold| matches!(hold, Hold::Node { node, .. } if *node == named))
    }

    /// Grants what fits, in order of arrival, among those whom the holders and waiters that left
    /// may have kept waiting: at the ancestors of where those were, and below.
    pub(crate) fn settle(&mut self, limit: PassLimit, grants: &mut Vec<Grant>) {
        let touched = std::mem::take(&mut self.touched);
        let mut candidates = BTreeMap::new();
        for node in &touched {
            self.collect_above(*node, &mut candidates);
            let closed = self.path(*node).map(|id| self.nodes[id].held.conflicting());
            let open = closed.fold(ModeSet::ALL, ModeSet::without);
            self.collect_below(*node, open, &mut candidates);
        }
        // A line whose head does not fit now fits no better after another grant.
        while let Some((ticket, (node, mode))) = candidates.pop_first() {
            if !self.fits(ticket, node, mode, limit) {
                continue;
            }
            let line = &self.nodes[node].lines[mode as usize];
            let (_, session) = line.head().expect("a candidate is the head of its line");
            let hold = self.grant(ticket, node, mode, limit);
            self.take_out(ticket);
            grants.push(Grant {
                session,
                hold,
                element: None,
            });
            self.collect_line(node, mode, &mut candidates);
        }
        for node in touched {
            self.prune(node);
        }
    }

    pub(crate) fn is_sound(&self, limit: PassLimit) -> bool {
        self.nodes.iter().all(|(id, node)| {
            node.held.is_sound()
                && LockMode::ALL.into_iter().all(|mode| {
                    let head = node.lines[mode as usize].head();
                    head.is_none_or(|(ticket, _)| !self.fits(ticket, id, mode, limit))
                })
                && (id == ROOT || !node.is_unused())
        })
    }

    /// Whether `mode` at `node` goes with every holder it meets, and passes nobody it must not pass.
    fn fits(&self, ticket: Ticket, node: NodeId, mode: LockMode, limit: PassLimit) -> bool {
        !self.nodes[node].below.held.conflicts(mode)
            && !self.path(node).any(|node| {
                let node = &self.nodes[node];
                node.held.conflicts(mode) || node.stops(ticket, mode, limit)
            })
            && !self.below_stops(node, ticket, mode, limit)
    }

    fn grant(&mut self, ticket: Ticket, node: NodeId, mode: LockMode, limit: PassLimit) -> Hold {
        self.nodes[node].held.add(mode);
        self.above(node, |below| below.held.add(mode));
        let mut at = Some(node);
        while let Some(id) = at {
            self.nodes[id].passed(ticket, mode, limit);
            at = self.nodes[id].parent;
        }
        self.below_passed(node, ticket, mode, limit);
        Hold::Node { node, mode }
    }

    /// Whether below `node` somebody who conflicts with `mode` must not be passed by `ticket`.
    fn below_stops(&self, node: NodeId, ticket: Ticket, mode: LockMode, limit: PassLimit) -> bool {
        let node = &self.nodes[node];
        node.below.waited_before(ticket, mode)
            && node.children.values().any(|child| {
                self.nodes[*child].stops(ticket, mode, limit)
                    || self.below_stops(*child, ticket, mode, limit)
            })
    }

    fn below_passed(&mut self, node: NodeId, ticket: Ticket, mode: LockMode, limit: PassLimit) {
        if !self.nodes[node].below.waited_before(ticket, mode) {
            return;
        }
        let children: Vec<NodeId> = self.nodes[node].children.values().copied().collect();
        for child in children {
            self.nodes[child].passed(ticket, mode, limit);
            self.below_passed(child, ticket, mode, limit);
        }
    }

    fn collect_above(&self, node: NodeId, candidates: &mut Candidates) {
        for id in self.path(node) {
            for mode in LockMode::ALL {
                self.collect_line(id, mode, candidates);
            }
        }
    }

    /// Heads of the lines below `node` in a mode that no holder on the way down rules out.
    fn collect_below(&self, node: NodeId, open: ModeSet, candidates: &mut Candidates) {
        let open = open.without(self.nodes[node].held.conflicting());
        if !self.nodes[node].below.waiting.has_any(open) {
            return;
        }
        for child in self.nodes[node].children.values() {
            for mode in open.modes() {
                self.collect_line(*child, mode, candidates);
            }
            self.collect_below(*child, open, candidates);
        }
    }

    fn collect_line(&self, node: NodeId, mode: LockMode, candidates: &mut Candidates) {
        if let Some((ticket, _)) = self.nodes[node].lines[mode as usize].head() {
            candidates.insert(ticket, (node, mode));
        }
    }

    fn take_out(&mut self, ticket: Ticket) -> Option<(NodeId, LockMode)> {
        let (node, mode) = self.waiters.remove(&ticket)?;
        self.nodes[node].lines[mode as usize].remove(ticket);
        self.above(node, |below| {
            below.waiting.remove(mode);
            below.waiters.remove(&ticket);
        });
        Some((node, mode))
    }

    /// The node and its ancestors, up to the root.
    fn path(&self, node: NodeId) -> impl Iterator<Item = NodeId> {
        std::iter::successors(Some(node), |id| self.nodes[*id].parent)
    }

    /// Changes the sums of all ancestors of `node`.
    fn above(&mut self, node: NodeId, mut change: impl FnMut(&mut Below)) {
        let mut at = self.nodes[node].parent;
        while let Some(id) = at {
            change(&mut self.nodes[id].below);
            at = self.nodes[id].parent;
        }
    }

    fn find(&self, name: &ResourceName) -> Option<NodeId> {
        name.levels().skip(1).try_fold(ROOT, |node, level| {
            self.nodes[node].children.get(level).copied()
        })
    }

    /// The node of this path, made where it does not exist.
    fn enter(&mut self, name: &ResourceName) -> NodeId {
        let mut node = ROOT;
        for level in name.levels().skip(1) {
            node = match self.nodes[node].children.get(level) {
                Some(child) => *child,
                None => {
                    let child = Node {
                        parent: Some(node),
                        level: level.into(),
                        ..Node::default()
                    };
                    let id = self.nodes.insert(child);
                    self.nodes[node].children.insert(level.into(), id);
                    id
                }
            };
        }
        node
    }

    /// Drops the node and its ancestors as far as nobody uses them.
    fn prune(&mut self, node: NodeId) {
        let mut at = node;
        while at != ROOT && self.nodes.get(at).is_some_and(Node::is_unused) {
            let gone = self.nodes.remove(at);
            let parent = gone.parent.expect("only the root has no parent");
            self.nodes[parent].children.remove(&gone.level);
            at = parent;
        }
    }
}

/// Heads of lines, in order of arrival.
type Candidates = BTreeMap<Ticket, (NodeId, LockMode)>;

impl Node {
    fn stops(&self, ticket: Ticket, mode: LockMode, limit: PassLimit) -> bool {
        ModeSet::conflicting(mode)
            .modes()
            .any(|other| self.lines[other as usize].stops(ticket, limit))
    }

    fn passed(&mut self, by: Ticket, mode: LockMode, limit: PassLimit) {
        for other in ModeSet::conflicting(mode).modes() {
            self.lines[other as usize].passed(by, limit);
        }
    }

    fn is_unused(&self) -> bool {
        self.children.is_empty() && self.held.is_empty() && self.lines.iter().all(Line::is_empty)
    }
}
