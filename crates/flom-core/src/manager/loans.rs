//! What a session holds is granted to those inside of it, if they want it so.
//!
//! A mode is simply held once more: as the mode of the outer session conflicts with all that the
//! other conflicts with, nobody is kept out who was not before. Of what is counted nothing more is
//! taken; when the outer session gives it back first, the inner one keeps it.

use std::collections::BTreeMap;

use flom_types::{Now, SessionId};

use super::{LockManager, ResourceId};
use crate::resource::{Hold, Holding};
use crate::{Request, Step};

/// What is lent of what is counted, by the number of the grant that it is lent from.
#[derive(Debug, Default)]
pub(super) struct Loans {
    by_fence: BTreeMap<u64, Loan>,
    /// How many grants there are of what somebody else holds, or held, too.
    pub(super) count: usize,
}

#[derive(Debug)]
struct Loan {
    /// What was granted with that number.
    hold: Hold,
    /// To whom it is lent, and the numbers of those grants, in that order.
    borrowers: Vec<Borrower>,
}

#[derive(Clone, Copy, Debug)]
struct Borrower {
    session: SessionId,
    fence: u64,
    hold: Hold,
}

impl Loans {
    /// The number by which a grant is known to be the same as another, and all that goes with it.
    pub(super) fn whole(&self, holding: &Holding) -> (u64, Hold) {
        let lender = holding.lent_from;
        match lender.and_then(|fence| Some((fence, self.by_fence.get(&fence)?))) {
            Some((fence, loan)) => (fence, loan.hold),
            None => (holding.fence, holding.hold),
        }
    }

    /// What `from` has borrowed, `to` has borrowed.
    pub(super) fn rename(&mut self, from: SessionId, to: SessionId) {
        let all = self.by_fence.values_mut();
        let borrowers = all.flat_map(|loan| &mut loan.borrowers);
        borrowers
            .filter(|borrower| borrower.session == from)
            .for_each(|borrower| borrower.session = to);
    }
}

impl LockManager {
    /// Grants what the session or one outside of it holds already, if that is what it wants.
    pub(super) fn lend(
        &mut self,
        now: Now,
        id: SessionId,
        on: ResourceId,
        request: &Request,
        step: Step,
    ) -> bool {
        let Some((lender, hold)) = self.lendable(id, on, request) else {
            return false;
        };
        let resource = &mut self.resources[on];
        let hold = resource.rules.lend(hold, request);
        let element = resource.element(hold);
        self.grant(now, id, on, hold, (step, element));
        let fence = self.last_fence;
        let (root, whole) = self.loans.whole(&lender);
        let is_counted = self.resources[on].rules.is_counted();
        if let Some(granted) = self.session(id).holds.last_mut() {
            granted.lent_from = Some(root);
        }
        self.loans.count += 1;
        if is_counted {
            let loan = self.loans.by_fence.entry(root).or_insert(Loan {
                hold: whole,
                borrowers: Vec::new(),
            });
            loan.borrowers.push(Borrower {
                session: id,
                fence,
                hold,
            });
        }
        true
    }

    /// What covers the request, and what of it there is to be lent.
    fn lendable(
        &self,
        id: SessionId,
        on: ResourceId,
        request: &Request,
    ) -> Option<(Holding, Hold)> {
        if self.nests.count == 0 {
            return None;
        }
        let outer = self.reentrant_from(id)?;
        let rules = &self.resources[on].rules;
        outer.iter().find_map(|outer| {
            let outer = self.sessions.get(*outer)?;
            let holds = (outer.bound == Some(on)).then_some(&outer.holds)?;
            let mut latest_first = holds.iter().rev();
            latest_first.find_map(|holding| Some((*holding, rules.covers(holding.hold, request)?)))
        })
    }

    /// Sorts out what becomes of something lent or borrowed that is given back; whether it stays
    /// with somebody else.
    pub(super) fn passes_over(&mut self, on: ResourceId, given_back: Holding) -> bool {
        let Holding {
            hold,
            fence,
            lent_from,
            ..
        } = given_back;
        if let Some(lender) = lent_from {
            self.loans.count -= 1;
            let Some(loan) = self.loans.by_fence.get_mut(&lender) else {
                return false;
            };
            loan.borrowers.retain(|borrower| borrower.fence != fence);
            if loan.borrowers.is_empty() {
                self.loans.by_fence.remove(&lender);
            }
            return true;
        }
        let Some(Loan { borrowers, .. }) = self.loans.by_fence.remove(&fence) else {
            return false;
        };
        let kept = self.keep_only(on, hold, &borrowers);
        let (heir, others) = borrowers.split_first().expect("else it is no loan");
        for borrower in &borrowers {
            let holds = &mut self.session(borrower.session).holds;
            let granted = holds.iter_mut().find(|one| one.fence == borrower.fence);
            let granted = granted.expect("it has not been given back");
            if borrower.fence == heir.fence {
                granted.hold = kept;
                granted.lent_from = None;
            } else {
                granted.lent_from = Some(heir.fence);
            }
        }
        self.loans.count -= 1;
        if !others.is_empty() {
            let loan = Loan {
                hold: kept,
                borrowers: others.to_vec(),
            };
            self.loans.by_fence.insert(heir.fence, loan);
        }
        true
    }

    /// Gives back of `hold` what none of the borrowers has; what is left.
    fn keep_only(&mut self, on: ResourceId, hold: Hold, borrowers: &[Borrower]) -> Hold {
        let Hold::Units(all) = hold else {
            return hold;
        };
        let units = borrowers.iter().map(|borrower| match borrower.hold {
            Hold::Units(units) => units,
            _ => 0,
        });
        let most = units.max().unwrap_or(0);
        self.resources[on]
            .rules
            .release(Hold::Units(all - most), false);
        Hold::Units(most)
    }
}
