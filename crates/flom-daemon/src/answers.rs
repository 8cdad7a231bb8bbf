//! The answers of the daemon as bytes, all but a few encoded once and for all.
//!
//! An answer consists of the id of this host, a step and a code, so there are only a few dozen; only
//! those that name an element are made each time.

use std::io::Write as _;

use flom_core::Granted;
use flom_proto::{Answer, AnswerStep, Message, Session, encode};
use flom_types::{Outcome, Previous};

/// How an answer to a request begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// The first answer (step 16), as FLoM 1.7.2 gives it.
    First,
    /// The first answer to a client that has said `ext="1"`: we understand more, too.
    FirstExtended,
    /// A later one (step 24): only "granted" and "queued", as old clients take all else for
    /// "granted".
    Later,
    /// The refusal of a request that has waited (step 32).
    Last,
}

const FORMS: [Form; 4] = [Form::First, Form::FirstExtended, Form::Later, Form::Last];

const OUTCOMES: [Outcome; 9] = [
    Outcome::Granted,
    Outcome::Queued,
    Outcome::Parked,
    Outcome::Refused,
    Outcome::Busy,
    Outcome::CannotWait,
    Outcome::Impossible,
    Outcome::InvalidName,
    Outcome::Deadlock,
];

/// What an answer says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Word {
    /// How the request stands.
    pub outcome: Outcome,
    /// What was locked, or why nothing was.
    pub element: Option<String>,
    /// With a lock: what comes with it, for those who understand it.
    pub granted: Option<Granted>,
}

impl From<Outcome> for Word {
    fn from(outcome: Outcome) -> Self {
        Self {
            outcome,
            element: None,
            granted: None,
        }
    }
}

/// How an answer ends.
const END: &[u8] = b"/></msg>";

/// All answers of this daemon.
#[derive(Debug)]
pub struct Answers {
    peer_id: String,
    /// By form, then by outcome.
    encoded: Vec<Vec<u8>>,
}

impl Answers {
    /// The answers of the host that calls itself `peer_id`.
    pub fn of(peer_id: String) -> Self {
        let encoded = FORMS
            .iter()
            .flat_map(|form| OUTCOMES.map(|outcome| (*form, outcome)))
            .map(|(form, outcome)| {
                let mut bytes = Vec::new();
                encode(&message(&peer_id, form, outcome, None), &mut bytes);
                bytes
            })
            .collect();
        Self { peer_id, encoded }
    }

    /// Appends an answer to `out`.
    pub fn write(&self, form: Form, word: Word, out: &mut Vec<u8>) {
        let Word {
            outcome,
            element,
            granted,
        } = word;
        match element {
            None => {
                let place = form as usize * OUTCOMES.len() + outcome as usize;
                out.extend_from_slice(&self.encoded[place]);
            }
            Some(_) => encode(&message(&self.peer_id, form, outcome, element), out),
        }
        if let Some(granted) = granted {
            add(granted, out);
        }
    }
}

/// Adds what comes with a lock to the answer at the end of `out`.
fn add(granted: Granted, out: &mut Vec<u8>) {
    out.truncate(out.len() - END.len());
    let Granted { fence, previous } = granted;
    write!(out, r#" fence="{fence}""#).expect("a vector takes all that is written to it");
    if previous != Previous::None {
        write!(out, r#" previous="{previous}""#).expect("a vector takes all that is written to it");
    }
    out.extend_from_slice(END);
}

fn message(peer_id: &str, form: Form, outcome: Outcome, element: Option<String>) -> Message {
    let (step, ext) = match form {
        Form::First => (AnswerStep::First, Some(false)),
        Form::FirstExtended => (AnswerStep::First, Some(true)),
        Form::Later => (AnswerStep::Later, None),
        Form::Last => (AnswerStep::Last, None),
    };
    Message::Answer(Answer {
        fence: None,
        previous: None,
        session: ext.map(|ext| Session {
            ties: None,
            peer_id: peer_id.to_owned(),
            ext,
            who: None,
        }),
        step,
        rc: outcome.number(),
        element,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(form: Form, outcome: Outcome, element: Option<&str>) -> String {
        let mut bytes = Vec::new();
        let answers = Answers::of("0123456789abcdef0123456789abcdef".to_owned());
        let word = Word {
            element: element.map(str::to_owned),
            ..outcome.into()
        };
        answers.write(form, word, &mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn what_comes_with_a_lock_is_added_as_the_protocol_writes_it() {
        let answers = Answers::of("x".to_owned());
        for element in [None, Some("red".to_owned())] {
            for previous in [Previous::None, Previous::Failed(3)] {
                let mut bytes = b"before".to_vec();
                let fence = u64::MAX;
                let word = Word {
                    element: element.clone(),
                    granted: Some(Granted { fence, previous }),
                    ..Outcome::Granted.into()
                };
                answers.write(Form::FirstExtended, word, &mut bytes);
                let mut expected = b"before".to_vec();
                let mut message =
                    message("x", Form::FirstExtended, Outcome::Granted, element.clone());
                if let Message::Answer(answer) = &mut message {
                    answer.fence = Some(fence);
                    answer.previous = Some(previous).filter(|p| *p != Previous::None);
                }
                encode(&message, &mut expected);
                assert_eq!(bytes, expected);
            }
        }
    }

    #[test]
    fn every_answer_is_found_at_its_place() {
        for form in FORMS {
            for outcome in OUTCOMES {
                let text = written(form, outcome, None);
                let end = format!(r#"<answer rc="{}"/></msg>"#, outcome.number());
                assert!(text.ends_with(&end), "{form:?} {outcome:?}: {text}");
                let step = match form {
                    Form::First | Form::FirstExtended => 16,
                    Form::Later => 24,
                    Form::Last => 32,
                };
                assert!(text.contains(&format!(r#"step="{step}""#)), "{text}");
                let extended = form == Form::FirstExtended;
                assert_eq!(text.contains(r#" ext="1""#), extended, "{text}");
                assert_eq!(text.contains("<session "), step == 16, "{text}");
            }
        }
    }

    #[test]
    fn an_old_client_gets_the_old_bytes() {
        assert_eq!(
            written(Form::First, Outcome::Granted, None),
            r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="1" step="16"><session peerid="0123456789abcdef0123456789abcdef"/><answer rc="0"/></msg>"#
        );
        assert_eq!(
            written(Form::Later, Outcome::Granted, Some("x")),
            r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="1" step="24"><answer rc="0" element="x"/></msg>"#
        );
    }
}
