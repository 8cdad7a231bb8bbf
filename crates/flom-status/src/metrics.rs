//! What has happened in a daemon, counted.
//!
//! Counting is adding to numbers at fixed places, for it is done for every lock: nothing is
//! allocated, and no name of a resource or client is kept, so that there are never more figures
//! than these. [`Metrics::write`] makes a text of them that Prometheus reads.

use flom_types::{LockMode, Outcome, ResourceKind, Time};

mod histogram;
mod prometheus;

pub use histogram::Histogram;
pub use prometheus::{CONTENT_TYPE, Process};

/// Kinds of resources, as [`kind_index`] counts them.
pub(crate) const KINDS: [&str; 6] = [
    "simple",
    "numeric",
    "set",
    "hierarchical",
    "sequence",
    "timestamp",
];

/// Lock modes, which count by their numbers.
const MODES: usize = 6;

/// What has happened since the daemon started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// By kind and mode.
    grants: [[u64; MODES]; KINDS.len()],
    /// How long those who were granted a lock had waited for it, by kind.
    waits: [Histogram; KINDS.len()],
    /// How long locks were held, by kind.
    holds: [Histogram; KINDS.len()],
    /// Requests that were given up while they waited, by kind.
    withdrawn: [u64; KINDS.len()],
    refusals: [u64; REFUSALS.len()],
    lost: [u64; KINDS.len()],
    faults: [u64; FAULTS.len()],
    /// Connections that have been accepted.
    pub connections: u64,
    /// Queries of a multicast group that were answered.
    pub discovery_answers: u64,
    /// Requests over HTTP, by the first digit of the status.
    http: [u64; 6],
}

/// The outcomes by which a request ends without a lock, and what they are called.
const REFUSALS: [(Outcome, &str); 6] = [
    (Outcome::Busy, "busy"),
    (Outcome::CannotWait, "not_there"),
    (Outcome::Impossible, "impossible"),
    (Outcome::InvalidName, "invalid_name"),
    (Outcome::Refused, "refused"),
    (Outcome::Deadlock, "deadlock"),
];

/// Why a message, and with it the connection, was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It broke the rules of the protocol, or is none of its messages.
    Rules,
    /// It is of another level of the protocol.
    Level,
    /// TLS has failed, or the certificate is not trusted.
    Tls,
    /// The peer is not whom its certificate was made for.
    Peer,
    /// An access list does not name the peer.
    Access,
}

const FAULTS: [(Fault, &str); 5] = [
    (Fault::Rules, "rules"),
    (Fault::Level, "level"),
    (Fault::Tls, "tls"),
    (Fault::Peer, "peer"),
    (Fault::Access, "access"),
];

/// What somebody has of a resource, for as long as that is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stake {
    /// Nothing.
    #[default]
    None,
    /// A request that waits.
    Waits,
    /// A lock, granted at this moment.
    Holds(Time),
}

impl Metrics {
    /// A lock was granted after `waited_ms`.
    pub fn granted(&mut self, kind: ResourceKind, mode: LockMode, waited_ms: u64) {
        let kind = kind_index(kind);
        self.grants[kind][usize::from(mode.number())] += 1;
        self.waits[kind].add(waited_ms);
    }

    /// A request has ended without a lock, if that is what `outcome` says.
    pub fn answered(&mut self, outcome: Outcome) {
        let found = REFUSALS.iter().position(|(theirs, _)| *theirs == outcome);
        if let Some(index) = found {
            self.refusals[index] += 1;
        }
    }

    /// Somebody has given back, at `now`, what it had of a resource of this `kind`.
    pub fn gave_back(&mut self, now: Time, kind: ResourceKind, stake: Stake) {
        match stake {
            Stake::None => {}
            Stake::Waits => self.withdrawn[kind_index(kind)] += 1,
            Stake::Holds(since) => {
                let ms = now.since(since).as_millis();
                self.holds[kind_index(kind)].add(u64::try_from(ms).unwrap_or(u64::MAX));
            }
        }
    }

    /// Somebody has gone, at `now`, without giving back what it had.
    pub fn left(&mut self, now: Time, kind: ResourceKind, stake: Stake) {
        self.gave_back(now, kind, stake);
        if let Stake::Holds(_) = stake {
            self.lost[kind_index(kind)] += 1;
        }
    }

    /// A connection has ended for this.
    pub fn refused(&mut self, fault: Fault) {
        self.faults[fault as usize] += 1;
    }

    /// A request over HTTP was answered with this status.
    pub fn answered_http(&mut self, status: u16) {
        let class = usize::from(status / 100).min(self.http.len() - 1);
        self.http[class] += 1;
    }
}

/// The place of a kind in [`KINDS`].
pub(crate) fn kind_index(kind: ResourceKind) -> usize {
    usize::from(kind.number() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_is_counted_in_its_own_place() {
        for (place, (fault, _)) in FAULTS.iter().enumerate() {
            assert_eq!(*fault as usize, place);
        }
    }

    #[test]
    fn kinds_are_called_what_they_are_called_elsewhere() {
        for name in ["a", "a[2]", "a.b", "/a", "_s_a[1]", "_t_%S[1]"] {
            let kind = flom_types::ResourceName::parse(name.as_bytes())
                .unwrap()
                .kind();
            assert_eq!(KINDS[kind_index(kind)], kind.to_string(), "{name}");
        }
    }
}
