//! Time passed, processor time used, and how long each thing took.

use std::io;
use std::time::{Duration, Instant};

use crate::server::Server;
use crate::workload::Figures;

/// Counts things that take time, from a moment on.
#[derive(Debug)]
pub(crate) struct Meter {
    since: Instant,
    worked: Duration,
    took: Vec<Duration>,
}

impl Meter {
    pub(crate) fn start(server: &Server) -> io::Result<Self> {
        Ok(Self {
            worked: server.worked()?,
            since: Instant::now(),
            took: Vec::new(),
        })
    }

    pub(crate) fn count(&mut self, took: Duration) {
        self.took.push(took);
    }

    pub(crate) fn so_far(&self) -> Duration {
        self.since.elapsed()
    }

    /// How many of them there were in a second, what each cost the server, how long half of them and
    /// 99 of 100 took at most.
    pub(crate) fn figures(mut self, server: &Server) -> io::Result<Figures> {
        let passed = self.since.elapsed().as_secs_f64();
        let worked = micros(server.worked()?.saturating_sub(self.worked));
        let count = self.took.len() as f64;
        self.took.sort_unstable();
        Ok(vec![
            ("cycles/s", count / passed),
            ("processor us", worked / count),
            ("p50 us", percentile(&self.took, 50)),
            ("p99 us", percentile(&self.took, 99)),
        ])
    }
}

pub(crate) fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// In us; `took` is sorted.
pub(crate) fn percentile(took: &[Duration], percent: usize) -> f64 {
    let place = took.len() * percent / 100;
    took.get(place.min(took.len().saturating_sub(1)))
        .map_or(f64::NAN, |duration| micros(*duration))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_a_hundred_are_themselves() {
        let took: Vec<Duration> = (0..100).map(Duration::from_micros).collect();
        assert_eq!(percentile(&took, 50), 50.0);
        assert_eq!(percentile(&took, 99), 99.0);
        assert_eq!(percentile(&took, 100), 99.0);
        assert!(percentile(&[], 50).is_nan());
    }
}
