//! A daemon without sockets: bytes to messages to events, actions to answers to bytes, in turns as
//! the real one takes them.

use std::collections::{BTreeMap, VecDeque};

use flom_core::{Action, Event, Fairness, LockManager, Step};
use flom_daemon::answers::{Answers, Word};
use flom_daemon::conversation::{Conversation, Heard};
use flom_proto::Decoder;
use flom_types::{Now, Outcome, SessionId, Time};
use jiff::tz::TimeZone;

use crate::pipe::Piece;

/// How long a peer that has had its last answer may take to close, in ms.
const LINGER_MS: u64 = 2000;

/// Who is connected, and the locks.
#[derive(Debug)]
pub struct Daemon {
    /// Who holds what.
    pub manager: LockManager,
    answers: Answers,
    conns: BTreeMap<SessionId, Conn>,
    /// Who has something new.
    ready: Vec<SessionId>,
    /// Who has gone without the lock manager knowing.
    gone: VecDeque<SessionId>,
    deeds: Vec<Deed>,
}

#[derive(Debug, Default)]
struct Conn {
    decoder: Decoder,
    conversation: Conversation,
    output: Vec<u8>,
    ended: bool,
    /// Until when the peer may take to close, after its last answer.
    lingers: Option<Time>,
}

/// What a daemon does, in the order in which it does it.
#[derive(Debug)]
pub enum Deed {
    /// The lock manager is told.
    Heard(Event),
    /// The lock manager wants this.
    Told(Action),
    /// These bytes go to a client.
    Sent(SessionId, Vec<u8>),
    /// Nothing more goes to a client.
    Ended(SessionId),
}

impl Daemon {
    /// A daemon that nobody has connected to yet; timestamps show the time of `zone`.
    pub fn new(fairness: Fairness, zone: TimeZone) -> Self {
        Self {
            manager: LockManager::new(fairness, zone),
            answers: Answers::of("0123456789abcdef0123456789abcdef".into()),
            conns: BTreeMap::new(),
            ready: Vec::new(),
            gone: VecDeque::new(),
            deeds: Vec::new(),
        }
    }

    /// Somebody connects.
    pub fn admit(&mut self, session: SessionId) {
        self.conns.insert(session, Conn::default());
    }

    /// Whether nobody is connected.
    pub fn is_empty(&self) -> bool {
        self.conns.is_empty()
    }

    /// Something has come from a client; it is looked at in the next turn.
    pub fn receive(&mut self, session: SessionId, piece: &Piece) {
        if let Some(conn) = self.conns.get_mut(&session) {
            if !conn.conversation.is_over() {
                conn.decoder.feed(&piece.bytes);
            }
            conn.ended |= piece.ends;
            if !self.ready.contains(&session) {
                self.ready.push(session);
            }
        }
    }

    /// When a turn is due although nothing comes.
    pub fn next_deadline(&self) -> Option<Time> {
        let lingering = self.conns.values().filter_map(|conn| conn.lingers).min();
        [self.manager.next_deadline(), lingering]
            .into_iter()
            .flatten()
            .min()
    }

    /// Deals with everything that has come, and with the clock. Who has gone without a word goes
    /// first, and of those the ones that only wait.
    pub fn turn(&mut self, now: Now) -> Vec<Deed> {
        let ready = std::mem::take(&mut self.ready);
        for may_hold in [false, true] {
            for session in &ready {
                let conn = self.conns.get(session);
                if conn.is_some_and(|conn| {
                    conn.is_silent() && (may_hold || !conn.conversation.may_hold())
                }) {
                    self.lose(*session);
                }
            }
            self.settle(now);
        }
        for session in ready {
            self.converse(now, session);
        }
        self.tick(now);
        self.expire(now);
        self.flush();
        std::mem::take(&mut self.deeds)
    }

    fn converse(&mut self, now: Now, session: SessionId) {
        while let Some(conn) = self.conns.get_mut(&session) {
            if conn.conversation.is_over() {
                break;
            }
            let message = match conn.decoder.next_message() {
                Ok(Some(message)) => message,
                Ok(None) => break,
                Err(_) => return self.drop(now, session),
            };
            match conn.conversation.hear(now.time, session, message) {
                Ok(Heard::Event(event)) => self.decide(now, event),
                Ok(Heard::InvalidName(_)) => {
                    self.answer(now, session, Step::First, Outcome::InvalidName.into());
                }
                Ok(Heard::WhoAreYou) => {
                    self.answer(now, session, Step::First, Outcome::CannotWait.into());
                }
                // Changes nothing, and nobody here looks.
                Ok(Heard::Observe(_) | Heard::Ping | Heard::Pong | Heard::Resume { .. }) => {}
                Ok(Heard::Shutdown { .. }) => {
                    conn.conversation.conclude();
                    self.gone.push_back(session);
                    self.decide(now, Event::Drain);
                }
                Err(_) => return self.drop(now, session),
            }
        }
        if self.conns.get(&session).is_some_and(|conn| conn.ended) {
            self.drop(now, session);
        }
        self.settle(now);
    }

    fn drop(&mut self, now: Now, session: SessionId) {
        self.lose(session);
        self.settle(now);
    }

    fn lose(&mut self, session: SessionId) {
        if let Some(conn) = self.conns.remove(&session) {
            if !conn.conversation.is_over() {
                self.gone.push_back(session);
            }
            self.deeds.push(Deed::Ended(session));
        }
    }

    /// Has the lock manager deal with an event, and before with what the clock has brought about:
    /// it would do so anyway, but who watches wants to know what comes from what.
    fn decide(&mut self, now: Now, event: Event) {
        self.tick(now);
        self.tell(now, event);
    }

    fn tick(&mut self, now: Now) {
        let due = self.manager.next_deadline();
        if due.is_some_and(|due| due <= now.time) {
            self.tell(now, Event::Tick);
        }
    }

    fn tell(&mut self, now: Now, event: Event) {
        self.deeds.push(Deed::Heard(event.clone()));
        let actions: Vec<Action> = self.manager.handle(now, event).collect();
        for action in actions {
            self.deeds.push(Deed::Told(action.clone()));
            match action {
                Action::Answer {
                    session,
                    step,
                    outcome,
                    element,
                    ..
                } => {
                    let word = Word {
                        element,
                        ..outcome.into()
                    };
                    self.answer(now, session, step, word);
                }
                Action::Deadlock { session, step, .. } => {
                    self.answer(now, session, step, Outcome::Deadlock.into());
                }
                Action::Close { session, .. } => {
                    if self.conns.remove(&session).is_some() {
                        self.deeds.push(Deed::Ended(session));
                    }
                }
            }
        }
    }

    fn answer(&mut self, now: Now, session: SessionId, step: Step, word: Word) {
        let Some(conn) = self.conns.get_mut(&session) else {
            return;
        };
        if conn.conversation.is_over() {
            return;
        }
        let form = conn
            .conversation
            .tell(now.time, session, step, word.outcome);
        self.answers.write(form, word, &mut conn.output);
        if conn.conversation.is_over() {
            self.gone.push_back(session);
            conn.lingers = Some(now.time.after_ms(LINGER_MS));
        }
    }

    /// Tells the lock manager who has gone, until nobody has.
    fn settle(&mut self, now: Now) {
        while let Some(session) = self.gone.pop_front() {
            self.decide(now, Event::Gone { session });
        }
    }

    fn expire(&mut self, now: Now) {
        let late = self.conns.iter().filter_map(|(session, conn)| {
            conn.lingers
                .is_some_and(|end| end <= now.time)
                .then_some(*session)
        });
        for session in late.collect::<Vec<_>>() {
            self.lose(session);
        }
        self.settle(now);
    }

    fn flush(&mut self) {
        for (session, conn) in &mut self.conns {
            if !conn.output.is_empty() {
                let output = std::mem::take(&mut conn.output);
                self.deeds.push(Deed::Sent(*session, output));
            }
            if conn.conversation.is_over() {
                self.deeds.push(Deed::Ended(*session));
            }
        }
    }
}

impl Conn {
    /// Whether the peer has closed and nothing that it said is left.
    fn is_silent(&self) -> bool {
        self.ended && (self.conversation.is_over() || self.decoder.pending() == 0)
    }
}
