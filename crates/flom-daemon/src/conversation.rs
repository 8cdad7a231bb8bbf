//! What one peer says and is told: whose turn it is, and whether the values make sense.
//!
//! The one place where the language of the wire and the words of the lock manager are both seen.
//! Whatever gets past here as an [`Event`] is sound; whatever does not ends this conversation and
//! nothing else (`spec/protocol.md` §7, §14).

use std::mem;
use std::sync::Arc;

use flom_core::{Event, Nesting, Request, Step};
use flom_proto::{Lock, Message, Session, Ties, Unlock};
use flom_status::metrics::Stake;
use flom_types::limits::IDLE_LIFESPAN_MS;
use flom_types::{
    LockMode, NameError, Outcome, QUESTION, ResourceKind, ResourceName, SessionId, Time, Token,
    Who, target,
};
use log::{debug, trace};

use crate::answers::Form;
use crate::conns::number;
use crate::observers::Question;

/// The conversation with one peer.
#[derive(Debug, Default)]
pub struct Conversation {
    state: State,
    dialect: Dialect,
    /// Whether a lock has ever been granted: while nothing is known to the contrary, one is held.
    may_hold: bool,
    /// Whether the latest request is neither granted nor refused.
    is_waiting: bool,
    /// The latest request, for the log.
    asked: Option<Asked>,
    /// What the peer has of the resource that it asked for, for the figures.
    stake: Stake,
    /// Who the peer says it is, if it says so.
    who: Option<Arc<Who>>,
    /// What the peer shows to come back for its lock, and for how long that is kept in ms.
    grace: Option<(Token, u32)>,
    /// Whether the peer will be heard of from time to time.
    is_heard_of: bool,
    /// The latest resource that was unlocked without having been asked for, for the log.
    mixed_up: Option<ResourceName>,
}

/// What the peer understands, as far as its latest request tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Dialect {
    /// The protocol as it is written.
    #[default]
    Plain,
    /// As FLoM 1.7.2 speaks it: that always names the machine it runs on.
    Old,
    /// More than FLoM 1.7.2 does; it has said so.
    Extended,
}

/// Where the conversation stands, as far as it decides what may be said next.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    /// Nothing ties the peer to a resource.
    #[default]
    Unbound,
    /// Its request waits for the resource to be created.
    Parked,
    /// Tied to a resource, which it holds, has held or waits for.
    Bound,
    /// It has been told its last answer; nothing it says counts any more.
    Over,
}

#[derive(Debug)]
struct Asked {
    resource: ResourceName,
    mode: LockMode,
    at: Time,
}

/// What a message comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard {
    /// For the lock manager.
    Event(Event),
    /// To be answered without asking the lock manager: there is no such resource.
    InvalidName(NameError),
    /// To be answered without asking the lock manager: it asks for [`QUESTION`], only to learn from
    /// the answer who we are.
    WhoAreYou,
    /// It wants to look at what the daemon keeps.
    Observe(Box<Question>),
    /// It wants to know whether we are there.
    Ping,
    /// It is there.
    Pong,
    /// It goes on with a lock that was granted over another connection.
    Resume {
        /// What it says to show whose lock it is.
        token: Token,
        /// What was granted, as it was asked for.
        request: Request,
    },
    /// The daemon is to end.
    Shutdown {
        /// With locks still held.
        immediate: bool,
    },
}

/// What a peer did wrong. Its connection is closed, everything it held is given back.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PeerFault {
    /// It was not its turn to say this.
    #[error("it sent {message} while {state}")]
    OutOfTurn {
        /// What it said.
        message: &'static str,
        /// Where the conversation stood.
        state: &'static str,
    },
    /// There is no lock mode of that number.
    #[error("it asked for lock mode {0}, there is none such")]
    Mode(i64),
    /// So few units cannot be asked for.
    #[error("it asked for {0} units, at least 1 makes sense")]
    Quantity(i64),
    /// Nothing of that name can be locked.
    #[error("it unlocked what is no resource: {0}")]
    UnlockName(NameError),
    /// Nothing of that name can be looked at.
    #[error("it wants to look at what is no resource: {0}")]
    ObserveName(NameError),
}

impl Conversation {
    /// What `message` comes to, said by `session` at this point of the conversation.
    ///
    /// # Errors
    ///
    /// The peer has broken the rules, and has to go.
    pub fn hear(
        &mut self,
        now: Time,
        session: SessionId,
        message: Message,
    ) -> Result<Heard, PeerFault> {
        match (self.state, message) {
            (State::Unbound | State::Parked | State::Bound, Message::Lock(mut lock)) => {
                self.meet(lock.session.as_mut());
                let ties = lock.session.as_mut().and_then(ties);
                self.lock(now, session, &lock, ties)
            }
            (State::Unbound | State::Parked | State::Bound, Message::Observe(mut observe)) => {
                self.meet(observe.session.as_mut());
                question(&observe).map(|question| Heard::Observe(Box::new(question)))
            }
            (State::Unbound | State::Parked | State::Bound, Message::Ping) => Ok(Heard::Ping),
            (State::Unbound | State::Parked | State::Bound, Message::Pong) => Ok(Heard::Pong),
            (State::Bound, Message::Unlock(unlock)) => self.unlock(session, &unlock),
            (State::Unbound, Message::Shutdown(order)) => {
                self.dialect = order.session.as_ref().map_or(Dialect::Plain, dialect);
                let immediate = order.immediate;
                Ok(Heard::Shutdown { immediate })
            }
            (state, message) => Err(PeerFault::OutOfTurn {
                message: name(&message),
                state: state.name(),
            }),
        }
    }

    /// The form of the answer that the lock manager has for this peer.
    ///
    /// A parked request that turns out to be impossible is refused in step 24, but not that of an
    /// old client, which takes all it hears there but "queued" for its lock (`spec/protocol.md` §5).
    pub fn tell(&mut self, now: Time, session: SessionId, step: Step, outcome: Outcome) -> Form {
        self.log(now, session, outcome);
        self.state = match outcome {
            Outcome::Granted
            | Outcome::Queued
            | Outcome::Busy
            | Outcome::Impossible
            | Outcome::Deadlock => State::Bound,
            Outcome::Parked => State::Parked,
            Outcome::CannotWait => State::Unbound,
            Outcome::Refused | Outcome::InvalidName => State::Over,
        };
        self.may_hold |= outcome == Outcome::Granted;
        self.is_waiting = outcome.is_waiting();
        self.stake = match (outcome, self.stake) {
            (Outcome::Granted, _) => Stake::Holds(now),
            (_, Stake::Holds(since)) => Stake::Holds(since),
            (outcome, _) if outcome.is_waiting() => Stake::Waits,
            _ => Stake::None,
        };
        match step {
            Step::First if self.dialect == Dialect::Extended => Form::FirstExtended,
            Step::First => Form::First,
            Step::Later if outcome == Outcome::Impossible && self.dialect == Dialect::Old => {
                Form::Last
            }
            Step::Later => Form::Later,
            Step::Refusal => Form::Last,
        }
    }

    /// The daemon is going to end because of this peer, and nothing else it says counts.
    pub fn conclude(&mut self) {
        self.state = State::Over;
    }

    /// Whether the peer has said that it understands more than FLoM 1.7.2 does.
    pub(crate) fn is_extended(&self) -> bool {
        self.dialect == Dialect::Extended
    }

    /// Whether the peer has been told its last answer.
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// The resource that the peer has unlocked and the one that it had asked for, if they differ.
    pub(crate) fn mixed_up(&self) -> Option<(&ResourceName, &ResourceName)> {
        Some((self.mixed_up.as_ref()?, &self.asked.as_ref()?.resource))
    }

    /// Whether the peer has ever asked for a lock.
    pub(crate) fn has_asked(&self) -> bool {
        self.asked.is_some()
    }

    /// Who the peer says it is, if it says so.
    pub(crate) fn who(&self) -> Option<&Arc<Who>> {
        self.who.as_ref()
    }

    /// What the latest request was for, how, and when it was made.
    pub(crate) fn request(&self) -> Option<(ResourceKind, LockMode, Time)> {
        let asked = self.asked.as_ref()?;
        Some((asked.resource.kind(), asked.mode, asked.at))
    }

    /// What the peer shows to come back for its lock, and for how long that is to be kept, in ms.
    pub(crate) fn grace(&self) -> Option<(Token, u32)> {
        self.grace
    }

    /// Whether the peer has said that it will be heard of from time to time.
    pub(crate) fn is_heard_of(&self) -> bool {
        self.is_heard_of
    }

    /// What the latest request was for, and how.
    pub(crate) fn asked(&self) -> Option<(&ResourceName, LockMode)> {
        let asked = self.asked.as_ref()?;
        Some((&asked.resource, asked.mode))
    }

    /// What the peer has of what it asked for last; from now on it has nothing. Of several locks
    /// that one peer holds, only the latest counts.
    pub(crate) fn take_stake(&mut self) -> (ResourceKind, Stake) {
        let kind = self.asked.as_ref().map(|asked| asked.resource.kind());
        let stake = mem::take(&mut self.stake);
        (kind.unwrap_or(ResourceKind::Simple), stake)
    }

    /// Takes note of who the peer says it is.
    fn meet(&mut self, session: Option<&mut Session>) {
        if let Some(who) = session.and_then(|session| session.who.take()) {
            self.who = Some(Arc::new(in_short(*who)));
        }
    }

    /// Whether the latest request is neither granted nor refused.
    pub(crate) fn is_waiting(&self) -> bool {
        self.is_waiting
    }

    /// Whether others may be served when this peer goes.
    pub fn may_hold(&self) -> bool {
        self.may_hold
    }

    fn lock(
        &mut self,
        now: Time,
        session: SessionId,
        lock: &Lock,
        ties: Option<Box<Ties>>,
    ) -> Result<Heard, PeerFault> {
        self.dialect = lock.session.as_ref().map_or(Dialect::Plain, dialect);
        if self.state == State::Unbound && !lock.wait && !lock.create && lock.name == QUESTION {
            return Ok(Heard::WhoAreYou);
        }
        let resource = match ResourceName::parse(&lock.name) {
            Ok(resource) => resource,
            Err(error) => return Ok(Heard::InvalidName(error)),
        };
        trace!(
            target: target::RESOURCE,
            "session={} names resource={resource}, which is {:?}",
            number(session),
            resource.kind()
        );
        let request = Request {
            mode: mode(lock.mode, resource.kind())?,
            quantity: quantity(lock.quantity, resource.kind())?,
            wait: lock.wait,
            create: lock.create,
            idle_lifespan_ms: u64::try_from(lock.lifespan)
                .unwrap_or(0)
                .min(IDLE_LIFESPAN_MS),
            resource,
        };
        self.asked = Some(Asked {
            resource: request.resource.clone(),
            mode: request.mode,
            at: now,
        });
        let tied = ties.and_then(|ties| self.tie(*ties));
        let nesting = match tied {
            Some((nesting, true)) => {
                let token = nesting.lineage.own();
                return Ok(Heard::Resume { token, request });
            }
            Some((nesting, false)) => Some(nesting),
            None => None,
        };
        Ok(Heard::Event(Event::Lock {
            session,
            request,
            nesting,
        }))
    }

    /// Takes note of what ties a request to its connection; what ties it to others is for the lock
    /// manager, and whether it goes on with a lock that it has.
    fn tie(&mut self, ties: Ties) -> Option<(Box<Nesting>, bool)> {
        self.is_heard_of |= ties.beat_ms > 0;
        let lineage = ties.lineage?;
        self.grace = (ties.grace_ms > 0).then(|| (lineage.own(), ties.grace_ms));
        let nesting = Nesting {
            lineage,
            reentrant: ties.reentrant,
        };
        Some((Box::new(nesting), ties.resume))
    }

    /// Nearly always the resource of the latest request, whose name need not be looked at again.
    fn unlock(&mut self, session: SessionId, unlock: &Unlock) -> Result<Heard, PeerFault> {
        let asked = self.asked.as_ref().map(|asked| &asked.resource);
        let resource = match asked.filter(|asked| asked.as_bytes() == unlock.name) {
            Some(asked) => asked.clone(),
            None => {
                let other = ResourceName::parse(&unlock.name).map_err(PeerFault::UnlockName)?;
                self.mixed_up = Some(other.clone());
                other
            }
        };
        let rollback = unlock.rollback;
        Ok(Heard::Event(Event::Unlock {
            session,
            resource,
            rollback,
            ended: unlock.ended,
        }))
    }

    fn log(&self, now: Time, session: SessionId, outcome: Outcome) {
        if let Some(Asked { resource, mode, at }) = &self.asked {
            let ms = now.since(*at).as_millis();
            let session = number(session);
            debug!(
                target: target::of_resource(resource.kind()),
                "session={session} resource={resource} mode={mode} {outcome} after {ms} ms"
            );
        }
    }

    /// For those who trace what becomes of a resource: the connection ends.
    pub(crate) fn log_end(&self, session: SessionId) {
        if let (State::Parked | State::Bound, Some(Asked { resource, .. })) =
            (self.state, &self.asked)
        {
            trace!(
                target: target::of_resource(resource.kind()),
                "session={} ends, and leaves resource={resource}",
                number(session)
            );
        }
    }
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Unbound => "it has no request",
            Self::Parked => "it waits for a resource to be created",
            Self::Bound => "it has a request",
            Self::Over => "it has had its last answer",
        }
    }
}

fn name(message: &Message) -> &'static str {
    match message {
        Message::Lock(_) => "a lock request",
        Message::Answer(_) => "an answer",
        Message::Unlock(_) => "an unlock",
        Message::Ping => "a ping",
        Message::Pong => "a pong",
        Message::Discover => "a discovery query",
        Message::Here(_) => "a discovery reply",
        Message::Shutdown(_) => "a shutdown order",
        Message::Observe(_) => "a question about locks",
        Message::Report(_) => "a report about locks",
    }
}

#[cfg(test)]
mod tests;
mod values;

use values::{dialect, in_short, mode, quantity, question, ties};
