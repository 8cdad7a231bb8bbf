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

use flom_proto::{Answer, AnswerStep, DecodeError, Decoder, Message};
use flom_types::{Outcome, Patience, Time};

use crate::trace;

/// How long a daemon may take over an answer that it can always give at once.
pub(crate) const ANSWER_LIMIT: Duration = Duration::from_secs(10);

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
    /// Until when the lock must be granted, and how long that is after the request.
    deadline: Option<(Time, Duration)>,
    /// Whether the request may be queued or parked.
    waits: bool,
    /// Whether the daemon understands more than FLoM 1.7.2, once it has answered.
    extended: Option<bool>,
    /// Why the daemon refuses, if it has said so in words.
    reason: Option<String>,
}

#[derive(PartialEq, Eq, Debug)]
enum State {
    /// The request is sent.
    Asked,
    /// There will be another answer.
    Waiting { queued: bool },
    /// The lock is ours.
    Held { element: Option<String> },
}

impl Conversation {
    /// A request that is sent `now` and may wait as long as `patience` says.
    pub(crate) fn new(patience: Patience, now: Time) -> Self {
        let limit = match patience {
            Patience::UpTo(limit) if patience.waits() => Some(limit),
            Patience::Refuse | Patience::UpTo(_) => Some(ANSWER_LIMIT),
            Patience::Forever => None,
        };
        Self {
            decoder: Decoder::new(),
            state: State::Asked,
            deadline: limit.map(|limit| (now + limit, limit)),
            waits: patience.waits(),
            extended: None,
            reason: None,
        }
    }

    /// Takes what the daemon has sent, however it was split.
    pub(crate) fn heard(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.decoder.feed(bytes);
        // What comes after the grant is nobody's business here: no daemon has anything to say.
        while !matches!(self.state, State::Held { .. }) {
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
            State::Held { .. } => return Ok(()),
            State::Waiting { queued } => queued,
            State::Asked => false,
        };
        match self.deadline {
            Some((at, after)) if at <= now && self.waits => Err(Fault::TimedOut { after, queued }),
            Some((at, after)) if at <= now => Err(Fault::NoAnswer { after }),
            _ => Ok(()),
        }
    }

    /// When to [`tick`](Self::tick) next; `None` if the request may wait for ever.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.deadline.map(|(at, _)| at)
    }

    pub(crate) fn progress(&self) -> Progress {
        match self.state {
            State::Asked => Progress::Waiting { queued: false },
            State::Waiting { queued } => Progress::Waiting { queued },
            State::Held { .. } => Progress::Granted,
        }
    }

    /// Whether the daemon understands more than FLoM 1.7.2; `None` before its first answer.
    pub(crate) fn is_extended(&self) -> Option<bool> {
        self.extended
    }

    /// What has been locked, if the lock is held and the resource has elements.
    pub(crate) fn element(&self) -> Option<&str> {
        match &self.state {
            State::Held { element } => element.as_deref(),
            _ => None,
        }
    }

    /// Why the daemon has refused, if it has said so in words.
    pub(crate) fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    fn take(&mut self, message: Message) -> Result<(), Fault> {
        trace::message(&message);
        let Message::Answer(answer) = message else {
            return Err(out_of_turn("no answer at all"));
        };
        self.extended
            .get_or_insert(answer.session.as_ref().is_some_and(|session| session.ext));
        // The number of the answer tells what it may say: an old client takes a 24 for a grant
        // whatever it says, so only these can be trusted to be meant as one.
        match (&self.state, answer.step, Outcome::from_number(answer.rc)) {
            (State::Asked, AnswerStep::First, Some(Outcome::Granted))
            | (
                State::Waiting { .. },
                AnswerStep::Later | AnswerStep::Last,
                Some(Outcome::Granted),
            ) => {
                self.state = State::Held {
                    element: answer.element,
                };
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
mod tests {
    use super::*;

    const FOREVER: Patience = Patience::Forever;
    const WAITING: Result<Progress, Fault> = Ok(Progress::Waiting { queued: false });
    const QUEUED: Result<Progress, Fault> = Ok(Progress::Waiting { queued: true });
    const GRANTED: Result<Progress, Fault> = Ok(Progress::Granted);

    fn answer(step: u32, rc: i32) -> String {
        format!(
            "<msg level=\"3\" verb=\"1\" step=\"{step}\"><session peerid=\"x\"/>\
             <answer rc=\"{rc}\"/></msg>"
        )
    }

    /// What the client makes of a daemon that says all this at once.
    fn after(patience: Patience, said: &str) -> Result<Progress, Fault> {
        let mut conversation = Conversation::new(patience, Time(0));
        conversation.heard(said.as_bytes())?;
        Ok(conversation.progress())
    }

    fn refused(rc: i32) -> Result<Progress, Fault> {
        Err(Fault::Refused(rc))
    }

    fn is_out_of_turn(result: &Result<Progress, Fault>) -> bool {
        matches!(result, Err(Fault::OutOfTurn { .. }))
    }

    #[test]
    fn the_first_answer_grants_lets_wait_or_refuses() {
        let table = [
            (0, GRANTED),
            (1, QUEUED),
            (2, WAITING),
            (3, refused(3)),
            (4, refused(4)),
            (5, refused(5)),
            (6, refused(6)),
            (-14, refused(-14)),
        ];
        for (rc, expected) in table {
            assert_eq!(after(FOREVER, &answer(16, rc)), expected, "16/{rc}");
        }
    }

    #[test]
    fn any_other_first_answer_is_out_of_turn() {
        for said in [
            answer(16, 99),
            answer(16, -1),
            answer(24, 0),
            answer(24, 1),
            answer(32, 0),
            "<msg level=\"3\" verb=\"3\" step=\"8\"></msg>".to_string(),
            "<msg level=\"3\" verb=\"3\" step=\"16\"></msg>".to_string(),
            "<msg level=\"3\" verb=\"4\" step=\"8\"></msg>".to_string(),
            "<msg level=\"3\" verb=\"5\" step=\"8\"><shutdown immediate=\"1\"/></msg>".to_string(),
        ] {
            let result = after(FOREVER, &said);
            assert!(is_out_of_turn(&result), "{said}: {result:?}");
        }
    }

    #[test]
    fn while_waiting_only_a_plain_grant_is_one() {
        let table = [
            (24, 0, GRANTED),
            (24, 1, QUEUED),
            (24, 2, refused(2)),
            (24, 3, refused(3)),
            (24, 4, refused(4)),
            (24, 6, refused(6)),
            (24, -1, refused(-1)),
            (32, 0, GRANTED),
            (32, 1, QUEUED),
            (32, 3, refused(3)),
            (32, -14, refused(-14)),
        ];
        for first in [1, 2] {
            for (step, rc, expected) in table.clone() {
                let said = answer(16, first) + &answer(step, rc);
                assert_eq!(after(FOREVER, &said), expected, "16/{first} {step}/{rc}");
            }
        }
    }

    #[test]
    fn while_waiting_a_first_answer_or_another_message_is_out_of_turn() {
        for said in [
            answer(16, 0),
            answer(16, 1),
            "<msg level=\"3\" verb=\"3\" step=\"8\"></msg>".to_string(),
        ] {
            let result = after(FOREVER, &(answer(16, 1) + &said));
            assert!(is_out_of_turn(&result), "{said}: {result:?}");
        }
    }

    #[test]
    fn a_parked_request_may_be_queued_before_it_is_granted() {
        let said = answer(16, 2) + &answer(24, 1) + &answer(24, 1) + &answer(24, 0);
        assert_eq!(after(FOREVER, &said), GRANTED);
    }

    #[test]
    fn a_request_that_must_not_wait_is_not_made_to() {
        for rc in [1, 2] {
            let result = after(Patience::Refuse, &answer(16, rc));
            assert!(is_out_of_turn(&result), "{rc}: {result:?}");
        }
        assert_eq!(after(Patience::Refuse, &answer(16, 4)), refused(4));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let other_level = answer(16, 0).replace("level=\"3\"", "level=\"4\"");
        for (said, code) in [
            (other_level.clone(), -15),
            (answer(16, 1) + &other_level, -15),
            ("garbage</msg>".to_string(), -16),
            ("x".repeat(1 << 20), -9),
        ] {
            match after(FOREVER, &said) {
                Err(Fault::Unreadable(error)) => assert_eq!(error.code().0, code),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn the_element_is_what_the_grant_names() {
        let mut conversation = Conversation::new(FOREVER, Time(0));
        conversation.heard(answer(16, 1).as_bytes()).unwrap();
        assert_eq!(conversation.element(), None);
        let grant = answer(24, 0).replace("rc=\"0\"", "rc=\"0\" element=\"a&amp;b\"");
        for byte in grant.bytes() {
            conversation.heard(&[byte]).unwrap();
        }
        assert_eq!(conversation.element(), Some("a&b"));
        // Later noise changes nothing.
        conversation.heard(answer(24, 4).as_bytes()).unwrap();
        assert_eq!(conversation.element(), Some("a&b"));
    }

    #[test]
    fn the_first_answer_tells_who_the_daemon_is() {
        for (word, extended) in [("", false), (" ext=\"1\"", true)] {
            let mut conversation = Conversation::new(Patience::Refuse, Time(0));
            assert_eq!(conversation.is_extended(), None);
            let refusal = answer(16, 5).replace("peerid=\"x\"", &format!("peerid=\"x\"{word}"));
            conversation.heard(refusal.as_bytes()).unwrap_err();
            assert_eq!(conversation.is_extended(), Some(extended));
        }
    }

    #[test]
    fn an_end_before_the_first_answer_is_told_apart() {
        let mut conversation = Conversation::new(FOREVER, Time(0));
        assert_eq!(conversation.ended(), Fault::Ended { unanswered: true });
        conversation.heard(answer(16, 1).as_bytes()).unwrap();
        assert_eq!(conversation.ended(), Fault::Ended { unanswered: false });
    }

    #[test]
    fn the_limit_is_for_all_answers_together() {
        let limit = Duration::from_millis(100);
        let mut conversation = Conversation::new(Patience::UpTo(limit), Time(5));
        assert_eq!(conversation.next_deadline(), Some(Time(105)));
        conversation
            .heard((answer(16, 2) + &answer(24, 1)).as_bytes())
            .unwrap();
        assert_eq!(conversation.next_deadline(), Some(Time(105)));
        assert_eq!(conversation.tick(Time(104)), Ok(()));
        assert_eq!(
            conversation.tick(Time(105)),
            Err(Fault::TimedOut {
                after: limit,
                queued: true
            })
        );
        conversation.heard(answer(24, 0).as_bytes()).unwrap();
        assert_eq!(conversation.tick(Time(1000)), Ok(()));
    }

    #[test]
    fn patience_without_limit_has_no_deadline() {
        assert_eq!(Conversation::new(FOREVER, Time(5)).next_deadline(), None);
    }

    #[test]
    fn an_answer_that_is_due_at_once_is_not_waited_for_for_ever() {
        for patience in [Patience::Refuse, Patience::UpTo(Duration::ZERO)] {
            let conversation = Conversation::new(patience, Time(0));
            let late = Time(0) + ANSWER_LIMIT;
            assert_eq!(conversation.next_deadline(), Some(late));
            assert_eq!(
                conversation.tick(late),
                Err(Fault::NoAnswer {
                    after: ANSWER_LIMIT
                })
            );
        }
    }
}
