//! What one peer could do to a daemon that believed everything.

#![expect(clippy::unwrap_used, reason = "tests, also their helpers, may panic")]

use flom_core::{Action, CloseReason, Event, LockManager, Nesting, Request};
use flom_types::limits::{GRANTS_PER_SESSION, IDLE_BYTES, IDLE_LIFESPAN_MS};
use flom_types::{Fairness, Lineage, LockMode, Now, Outcome, ResourceName, SessionId, Time, Token};
use jiff::tz::TimeZone;

fn lock(session: SessionId, name: &str) -> Event {
    let request = Request {
        resource: ResourceName::parse(name.as_bytes()).unwrap(),
        mode: LockMode::NullLock,
        quantity: 1,
        wait: true,
        create: true,
        idle_lifespan_ms: IDLE_LIFESPAN_MS,
    };
    Event::Lock {
        session,
        request,
        nesting: None,
    }
}

fn manager() -> LockManager {
    LockManager::new(Fairness::default(), TimeZone::UTC)
}

#[test]
fn one_session_has_a_limited_number_of_grants() {
    let mut manager = manager();
    let session = SessionId(1);
    for _ in 0..GRANTS_PER_SESSION {
        let answers: Vec<_> = manager
            .handle(Now::default(), lock(session, "/t/x"))
            .collect();
        let granted = matches!(
            answers[..],
            [Action::Answer {
                outcome: Outcome::Granted,
                ..
            }]
        );
        assert!(granted, "{answers:?}");
    }
    let actions: Vec<_> = manager
        .handle(Now::default(), lock(session, "/t/y"))
        .collect();
    let reason = CloseReason::TooManyGrants;
    assert_eq!(actions, [Action::Close { session, reason }]);
    assert!(manager.is_quiet());
}

#[test]
fn what_nobody_uses_takes_a_limited_amount_of_memory() {
    let mut manager = manager();
    let long = "a".repeat(4000);
    let enough = IDLE_BYTES / 4000;
    let at = |number: usize| Now {
        time: Time(number as u64),
        wall_us: 0,
    };
    let use_once = |manager: &mut LockManager, number: usize| {
        let session = SessionId(number as u64);
        let event = lock(session, &format!("x{number}{long}"));
        manager.handle(at(number), event).for_each(drop);
        manager
            .handle(at(number), Event::Gone { session })
            .for_each(drop);
    };
    (0..enough).for_each(|number| use_once(&mut manager, number));
    let kept = manager.footprint().resources;
    assert!(kept < enough && kept > enough / 2, "{kept} of {enough}");
    // Those that would have been forgotten first are gone, the latest are there.
    (enough - kept..enough).for_each(|number| use_once(&mut manager, number));
    assert_eq!(manager.footprint().resources, kept);
    manager
        .handle(at(enough), lock(SessionId(u64::MAX), "db"))
        .for_each(drop);
    assert_eq!(manager.footprint().resources, kept + 1);
}

#[test]
fn who_asks_for_circles_over_and_over_does_not_keep_others_waiting() {
    let mut manager = manager();
    let outer = Lineage::outermost(Token(1));
    let ask = |session: u64, name: &str, lineage: &Lineage| {
        let mut event = lock(SessionId(session), name);
        if let Event::Lock {
            request, nesting, ..
        } = &mut event
        {
            request.mode = LockMode::Exclusive;
            let (lineage, reentrant) = (lineage.clone(), false);
            *nesting = Some(Box::new(Nesting { lineage, reentrant }));
        }
        event
    };
    for which in 0..200 {
        let event = ask(1, &format!("/t/{which}"), &outer);
        manager.handle(Now::default(), event).for_each(drop);
    }
    let mut is_refused = |ms| {
        let now = Now {
            time: Time(ms),
            ..Now::default()
        };
        let answers: Vec<_> = manager
            .handle(now, ask(2, "/t/0", &outer.inner(Token(2))))
            .collect();
        matches!(answers[..], [Action::Deadlock { .. }])
    };
    assert!(is_refused(0));
    // The search costs at least what the outer one holds, and so much at once is not to be had.
    assert!((0..5000).any(|_| !is_refused(0)));
    assert!(!is_refused(0));
    assert!(is_refused(1000));
}
