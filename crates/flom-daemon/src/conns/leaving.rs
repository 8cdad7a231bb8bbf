//! Those who have to go: who may not do what they want, who breaks the rules, whom TLS keeps out.

use flom_core::{CloseReason, Step};
use flom_net::LayerFault;
use flom_proto::DecodeError;
use flom_types::{Outcome, SessionId, Time};

use super::{Conns, LINGER_MS, figures, number};
use crate::access::KeptOut;
use crate::answers::Word;
use crate::authority::Refusal;
use crate::conn::{Conn, Fault};
use crate::records::{
    BROKEN_RULES, KEPT_OUT, OTHER_LEVEL, OTHER_PEER, TLS_FAILED, TLS_FILES, UNLOCKED_OTHER,
    UNTRUSTED,
};
use crate::wrapped::OtherPeer;

impl Conns {
    /// Turns down an order to end. Who understands no answer to that is told by the end of the
    /// connection.
    pub(crate) fn refuse(&mut self, now: Time, session: SessionId, refusal: &Refusal) {
        let Some(conn) = self.get_mut(session) else {
            return;
        };
        if conn.conversation().is_extended() {
            let reason = Some(refusal.to_string());
            let word = Word {
                element: reason,
                ..Outcome::Refused.into()
            };
            self.answer(now, session, Step::First, word);
        } else {
            self.lose(session);
        }
    }

    /// Turns down a request of somebody who may not make it, with the last answer of the session:
    /// one after which a client of FLoM 1.7.2 ends with 99, and which tells others why.
    pub(crate) fn keep_out(&mut self, now: Time, session: SessionId, kept_out: &KeptOut) {
        let text = format_args!("session={} is kept out: {kept_out}", number(session));
        self.system_log.tell(KEPT_OUT, text);
        self.metrics.refused(figures::ACCESS);
        let conn = self.get_mut(session);
        let extended = conn.is_some_and(|conn| conn.conversation().is_extended());
        let reason = extended.then(|| kept_out.to_string());
        let word = Word {
            element: reason,
            ..Outcome::Refused.into()
        };
        self.answer(now, session, Step::First, word);
    }

    /// Turns away somebody who is not whom the certificate was made for. Who understands no answer
    /// to that is told by the end of the connection.
    pub(crate) fn expose(&mut self, now: Time, session: SessionId, other: &OtherPeer) {
        let number = number(session);
        let text = format_args!("session={number} turned away: {other}");
        self.system_log.tell(OTHER_PEER, text);
        self.metrics.refused(figures::PEER);
        self.refuse(now, session, &Refusal::OtherPeer(other.clone()));
    }

    /// Ends a connection on which TLS has failed, as soon as the peer has been told why.
    pub(crate) fn turn_away(&mut self, now: Time, session: SessionId, fault: &Fault) {
        self.tell_fault(session, fault);
        let Some(conn) = self.get_mut(session) else {
            return;
        };
        if conn.is_flushed() {
            return self.lose(session);
        }
        conn.conclude();
        self.gone.push_back(session);
        self.lingering.push_back((now.after_ms(LINGER_MS), session));
        self.hasten(session);
    }

    /// Ends a connection for something that the peer did.
    pub(crate) fn drop_for(&mut self, session: SessionId, fault: &Fault) {
        self.tell_fault(session, fault);
        self.lose(session);
    }

    /// Ends the connections of those who should be done with the handshake by now.
    pub(super) fn expire_handshakes(&mut self, now: Time) {
        while let Some((end, session)) = self.shaking_hands.front().copied() {
            let conn = self.get_mut(session);
            let is_at_it = conn.is_some_and(|conn| conn.is_shaking_hands());
            if is_at_it && end > now {
                return;
            }
            self.shaking_hands.pop_front();
            if is_at_it {
                let session_number = number(session);
                let text = "dropped: it has not come to an end with the TLS handshake in time";
                self.metrics.refused(figures::TLS);
                self.system_log
                    .tell(TLS_FAILED, format_args!("session={session_number} {text}"));
                self.lose(session);
            }
        }
    }

    fn tell_fault(&mut self, session: SessionId, fault: &Fault) {
        let kind = match fault {
            Fault::Bytes(DecodeError::OtherLevel { .. }) => OTHER_LEVEL,
            Fault::Layer(error) => match error.fault() {
                LayerFault::Untrusted => UNTRUSTED,
                LayerFault::Files(_) => TLS_FILES,
                _ => TLS_FAILED,
            },
            Fault::Alien => TLS_FAILED,
            _ => BROKEN_RULES,
        };
        self.metrics.refused(figures::fault(fault));
        let session = number(session);
        let text = format_args!("session={session} dropped: {fault}");
        self.system_log.tell(kind, text);
    }

    pub(super) fn tell_dropped(&self, conn: &Conn, reason: CloseReason) {
        let session = number(conn.id());
        match (reason, conn.conversation().mixed_up()) {
            (CloseReason::UnlockedOther, Some((unlocked, locked))) => self.system_log.tell(
                UNLOCKED_OTHER,
                format_args!(
                    "session={session} dropped: it unlocked '{unlocked}', but has locked '{locked}'"
                ),
            ),
            _ => self.system_log.tell(
                BROKEN_RULES,
                format_args!("session={session} dropped: {reason}"),
            ),
        }
    }
}
