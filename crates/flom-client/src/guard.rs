//! A lock that is held.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use flom_types::{ResourceName, target};
use log::debug;

use crate::error::{LockLost, ReleaseError};
use crate::line::{Heard, Line};
use crate::pending::SEND_LIMIT;
use crate::request::Ask;

/// How long the daemon may take to close the connection after the lock was given back, or after a
/// request was withdrawn.
pub(crate) const RELEASE_LIMIT: Duration = Duration::from_secs(2);

/// A held lock. Dropping it releases the lock: the connection is closed, and the daemon lets go as
/// soon as it notices. Who must know that the lock is free calls [`release`](Self::release).
///
/// The descriptor becomes readable when the daemon goes away, and [`check`](Self::check) tells.
#[derive(Debug)]
#[must_use = "the lock is released as soon as the guard is dropped"]
pub struct Guard {
    line: Line,
    ask: Ask,
    element: Option<String>,
}

impl Guard {
    pub(crate) fn new(line: Line, ask: Ask, element: Option<String>) -> Self {
        Self { line, ask, element }
    }

    /// What is locked.
    pub fn resource(&self) -> &ResourceName {
        &self.ask.resource
    }

    /// What of it is locked: the element of a set, the number of a sequence, the timestamp.
    pub fn element(&self) -> Option<&str> {
        self.element.as_deref()
    }

    /// Whether the lock is still held, as far as the connection tells. Does not wait.
    ///
    /// # Errors
    ///
    /// [`LockLost`] if the daemon has gone.
    pub fn check(&mut self) -> Result<(), LockLost> {
        let mut buffer = [0; 1024];
        loop {
            match self.line.hear(&mut buffer) {
                Heard::Nothing => return Ok(()),
                Heard::Bytes(_) => {} // no daemon has anything to say to the holder of a lock
                Heard::End(source) => return Err(self.lost(source)),
            }
        }
    }

    /// Gives the lock back and returns when the daemon has let go, so that the next one who asks
    /// finds it free. With `rollback` a transactional sequence takes its number back.
    ///
    /// # Errors
    ///
    /// [`ReleaseError`]: either way the lock is not held any more by this process.
    pub fn release(self, rollback: bool) -> Result<(), ReleaseError> {
        self.release_within(RELEASE_LIMIT, rollback)
    }

    fn release_within(mut self, limit: Duration, rollback: bool) -> Result<(), ReleaseError> {
        let resource = &self.ask.resource;
        debug!(target: target::CLIENT, "releases resource={resource} rollback={rollback}");
        self.check()?;
        let message = self.ask.unlock_message(rollback);
        if let Err(source) = self.line.send(&message, SEND_LIMIT) {
            return Err(self.lost(Some(source)).into());
        }
        let peer = self.line.peer().to_string();
        match self.line.hang_up(limit) {
            true => Ok(()),
            false => Err(ReleaseError::NoConfirmation { peer, after: limit }),
        }
    }

    fn lost(&self, source: Option<std::io::Error>) -> LockLost {
        LockLost {
            peer: self.line.peer().to_string(),
            source,
        }
    }
}

impl AsFd for Guard {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.line.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;
    use std::thread;
    use std::time::Instant;

    use flom_net::Stream;
    use flom_types::{LockMode, ReturnCode};

    use super::*;
    use crate::line::READABLE;

    fn held() -> (Guard, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let ask = Ask {
            resource: ResourceName::parse(b"A").unwrap(),
            mode: LockMode::Exclusive,
            quantity: 1,
            create: true,
            idle_lifespan_ms: 0,
        };
        let line = Line::new(Stream::Unix(ours), "test".to_string()).unwrap();
        (Guard::new(line, ask, None), theirs)
    }

    #[test]
    fn a_release_says_so_hangs_up_and_waits_for_the_daemon_to_do_the_same() {
        for (rollback, word) in [(false, "rollback=\"0\""), (true, "rollback=\"1\"")] {
            let (guard, mut theirs) = held();
            let daemon = thread::spawn(move || {
                let mut heard = String::new();
                theirs.read_to_string(&mut heard).unwrap();
                heard
            });
            guard.release(rollback).unwrap();
            let heard = daemon.join().unwrap();
            assert!(heard.contains("verb=\"2\" step=\"8\""), "{heard}");
            assert!(heard.contains(word), "{heard}");
        }
    }

    #[test]
    fn a_daemon_that_does_not_confirm_is_not_waited_for_for_ever() {
        let (guard, _theirs) = held();
        let error = guard.release_within(Duration::from_millis(20), false);
        assert!(matches!(error, Err(ReleaseError::NoConfirmation { .. })));
    }

    #[test]
    fn a_lock_that_is_lost_says_so() {
        let (mut guard, theirs) = held();
        guard.check().unwrap();
        drop(theirs);
        assert_eq!(guard.check().unwrap_err().code(), ReturnCode::SEND);
        assert!(matches!(guard.release(false), Err(ReleaseError::Lost(_))));
    }

    #[test]
    fn a_loss_shows_also_where_the_system_would_still_take_the_unlock() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (theirs, _) = listener.accept().unwrap();
        let guard = Guard {
            line: Line::new(Stream::Tcp(ours), "test".to_string()).unwrap(),
            ..held().0
        };
        drop(theirs);
        let until = Instant::now() + Duration::from_secs(60);
        assert!(guard.line.wait(READABLE, until).unwrap());
        assert!(matches!(guard.release(false), Err(ReleaseError::Lost(_))));
    }

    #[test]
    fn what_a_daemon_says_to_a_holder_is_no_loss() {
        let (mut guard, mut theirs) = held();
        std::io::Write::write_all(&mut theirs, b"anything").unwrap();
        guard.check().unwrap();
    }
}
