//! The messages, as what they mean; `encode` and `decode` know what they look like.

use flom_types::{Lineage, Previous, Who};

use crate::observe::{Observe, Report};

/// The protocol level of FLoM 1.7.2 and of this program; peers of another level are turned away.
pub const LEVEL: u32 = 3;

/// Everything that client and daemon can say (`spec/protocol.md` §2.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// Client: give me this lock (1/8).
    Lock(Lock),
    /// Daemon: what became of the request (1/16, 1/24, 1/32).
    Answer(Answer),
    /// Client: take the lock back (2/8). Has no answer.
    Unlock(Unlock),
    /// Are you there (3/8)? Never sent by an old peer, and never to be sent to one: it ends.
    Ping,
    /// I am here (3/16). Never sent by an old peer, and never to be sent to one.
    Pong,
    /// Client, as a datagram to the group: which daemons are there (4/8)?
    Discover,
    /// Daemon, as a datagram: one is here (4/16).
    Here(Here),
    /// Client: end yourself (5/8). Has no answer but the end of the connection.
    Shutdown(Shutdown),
    /// Client: show what you keep (100/8). Never to be sent to an old daemon: it ends.
    Observe(Observe),
    /// Daemon: a part of what it keeps (100/16, 100/24).
    Report(Report),
}

/// Who speaks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// The id of the host, as `flom --unique-id` prints it; any text is accepted.
    pub peer_id: String,
    /// Whether the sender understands more than FLoM 1.7.2 does (`ext="1"`). Only written when
    /// true, as an attribute that an old peer ignores.
    pub ext: bool,
    /// What ties the request to others, and to its connection: more attributes that an old peer
    /// ignores.
    pub ties: Option<Box<Ties>>,
    /// Who that is in the words of people, if it says so: more attributes that an old peer ignores.
    pub who: Option<Box<Who>>,
}

/// What ties the request of a session to others, and to its connection.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ties {
    /// Who it is among runs of `flom` inside of each other.
    pub lineage: Option<Lineage>,
    /// Whether it is granted what those hold that it runs inside of.
    pub reentrant: bool,
    /// How often it is to be heard of at least while it holds a lock, in ms; 0 if it promises nothing.
    pub beat_ms: u32,
    /// How long its lock is to be kept for it if its connection breaks, in ms.
    pub grace_ms: u32,
    /// Whether it has such a lock already, granted over another connection, and goes on with it
    /// over this one; else it is to be refused.
    pub resume: bool,
}

/// A lock request.
///
/// Which form it takes on the wire follows from `mode` and `quantity`: old clients send `mode` for
/// simple and hierarchical resources, `quantity` for numeric ones and neither for the others.
/// All numbers are as the peer sent them, sound or not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lock {
    /// Who asks.
    pub session: Option<Session>,
    /// Name of the resource: raw bytes, which may or may not be a name.
    pub name: Vec<u8>,
    /// Number of the lock mode, 0 (NL) to 5 (EX). A request that needs one and has none means 0.
    pub mode: Option<i64>,
    /// Whether the request may be queued or parked; else it is answered for good at once.
    pub wait: bool,
    /// Units asked for of a numeric resource.
    pub quantity: Option<i64>,
    /// Whether the resource may be created for this request; else it has to exist.
    pub create: bool,
    /// How long the resource is kept after its last user has left, in ms. Counts only if this
    /// request creates it.
    pub lifespan: i64,
}

/// What became of a lock request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// Who answers; an old client wants it in the first answer and no other.
    pub session: Option<Session>,
    /// Which answer to the request this is.
    pub step: AnswerStep,
    /// The outcome by its number (`flom_types::Outcome::from_number`).
    pub rc: i32,
    /// What has been locked: the element of a set, the number of a sequence, the timestamp.
    pub element: Option<String>,
    /// With a lock: a number that grows with every grant of the resource. Not for old clients.
    pub fence: Option<u64>,
    /// With a lock: how the last exclusive holder ended. Not for old clients.
    pub previous: Option<Previous>,
}

/// Which answer to a request it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AnswerStep {
    /// The first (step 16). Others follow if it says queued or parked.
    First,
    /// A later one (step 24). An old client takes whatever is not "queued" for "granted".
    Later,
    /// The one after a later one (step 32). Old daemons never send it, old clients understand it.
    Last,
}

/// The end of a lock, or of the wait for one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unlock {
    /// Name of the resource, as in the request.
    pub name: Vec<u8>,
    /// Whether a transactional sequence takes its number back.
    pub rollback: bool,
    /// How the command ended that ran under the lock. Not for old daemons.
    pub ended: Option<Previous>,
}

/// Where a daemon can be reached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Here {
    /// Host name or address; empty if it is the address that the datagram came from.
    pub address: String,
    /// TCP port, never 0.
    pub port: u16,
}

/// The order to end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shutdown {
    /// Who orders it.
    pub session: Option<Session>,
    /// At once, with locks still held; else as soon as nobody holds or waits.
    pub immediate: bool,
}
