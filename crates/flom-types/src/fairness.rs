//! How far newcomers may pass waiters.

use std::fmt;
use std::str::FromStr;

use crate::limits::PASSED_AT_MOST;

/// How far newcomers may pass waiters (design decision 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fairness {
    /// A waiter is passed so many times by others that fit; then nobody passes it.
    Bounded(u32),
    /// Nobody passes a waiter that it conflicts with.
    Fifo,
    /// Whoever fits is served, as in FLoM 1.7.2.
    FirstFit,
}

impl Default for Fairness {
    fn default() -> Self {
        Self::Bounded(PASSED_AT_MOST)
    }
}

impl fmt::Display for Fairness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bounded(times) => write!(f, "bounded:{times}"),
            Self::Fifo => f.write_str("fifo"),
            Self::FirstFit => f.write_str("first-fit"),
        }
    }
}

/// The word names no kind of fairness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected bounded:N (N from 0 to {}), fifo or first-fit", u32::MAX)]
pub struct ParseFairnessError;

impl FromStr for Fairness {
    type Err = ParseFairnessError;

    /// `bounded:N`, `fifo` or `first-fit`, in any letter case.
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let word = word.to_ascii_lowercase();
        let times = |digits: &str| {
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| digits.parse().ok()).flatten()
        };
        match (word.as_str(), word.strip_prefix("bounded:")) {
            ("fifo", _) => Ok(Self::Fifo),
            ("first-fit", _) => Ok(Self::FirstFit),
            (_, Some(digits)) => times(digits).map(Self::Bounded).ok_or(ParseFairnessError),
            _ => Err(ParseFairnessError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_as_it_is_written() {
        for kind in [
            Fairness::default(),
            Fairness::Bounded(0),
            Fairness::Bounded(u32::MAX),
            Fairness::Fifo,
            Fairness::FirstFit,
        ] {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            assert_eq!(kind.to_string().to_uppercase().parse(), Ok(kind));
        }
        assert_eq!(Fairness::default().to_string(), "bounded:16");
    }

    #[test]
    fn nothing_else_is_a_kind() {
        for word in [
            "",
            "bounded",
            "bounded:",
            "bounded:+1",
            "bounded:-1",
            "bounded: 1",
            "bounded:4294967296",
            "firstfit",
            "fifo ",
        ] {
            assert_eq!(
                word.parse::<Fairness>(),
                Err(ParseFairnessError),
                "{word:?}"
            );
        }
    }
}
