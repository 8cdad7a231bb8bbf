//! What the lock manager wants done.

use std::fmt;

use flom_types::{Outcome, Previous, ResourceName, SessionId};

/// Something that the caller of [`LockManager::handle`](crate::LockManager::handle) must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Tell a session how its request stands.
    Answer {
        /// Whom.
        session: SessionId,
        /// Which answer to that request it is.
        step: Step,
        /// What to say.
        outcome: Outcome,
        /// With [`Outcome::Granted`] on a set, sequence or timestamp: what was locked.
        element: Option<String>,
        /// With [`Outcome::Granted`], and only then.
        granted: Option<Granted>,
    },
    /// Tell a session that its request is refused, because it would wait for itself. All else is as
    /// after [`Outcome::Busy`].
    Deadlock {
        /// Whom.
        session: SessionId,
        /// Which answer to that request it is.
        step: Step,
        /// Who waits for whom, beginning with the request refused: the holder of each link waits in
        /// the next, or somebody inside of it does, and the holder of the last link is who waits in
        /// the first, or somebody outside of it.
        circle: Vec<Link>,
    },
    /// End a session that broke the rules. The manager has forgotten it already: no
    /// [`Event::Gone`](crate::Event::Gone) is due.
    Close {
        /// Whose.
        session: SessionId,
        /// Why, for the log.
        reason: CloseReason,
    },
}

/// What comes with a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// Higher than that of every grant before.
    pub fence: u64,
    /// How the last exclusive holder of a simple or hierarchical resource has ended.
    pub previous: Previous,
}

/// Somebody who waits, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Who waits.
    pub waiter: SessionId,
    /// What it asks for.
    pub resource: ResourceName,
    /// Who holds that, or has waited for it longer and must not be passed.
    pub holder: SessionId,
}

/// Which of the answers to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The first: at once, to every request (step 16 of the protocol).
    First,
    /// A later one, after [`Outcome::Queued`] or [`Outcome::Parked`] (step 24):
    /// [`Outcome::Granted`], [`Outcome::Queued`] or, where a parked request turns out to ask for
    /// more than there is, [`Outcome::Impossible`]; or [`Action::Deadlock`].
    Later,
    /// The last one to a request that waited in vain (step 32): only [`Outcome::Refused`].
    Refusal,
}

/// How a session broke the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// It unlocked a resource that is not the one it is bound to.
    UnlockedOther,
    /// It unlocked a sequence of which it holds nothing.
    UnlockedNothing,
    /// It asked for another resource while it held one.
    AskedOther,
    /// The name is sound, but there can be no such resource.
    NoSuchResource,
    /// It has more grants than anybody needs.
    TooManyGrants,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnlockedOther => "it unlocked a resource that it has not locked",
            Self::UnlockedNothing => "it unlocked a sequence of which it holds nothing",
            Self::AskedOther => "it asked for another resource while it holds one",
            Self::TooManyGrants => "it asked for more while it has as many grants as one may have",
            Self::NoSuchResource => "there can be no resource of that name",
        })
    }
}
