//! What happens, as a story: each event, and what is done about it.

use std::io;

use flom_types::ResourceName;

use super::*;

const INT: i32 = 2;

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
    let rules = Rules {
        ignored: vec![INT],
        ..Rules::default()
    };
    story_by(rules, events)
}

/// The same, by some rules.
fn story_by(rules: Rules, events: impl IntoIterator<Item = Event>) -> Vec<String> {
    let (mut run, first) = Run::begin(rules);
    let mut words = vec![word(&first)];
    words.extend(events.into_iter().map(|event| {
        let effects: Vec<_> = run.handle(event).iter().map(word).collect();
        match effects.is_empty() {
            true => "-".to_string(),
            false => effects.join(", "),
        }
    }));
    words
}

const GRANTED: Event = Event::Granted { dirty: false };
const DIRTY: Event = Event::Granted { dirty: true };

fn word(effect: &Effect) -> String {
    match effect {
        Effect::Ask => "ask".to_string(),
        Effect::Repair => "repair".to_string(),
        Effect::Start => "start".to_string(),
        Effect::Signal(number) => format!("signal {number}"),
        Effect::Tell(Told::Lost(_)) => "tell lost".to_string(),
        Effect::Tell(told) => format!("tell {told:?}").to_lowercase(),
        Effect::Search(true) => "search".to_string(),
        Effect::Search(false) => "no search".to_string(),
        Effect::Ring(timer, Some(after)) => format!("{timer:?} in {}", after.as_secs()),
        Effect::Ring(timer, None) => format!("no {timer:?}"),
        Effect::RingWhenKept => "keep".to_string(),
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
        Effect::Done(Outcome::Stopped(stopped)) => format!("stopped: {stopped:?}"),
        Effect::Done(Outcome::Failed(error)) => format!("fail: {error}"),
    }
}

#[test]
fn a_command_runs_between_grant_and_release() {
    assert_eq!(
        story([GRANTED, exited(0), Event::Released]),
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
            story([GRANTED, end, Event::Released]),
            ["ask", "start", told, status]
        );
    }
}

#[test]
fn what_cannot_be_executed_gives_the_lock_back() {
    assert_eq!(
        story([GRANTED, not_started(), Event::Released]),
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
        story([disconnected(true), GRANTED, exited(0), Event::Released]),
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
        story([signal(TERM), GRANTED, Event::Released]),
        ["ask", "release, as found", "-", "die of 15"]
    );
}

#[test]
fn a_signal_goes_to_the_command_and_the_lock_is_kept_until_it_has_ended() {
    assert_eq!(
        story([
            GRANTED,
            signal(TERM),
            signal(TERM),
            killed(TERM),
            Event::Released
        ]),
        [
            "ask",
            "start",
            "signal 15",
            "signal 15",
            "roll back, killed:15",
            "status 143"
        ]
    );
}

#[test]
fn what_the_terminal_sent_to_both_is_not_sent_again() {
    assert_eq!(story([GRANTED, from_terminal(TERM)]), ["ask", "start", "-"]);
}

#[test]
fn an_ignored_signal_is_not_forwarded() {
    assert_eq!(story([GRANTED, signal(INT)]), ["ask", "start", "-"]);
}

#[test]
fn a_lost_daemon_is_told_once_and_the_command_goes_on() {
    assert_eq!(
        story([
            GRANTED,
            lost(),
            lost(),
            signal(TERM),
            exited(3),
            Event::Released
        ]),
        [
            "ask",
            "start",
            "tell lost",
            "-",
            "signal 15",
            "roll back, failed:3",
            "status 3"
        ]
    );
}

#[test]
fn a_signal_after_the_command_changes_nothing() {
    assert_eq!(
        story([GRANTED, exited(0), signal(TERM), Event::Released]),
        ["ask", "start", "release, released", "-", "status 0"]
    );
}

fn on_lost(on_lost: OnLost) -> Rules {
    Rules {
        on_lost,
        lost_grace: Duration::from_secs(60),
        kill_after: Duration::from_secs(10),
        ..Rules::default()
    }
}

#[test]
fn a_command_that_must_not_go_on_without_the_lock_is_ended_in_order() {
    let story = story_by(
        on_lost(OnLost::Term),
        [
            GRANTED,
            lost(),
            Event::Rang(Timer::Kill),
            killed(9),
            Event::Released,
        ],
    );
    assert_eq!(
        story,
        [
            "ask",
            "start",
            "tell lost, signal 15, Kill in 10",
            "signal 9",
            "roll back, killed:9",
            "stopped: Lost"
        ]
    );
}

#[test]
fn or_at_once() {
    let story = story_by(
        on_lost(OnLost::Kill),
        [GRANTED, lost(), killed(9), Event::Released],
    );
    assert_eq!(
        story,
        [
            "ask",
            "start",
            "tell lost, signal 9",
            "roll back, killed:9",
            "stopped: Lost"
        ]
    );
}

const FROZEN: &str = "tell lost, signal 19, Grace in 60, search";
const ENDED: &str = "no search, tell gone, signal 15, signal 18, Kill in 10";

#[test]
fn a_frozen_command_goes_on_with_its_lock_if_the_daemon_comes_back() {
    let story = story_by(
        on_lost(OnLost::Freeze),
        [
            GRANTED,
            lost(),
            lost(),
            Event::Back,
            exited(3),
            Event::Released,
        ],
    );
    assert_eq!(
        story,
        [
            "ask",
            "start",
            FROZEN,
            "-",
            "no search, no Grace, tell back, signal 18",
            "roll back, failed:3",
            "status 3"
        ]
    );
}

#[test]
fn a_frozen_command_is_ended_if_the_lock_is_gone_or_the_daemon_stays_away() {
    for event in [Event::Gone, Event::Rang(Timer::Grace)] {
        let story = story_by(
            on_lost(OnLost::Freeze),
            [
                GRANTED,
                lost(),
                event,
                Event::Back,
                killed(15),
                Event::Released,
            ],
        );
        assert_eq!(
            story,
            [
                "ask",
                "start",
                FROZEN,
                ENDED,
                "-",
                "roll back, killed:15",
                "stopped: Lost"
            ]
        );
    }
}

#[test]
fn a_frozen_command_that_is_to_end_does_not_go_on_before() {
    let story = story_by(on_lost(OnLost::Freeze), [GRANTED, lost(), signal(INT)]);
    let ended = "signal 2, no search, signal 15, signal 18, Kill in 10";
    assert_eq!(story, ["ask", "start", FROZEN, ended]);
}

#[test]
fn a_command_that_holds_for_too_long_is_ended_and_then_gives_the_lock_back() {
    let rules = Rules {
        max_hold: Some(Duration::from_secs(7)),
        ..on_lost(OnLost::Continue)
    };
    let story = story_by(
        rules,
        [
            GRANTED,
            Event::Rang(Timer::MaxHold),
            Event::Rang(Timer::MaxHold),
            killed(15),
            Event::Released,
        ],
    );
    assert_eq!(
        story,
        [
            "ask",
            "start, MaxHold in 7",
            "no search, tell toolong, signal 15, Kill in 10",
            "-",
            "roll back, killed:15",
            "stopped: TooLong"
        ]
    );
}

#[test]
fn a_lock_is_kept_for_a_while_after_the_command_unless_a_signal_comes_or_it_is_lost() {
    let rules = || Rules {
        keeps: true,
        ..Rules::default()
    };
    for event in [Event::Rang(Timer::MinHold), signal(15)] {
        let story = story_by(rules(), [GRANTED, exited(0), event, Event::Released]);
        let told = ["ask", "start", "keep", "release, released", "status 0"];
        assert_eq!(story, told);
    }
    let story = story_by(rules(), [GRANTED, exited(3), lost(), Event::Released]);
    let told = [
        "ask",
        "start",
        "keep",
        "tell lost, roll back, failed:3",
        "status 3",
    ];
    assert_eq!(story, told);
}

#[test]
fn what_was_left_half_done_is_repaired_first() {
    let rules = || Rules {
        repairs: true,
        ..Rules::default()
    };
    assert_eq!(
        story_by(rules(), [DIRTY, exited(0), exited(4), Event::Released]),
        ["ask", "repair", "start", "roll back, failed:4", "status 4"]
    );
    assert_eq!(
        story_by(rules(), [DIRTY, exited(3), Event::Released]),
        [
            "ask",
            "repair",
            "tell notrepaired, roll back, as found",
            "status 3"
        ]
    );
    assert_eq!(story_by(rules(), [GRANTED]), ["ask", "start"]);
    assert_eq!(story([DIRTY]), ["ask", "start"]);
}

#[test]
fn a_daemon_that_was_only_slow_is_not_lost_any_more() {
    assert_eq!(
        story([
            GRANTED,
            lost(),
            Event::Back,
            lost(),
            exited(0),
            Event::Released
        ]),
        [
            "ask",
            "start",
            "tell lost",
            "tell back",
            "tell lost",
            "release, released",
            "status 0"
        ]
    );
}
