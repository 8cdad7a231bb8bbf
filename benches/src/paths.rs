//! The hot paths, one by one and without sockets: what `benches/micro.rs` times and
//! `tests/instructions.rs` counts.

use flom_core::{Event, LockManager, Request};
use flom_proto::{Answer, AnswerStep, Decoder, Message, Session, encode};
use flom_types::{Fairness, LockMode, Now, Outcome, ResourceName, SessionId, Time};
use jiff::tz::TimeZone;

use crate::words;

/// Does the same thing once more each time it is called.
pub type Turn = Box<dyn FnMut()>;

/// Name of a path, and how to get ready for its first turn.
pub type Path = (&'static str, fn() -> Turn);

/// Every path.
pub const PATHS: &[Path] = &[
    ("decode", decode),
    ("encode", encode_all),
    ("core-simple", || core("nightly")),
    ("core-numeric", || core("license[5]")),
    ("core-set", || core("red.green.blue")),
    ("core-hierarchical", || core("/shop/orders/17")),
    ("core-sequence", || core("_s_build[1]")),
    ("core-timestamp", || core("_t_%H:%M:%S[1]")),
    ("core-hand-over", hand_over),
];

/// A lock request and an unlock, read.
fn decode() -> Turn {
    let lock = words::lock("nightly", LockMode::Exclusive);
    let unlock = words::unlock("nightly");
    let mut decoder = Decoder::new();
    Box::new(move || {
        for message in [&lock, &unlock] {
            decoder.feed(message);
            let read = decoder.next_message();
            assert!(matches!(
                read,
                Ok(Some(Message::Lock(_) | Message::Unlock(_)))
            ));
        }
    })
}

/// The answer to a request that waits, and to a lock that is granted later, written.
fn encode_all() -> Turn {
    let answer = |step, outcome: Outcome| {
        let session = (step == AnswerStep::First).then(|| Session {
            ties: None,
            peer_id: "00112233445566778899aabbccddeeff".to_owned(),
            ext: false,
            who: None,
        });
        Message::Answer(Answer {
            fence: None,
            previous: None,
            session,
            step,
            rc: outcome.number(),
            element: None,
        })
    };
    let first = answer(AnswerStep::First, Outcome::Queued);
    let later = answer(AnswerStep::Later, Outcome::Granted);
    let mut out = Vec::new();
    Box::new(move || {
        out.clear();
        encode(&first, &mut out);
        encode(&later, &mut out);
    })
}

/// A resource locked and unlocked by one session.
fn core(name: &str) -> Turn {
    let mut manager = manager();
    let name = resource(name);
    let mut seconds = 0;
    Box::new(move || {
        // A second later each time: a timestamp is given once a second.
        seconds += 1;
        let now = Now {
            time: Time(seconds * 1000),
            wall_us: i64::try_from(seconds).expect("it does not run so long") * 1_000_000,
        };
        let session = SessionId(1);
        let actions = manager.handle(now, lock(session, &name)).count();
        assert_eq!(actions, 1, "it is granted at once");
        let actions = manager.handle(now, unlock(session, &name)).count();
        assert_eq!(actions, 0);
    })
}

/// How many wait in [`hand_over`].
const WAITERS: u64 = 100;

/// A lock handed over to the first of 100 who wait, and asked for again by the one who had it.
fn hand_over() -> Turn {
    let mut manager = manager();
    let name = resource("nightly");
    let now = Now::default();
    for session in 0..=WAITERS {
        manager.handle(now, lock(SessionId(session), &name)).count();
    }
    let mut holder = 0;
    Box::new(move || {
        let actions = manager.handle(now, unlock(SessionId(holder), &name));
        assert_eq!(actions.count(), 1, "the next is granted the lock");
        manager.handle(now, lock(SessionId(holder), &name)).count();
        holder = (holder + 1) % (WAITERS + 1);
    })
}

fn manager() -> LockManager {
    LockManager::new(Fairness::default(), TimeZone::UTC)
}

fn resource(name: &str) -> ResourceName {
    ResourceName::parse(name.as_bytes()).expect("the names here are sound")
}

fn lock(session: SessionId, resource: &ResourceName) -> Event {
    Event::Lock {
        session,
        request: Request {
            resource: resource.clone(),
            mode: LockMode::Exclusive,
            quantity: 1,
            wait: true,
            create: true,
            idle_lifespan_ms: 0,
        },
        nesting: None,
    }
}

fn unlock(session: SessionId, resource: &ResourceName) -> Event {
    Event::Unlock {
        session,
        resource: resource.clone(),
        rollback: false,
        ended: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_can_be_taken_again_and_again() {
        for (_, ready) in PATHS {
            let mut turn = ready();
            for _ in 0..300 {
                turn();
            }
        }
    }
}
