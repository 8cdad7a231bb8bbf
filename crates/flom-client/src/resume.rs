//! Going on with a lock when the connection over which it was granted is lost.

use flom_proto::{Decoder, Message, encode};

use crate::ask::Ask;
use crate::error::{LockError, LockLost};
use crate::guard::Guard;

/// What a holder shows to go on with its lock over another connection.
#[derive(Clone, Debug)]
pub struct Claim {
    ask: Ask,
    pub(crate) fence: u64,
}

impl Claim {
    /// Of the lock that `guard` holds; `None` if the daemon knows nothing of such.
    pub(crate) fn of(guard: &Guard) -> Option<Self> {
        Some(Self {
            ask: guard.ask().clone(),
            fence: guard.fence()?,
        })
    }

    /// The request that goes on with it. To a daemon that does not know it, it does nothing that
    /// could be in anybody's way.
    pub(crate) fn ask(&self) -> Ask {
        Ask {
            create: false,
            resume: true,
            ..self.ask.clone()
        }
    }
}

/// Why a lock does not go on.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// The daemon is not to be reached, or does not answer.
    #[error(transparent)]
    NotYet(LockError),
    /// The daemon does not have the lock any more, or is another one.
    #[error("the daemon does not know of the lock")]
    Gone,
}

impl ResumeError {
    pub(crate) fn of(error: LockError) -> Self {
        match error {
            LockError::Connect(_)
            | LockError::TimedOut { .. }
            | LockError::NoAnswer { .. }
            | LockError::Disconnected { .. } => Self::NotYet(error),
            _ => Self::Gone,
        }
    }
}

/// Hears what a daemon says to who holds a lock.
#[derive(Debug, Default)]
pub struct Ear {
    decoder: Decoder,
}

impl Ear {
    /// Whether there was a word from the daemon. Never waits. Who asks whether we are there is told.
    ///
    /// # Errors
    ///
    /// [`LockLost`] if the daemon has gone.
    pub fn listen(&mut self, guard: &Guard) -> Result<bool, LockLost> {
        let heard = guard.hear(|bytes| self.decoder.feed(bytes))?;
        // What is no message tells nothing but that somebody is there.
        while let Ok(Some(message)) = self.decoder.next_message() {
            if message == Message::Ping {
                say(guard, &Message::Pong)?;
            }
        }
        Ok(heard)
    }
}

/// Asks the daemon whether it is there.
///
/// # Errors
///
/// [`LockLost`] if the daemon has gone.
pub(crate) fn ping(guard: &Guard) -> Result<(), LockLost> {
    say(guard, &Message::Ping)
}

fn say(guard: &Guard, message: &Message) -> Result<(), LockLost> {
    let mut bytes = Vec::new();
    encode(message, &mut bytes);
    guard.say(&bytes)
}
