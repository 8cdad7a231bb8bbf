//! When the system looks whether the host of a peer is still there.

use std::time::Duration;

use flom_net::Keepalive;

/// Looks in the last third of the time: one that is lost on its way is no reason to give up.
const LOOKS: u32 = 5;

/// The system counts whole seconds, and looks once a second at most.
const SECOND: Duration = Duration::from_secs(1);

/// How to look so that a host that is gone is missed after `limit`, in whole seconds, at least two.
/// Before two thirds of it are over there is no need to: a peer that is well says something more
/// often than that.
pub(super) fn looks(limit: Duration) -> Keepalive {
    let limit = Duration::from_secs(limit.as_secs()).max(2 * SECOND);
    let interval = Duration::from_secs((limit / (3 * LOOKS)).as_secs()).max(SECOND);
    let third = (limit / 3).as_secs() / interval.as_secs();
    let probes = u32::try_from(third).map_or(LOOKS, |third| third.clamp(1, LOOKS));
    Keepalive {
        time: limit - interval * probes,
        interval,
        probes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_is_gone_is_missed_after_the_limit_and_looked_for_more_than_once() {
        for (limit_ms, time_s, interval_s, probes) in [
            (1, 1, 1, 1),
            (1500, 1, 1, 1),
            (2999, 1, 1, 1),
            (3000, 2, 1, 1),
            (7000, 5, 1, 2),
            (15_000, 10, 1, 5),
            (60_000, 40, 4, 5),
            (3_600_000, 2400, 240, 5),
        ] {
            let looks = looks(Duration::from_millis(limit_ms));
            let found = (looks.time.as_secs(), looks.interval.as_secs(), looks.probes);
            assert_eq!(found, (time_s, interval_s, probes), "{limit_ms}");
        }
    }
}
