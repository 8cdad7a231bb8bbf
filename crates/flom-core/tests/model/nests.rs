//! Circles, found by going through all waiters again and again.

use flom_core::{Link, Request};
use flom_types::{ResourceKind, SessionId, Token};

use crate::lending::{is_counted, root, takes};
use crate::life::{Life, Waiter};
use crate::rules::{Held, all_alike, conflict, is_room};

/// What sessions have said about where they run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Nests {
    /// The first session that uses a token is known by it.
    pub(crate) known: Vec<(Token, SessionId)>,
    /// Of each session that has said so, its own token and those outside of it.
    pub(crate) said: Vec<(SessionId, Token, Vec<Token>)>,
    /// Those who are to have what those outside of them have.
    pub(crate) reentrant: Vec<SessionId>,
}

impl Nests {
    pub(crate) fn learn(&mut self, session: SessionId, own: Token, outer: &[Token]) {
        if self
            .said
            .iter()
            .any(|(one, old, _)| *one == session && *old != own)
        {
            self.known.retain(|(_, one)| *one != session);
        }
        self.said.retain(|(one, ..)| *one != session);
        self.said.push((session, own, outer.to_vec()));
        if self.known.iter().all(|(token, _)| *token != own) {
            self.known.push((own, session));
        }
    }

    /// Whether the session is to have what those outside of it have.
    pub(crate) fn want(&mut self, session: SessionId, reentrant: bool) {
        self.reentrant.retain(|one| *one != session);
        self.reentrant.extend(reentrant.then_some(session));
    }

    /// Whose locks will do for the session: its own and of those outside of it, the innermost first.
    pub(crate) fn lenders(&self, session: SessionId) -> Vec<SessionId> {
        if !self.reentrant.contains(&session) {
            return Vec::new();
        }
        let outer = self.outer(session).into_iter().rev();
        std::iter::once(session).chain(outer).collect()
    }

    pub(crate) fn forget(&mut self, session: SessionId) {
        self.want(session, false);
        self.said.retain(|(one, ..)| *one != session);
        self.known.retain(|(_, one)| *one != session);
    }

    pub(crate) fn rename(&mut self, from: SessionId, to: SessionId) {
        let said = self.said.iter_mut().map(|(one, ..)| one);
        let known = self.known.iter_mut().map(|(_, one)| one);
        let reentrant = self.reentrant.iter_mut();
        said.chain(known)
            .chain(reentrant)
            .filter(|one| **one == from)
            .for_each(|one| *one = to);
    }

    pub(crate) fn has_said(&self, session: SessionId) -> bool {
        self.said.iter().any(|(one, ..)| *one == session)
    }

    /// The sessions outside of this one that are known now.
    pub(crate) fn outer(&self, session: SessionId) -> Vec<SessionId> {
        let said = self.said.iter().filter(|(one, ..)| *one == session);
        let tokens = said.flat_map(|(_, _, outer)| outer);
        let known = tokens.filter_map(|token| {
            let mut known = self.known.iter();
            known.find(|(one, _)| one == token).map(|(_, outer)| *outer)
        });
        known.filter(|outer| *outer != session).collect()
    }
}

/// All lives and nests at one moment.
pub(crate) struct Scene<'a> {
    pub(crate) lives: &'a [Life],
    pub(crate) nests: &'a Nests,
    pub(crate) passes: Option<u32>,
}

/// Which waiter of which life.
type At = (usize, usize);

impl Scene<'_> {
    fn waiter(&self, (life, at): At) -> &Waiter {
        &self.lives[life].queue[at]
    }

    fn all(&self) -> Vec<At> {
        let lives = self.lives.iter().enumerate();
        let all = lives.flat_map(|(which, life)| (0..life.queue.len()).map(move |at| (which, at)));
        all.collect()
    }

    /// Whether that session cannot end before that waiter has been served.
    fn keeps(&self, waiter: At, session: SessionId) -> bool {
        let waiter = self.waiter(waiter);
        self.nests.has_said(waiter.session)
            && (waiter.session == session || waiter.outer.contains(&session))
    }

    /// Those who cannot be served, whatever all others do: who can be is taken out, one by one.
    pub(crate) fn stuck(&self) -> Vec<At> {
        let mut stuck = self.all();
        while let Some(served) = stuck
            .iter()
            .position(|one| self.can_be_served(*one, &stuck))
        {
            stuck.remove(served);
        }
        stuck
    }

    /// Those holders that a waiter who is stuck keeps from ending.
    fn held_for_ever(&self, life: usize, stuck: &[At]) -> Vec<&Held> {
        let held = self.lives[life].held.iter();
        held.filter(|held| stuck.iter().any(|one| self.keeps(*one, held.session)))
            .collect()
    }

    fn can_be_served(&self, (life, at): At, stuck: &[At]) -> bool {
        let held = self.held_for_ever(life, stuck);
        let request = &self.waiter((life, at)).request;
        // What several have together cannot be had as long as one of them keeps it.
        let root = |held: &Held| match is_counted(&held.request) {
            true => root(held),
            false => held.fence,
        };
        let kept = |one: &&Held| takes(one) && held.iter().any(|held| root(held) == one.fence);
        let kept = self.lives[life].held.iter().filter(kept);
        let fits = is_room(request, kept.map(|held| &held.request));
        let is_kept_back = (0..at).any(|earlier| self.stops((life, earlier), request, stuck));
        (fits || all_alike(request.resource.kind()) && held.is_empty()) && !is_kept_back
    }

    /// Whether that earlier waiter is stuck and must not be passed.
    fn stops(&self, earlier: At, request: &Request, stuck: &[At]) -> bool {
        let waiter = self.waiter(earlier);
        let is_unpassable = all_alike(request.resource.kind())
            || self.passes.is_some_and(|limit| waiter.passed >= limit);
        stuck.contains(&earlier) && is_unpassable && conflict(&waiter.request, request)
    }

    /// Whether that holder has its part in that a waiter is stuck.
    fn matters(&self, waiter: At, holder: &Held) -> bool {
        let request = &self.waiter(waiter).request;
        match request.resource.kind() {
            ResourceKind::Simple | ResourceKind::Hierarchical => conflict(&holder.request, request),
            _ => true,
        }
    }

    /// Whether a waiter who is stuck waits for itself.
    pub(crate) fn is_in_circle(&self, first: At, stuck: &[At]) -> bool {
        let mut reached = vec![first];
        let mut next = 0;
        while let Some(waiter) = reached.get(next).copied() {
            next += 1;
            let (life, at) = waiter;
            for held in self.held_for_ever(life, stuck) {
                if !self.matters(waiter, held) {
                    continue;
                }
                if self.keeps(first, held.session) {
                    return true;
                }
                let keepers = stuck.iter().filter(|one| self.keeps(**one, held.session));
                reached.extend(
                    keepers
                        .filter(|one| !reached.contains(one))
                        .collect::<Vec<_>>(),
                );
            }
            let request = &self.waiter(waiter).request;
            let earlier = (0..at).map(|earlier| (life, earlier));
            let stops = earlier.filter(|earlier| self.stops(*earlier, request, stuck));
            reached.extend(
                stops
                    .filter(|one| !reached.contains(one))
                    .collect::<Vec<_>>(),
            );
        }
        false
    }

    fn find(&self, session: SessionId) -> Option<At> {
        self.all()
            .into_iter()
            .find(|at| self.waiter(*at).session == session)
    }

    /// What is wrong with a circle that is told of `first`.
    pub(crate) fn check(&self, first: At, circle: &[Link]) -> Result<(), String> {
        let stuck = self.stuck();
        let begin = circle.first().ok_or("an empty circle")?;
        if begin.waiter != self.waiter(first).session {
            return Err(format!("it begins with {}", begin.waiter));
        }
        for (at, link) in circle.iter().enumerate() {
            let next = &circle.get(at + 1).unwrap_or(begin).waiter;
            let next = self.find(*next).ok_or("somebody does not wait")?;
            let waiter = self.find(link.waiter).ok_or("somebody does not wait")?;
            let request = &self.waiter(waiter).request;
            if request.resource != link.resource {
                return Err(format!("{} asks for something else", link.waiter));
            }
            let holders = self.held_for_ever(waiter.0, &stuck);
            let is_held = self.keeps(next, link.holder)
                && holders
                    .iter()
                    .any(|held| held.session == link.holder && self.matters(waiter, held));
            let is_stopped = self.waiter(next).session == link.holder
                && at + 1 < circle.len()
                && next.0 == waiter.0
                && next.1 < waiter.1
                && self.stops(next, request, &stuck);
            if !is_held && !is_stopped {
                return Err(format!("{} does not wait for {}", link.waiter, link.holder));
            }
        }
        Ok(())
    }
}
