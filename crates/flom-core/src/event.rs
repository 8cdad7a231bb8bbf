//! What can happen to the lock manager.

use flom_types::{Lineage, LockMode, Previous, ResourceName, SessionId};

/// Something that a client did, or the clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A session asks for a lock. Every one is answered by exactly one first answer.
    Lock {
        /// Who asks.
        session: SessionId,
        /// For what.
        request: Request,
        /// Inside of whom, if the client has said so. A request without it is never refused as a
        /// deadlock.
        nesting: Option<Box<Nesting>>,
    },
    /// A session gives back what it holds, or withdraws what it waits for. There is no answer.
    Unlock {
        /// Who.
        session: SessionId,
        /// What; for a tree, the node.
        resource: ResourceName,
        /// Whether a transactional sequence takes its number back.
        rollback: bool,
        /// How what ran under the lock has ended; `None`: that is not said, which means well.
        ended: Option<Previous>,
    },
    /// The session is over: everything it holds and waits for is given back.
    Gone {
        /// Whose.
        session: SessionId,
    },
    /// A client that had lost its connection is back on another: it holds there what it held before.
    /// [`Outcome::Granted`](flom_types::Outcome::Granted) and the old fence if there is anything to
    /// take over and `session` has nothing yet, else
    /// [`Outcome::Refused`](flom_types::Outcome::Refused) and nothing has changed.
    Resume {
        /// The new session.
        session: SessionId,
        /// The old one; it is forgotten, no [`Event::Gone`] is due.
        from: SessionId,
    },
    /// From now on nobody new is served; who waits for a resource to be created is refused, holders
    /// and queues go on.
    Drain,
    /// Time has passed; see [`LockManager::next_deadline`](crate::LockManager::next_deadline).
    Tick,
}

/// What is asked for. The values are sound: whoever makes one has checked them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The resource.
    pub resource: ResourceName,
    /// How it is locked; counts for simple and hierarchical resources.
    pub mode: LockMode,
    /// How many units; counts for numeric resources, at least 1.
    pub quantity: u32,
    /// Whether the request may be queued or parked.
    pub wait: bool,
    /// Whether it may create the resource.
    pub create: bool,
    /// How long the resource outlives its last user if this request creates it, in ms.
    pub idle_lifespan_ms: u64,
}

/// Where in a nest of commands under locks a request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nesting {
    /// Who asks, and inside of whom it runs.
    pub lineage: Lineage,
    /// Whether it is to be granted at once what those hold already.
    pub reentrant: bool,
}
