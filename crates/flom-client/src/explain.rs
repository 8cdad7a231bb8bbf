//! Why a request waits, or has waited in vain: asked over its own connection, of daemons that have
//! said that they understand the question, and without ever holding up the wait itself.

use std::time::{Duration, Instant};

use flom_proto::{About, Message, Observe, encode};
use flom_types::Printable;
use rustix::event::PollFlags;

use crate::error::LockError;
use crate::line::{Heard, READABLE};
use crate::pending::Pending;

/// How long somebody who gives up waits to learn who has the lock.
const LAST_QUESTION: Duration = Duration::from_millis(500);

/// What can be said about a request that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Explanation {
    /// The daemon says this, in one line.
    Known(String),
    /// The daemon is one of FLoM 1.7.2, which does not say.
    Unknown,
}

impl Pending {
    /// Asks why the request waits, unless that is being asked already. Never waits, and where the
    /// question would not go out at once it is not asked. What is known at once is the answer.
    pub(crate) fn ask_why(&mut self) -> Option<Explanation> {
        match self.conversation.is_extended() {
            None => None,
            Some(false) => Some(Explanation::Unknown),
            Some(true) => {
                if !self.conversation.has_question() {
                    self.ask(About::Wait);
                }
                None
            }
        }
    }

    /// Whether the daemon has answered at all.
    pub(crate) fn is_answered(&self) -> bool {
        self.conversation.is_extended().is_some()
    }

    /// What the daemon has said to [`ask_why`](Self::ask_why), once.
    pub(crate) fn explanation(&mut self) -> Option<Explanation> {
        let text = self.conversation.take_explanation()?;
        let line = one_line(&text);
        (!line.is_empty()).then_some(Explanation::Known(line))
    }

    /// Because of whom the request came to nothing by `error`, in lines; nothing if that is nobody's
    /// fault, or the daemon does not say within half a second.
    pub(crate) fn because_of(&mut self, error: &LockError) -> Option<Vec<String>> {
        let about = match error {
            LockError::Busy { .. } | LockError::NoSuchResource { .. } => About::Why,
            LockError::TimedOut { .. } => About::Wait,
            _ => return None,
        };
        let until = Instant::now() + LAST_QUESTION;
        let is_known = self.conversation.is_extended() == Some(true);
        if !is_known || !(self.conversation.has_question() || self.ask(about)) {
            return None;
        }
        let mut buffer = [0; 4096];
        loop {
            if let Some(text) = self.conversation.take_explanation() {
                let lines: Vec<_> = text.lines().map(one_line).collect();
                return (!lines.is_empty()).then_some(lines);
            }
            match self.line.hear(&mut buffer) {
                Heard::Bytes(bytes) => self.conversation.heard(&buffer[..bytes]).ok()?,
                Heard::Nothing if matches!(self.line.wait(READABLE, until), Ok(true)) => {}
                Heard::Nothing | Heard::End(_) => return None,
            }
        }
    }

    /// Sends a question if it goes out at once: half of it would be worse than none.
    fn ask(&mut self, about: About) -> bool {
        let has_room = self.line.wait(PollFlags::OUT, Instant::now());
        if !matches!(has_room, Ok(true)) {
            return false;
        }
        let observe = Observe {
            session: None,
            about,
            name: self.ask.resource.as_bytes().to_vec(),
            mode: Some(self.ask.mode.number().into()),
            quantity: self.ask.is_numeric().then(|| self.ask.quantity.into()),
            create: self.ask.create,
            json: false,
        };
        let mut message = Vec::new();
        encode(&Message::Observe(observe), &mut message);
        let sent = self.line.send(&message, Duration::ZERO).is_ok();
        if sent {
            self.conversation.note_question();
        }
        sent
    }
}

/// A line of the daemon's that does nothing to a terminal.
fn one_line(text: &str) -> String {
    match text.is_ascii() {
        true => Printable(text.as_bytes()).to_string(),
        false => text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect(),
    }
}
