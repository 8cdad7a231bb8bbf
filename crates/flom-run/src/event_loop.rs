//! The rim of a run: waits for the daemon, the command, signals and the clock, tells [`Run`] and does
//! what it says.

mod connection;
mod doing;
mod job_control;
mod watch;

use std::io;
use std::mem;
use std::time::{Duration, Instant};

use flom_client::command::{Claim, Ear};
use flom_client::{Guard, Pending};
use flom_types::{Patience, target};
use log::trace;
use signal_hook::consts::{SIGCHLD, SIGCONT};

use crate::child::Child;
use crate::exit::{Ended, Outcome, RunError};
use crate::explain::Explainer;
use crate::pulse::Pulse;
use crate::run::{Effect, Event, Rules, Run, Timer};
use crate::terminal::Terminal;
use crate::timers::Timers;
use crate::{Job, Notice};
use watch::Watch;

/// Runs the command of `job` under its lock; `tell` hears what happens on the way.
///
/// For a program that does nothing else: it catches signals, and they stay caught.
pub fn run(job: &Job, tell: &mut dyn FnMut(Notice<'_>)) -> Outcome {
    let (run, first) = Run::begin(rules(job));
    let mut rim = Rim {
        job,
        tell,
        run,
        watch: None,
        pending: None,
        guard: None,
        ear: Ear::default(),
        pulse: None,
        claim: None,
        is_suspected: false,
        search: None,
        granted: None,
        timers: Timers::default(),
        child: None,
        terminal: None,
        just_started: false,
        blind: None,
        asked: None,
        explainer: Explainer::new(job.explain_after),
    };
    let mut outcome = rim.follow(vec![first]);
    loop {
        match outcome {
            Some(outcome) => return outcome,
            None => outcome = rim.turn(),
        }
    }
}

fn rules(job: &Job) -> Rules {
    let limits = &job.limits;
    Rules {
        ignored: job.ignored_signals.clone(),
        repairs: job.on_dirty.is_some(),
        on_lost: limits.on_lost,
        lost_grace: limits.lost_grace,
        kill_after: limits.kill_after,
        max_hold: limits.max_hold,
        keeps: limits.min_hold.is_some(),
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
    ear: Ear,
    /// Of a daemon that answers.
    pulse: Option<Pulse>,
    /// What it takes to go on with the lock over another connection.
    claim: Option<Claim>,
    /// The daemon has not said a word for too long, but its connection is there.
    is_suspected: bool,
    /// When the daemon is looked for next.
    search: Option<Instant>,
    /// When the lock was granted.
    granted: Option<Instant>,
    timers: Timers,
    child: Option<Child>,
    /// Where the command has it.
    terminal: Option<Terminal>,
    /// Since the last turn.
    just_started: bool,
    /// Why the system does not tell when the command ends.
    blind: Option<io::Error>,
    /// When the first request was sent.
    asked: Option<Instant>,
    explainer: Explainer,
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
        if ready.signals
            && let Some(outcome) = self.look_at_signals(may_have_missed)
        {
            return Some(outcome);
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
        self.look_at_clock()
    }

    /// The only call that blocks, but for the search for a daemon and the release of the lock.
    fn sleep(&mut self) -> io::Result<Ready> {
        let asking = self.pending.as_ref();
        let deadlines = [
            asking.and_then(Pending::next_deadline),
            asking.and_then(|_| self.explainer.next_deadline()),
            self.pulse_of_guard().map(|pulse| pulse.next_deadline()),
            self.search,
            self.timers.next_deadline(),
        ];
        let next = deadlines.into_iter().flatten().min();
        let left = next.map(|at| at.saturating_duration_since(Instant::now()));
        self.watch().sleep(left)
    }

    fn look_at_signals(&mut self, may_have_missed: bool) -> Option<Outcome> {
        // A terminal sends to a group, and a command that leads one is in another.
        let is_apart = self.job.needs_group();
        for arrival in self.watch().signals.arrivals() {
            match arrival.number {
                SIGCHLD => self.look_whether_stopped(),
                SIGCONT => self.go_on(),
                number => {
                    let event = Event::Signal {
                        number,
                        reached_command: arrival.from_terminal && !may_have_missed && !is_apart,
                    };
                    if let Some(outcome) = self.happened(event) {
                        return Some(outcome);
                    }
                }
            }
        }
        None
    }

    fn look_at_child(&mut self) -> Option<Event> {
        let child = self.child.as_mut()?;
        if self.run.is_ending() {
            // Whoever is left of its group has had the time to end.
            child.signal(signal_hook::consts::SIGKILL);
        }
        match child.ended() {
            Ok(ended) => ended.map(|ended| self.counted(ended)),
            Err(error) => Some(Event::Failed(RunError::Watch(error))),
        }
    }

    /// What is due because time has passed.
    fn look_at_clock(&mut self) -> Option<Outcome> {
        let now = Instant::now();
        while let Some(timer) = self.timers.take_due(now) {
            if let Some(outcome) = self.happened(Event::Rang(timer)) {
                return Some(outcome);
            }
        }
        if let Some(event) = self.feel_pulse(now)
            && let Some(outcome) = self.happened(event)
        {
            return Some(outcome);
        }
        if self.search.is_some_and(|next| next <= now)
            && let Some(event) = self.look_for_daemon()
        {
            return self.happened(event);
        }
        None
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
        let effects = self.handle(event);
        self.follow(effects)
    }

    fn handle(&mut self, event: Event) -> Vec<Effect> {
        trace!(target: target::EXEC, "{event:?}");
        self.run.handle(event)
    }

    /// Does what is to be done, and what follows from that.
    fn follow(&mut self, effects: Vec<Effect>) -> Option<Outcome> {
        for effect in effects {
            let outcome = match self.carry_out(effect) {
                Step::Nothing => None,
                Step::Event(event) => self.happened(event),
                Step::Done(outcome) => Some(outcome),
            };
            if outcome.is_some() {
                return outcome;
            }
        }
        None
    }

    /// Rings when the lock has been held for as long as it is to be; at once if it has.
    fn ring_when_kept(&mut self) -> Step {
        let least = self.job.limits.min_hold.unwrap_or_default();
        let held = self.granted.map_or(least, |granted| granted.elapsed());
        match least.saturating_sub(held) {
            Duration::ZERO => Step::Event(Event::Rang(Timer::MinHold)),
            left => {
                self.timers.set(Timer::MinHold, Some(left));
                Step::Nothing
            }
        }
    }

    fn watch(&mut self) -> &mut Watch {
        self.watch
            .as_mut()
            .expect("the watch is set up with the first request")
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
