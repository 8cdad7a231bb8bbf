//! Time as the lock manager sees it: numbers that the caller passes in.

use std::ops::Add;
use std::time::Duration;

/// A moment on the daemon's clock, which only goes forward, in ms since some start.
///
/// A plain number and no `Instant`, so that a history can be written down, replayed and sent to
/// another host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Time(pub u64);

impl Time {
    /// The moment `ms` milliseconds later; the end of time where that does not fit.
    #[must_use]
    pub fn after_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// How long it is from `earlier` until this moment; nothing if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        self.after_ms(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The moment at which an event happens, on both clocks of the daemon.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Now {
    /// On the clock that only goes forward: deadlines, retention.
    pub time: Time,
    /// On the wall clock, in µs since the Unix epoch: it can jump, and only the texts and ticks of
    /// timestamp resources look at it.
    pub wall_us: i64,
}

/// How long a request may wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Patience {
    /// Not at all: the answer says at once whether the lock is held.
    Refuse,
    /// At most so long, counted from the request; zero is the same as [`Patience::Refuse`].
    UpTo(Duration),
    /// For ever.
    #[default]
    Forever,
}

impl Patience {
    /// The patience that a timeout in ms means: 0 refuses to wait, a negative one waits for ever.
    pub fn from_ms(ms: i64) -> Self {
        match u64::try_from(ms) {
            Err(_) => Self::Forever,
            Ok(0) => Self::Refuse,
            Ok(ms) => Self::UpTo(Duration::from_millis(ms)),
        }
    }

    /// Whether the request may be queued or parked.
    pub fn waits(self) -> bool {
        match self {
            Self::Refuse => false,
            Self::UpTo(limit) => !limit.is_zero(),
            Self::Forever => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_in_ms_says_how_long_to_wait() {
        assert_eq!(Patience::from_ms(-100), Patience::Forever);
        assert_eq!(Patience::from_ms(0), Patience::Refuse);
        assert_eq!(
            Patience::from_ms(250),
            Patience::UpTo(Duration::from_millis(250))
        );
        assert!(!Patience::from_ms(0).waits());
        assert!(!Patience::UpTo(Duration::ZERO).waits());
        assert!(Patience::from_ms(1).waits());
    }

    #[test]
    fn the_end_of_time_is_not_passed() {
        assert_eq!(Time(u64::MAX - 1).after_ms(5), Time(u64::MAX));
        assert_eq!(Time(3) + Duration::MAX, Time(u64::MAX));
        assert_eq!(Time(3).since(Time(5)), Duration::ZERO);
    }
}
