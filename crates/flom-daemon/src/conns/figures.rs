//! What happens to connections, as figures.

use flom_proto::DecodeError;
use flom_status::metrics::{self, Metrics, Process};
use flom_types::Time;

use super::Conns;
use crate::conn::{Conn, Fault};

pub(super) use flom_status::metrics::Fault::{
    Access as ACCESS, Peer as PEER, Rules as RULES, Tls as TLS,
};

impl Conns {
    /// A turn begins, in which everything happens at `now`.
    pub(crate) fn begin_turn(&mut self, now: Time) {
        self.turn = now;
    }

    /// What has happened so far.
    pub(crate) fn metrics(&mut self) -> &mut Metrics {
        &mut self.metrics
    }

    /// What the daemon is at the moment, whose clock began with it.
    pub(crate) fn process(&self) -> Process {
        Process {
            uptime_ms: self.turn.0,
            connections: self.len(),
        }
    }

    /// Takes note of a connection that ends.
    pub(super) fn count_out(&mut self, conn: &mut Conn) {
        let (kind, stake) = conn.take_stake();
        self.metrics.left(self.turn, kind, stake);
    }
}

/// The same in the words of the figures.
pub(super) fn fault(fault: &Fault) -> metrics::Fault {
    match fault {
        Fault::Bytes(DecodeError::OtherLevel { .. }) => metrics::Fault::Level,
        Fault::Layer(_) | Fault::Alien => metrics::Fault::Tls,
        Fault::OtherPeer(_) => metrics::Fault::Peer,
        Fault::Bytes(_) | Fault::Turn(_) | Fault::Slow(_) | Fault::Curious(_) => {
            metrics::Fault::Rules
        }
    }
}
