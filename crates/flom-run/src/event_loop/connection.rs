//! The connection with the daemon: what comes over it, whether it is there at all, and another one in
//! its place.

use std::mem;
use std::time::{Duration, Instant};

use flom_client::command::Ear;
use flom_client::{Guard, Progress, command};
use flom_types::{Previous, target};
use log::trace;

use super::Rim;
use crate::pulse::{Beat, Pulse};
use crate::run::Event;

/// How often a daemon is looked for that may come back.
const SEARCH_EVERY: Duration = Duration::from_millis(300);

/// How long each of those looks may take: signals wait meanwhile.
const SEARCH_LIMIT: Duration = Duration::from_millis(700);

impl Rim<'_> {
    pub(super) fn look_at_connection(&mut self) -> Option<Event> {
        if let Some(guard) = &self.guard {
            return match self.ear.listen(guard) {
                Ok(false) => None,
                Ok(true) => {
                    if let Some(pulse) = &mut self.pulse {
                        pulse.word(Instant::now());
                    }
                    mem::take(&mut self.is_suspected).then_some(Event::Back)
                }
                Err(lost) => {
                    self.guard = None;
                    Some(Event::Lost(lost))
                }
            };
        }
        let pending = self.pending.as_mut()?;
        match pending.drive() {
            Ok(Progress::Granted) => {
                self.explainer.end(self.tell);
                let guard = self.pending.take()?.finish().ok()?;
                Some(self.granted(guard))
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

    fn granted(&mut self, guard: Guard) -> Event {
        let now = Instant::now();
        self.granted = Some(now);
        if let Some(limit) = self.job.limits.heartbeat
            && command::answers(&guard)
        {
            self.pulse = Some(Pulse::new(limit, now));
        }
        let dirty = guard.previous().is_some_and(Previous::is_dirty);
        self.guard = Some(guard);
        Event::Granted { dirty }
    }

    /// While there is a connection that could have a pulse.
    pub(super) fn pulse_of_guard(&self) -> Option<&Pulse> {
        self.guard.as_ref().and(self.pulse.as_ref())
    }

    pub(super) fn feel_pulse(&mut self, now: Instant) -> Option<Event> {
        let (guard, pulse) = (self.guard.as_ref()?, self.pulse.as_mut()?);
        match pulse.tick(now) {
            Beat::Nothing => None,
            Beat::Ask => match command::ping(guard) {
                Ok(()) => None,
                Err(lost) => {
                    self.guard = None;
                    Some(Event::Lost(lost))
                }
            },
            Beat::Lost => {
                let lost = command::silent(guard, pulse.limit());
                // One that was only slow is still to be heard, if that is waited for.
                pulse.word(now);
                self.is_suspected = true;
                Some(Event::Lost(lost))
            }
        }
    }

    /// Tries to go on with the lock over another connection, unless the old one may do yet.
    pub(super) fn look_for_daemon(&mut self) -> Option<Event> {
        self.search = Some(Instant::now() + SEARCH_EVERY);
        if self.guard.is_some() {
            return None;
        }
        let Some(claim) = &self.claim else {
            return Some(Event::Gone);
        };
        match command::resume(&self.job.request, claim, SEARCH_LIMIT) {
            Ok(guard) => {
                self.watch().add_connection(&guard).ok()?;
                self.granted_again(guard);
                Some(Event::Back)
            }
            Err(command::ResumeError::NotYet(error)) => {
                trace!(target: target::EXEC, "not yet: {error}");
                None
            }
            Err(error @ command::ResumeError::Gone) => {
                trace!(target: target::EXEC, "{error}");
                Some(Event::Gone)
            }
        }
    }

    fn granted_again(&mut self, guard: Guard) {
        self.ear = Ear::default();
        self.is_suspected = false;
        if let Some(pulse) = &mut self.pulse {
            pulse.word(Instant::now());
        }
        self.guard = Some(guard);
    }
}
