//! A lock that is held.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use flom_types::{Lineage, LockMode, Previous, ResourceName, target};
use log::debug;
use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};

use crate::ask::Ask;
use crate::conversation::Granted;
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
    word: Word,
    /// The process that holds the lock.
    owner: u32,
    release_limit: Duration,
    /// Whether the daemon has been told that the lock is over.
    is_over: bool,
}

/// What the daemon has said.
#[derive(Debug, Default)]
pub(crate) struct Word {
    pub(crate) granted: Granted,
    /// Whether it understands more than FLoM 1.7.2.
    pub(crate) is_extended: bool,
}

impl Guard {
    pub(crate) fn new(
        line: Line,
        ask: Ask,
        word: Word,
        owner: u32,
        release_limit: Duration,
    ) -> Self {
        Self {
            line,
            ask,
            word,
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
        self.word.granted.element.as_deref()
    }

    /// The number of a sequence.
    pub fn sequence(&self) -> Option<u64> {
        match self.ask.is_sequence() {
            true => self.element()?.parse().ok(),
            false => None,
        }
    }

    /// The number of this grant: larger than that of every earlier grant of the resource, also of
    /// those before a restart of the daemon. Who writes under the lock hands it on, and who is
    /// written to refuses smaller ones: then a holder that has lost its lock without noticing does no
    /// harm. `None` from a daemon of FLoM 1.7.2.
    pub fn fence(&self) -> Option<u64> {
        self.word.granted.fence
    }

    /// How the last exclusive holder of a simple or hierarchical resource ended. `None` from a
    /// daemon of FLoM 1.7.2.
    pub fn previous(&self) -> Option<Previous> {
        let unknown = self.word.is_extended.then_some(Previous::None);
        self.word.granted.previous.or(unknown)
    }

    /// Who holds this lock, among those who hold locks inside of each other: for
    /// [`Request::inside_of`](crate::Request::inside_of) in another process, which finds it in
    /// `FLOM_SESSION` if it was put there.
    pub fn lineage(&self) -> Option<&Lineage> {
        self.ask.lineage.as_deref()
    }

    /// Whether the lock is still held, as far as the connection tells. Does not wait.
    ///
    /// # Errors
    ///
    /// [`LockLost`] if the daemon has gone.
    pub fn check(&self) -> Result<(), LockLost> {
        // No daemon has anything to say that the holder of a lock would have to know.
        self.hear(|_| {}).map(drop)
    }

    /// Passes on what the daemon has said; whether it has said anything.
    pub(crate) fn hear(&self, mut take: impl FnMut(&[u8])) -> Result<bool, LockLost> {
        let (mut buffer, mut heard) = ([0; 1024], false);
        loop {
            match self.line.hear(&mut buffer) {
                Heard::Nothing => return Ok(heard),
                Heard::Bytes(bytes) => {
                    heard = true;
                    take(&buffer[..bytes]);
                }
                Heard::End(source) => return Err(self.lost(source)),
            }
        }
    }

    /// Says something to the daemon, if the system takes it at once: it is not that important.
    pub(crate) fn say(&self, bytes: &[u8]) -> Result<(), LockLost> {
        match self.line.send(bytes, Duration::ZERO) {
            Err(source) if source.kind() != io::ErrorKind::TimedOut => Err(self.lost(Some(source))),
            _ => Ok(()),
        }
    }

    pub(crate) fn ask(&self) -> &Ask {
        &self.ask
    }

    /// Whether the daemon understands more than FLoM 1.7.2.
    pub(crate) fn is_extended(&self) -> bool {
        self.word.is_extended
    }

    /// What there is to be said of a daemon that has not said a word for so long.
    pub(crate) fn silent(&self, limit: Duration) -> LockLost {
        let text = format!("it has not said a word for {} s", limit.as_secs_f32());
        self.lost(Some(io::Error::new(io::ErrorKind::TimedOut, text)))
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
        self.release(false, Previous::Released)
    }

    /// As [`unlock`](Self::unlock), but the number of a transactional sequence goes back: the next
    /// one who asks gets the same.
    ///
    /// # Errors
    ///
    /// As [`unlock`](Self::unlock); [`ReleaseError::NotTransactional`] for any other resource, which
    /// is released all the same.
    pub fn rollback(self) -> Result<(), ReleaseError> {
        self.roll_back(Previous::Released)
    }

    /// Rolls back; the next holder learns that this one has `ended` so.
    pub(crate) fn roll_back(self, ended: Previous) -> Result<(), ReleaseError> {
        let resource = self.ask.resource.clone();
        let is_transactional = self.ask.is_transactional();
        self.release(true, ended)?;
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

    /// Gives the lock back; the next holder learns that this one has `ended` so.
    pub(crate) fn release(mut self, rollback: bool, ended: Previous) -> Result<(), ReleaseError> {
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
        // Nothing said means that all is well.
        let says = self.word.is_extended && ended != Previous::Released;
        let message = self.ask.unlock_message(rollback, says.then_some(ended));
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
            let message = self.ask.unlock_message(false, None);
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
mod tests;
