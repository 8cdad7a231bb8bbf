//! What becomes of the command when the daemon is lost.

use std::fmt;
use std::str::FromStr;

/// What becomes of a running command when the daemon, and with it the lock, is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLost {
    /// It goes on, without the lock; the user is told.
    #[default]
    Continue,
    /// It is ended in order: TERM, and KILL if it is still there after a while.
    Term,
    /// It is ended at once.
    Kill,
    /// It is stopped until the daemon is back, and ended if that takes too long.
    Freeze,
}

impl OnLost {
    const ALL: [Self; 4] = [Self::Continue, Self::Term, Self::Kill, Self::Freeze];
}

impl fmt::Display for OnLost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Continue => "continue",
            Self::Term => "term",
            Self::Kill => "kill",
            Self::Freeze => "freeze",
        })
    }
}

/// The word is none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected continue, term, kill or freeze")]
pub struct ParseOnLostError;

impl FromStr for OnLost {
    type Err = ParseOnLostError;

    /// One of the words, in any letter case.
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|what| word.eq_ignore_ascii_case(&what.to_string()))
            .ok_or(ParseOnLostError)
    }
}
