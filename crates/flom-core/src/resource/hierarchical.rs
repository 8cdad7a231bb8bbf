//! Trees: a path meets its ancestors and its descendants (`spec/resources.md` §7).

mod lend;
mod stuck;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use flom_types::{LockMode, ResourceName, SessionId};
use slab::Slab;

use super::modes::{ModeSet, Tally};
use super::{Grant, Hold, Holding, Verdict};
use crate::queue::{Line, PassLimit, Ticket};

/// All paths with the same first level.
///
/// Every node knows what is held at it and below it, who waits at it and who is first to wait below
/// it, so a request looks at its own path only. Nodes exist while somebody holds or waits at them or
/// below.
#[derive(Debug)]
pub(crate) struct Tree {
    limit: PassLimit,
    nodes: Slab<Node>,
    /// Where each waiter waits, and for what.
    waiters: BTreeMap<Ticket, (NodeId, LockMode)>,
    /// Where, and in which mode, holders or waiters have left since the waiters were last looked at.
    touched: Vec<(NodeId, LockMode)>,
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
    /// Whether the last exclusive holder has ended well.
    released: bool,
}

/// What there is below a node.
#[derive(Debug, Default)]
struct Below {
    held: Tally,
    /// The first waiter of each line, by what it waits for, and where it does.
    heads: BTreeMap<(LockMode, Ticket), NodeId>,
    /// Those of them that must not be passed any more.
    guarded: BTreeSet<(LockMode, Ticket)>,
}

/// The first waiter of a line, as the nodes above know it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Head {
    ticket: Ticket,
    is_guarded: bool,
}

impl Below {
    /// Whether somebody who conflicts with `mode` must not be passed by `ticket`.
    fn stops(&self, ticket: Ticket, mode: LockMode) -> bool {
        !self.guarded.is_empty()
            && ModeSet::conflicting(mode)
                .modes()
                .any(|other| self.guarded.range(before(other, ticket)).next().is_some())
    }

    fn replace(&mut self, mode: LockMode, node: NodeId, old: Option<Head>, new: Option<Head>) {
        if let Some(Head { ticket, is_guarded }) = old {
            self.heads.remove(&(mode, ticket));
            if is_guarded {
                self.guarded.remove(&(mode, ticket));
            }
        }
        if let Some(Head { ticket, is_guarded }) = new {
            self.heads.insert((mode, ticket), node);
            if is_guarded {
                self.guarded.insert((mode, ticket));
            }
        }
    }
}

/// Those who wait for `mode` and came before `ticket`.
fn before(mode: LockMode, ticket: Ticket) -> Range<(LockMode, Ticket)> {
    (mode, Ticket::FIRST)..(mode, ticket)
}

impl Tree {
    pub(crate) fn new(limit: PassLimit) -> Self {
        let mut nodes = Slab::new();
        nodes.insert(Node::default());
        Self {
            limit,
            nodes,
            waiters: BTreeMap::new(),
            touched: Vec::new(),
        }
    }

    pub(crate) fn ask(&mut self, name: &ResourceName, mode: LockMode) -> Verdict {
        let node = self.enter(name);
        if self.fits(Ticket::NEWCOMER, node, mode) {
            return Verdict::Granted(self.grant(Ticket::NEWCOMER, node, mode), None);
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
        self.change_line(node, mode, |line| line.push(ticket, session));
        self.waiters.insert(ticket, (node, mode));
    }

    pub(crate) fn withdraw(&mut self, ticket: Ticket) {
        let left = self.take_out(ticket);
        self.touched.extend(left);
    }

    pub(crate) fn release(&mut self, node: NodeId, mode: LockMode) {
        let left = &mut self.nodes[node];
        left.held.remove(mode);
        left.released |= mode == LockMode::Exclusive;
        self.above(node, |below| below.held.remove(mode));
        self.touched.push((node, mode));
    }

    /// Which hold of a session is at the path named; the latest, where there are several.
    pub(crate) fn pick(&self, holds: &[Holding], name: &ResourceName) -> Option<usize> {
        let named = self.find(name)?;
        holds
            .iter()
            .rposition(|holding| matches!(holding.hold, Hold::Node { node, .. } if node == named))
    }

    /// The path of a node of this tree, whose first level is `first`.
    pub(crate) fn name(&self, first: &[u8], node: NodeId) -> ResourceName {
        let mut path = first.to_vec();
        let mut levels: Vec<_> = self.path(node).filter(|id| *id != ROOT).collect();
        levels.reverse();
        for id in levels {
            path.push(b'/');
            path.extend_from_slice(&self.nodes[id].level);
        }
        ResourceName::parse(&path).expect("it was one when it was locked")
    }

    pub(crate) fn unpassable(&self, tickets: &mut Vec<Ticket>) {
        let lines = self.nodes.iter().flat_map(|(_, node)| &node.lines);
        tickets.extend(lines.flat_map(|line| line.unpassable(self.limit)));
    }

    /// Grants what fits, in order of arrival, among those whom the holders and waiters that left
    /// may have kept waiting: at the ancestors of where those were, and below, in the modes that
    /// conflict with theirs.
    pub(crate) fn settle(&mut self, grants: &mut Vec<Grant>) {
        let touched = std::mem::take(&mut self.touched);
        let mut candidates = BTreeMap::new();
        for (node, mode) in &touched {
            self.collect(*node, ModeSet::conflicting(*mode), &mut candidates);
        }
        // A line whose head does not fit now fits no better after another grant.
        while let Some((ticket, (node, mode))) = candidates.pop_first() {
            if !self.fits(ticket, node, mode) {
                continue;
            }
            let line = &self.nodes[node].lines[mode as usize];
            let (_, session) = line.head().expect("a candidate is the head of its line");
            let hold = self.grant(ticket, node, mode);
            self.take_out(ticket);
            grants.push(Grant {
                session,
                hold,
                element: None,
            });
            self.collect_line(node, mode, &mut candidates);
        }
        for (node, _) in touched {
            self.prune(node);
        }
    }

    pub(crate) fn is_sound(&self, is_lent: bool) -> bool {
        self.nodes.iter().all(|(id, node)| {
            (is_lent || node.held.is_sound())
                && LockMode::ALL.into_iter().all(|mode| {
                    self.head(id, mode).is_none_or(|head| {
                        !self.fits(head.ticket, id, mode) && self.is_known_above(id, mode, head)
                    })
                })
                && (id == ROOT || !node.is_unused())
        })
    }

    fn is_known_above(&self, node: NodeId, mode: LockMode, head: Head) -> bool {
        self.path(node).skip(1).all(|id| {
            let Below { heads, guarded, .. } = &self.nodes[id].below;
            let key = (mode, head.ticket);
            heads.get(&key) == Some(&node) && guarded.contains(&key) == head.is_guarded
        })
    }

    /// Whether `mode` at `node` goes with every holder it meets, and passes nobody it must not pass.
    fn fits(&self, ticket: Ticket, node: NodeId, mode: LockMode) -> bool {
        !self.nodes[node].below.held.conflicts(mode)
            && !self.path(node).any(|node| {
                let node = &self.nodes[node];
                node.held.conflicts(mode) || node.stops(ticket, mode, self.limit)
            })
            && !self.nodes[node].below.stops(ticket, mode)
    }

    fn grant(&mut self, ticket: Ticket, node: NodeId, mode: LockMode) -> Hold {
        self.nodes[node].held.add(mode);
        self.above(node, |below| below.held.add(mode));
        if self.limit.0.is_some() {
            for (line, mode) in self.lines_passed(node, mode, ticket) {
                let limit = self.limit;
                self.change_line(line, mode, |line| line.passed(ticket, limit));
            }
        }
        Hold::Node { node, mode }
    }

    /// The lines in which somebody came before `ticket` who conflicts with `mode` at `node`.
    fn lines_passed(
        &self,
        node: NodeId,
        mode: LockMode,
        ticket: Ticket,
    ) -> Vec<(NodeId, LockMode)> {
        let mut passed = Vec::new();
        for other in ModeSet::conflicting(mode).modes() {
            let here = self.path(node).filter(|id| {
                let head = self.nodes[*id].lines[other as usize].head();
                head.is_some_and(|(head, _)| head < ticket)
            });
            let heads = &self.nodes[node].below.heads;
            let below = heads.range(before(other, ticket)).map(|(_, id)| *id);
            passed.extend(here.chain(below).map(|id| (id, other)));
        }
        passed
    }

    /// Collects the heads of all lines that meet `node` in one of these modes, but for those below
    /// that a holder at it or above rules out.
    fn collect(&self, node: NodeId, modes: ModeSet, candidates: &mut Candidates) {
        let mut open = modes;
        for id in self.path(node) {
            open = open.without(self.nodes[id].held.conflicting());
            for mode in modes.modes() {
                self.collect_line(id, mode, candidates);
            }
        }
        let heads = &self.nodes[node].below.heads;
        for mode in open.modes() {
            let waiting = heads.range(before(mode, Ticket::NEWCOMER));
            candidates.extend(waiting.map(|((mode, ticket), id)| (*ticket, (*id, *mode))));
        }
    }

    fn collect_line(&self, node: NodeId, mode: LockMode, candidates: &mut Candidates) {
        if let Some((ticket, _)) = self.nodes[node].lines[mode as usize].head() {
            candidates.insert(ticket, (node, mode));
        }
    }

    /// Takes a waiter out of its line; where it waited, and for what.
    fn take_out(&mut self, ticket: Ticket) -> Option<(NodeId, LockMode)> {
        let (node, mode) = self.waiters.remove(&ticket)?;
        self.change_line(node, mode, |line| {
            line.remove(ticket);
        });
        Some((node, mode))
    }

    /// Changes a line, and what the nodes above know of it.
    fn change_line(&mut self, node: NodeId, mode: LockMode, change: impl FnOnce(&mut Line)) {
        let old = self.head(node, mode);
        change(&mut self.nodes[node].lines[mode as usize]);
        let new = self.head(node, mode);
        if old != new {
            self.above(node, |below| below.replace(mode, node, old, new));
        }
    }

    fn head(&self, node: NodeId, mode: LockMode) -> Option<Head> {
        let line = &self.nodes[node].lines[mode as usize];
        let (ticket, _) = line.head()?;
        Some(Head {
            ticket,
            is_guarded: line.is_guarded(self.limit),
        })
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

    fn is_unused(&self) -> bool {
        self.children.is_empty() && self.held.is_empty() && self.lines.iter().all(Line::is_empty)
    }
}
