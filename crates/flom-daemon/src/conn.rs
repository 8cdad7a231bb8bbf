//! One connection: bytes in, messages out of them, answers out.
//!
//! ```text
//!   socket ── receive ──► Decoder ── next_heard ──► Heard
//!   socket ◄── send ───── output ◄── say ────────── answer
//! ```
//!
//! It never blocks and never decides: what is heard goes to the event loop, and so does what it
//! finds out about the peer's end.

use std::cell::OnceCell;
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use flom_core::Step;
use flom_net::{Keepalive, Peer, PeerName, tune};
use flom_proto::{Decoder, Message, Report, Session, encode};
use flom_status as status;
use flom_status::metrics::Stake;
use flom_types::{ResourceKind, SessionId, Time, Who};
use mio::Interest;
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown};

use crate::access::Identity;
use crate::answers::{Answers, Word};
use crate::conns::number;
use crate::conversation::{Conversation, Heard};
use crate::records::PEER;
use crate::system_log::SystemLog;
use crate::trace;
use crate::wrapped::{OtherPeer, Wrapped, Wrapper};

/// Bytes of answers that may wait for a peer to read them. That is some 1,500 answers: who is so far
/// behind does not mean to read them.
const OUTPUT_BYTES: usize = 256 * 1024;

/// Questions that a peer may ask before the first of them is answered. Ours asks one at a time; each
/// is kept, and the answer to a short one may be long.
const QUESTIONS: usize = 4;

/// Bytes of output buffer that a connection keeps when there is nothing to send.
const OUTPUT_KEPT_BYTES: usize = 4 * 1024;

/// First byte of a TLS handshake, with which no message begins.
const TLS: u8 = 0x16;

/// A connection with a client.
#[derive(Debug)]
pub(crate) struct Conn {
    id: SessionId,
    since: Time,
    socket: OwnedFd,
    /// TLS, if there is.
    wrapped: Option<Box<Wrapped>>,
    /// The peer has begun with TLS where there is none.
    is_alien: bool,
    decoder: Decoder,
    conversation: Conversation,
    output: Vec<u8>,
    /// How much of `output` the socket has taken.
    sent: usize,
    /// It is known that there is output to be sent before the loop sleeps.
    due: bool,
    /// The socket is full, and the system will say when it takes more.
    blocked: bool,
    /// The system has said that the peer will send no more, though there may be bytes to read.
    half_closed: bool,
    /// There are no bytes to read any more.
    ended: bool,
    /// The system has ended the connection, and not the peer.
    broken: bool,
    /// The system has been told to look after the host of the peer.
    minded: bool,
    /// The other end as the system knows it, once somebody wants to know.
    peer: OnceCell<Option<Peer>>,
    /// What goes for who it is if it does not say.
    process: OnceCell<Option<Arc<Who>>>,
    /// The system log knows who the peer is.
    introduced: bool,
    /// It is known that the peer may lock.
    admitted: bool,
    /// Questions of the peer that are not answered to the end.
    questions: usize,
}

/// How far receiving has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Received {
    /// Everything there is for now.
    All,
    /// As much as one connection may have in one turn; there may be more.
    Share,
}

impl Conn {
    /// A connection that has just come, in clear text or to be wrapped; `socket` does not block.
    pub(crate) fn new(
        now: Time,
        id: SessionId,
        socket: OwnedFd,
        wrapper: Option<&Wrapper>,
    ) -> Self {
        Self {
            id,
            since: now,
            socket,
            wrapped: wrapper.map(|wrapper| Box::new(Wrapped::new(wrapper))),
            is_alien: false,
            decoder: Decoder::new(),
            conversation: Conversation::default(),
            output: Vec::new(),
            sent: 0,
            due: false,
            blocked: false,
            half_closed: false,
            ended: false,
            broken: false,
            minded: false,
            peer: OnceCell::new(),
            process: OnceCell::new(),
            introduced: false,
            admitted: false,
            questions: 0,
        }
    }

    pub(crate) fn id(&self) -> SessionId {
        self.id
    }

    /// Since when it has been here without ever asking for anything.
    pub(crate) fn silent_since(&self) -> Option<Time> {
        (!self.conversation.has_asked()).then_some(self.since)
    }

    /// The system says that the peer will send no more.
    pub(crate) fn note_half_closed(&mut self) {
        self.half_closed = true;
    }

    /// Reads once. `buffer` is the connection's share of the turn; if it is filled, there may be
    /// more.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> Received {
        if self.ended {
            return Received::All;
        }
        let share = buffer.len();
        match retry_on_intr(|| recv(&self.socket, &mut *buffer, RecvFlags::empty())) {
            Ok((0, _)) => self.ended = true,
            Ok((bytes, _)) => {
                self.feed(&buffer[..bytes]);
                if bytes == share {
                    return Received::Share;
                }
                // What is left of the stream is its end, no need to ask for it.
                self.ended |= self.half_closed;
            }
            Err(Errno::AGAIN) => {}
            // Reset, or the like.
            Err(_) => {
                self.broken = true;
                self.ended = true;
            }
        }
        Received::All
    }

    pub(crate) fn feed(&mut self, received: &[u8]) {
        let plain = match &mut self.wrapped {
            None => {
                self.is_alien |= received[0] == TLS && self.decoder.pending() == 0;
                received
            }
            Some(_) if self.conversation.is_over() => return,
            Some(wrapped) => {
                wrapped.open(received, &mut self.output);
                self.ended |= wrapped.is_closed();
                wrapped.plain()
            }
        };
        trace::received(self.id, plain);
        if !self.conversation.is_over() {
            self.decoder.feed(plain);
        }
    }

    /// Whether the peer will send no more and everything it sent has been read.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether the system has ended the connection, and not the peer.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    /// The system says that the connection has ended.
    pub(crate) fn note_broken(&mut self) {
        self.broken = true;
    }

    /// Whether it says more than old clients do about how long it will be there.
    pub(crate) fn is_to_be_minded(&self) -> bool {
        self.conversation.is_heard_of() || self.conversation.grace().is_some()
    }

    /// Has the system end the connection if the host of a peer that will be heard of is not heard of
    /// for `limit`, and not before: a peer that is only stopped has a host that answers.
    pub(crate) fn mind(&mut self, limit: Duration) {
        if !mem::replace(&mut self.minded, true) {
            // No socket of the network, or gone already: then there is nothing to be minded.
            let _ = tune(&self.socket, &Keepalive::within(limit));
        }
    }

    /// Whether nothing that the peer has sent is left to be dealt with.
    pub(crate) fn is_used_up(&self) -> bool {
        let has_failed = self.wrapped.as_ref().is_some_and(|w| w.has_failed());
        self.conversation.is_over() || (self.decoder.pending() == 0 && !has_failed)
    }

    /// The next thing that the peer has said, or `None` until more is received. The first time that
    /// it says who it is, `system_log` is told if it wants to be.
    pub(crate) fn next_heard(
        &mut self,
        now: Time,
        system_log: &SystemLog,
    ) -> Result<Option<Heard>, Fault> {
        if self.conversation.is_over() {
            return Ok(None);
        }
        match self.decoder.next_message() {
            Ok(None) if self.is_alien => Err(Fault::Alien),
            Ok(None) => match self.wrapped.as_mut().and_then(|w| w.failure()) {
                Some(failure) => Err(failure.into()),
                None => Ok(None),
            },
            Ok(Some(message)) => {
                trace::message(self.id, &message);
                if system_log.tells_peers() && !self.introduced {
                    self.introduced = introduce(system_log, self.id, &message);
                }
                let checked = self.check_peer(&message);
                let heard = self.conversation.hear(now, self.id, message)?;
                checked?; // only now it is known whether the peer understands why
                Ok(Some(heard))
            }
            Err(error) => {
                trace::unreadable(self.id, &error);
                Err(error.into())
            }
        }
    }

    /// Puts an answer into the output.
    pub(crate) fn say(
        &mut self,
        now: Time,
        answers: &Answers,
        step: Step,
        mut word: Word,
    ) -> Result<(), TooSlow> {
        let form = self.conversation.tell(now, self.id, step, word.outcome);
        if !self.conversation.is_extended() {
            word.granted = None;
        }
        match &mut self.wrapped {
            None => answers.write(form, word, &mut self.output),
            Some(wrapped) => wrapped.seal(&mut self.output, |plain| {
                answers.write(form, word, plain);
                trace::sent(self.id, plain);
            }),
        }
        if self.output.len() - self.sent > OUTPUT_BYTES {
            return Err(TooSlow);
        }
        Ok(())
    }

    /// Answers a peer that wants to know whether we are there.
    pub(crate) fn pong(&mut self) -> Result<(), TooSlow> {
        self.write(&Message::Pong);
        match self.unsent() > OUTPUT_BYTES {
            true => Err(TooSlow),
            false => Ok(()),
        }
    }

    /// Takes note that the peer asks to be told something.
    pub(crate) fn note_question(&mut self) -> Result<(), Fault> {
        self.questions += 1;
        match () {
            () if self.questions > QUESTIONS => Err(TooCurious.into()),
            () if self.unsent() > OUTPUT_BYTES => Err(TooSlow.into()),
            () => Ok(()),
        }
    }

    /// Puts a part of a report into the output.
    pub(crate) fn report(&mut self, report: Report) {
        if report.last {
            self.questions = self.questions.saturating_sub(1);
        }
        self.write(&Message::Report(report));
    }

    fn write(&mut self, message: &Message) {
        match &mut self.wrapped {
            None => encode(message, &mut self.output),
            Some(wrapped) => wrapped.seal(&mut self.output, |plain| {
                encode(message, plain);
                trace::sent(self.id, plain);
            }),
        }
    }

    /// How much output the socket has not taken yet, in bytes.
    pub(crate) fn unsent(&self) -> usize {
        self.output.len() - self.sent
    }

    /// The client at the other end, as far as it is known.
    pub(crate) fn peer(&self) -> status::Peer {
        let system = self.peer.get_or_init(|| Peer::of(&self.socket).ok());
        let (address, pid) = match system {
            Some(Peer::Remote(address)) => (Some(*address), None),
            Some(Peer::Local { pid, .. }) => (None, *pid),
            None => (None, None),
        };
        // Who says nothing is a process all the same.
        let by_system = || {
            let who = self.process.get_or_init(|| {
                let who = Who {
                    pid,
                    ..Who::default()
                };
                pid.map(|_| Arc::new(who))
            });
            who.clone()
        };
        status::Peer {
            number: number(self.id),
            address,
            who: self.conversation.who().cloned().or_else(by_system),
            is_lost: false,
        }
    }

    /// Finds out who is at the other end, if that is not known yet: it takes system calls.
    pub(crate) fn get_acquainted(&self) {
        self.peer.get_or_init(|| Peer::of(&self.socket).ok());
    }

    /// Whether output has to be sent that is not known to be due yet; `writable` if the system has
    /// just said that the socket takes more.
    pub(crate) fn becomes_due(&mut self, writable: bool) -> bool {
        let becomes = !self.due && !self.is_flushed() && (writable || !self.blocked);
        self.due |= becomes;
        becomes
    }

    /// Writes as much as the socket takes. If that changes what the system has to say about the
    /// socket from now on, that is the answer.
    ///
    /// # Errors
    ///
    /// The peer is gone.
    pub(crate) fn send(&mut self) -> io::Result<Option<Interest>> {
        self.due = false;
        let rest = &self.output[self.sent..];
        let sent = match retry_on_intr(|| send(&self.socket, rest, SendFlags::NOSIGNAL)) {
            Err(Errno::AGAIN) => 0,
            other => other?,
        };
        if self.wrapped.is_none() {
            trace::sent(self.id, &rest[..sent]);
        }
        self.sent += sent;
        if self.sent == self.output.len() {
            self.sent = 0;
            self.output.clear();
            self.output.shrink_to(OUTPUT_KEPT_BYTES);
        }
        let blocked = !self.is_flushed();
        let was_blocked = mem::replace(&mut self.blocked, blocked);
        Ok(match (was_blocked, blocked) {
            (false, true) => Some(Interest::READABLE | Interest::WRITABLE),
            (true, false) => Some(Interest::READABLE),
            _ => None,
        })
    }

    /// Whether everything said has been taken by the socket.
    pub(crate) fn is_flushed(&self) -> bool {
        self.output.is_empty()
    }

    /// Tells the peer that nothing more comes.
    pub(crate) fn half_close(&self) {
        // If the peer is gone, reading says so.
        let _ = shutdown(&self.socket, Shutdown::Write);
    }

    pub(crate) fn conversation(&self) -> &Conversation {
        &self.conversation
    }

    /// What the peer has of what it asked for last; from now on it has nothing.
    pub(crate) fn take_stake(&mut self) -> (ResourceKind, Stake) {
        self.conversation.take_stake()
    }

    /// What is proven about the peer.
    pub(crate) fn identity(&self) -> Identity {
        Identity::of(&self.socket, self.peer_name().map(PeerName::as_str))
    }

    /// What the peer has proven to be called, by its certificate.
    pub(crate) fn peer_name(&self) -> Option<&PeerName> {
        self.wrapped.as_ref()?.peer_name()
    }

    /// Whether there is TLS, and its handshake is not done yet.
    pub(crate) fn is_shaking_hands(&self) -> bool {
        self.wrapped.as_ref().is_some_and(|w| w.is_shaking_hands())
    }

    fn check_peer(&self, message: &Message) -> Result<(), OtherPeer> {
        match (&self.wrapped, message) {
            (None, _) => Ok(()),
            (Some(wrapped), Message::Lock(lock)) => wrapped.check(lock.session.as_ref()),
            (Some(wrapped), Message::Shutdown(order)) => wrapped.check(order.session.as_ref()),
            (Some(wrapped), Message::Observe(asked)) => wrapped.check(asked.session.as_ref()),
            _ => Ok(()),
        }
    }

    /// Whether it is known that the peer may lock.
    pub(crate) fn is_admitted(&self) -> bool {
        self.admitted
    }

    /// Takes note that the peer may lock.
    pub(crate) fn note_admitted(&mut self) {
        self.admitted = true;
    }

    /// Whatever else the peer says does not count.
    pub(crate) fn conclude(&mut self) {
        self.conversation.conclude();
    }
}

/// Tells who has sent `message`; whether it says that.
fn introduce(system_log: &SystemLog, id: SessionId, message: &Message) -> bool {
    let (session, verb) = match message {
        Message::Lock(lock) => (&lock.session, 1),
        Message::Shutdown(order) => (&order.session, 5),
        _ => return false,
    };
    let Some(Session { peer_id, .. }) = session else {
        return false;
    };
    let session = number(id);
    let text = format_args!("session={session} is of peer {peer_id}: verb {verb}, step 8");
    system_log.tell(PEER, text);
    true
}

impl AsFd for Conn {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for Conn {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

mod fault;
#[cfg(test)]
mod tests;

pub(crate) use fault::{Fault, TooCurious, TooSlow};
