//! How much may be spent on looking for circles.

use std::cell::Cell;

use flom_types::Time;

/// The most that there ever is: some ten milliseconds.
const MOST: u64 = 1_000_000;

/// What comes back in a millisecond: a tenth of what could be spent in it.
const EACH_MS: u64 = 10_000;

/// What is left, in looks at something that is held.
#[derive(Debug)]
pub(super) struct Effort {
    left: Cell<u64>,
    at: Cell<Time>,
}

impl Default for Effort {
    fn default() -> Self {
        Self {
            left: Cell::new(MOST),
            at: Cell::new(Time(0)),
        }
    }
}

impl Effort {
    pub(super) fn refill(&self, now: Time) {
        let ms = now.0.saturating_sub(self.at.replace(now).0);
        let left = ms.saturating_mul(EACH_MS).saturating_add(self.left.get());
        self.left.set(left.min(MOST));
    }

    pub(super) fn spend(&self, looks: usize) {
        let looks = u64::try_from(looks).unwrap_or(u64::MAX);
        self.left.set(self.left.get().saturating_sub(looks));
    }

    pub(super) fn is_over(&self) -> bool {
        self.left.get() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spent_comes_back_with_time_up_to_the_most() {
        let effort = Effort::default();
        effort.spend(usize::MAX);
        assert!(effort.is_over());
        effort.refill(Time(0));
        assert!(effort.is_over());
        effort.refill(Time(1));
        effort.spend(9_999);
        assert!(!effort.is_over());
        effort.spend(1);
        assert!(effort.is_over());
        effort.refill(Time(u64::MAX));
        effort.spend(999_999);
        assert!(!effort.is_over());
        effort.spend(1);
        assert!(effort.is_over());
    }
}
