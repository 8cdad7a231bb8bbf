//! Locks whose holders have lost their connections and may come back over others.
//!
//! A client that says so (`grace`) has its lock kept for a while if its connection breaks, because
//! it has stopped its command meanwhile. Not if it has closed the connection: then it is done.

use std::collections::BTreeMap;

use flom_core::Request;
use flom_status::Peer;
use flom_types::{SessionId, Time, Token, target};
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
    /// What those have said who have a claim: one each, the latest.
    tokens: BTreeMap<SessionId, Token>,
    /// Those without one, by how long their locks are kept, as they were when last heard of.
    alone: BTreeMap<(Time, SessionId), Peer>,
}

/// Somebody who may come back, and what for.
#[derive(Debug)]
struct Claim {
    session: SessionId,
    request: Request,
    /// What the certificate says that was shown.
    name: Option<String>,
    grace_ms: u32,
}

impl Conns {
    /// Sees to it that somebody who asks for a lock is missed when it is gone.
    pub(crate) fn mind(&mut self, session: SessionId) {
        if let Some(limit) = self.heartbeat
            && let Some(conn) = self.get_mut(session)
            && conn.is_to_be_minded()
        {
            conn.mind(limit);
        }
    }

    /// Takes note that `session`, which makes this request, may come back for what it gets, or may
    /// not.
    pub(crate) fn note_grace(&mut self, session: SessionId, request: &Request) {
        let Some(conn) = self.get(session) else {
            return;
        };
        let Some((token, grace_ms)) = conn.conversation().grace() else {
            return self.forget_claim(session);
        };
        let claim = Claim {
            session,
            request: request.clone(),
            name: conn.peer_name().map(|name| name.as_str().to_owned()),
            grace_ms: grace_ms.min(GRACE_MS),
        };
        if self
            .kept
            .tokens
            .get(&session)
            .is_some_and(|old| *old != token)
        {
            self.forget_claim(session);
        }
        // Who says what somebody else has said before is not that one.
        let may = match self.kept.claims.get(&token) {
            Some(known) => known.session == session,
            None => self.kept.claims.len() < CLIENTS,
        };
        if may {
            self.kept.claims.insert(token, claim);
            self.kept.tokens.insert(session, token);
        }
    }

    /// Whose lock it is that `session` comes back for, with this token and a request like the one
    /// that was granted. `None` if there is no such lock.
    pub(crate) fn owner(
        &self,
        session: SessionId,
        token: Token,
        request: &Request,
    ) -> Option<SessionId> {
        let name = self.get(session)?.peer_name();
        let name = name.map(|name| name.as_str().to_owned());
        let claim = self.kept.claims.get(&token)?;
        let from = claim.session;
        let is_held = self
            .get(from)
            .is_none_or(|conn| conn.conversation().may_hold() && !conn.conversation().is_waiting());
        let is_alike = claim.request.resource == request.resource
            && claim.request.mode == request.mode
            && claim.request.quantity == request.quantity;
        (is_alike && claim.name == name && is_held && from != session).then_some(from)
    }

    /// What `from` had, `session` has.
    pub(crate) fn take_over(&mut self, session: SessionId, from: SessionId) {
        if let Some(token) = self.kept.tokens.remove(&from) {
            self.forget_claim(session);
            self.kept.tokens.insert(session, token);
            if let Some(claim) = self.kept.claims.get_mut(&token) {
                claim.session = session;
            }
        }
        self.kept.alone.retain(|(_, alone), _| *alone != from);
        // What is left of the old connection is of no use: nobody is at its other end.
        drop(self.take(from));
    }

    /// Whether the lock of somebody who has just lost the connection is kept.
    pub(super) fn keep(&mut self, conn: &Conn) -> bool {
        let holds = conn.conversation().may_hold() && !conn.conversation().is_waiting();
        let claim = match conn.is_broken() && holds {
            true => {
                let token = self.kept.tokens.get(&conn.id());
                token.and_then(|token| self.kept.claims.get(token))
            }
            false => {
                self.forget_claim(conn.id());
                None
            }
        };
        let Some(claim) = claim else {
            return false;
        };
        let until = self.turn.after_ms(claim.grace_ms.into());
        let peer = Peer {
            is_lost: true,
            ..conn.peer()
        };
        self.kept.alone.insert((until, conn.id()), peer);
        debug!(
            target: target::CONN,
            "session={} has lost its connection; its lock is kept",
            number(conn.id())
        );
        true
    }

    /// Somebody will not come back.
    pub(super) fn forget_claim(&mut self, session: SessionId) {
        if let Some(token) = self.kept.tokens.remove(&session) {
            self.kept.claims.remove(&token);
        }
    }

    /// Gives up those who have not come back in time.
    pub(super) fn expire_kept(&mut self, now: Time) {
        while let Some(first) = self.kept.alone.first_entry()
            && first.key().0 <= now
        {
            let ((_, session), _) = first.remove_entry();
            self.forget_claim(session);
            self.gone.push_back(session);
        }
    }

    pub(super) fn next_kept(&self) -> Option<Time> {
        let ((until, _), _) = self.kept.alone.first_key_value()?;
        Some(*until)
    }

    /// Who has a lock and no connection.
    pub(super) fn kept_peers(&self) -> impl Iterator<Item = (SessionId, &Peer)> {
        let alone = self.kept.alone.iter();
        alone.map(|((_, session), peer)| (*session, peer))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use flom_core::{Event, Step};
    use flom_net::{Layer, LayerError, PeerName};
    use flom_proto::{Lock, Message, Session, Ties, encode};
    use flom_types::{Lineage, LockMode, Outcome};
    use mio::Poll;

    use super::*;
    use crate::answers::Answers;
    use crate::conversation::Heard;
    use crate::wrapped::Wrapper;

    const NOW: Time = Time(0);

    /// Proves that the peer has this name, and wraps nothing.
    #[derive(Debug)]
    struct Named(PeerName);

    impl Layer for Named {
        fn open(
            &mut self,
            received: &[u8],
            plain: &mut Vec<u8>,
            _wire: &mut Vec<u8>,
        ) -> Result<(), LayerError> {
            plain.extend_from_slice(received);
            Ok(())
        }

        fn seal(&mut self, plain: &[u8], wire: &mut Vec<u8>) -> Result<(), LayerError> {
            wire.extend_from_slice(plain);
            Ok(())
        }

        fn is_ready(&self) -> bool {
            true
        }

        fn is_closed(&self) -> bool {
            false
        }

        fn peer_name(&self) -> Option<&PeerName> {
            Some(&self.0)
        }
    }

    /// Somebody new, who proves to have this name.
    fn admit(conns: &mut Conns, name: &'static str) -> SessionId {
        conns.wrap_by(Some(Wrapper {
            wrap: Box::new(move || Box::new(Named(PeerName::new(name)))),
            limit_ms: u64::from(u32::MAX),
            check_peer_id: false,
        }));
        let poll = Poll::new().unwrap();
        let (ours, _theirs) = UnixStream::pair().unwrap();
        conns.admit(NOW, ours.into(), poll.registry()).unwrap();
        let sessions = conns.sessions().into_iter();
        sessions.map(|(session, _)| session).max().unwrap()
    }

    /// Asks for `db`, and is answered like this; gone then in this way.
    fn ended(outcome: Outcome, is_broken: bool) -> Conns {
        let mut conns = Conns::new(Answers::of("id".to_owned()));
        let session = admit(&mut conns, "a");
        let request = ask(&mut conns, session, 1);
        conns.note_grace(session, &request);
        assert_eq!(conns.kept.claims.len(), 1);
        conns.answer(NOW, session, Step::First, outcome);
        if is_broken {
            conns.get_mut(session).unwrap().note_broken();
        }
        conns.lose(session);
        conns
    }

    /// What `session`, which says this token, is heard to ask for.
    fn ask(conns: &mut Conns, session: SessionId, token: u64) -> Request {
        let conn = conns.get_mut(session).unwrap();
        let mut bytes = Vec::new();
        encode(&Message::Lock(asking(token)), &mut bytes);
        conn.feed(&bytes);
        match conn.next_heard(NOW, &crate::SystemLog::none()).unwrap() {
            Some(Heard::Event(Event::Lock { request, .. })) => request,
            other => panic!("{other:?}"),
        }
    }

    fn asking(token: u64) -> Lock {
        let ties = Ties {
            lineage: Some(Lineage::outermost(Token(token))),
            grace_ms: u32::MAX,
            ..Ties::default()
        };
        Lock {
            session: Some(Session {
                peer_id: String::new(),
                ext: true,
                who: None,
                ties: Some(Box::new(ties)),
            }),
            name: b"db".to_vec(),
            mode: Some(5),
            wait: true,
            quantity: None,
            create: true,
            lifespan: 0,
        }
    }

    #[test]
    fn who_has_gone_for_good_is_forgotten() {
        for (outcome, is_broken) in [
            (Outcome::Granted, false),
            (Outcome::Queued, true),
            (Outcome::Refused, true),
            (Outcome::Refused, false),
        ] {
            let conns = ended(outcome, is_broken);
            assert!(conns.kept.claims.is_empty(), "{outcome} {is_broken}");
            assert!(conns.kept.alone.is_empty(), "{outcome} {is_broken}");
        }
    }

    #[test]
    fn a_lock_goes_on_only_with_whom_the_same_name_is_proven_of() {
        let mut conns = ended(Outcome::Granted, true);
        let other = admit(&mut conns, "b");
        let request = ask(&mut conns, other, 2);
        assert_eq!(conns.owner(other, Token(1), &request), None);
        let same = admit(&mut conns, "a");
        let owner = conns.owner(same, Token(1), &request);
        assert!(owner.is_some());
        let mode = LockMode::ConcurrentRead;
        let other_mode = Request {
            mode,
            ..request.clone()
        };
        assert_eq!(conns.owner(same, Token(1), &other_mode), None);
        let quantity = 2;
        let more = Request {
            quantity,
            ..request
        };
        assert_eq!(conns.owner(same, Token(1), &more), None);
        // Who has taken it over has the claim, too.
        conns.take_over(same, owner.unwrap());
        conns.lose(same);
        assert!(conns.kept.claims.is_empty() && conns.kept.tokens.is_empty());
    }

    #[test]
    fn a_connection_has_one_claim_however_many_tokens_it_says() {
        let mut conns = Conns::new(Answers::of("id".to_owned()));
        let session = admit(&mut conns, "a");
        for token in 1..100 {
            let request = ask(&mut conns, session, token);
            conns.note_grace(session, &request);
            conns.answer(NOW, session, Step::First, Outcome::Busy);
            assert_eq!(conns.kept.claims.len(), 1);
        }
        conns.lose(session);
        assert!(conns.kept.claims.is_empty() && conns.kept.tokens.is_empty());
    }

    #[test]
    fn who_may_come_back_is_seen_and_remembered_for_an_hour_at_most() {
        let mut conns = ended(Outcome::Granted, true);
        assert_eq!(conns.next_gone(), None);
        assert_eq!(conns.peers().count(), 1);
        assert_eq!(conns.next_deadline(), Some(Time(u64::from(GRACE_MS))));
        conns.expire_kept(Time(u64::from(GRACE_MS)));
        assert!(conns.next_gone().is_some());
        assert!(conns.kept.claims.is_empty());
    }
}
