//! A lock that is held.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use flom_types::{LockMode, ResourceName, target};
use log::debug;
use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};

use crate::ask::Ask;
use crate::error::{LockLost, ReleaseError};
use crate::line::{Heard, Line, READABLE};
use crate::pending::SEND_LIMIT;
use crate::request::OnDrop;

/// A held lock. Dropping it releases the lock.
///
/// Dropping closes the connection and does nothing else: it does not wait and cannot fail, also
/// during a panic. The daemon lets go as soon as it notices, which is very soon, but not before
/// `drop` returns. Who must know that the lock is free calls [`unlock`](Self::unlock).
///
/// The descriptor becomes readable when the daemon goes away, and [`check`](Self::check) tells.
#[derive(Debug)]
#[must_use = "the lock is released as soon as the guard is dropped"]
#[clippy::has_significant_drop]
pub struct Guard {
    line: Line,
    ask: Ask,
    element: Option<String>,
    /// The process that holds the lock.
    owner: u32,
    release_limit: Duration,
    /// Whether the daemon has been told that the lock is over.
    is_over: bool,
}

impl Guard {
    pub(crate) fn new(
        line: Line,
        ask: Ask,
        element: Option<String>,
        owner: u32,
        release_limit: Duration,
    ) -> Self {
        Self {
            line,
            ask,
            element,
            owner,
            release_limit,
            is_over: false,
        }
    }

    /// What is locked.
    pub fn resource(&self) -> &ResourceName {
        &self.ask.resource
    }

    /// In which mode; only simple and hierarchical resources have others than
    /// [`LockMode::Exclusive`].
    pub fn mode(&self) -> LockMode {
        match self.ask.resource.kind().has_modes() {
            true => self.ask.mode,
            false => LockMode::Exclusive,
        }
    }

    /// How many units of a numeric resource are held; of any other, one.
    pub fn quantity(&self) -> u32 {
        match self.ask.is_numeric() {
            true => self.ask.quantity,
            false => 1,
        }
    }

    /// What of it is locked, as the daemon says it: the element of a set, the number of a sequence,
    /// the time stamp.
    pub fn element(&self) -> Option<&str> {
        self.element.as_deref()
    }

    /// The number of a sequence.
    pub fn sequence(&self) -> Option<u64> {
        match self.ask.is_sequence() {
            true => self.element()?.parse().ok(),
            false => None,
        }
    }

    /// Whether the lock is still held, as far as the connection tells. Does not wait.
    ///
    /// # Errors
    ///
    /// [`LockLost`] if the daemon has gone.
    pub fn check(&self) -> Result<(), LockLost> {
        let mut buffer = [0; 1024];
        loop {
            match self.line.hear(&mut buffer) {
                Heard::Nothing => return Ok(()),
                Heard::Bytes(_) => {} // no daemon has anything to say to the holder of a lock
                Heard::End(source) => return Err(self.lost(source)),
            }
        }
    }

    /// Waits at most for `limit` for the lock to be lost.
    ///
    /// # Errors
    ///
    /// [`LockLost`] as soon as the daemon has gone.
    pub fn wait_lost(&self, limit: Duration) -> Result<(), LockLost> {
        let until = Instant::now().checked_add(limit);
        loop {
            self.check()?;
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Ok(());
            }
            // A day at a time where there is no limit. Ready or not, the next look tells.
            let day = Duration::from_secs(24 * 60 * 60);
            let until = Instant::now() + left.map_or(day, |left| left.min(day));
            let _ = self.line.wait(READABLE, until);
        }
    }

    /// Gives the lock back and returns when the daemon has let go, so that the next one who asks
    /// finds it free. The number of a transactional sequence is used up.
    ///
    /// # Errors
    ///
    /// [`ReleaseError`]: in any case the lock is not held any more by this guard.
    pub fn unlock(self) -> Result<(), ReleaseError> {
        self.release(false)
    }

    /// As [`unlock`](Self::unlock), but the number of a transactional sequence goes back: the next
    /// one who asks gets the same.
    ///
    /// # Errors
    ///
    /// As [`unlock`](Self::unlock); [`ReleaseError::NotTransactional`] for any other resource, which
    /// is released all the same.
    pub fn rollback(self) -> Result<(), ReleaseError> {
        let resource = self.ask.resource.clone();
        let is_transactional = self.ask.is_transactional();
        self.release(true)?;
        match is_transactional {
            true => Ok(()),
            false => Err(ReleaseError::NotTransactional { resource }),
        }
    }

    /// Whether programs that this process executes inherit the connection, and with it the lock,
    /// which then lasts until the last of them has ended. They do not unless said.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn set_inheritable(&self, inheritable: bool) -> io::Result<()> {
        let mut flags = fcntl_getfd(&self.line)?;
        flags.set(FdFlags::CLOEXEC, !inheritable);
        Ok(fcntl_setfd(&self.line, flags)?)
    }

    fn release(mut self, rollback: bool) -> Result<(), ReleaseError> {
        self.is_over = true;
        let resource = &self.ask.resource;
        if self.owner != process::id() {
            let resource = resource.clone();
            return Err(ReleaseError::OtherProcess { resource });
        }
        debug!(target: target::CLIENT, "releases resource={resource} rollback={rollback}");
        self.check()?;
        let limit = self.release_limit;
        let until = Instant::now() + limit.min(SEND_LIMIT);
        let message = self.ask.unlock_message(rollback);
        match self.line.send(&message, limit.min(SEND_LIMIT)) {
            Ok(()) => {}
            Err(source) if source.kind() == io::ErrorKind::TimedOut => {
                return Err(self.unconfirmed());
            }
            Err(source) => return Err(self.lost(Some(source)).into()),
        }
        match self
            .line
            .hang_up(until.saturating_duration_since(Instant::now()))
        {
            true => Ok(()),
            false => Err(self.unconfirmed()),
        }
    }

    fn unconfirmed(&self) -> ReleaseError {
        ReleaseError::NoConfirmation {
            peer: self.line.peer().to_string(),
            after: self.release_limit,
        }
    }

    fn lost(&self, source: Option<io::Error>) -> LockLost {
        LockLost {
            peer: self.line.peer().to_string(),
            source,
        }
    }

    /// Whether the daemon has to be told that a number is used up before the connection closes.
    fn commits_on_drop(&self) -> bool {
        self.ask.on_drop == OnDrop::Commit
            && self.ask.is_transactional()
            && !self.is_over
            && self.owner == process::id()
            && !thread::panicking()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Bytes that nobody has read would make the end of the connection overtake the word.
        if self.commits_on_drop() && self.check().is_ok() {
            let message = self.ask.unlock_message(false);
            // The system takes it at once or not at all; there is nobody to be told which.
            let _ = self.line.send(&message, Duration::ZERO);
        }
    }
}

impl AsFd for Guard {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.line.as_fd()
    }
}

impl AsRawFd for Guard {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;

    use flom_net::Stream;
    use flom_types::ReturnCode;

    use super::*;
    use crate::line::READABLE;

    const AMPLE: Duration = Duration::from_secs(60);

    fn held() -> (Guard, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (holding("A", Stream::Unix(ours)), theirs)
    }

    fn holding(name: &str, stream: Stream) -> Guard {
        let ask = Ask::new(ResourceName::parse(name.as_bytes()).unwrap());
        let line = Line::new(stream, "test".to_string()).unwrap();
        Guard::new(line, ask, None, process::id(), AMPLE)
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
            match rollback {
                true => {
                    let code = guard.rollback().unwrap_err().code();
                    assert_eq!(code, ReturnCode::NOT_TRANSACTIONAL);
                }
                false => guard.unlock().unwrap(),
            }
            let heard = daemon.join().unwrap();
            assert!(heard.contains("verb=\"2\" step=\"8\""), "{heard}");
            assert!(heard.contains(word), "{heard}");
        }
    }

    #[test]
    fn a_daemon_that_does_not_confirm_is_not_waited_for_for_ever() {
        let (mut guard, _theirs) = held();
        guard.release_limit = Duration::from_millis(20);
        let error = guard.unlock();
        assert!(matches!(error, Err(ReleaseError::NoConfirmation { .. })));
    }

    #[test]
    fn a_lock_that_is_lost_says_so() {
        let (guard, theirs) = held();
        guard.check().unwrap();
        drop(theirs);
        assert_eq!(guard.check().unwrap_err().code(), ReturnCode::SEND);
        assert!(matches!(guard.unlock(), Err(ReleaseError::Lost(_))));
    }

    #[test]
    fn a_loss_shows_also_where_the_system_would_still_take_the_unlock() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (theirs, _) = listener.accept().unwrap();
        let guard = holding("A", Stream::Tcp(ours));
        drop(theirs);
        let until = Instant::now() + AMPLE;
        assert!(guard.line.wait(READABLE, until).unwrap());
        assert!(matches!(guard.unlock(), Err(ReleaseError::Lost(_))));
    }

    #[test]
    fn what_a_daemon_says_to_a_holder_is_no_loss() {
        let (guard, mut theirs) = held();
        std::io::Write::write_all(&mut theirs, b"anything").unwrap();
        guard.check().unwrap();
    }

    /// What the daemon hears when a guard on `name` goes as `end` has it.
    fn heard_after(name: &str, on_drop: OnDrop, end: impl FnOnce(Guard)) -> String {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut guard = holding(name, Stream::Unix(ours));
        guard.ask.on_drop = on_drop;
        end(guard);
        let mut heard = String::new();
        theirs.read_to_string(&mut heard).unwrap();
        heard
    }

    #[test]
    fn a_drop_says_nothing_but_where_a_number_is_to_be_used_up() {
        for (name, on_drop) in [
            ("A", OnDrop::Rollback),
            ("A", OnDrop::Commit),
            ("_s_A[1]", OnDrop::Commit),
            ("_S_A[1]", OnDrop::Rollback),
        ] {
            assert_eq!(heard_after(name, on_drop, drop), "", "{name}");
        }
        let heard = heard_after("_S_A[1]", OnDrop::Commit, drop);
        assert!(heard.contains("rollback=\"0\""), "{heard}");
    }

    #[test]
    fn a_panic_and_a_forked_child_use_up_no_number() {
        let panics = |guard: Guard| {
            let thread = thread::spawn(move || {
                let _guard = guard;
                std::panic::resume_unwind(Box::new("on purpose"));
            });
            thread.join().unwrap_err();
        };
        assert_eq!(heard_after("_S_A[1]", OnDrop::Commit, panics), "");
        let in_child = |mut guard: Guard| guard.owner += 1;
        assert_eq!(heard_after("_S_A[1]", OnDrop::Commit, in_child), "");
    }

    #[test]
    fn a_forked_child_cannot_unlock() {
        for rollback in [false, true] {
            let heard = heard_after("_S_A[1]", OnDrop::Commit, |mut guard| {
                guard.owner += 1;
                let released = match rollback {
                    true => guard.rollback(),
                    false => guard.unlock(),
                };
                let code = released.unwrap_err().code();
                assert_eq!(code, ReturnCode::INVALID_SEQUENCE);
            });
            assert_eq!(heard, "");
        }
    }

    #[test]
    fn what_is_held_can_be_asked() {
        let stream = || Stream::Unix(UnixStream::pair().unwrap().0);
        let mut guard = holding("_s_A[1]", stream());
        guard.element = Some("42".to_string());
        guard.ask.mode = LockMode::NullLock;
        guard.ask.quantity = 7;
        assert_eq!((guard.sequence(), guard.element()), (Some(42), Some("42")));
        assert_eq!((guard.mode(), guard.quantity()), (LockMode::Exclusive, 1));
        let mut set = holding("a.b", stream());
        set.element = Some("2".to_string());
        assert_eq!(set.sequence(), None);
        let mut pool = holding("A[9]", stream());
        pool.ask.quantity = 7;
        assert_eq!(pool.quantity(), 7);
    }

    #[test]
    fn a_loss_is_waited_for_no_longer_than_the_limit() {
        let (guard, theirs) = held();
        guard.wait_lost(Duration::from_millis(20)).unwrap();
        drop(theirs);
        guard.wait_lost(Duration::MAX).unwrap_err();
    }

    #[test]
    fn a_connection_is_inherited_only_by_who_is_meant_to() {
        let (guard, _theirs) = held();
        for inheritable in [true, false] {
            guard.set_inheritable(inheritable).unwrap();
            let flags = fcntl_getfd(&guard).unwrap();
            assert_eq!(flags.contains(FdFlags::CLOEXEC), !inheritable);
        }
    }
}
