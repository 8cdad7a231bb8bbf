//! What a run wants done, done.

use std::ffi::OsString;
use std::io;
use std::time::{Duration, Instant};

use flom_client::{Guard, ReleaseError, command};
use flom_types::{Previous, target};
use log::trace;

use super::watch::Watch;
use super::{Rim, Step, left_of};
use crate::Notice;
use crate::child::Child;
use crate::environment;
use crate::exit::{Ended, RunError};
use crate::run::{Effect, Event, Told};

impl Rim<'_> {
    pub(super) fn carry_out(&mut self, effect: Effect) -> Step {
        trace!(target: target::EXEC, "{effect:?}");
        match effect {
            Effect::Ask => match self.ask() {
                Ok(()) => {}
                Err(RunError::Lock(error)) => return Step::Event(Event::NotGranted(error)),
                Err(error) => return Step::Event(Event::Failed(error)),
            },
            Effect::Repair => return Self::started(self.repair()),
            Effect::Start => return Self::started(self.start()),
            Effect::Signal(number) => {
                if let Some(child) = &self.child {
                    child.signal(number);
                }
            }
            Effect::Tell(told) => self.tell(&told),
            Effect::Search(true) => {
                self.search = Some(Instant::now() + Duration::from_millis(1));
            }
            Effect::Search(false) => self.search = None,
            Effect::Ring(timer, after) => self.timers.set(timer, after),
            Effect::RingWhenKept => return self.ring_when_kept(),
            Effect::Release { rollback, ended } => {
                self.release(rollback, ended);
                return Step::Event(Event::Released);
            }
            Effect::Done(outcome) => {
                self.take_terminal();
                return Step::Done(outcome);
            }
        }
        Step::Nothing
    }

    fn started(result: Result<(), RunError>) -> Step {
        match result {
            Ok(()) => Step::Nothing,
            Err(error) => Step::Event(Event::Failed(error)),
        }
    }

    fn tell(&mut self, told: &Told) {
        (self.tell)(match told {
            Told::Lost(lost) => Notice::Lost(lost),
            Told::Back => Notice::Back,
            Told::Gone => Notice::Gone,
            Told::TooLong => Notice::TooLong,
            Told::NotRepaired => Notice::NotRepaired,
        });
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
        let watched = self.watch().add_connection(&pending);
        watched.map_err(RunError::Watch)?;
        self.pending = Some(pending);
        Ok(())
    }

    /// Starts what is to be run first, by the shell.
    fn repair(&mut self) -> Result<(), RunError> {
        let script = self.job.on_dirty.as_deref().unwrap_or_default();
        let words = ["/bin/sh", "-c", script].map(OsString::from);
        self.run_under_lock(&words, None)
    }

    fn start(&mut self) -> Result<(), RunError> {
        let guard = self.guard.as_ref();
        let element = guard.and_then(Guard::element).map(str::to_string);
        if let Some(element) = &element {
            (self.tell)(Notice::Locked { element });
        }
        let job = self.job;
        self.run_under_lock(&job.command, element.as_deref())
    }

    fn run_under_lock(
        &mut self,
        words: &[OsString],
        element: Option<&str>,
    ) -> Result<(), RunError> {
        let guard = self.guard.as_ref();
        let variables = guard.map(environment::of).unwrap_or_default();
        if self.claim.is_none() {
            self.claim = guard.and_then(command::claim);
        }
        let job = self.job;
        if self.child.is_none() {
            self.prepare_for_child()?;
        }
        let leads = job.needs_group();
        let child = Child::start(words, element, &variables, leads).map_err(|source| {
            let command = words.first().cloned().unwrap_or_default();
            RunError::Execute { command, source }
        })?;
        if leads {
            self.give_terminal(&child);
        }
        let watched = match child.pidfd() {
            Some(pidfd) => self.watch().add_child(pidfd),
            None => Err(io::ErrorKind::Unsupported.into()),
        };
        self.child = Some(child);
        self.just_started = true;
        self.blind = watched.err();
        Ok(())
    }

    /// What there is to be done once, before anything is run.
    fn prepare_for_child(&mut self) -> Result<(), RunError> {
        let job = self.job;
        if job.needs_group() {
            let watched = self.watch().signals.watch_job();
            watched.map_err(RunError::Watch)?;
        }
        let never = self.watch().signals.ignore(&job.ignored_signals);
        for number in never.map_err(RunError::Watch)? {
            (self.tell)(Notice::CannotIgnore { number });
        }
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
}
