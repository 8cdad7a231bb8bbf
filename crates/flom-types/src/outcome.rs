//! What the daemon's answer to a request can say.

use std::fmt;

/// The answer to a lock request, with its number on the wire (`spec/protocol.md` §5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Outcome {
    /// The lock is held.
    Granted,
    /// In the queue of the resource; another answer follows.
    Queued,
    /// Waits until somebody creates the resource; another answer follows.
    Parked,
    /// Refused for a reason outside the lock rules, such as a daemon that is about to end.
    Refused,
    /// Not now, and the request may not wait.
    Busy,
    /// No such resource, and the request may neither create it nor wait.
    CannotWait,
    /// More units than the resource will ever have.
    Impossible,
    /// The name is no resource name, or the values of the request make no sense.
    InvalidName,
    /// To wait would be to wait for oneself, through others or not. Only for clients that have said
    /// that they understand it; FLoM 1.7.2 does not know it.
    Deadlock,
}

const NUMBERS: [(Outcome, i32); 9] = [
    (Outcome::Granted, 0),
    (Outcome::Queued, 1),
    (Outcome::Parked, 2),
    (Outcome::Refused, 3),
    (Outcome::Busy, 4),
    (Outcome::CannotWait, 5),
    (Outcome::Impossible, 6),
    (Outcome::InvalidName, -14),
    (Outcome::Deadlock, 100),
];

impl Outcome {
    /// The number on the wire.
    pub fn number(self) -> i32 {
        NUMBERS[self as usize].1
    }

    /// The outcome with this number on the wire.
    pub fn from_number(number: i32) -> Option<Self> {
        NUMBERS
            .iter()
            .find(|(_, theirs)| *theirs == number)
            .map(|(outcome, _)| *outcome)
    }

    /// Whether another answer follows.
    pub fn is_waiting(self) -> bool {
        matches!(self, Self::Queued | Self::Parked)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Granted => "granted",
            Self::Queued => "queued",
            Self::Parked => "parked",
            Self::Refused => "refused",
            Self::Busy => "busy",
            Self::CannotWait => "cannot wait",
            Self::Impossible => "impossible",
            Self::InvalidName => "invalid name",
            Self::Deadlock => "deadlock",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_has_its_own_number() {
        for (position, (outcome, number)) in NUMBERS.into_iter().enumerate() {
            assert_eq!(outcome as usize, position);
            assert_eq!(outcome.number(), number);
            assert_eq!(Outcome::from_number(number), Some(outcome));
        }
        assert_eq!(Outcome::from_number(99), None);
    }
}
