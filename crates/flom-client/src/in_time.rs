//! What the system does not do in time by itself.

use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// What is left until then, but not more than `limit`.
pub(crate) fn left(until: Option<Instant>, limit: Duration) -> Duration {
    let left = until.map(|until| until.saturating_duration_since(Instant::now()));
    left.map_or(limit, |left| left.min(limit))
}

/// Whether that moment has passed.
pub(crate) fn is_over(until: Option<Instant>) -> bool {
    until.is_some_and(|until| until <= Instant::now())
}

/// The outcome of `work`, which may block for as long as it wants, such as a question to a name
/// server. `None` if it is not there by then: the thread that does the work is left to itself.
///
/// # Errors
///
/// If there can be no other thread.
pub(crate) fn outcome<T: Send + 'static>(
    until: Instant,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<Option<T>> {
    let (send, receive) = mpsc::sync_channel(1);
    thread::Builder::new()
        .name("flom-resolver".to_string())
        .spawn(move || send.send(work()).unwrap_or_default())?;
    let left = until.saturating_duration_since(Instant::now());
    Ok(receive.recv_timeout(left).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_takes_too_long_is_not_waited_for() {
        let (finish, wait) = mpsc::channel::<()>();
        let soon = Instant::now() + Duration::from_millis(20);
        let late = outcome(soon, move || wait.recv().is_ok()).unwrap();
        assert_eq!(late, None);
        drop(finish);
        let ample = Instant::now() + Duration::from_secs(60);
        assert_eq!(outcome(ample, || 7).unwrap(), Some(7));
    }

    #[test]
    fn the_nearer_limit_counts() {
        let second = Duration::from_secs(1);
        assert_eq!(left(None, second), second);
        assert_eq!(left(Some(Instant::now() + 60 * second), second), second);
        assert_eq!(left(Some(Instant::now()), second), Duration::ZERO);
        assert!(is_over(Some(Instant::now())) && !is_over(None));
    }
}
