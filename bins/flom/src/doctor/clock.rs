//! The clock: whether it has been set, whether it jumps, whether the daemon's agrees.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::daemon::DaemonClock;
use super::finding::Finding;

const CHECK: &str = "clock";

/// 2026-01-01: this program is younger.
const TOO_EARLY: Duration = Duration::from_secs(1_767_225_600);

/// 2200-01-01.
const TOO_LATE: Duration = Duration::from_secs(7_258_118_400);

/// How much the clock may deviate from one that nobody sets, during the checks.
const JUMP: Duration = Duration::from_millis(500);

/// How far apart the clocks of two hosts may be.
const APART_MS: i128 = 1000;

/// `began` and `wall_clock` are the same moment, at which the checks began.
pub(crate) fn check(
    began: Instant,
    wall_clock: SystemTime,
    daemon: Option<DaemonClock>,
) -> Finding {
    let expected = wall_clock + began.elapsed();
    let now = SystemTime::now();
    let jump = now
        .duration_since(expected)
        .unwrap_or_else(|error| error.duration());
    judge(now, jump, daemon)
}

fn judge(now: SystemTime, jump: Duration, daemon: Option<DaemonClock>) -> Finding {
    let hint = "have NTP set it (timedatectl set-ntp true): time stamps and certificates go by it";
    let Some(since) = now
        .duration_since(UNIX_EPOCH)
        .ok()
        .filter(|since| *since >= TOO_EARLY)
    else {
        return Finding::failed(CHECK, "it stands before this program was made", hint);
    };
    if since > TOO_LATE {
        return Finding::failed(CHECK, "it stands in a far future", hint);
    }
    if jump > JUMP {
        let text = format!(
            "it has jumped by {} ms during these checks",
            jump.as_millis()
        );
        return Finding::warning(CHECK, text, hint);
    }
    match daemon.map(DaemonClock::ahead_ms) {
        None => Finding::ok(CHECK, "it has been set, and goes evenly"),
        Some(ahead) if ahead.abs() > APART_MS => {
            let way = if ahead > 0 { "ahead of" } else { "behind" };
            let seconds = ahead.abs() / 1000;
            let text = format!("that of the daemon is {seconds} s {way} that of this host");
            Finding::warning(
                CHECK,
                text,
                "have NTP set both: time stamps are the daemon's",
            )
        }
        Some(_) => Finding::ok(
            CHECK,
            "it has been set, goes evenly and agrees with the daemon's",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict::{self, Failed, Ok, Warning};
    use super::*;

    #[test]
    fn a_clock_is_set_goes_evenly_and_agrees_with_that_of_the_daemon() {
        let (good, even) = (1_800_000_000, 0);
        let daemon = |ms: i64| {
            Some(DaemonClock {
                local_ms: 5_000,
                daemon_ms: 5_000 + ms,
            })
        };
        let table: &[(u64, u64, Option<DaemonClock>, Verdict, &str)] = &[
            (good, even, None, Ok, "evenly"),
            (good, even, daemon(999), Ok, "agrees"),
            (good, even, daemon(-999), Ok, "agrees"),
            (good, even, daemon(3_600_000), Warning, "is 3600 s ahead of"),
            (good, even, daemon(-2_500), Warning, "is 2 s behind"),
            (good, 501, None, Warning, "jumped by 501 ms"),
            (0, even, None, Failed, "before this program"),
            (1_767_225_599, even, None, Failed, "before this program"),
            (9_000_000_000, even, None, Failed, "far future"),
        ];
        for (seconds, jump_ms, daemon, verdict, text) in table {
            let now = UNIX_EPOCH + Duration::from_secs(*seconds);
            let finding = judge(now, Duration::from_millis(*jump_ms), *daemon);
            assert_eq!(finding.verdict, *verdict, "{finding}");
            assert!(finding.to_string().contains(text), "{finding}");
        }
        let before = judge(UNIX_EPOCH - Duration::from_secs(1), Duration::ZERO, None);
        assert_eq!(before.verdict, Failed);
    }
}
