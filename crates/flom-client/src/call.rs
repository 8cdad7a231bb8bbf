//! How long a call may take: one deadline for all of it, and a limit for each of its parts.

use std::time::{Duration, Instant};

use flom_types::Patience;

use crate::conversation::{Limit, Terms};

/// How long to wait for a lock.
///
/// Counted from the call: the way to the daemon is included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Wait {
    /// Not at all. The daemon still has to say so, for which it has as long as
    /// [`answer_timeout`](crate::ClientBuilder::answer_timeout) says.
    No,
    /// At most so long; nothing is the same as [`Wait::No`].
    For(Duration),
    /// As long as it takes.
    Forever,
}

impl From<Patience> for Wait {
    fn from(patience: Patience) -> Self {
        match patience {
            Patience::Refuse => Self::No,
            Patience::UpTo(limit) => Self::For(limit),
            Patience::Forever => Self::Forever,
        }
    }
}

/// The limits of what is not the wait for the lock itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Limits {
    /// Finding a daemon and connecting to it; `None`: each step has a limit of its own.
    pub(crate) connect: Option<Duration>,
    /// The first answer.
    pub(crate) answer: Duration,
    /// From the end of the lock to the daemon's word that it has let go.
    pub(crate) release: Duration,
    /// Whether a request that may wait is patient with the first answer as well, and whether its
    /// patience begins only when there is a connection. The command does so, as FLoM 1.7.2 does.
    pub(crate) as_the_command: bool,
}

impl Limits {
    /// Those of a program, unless it wants others.
    pub(crate) const LIBRARY: Self = Self {
        connect: Some(Duration::from_secs(10)),
        answer: Duration::from_secs(10),
        release: Duration::from_secs(5),
        as_the_command: false,
    };

    /// Those of `flom`.
    pub(crate) const COMMAND: Self = Self {
        connect: None,
        answer: Duration::from_secs(10),
        release: Duration::from_secs(2),
        as_the_command: true,
    };
}

/// One call, from its beginning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    began: Instant,
    /// How long the lock may take, if there is a limit.
    whole: Option<Duration>,
    waits: bool,
    limits: Limits,
}

impl Call {
    /// A call that begins now.
    pub(crate) fn new(limits: Limits, wait: Wait) -> Self {
        let (waits, whole) = match wait {
            Wait::No | Wait::For(Duration::ZERO) => (false, None),
            Wait::For(limit) => (true, Some(limit)),
            Wait::Forever => (true, None),
        };
        Self {
            began: Instant::now(),
            whole,
            waits,
            limits,
        }
    }

    /// Until when there must be a connection; `None`: each step has a limit of its own.
    pub(crate) fn connected_by(&self) -> Option<Instant> {
        let limit = self.limits.connect?;
        let whole = self.whole.filter(|_| !self.limits.as_the_command);
        self.began
            .checked_add(whole.map_or(limit, |whole| whole.min(limit)))
    }

    /// The time that was given for the lock, if it is over.
    pub(crate) fn exhausted(&self) -> Option<Duration> {
        let whole = self.whole.filter(|_| !self.limits.as_the_command)?;
        (self.began.elapsed() >= whole).then_some(whole)
    }

    /// What holds for a request that is sent now.
    pub(crate) fn terms(&self) -> Terms {
        let spent = match self.limits.as_the_command {
            true => Duration::ZERO,
            false => self.began.elapsed(),
        };
        Terms {
            waits: self.waits,
            grant: self.whole.map(|whole| Limit {
                left: whole.saturating_sub(spent),
                whole,
            }),
            answer: match self.limits.as_the_command && self.waits {
                true => None,
                false => Some(self.limits.answer),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_time_for_a_lock_is_counted_from_the_call() {
        let began = Instant::now().checked_sub(SECOND).unwrap();
        let call = Call {
            began,
            ..Call::new(Limits::LIBRARY, Wait::For(3 * SECOND))
        };
        assert_eq!(call.connected_by(), Some(began + 3 * SECOND));
        let grant = call.terms().grant.unwrap();
        assert_eq!(grant.whole, 3 * SECOND);
        assert!(grant.left <= 2 * SECOND);
        assert_eq!(call.exhausted(), None);
        let late = Call {
            whole: Some(SECOND),
            ..call
        };
        assert_eq!(late.exhausted(), Some(SECOND));
    }

    #[test]
    fn the_command_counts_from_the_request() {
        let began = Instant::now().checked_sub(SECOND).unwrap();
        let call = Call {
            began,
            ..Call::new(Limits::COMMAND, Wait::For(SECOND / 2))
        };
        assert_eq!((call.connected_by(), call.exhausted()), (None, None));
        let terms = call.terms();
        assert_eq!(terms.grant.map(|grant| grant.left), Some(SECOND / 2));
        assert_eq!(terms.answer, None);
    }

    #[test]
    fn a_first_answer_is_never_waited_for_for_ever() {
        for wait in [Wait::No, Wait::For(Duration::ZERO), Wait::Forever] {
            let terms = Call::new(Limits::LIBRARY, wait).terms();
            assert_eq!(terms.answer, Some(10 * SECOND), "{wait:?}");
            assert_eq!((terms.waits, terms.grant), (wait == Wait::Forever, None));
        }
        let terms = Call::new(Limits::COMMAND, Wait::No).terms();
        assert_eq!(terms.answer, Some(10 * SECOND));
    }
}
