//! How much a manager keeps.

use super::LockManager;

/// How much a [`LockManager`] keeps at the moment. All is zero when all is over: every session is
/// gone and every resource forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Sessions that hold, wait or use a resource.
    pub sessions: usize,
    /// Resources, those included that are only kept for a while.
    pub resources: usize,
    /// Locks held.
    pub held: usize,
    /// Requests in queues.
    pub waiting: usize,
    /// Requests that wait for a resource to be created.
    pub parked: usize,
    /// Sessions that have said where they run.
    pub nested: usize,
    /// Resources that depend on the clock.
    pub deadlines: usize,
}

impl LockManager {
    /// Counts what is kept at the moment.
    pub fn footprint(&self) -> Footprint {
        debug_assert_eq!(self.resources.len(), self.names.len());
        Footprint {
            sessions: self.sessions.len(),
            resources: self.resources.len(),
            held: self.held,
            waiting: self.waiting,
            parked: self.parking.len(),
            nested: self.nests.count,
            deadlines: self.deadlines.len(),
        }
    }
}
