//! What a client and its daemon say to each other about one lock: whose turn it is and what an
//! answer means (`spec/protocol.md` §6). No I/O; the time is passed in.
//!
//! ```text
//!            16/0                        the lock is held
//!   Asked ─────────────────────────────────────► Held
//!     │ 16/1 queued, 16/2 parked   24/0, 32/0 ▲
//!     └──────────────────────────► Waiting ───┘
//!              anything else, anywhere, is a Fault and ends the conversation
//! ```

use std::time::Duration;

use flom_proto::{Answer, AnswerStep, DecodeError, Decoder, Message, Report};
use flom_types::{Outcome, Previous, Time};

use crate::trace;

/// How long a request is waited for, counted from the moment at which it is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Terms {
    /// Whether the request may be queued or parked.
    pub(crate) waits: bool,
    /// Until when the lock must be held; `None` if there is no limit.
    pub(crate) grant: Option<Limit>,
    /// How long the daemon may take over its first answer, which it can always give at once; `None`
    /// if there is no limit.
    pub(crate) answer: Option<Duration>,
}

/// A limit for the whole of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Limit {
    /// What is left of it.
    pub(crate) left: Duration,
    /// What it was when the call began.
    pub(crate) whole: Duration,
}

/// How far a request has got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Progress {
    /// Not granted yet.
    Waiting {
        /// Whether it is in the queue; else it is not answered yet, or waits for somebody to
        /// create the resource.
        queued: bool,
    },
    /// The lock is held.
    Granted,
}

/// Why a request has come to nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// The daemon refuses, for a reason that it gives with this number.
    Refused(i32),
    /// The time is up.
    TimedOut { after: Duration, queued: bool },
    /// The daemon owes an answer for so long.
    NoAnswer { after: Duration },
    /// The connection has ended.
    Ended { unanswered: bool },
    /// What the daemon says is no message.
    Unreadable(DecodeError),
    /// What the daemon says is no answer to this request, or not now.
    OutOfTurn { said: String },
}

/// One request, from the question to the grant.
#[derive(Debug)]
pub(crate) struct Conversation {
    decoder: Decoder,
    state: State,
    /// Until when the lock must be granted, and how long the whole call may take.
    grant: Option<(Time, Duration)>,
    /// Until when there must be a first answer, and how long that is after the request.
    answer: Option<(Time, Duration)>,
    /// Whether the request may be queued or parked.
    waits: bool,
    /// Whether the daemon understands more than FLoM 1.7.2, once it has answered.
    extended: Option<bool>,
    /// The daemon's id, once it has answered; empty if it does not say.
    peer_id: Option<String>,
    /// Why the daemon refuses, if it has said so in words.
    reason: Option<String>,
    /// What it says to a question beside the request.
    beside: Beside,
}

/// A question beside the request, and what has been said to it.
#[derive(Debug, Default)]
struct Beside {
    is_asked: bool,
    text: Vec<u8>,
    answer: Option<String>,
}

#[derive(PartialEq, Eq, Debug)]
enum State {
    /// The request is sent.
    Asked,
    /// There will be another answer.
    Waiting { queued: bool },
    /// The lock is ours.
    Held(Granted),
}

/// What the daemon has said of a lock that it granted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Granted {
    /// What has been locked, where the resource has elements.
    pub(crate) element: Option<String>,
    /// The number of the grant, larger than that of every earlier one.
    pub(crate) fence: Option<u64>,
    /// How the last exclusive holder ended.
    pub(crate) previous: Option<Previous>,
}

impl Conversation {
    /// A request that is sent `now`.
    pub(crate) fn new(terms: Terms, now: Time) -> Self {
        // A clock of whole milliseconds must not ring before the time has come.
        let end = |limit: Duration| now + limit.saturating_add(Duration::from_nanos(999_999));
        Self {
            decoder: Decoder::new(),
            state: State::Asked,
            grant: terms.grant.map(|limit| (end(limit.left), limit.whole)),
            answer: terms.answer.map(|limit| (end(limit), limit)),
            waits: terms.waits,
            extended: None,
            peer_id: None,
            reason: None,
            beside: Beside::default(),
        }
    }

    /// Takes what the daemon has sent, however it was split.
    pub(crate) fn heard(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.decoder.feed(bytes);
        // What comes after the grant is nobody's business here: no daemon has anything to say.
        while !matches!(self.state, State::Held(_)) {
            match self.decoder.next_message().map_err(Fault::Unreadable)? {
                Some(message) => self.take(message)?,
                None => break,
            }
        }
        Ok(())
    }

    /// The connection has ended.
    pub(crate) fn ended(&self) -> Fault {
        Fault::Ended {
            unanswered: self.state == State::Asked,
        }
    }

    /// Looks at the clock.
    pub(crate) fn tick(&self, now: Time) -> Result<(), Fault> {
        let queued = match self.state {
            State::Held(_) => return Ok(()),
            State::Waiting { queued } => queued,
            State::Asked => false,
        };
        let passed = |limit: Option<(Time, Duration)>| limit.filter(|(at, _)| *at <= now);
        if let Some((_, after)) = passed(self.grant) {
            return Err(Fault::TimedOut { after, queued });
        }
        match passed(self.owed()) {
            Some((_, after)) => Err(Fault::NoAnswer { after }),
            None => Ok(()),
        }
    }

    /// When to [`tick`](Self::tick) next; `None` if the request may wait for ever.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        let limits = [self.grant, self.owed()];
        limits.into_iter().flatten().map(|(at, _)| at).min()
    }

    /// The limit for the first answer, while there is none.
    fn owed(&self) -> Option<(Time, Duration)> {
        self.answer.filter(|_| self.state == State::Asked)
    }

    pub(crate) fn progress(&self) -> Progress {
        match self.state {
            State::Asked => Progress::Waiting { queued: false },
            State::Waiting { queued } => Progress::Waiting { queued },
            State::Held(_) => Progress::Granted,
        }
    }

    /// Whether the daemon understands more than FLoM 1.7.2; `None` before its first answer.
    pub(crate) fn is_extended(&self) -> Option<bool> {
        self.extended
    }

    /// What the daemon has said of the lock, if it is held.
    pub(crate) fn granted(&self) -> Option<&Granted> {
        match &self.state {
            State::Held(granted) => Some(granted),
            _ => None,
        }
    }

    /// Why the daemon has refused, if it has said so in words.
    pub(crate) fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// The id that the daemon says it has, empty if it does not; `None` before its first answer.
    pub(crate) fn peer_id(&self) -> Option<&str> {
        self.peer_id.as_deref()
    }

    /// A question beside the request has been sent.
    pub(crate) fn note_question(&mut self) {
        self.beside = Beside {
            is_asked: true,
            ..Beside::default()
        };
    }

    /// Whether a question beside the request is not answered yet.
    pub(crate) fn has_question(&self) -> bool {
        self.beside.is_asked
    }

    /// What has been answered to it, once.
    pub(crate) fn take_explanation(&mut self) -> Option<String> {
        self.beside.answer.take()
    }

    fn take(&mut self, message: Message) -> Result<(), Fault> {
        trace::message(&message);
        let answer = match message {
            Message::Answer(answer) => answer,
            Message::Report(report) if self.beside.is_asked => {
                self.beside.take(report);
                return Ok(());
            }
            _ => return Err(out_of_turn("no answer at all")),
        };
        self.extended
            .get_or_insert(answer.session.as_ref().is_some_and(|session| session.ext));
        self.peer_id.get_or_insert_with(|| {
            let session = answer.session.as_ref();
            session.map_or_else(String::new, |session| session.peer_id.clone())
        });
        // The number of the answer tells what it may say: an old client takes a 24 for a grant
        // whatever it says, so only these can be trusted to be meant as one.
        match (&self.state, answer.step, Outcome::from_number(answer.rc)) {
            (State::Asked, AnswerStep::First, Some(Outcome::Granted))
            | (
                State::Waiting { .. },
                AnswerStep::Later | AnswerStep::Last,
                Some(Outcome::Granted),
            ) => {
                self.state = State::Held(Granted {
                    element: answer.element,
                    fence: answer.fence,
                    previous: answer.previous,
                });
            }
            (State::Asked, AnswerStep::First, Some(outcome)) if outcome.is_waiting() => {
                self.wait(outcome)?;
            }
            (
                State::Waiting { .. },
                AnswerStep::Later | AnswerStep::Last,
                Some(Outcome::Queued),
            ) => self.wait(Outcome::Queued)?,
            (State::Asked, AnswerStep::First, Some(_)) => {
                self.reason = answer.element;
                return Err(Fault::Refused(answer.rc));
            }
            (State::Waiting { .. }, AnswerStep::Later | AnswerStep::Last, _) => {
                self.reason = answer.element;
                return Err(Fault::Refused(answer.rc));
            }
            _ => return Err(unexpected(&answer)),
        }
        Ok(())
    }

    fn wait(&mut self, outcome: Outcome) -> Result<(), Fault> {
        if !self.waits {
            return Err(out_of_turn("it lets a request wait that must not"));
        }
        self.state = State::Waiting {
            queued: outcome == Outcome::Queued,
        };
        Ok(())
    }
}

impl Beside {
    fn take(&mut self, report: Report) {
        self.text.extend(report.text);
        if report.last {
            self.is_asked = false;
            let text = std::mem::take(&mut self.text);
            // Who may not look is told why: that is no explanation.
            let is_one = report.rc != Outcome::Refused.number();
            self.answer = is_one.then(|| String::from_utf8_lossy(&text).into_owned());
        }
    }
}

fn unexpected(answer: &Answer) -> Fault {
    let step = match answer.step {
        AnswerStep::First => "first",
        AnswerStep::Later => "later",
        AnswerStep::Last => "last",
    };
    out_of_turn(&format!("unexpected {step} answer {}", answer.rc))
}

fn out_of_turn(said: &str) -> Fault {
    Fault::OutOfTurn {
        said: said.to_string(),
    }
}

#[cfg(test)]
mod tests;
