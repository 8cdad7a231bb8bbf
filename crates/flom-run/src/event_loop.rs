//! The rim of a run: waits for the daemon, the command and signals, tells [`Run`] and does what it
//! says.

use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use flom_client::{Guard, Pending, Progress, ReleaseError, command};
use flom_types::{Patience, Previous, target};
use log::trace;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use crate::child::Child;
use crate::environment;
use crate::exit::{Ended, Outcome, RunError};
use crate::explain::Explainer;
use crate::run::{Effect, Event, Run};
use crate::signals::Signals;
use crate::{Job, Notice};

const CONNECTION: Token = Token(0);
const SIGNALS: Token = Token(1);
const CHILD: Token = Token(2);

/// Runs the command of `job` under its lock; `tell` hears what happens on the way.
///
/// For a program that does nothing else: it catches signals, and they stay caught.
pub fn run(job: &Job, tell: &mut dyn FnMut(Notice<'_>)) -> Outcome {
    let (run, first) = Run::begin(job.ignored_signals.clone());
    let mut rim = Rim {
        job,
        tell,
        run,
        watch: None,
        pending: None,
        guard: None,
        child: None,
        just_started: false,
        blind: None,
        asked: None,
        explainer: Explainer::new(job.explain_after),
    };
    let mut outcome = rim.follow(first);
    loop {
        match outcome {
            Some(outcome) => return outcome,
            None => outcome = rim.turn(),
        }
    }
}

struct Rim<'a> {
    job: &'a Job,
    tell: &'a mut dyn FnMut(Notice<'_>),
    run: Run,
    /// From the first request on.
    watch: Option<Watch>,
    pending: Option<Pending>,
    guard: Option<Guard>,
    child: Option<Child>,
    /// Since the last turn.
    just_started: bool,
    /// Why the system does not tell when the command ends.
    blind: Option<io::Error>,
    /// When the first request was sent.
    asked: Option<Instant>,
    explainer: Explainer,
}

/// Where the loop sleeps.
struct Watch {
    poll: Poll,
    events: Events,
    signals: Signals,
}

/// What to look at after a sleep.
#[derive(Default)]
struct Ready {
    connection: bool,
    signals: bool,
    child: bool,
}

/// What carrying out an effect leads to.
enum Step {
    Nothing,
    Event(Event),
    Done(Outcome),
}

impl Rim<'_> {
    /// One turn: sleeps until something happens, then deals with it. Signals come first: they may
    /// be about a command that has ended meanwhile.
    fn turn(&mut self) -> Option<Outcome> {
        if let Some(error) = self.blind.take() {
            return self.give_up_watching(error);
        }
        // A signal of the terminal that has come by now may have come before there was a command.
        // It is passed on: at worst a command that has hardly begun gets it twice.
        let may_have_missed = mem::take(&mut self.just_started);
        let ready = match may_have_missed {
            true => Ready {
                connection: true,
                signals: true,
                child: false,
            },
            false => match self.sleep() {
                Ok(ready) => ready,
                Err(error) => return self.give_up_watching(error),
            },
        };
        if ready.signals {
            for arrival in self.watch().signals.arrivals() {
                let event = Event::Signal {
                    number: arrival.number,
                    reached_command: arrival.from_terminal && !may_have_missed,
                };
                if let Some(outcome) = self.happened(event) {
                    return Some(outcome);
                }
            }
        }
        if ready.connection
            && let Some(event) = self.look_at_connection()
            && let Some(outcome) = self.happened(event)
        {
            return Some(outcome);
        }
        if ready.child
            && let Some(event) = self.look_at_child()
        {
            return self.happened(event);
        }
        None
    }

    /// The only call that blocks, but for the search for a daemon and the release of the lock.
    fn sleep(&mut self) -> io::Result<Ready> {
        let left = self
            .pending
            .as_ref()
            .map(|pending| (pending.next_deadline(), self.explainer.next_deadline()));
        let left = left
            .and_then(|(answer, explanation)| [answer, explanation].into_iter().flatten().min())
            .map(|at| at.saturating_duration_since(Instant::now()));
        let Watch { poll, events, .. } = self.watch();
        match poll.poll(events, left) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => events.clear(),
            Err(error) => return Err(error),
        }
        let happened = |token| events.iter().any(|event| event.token() == token);
        Ok(Ready {
            // Also when nothing has happened: then it is time that has passed.
            connection: happened(CONNECTION) || events.is_empty(),
            signals: happened(SIGNALS),
            child: happened(CHILD),
        })
    }

    fn look_at_connection(&mut self) -> Option<Event> {
        if let Some(guard) = &self.guard {
            let lost = guard.check().err()?;
            self.guard = None;
            return Some(Event::Lost(lost));
        }
        let pending = self.pending.as_mut()?;
        match pending.drive() {
            Ok(Progress::Granted) => {
                self.explainer.end(self.tell);
                self.guard = self.pending.take()?.finish().ok();
                Some(Event::Granted)
            }
            Ok(_) => {
                self.explainer.look(Instant::now(), pending, self.tell);
                None
            }
            Err(error) => {
                self.explainer.fail(&error, pending, self.tell);
                Some(Event::NotGranted(error))
            }
        }
    }

    fn look_at_child(&mut self) -> Option<Event> {
        match self.child.as_mut()?.ended() {
            Ok(ended) => ended.map(|ended| self.counted(ended)),
            Err(error) => Some(Event::Failed(RunError::Watch(error))),
        }
    }

    fn counted(&self, ended: Ended) -> Event {
        Event::Ended(ended.counted(self.job.killed_status))
    }

    /// What is left when the system does not tell any more when something happens: the lock is
    /// kept until the command has ended.
    fn give_up_watching(&mut self, error: io::Error) -> Option<Outcome> {
        let event = match self.child.as_mut().map(Child::wait) {
            Some(Ok(ended)) => self.counted(ended),
            Some(Err(error)) => Event::Failed(RunError::Watch(error)),
            None => Event::Failed(RunError::Watch(error)),
        };
        self.happened(event)
    }

    fn happened(&mut self, event: Event) -> Option<Outcome> {
        let effect = self.handle(event)?;
        self.follow(effect)
    }

    fn handle(&mut self, event: Event) -> Option<Effect> {
        trace!(target: target::EXEC, "{event:?}");
        self.run.handle(event)
    }

    /// Does what is to be done, and what follows from that.
    fn follow(&mut self, mut effect: Effect) -> Option<Outcome> {
        loop {
            match self.carry_out(effect) {
                Step::Nothing => return None,
                Step::Event(event) => effect = self.handle(event)?,
                Step::Done(outcome) => return Some(outcome),
            }
        }
    }

    fn carry_out(&mut self, effect: Effect) -> Step {
        trace!(target: target::EXEC, "{effect:?}");
        match effect {
            Effect::Ask => match self.ask() {
                Ok(()) => Step::Nothing,
                Err(RunError::Lock(error)) => Step::Event(Event::NotGranted(error)),
                Err(error) => Step::Event(Event::Failed(error)),
            },
            Effect::Start => match self.start() {
                Ok(()) => Step::Nothing,
                Err(error) => Step::Event(Event::Failed(error)),
            },
            Effect::Forward(number) => {
                if let Some(child) = &self.child {
                    child.signal(number);
                }
                Step::Nothing
            }
            Effect::TellLost(lost) => {
                (self.tell)(Notice::Lost(&lost));
                Step::Nothing
            }
            Effect::Release { rollback, ended } => {
                self.release(rollback, ended);
                Step::Event(Event::Released)
            }
            Effect::Done(outcome) => Step::Done(outcome),
        }
    }

    /// Sends the request. Only then, while the daemon thinks about it, the watch is set up.
    fn ask(&mut self) -> Result<(), RunError> {
        self.let_signals_through(true)?;
        let patience = left_of(self.job.patience, self.asked);
        let tell = &mut self.tell;
        let pending = command::start(&self.job.request, patience.into(), &mut |notice| {
            tell(Notice::Search(notice));
        });
        self.let_signals_through(false)?;
        let pending = pending?;
        let asked = *self.asked.get_or_insert_with(Instant::now);
        self.explainer.begin(asked);
        if self.watch.is_none() {
            self.watch = Some(Watch::new().map_err(RunError::Watch)?);
        }
        let connection = pending.as_fd().as_raw_fd();
        self.watch()
            .add(&mut SourceFd(&connection), CONNECTION)
            .map_err(RunError::Watch)?;
        self.pending = Some(pending);
        Ok(())
    }

    fn start(&mut self) -> Result<(), RunError> {
        let guard = self.guard.as_ref();
        let element = guard.and_then(Guard::element).map(str::to_string);
        let variables = guard.map(environment::of).unwrap_or_default();
        if let Some(element) = &element {
            (self.tell)(Notice::Locked { element });
        }
        let job = self.job;
        let never = self.watch().signals.ignore(&job.ignored_signals);
        for number in never.map_err(RunError::Watch)? {
            (self.tell)(Notice::CannotIgnore { number });
        }
        let child =
            Child::start(&self.job.command, element.as_deref(), &variables).map_err(|source| {
                let command = self.job.command.first().cloned().unwrap_or_default();
                RunError::Execute { command, source }
            })?;
        let watched = match child.pidfd() {
            Some(pidfd) => self.watch().add(&mut SourceFd(&pidfd), CHILD),
            None => Err(io::ErrorKind::Unsupported.into()),
        };
        self.child = Some(child);
        self.just_started = true;
        self.blind = watched.err();
        Ok(())
    }

    fn release(&mut self, rollback: bool, ended: Option<Ended>) {
        // Signals wait meanwhile: it has an end of its own, and then flom ends anyway.
        self.explainer.end(self.tell);
        if let Some(pending) = self.pending.take() {
            pending.withdraw();
        }
        let released = self.guard.take().map_or(Ok(()), |guard| {
            // Where nothing was run, things are as the last holder has left them.
            let found = guard.previous().unwrap_or(Previous::Released);
            let ended = ended.map_or(found, Ended::as_previous);
            command::release(guard, rollback, ended)
        });
        match released {
            // Whatever was locked, a command that fails says so.
            Ok(()) | Err(ReleaseError::NotTransactional { .. }) => {}
            Err(error) => (self.tell)(Notice::NotReleased(&error)),
        }
    }

    /// Not while the first request is sent: then no signal is caught yet.
    fn let_signals_through(&mut self, through: bool) -> Result<(), RunError> {
        let Some(watch) = &mut self.watch else {
            return Ok(());
        };
        watch.signals.let_through(through).map_err(RunError::Watch)
    }

    fn watch(&mut self) -> &mut Watch {
        self.watch
            .as_mut()
            .expect("the watch is set up with the first request")
    }
}

impl Watch {
    fn new() -> io::Result<Self> {
        let mut signals = Signals::catch()?;
        let poll = Poll::new()?;
        let registry = poll.registry();
        registry.register(signals.source(), SIGNALS, Interest::READABLE)?;
        Ok(Self {
            poll,
            events: Events::with_capacity(4),
            signals,
        })
    }

    fn add(&self, source: &mut SourceFd<'_>, token: Token) -> io::Result<()> {
        let registry = self.poll.registry();
        registry.register(source, token, Interest::READABLE)
    }
}

/// What is left of the patience since the request was first `asked`. A moment at least: having
/// asked in time, one may learn what came of it.
fn left_of(patience: Patience, asked: Option<Instant>) -> Patience {
    match (patience, asked) {
        (Patience::UpTo(limit), Some(asked)) => {
            let left = limit.saturating_sub(asked.elapsed());
            Patience::UpTo(left.max(Duration::from_millis(1)))
        }
        _ => patience,
    }
}
