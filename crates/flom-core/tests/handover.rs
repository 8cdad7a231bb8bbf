//! What goes from one holder to the next: the fence, and how the last exclusive holder has ended.
//! The model knows the rules; here is what is not about histories.

#![expect(clippy::unwrap_used, reason = "tests, also their helpers, may panic")]

use flom_core::{Action, Event, Granted, LockManager, Request, Step};
use flom_types::limits::DIRTY_BYTES;
use flom_types::{Fairness, LockMode, Now, Outcome, Previous, ResourceName, SessionId};
use jiff::tz::TimeZone;

fn manager() -> LockManager {
    LockManager::new(Fairness::default(), TimeZone::UTC)
}

fn name(text: &str) -> ResourceName {
    ResourceName::parse(text.as_bytes()).unwrap()
}

/// Asks and is granted.
fn lock(manager: &mut LockManager, session: u64, text: &str) -> Granted {
    let request = Request {
        resource: name(text),
        mode: LockMode::Exclusive,
        quantity: 1,
        wait: true,
        create: true,
        idle_lifespan_ms: 0,
    };
    let event = Event::Lock {
        session: SessionId(session),
        request,
        nesting: None,
    };
    let said: Vec<Action> = manager.handle(Now::default(), event).collect();
    match said[..] {
        [
            Action::Answer {
                outcome: Outcome::Granted,
                granted: Some(granted),
                ..
            },
        ] => granted,
        _ => panic!("{said:?}"),
    }
}

fn unlock(manager: &mut LockManager, session: u64, text: &str, ended: Previous) {
    let event = Event::Unlock {
        session: SessionId(session),
        resource: name(text),
        rollback: false,
        ended: Some(ended),
    };
    manager.handle(Now::default(), event).for_each(drop);
}

#[test]
fn the_fence_goes_on_where_it_is_told_to_and_never_back() {
    let mut manager = manager();
    assert_eq!(lock(&mut manager, 1, "a").fence, 1);
    manager.raise_fence(1 << 40);
    manager.raise_fence(7);
    assert_eq!(lock(&mut manager, 2, "b").fence, (1 << 40) + 1);
    assert_eq!(lock(&mut manager, 3, "/c/d").fence, (1 << 40) + 2);
    assert_eq!(manager.last_fence(), (1 << 40) + 2);
}

#[test]
fn bad_ends_outlive_the_manager() {
    let mut first = manager();
    let ends = [
        ("a", Previous::Failed(3)),
        ("/t/x", Previous::Killed(9)),
        ("b", Previous::Released),
    ];
    for (session, (text, how)) in (1..).zip(ends) {
        lock(&mut first, session, text);
        unlock(&mut first, session, text, how);
    }
    assert!(first.take_dirty_changed());
    assert!(!first.take_dirty_changed());
    let mut second = manager();
    second.restore(first.dirty());
    assert!(!second.take_dirty_changed());
    assert_eq!(lock(&mut second, 1, "a").previous, Previous::Failed(3));
    assert_eq!(lock(&mut second, 2, "/t").previous, Previous::None);
    unlock(&mut second, 2, "/t", Previous::Released);
    assert!(!second.take_dirty_changed());
    assert_eq!(lock(&mut second, 3, "/t/x").previous, Previous::Killed(9));
    assert_eq!(lock(&mut second, 4, "b").previous, Previous::None);
    unlock(&mut second, 1, "a", Previous::Released);
    assert!(second.take_dirty_changed());
    assert_eq!(second.dirty().count(), 1);
    assert_eq!(lock(&mut second, 5, "a").previous, Previous::Released);
}

#[test]
fn of_too_many_bad_ends_the_oldest_are_forgotten() {
    let mut manager = manager();
    let text = |number: usize| format!("x{number:04000}");
    let many = DIRTY_BYTES / 4000;
    let ends = (0..many).map(|number| (name(&text(number)), Previous::Lost));
    manager.restore(ends);
    let kept = manager.dirty().count();
    assert!(kept > many / 2 && kept < many, "{kept} of {many}");
    // The oldest of them all ends badly once more, and now it is the latest.
    let oldest = many - kept;
    assert_eq!(manager.dirty().next().unwrap().0, name(&text(oldest)));
    lock(&mut manager, 1, &text(oldest));
    unlock(&mut manager, 1, &text(oldest), Previous::Failed(1));
    lock(&mut manager, 2, &text(many));
    unlock(&mut manager, 2, &text(many), Previous::Failed(2));
    assert_eq!(manager.dirty().count(), kept);
    assert_eq!(manager.dirty().next().unwrap().0, name(&text(oldest + 2)));
    assert_eq!(
        lock(&mut manager, 3, &text(oldest)).previous,
        Previous::Failed(1)
    );
}

#[test]
fn who_comes_back_has_what_it_had() {
    for (text, element) in [
        ("a", None),
        ("a[3]", None),
        ("/a/b", None),
        ("a.b", Some("a")),
        ("_s_a[1]", Some("1")),
        ("_t_%s[1]", Some("0")),
    ] {
        let mut manager = manager();
        let granted = lock(&mut manager, 1, text);
        let (session, from) = (SessionId(2), SessionId(1));
        let back = Event::Resume { session, from };
        let said: Vec<Action> = manager.handle(Now::default(), back.clone()).collect();
        let answer = |session, outcome, element: Option<&str>, granted| Action::Answer {
            session,
            step: Step::First,
            outcome,
            element: element.map(str::to_owned),
            granted,
        };
        let same = answer(session, Outcome::Granted, element, Some(granted));
        assert_eq!(said, [same]);
        // The old one is not known any more, nor is it twice.
        let late = Event::Resume {
            session: SessionId(3),
            from,
        };
        let said: Vec<Action> = manager.handle(Now::default(), late).collect();
        assert_eq!(said, [answer(SessionId(3), Outcome::Refused, None, None)]);
        manager
            .handle(Now::default(), Event::Gone { session: from })
            .for_each(drop);
        assert_eq!(manager.footprint().held, 1);
        unlock(&mut manager, 2, text, Previous::Released);
        assert!(manager.is_quiet());
    }
}
