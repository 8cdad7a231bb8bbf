//! The only place that looks at the clocks.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use flom_types::{Now, Time};

/// The daemon's clock: [`Time`] 0 is the moment it was started.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    /// Both clocks, for an event.
    pub(crate) fn now(&self) -> Now {
        Now {
            time: self.time(),
            wall_us: wall_us(),
        }
    }

    /// The clock that only goes forward.
    pub(crate) fn time(&self) -> Time {
        Time::default() + self.start.elapsed()
    }
}

/// µs since the Unix epoch, negative before it.
fn wall_us() -> i64 {
    let us = |duration: std::time::Duration| i64::try_from(duration.as_micros());
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(after) => us(after).unwrap_or(i64::MAX),
        Err(before) => us(before.duration()).map_or(i64::MIN, |us| -us),
    }
}
