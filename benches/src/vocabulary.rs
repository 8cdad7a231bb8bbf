//! Answers, recognised by their bytes once they have been read.
//!
//! A daemon has but a few answers. Reading XML for each would make the load generator, which has
//! one thread like the daemon, the slower of the two.

use std::io;

use flom_proto::{Answer, AnswerStep, Message, decode};
use flom_types::Outcome;

/// What an answer comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Said {
    /// The lock is given, at once or after a wait.
    Granted {
        /// Whether the request was queued before.
        waited: bool,
    },
    /// The request waits.
    Queued,
    /// Anything else, by its number.
    Other(i32),
}

/// The answers that have been heard so far.
#[derive(Debug, Default)]
pub struct Vocabulary {
    known: Vec<(Vec<u8>, Said)>,
}

const END: &[u8] = b"</msg>";

/// There are no more by far, unless the answers name elements.
const KNOWN_AT_MOST: usize = 16;

impl Vocabulary {
    /// The answer at the beginning of `bytes`, with its length; `None` until there is a whole one.
    ///
    /// # Errors
    ///
    /// It is no answer.
    pub fn first(&mut self, bytes: &[u8]) -> io::Result<Option<(Said, usize)>> {
        for (text, said) in &self.known {
            if bytes.starts_with(text) {
                return Ok(Some((*said, text.len())));
            }
        }
        match bytes.windows(END.len()).position(|part| part == END) {
            None => Ok(None),
            Some(end) => {
                let text = &bytes[..end + END.len()];
                let said = read(text)?;
                if self.known.len() < KNOWN_AT_MOST {
                    self.known.push((text.to_vec(), said));
                }
                Ok(Some((said, text.len())))
            }
        }
    }
}

fn read(text: &[u8]) -> io::Result<Said> {
    match decode(text).map_err(io::Error::other)? {
        Message::Answer(Answer { step, rc, .. }) => Ok(match Outcome::from_number(rc) {
            Some(Outcome::Granted) => Said::Granted {
                waited: step != AnswerStep::First,
            },
            Some(Outcome::Queued) => Said::Queued,
            _ => Said::Other(rc),
        }),
        other => Err(io::Error::other(format!("not an answer: {other:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use flom_proto::encode;

    use super::*;

    fn answer(step: AnswerStep, outcome: Outcome) -> Vec<u8> {
        let mut bytes = Vec::new();
        let answer = Answer {
            fence: None,
            previous: None,
            session: None,
            step,
            rc: outcome.number(),
            element: None,
        };
        encode(&Message::Answer(answer), &mut bytes);
        bytes
    }

    #[test]
    fn answers_are_told_apart_the_first_time_and_later() {
        let mut vocabulary = Vocabulary::default();
        let table = [
            (AnswerStep::First, Outcome::Queued, Said::Queued),
            (
                AnswerStep::First,
                Outcome::Granted,
                Said::Granted { waited: false },
            ),
            (
                AnswerStep::Later,
                Outcome::Granted,
                Said::Granted { waited: true },
            ),
            (AnswerStep::First, Outcome::Busy, Said::Other(4)),
        ];
        for _ in 0..2 {
            for (step, outcome, said) in table {
                let mut bytes = answer(step, outcome);
                let length = bytes.len();
                assert_eq!(vocabulary.first(&bytes[..length - 1]).unwrap(), None);
                bytes.extend_from_slice(b"<?xml");
                assert_eq!(vocabulary.first(&bytes).unwrap(), Some((said, length)));
            }
        }
        assert!(vocabulary.first(b"<msg></msg>").is_err());
    }
}
