//! All connections: who is who, what is due to whom, who has to go.
//!
//! ```text
//!   SessionId:  ┌──────────── serial ────────────┬───── slot ─────┐   also the token of the socket
//!               │ counts connections, never back │ place in slots │
//!               └────────────────────────────────┴────────────────┘
//! ```
//!
//! A slot is used again, its serial is not: what is late for a connection that has gone finds
//! nobody, never a newcomer.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use flom_core::{Action, Step};
use flom_proto::Report;
use flom_status::metrics::Metrics;
use flom_types::{Outcome, SessionId, Time, target};
use log::{debug, trace};
use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

use crate::access::KeptOut;
use crate::answers::{Answers, Word};
use crate::conn::Conn;
use crate::records::{KEPT_OUT, SILENT};
use crate::system_log::SystemLog;
use crate::wrapped::Wrapper;

/// Bits of a session id that say in which slot the connection is.
const SLOT_BITS: u32 = 20;

/// Connections at the same time: as many as a process on Linux may have descriptors, less those
/// whose tokens are left for other sockets.
const SLOTS: usize = (1 << SLOT_BITS) - 16;

/// How long a peer that has had its last answer may take to close its side, in ms. Closing ours at
/// once could destroy the answer on its way.
const LINGER_MS: u64 = 2000;

/// How long a peer may stay without asking for anything if others have to wait for its place, in ms.
const SILENCE_MS: u64 = 10_000;

/// The number by which a session goes in the log: counts connections from 1.
pub(crate) fn number(session: SessionId) -> u64 {
    session.0 >> SLOT_BITS
}

/// Everybody who is connected.
#[derive(Debug)]
pub(crate) struct Conns {
    acquaintance: Acquaintance,
    slots: Vec<Option<Conn>>,
    free: Vec<usize>,
    serial: u64,
    answers: Answers,
    /// Who has output to be sent before the loop sleeps.
    due: Vec<SessionId>,
    /// Who has had the last answer and should close, in the order of the moments at which they
    /// lose their connections.
    lingering: VecDeque<(Time, SessionId)>,
    /// Who has gone without the lock manager knowing.
    gone: VecDeque<SessionId>,
    /// A descriptor has become free.
    room: bool,
    /// TLS for everybody, if there is.
    wrapper: Option<Wrapper>,
    /// Who has to be done with the handshake, in the order of the moments.
    shaking_hands: VecDeque<(Time, SessionId)>,
    kept: Kept,
    /// Within how long a client whose host is gone loses its connection, if it says that it will be
    /// heard of.
    heartbeat: Option<Duration>,
    system_log: SystemLog,
    metrics: Metrics,
    /// What counts as now in this turn.
    turn: Time,
}

impl Conns {
    /// Nobody yet; answers are given as `answers` says.
    pub(crate) fn new(answers: Answers) -> Self {
        Self {
            acquaintance: Acquaintance::default(),
            slots: Vec::new(),
            free: Vec::new(),
            serial: 0,
            answers,
            due: Vec::new(),
            lingering: VecDeque::new(),
            gone: VecDeque::new(),
            room: false,
            wrapper: None,
            shaking_hands: VecDeque::new(),
            kept: Kept::default(),
            heartbeat: None,
            system_log: SystemLog::none(),
            metrics: Metrics::default(),
            turn: Time::default(),
        }
    }

    /// Wraps every connection from now on, if there is a `wrapper`.
    pub(crate) fn wrap_by(&mut self, wrapper: Option<Wrapper>) {
        self.wrapper = wrapper;
    }

    /// Tells `system_log` what happens to connections.
    pub(crate) fn log_to(&mut self, system_log: SystemLog) {
        self.system_log = system_log;
    }

    /// Where to tell what happens to connections.
    pub(crate) fn system_log(&self) -> &SystemLog {
        &self.system_log
    }

    /// A number that no connection has had or will have.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether nobody else can be admitted.
    pub(crate) fn is_full(&self) -> bool {
        self.len() >= SLOTS
    }

    /// Takes in a newcomer; `socket` does not block. There has to be room.
    ///
    /// # Errors
    ///
    /// The system cannot watch the socket; it is closed then.
    pub(crate) fn admit(
        &mut self,
        now: Time,
        socket: OwnedFd,
        registry: &Registry,
    ) -> io::Result<()> {
        let slot = self.free.last().copied().unwrap_or(self.slots.len());
        self.metrics.connections += 1;
        let id = SessionId(self.next_number() << SLOT_BITS | slot as u64);
        registry.register(
            &mut SourceFd(&socket.as_raw_fd()),
            token(id),
            Interest::READABLE,
        )?;
        if let Some(wrapper) = &self.wrapper {
            let end = now.after_ms(wrapper.limit_ms);
            self.shaking_hands.push_back((end, id));
        }
        let conn = Some(Conn::new(now, id, socket, self.wrapper.as_ref()));
        match self.free.pop() {
            Some(slot) => self.slots[slot] = conn,
            None => self.slots.push(conn),
        }
        debug!(target: target::CONN, "session={} connected", number(id));
        Ok(())
    }

    /// Ends the connections of those who have been here for long without asking for anything, for
    /// the sake of those who cannot come in.
    pub(crate) fn make_room(&mut self, now: Time) {
        let silent = |conn: &Conn| {
            let since = conn.silent_since()?;
            (since.after_ms(SILENCE_MS) <= now).then_some(conn.id())
        };
        let silent: Vec<_> = self.slots.iter().flatten().filter_map(silent).collect();
        for session in silent {
            let text = "dropped: others need its place, and it has never asked for anything";
            let number = number(session);
            self.system_log
                .tell(SILENT, format_args!("session={number} {text}"));
            self.lose(session);
        }
    }

    /// Clients that will be heard of are missed after so long.
    pub(crate) fn miss_after(&mut self, heartbeat: Option<Duration>) {
        self.heartbeat = heartbeat;
    }

    /// All that are there, and whether each may hold something.
    pub(crate) fn sessions(&self) -> Vec<(SessionId, bool)> {
        let conns = self.slots.iter().flatten();
        let connected = conns.map(|conn| (conn.id(), conn.conversation().may_hold()));
        let kept = self.kept_peers().map(|(session, _)| (session, true));
        connected.chain(kept).collect()
    }

    /// The connection of `session`, if it is still there.
    fn get(&self, session: SessionId) -> Option<&Conn> {
        let conn = self.slots.get(slot(session))?.as_ref();
        conn.filter(|conn| conn.id() == session)
    }

    /// The same, to be changed.
    pub(crate) fn get_mut(&mut self, session: SessionId) -> Option<&mut Conn> {
        let conn = self.slots.get_mut(slot(session))?.as_mut();
        conn.filter(|conn| conn.id() == session)
    }

    /// Takes note of what the system tells about a socket; the session, if it is still there and
    /// there is something to read.
    pub(crate) fn hear_of(&mut self, wanted: Token, event: &Event) -> Option<SessionId> {
        let conn = self.slots.get_mut(wanted.0 % (1 << SLOT_BITS))?.as_mut()?;
        let session = conn.id();
        if token(session) != wanted {
            return None;
        }
        if event.is_read_closed() {
            conn.note_half_closed();
        }
        if event.is_writable() && conn.becomes_due(true) {
            self.due.push(session);
        }
        let readable = event.is_readable() || event.is_read_closed() || event.is_error();
        trace!(
            target: target::CONN,
            "session={} readable={readable} writable={} closed={}",
            number(session),
            event.is_writable(),
            event.is_read_closed()
        );
        readable.then_some(session)
    }

    /// Does what the lock manager wants done. What is meant for somebody who has gone is dropped:
    /// the manager has been told, or will be.
    pub(crate) fn act(&mut self, now: Time, action: Action) {
        match action {
            Action::Answer {
                session,
                step,
                outcome,
                element,
                granted,
            } => {
                self.metrics.answered(outcome);
                let word = Word {
                    outcome,
                    element,
                    granted,
                };
                self.answer(now, session, step, word);
            }
            Action::Deadlock {
                session,
                step,
                circle,
            } => {
                self.metrics.answered(Outcome::Deadlock);
                let word = Word {
                    element: Some(self.tell_circle(&circle)),
                    ..Outcome::Deadlock.into()
                };
                self.answer(now, session, step, word);
            }
            Action::Close { session, reason } => {
                if let Some(conn) = self.take(session) {
                    self.forget_claim(conn.id());
                    self.metrics.refused(figures::RULES);
                    self.tell_dropped(&conn, reason);
                }
            }
        }
    }

    /// Gives an answer to `session`. If it is the last one, the session is over.
    pub(crate) fn answer(
        &mut self,
        now: Time,
        session: SessionId,
        step: Step,
        word: impl Into<Word>,
    ) {
        let word = word.into();
        let outcome = word.outcome;
        let Some(conn) = self.slots.get_mut(slot(session)).and_then(Option::as_mut) else {
            return;
        };
        if conn.id() != session || conn.conversation().is_over() {
            return;
        }
        let said = conn.say(now, &self.answers, step, word);
        if outcome == Outcome::Granted
            && let Some((kind, mode, asked)) = conn.conversation().request()
        {
            let waited = now.since(asked).as_millis();
            self.metrics
                .granted(kind, mode, u64::try_from(waited).unwrap_or(u64::MAX));
        }
        if conn.becomes_due(false) {
            self.due.push(session);
        }
        if conn.conversation().is_over() {
            self.gone.push_back(session);
            self.lingering.push_back((now.after_ms(LINGER_MS), session));
        }
        if let Err(slow) = said {
            self.drop_for(session, &slow.into());
        }
    }

    /// Tells `session` that we are there.
    pub(crate) fn pong(&mut self, session: SessionId) {
        let Some(conn) = self.get_mut(session) else {
            return;
        };
        let said = conn.pong();
        if conn.becomes_due(false) {
            self.due.push(session);
        }
        if let Err(slow) = said {
            self.drop_for(session, &slow.into());
        }
    }

    /// Tells somebody who may not look that it may not.
    pub(crate) fn keep_dark(&mut self, session: SessionId, kept_out: &KeptOut) {
        let text = format_args!("session={} is kept out: {kept_out}", number(session));
        self.system_log.tell(KEPT_OUT, text);
        self.metrics.refused(figures::ACCESS);
        let report = Report {
            rc: Outcome::Refused.number(),
            last: true,
            text: kept_out.to_string().into_bytes(),
        };
        self.report(session, report);
    }

    /// Tells `session` a part of what it wants to know, if it is still there.
    pub(crate) fn report(&mut self, session: SessionId, report: Report) {
        let Some(conn) = self.get_mut(session) else {
            return;
        };
        conn.report(report);
        if conn.becomes_due(false) {
            self.due.push(session);
        }
    }

    /// How much of what `session` was told the socket has not taken yet, in bytes; `None` if it has
    /// gone.
    pub(crate) fn unsent(&self, session: SessionId) -> Option<usize> {
        self.get(session).map(Conn::unsent)
    }

    /// Whether `session` has a request that is neither granted nor refused.
    pub(crate) fn is_waiting(&self, session: SessionId) -> bool {
        let conn = self.slots.get(slot(session)).and_then(Option::as_ref);
        conn.is_some_and(|conn| conn.id() == session && conn.conversation().is_waiting())
    }

    /// Has whatever waits to be sent to `session` sent before the loop sleeps.
    pub(crate) fn hasten(&mut self, session: SessionId) {
        if self
            .get_mut(session)
            .is_some_and(|conn| conn.becomes_due(false))
        {
            self.due.push(session);
        }
    }

    /// Ends a connection: everything of it is given back at once.
    pub(crate) fn lose(&mut self, session: SessionId) {
        let Some(mut conn) = self.take(session) else {
            return;
        };
        if !conn.conversation().is_over() {
            if !self.keep(&conn) {
                self.gone.push_back(session);
            }
        } else {
            self.forget_claim(conn.id());
            if !conn.is_flushed() {
                // It closed without waiting for its last answer; it may still read it. If not,
                // nothing is lost.
                let _ = conn.send();
            }
        }
        conn.conversation().log_end(session);
        debug!(target: target::CONN, "session={} ended", number(session));
    }

    /// Nothing that `session` says counts any more, but its connection stays until it is lost.
    pub(crate) fn conclude(&mut self, session: SessionId) {
        if let Some(conn) = self.get_mut(session) {
            conn.conclude();
            self.gone.push_back(session);
        }
    }

    /// Somebody who has gone and of whom the lock manager has to be told.
    pub(crate) fn next_gone(&mut self) -> Option<SessionId> {
        self.gone.pop_front()
    }

    /// Whether anything has to be sent before the loop sleeps.
    pub(crate) fn is_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// Sends what is due. Who cannot be reached is gone.
    pub(crate) fn flush(&mut self, registry: &Registry) {
        let mut due = std::mem::take(&mut self.due);
        for session in due.drain(..) {
            if self.send(session, registry).is_err() {
                if let Some(conn) = self.get_mut(session) {
                    conn.note_broken();
                }
                self.lose(session);
            }
        }
        self.due = due; // for its memory
    }

    fn send(&mut self, session: SessionId, registry: &Registry) -> io::Result<()> {
        let Some(conn) = self.get_mut(session) else {
            return Ok(());
        };
        if let Some(interest) = conn.send()? {
            let socket = conn.as_raw_fd();
            registry.reregister(&mut SourceFd(&socket), token(session), interest)?;
        }
        if conn.conversation().is_over() && conn.is_flushed() {
            conn.half_close();
        }
        Ok(())
    }

    /// Ends the connections of those who should have closed by now.
    pub(crate) fn expire(&mut self, now: Time) {
        while let Some((end, session)) = self.lingering.front().copied()
            && end <= now
        {
            self.lingering.pop_front();
            self.lose(session);
        }
        self.expire_handshakes(now);
        self.expire_kept(now);
    }

    /// When [`expire`](Self::expire) has something to do.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        let fronts = [self.lingering.front(), self.shaking_hands.front()];
        let fronts = fronts.into_iter().flatten().map(|(end, _)| *end);
        fronts.chain(self.next_kept()).min()
    }

    /// Whether a connection has ended since the last call.
    pub(crate) fn take_room(&mut self) -> bool {
        std::mem::take(&mut self.room)
    }

    /// Forgets a connection. Closing its only descriptor ends the system's watch over it.
    fn take(&mut self, session: SessionId) -> Option<Conn> {
        self.get_mut(session)?;
        self.free.push(slot(session));
        self.room = true;
        let mut conn = self.slots[slot(session)].take()?;
        self.count_out(&mut conn);
        Some(conn)
    }
}

fn slot(session: SessionId) -> usize {
    usize::try_from(session.0 % (1 << SLOT_BITS)).expect("slots are counted by usize")
}

/// Where a word has 32 bits, the upper ones of the serial are lost; 12 of them still tell a late
/// event from one for a newcomer.
fn token(session: SessionId) -> Token {
    Token(session.0 as usize)
}

mod acquaintance;
mod circle;
mod figures;
mod kept;
mod leaving;
#[cfg(test)]
mod tests;

use acquaintance::Acquaintance;
use kept::Kept;
