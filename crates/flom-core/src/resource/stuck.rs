//! Who can never be served, as long as some of the holders do not give back what they hold.
//!
//! All others are thought to be done soon, waiters included once they have been served; so what keeps
//! a waiter for ever is a holder that it conflicts with, or an earlier waiter that it must not pass
//! and that is kept for ever itself.

use flom_types::SessionId;

use super::{Hold, Rules};
use crate::Request;
use crate::queue::{PassLimit, Ticket};

/// Earlier waiters that keep a waiter for ever, each the one before it; the last is kept by a holder.
/// Empty if a holder keeps the waiter itself.
pub(crate) type Chain = Vec<SessionId>;

impl Rules {
    /// What keeps from being served for ever who asks for that in the place `ticket`, if `holds` are
    /// never given back; `None`: nothing.
    pub(crate) fn stuck(
        &self,
        (ticket, request): (Ticket, &Request),
        holds: &[Hold],
        limit: PassLimit,
    ) -> Option<Chain> {
        if holds.is_empty() {
            return None;
        }
        // Where all requests are alike, who came before is stuck exactly if the last one is.
        let all_of = |places: usize| (holds.len() >= places).then(Chain::new);
        match self {
            Self::Simple(simple) => simple.stuck((ticket, request.mode), holds, limit),
            Self::Numeric(numeric) => numeric.stuck((ticket, request.quantity), holds, limit),
            Self::Tree(tree) => tree.stuck(ticket, request, holds),
            Self::Set(set) => all_of(set.places()),
            Self::Sequence(sequence) => all_of(sequence.places()),
            Self::Timestamp(timestamp) => all_of(timestamp.places()),
        }
    }
}
