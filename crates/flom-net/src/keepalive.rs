//! When a TCP connection counts as lost.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

/// The most that Linux takes as `TCP_KEEPIDLE` and `TCP_KEEPINTVL`, in s.
const KEEPALIVE_S_MAX: u64 = 32767;

/// The most that Linux takes as `TCP_KEEPCNT`.
const PROBES_MAX: u32 = 127;

/// The longest time that Linux waits for an acknowledgement if told to.
const USER_TIMEOUT_MAX: Duration = Duration::from_millis(i32::MAX as u64);

/// Probes in the last third of the time: one that is lost on its way is no reason to give up.
const PROBES: u32 = 5;

/// The system counts whole seconds, and sends one probe a second at most.
const SECOND: Duration = Duration::from_secs(1);

/// When a silent connection counts as lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keepalive {
    /// How long it is silent before the first probe, in whole seconds.
    pub time: Duration,
    /// Time between two probes, in whole seconds.
    pub interval: Duration,
    /// Probes without answer until it counts as lost.
    pub probes: u32,
}

impl Keepalive {
    /// Has a host that is gone missed after `limit`, in whole seconds, at least two. Before two
    /// thirds of it are over there are no probes: a peer that is well may say something by then.
    pub fn within(limit: Duration) -> Self {
        let limit = Duration::from_secs(limit.as_secs()).max(2 * SECOND);
        let interval = Duration::from_secs((limit / (3 * PROBES)).as_secs()).max(SECOND);
        let third = (limit / 3).as_secs() / interval.as_secs();
        let probes = u32::try_from(third).map_or(PROBES, |third| third.clamp(1, PROBES));
        Self {
            time: limit - interval * probes,
            interval,
            probes,
        }
    }
}

/// Sets up a connection: what is written goes out at once, and a peer that vanishes without a word
/// is noticed, also if it was just told something and owes the acknowledgement: the system would
/// repeat that for a quarter of an hour. A listener passes it on to the connections that it accepts.
///
/// Values that the system would not take are moved to the nearest that it does, so that a wrong
/// setting is no reason to turn a client away.
///
/// # Errors
///
/// As the system says; on Linux only if the connection has gone already.
pub fn tune(socket: &impl AsFd, keepalive: &Keepalive) -> io::Result<()> {
    let whole_s = |time: Duration| Duration::from_secs(time.as_secs().clamp(1, KEEPALIVE_S_MAX));
    let (time, interval) = (whole_s(keepalive.time), whole_s(keepalive.interval));
    let probes = keepalive.probes.clamp(1, PROBES_MAX);
    let socket = SockRef::from(socket);
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_user_timeout(Some((time + interval * probes).min(USER_TIMEOUT_MAX)))?;
    socket.set_tcp_keepalive(
        &TcpKeepalive::new()
            .with_time(time)
            .with_interval(interval)
            .with_retries(probes),
    )
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
            let looks = Keepalive::within(Duration::from_millis(limit_ms));
            let found = (looks.time.as_secs(), looks.interval.as_secs(), looks.probes);
            assert_eq!(found, (time_s, interval_s, probes), "{limit_ms}");
        }
    }
}
