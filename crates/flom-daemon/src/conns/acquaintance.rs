//! Finding out who is at the other ends, for those who look.
//!
//! The system has to be asked about each connection, once. For thousands of them that takes longer
//! than anybody who locks should wait, so it is done in several turns before a view is taken.

use flom_status::Peer;
use flom_types::SessionId;

use super::Conns;

/// Places that are walked in one turn.
const PLACES: usize = 256;

/// How many may have come since the last walk before another one is worth while.
const STRANGERS: u64 = 256;

/// How far it has come.
#[derive(Debug, Default)]
pub(super) struct Acquaintance {
    /// Everybody is known who came before this one.
    up_to: u64,
    /// The place at which a walk goes on, and who was the latest when it began.
    walk: Option<(usize, u64)>,
}

impl Conns {
    /// Everybody, as far as they are known.
    pub(crate) fn peers(&self) -> impl Iterator<Item = (SessionId, Peer)> {
        let all = self.slots.iter().flatten();
        let kept = self.kept_peers();
        let kept = kept.map(|(session, peer)| (session, peer.clone()));
        all.map(|conn| (conn.id(), conn.peer())).chain(kept)
    }

    /// Gets to know some of those who are connected; whether nearly all are known now, so that a
    /// view can be taken.
    pub(crate) fn get_acquainted(&mut self) -> bool {
        let Acquaintance { up_to, walk } = self.acquaintance;
        if walk.is_none() && self.serial - up_to <= STRANGERS {
            return true;
        }
        let (from, latest) = walk.unwrap_or((0, self.serial));
        let places = self.slots.iter().skip(from).take(PLACES);
        for conn in places.flatten() {
            conn.get_acquainted();
        }
        let to = from + PLACES;
        let is_over = to >= self.slots.len();
        self.acquaintance = match is_over {
            true => Acquaintance {
                up_to: latest,
                walk: None,
            },
            false => Acquaintance {
                up_to,
                walk: Some((to, latest)),
            },
        };
        is_over
    }
}
