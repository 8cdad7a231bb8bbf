//! Simple resources: one lock in six modes (`spec/resources.md` §5).

use flom_types::{LockMode, SessionId};

use super::modes::{ModeSet, Tally};
use super::stuck::Chain;
use super::{Grant, Hold, Verdict};
use crate::queue::{Line, PassLimit, Ticket};

/// Holders and waiters, by mode.
#[derive(Debug, Default)]
pub(crate) struct Simple {
    held: Tally,
    lines: [Line; 6],
    /// Whether the last exclusive holder has ended well.
    pub(crate) released: bool,
}

impl Simple {
    /// Grants `mode` to `ticket` if it goes with every holder and passes nobody it must not pass.
    pub(crate) fn ask(&mut self, ticket: Ticket, mode: LockMode, limit: PassLimit) -> Verdict {
        match self.fits(ticket, mode, limit) {
            true => Verdict::Granted(self.grant(ticket, mode, limit), None),
            false => Verdict::NotNow,
        }
    }

    fn grant(&mut self, ticket: Ticket, mode: LockMode, limit: PassLimit) -> Hold {
        self.held.add(mode);
        for other in ModeSet::conflicting(mode).modes() {
            self.lines[other as usize].passed(ticket, limit);
        }
        Hold::Mode(mode)
    }

    /// Grants `mode` once more to those who have it, passing nobody.
    pub(crate) fn lend(&mut self, mode: LockMode) -> Hold {
        self.held.add(mode);
        Hold::Mode(mode)
    }

    /// Whether somebody holds it exclusively.
    pub(crate) fn is_exclusive(&self) -> bool {
        self.held.has(LockMode::Exclusive)
    }

    fn fits(&self, ticket: Ticket, mode: LockMode, limit: PassLimit) -> bool {
        !self.held.conflicts(mode)
            && !ModeSet::conflicting(mode)
                .modes()
                .any(|other| self.lines[other as usize].stops(ticket, limit))
    }

    pub(crate) fn enqueue(&mut self, ticket: Ticket, session: SessionId, mode: LockMode) {
        self.lines[mode as usize].push(ticket, session);
    }

    pub(crate) fn withdraw(&mut self, ticket: Ticket, mode: LockMode) {
        self.lines[mode as usize].remove(ticket);
    }

    pub(crate) fn release(&mut self, mode: LockMode) {
        self.held.remove(mode);
        self.released |= mode == LockMode::Exclusive;
    }

    /// Grants what fits, in order of arrival.
    ///
    /// In a line all ask for the same, and what does not fit now fits no better after another
    /// grant: so the heads of the lines are all that has to be looked at.
    pub(crate) fn settle(&mut self, limit: PassLimit, grants: &mut Vec<Grant>) {
        while let Some((ticket, session, mode)) = self.first_that_fits(limit) {
            self.lines[mode as usize].remove(ticket);
            let hold = self.grant(ticket, mode, limit);
            grants.push(Grant {
                session,
                hold,
                element: None,
            });
        }
    }

    fn first_that_fits(&self, limit: PassLimit) -> Option<(Ticket, SessionId, LockMode)> {
        let heads = LockMode::ALL.into_iter().filter_map(|mode| {
            let (ticket, session) = self.lines[mode as usize].head()?;
            self.fits(ticket, mode, limit)
                .then_some((ticket, session, mode))
        });
        heads.min_by_key(|(ticket, ..)| *ticket)
    }

    /// See [`Rules::stuck`](super::Rules::stuck).
    pub(crate) fn stuck(
        &self,
        (ticket, mode): (Ticket, LockMode),
        holds: &[Hold],
        limit: PassLimit,
    ) -> Option<Chain> {
        let held = |by: LockMode| {
            let holds = holds.iter();
            let mut modes = holds.filter_map(|hold| match hold {
                Hold::Mode(mode) => Some(*mode),
                _ => None,
            });
            modes.any(|mode| !mode.admits(by))
        };
        if held(mode) {
            return Some(Chain::new());
        }
        // Whom a third one stops only through others stops nobody who is not stopped directly: modes
        // are like that.
        let lines = ModeSet::conflicting(mode)
            .modes()
            .filter(|line| held(*line));
        let first = lines.filter_map(|line| {
            let line = &self.lines[line as usize];
            line.unpassable_after(Ticket::FIRST, limit)
        });
        let (earlier, session) = first.min()?;
        (earlier < ticket).then(|| vec![session])
    }

    pub(crate) fn unpassable(&self, limit: PassLimit, tickets: &mut Vec<Ticket>) {
        let lines = self.lines.iter();
        tickets.extend(lines.flat_map(|line| line.unpassable(limit)));
    }

    /// Whether the rules hold: the holders admit one another, and nobody waits who need not.
    pub(crate) fn is_sound(&self, limit: PassLimit, is_lent: bool) -> bool {
        (is_lent || self.held.is_sound()) && self.first_that_fits(limit).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_stopped_through_two_others_is_stopped_without_one_of_them() {
        let all = || LockMode::ALL.into_iter();
        for (held, first, second, last) in all().flat_map(|held| {
            all().flat_map(move |first| {
                all().flat_map(move |second| all().map(move |last| (held, first, second, last)))
            })
        }) {
            let is_stopped = !held.admits(first) && !first.admits(second) && !second.admits(last);
            let is_short = !held.admits(second) || !first.admits(last) || !held.admits(last);
            assert!(!is_stopped || is_short, "{held} {first} {second} {last}");
        }
    }
}
