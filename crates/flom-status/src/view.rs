//! A snapshot, and who is who in it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use flom_core::snapshot::{Resource, Snapshot};
use flom_types::{SessionId, Time, Who};
use jiff::Timestamp;

/// The client behind a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// The number by which the session goes in the daemon's log.
    pub number: u64,
    /// Where it comes from; `None`: from this host, over a UNIX socket.
    pub address: Option<SocketAddr>,
    /// Who it says it is, if it says anything.
    pub who: Option<Arc<Who>>,
    /// Whether its connection has broken, and what it holds is kept for it for a while.
    pub is_lost: bool,
}

/// What a daemon keeps at one moment, and for whom.
#[derive(Clone, Debug, Default)]
pub struct View {
    snapshot: Snapshot,
    /// Ordered by session.
    peers: Vec<(SessionId, Peer)>,
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Resources, those that nobody uses included.
    pub resources: usize,
    /// Resources that nobody uses.
    pub idle: usize,
    /// Locks held.
    pub held: usize,
    /// Requests in queues.
    pub waiting: usize,
    /// Requests that wait for a resource to be created.
    pub parked: usize,
}

impl View {
    /// What `snapshot` shows of `peers`, which come in any order.
    pub fn new(snapshot: Snapshot, peers: impl IntoIterator<Item = (SessionId, Peer)>) -> Self {
        let mut peers: Vec<_> = peers.into_iter().collect();
        peers.sort_unstable_by_key(|(session, _)| *session);
        Self { snapshot, peers }
    }

    /// Forgets `some` of what it shows, the last first; whether there is more. To forget all at once
    /// takes a while if there is much.
    pub fn shed(&mut self, some: usize) -> bool {
        let Snapshot {
            resources, parked, ..
        } = &mut self.snapshot;
        let mut left = drop_last(&mut self.peers, some);
        left = drop_last(parked, left);
        while left > 0
            && let Some(last) = resources.last_mut()
        {
            left = drop_last(&mut last.waiters, left);
            left = drop_last(&mut last.holders, left);
            if left > 0 {
                resources.pop();
                left -= 1;
            }
        }
        left == 0
    }

    /// What is kept.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The client behind `session`; one of whom nothing is known if there is none such.
    pub fn peer(&self, session: SessionId) -> Peer {
        match self.peers.binary_search_by_key(&session, |(id, _)| *id) {
            Ok(at) => self.peers[at].1.clone(),
            Err(_) => Peer {
                number: session.0,
                ..Peer::default()
            },
        }
    }

    /// How much there is.
    pub fn counts(&self) -> Counts {
        let resources = &self.snapshot.resources;
        let sum = |count: fn(&Resource) -> usize| resources.iter().map(count).sum();
        Counts {
            resources: resources.len(),
            idle: sum(|resource| resource.idle_until.is_some().into()),
            held: sum(|resource| resource.holders.len()),
            waiting: sum(|resource| resource.waiters.len()),
            parked: self.snapshot.parked.len(),
        }
    }

    /// How long it had been since then.
    pub fn since(&self, then: Time) -> Duration {
        self.snapshot.taken.time.since(then)
    }

    /// How long it still was until then.
    pub fn until(&self, then: Time) -> Duration {
        then.since(self.snapshot.taken.time)
    }

    /// A moment of the daemon's clock, as time of the system.
    pub fn wall_clock(&self, moment: Time) -> SystemTime {
        self.wall(moment).into()
    }

    /// A moment of the daemon's clock, as wall-clock time.
    pub(crate) fn wall(&self, moment: Time) -> Timestamp {
        let now = self.snapshot.taken;
        let past_us = i64::try_from(self.since(moment).as_micros()).unwrap_or(i64::MAX);
        let ahead_us = i64::try_from(self.until(moment).as_micros()).unwrap_or(i64::MAX);
        let wall_us = now.wall_us.saturating_sub(past_us).saturating_add(ahead_us);
        Timestamp::from_microsecond(wall_us).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// Drops at most `some` items from the end; how many more would have been.
fn drop_last<T>(items: &mut Vec<T>, some: usize) -> usize {
    let dropped = some.min(items.len());
    items.truncate(items.len() - dropped);
    some - dropped
}

#[cfg(test)]
mod tests {
    use flom_core::snapshot::{Held, Holder};
    use flom_types::{LockMode, ResourceName};

    use super::*;

    #[test]
    fn a_view_is_forgotten_a_little_at_a_time_until_nothing_is_left() {
        let holder = Holder {
            session: SessionId(1),
            since: Time::default(),
            fence: 1,
            held: Held::Mode(LockMode::Exclusive),
        };
        let resource = Resource {
            name: ResourceName::default(),
            room: None,
            holders: vec![holder; 3],
            waiters: Vec::new(),
            sessions: 3,
            idle_until: None,
            next_tick: None,
        };
        let snapshot = Snapshot {
            resources: vec![resource; 2],
            ..Snapshot::default()
        };
        let peers = (0..4).map(|number| (SessionId(number), Peer::default()));
        let mut view = View::new(snapshot, peers);
        // 4 peers, 6 holders and 2 resources.
        let mut times = 1;
        while view.shed(5) {
            times += 1;
        }
        assert_eq!(times, 3);
        assert!(view.snapshot.resources.is_empty() && view.peers.is_empty());
    }
}
