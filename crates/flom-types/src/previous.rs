//! How the last exclusive holder of a resource ended.

use std::fmt;
use std::str::FromStr;

/// How the last exclusive holder of a simple or hierarchical resource ended: what the next one finds
/// in `FLOM_PREVIOUS`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Previous {
    /// There was none, as far as is known.
    #[default]
    None,
    /// Its command has succeeded, or it gave the lock back without saying more.
    Released,
    /// Its command failed, with this exit status.
    Failed(u8),
    /// This signal killed its command.
    Killed(u8),
    /// Its connection ended, and it had not said that it was done.
    Lost,
}

impl Previous {
    /// Whether what the resource protects may have been left half done.
    pub fn is_dirty(self) -> bool {
        matches!(self, Self::Failed(_) | Self::Killed(_) | Self::Lost)
    }
}

impl fmt::Display for Previous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Released => f.write_str("released"),
            Self::Failed(status) => write!(f, "failed:{status}"),
            Self::Killed(signal) => write!(f, "killed:{signal}"),
            Self::Lost => f.write_str("lost"),
        }
    }
}

/// The text says of no holder how it ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("expected none, released, failed:STATUS, killed:SIGNAL or lost")]
pub struct ParsePreviousError;

impl FromStr for Previous {
    type Err = ParsePreviousError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |word: &str| word.parse().map_err(|_| ParsePreviousError);
        match text.split_once(':') {
            Some(("failed", status)) => number(status).map(Self::Failed),
            Some(("killed", signal)) => number(signal).map(Self::Killed),
            None if text == "none" => Ok(Self::None),
            None if text == "released" => Ok(Self::Released),
            None if text == "lost" => Ok(Self::Lost),
            _ => Err(ParsePreviousError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_comes_back_from_its_text() {
        let table = [
            (Previous::None, "none", false),
            (Previous::Released, "released", false),
            (Previous::Failed(3), "failed:3", true),
            (Previous::Killed(9), "killed:9", true),
            (Previous::Lost, "lost", true),
        ];
        for (previous, text, is_dirty) in table {
            assert_eq!(previous.to_string(), text);
            assert_eq!(text.parse(), Ok(previous));
            assert_eq!(previous.is_dirty(), is_dirty, "{text}");
        }
        for text in [
            "",
            "NONE",
            "failed",
            "failed:",
            "failed:256",
            "killed:-1",
            "lost:1",
        ] {
            assert_eq!(text.parse::<Previous>(), Err(ParsePreviousError), "{text}");
        }
    }
}
