//! What a command counts as that a signal has killed.

use std::fmt;
use std::str::FromStr;

/// What a command counts as that signal N has killed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KilledStatus {
    /// A failure: exit status 128+N, and a transactional sequence takes its number back.
    #[default]
    Signal,
    /// A success, as in FLoM 1.7.2: exit status 0.
    Zero,
}

impl fmt::Display for KilledStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Signal => "signal",
            Self::Zero => "zero",
        })
    }
}

/// The word is none of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected signal or zero")]
pub struct ParseKilledStatusError;

impl FromStr for KilledStatus {
    type Err = ParseKilledStatusError;

    /// `signal` or `zero`, in any letter case.
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        [Self::Signal, Self::Zero]
            .into_iter()
            .find(|status| word.eq_ignore_ascii_case(&status.to_string()))
            .ok_or(ParseKilledStatusError)
    }
}
