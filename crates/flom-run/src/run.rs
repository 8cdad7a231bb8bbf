//! A command under a lock, from the request to the release: what happens means what is done. No
//! I/O.
//!
//! ```text
//!   Asking ── granted ──► Running ── command ended ──► Keeping ──► Releasing ── released ──► Done
//!     │  ▲                   │ lost: by policy           (min-hold)   ▲
//!     │  └ daemon was ending └── frozen, going on, being ended        │
//!     └─── refused, or a signal ──────────────────────────────────────┘
//! ```
//!
//! While a command runs, it may be frozen, because the daemon is lost and may come back, and it may
//! be about to be ended, because the daemon is lost or the time is up.

use std::time::Duration;

use flom_client::{LockError, LockLost, command};
use flom_settings::OnLost;

use crate::exit::{Ended, Outcome, RunError, Stopped};

/// What happens to a run.
#[derive(Debug)]
pub(crate) enum Event {
    /// The lock is held; whether the last holder has left things half done.
    Granted { dirty: bool },
    /// It will not be.
    NotGranted(LockError),
    /// A signal came.
    Signal {
        number: i32,
        /// Whether the command has got it too: from the terminal, which sends it to both.
        reached_command: bool,
    },
    /// The command does not run, or can be watched no longer.
    Failed(RunError),
    /// The command has ended.
    Ended(Ended),
    /// The daemon has gone while the command runs.
    Lost(LockLost),
    /// It is back, and the lock with it.
    Back,
    /// It is back without the lock.
    Gone,
    /// The time of a timer has come.
    Rang(Timer),
    /// The lock is given back, or the request taken back.
    Released,
}

/// What is to be done about it.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Find a daemon and send the request.
    Ask,
    /// Start the command that repairs what was left half done.
    Repair,
    /// Start the command.
    Start,
    /// Send the command this signal.
    Signal(i32),
    /// Tell the user.
    Tell(Told),
    /// Look for the daemon, or stop doing so.
    Search(bool),
    /// Ring after a while; `None`: do not.
    Ring(Timer, Option<Duration>),
    /// Ring when the lock has been held for as long as it is to be at least.
    RingWhenKept,
    /// Give the lock back, or take the request back: whatever there is.
    Release {
        /// Whether the command failed: then a transactional sequence takes its number back.
        rollback: bool,
        /// How the command has ended, if it was run.
        ended: Option<Ended>,
    },
    /// That was it.
    Done(Outcome),
}

/// What the user is told.
#[derive(Debug)]
pub(crate) enum Told {
    /// The daemon is gone.
    Lost(LockLost),
    /// It is back, and the command goes on.
    Back,
    /// It will not be back, and the command is ended.
    Gone,
    /// The command has held the lock for too long, and is ended.
    TooLong,
    /// What was to be run first has failed, and the command is not run.
    NotRepaired,
}

/// What there is to be waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Timer {
    /// The command has held the lock for as long as it may.
    MaxHold,
    /// The lock has been held for as long as it is to be at least.
    MinHold,
    /// The command has had its time to end.
    Kill,
    /// The daemon has had its time to come back.
    Grace,
}

/// How a command is run, as far as it decides what is done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    /// What flom ignores while the command runs.
    pub(crate) ignored: Vec<i32>,
    /// Whether there is something to be run first where things were left half done.
    pub(crate) repairs: bool,
    pub(crate) on_lost: OnLost,
    pub(crate) lost_grace: Duration,
    pub(crate) kill_after: Duration,
    pub(crate) max_hold: Option<Duration>,
    /// Whether the lock is kept for some time at least.
    pub(crate) keeps: bool,
}

/// A command under a lock.
#[derive(Debug)]
pub(crate) struct Run {
    state: State,
    rules: Rules,
}

#[derive(Debug)]
enum State {
    Asking {
        again: bool,
    },
    Running(Running),
    /// The command has ended, and the lock is kept for a while.
    Keeping {
        ended: Ended,
        then: Outcome,
    },
    Releasing {
        then: Outcome,
    },
    Done,
}

#[derive(Debug)]
struct Running {
    /// Whether this is what comes before the command.
    is_repair: bool,
    lock: Lock,
    /// Why the command is being ended, if it is.
    stopped: Option<Stopped>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Lock {
    Held,
    /// The command is frozen until the daemon is back.
    Sought,
    Lost,
}

const KILL: i32 = 9;
const TERM: i32 = 15;
const CONT: i32 = 18;
const STOP: i32 = 19;

type Effects = Vec<Effect>;

impl Run {
    /// A run by these rules, and what to do first.
    pub(crate) fn begin(rules: Rules) -> (Self, Effect) {
        let state = State::Asking { again: false };
        (Self { state, rules }, Effect::Ask)
    }

    /// Whether the command, all that it has started included, is to end.
    pub(crate) fn is_ending(&self) -> bool {
        matches!(&self.state, State::Running(running) if running.stopped.is_some())
    }

    /// Whether flom itself has stopped the command.
    pub(crate) fn is_frozen(&self) -> bool {
        matches!(&self.state, State::Running(running) if running.lock == Lock::Sought)
    }

    /// What to do about `event`, in this order.
    pub(crate) fn handle(&mut self, event: Event) -> Effects {
        let state = std::mem::replace(&mut self.state, State::Done);
        let (state, effects) = match (state, event) {
            (State::Asking { .. }, Event::Granted { dirty }) => self.granted(dirty),
            (State::Asking { again: false }, Event::NotGranted(error))
                if command::is_worth_asking_again(&error) =>
            {
                (State::Asking { again: true }, vec![Effect::Ask])
            }
            (State::Asking { .. }, Event::NotGranted(error)) => {
                release(false, None, Outcome::Failed(error.into()))
            }
            (State::Asking { .. }, Event::Signal { number, .. }) => {
                release(false, None, Outcome::Withdrawn(number))
            }
            (State::Asking { .. }, Event::Failed(error)) => {
                release(false, None, Outcome::Failed(error))
            }
            (State::Running(running), event) => self.while_running(running, event),
            (State::Keeping { ended, then }, Event::Lost(lost)) => {
                let (state, release) = release(!ended.succeeded(), Some(ended), then);
                let told = vec![Effect::Tell(Told::Lost(lost))];
                (state, [told, release].into_iter().flatten().collect())
            }
            // Who is told to end by a signal waits for nothing.
            (
                State::Keeping { ended, then },
                Event::Rang(Timer::MinHold) | Event::Signal { .. } | Event::Failed(_),
            ) => release(!ended.succeeded(), Some(ended), then),
            (State::Releasing { then }, Event::Released) => (State::Done, vec![Effect::Done(then)]),
            // Anything else comes too late to matter.
            (state, _) => (state, Effects::new()),
        };
        self.state = state;
        effects
    }

    fn granted(&self, dirty: bool) -> (State, Effects) {
        let is_repair = dirty && self.rules.repairs;
        let running = Running {
            is_repair,
            lock: Lock::Held,
            stopped: None,
        };
        let mut effects = vec![if is_repair {
            Effect::Repair
        } else {
            Effect::Start
        }];
        if let Some(limit) = self.rules.max_hold {
            effects.push(Effect::Ring(Timer::MaxHold, Some(limit)));
        }
        (State::Running(running), effects)
    }

    fn while_running(&self, mut running: Running, event: Event) -> (State, Effects) {
        let effects = match event {
            Event::Ended(ended) => return self.ended(&running, ended),
            Event::Failed(error) => {
                return release(true, None, Outcome::Failed(error));
            }
            Event::Lost(lost) if running.lock == Lock::Held => self.lost(&mut running, lost),
            Event::Back if running.lock == Lock::Sought => {
                running.lock = Lock::Held;
                vec![
                    Effect::Search(false),
                    Effect::Ring(Timer::Grace, None),
                    Effect::Tell(Told::Back),
                    Effect::Signal(CONT),
                ]
            }
            // It was only slow.
            Event::Back if running.lock == Lock::Lost && running.stopped.is_none() => {
                running.lock = Lock::Held;
                vec![Effect::Tell(Told::Back)]
            }
            Event::Gone | Event::Rang(Timer::Grace) if running.lock == Lock::Sought => {
                let mut effects = vec![Effect::Search(false), Effect::Tell(Told::Gone)];
                effects.extend(self.stop(&mut running, Stopped::Lost));
                effects
            }
            Event::Rang(Timer::MaxHold) if running.stopped.is_none() => {
                let mut effects = vec![Effect::Search(false), Effect::Tell(Told::TooLong)];
                effects.extend(self.stop(&mut running, Stopped::TooLong));
                effects
            }
            Event::Rang(Timer::Kill) => vec![Effect::Signal(KILL)],
            Event::Signal {
                number,
                reached_command: false,
            } if !self.rules.ignored.contains(&number) => {
                let mut effects = vec![Effect::Signal(number)];
                // Who is frozen could not follow, and must not go on without the lock.
                if running.lock == Lock::Sought {
                    effects.push(Effect::Search(false));
                    effects.extend(self.stop(&mut running, Stopped::Lost));
                }
                effects
            }
            _ => Effects::new(),
        };
        (State::Running(running), effects)
    }

    fn lost(&self, running: &mut Running, lost: LockLost) -> Effects {
        let mut effects = vec![Effect::Tell(Told::Lost(lost))];
        running.lock = Lock::Lost;
        match self.rules.on_lost {
            _ if running.stopped.is_some() => {}
            OnLost::Continue => {}
            OnLost::Term => effects.extend(self.stop(running, Stopped::Lost)),
            OnLost::Kill => {
                running.stopped = Some(Stopped::Lost);
                effects.push(Effect::Signal(KILL));
            }
            OnLost::Freeze => {
                running.lock = Lock::Sought;
                effects.extend([
                    Effect::Signal(STOP),
                    Effect::Ring(Timer::Grace, Some(self.rules.lost_grace)),
                    Effect::Search(true),
                ]);
            }
        }
        effects
    }

    /// Has the command end: in order, if it does so in time.
    fn stop(&self, running: &mut Running, stopped: Stopped) -> Effects {
        running.stopped = Some(stopped);
        let mut effects = vec![Effect::Signal(TERM)];
        if running.lock == Lock::Sought {
            running.lock = Lock::Lost;
            effects.push(Effect::Signal(CONT));
        }
        effects.push(Effect::Ring(Timer::Kill, Some(self.rules.kill_after)));
        effects
    }

    fn ended(&self, running: &Running, ended: Ended) -> (State, Effects) {
        let then = match running.stopped {
            Some(stopped) => Outcome::Stopped(stopped),
            None => Outcome::Ended(ended),
        };
        if running.is_repair && ended.succeeded() && running.stopped.is_none() {
            let running = Running {
                is_repair: false,
                ..*running
            };
            return (State::Running(running), vec![Effect::Start]);
        }
        if running.is_repair {
            // What was left half done still is.
            let (state, released) = release(true, None, then);
            let told = vec![Effect::Tell(Told::NotRepaired)];
            (state, [told, released].into_iter().flatten().collect())
        } else if self.rules.keeps && running.lock == Lock::Held {
            (State::Keeping { ended, then }, vec![Effect::RingWhenKept])
        } else {
            // A daemon that is only suspected to be gone may hear it.
            release(!ended.succeeded(), Some(ended), then)
        }
    }
}

fn release(rollback: bool, ended: Option<Ended>, then: Outcome) -> (State, Effects) {
    let effects = vec![Effect::Release { rollback, ended }];
    (State::Releasing { then }, effects)
}

#[cfg(test)]
mod tests;
