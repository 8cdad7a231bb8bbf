//! A request under way.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::process;
use std::time::{Duration, Instant};

use flom_types::{Outcome, Printable, ResourceName, ReturnCode, Time, target};
use log::debug;

use crate::ask::Ask;
use crate::call::Limits;
use crate::conversation::{Conversation, Fault, Progress, Terms};
use crate::error::LockError;
use crate::guard::{Guard, Word};
use crate::line::{Heard, Line, READABLE};
use crate::tls::TlsError;

/// How long the system may take to accept a message for a daemon that does not read.
pub(crate) const SEND_LIMIT: Duration = Duration::from_secs(10);

/// A request under way. Dropping it withdraws the request, without waiting for anything.
///
/// Wait until the descriptor is readable or [`next_deadline`](Self::next_deadline) has come, then
/// [`drive`](Self::drive); after [`Progress::Granted`], [`finish`](Self::finish). The descriptor
/// stays the same, also in the [`Guard`].
///
/// ```
/// # use flom_testkit::Daemon;
/// # let daemon = Daemon::start();
/// # let client = flom_client::Client::builder().unix(daemon.socket()).build()?;
/// use flom_client::{Progress, Wait};
///
/// let mut pending = client.request("stock")?.start(Wait::Forever)?;
/// while pending.drive()? != Progress::Granted {
///     // Wait until `pending.as_fd()` is readable, or until `pending.next_deadline()`.
/// #   std::thread::yield_now();
/// }
/// let guard = pending.finish().expect("drive said so");
/// # guard.unlock()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "the request is withdrawn as soon as it is dropped"]
pub struct Pending {
    pub(crate) line: Line,
    pub(crate) ask: Ask,
    pub(crate) conversation: Conversation,
    asked: Instant,
    /// The process that has asked.
    owner: u32,
    release_limit: Duration,
}

impl Pending {
    /// Sends the request, which `message` says, and starts the clock.
    pub(crate) fn send(
        line: Line,
        ask: Ask,
        message: &[u8],
        terms: Terms,
        limits: Limits,
    ) -> Result<Self, LockError> {
        debug!(target: target::CLIENT, "asks {} for {ask}, {terms:?}", line.peer());
        let asked = Instant::now();
        // An answer to what the daemon does not even take would be late as well.
        let answer = terms.answer.unwrap_or(SEND_LIMIT);
        let limit = terms.grant.map_or(answer, |grant| grant.left.min(answer));
        let sent = line.send(message, limit);
        let pending = Self {
            line,
            ask,
            conversation: Conversation::new(terms, Time(0)),
            asked,
            owner: process::id(),
            release_limit: limits.release,
        };
        match sent {
            Ok(()) => Ok(pending),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                let over = pending.conversation.tick(Time(u64::MAX));
                Err(over.map_or_else(
                    |fault| pending.explain(fault, None),
                    |()| pending.ended(Some(error)),
                ))
            }
            Err(error) => {
                let error = pending.line.last_word().unwrap_or(error);
                Err(pending.ended(Some(error)))
            }
        }
    }

    /// Takes what the daemon has said so far. Never waits.
    ///
    /// # Errors
    ///
    /// Every [`LockError`] but `Connect` and `NameTooLong`. The request has come to nothing then,
    /// and is to be dropped, or [withdrawn](Self::withdraw) in order.
    pub fn drive(&mut self) -> Result<Progress, LockError> {
        let mut buffer = [0; 4096];
        while !matches!(self.conversation.progress(), Progress::Granted) {
            match self.line.hear(&mut buffer) {
                Heard::Bytes(bytes) => {
                    let heard = self.conversation.heard(&buffer[..bytes]);
                    self.check_peer()?;
                    heard.map_err(|fault| self.explain(fault, None))?;
                }
                Heard::Nothing => break,
                Heard::End(source) => return Err(self.ended(source)),
            }
        }
        // An answer that is there counts, however late we come to look at it.
        let looked = self.conversation.tick(self.now());
        looked.map_err(|fault| self.explain(fault, None))?;
        Ok(self.conversation.progress())
    }

    /// The lock, after [`drive`](Self::drive) has said [`Progress::Granted`].
    ///
    /// # Errors
    ///
    /// The request itself, if it is not granted yet.
    #[expect(
        clippy::result_large_err,
        reason = "whoever asks too early gets back what he had"
    )]
    pub fn finish(self) -> Result<Guard, Self> {
        match self.conversation.progress() {
            Progress::Granted => Ok(self.into_guard()),
            Progress::Waiting { .. } => Err(self),
        }
    }

    /// Waits until the lock is held.
    ///
    /// # Errors
    ///
    /// As [`drive`](Self::drive). The connection is closed then, and the request with it.
    pub fn wait(mut self) -> Result<Guard, LockError> {
        loop {
            match self.drive()? {
                Progress::Granted => return Ok(self.into_guard()),
                Progress::Waiting { .. } => {
                    let until = self.next_deadline().unwrap_or_else(far_away);
                    // Ready or not: what there is to say, the next look will say.
                    let _ = self.line.wait(READABLE, until);
                }
            }
        }
    }

    /// Waits for the first answer, whatever it says, and tells whether the daemon understands more
    /// than FLoM 1.7.2. The request is withdrawn.
    pub(crate) fn learn_whether_extended(mut self) -> Result<bool, LockError> {
        loop {
            let progress = self.drive();
            if let Some(extended) = self.conversation.is_extended() {
                self.withdraw();
                return Ok(extended);
            }
            progress?;
            let until = self.next_deadline().unwrap_or_else(far_away);
            // Ready or not: what there is to say, the next look will say.
            let _ = self.line.wait(READABLE, until);
        }
    }

    /// When to [`drive`](Self::drive) even if nothing has come; `None` if there is no limit.
    pub fn next_deadline(&self) -> Option<Instant> {
        let Time(ms) = self.conversation.next_deadline()?;
        self.asked.checked_add(Duration::from_millis(ms))
    }

    /// Takes the request back and returns when the daemon has heard it, or after as long as
    /// [`release_timeout`](crate::ClientBuilder::release_timeout) says.
    ///
    /// Dropping does the same, but does not wait: the daemon may still give the lock away to us
    /// before it notices. In a forked child this only closes the child's copy of the connection.
    pub fn withdraw(self) {
        debug!(target: target::CLIENT, "withdraws the request for resource={}", self.ask.resource);
        if self.owner == process::id() {
            self.line.hang_up(self.release_limit);
        }
    }

    /// What is asked for.
    pub fn resource(&self) -> &ResourceName {
        &self.ask.resource
    }

    fn into_guard(self) -> Guard {
        let granted = self.conversation.granted().cloned().unwrap_or_default();
        debug!(
            target: target::CLIENT,
            "resource={} granted after {} ms, {granted:?}",
            self.ask.resource,
            self.asked.elapsed().as_millis()
        );
        let is_extended = self.conversation.is_extended() == Some(true);
        let word = Word {
            granted,
            is_extended,
        };
        Guard::new(self.line, self.ask, word, self.owner, self.release_limit)
    }

    /// Why the daemon has refused, in lines, if it has said so in words.
    fn reasons(&self) -> Vec<String> {
        let lines = self.conversation.reason().unwrap_or_default().lines();
        lines
            .map(|line| Printable(line.as_bytes()).to_string())
            .collect()
    }

    fn now(&self) -> Time {
        Time(0) + self.asked.elapsed()
    }

    fn ended(&self, source: Option<io::Error>) -> LockError {
        let fault = self.conversation.ended();
        match TlsError::out_of(source) {
            Ok(source) => {
                let peer = self.line.peer().to_string();
                LockError::Tls { peer, source }
            }
            Err(_) if self.line.is_secured() && fault == (Fault::Ended { unanswered: true }) => {
                self.explain(fault, Some(TlsError::Silent.into_io()))
            }
            Err(source) => self.explain(fault, source),
        }
    }

    /// Whether the daemon is whom its certificate was made for, as soon as it has said who it is.
    fn check_peer(&self) -> Result<(), LockError> {
        let Some(claimed) = self.conversation.peer_id() else {
            return Ok(());
        };
        self.line.check_peer(claimed).map_err(|source| {
            let peer = self.line.peer().to_string();
            LockError::Tls { peer, source }
        })
    }

    /// The fault, with what was asked for and who was asked.
    fn explain(&self, fault: Fault, source: Option<io::Error>) -> LockError {
        let resource = self.ask.resource.clone();
        let peer = self.line.peer().to_string();
        match fault {
            Fault::Refused(rc) => match Outcome::from_number(rc) {
                Some(Outcome::Busy) => LockError::Busy { resource },
                Some(Outcome::CannotWait) => LockError::NoSuchResource { resource },
                Some(Outcome::Impossible) => LockError::Impossible { resource },
                Some(Outcome::InvalidName) => LockError::InvalidName { resource, peer },
                Some(Outcome::Deadlock) => LockError::Deadlock {
                    resource,
                    circle: self.reasons(),
                },
                _ => LockError::Refused {
                    resource,
                    peer,
                    rc,
                    reason: self.reasons().into_iter().next(),
                },
            },
            Fault::TimedOut { after, queued } => LockError::TimedOut {
                resource,
                after,
                queued,
            },
            Fault::NoAnswer { after } => LockError::NoAnswer { peer, after },
            Fault::Ended { unanswered } => LockError::Disconnected {
                resource,
                peer,
                unanswered,
                source,
            },
            Fault::Unreadable(error) => LockError::Protocol {
                peer,
                code: error.code(),
                problem: error.to_string(),
            },
            Fault::OutOfTurn { said } => LockError::Protocol {
                peer,
                problem: said,
                code: ReturnCode::PROTOCOL_ERROR,
            },
        }
    }
}

impl AsFd for Pending {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.line.as_fd()
    }
}

impl AsRawFd for Pending {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

/// Later than anything that is waited for.
fn far_away() -> Instant {
    Instant::now() + Duration::from_secs(24 * 60 * 60)
}
