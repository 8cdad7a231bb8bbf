//! Whether the daemon is still there: a question for every third of the time in which it must have
//! said something.

use std::time::{Duration, Instant};

/// Questions without an answer after which a daemon is taken for lost, a third of the limit after
/// the last of them.
const QUESTIONS: u8 = 2;

/// When to ask, and when to give up.
#[derive(Debug)]
pub(crate) struct Pulse {
    limit: Duration,
    unanswered: u8,
    next: Instant,
}

/// What is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Beat {
    Nothing,
    /// Ask whether it is there.
    Ask,
    /// It has not said a word for the whole time.
    Lost,
}

impl Pulse {
    /// Of a daemon that has just said something, and must do so again within `limit`.
    pub(crate) fn new(limit: Duration, now: Instant) -> Self {
        Self {
            limit,
            unanswered: 0,
            next: now + limit / 3,
        }
    }

    /// The daemon has said something.
    pub(crate) fn word(&mut self, now: Instant) {
        self.unanswered = 0;
        self.next = now + self.limit / 3;
    }

    /// In which time it must have said something.
    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    pub(crate) fn next_deadline(&self) -> Instant {
        self.next
    }

    /// Looks at the clock, after what the daemon has said was heard.
    ///
    /// Who has slept, because it was stopped or its machine was, cannot know whether the daemon had
    /// the time to answer: it asks again, and that time does not count.
    pub(crate) fn tick(&mut self, now: Instant) -> Beat {
        if now < self.next {
            return Beat::Nothing;
        }
        let third = self.limit / 3;
        let has_slept = now.saturating_duration_since(self.next) > third;
        if self.unanswered >= QUESTIONS && !has_slept {
            return Beat::Lost;
        }
        if !has_slept {
            self.unanswered += 1;
        }
        self.next = now + third;
        Beat::Ask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(15);
    const THIRD: Duration = Duration::from_secs(5);

    #[test]
    fn a_silent_daemon_is_asked_twice_and_lost_after_the_whole_time() {
        let start = Instant::now();
        let mut pulse = Pulse::new(LIMIT, start);
        assert_eq!(pulse.tick(start + THIRD / 2), Beat::Nothing);
        for beat in [Beat::Ask, Beat::Ask, Beat::Lost] {
            assert_eq!(pulse.tick(pulse.next_deadline()), beat);
        }
        assert_eq!(pulse.next_deadline(), start + LIMIT);
    }

    #[test]
    fn a_word_is_enough_for_another_while() {
        let start = Instant::now();
        let mut pulse = Pulse::new(LIMIT, start);
        for turn in 1..10 {
            assert_eq!(pulse.tick(pulse.next_deadline()), Beat::Ask);
            assert_eq!(pulse.tick(pulse.next_deadline()), Beat::Ask);
            pulse.word(start + turn * LIMIT);
            assert_eq!(pulse.next_deadline(), start + turn * LIMIT + THIRD);
        }
    }

    #[test]
    fn time_that_was_slept_through_does_not_count() {
        let start = Instant::now();
        let mut pulse = Pulse::new(LIMIT, start);
        assert_eq!(pulse.tick(start + THIRD), Beat::Ask);
        assert_eq!(pulse.tick(start + 2 * THIRD), Beat::Ask);
        let much_later = start + 100 * LIMIT;
        assert_eq!(pulse.tick(much_later), Beat::Ask);
        assert_eq!(pulse.tick(much_later + THIRD), Beat::Lost);
    }
}
