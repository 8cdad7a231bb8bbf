//! What is read off a snapshot is what the lock manager does.

#![expect(clippy::unwrap_used, reason = "tests, also their helpers, may panic")]

use flom_core::{Action, Event, LockManager, Request};
use flom_status::{Question, Rule, why, why_waits};
use flom_types::{Fairness, LockMode, Now, Outcome, ResourceName, SessionId, Time};
use jiff::tz::TimeZone;
use proptest::prelude::*;

const NAMES: [&str; 12] = [
    "db",
    "db",
    "pool[3]",
    "pool[3]",
    "a.b",
    "/t",
    "/t/x",
    "/t/x/y",
    "/t/z",
    "_s_n[2]",
    "_t_%S[2]",
    "_s_none[0]",
];

#[derive(Clone, Debug)]
enum Deed {
    Ask {
        name: usize,
        mode: usize,
        quantity: u32,
        create: bool,
    },
    Leave(prop::sample::Index),
    Wait(u64),
}

fn deed() -> impl Strategy<Value = Deed> {
    let ask = (
        0..NAMES.len(),
        0..6_usize,
        1..5_u32,
        prop::bool::weighted(0.9),
    );
    prop_oneof![
        4 => ask.prop_map(|(name, mode, quantity, create)| Deed::Ask { name, mode, quantity, create }),
        3 => any::<prop::sample::Index>().prop_map(Deed::Leave),
        1 => (0..1500_u64).prop_map(Deed::Wait),
    ]
}

fn fairness() -> impl Strategy<Value = Fairness> {
    prop_oneof![
        Just(Fairness::Bounded(1)),
        Just(Fairness::Fifo),
        Just(Fairness::FirstFit),
    ]
}

fn question(name: usize, mode: usize, quantity: u32, create: bool) -> Question {
    Question {
        resource: ResourceName::parse(NAMES[name].as_bytes()).unwrap(),
        mode: LockMode::ALL[mode],
        quantity,
        create,
    }
}

fn request(question: &Question) -> Request {
    Request {
        resource: question.resource.clone(),
        mode: question.mode,
        quantity: question.quantity,
        wait: true,
        create: question.create,
        idle_lifespan_ms: 0,
    }
}

fn first_answer(actions: &[Action], asking: SessionId) -> Outcome {
    let answer = actions.iter().find_map(|action| match action {
        Action::Answer {
            session, outcome, ..
        } if *session == asking => Some(*outcome),
        _ => None,
    });
    answer.unwrap()
}

fn is_foretold(rule: Rule, outcome: Outcome) -> bool {
    match outcome {
        Outcome::Granted => rule.is_granted(),
        Outcome::Queued => !rule.is_granted() && !rule.is_refused() && rule != Rule::NotCreated,
        Outcome::Parked => rule == Rule::NotCreated,
        Outcome::Impossible => matches!(rule, Rule::Impossible { .. }),
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn what_becomes_of_a_request_is_foretold(
        fairness in fairness(),
        deeds in prop::collection::vec(deed(), 1..40),
    ) {
        let mut manager = LockManager::new(fairness, TimeZone::UTC);
        let mut now = Now::default();
        let mut here: Vec<SessionId> = Vec::new();
        for (number, deed) in deeds.into_iter().enumerate() {
            manager.handle(now, Event::Tick).for_each(drop);
            match deed {
                Deed::Ask { name, mode, quantity, create } => {
                    let question = question(name, mode, quantity, create);
                    let snapshot = manager.snapshot(now);
                    let judgement = why(&snapshot, &question);
                    let session = SessionId(number as u64);
                    let request = request(&question);
                    let actions: Vec<_> = manager.handle(now, Event::Lock { session, request, nesting: None }).collect();
                    let outcome = first_answer(&actions, session);
                    prop_assert!(is_foretold(judgement.rule, outcome), "{judgement:?}: {outcome:?}");
                    let is_somebodys_fault = !judgement.hard.is_empty() || !judgement.soft.is_empty();
                    match judgement.rule {
                        Rule::Mode | Rule::Units { .. } | Rule::Queue => prop_assert!(is_somebodys_fault),
                        rule if rule.is_granted() => prop_assert!(!is_somebodys_fault),
                        _ => {}
                    }
                    here.push(session);
                }
                Deed::Leave(which) if !here.is_empty() => {
                    let session = here.remove(which.index(here.len()));
                    manager.handle(now, Event::Gone { session }).for_each(drop);
                }
                Deed::Leave(_) => {}
                Deed::Wait(ms) => {
                    now.time = Time(now.time.0 + ms);
                    now.wall_us += i64::try_from(ms).unwrap() * 1000;
                    manager.handle(now, Event::Tick).for_each(drop);
                }
            }
            let snapshot = manager.snapshot(now);
            let footprint = manager.footprint();
            let waiting: Vec<_> = snapshot.resources.iter().flat_map(|r| &r.waiters).collect();
            prop_assert_eq!(waiting.len(), footprint.waiting);
            prop_assert_eq!(snapshot.parked.len(), footprint.parked);
            let held: usize = snapshot.resources.iter().map(|r| r.holders.len()).sum();
            prop_assert_eq!(held, footprint.held);
            for waiter in waiting.into_iter().chain(&snapshot.parked) {
                let judgement = why_waits(&snapshot, waiter.session).unwrap();
                prop_assert!(!judgement.rule.is_granted(), "{judgement:?} {snapshot:?}");
                prop_assert!(judgement.soft.iter().all(|w| w.session != waiter.session));
            }
        }
    }
}

#[test]
fn who_does_not_wait_is_not_judged() {
    let manager = LockManager::new(Fairness::default(), TimeZone::UTC);
    assert!(why_waits(&manager.snapshot(Now::default()), SessionId(1)).is_none());
}

#[test]
fn a_daemon_about_to_end_refuses() {
    let mut manager = LockManager::new(Fairness::default(), TimeZone::UTC);
    manager.handle(Now::default(), Event::Drain).for_each(drop);
    let snapshot = manager.snapshot(Now::default());
    assert_eq!(
        why(&snapshot, &question(0, 5, 1, true)).rule,
        Rule::Draining
    );
}
