//! What a lock manager keeps at one moment, for those who want to look at it.

use flom_types::{LockMode, Now, ResourceName, SessionId, Time};

use crate::Request;

/// Everything that a [`LockManager`](crate::LockManager) keeps at one moment: owned, so that it can
/// be read at leisure, in another thread too, while the manager goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The moment, on both clocks. `since` and the like are on the clock that only goes forward.
    pub taken: Now,
    /// Whether nobody new is served.
    pub draining: bool,
    /// All that exist, those included that are only kept for a while; ordered by name.
    pub resources: Vec<Resource>,
    /// Requests that wait for a resource to be created, in order of arrival.
    pub parked: Vec<Waiter>,
}

/// A resource; of hierarchical names, all with the same first level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its name; of a tree, the first level.
    pub name: ResourceName,
    /// How much of it can be held, where that is counted.
    pub room: Option<Room>,
    /// Who holds it, longest first. A session can be here several times.
    pub holders: Vec<Holder>,
    /// Who waits for it, in order of arrival.
    pub waiters: Vec<Waiter>,
    /// Sessions that hold it, wait for it or were its last users and are still connected.
    pub sessions: usize,
    /// When it is forgotten, if nobody uses it.
    pub idle_until: Option<Time>,
    /// Of a timestamp resource, when the next text can be made, if that is not possible now.
    pub next_tick: Option<Time>,
}

/// How much of a resource can be held: units of a numeric one, elements of a set, places of a
/// sequence or timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// By all holders together.
    pub total: u32,
    /// Besides what is held now.
    pub free: u32,
}

/// A lock that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// By whom.
    pub session: SessionId,
    /// When it was granted.
    pub since: Time,
    /// The number of that grant.
    pub fence: u64,
    /// What of the resource.
    pub held: Held,
}

/// What of a resource is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// A simple resource, in this mode.
    Mode(LockMode),
    /// So many units of a numeric resource.
    Units(u32),
    /// This element of a set.
    Element(String),
    /// A node of a tree.
    Node {
        /// The whole path.
        path: ResourceName,
        /// In which mode.
        mode: LockMode,
    },
    /// This number of a sequence.
    Number(u32),
    /// This text of a timestamp resource.
    Text(String),
}

/// A request that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiter {
    /// Whose.
    pub session: SessionId,
    /// When it was made.
    pub since: Time,
    /// What is asked for.
    pub request: Request,
    /// Whether nobody with whom it conflicts may pass it (any more).
    pub unpassable: bool,
}

impl Snapshot {
    /// The resource of that name; of a path, its tree.
    pub fn resource(&self, name: &ResourceName) -> Option<&Resource> {
        let find = |resource: &Resource| resource.name.as_bytes().cmp(name.tree());
        let at = self.resources.binary_search_by(find).ok()?;
        Some(&self.resources[at])
    }

    /// Who waits for a resource of that name (of a path, for its tree) to be created.
    pub fn parked_for(&self, name: &ResourceName) -> impl Iterator<Item = &Waiter> {
        let tree = name.tree().to_vec();
        let parked = self.parked.iter();
        parked.filter(move |waiter| waiter.request.resource.tree() == tree)
    }
}
