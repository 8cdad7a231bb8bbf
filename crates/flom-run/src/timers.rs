//! What is to ring at which moment.

use std::time::{Duration, Instant};

use crate::run::Timer;

/// At most one of each kind.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    set: Vec<(Instant, Timer)>,
}

impl Timers {
    /// Has `timer` ring after a while, and not at any time it was set to before; `None`: never.
    pub(crate) fn set(&mut self, timer: Timer, after: Option<Duration>) {
        self.set.retain(|(_, other)| *other != timer);
        let at = after.and_then(|after| Instant::now().checked_add(after));
        self.set.extend(at.map(|at| (at, timer)));
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.set.iter().map(|(at, _)| *at).min()
    }

    /// One whose time has come; it does not ring again.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Timer> {
        let due = self.set.iter().position(|(at, _)| *at <= now)?;
        Some(self.set.remove(due).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_rings_once_and_only_as_it_was_set_last() {
        let mut timers = Timers::default();
        let hour = Duration::from_secs(3600);
        timers.set(Timer::Kill, Some(hour));
        timers.set(Timer::Kill, Some(2 * hour));
        timers.set(Timer::Grace, Some(3 * hour));
        timers.set(Timer::MaxHold, Some(hour));
        timers.set(Timer::MaxHold, None);
        let now = Instant::now();
        assert_eq!(timers.take_due(now + hour), None);
        assert!(timers.next_deadline().unwrap() > now + hour);
        assert_eq!(timers.take_due(now + 3 * hour), Some(Timer::Kill));
        assert_eq!(timers.take_due(now + 3 * hour), Some(Timer::Grace));
        assert_eq!(
            (timers.take_due(now + 9 * hour), timers.next_deadline()),
            (None, None)
        );
    }
}
