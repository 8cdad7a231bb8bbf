//! Who is refused because it would wait for itself.

use flom_core::{Action, Step};
use flom_types::{Now, SessionId};

use super::Naive;
use crate::nests::Scene;

impl Naive {
    /// Refuses those who wait here and wait for themselves, the latest first.
    pub(super) fn refuse_late_circles(&mut self, now: Now, which: usize) {
        loop {
            let nested = (0..self.lives[which].queue.len()).filter(|at| {
                let session = self.lives[which].queue[*at].session;
                self.nests.has_said(session)
            });
            let nested: Vec<usize> = nested.collect();
            let mut latest_first = nested.into_iter().rev();
            if !latest_first.any(|at| self.is_refused((which, at), Step::Later)) {
                return;
            }
            self.settle(now, which);
        }
    }

    /// Refuses a waiter if it waits for itself.
    pub(super) fn is_refused(&mut self, at: (usize, usize), step: Step) -> bool {
        let scene = self.scene();
        let stuck = scene.stuck();
        if !stuck.contains(&at) || !scene.is_in_circle(at, &stuck) {
            return false;
        }
        let circle = self.told.front().cloned().unwrap_or_default();
        let circle = match scene.check(at, &circle) {
            Ok(()) => circle,
            Err(objection) => {
                println!("{objection}: {circle:#?}");
                Vec::new()
            }
        };
        self.told.pop_front();
        let (which, at) = at;
        let session = self.lives[which].queue.remove(at).session;
        self.said.push(Action::Deadlock {
            session,
            step,
            circle,
        });
        true
    }

    pub(super) fn forget_nest(&mut self, session: SessionId) {
        self.nests.forget(session);
        for waiter in self.lives.iter_mut().flat_map(|life| &mut life.queue) {
            waiter.outer.retain(|outer| *outer != session);
        }
    }

    pub(super) fn scene(&self) -> Scene<'_> {
        Scene {
            lives: &self.lives,
            nests: &self.nests,
            passes: self.passes,
        }
    }

    pub(super) fn listen(&mut self, told: &[Action]) {
        let circles = told.iter().filter_map(|action| match action {
            Action::Deadlock { circle, .. } => Some(circle.clone()),
            _ => None,
        });
        self.told = circles.collect();
    }
}
