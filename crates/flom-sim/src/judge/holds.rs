//! What is held, and what of it is lent to those who run inside of the holder.

use std::collections::BTreeMap;

use flom_core::{Nesting, Request};
use flom_types::{LockMode, ResourceKind, ResourceName, SessionId};

use super::{Verdict, conflict};

/// What is held.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) request: Request,
    pub(super) element: Option<String>,
    /// The number of the grant.
    grant: u64,
    /// The number of the grant that this is a part of.
    lent_from: Option<u64>,
}

impl Held {
    pub(super) fn new(request: Request, element: Option<String>) -> Self {
        Self {
            request,
            element,
            grant: 0,
            lent_from: None,
        }
    }

    /// Whether both are of one element.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let is_one_resource = self.request.resource.tree() == other.request.resource.tree();
        is_one_resource && self.element == other.element
    }
}

/// What the sessions hold, and who runs inside of whom.
#[derive(Debug, Default)]
pub(super) struct Holds {
    by_session: BTreeMap<SessionId, Vec<Held>>,
    nestings: BTreeMap<SessionId, Nesting>,
    grants: u64,
}

impl Holds {
    /// What is held and not lent by somebody else.
    pub(super) fn all(&self) -> impl Iterator<Item = &Held> {
        let held = self.by_session.values().flatten();
        held.filter(|held| held.lent_from.is_none())
    }

    /// Takes note of where a request comes from.
    pub(super) fn know(&mut self, session: SessionId, nesting: Option<&Nesting>) {
        match nesting {
            Some(nesting) => drop(self.nestings.insert(session, nesting.clone())),
            None => {
                if let Some(known) = self.nestings.get_mut(&session) {
                    known.reentrant = false;
                }
            }
        }
    }

    /// Forgets a session, which holds nothing.
    pub(super) fn forget(&mut self, session: SessionId) {
        self.by_session.remove(&session);
        self.nestings.remove(&session);
    }

    pub(super) fn rename(&mut self, from: SessionId, to: SessionId) {
        if let Some(held) = self.by_session.remove(&from) {
            self.by_session.insert(to, held);
        }
        if let Some(nesting) = self.nestings.remove(&from) {
            self.nestings.insert(to, nesting);
        }
    }

    pub(super) fn grant(&mut self, session: SessionId, held: Held) {
        self.grants += 1;
        let grant = self.grants;
        let held = Held { grant, ..held };
        self.by_session.entry(session).or_default().push(held);
    }

    /// Grants it if the session is to have what it or somebody around it holds; whether it is.
    pub(super) fn lend(&mut self, session: SessionId, asked: &Held) -> bool {
        let lenders = self.lenders(session);
        let mut held = lenders.iter().flat_map(|lender| {
            let held = self.by_session.get(lender).into_iter().flatten();
            held.rev()
        });
        let Some(lender) = held.find(|held| covers(held, asked)) else {
            return false;
        };
        let lent_from = Some(lender.lent_from.unwrap_or(lender.grant));
        let held = Held {
            lent_from,
            ..asked.clone()
        };
        self.grant(session, held);
        true
    }

    /// The session itself, and those it runs inside of, the innermost first.
    fn lenders(&self, session: SessionId) -> Vec<SessionId> {
        let Some(nesting) = self.nestings.get(&session).filter(|known| known.reentrant) else {
            return Vec::new();
        };
        let outer = nesting.lineage.outer().iter().rev();
        let outer = outer.filter_map(|token| {
            let mut known = self.nestings.iter();
            known.find_map(|(id, known)| (known.lineage.own() == *token).then_some(*id))
        });
        std::iter::once(session).chain(outer).collect()
    }

    /// What a session has of `name`, and has not any more.
    pub(super) fn give_back(&mut self, session: SessionId, name: &ResourceName) -> Option<Held> {
        let held = self.by_session.get_mut(&session)?;
        let which = given_back(held, name)?;
        let held = held.remove(which);
        self.pass_on(&held);
        Some(held)
    }

    /// What a session got last, and has not any more.
    pub(super) fn give_back_latest(&mut self, session: SessionId) -> Option<Held> {
        let held = self.by_session.get_mut(&session)?.pop()?;
        self.pass_on(&held);
        Some(held)
    }

    /// What others have of it on loan, the first of them has from now on, and the others from that.
    fn pass_on(&mut self, held: &Held) {
        let all = self.by_session.values_mut().flatten();
        let mut borrowers: Vec<_> = all
            .filter(|other| other.lent_from == Some(held.grant))
            .collect();
        borrowers.sort_by_key(|borrower| borrower.grant);
        let units = borrowers.iter().map(|borrower| borrower.request.quantity);
        let (units, first) = (units.max(), borrowers.first().map(|first| first.grant));
        for (which, borrower) in borrowers.into_iter().enumerate() {
            borrower.lent_from = first.filter(|_| which > 0);
            if let (0, Some(units)) = (which, units) {
                borrower.request.quantity = units;
            }
        }
    }
}

/// Whether what is asked for is held already.
fn covers(held: &Held, asked: &Held) -> bool {
    let (here, there) = (&held.request, &asked.request);
    let is_as_strong = || {
        let mut modes = LockMode::ALL.into_iter();
        modes.all(|mode| there.mode.admits(mode) || !here.mode.admits(mode))
    };
    here.resource.tree() == there.resource.tree()
        && match here.resource.kind() {
            ResourceKind::Simple => is_as_strong(),
            ResourceKind::Hierarchical => {
                let (path, below): (Vec<_>, Vec<_>) = (
                    here.resource.levels().collect(),
                    there.resource.levels().collect(),
                );
                below.starts_with(&path) && is_as_strong()
            }
            ResourceKind::Numeric { .. } => there.quantity <= here.quantity,
            _ => held.element == asked.element,
        }
}

/// Which of its holds a session gives back by unlocking `name`.
fn given_back(held: &[Held], name: &ResourceName) -> Option<usize> {
    let place = |held: &Held| {
        let mut elements = name.elements();
        elements.position(|element| held.element.as_deref() == Some(element))
    };
    let mut fitting = (0..held.len()).filter(|which| match name.kind() {
        ResourceKind::Hierarchical => held[*which].request.resource == *name,
        _ => held[*which].request.resource.tree() == name.tree(),
    });
    match name.kind() {
        ResourceKind::Set => fitting.min_by_key(|which| place(&held[*which])),
        _ => fitting.next_back(),
    }
}

/// Whether `one` may be held beside `others`.
pub(super) fn exclude<'a>(one: &Held, others: impl Iterator<Item = &'a Held>) -> Verdict {
    let name = &one.request.resource;
    let others: Vec<&Held> = others
        .filter(|held| held.request.resource.tree() == name.tree())
        .collect();
    let is_twice = |held: &Held| held.element == one.element;
    let admitted = match name.kind() {
        ResourceKind::Simple | ResourceKind::Hierarchical => !others
            .iter()
            .any(|held| conflict(&held.request, &one.request)),
        ResourceKind::Numeric { units } => {
            let held: u32 = others.iter().map(|held| held.request.quantity).sum();
            held + one.request.quantity <= units
        }
        ResourceKind::Set => {
            let written = name
                .elements()
                .filter(|e| one.element.as_deref() == Some(e));
            others.iter().filter(|held| is_twice(held)).count() < written.count()
        }
        ResourceKind::Sequence { holders, .. } => {
            others.len() < holders as usize && !others.iter().any(|held| is_twice(held))
        }
        ResourceKind::Timestamp { holders } => others.len() < holders as usize,
    };
    match admitted {
        true => Ok(()),
        false => Err(format!("{one:?} is granted beside {others:?}")),
    }
}
