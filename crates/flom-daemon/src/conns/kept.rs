//! Locks whose holders have lost their connections and may come back over others.
//!
//! A client that says so (`grace`) has its lock kept for a while if its connection breaks, because
//! it has stopped its command meanwhile. Not if it has closed the connection: then it is done.

use std::collections::{BTreeMap, BTreeSet};

use flom_types::{ResourceName, SessionId, Time, Token, target};
use log::debug;

use super::{Conn, Conns, number};

/// The longest time for which a lock is kept, in ms: an hour.
const GRACE_MS: u32 = 3_600_000;

/// Clients that may have a lock kept at the same time.
const CLIENTS: usize = 10_000;

/// All who may come back.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// By what they say to show who they are: those with a connection, too.
    claims: BTreeMap<Token, Claim>,
    /// Those without one, and until when their locks are kept.
    alone: BTreeSet<(Time, SessionId, Token)>,
}

/// Somebody who may come back, and what for.
#[derive(Debug)]
struct Claim {
    session: SessionId,
    resource: ResourceName,
    /// What the certificate says that was shown.
    name: Option<String>,
    grace_ms: u32,
}

impl Conns {
    /// Sees to it that somebody who asks for a lock is missed when it is gone.
    pub(crate) fn mind(&mut self, session: SessionId) {
        let heartbeat = self.heartbeat;
        if let Some(conn) = self.get_mut(session)
            && conn.is_to_be_minded()
        {
            if let Some(limit) = heartbeat {
                conn.mind(limit);
            }
            self.note_grace(session);
        }
    }

    /// Whether somebody may hold something.
    pub(crate) fn may_hold(&self, session: SessionId) -> bool {
        self.get(session)
            .is_some_and(|conn| conn.conversation().may_hold())
    }

    /// Takes note that `session`, which asks for a lock, may come back for it.
    fn note_grace(&mut self, session: SessionId) {
        let Some(conn) = self.get(session) else {
            return;
        };
        let (Some((token, grace_ms)), Some((resource, _))) =
            (conn.conversation().grace(), conn.conversation().asked())
        else {
            return;
        };
        let claim = Claim {
            session,
            resource: resource.clone(),
            name: conn.peer_name().map(|name| name.as_str().to_owned()),
            grace_ms: grace_ms.min(GRACE_MS),
        };
        // Who says what somebody else has said before is not that one.
        if self.kept.claims.len() < CLIENTS {
            self.kept.claims.entry(token).or_insert(claim);
        }
    }

    /// Whose lock it is that `session` comes back for, with this token: that one has no connection
    /// any more. `None` if there is no such lock.
    pub(crate) fn take_over(
        &mut self,
        session: SessionId,
        token: Token,
        resource: &ResourceName,
    ) -> Option<SessionId> {
        let name = self.get(session)?.peer_name();
        let name = name.map(|name| name.as_str().to_owned());
        let claim = self.kept.claims.get(&token)?;
        let from = claim.session;
        let is_held = self
            .get(from)
            .is_none_or(|conn| conn.conversation().may_hold() && !conn.conversation().is_waiting());
        if claim.resource != *resource || claim.name != name || !is_held || from == session {
            return None;
        }
        let grace_ms = claim.grace_ms;
        self.kept.alone.retain(|(_, alone, _)| *alone != from);
        self.kept.claims.remove(&token);
        // What is left of the old connection is of no use: nobody is at its other end.
        drop(self.take(from));
        let claim = Claim {
            session,
            resource: resource.clone(),
            name,
            grace_ms,
        };
        self.kept.claims.insert(token, claim);
        Some(from)
    }

    /// Whether the lock of somebody who has just lost the connection is kept.
    pub(super) fn keep(&mut self, conn: &Conn) -> bool {
        let holds = conn.conversation().may_hold() && !conn.conversation().is_waiting();
        let claim = match conn.is_broken() && holds {
            true => self.claim_of(conn),
            false => {
                self.forget_claim(conn);
                None
            }
        };
        let Some((token, grace_ms)) = claim else {
            return false;
        };
        let until = self.turn.after_ms(grace_ms.into());
        self.kept.alone.insert((until, conn.id(), token));
        debug!(
            target: target::CONN,
            "session={} has lost its connection; its lock is kept",
            number(conn.id())
        );
        true
    }

    /// Somebody will not come back.
    pub(super) fn forget_claim(&mut self, conn: &Conn) {
        if let Some((token, _)) = self.claim_of(conn) {
            self.kept.claims.remove(&token);
        }
    }

    fn claim_of(&self, conn: &Conn) -> Option<(Token, u32)> {
        let (token, _) = conn.conversation().grace()?;
        let claim = self.kept.claims.get(&token)?;
        (claim.session == conn.id()).then_some((token, claim.grace_ms))
    }

    /// Gives up those who have not come back in time.
    pub(super) fn expire_kept(&mut self, now: Time) {
        while let Some((until, session, token)) = self.kept.alone.first().copied()
            && until <= now
        {
            self.kept.alone.pop_first();
            self.kept.claims.remove(&token);
            self.gone.push_back(session);
        }
    }

    pub(super) fn next_kept(&self) -> Option<Time> {
        self.kept.alone.first().map(|(until, ..)| *until)
    }

    /// Who has a lock and no connection.
    pub(super) fn kept_sessions(&self) -> impl Iterator<Item = SessionId> {
        self.kept.alone.iter().map(|(_, session, _)| *session)
    }
}
