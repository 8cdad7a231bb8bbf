//! A command under a lock, from the request to the release: what happens means what is done. No
//! I/O.
//!
//! ```text
//!   Asking ── granted ──► Running ── command ended ──► Releasing ── released ──► Done
//!     │  ▲                   │ lost: tell once           ▲
//!     │  └ daemon was ending └── command ended, lost ────┼──────────────────────► Done
//!     └─── refused, or a signal ─────────────────────────┘
//! ```

use flom_client::{LockError, LockLost, command};

use crate::exit::{Ended, Outcome, RunError};

/// What happens to a run.
#[derive(Debug)]
pub(crate) enum Event {
    /// The lock is held.
    Granted,
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
    /// The lock is given back, or the request taken back.
    Released,
}

/// What is to be done about it.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Find a daemon and send the request.
    Ask,
    /// Start the command.
    Start,
    /// Send the command this signal.
    Forward(i32),
    /// Tell the user, once, that the lock is gone.
    TellLost(LockLost),
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

/// A command under a lock.
#[derive(Debug)]
pub(crate) struct Run {
    state: State,
    /// What flom ignores while the command runs.
    ignored: Vec<i32>,
}

#[derive(Debug)]
enum State {
    Asking { again: bool },
    Running { lost: bool },
    Releasing { then: Outcome },
    Done,
}

impl Run {
    /// A run that ignores the signals `ignored` while the command runs, and what to do first.
    pub(crate) fn begin(ignored: Vec<i32>) -> (Self, Effect) {
        let state = State::Asking { again: false };
        (Self { state, ignored }, Effect::Ask)
    }

    /// What to do about `event`, if anything.
    pub(crate) fn handle(&mut self, event: Event) -> Option<Effect> {
        let state = std::mem::replace(&mut self.state, State::Done);
        let (state, effect) = match (state, event) {
            (State::Asking { .. }, Event::Granted) => {
                (State::Running { lost: false }, Some(Effect::Start))
            }
            (State::Asking { again: false }, Event::NotGranted(error))
                if command::is_worth_asking_again(&error) =>
            {
                (State::Asking { again: true }, Some(Effect::Ask))
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
            (State::Running { lost: false }, Event::Failed(error)) => {
                release(true, None, Outcome::Failed(error))
            }
            (State::Running { lost: false }, Event::Ended(ended)) => {
                release(!ended.succeeded(), Some(ended), Outcome::Ended(ended))
            }
            (State::Running { lost: true }, Event::Failed(error)) => {
                (State::Done, Some(Effect::Done(Outcome::Failed(error))))
            }
            (State::Running { lost: true }, Event::Ended(ended)) => {
                (State::Done, Some(Effect::Done(Outcome::Ended(ended))))
            }
            (State::Running { lost: false }, Event::Lost(lost)) => {
                (State::Running { lost: true }, Some(Effect::TellLost(lost)))
            }
            (
                state @ State::Running { .. },
                Event::Signal {
                    number,
                    reached_command: false,
                },
            ) if !self.ignored.contains(&number) => (state, Some(Effect::Forward(number))),
            (State::Releasing { then }, Event::Released) => (State::Done, Some(Effect::Done(then))),
            // Anything else comes too late to matter.
            (state, _) => (state, None),
        };
        self.state = state;
        effect
    }
}

fn release(rollback: bool, ended: Option<Ended>, then: Outcome) -> (State, Option<Effect>) {
    (
        State::Releasing { then },
        Some(Effect::Release { rollback, ended }),
    )
}

#[cfg(test)]
mod tests {
    use std::io;

    use flom_types::ResourceName;

    use super::*;

    const INT: i32 = 2;
    const TERM: i32 = 15;

    fn busy() -> Event {
        Event::NotGranted(LockError::Busy {
            resource: ResourceName::default(),
        })
    }

    fn disconnected(unanswered: bool) -> Event {
        Event::NotGranted(LockError::Disconnected {
            resource: ResourceName::default(),
            peer: "test".to_string(),
            unanswered,
            source: None,
        })
    }

    fn not_started() -> Event {
        Event::Failed(RunError::Execute {
            command: "x".into(),
            source: io::ErrorKind::NotFound.into(),
        })
    }

    fn lost() -> Event {
        Event::Lost(LockLost {
            peer: "test".to_string(),
            source: None,
        })
    }

    fn signal(number: i32) -> Event {
        Event::Signal {
            number,
            reached_command: false,
        }
    }

    fn from_terminal(number: i32) -> Event {
        Event::Signal {
            number,
            reached_command: true,
        }
    }

    fn exited(status: u8) -> Event {
        Event::Ended(Ended::Exited(status))
    }

    fn killed(number: i32) -> Event {
        Event::Ended(Ended::Killed(number))
    }

    /// What is done about all of `events`, each as a word or two.
    fn story(events: impl IntoIterator<Item = Event>) -> Vec<String> {
        let (mut run, first) = Run::begin(vec![INT]);
        let mut words = vec![word(&first)];
        words.extend(
            events
                .into_iter()
                .map(|event| run.handle(event).map_or("-".to_string(), |e| word(&e))),
        );
        words
    }

    fn word(effect: &Effect) -> String {
        match effect {
            Effect::Ask => "ask".to_string(),
            Effect::Start => "start".to_string(),
            Effect::Forward(number) => format!("forward {number}"),
            Effect::TellLost(_) => "tell lost".to_string(),
            Effect::Release { rollback, ended } => {
                let told = ended.map_or("as found".to_string(), |ended| {
                    ended.as_previous().to_string()
                });
                match rollback {
                    false => format!("release, {told}"),
                    true => format!("roll back, {told}"),
                }
            }
            Effect::Done(Outcome::Ended(ended)) => format!("status {}", ended.status()),
            Effect::Done(Outcome::Withdrawn(number)) => format!("die of {number}"),
            Effect::Done(Outcome::Failed(error)) => format!("fail: {error}"),
        }
    }

    #[test]
    fn a_command_runs_between_grant_and_release() {
        assert_eq!(
            story([Event::Granted, exited(0), Event::Released]),
            ["ask", "start", "release, released", "status 0"]
        );
    }

    #[test]
    fn a_command_that_fails_or_is_killed_rolls_back_and_its_status_is_kept() {
        for (end, told, status) in [
            (exited(1), "roll back, failed:1", "status 1"),
            (exited(99), "roll back, failed:99", "status 99"),
            (killed(9), "roll back, killed:9", "status 137"),
        ] {
            assert_eq!(
                story([Event::Granted, end, Event::Released]),
                ["ask", "start", told, status]
            );
        }
    }

    #[test]
    fn what_cannot_be_executed_gives_the_lock_back() {
        assert_eq!(
            story([Event::Granted, not_started(), Event::Released]),
            [
                "ask",
                "start",
                "roll back, as found",
                "fail: cannot execute 'x'"
            ]
        );
    }

    #[test]
    fn a_refusal_never_starts_the_command() {
        assert_eq!(
            story([busy(), Event::Released]),
            ["ask", "release, as found", "fail: _RESOURCE is taken"]
        );
    }

    #[test]
    fn a_daemon_that_goes_before_its_first_answer_is_replaced_once() {
        assert_eq!(
            story([
                disconnected(true),
                Event::Granted,
                exited(0),
                Event::Released
            ]),
            ["ask", "ask", "start", "release, released", "status 0"]
        );
        let words = story([disconnected(true), disconnected(true), Event::Released]);
        assert_eq!(words[..3], ["ask", "ask", "release, as found"]);
        assert!(words[3].starts_with("fail: "), "{words:?}");
        let words = story([disconnected(false), Event::Released]);
        assert_eq!(words[..2], ["ask", "release, as found"]);
    }

    #[test]
    fn a_signal_while_waiting_withdraws_the_request_whatever_is_ignored() {
        for event in [
            signal(TERM),
            signal(INT),
            from_terminal(TERM),
            from_terminal(INT),
        ] {
            let Event::Signal { number, .. } = event else {
                unreachable!()
            };
            let die = format!("die of {number}");
            assert_eq!(
                story([event, Event::Released]),
                ["ask", "release, as found", die.as_str()]
            );
        }
    }

    #[test]
    fn a_grant_that_crosses_the_withdrawal_starts_nothing() {
        assert_eq!(
            story([signal(TERM), Event::Granted, Event::Released]),
            ["ask", "release, as found", "-", "die of 15"]
        );
    }

    #[test]
    fn a_signal_goes_to_the_command_and_the_lock_is_kept_until_it_has_ended() {
        assert_eq!(
            story([
                Event::Granted,
                signal(TERM),
                signal(TERM),
                killed(TERM),
                Event::Released
            ]),
            [
                "ask",
                "start",
                "forward 15",
                "forward 15",
                "roll back, killed:15",
                "status 143"
            ]
        );
    }

    #[test]
    fn what_the_terminal_sent_to_both_is_not_sent_again() {
        assert_eq!(
            story([Event::Granted, from_terminal(TERM)]),
            ["ask", "start", "-"]
        );
    }

    #[test]
    fn an_ignored_signal_is_not_forwarded() {
        assert_eq!(story([Event::Granted, signal(INT)]), ["ask", "start", "-"]);
    }

    #[test]
    fn a_lost_daemon_is_told_once_and_the_command_goes_on() {
        assert_eq!(
            story([Event::Granted, lost(), lost(), signal(TERM), exited(3)]),
            ["ask", "start", "tell lost", "-", "forward 15", "status 3"]
        );
    }

    #[test]
    fn a_signal_after_the_command_changes_nothing() {
        assert_eq!(
            story([Event::Granted, exited(0), signal(TERM), Event::Released]),
            ["ask", "start", "release, released", "-", "status 0"]
        );
    }
}
