//! The loop: one turn is sleep, look at the clock, accept, read, decide, flush.
//!
//! Nothing in it blocks but the sleep, and no peer gets more than its share of a turn. What one peer
//! does, or suffers, ends its own connection and never the turn.

use std::io;
use std::mem;
use std::os::unix::net::UnixListener;

use flom_core::{Event, LockManager, Step};
use flom_net::Peer;
use flom_types::{Now, Outcome, SessionId, Time, target};
use log::{trace, warn};
use mio::{Events, Poll, Token};
use signal_hook::low_level::signal_name;

use crate::access::{Access, Right};
use crate::authority::Authority;
use crate::clock::Clock;
use crate::conn::{Fault, Received};
use crate::conns::{Conns, number};
use crate::conversation::Heard;
use crate::discovery::Discovery;
use crate::ending::{Due, Ending};
use crate::entrances::Entrances;
use crate::http::{House, Http};
use crate::observers::{Observers, Question};
use crate::records::{END, FAILED, IMMEDIATE, QUIESCE, REFUSED};
use crate::signals::Watchman;
use crate::state::{Fences, Marks};
use crate::system_log::SystemLog;
use crate::trace;
use crate::window::Exhibition;

/// Tokens of what is no connection; `conns.rs` leaves the last 16 slots for them. Those below are
/// for doors.
const GROUP: Token = Token(usize::MAX);
const SIGNALS: Token = Token(usize::MAX - 1);
const HTTP: Token = Token(usize::MAX - 11);

/// Below those for doors and their files.
const WINDOW: Token = Token(usize::MAX - 15);

/// Events taken from the system in one turn; those that are left come with the next.
const EVENTS: usize = 1024;

/// TLS handshakes that are looked after in one turn. Each step costs a signature, some ms at worst:
/// many of them at once must not hold up those who have something to say.
const HANDSHAKES: usize = 4;

/// Bytes read from one connection in one turn.
const SHARE_BYTES: usize = 64 * 1024;

/// A daemon with its sockets open.
///
/// Clients can connect from the moment it exists; [`run`](Self::run) serves them.
#[derive(Debug)]
pub struct Daemon {
    /// Taken down before anything else ends.
    exhibition: Option<Exhibition>,
    // At the end fields go in this order: nobody may come in any more when clients see that their
    // connections have ended.
    entrances: Entrances,
    discovery: Option<Discovery>,
    /// Held, never used: keeps other daemons of this host out of our group.
    _claim: Option<UnixListener>,
    conns: Conns,
    manager: LockManager,
    observers: Observers,
    http: Option<Http>,
    /// Why there is no HTTP though there should be.
    http_failure: Option<io::Error>,
    ending: Ending,
    fences: Fences,
    marks: Marks,
    authority: Authority,
    access: Access,
    signals: Option<Watchman>,
    /// Whom to read from in this turn.
    ready: Vec<SessionId>,
    /// Who has used up the share of a turn and goes on with the next.
    unfinished: Vec<SessionId>,
    /// How many handshakes may still be looked after in this turn.
    handshakes: usize,
    buffer: Vec<u8>,
    clock: Clock,
    poll: Poll,
    events: Events,
    system_log: SystemLog,
}

/// The system does not tell the daemon about its sockets any more, so it cannot go on.
#[derive(Debug, thiserror::Error)]
#[error("cannot wait for sockets")]
pub struct RunError(#[from] io::Error);

impl Daemon {
    /// Serves until the daemon is told to end, or nobody needs it any more. The sockets are closed,
    /// and the name of a UNIX socket is removed, before the last connections end.
    ///
    /// # Errors
    ///
    /// [`RunError`]; sockets and connections are closed then, too.
    pub fn run(mut self) -> Result<(), RunError> {
        self.announce();
        let ended = self.serve();
        self.keep_for_the_next();
        self.take_down();
        ended
    }

    fn serve(&mut self) -> Result<(), RunError> {
        loop {
            let now = self.turn().inspect_err(|RunError(cause)| {
                let text = format_args!("ends: cannot wait for sockets: {cause}");
                self.system_log.tell(FAILED, text);
            })?;
            if self.is_over(now.time) {
                return Ok(());
            }
            for session in self.ending.ordered_by() {
                self.conns.lose(session);
            }
        }
    }

    fn turn(&mut self) -> Result<Now, RunError> {
        self.sleep()?; // the only call that blocks
        let now = self.clock.now(); // what counts as now for all that happens in this turn
        self.conns.begin_turn(now.time);
        self.sort();
        self.accept(now.time);
        self.answer_queries(now.time);
        self.read(now);
        self.show(now);
        self.show_over_http(now);
        self.tick(now);
        self.flush(now);
        self.keep_up(now);
        Ok(now)
    }

    fn sleep(&mut self) -> io::Result<()> {
        let deadline = self.next_deadline();
        let timeout = deadline.map(|deadline| deadline.since(self.clock.time()));
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    /// When there is something to do that the system does not tell: at once, if something was left
    /// undone for being more than the share of a turn.
    fn next_deadline(&self) -> Option<Time> {
        let left_undone =
            !self.unfinished.is_empty() || self.discovery.as_ref().is_some_and(Discovery::is_ready);
        let deadlines = [
            left_undone.then(Time::default),
            self.entrances.next_deadline(),
            self.conns.next_deadline(),
            self.manager.next_deadline(),
            self.ending.next_deadline(&self.manager),
            self.observers.next_deadline(&self.conns),
            self.is_looked_at().then(Time::default),
            self.http.as_ref().and_then(Http::next_deadline),
            self.next_keeping(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Sorts what the system tells by what it is about.
    fn sort(&mut self) {
        mem::swap(&mut self.ready, &mut self.unfinished);
        trace!(
            target: target::DAEMON,
            "woken by {} events, {} sessions",
            self.events.iter().count(),
            self.conns.len()
        );
        for event in &self.events {
            match event.token() {
                GROUP => self.discovery.iter_mut().for_each(Discovery::knock),
                WINDOW => {} // the frame knows
                HTTP => self.http.iter_mut().for_each(Http::knock),
                SIGNALS => {
                    if let Some(signal) = self.signals.as_mut().and_then(Watchman::heed) {
                        let name = signal_name(signal).unwrap_or("a signal");
                        self.system_log
                            .tell(END, format_args!("ends: told to by {name}"));
                        self.ending.order_at_once();
                    }
                }
                token if self.entrances.knock(token) => {}
                token => self.ready.extend(self.conns.hear_of(token, event)),
            }
        }
    }

    fn accept(&mut self, now: Time) {
        if self.conns.take_room() {
            self.entrances.make_room();
        }
        let newcomers = self
            .entrances
            .let_in(now, &mut self.conns, self.poll.registry());
        if newcomers > 0 {
            self.ending.lifespan.newcomer(now);
        }
    }

    fn answer_queries(&mut self, now: Time) {
        let answered = self.discovery.as_mut().map_or(0, |d| d.serve(|_| false));
        if answered > 0 {
            self.conns.metrics().discovery_answers += answered as u64;
            self.ending.lifespan.query(now);
        }
    }

    /// Bytes to messages to events. Who has gone without a word goes first, and of those the ones
    /// that only wait: so nothing is given to somebody who is known to be gone.
    fn read(&mut self, now: Now) {
        let mut ready = mem::take(&mut self.ready);
        self.handshakes = HANDSHAKES;
        for &session in &ready {
            self.receive(session);
        }
        self.settle(now);
        for &session in &ready {
            if self
                .conns
                .get_mut(session)
                .is_some_and(|conn| conn.has_ended() && conn.is_used_up())
            {
                self.conns.lose(session);
            }
        }
        self.settle(now);
        for session in ready.drain(..) {
            self.converse(now, session);
        }
        self.ready = ready; // for its memory
    }

    fn receive(&mut self, session: SessionId) {
        let Some(conn) = self.conns.get_mut(session) else {
            return;
        };
        let is_handshake = conn.is_shaking_hands();
        if is_handshake && self.handshakes == 0 {
            self.unfinished.push(session);
            return;
        }
        if conn.receive(&mut self.buffer) == Received::Share {
            self.unfinished.push(session);
        }
        if conn.has_ended() && conn.is_used_up() && !conn.conversation().may_hold() {
            self.conns.lose(session);
        } else if is_handshake {
            self.handshakes -= 1;
            self.conns.hasten(session);
        }
    }

    /// Deals with everything that a peer has said.
    fn converse(&mut self, now: Now, session: SessionId) {
        while !self.ending.is_at_once()
            && let Some(conn) = self.conns.get_mut(session)
        {
            match conn.next_heard(now.time, &self.system_log) {
                Ok(Some(heard)) => {
                    if let Heard::Event(Event::Unlock { .. }) = heard {
                        let (kind, stake) = conn.take_stake();
                        self.conns.metrics().gave_back(now.time, kind, stake);
                    }
                    self.heed(now, session, heard);
                }
                Ok(None) => {
                    if conn.has_ended() {
                        self.conns.lose(session);
                    }
                    break;
                }
                Err(Fault::OtherPeer(other)) => self.conns.expose(now.time, session, &other),
                Err(fault @ Fault::Layer(_)) => self.conns.turn_away(now.time, session, &fault),
                Err(fault) => self.conns.drop_for(session, &fault),
            }
        }
        self.settle(now);
    }

    fn heed(&mut self, now: Now, session: SessionId, heard: Heard) {
        self.ending.lifespan.activity(now.time);
        match heard {
            Heard::Event(event) if self.may_lock(now, session) => {
                self.conns.mind(session);
                if let Event::Lock { request, .. } = &event {
                    self.conns.note_grace(session, request);
                }
                self.decide(now, event);
            }
            Heard::Resume { token, request } if self.may_lock(now, session) => {
                self.resume(now, session, token, &request);
            }
            Heard::Event(_) | Heard::Resume { .. } => {}
            Heard::InvalidName(error) => {
                warn!(
                    target: target::RESOURCE,
                    "session={} asked for no resource: {error}",
                    number(session)
                );
                let outcome = Outcome::InvalidName;
                self.conns.metrics().answered(outcome);
                self.conns.answer(now.time, session, Step::First, outcome);
            }
            Heard::Shutdown { immediate } => self.obey(now, session, immediate),
            Heard::WhoAreYou => {
                let outcome = Outcome::CannotWait;
                self.conns.answer(now.time, session, Step::First, outcome);
            }
            Heard::Ping => self.conns.pong(session),
            Heard::Pong => {}
            Heard::Observe(question) => self.look(session, *question),
        }
    }

    /// Whether `session` may lock. If not, it is told.
    fn may_lock(&mut self, now: Now, session: SessionId) -> bool {
        if !self.access.is_limited(Right::Lock) {
            return true;
        }
        let Some(conn) = self.conns.get_mut(session) else {
            return false;
        };
        if conn.is_admitted() {
            return true;
        }
        match self.access.check(Right::Lock, || conn.identity()) {
            Ok(()) => {
                conn.note_admitted();
                true
            }
            Err(kept_out) => {
                self.conns.keep_out(now.time, session, &kept_out);
                false
            }
        }
    }

    /// Ends, at once or when idle, if `session` may say so.
    fn obey(&mut self, now: Now, session: SessionId, immediate: bool) {
        let Some(conn) = self.conns.get_mut(session) else {
            return;
        };
        let peer = Peer::of(conn).ok();
        let whose = peer.map_or("somebody who has gone".to_owned(), |peer| peer.to_string());
        let log = &self.system_log;
        let identify = || conn.identity();
        match self.authority.check(peer, &self.access, identify) {
            Err(refusal) => {
                log.tell(REFUSED, format_args!("does not end for {whose}: {refusal}"));
                self.conns.refuse(now.time, session, &refusal);
            }
            Ok(()) if immediate => {
                log.tell(IMMEDIATE, format_args!("ends at once: told to by {whose}"));
                self.ending.order_at_once();
            }
            Ok(()) => {
                log.tell(
                    QUIESCE,
                    format_args!("to end when idle: told to by {whose}"),
                );
                self.drain(now, session);
            }
        }
    }

    fn drain(&mut self, now: Now, session: SessionId) {
        self.conns.conclude(session);
        self.ending.order_drain(session);
        self.decide(now, Event::Drain);
    }

    fn decide(&mut self, now: Now, event: Event) {
        self.ask_manager(now, event);
        self.settle(now);
    }

    /// Tells the lock manager who has gone, until nobody has.
    fn settle(&mut self, now: Now) {
        while let Some(session) = self.conns.next_gone() {
            self.ending.lifespan.activity(now.time);
            self.ask_manager(now, Event::Gone { session });
        }
    }

    fn ask_manager(&mut self, now: Now, event: Event) {
        trace::event(&event);
        for action in self.manager.handle(now, event) {
            trace::action(&action);
            self.conns.act(now.time, action);
        }
    }

    /// Takes note of what `session` wants to know, if it may.
    fn look(&mut self, session: SessionId, question: Question) {
        let Some(conn) = self.conns.get_mut(session) else {
            return;
        };
        if let Err(fault) = conn.note_question() {
            return self.conns.drop_for(session, &fault);
        }
        match self.access.check(Right::Observe, || conn.identity()) {
            Ok(()) => self.observers.ask(session, question),
            Err(kept_out) => self.conns.keep_dark(session, &kept_out),
        }
    }

    /// Whether somebody at the window is to be shown something in the next turn.
    fn is_looked_at(&self) -> bool {
        let exhibition = self.exhibition.as_ref();
        exhibition.is_some_and(|exhibition| exhibition.frame.is_wanted())
    }

    /// Tells those who look a little more.
    fn show(&mut self, now: Now) {
        self.observers
            .serve(now, &self.clock, &self.manager, &mut self.conns);
        if let Some(exhibition) = &mut self.exhibition {
            let frame = &mut exhibition.frame;
            frame.serve(now, &self.manager, &mut self.conns);
        }
    }

    fn show_over_http(&mut self, now: Now) {
        if let Some(http) = &mut self.http {
            let mut house = House {
                clock: &self.clock,
                manager: &self.manager,
                conns: &mut self.conns,
                observers: &mut self.observers,
                access: &self.access,
            };
            http.serve(now, &mut house);
        }
    }

    fn tick(&mut self, now: Now) {
        if self
            .manager
            .next_deadline()
            .is_some_and(|deadline| deadline <= now.time)
        {
            self.decide(now, Event::Tick);
        }
        self.conns.expire(now.time);
        self.settle(now);
    }

    /// Answers to sockets. Who turns out to be gone hands on what it was given, so there may be more.
    fn flush(&mut self, now: Now) {
        // A lock that is granted by a daemon about to end is none.
        while !self.ending.is_at_once() && self.conns.is_due() {
            self.conns.flush(self.poll.registry());
            self.settle(now);
        }
    }

    fn is_over(&mut self, now: Time) -> bool {
        match self.ending.is_due(now, &self.manager) {
            Due::NotYet => false,
            Due::Yes if self.ending.is_at_once() => true, // and has been told already
            Due::Yes => {
                self.system_log.tell(END, "ends: idle, as it was told to");
                true
            }
            Due::IfAlone => self.is_alone(now),
        }
    }

    /// Whether the door could be closed; not if somebody came in the last moment.
    fn is_alone(&mut self, now: Time) -> bool {
        let registry = self.poll.registry();
        let newcomers = self.entrances.close(now, &mut self.conns, registry);
        if newcomers > 0 {
            self.ending.lifespan.newcomer(now);
            return false;
        }
        self.system_log.tell(END, "ends: not used any more");
        true
    }
}

mod exhibiting;
mod opening;
mod remembering;
mod resuming;
#[cfg(test)]
mod tests;
