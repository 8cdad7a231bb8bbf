//! What to lock, and how.

use std::fmt;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use flom_types::limits::OLD_DAEMON_MESSAGE_BYTES;
use flom_types::{Lineage, LockMode, ResourceName, Who, target};
use log::trace;

use crate::ask::Ask;
use crate::call::{Call, Wait};
use crate::client::Client;
use crate::command::Notice;
use crate::conversation::Terms;
use crate::error::{ConnectError, LockError};
use crate::guard::Guard;
use crate::line::Line;
use crate::locate::Purpose;
use crate::pending::Pending;
use crate::resume::{Claim, ResumeError};

/// What becomes of the number of a transactional sequence (`_S_name[1]`) when its [`Guard`] is
/// dropped without [`unlock`](Guard::unlock). Of no matter to other resources.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum OnDrop {
    /// It goes back, and the next one gets the same number: so that an early return or a panic
    /// uses up nothing.
    #[default]
    Rollback,
    /// It is used up, as far as the daemon can still be told: the word is sent, nobody waits for it
    /// to arrive. A panic gives the number back all the same.
    Commit,
}

/// What to lock and how. Reusable, and cheap to clone.
///
/// Two requests of one process compete with each other like those of strangers: who holds a lock
/// and asks for it again waits for himself.
#[derive(Clone, Debug)]
#[must_use = "nothing is locked until it is asked for"]
pub struct Request {
    client: Client,
    ask: Ask,
}

impl Request {
    pub(crate) fn new(client: Client, resource: ResourceName) -> Self {
        let ask = Ask::new(resource);
        Self { client, ask }
    }

    /// The mode of a simple or hierarchical resource, [`LockMode::Exclusive`] unless said; others
    /// are always locked exclusively.
    pub fn mode(mut self, mode: LockMode) -> Self {
        self.ask.mode = mode;
        self
    }

    /// How many units of a numeric resource, one unless said.
    pub fn quantity(mut self, units: NonZeroU32) -> Self {
        self.ask.quantity = units.get();
        self
    }

    /// Whether the resource may be created, which it may unless said; else the request waits until
    /// somebody does.
    pub fn create(mut self, create: bool) -> Self {
        self.ask.create = create;
        self
    }

    /// How long the resource outlives its last user if this request creates it, in whole ms, at
    /// most 24 days. The daemon adds a second or two.
    pub fn idle_lifespan(mut self, lifespan: Duration) -> Self {
        self.ask.idle_lifespan_ms = u32::try_from(lifespan.as_millis()).unwrap_or(u32::MAX);
        self
    }

    /// What becomes of the number of a transactional sequence when the guard is dropped.
    pub fn on_drop(mut self, on_drop: OnDrop) -> Self {
        self.ask.on_drop = on_drop;
        self
    }

    /// Says that whoever asks holds `guard`, and lets go of it only after it has been granted this.
    ///
    /// Then a wait that could never end, because somebody waits for `guard` whom this would wait
    /// for, comes to nothing at once: [`LockError::Deadlock`]. A daemon of FLoM 1.7.2 does not know.
    pub fn inside(self, guard: &Guard) -> Self {
        match guard.lineage() {
            Some(lineage) => self.inside_of(lineage.clone()),
            None => self,
        }
    }

    /// The same, of a lock held by whoever is called `outer`: the value of `FLOM_SESSION` in a
    /// command that `flom` runs.
    pub fn inside_of(mut self, outer: Lineage) -> Self {
        self.ask.outer = Some(Box::new(outer));
        self
    }

    /// Whether what is asked for is granted at once where those hold it already who were named by
    /// [`inside`](Self::inside): the same resource, in this mode or a stronger one, or so many
    /// units. Otherwise that is a [`LockError::Deadlock`].
    pub fn reentrant(mut self, reentrant: bool) -> Self {
        self.ask.reentrant = reentrant;
        self
    }

    /// Promises to be heard of every `beat_ms` while the lock is held, and has it kept for `grace_ms`
    /// if the connection breaks; 0 for neither.
    pub(crate) fn steady(mut self, beat_ms: u32, grace_ms: u32) -> Self {
        self.ask.beat_ms = beat_ms;
        self.ask.grace_ms = grace_ms;
        self
    }

    /// Goes on, over a new connection, with the lock that `claim` is about. Never starts a daemon.
    pub(crate) fn resume(&self, claim: &Claim, limit: Duration) -> Result<Guard, ResumeError> {
        let until = Instant::now() + limit;
        let tell: &mut dyn FnMut(Notice<'_>) = &mut |_| {};
        let line = self.client.line(Purpose::Observe, Some(until), tell);
        let line = line.map_err(|error| ResumeError::NotYet(error.into()))?;
        let ask = claim.ask();
        let message = ask.whole_message(self.client.peer_id(), false);
        let terms = Terms {
            answer: Some(limit),
            ..self.client.call(Wait::No).terms()
        };
        let pending = Pending::send(line, ask, &message, terms, self.client.limits());
        let guard = pending.and_then(Pending::wait).map_err(ResumeError::of)?;
        match guard.fence() == Some(claim.fence) {
            true => Ok(guard),
            false => Err(ResumeError::Gone),
        }
    }

    /// Says who asks, for those who look at who holds the lock.
    pub(crate) fn introduce(mut self, who: Who) -> Self {
        self.ask.who = (!who.is_nobody()).then(|| Box::new(who));
        self
    }

    /// The resource to be locked.
    pub fn resource(&self) -> &ResourceName {
        &self.ask.resource
    }

    /// Waits for the lock as long as it takes.
    ///
    /// Finding a daemon and its first answer have limits all the same.
    ///
    /// # Errors
    ///
    /// Every [`LockError`] but `Busy` and `TimedOut`.
    pub fn lock(&self) -> Result<Guard, LockError> {
        self.acquire(Wait::Forever)
    }

    /// Waits for the lock at most for `limit`, the way to the daemon included.
    ///
    /// # Errors
    ///
    /// Every [`LockError`] but `Busy`, which it is only with a limit of zero. The request is
    /// withdrawn.
    pub fn lock_timeout(&self, limit: Duration) -> Result<Guard, LockError> {
        self.acquire(Wait::For(limit))
    }

    /// Waits for the lock until `deadline`; what has passed already means not to wait at all.
    ///
    /// # Errors
    ///
    /// As [`lock_timeout`](Self::lock_timeout).
    pub fn lock_deadline(&self, deadline: Instant) -> Result<Guard, LockError> {
        self.lock_timeout(deadline.saturating_duration_since(Instant::now()))
    }

    /// The lock if nobody else has it, and `None` if somebody has. Never joins a queue.
    ///
    /// ```
    /// # use flom_testkit::Daemon;
    /// # let daemon = Daemon::start();
    /// # let client = flom_client::Client::builder().unix(daemon.socket()).build()?;
    /// let request = client.request("nightly")?;
    /// let Some(guard) = request.try_lock()? else {
    ///     return Ok(()); // another host is at it
    /// };
    /// assert!(request.try_lock()?.is_none());
    /// # guard.unlock()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Every [`LockError`] but `Busy` and `TimedOut`.
    pub fn try_lock(&self) -> Result<Option<Guard>, LockError> {
        match self.acquire(Wait::No) {
            Ok(guard) => Ok(Some(guard)),
            Err(LockError::Busy { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Finds a daemon, sends the request and returns; the caller waits, beside whatever else it
    /// waits for.
    ///
    /// Finding a daemon may block for as long as
    /// [`connect_timeout`](crate::ClientBuilder::connect_timeout) says. The limit of `wait` counts
    /// from here on.
    ///
    /// # Errors
    ///
    /// [`LockError::Connect`] if there is no daemon; [`LockError::NameTooLong`] if it is one of FLoM
    /// 1.7.2, which ends a connection that says so much, without having been asked;
    /// [`LockError::Disconnected`] if it goes away at once.
    pub fn start(&self, wait: Wait) -> Result<Pending, LockError> {
        self.begin(wait, &mut |_| {})
    }

    fn acquire(&self, wait: Wait) -> Result<Guard, LockError> {
        let call = self.client.call(wait);
        let tell: &mut dyn FnMut(Notice<'_>) = &mut |_| {};
        match self.ask(&call, tell).and_then(Pending::wait) {
            // A daemon that was just about to end took the connection with it. Where one may be
            // started, another one is to be had; elsewhere the end of this one is the better news.
            Err(LockError::Disconnected {
                unanswered: true, ..
            }) if self.client.may_start() => self.ask(&call, tell)?.wait(),
            outcome => outcome,
        }
    }

    /// As [`start`](Self::start); `tell` hears about the search for a daemon.
    pub(crate) fn begin(
        &self,
        wait: Wait,
        tell: &mut dyn FnMut(Notice<'_>),
    ) -> Result<Pending, LockError> {
        self.ask(&self.client.call(wait), tell)
    }

    fn ask(&self, call: &Call, tell: &mut dyn FnMut(Notice<'_>)) -> Result<Pending, LockError> {
        let ask = self.ask.begun();
        let message = self.message(&ask, call, &self.client, tell)?;
        let line = self.connect(&self.client, call, tell)?;
        self.send(ask, line, call, &message)
    }

    /// As [`start`](Self::start), over a connection of `client` that is there.
    pub(crate) fn ask_over(
        &self,
        line: Line,
        client: &Client,
        wait: Wait,
    ) -> Result<Pending, LockError> {
        let call = client.call(wait);
        let ask = self.ask.begun();
        let message = self.message(&ask, &call, client, &mut |_| {})?;
        self.send(ask, line, &call, &message)
    }

    /// The request as bytes, once it is certain that the daemon of `client` can take them.
    fn message(
        &self,
        ask: &Ask,
        call: &Call,
        client: &Client,
        tell: &mut dyn FnMut(Notice<'_>),
    ) -> Result<Vec<u8>, LockError> {
        let resource = &self.ask.resource;
        trace!(target: target::RESOURCE, "resource={resource} is {:?}", resource.kind());
        let (peer_id, waits) = (client.peer_id(), call.terms().waits);
        let said = ask.message(peer_id, waits);
        let is_long = said.bytes.len() > OLD_DAEMON_MESSAGE_BYTES;
        if !is_long && !said.is_cut {
            return Ok(said.bytes);
        }
        match self.find_out(call, client, tell)? {
            (true, _) => Ok(ask.whole_message(peer_id, waits)),
            (false, peer) if is_long => Err(LockError::NameTooLong {
                bytes: resource.as_bytes().len(),
                peer,
            }),
            (false, _) => Ok(said.bytes),
        }
    }

    /// Learns whether the daemon understands more than FLoM 1.7.2, and who it is, by a question that
    /// leaves nothing behind.
    fn find_out(
        &self,
        call: &Call,
        client: &Client,
        tell: &mut dyn FnMut(Notice<'_>),
    ) -> Result<(bool, String), LockError> {
        let question = Ask::question();
        let message = question.message(client.peer_id(), false).bytes;
        let line = self.connect(client, call, tell)?;
        let peer = line.peer().to_string();
        let terms = client.call(Wait::No).terms();
        let asked = Pending::send(line, question, &message, terms, client.limits())?;
        Ok((asked.learn_whether_extended()?, peer))
    }

    fn connect(
        &self,
        client: &Client,
        call: &Call,
        tell: &mut dyn FnMut(Notice<'_>),
    ) -> Result<Line, LockError> {
        client
            .line(Purpose::Lock, call.connected_by(), tell)
            .map_err(|error| match (error, call.exhausted()) {
                (ConnectError::TimedOut { .. }, Some(after)) => self.timed_out(after),
                (error, _) => error.into(),
            })
    }

    fn send(
        &self,
        ask: Ask,
        line: Line,
        call: &Call,
        message: &[u8],
    ) -> Result<Pending, LockError> {
        match call.exhausted() {
            Some(after) => Err(self.timed_out(after)),
            None => Pending::send(line, ask, message, call.terms(), self.client.limits()),
        }
    }

    fn timed_out(&self, after: Duration) -> LockError {
        LockError::TimedOut {
            resource: self.ask.resource.clone(),
            after,
            queued: false,
        }
    }
}

/// `resource=NAME mode=EX quantity=1 ...`, for the log.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ask.fmt(f)
    }
}
