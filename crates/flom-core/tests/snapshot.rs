//! What can be seen of a lock manager from outside.

#![expect(clippy::unwrap_used, reason = "tests, also their helpers, may panic")]

use std::collections::BTreeMap;

use flom_core::snapshot::{Held, Resource, Room, Snapshot};
use flom_core::{Action, Event, LockManager, Request};
use flom_types::{Fairness, LockMode, Now, Outcome, ResourceName, SessionId, Time};
use jiff::tz::TimeZone;
use proptest::collection::vec;
use proptest::prelude::ProptestConfig;
use proptest::{prop_assert_eq, proptest};

struct World {
    manager: LockManager,
    now: Now,
}

fn name(text: &str) -> ResourceName {
    ResourceName::parse(text.as_bytes()).unwrap()
}

impl World {
    fn new(fairness: Fairness) -> Self {
        Self {
            manager: LockManager::new(fairness, TimeZone::UTC),
            now: Now::default(),
        }
    }

    fn at(&mut self, ms: u64) -> &mut Self {
        self.now = Now {
            time: Time(ms),
            wall_us: i64::try_from(ms).unwrap() * 1000,
        };
        self
    }

    fn asks(&mut self, session: u64, text: &str, mode: LockMode, quantity: u32) -> &mut Self {
        self.asks_for(session, text, mode, quantity, true)
    }

    fn asks_for(
        &mut self,
        session: u64,
        text: &str,
        mode: LockMode,
        quantity: u32,
        create: bool,
    ) -> &mut Self {
        let request = Request {
            resource: name(text),
            mode,
            quantity,
            wait: true,
            create,
            idle_lifespan_ms: 0,
        };
        let session = SessionId(session);
        self.happens(Event::Lock {
            session,
            request,
            nesting: None,
        })
    }

    fn goes(&mut self, session: u64) -> &mut Self {
        let session = SessionId(session);
        self.happens(Event::Gone { session })
    }

    fn happens(&mut self, event: Event) -> &mut Self {
        self.manager.handle(self.now, event).for_each(drop);
        self
    }

    fn snapshot(&self) -> Snapshot {
        self.manager.snapshot(self.now)
    }

    fn resource(&self, text: &str) -> Resource {
        self.snapshot().resource(&name(text)).unwrap().clone()
    }
}

/// By session, since when, and what.
fn holders(resource: &Resource) -> Vec<(u64, u64, Held)> {
    let holders = resource.holders.iter();
    holders
        .map(|holder| (holder.session.0, holder.since.0, holder.held.clone()))
        .collect()
}

/// By session, since when, and whether nobody may pass.
fn waiters(resource: &Resource) -> Vec<(u64, u64, bool)> {
    let waiters = resource.waiters.iter();
    waiters
        .map(|waiter| (waiter.session.0, waiter.since.0, waiter.unpassable))
        .collect()
}

use LockMode::{ConcurrentRead as CR, Exclusive as EX, ProtectedRead as PR};

#[test]
fn holders_and_waiters_are_in_order_and_know_since_when() {
    let mut world = World::new(Fairness::default());
    world.at(10).asks(3, "db", PR, 1);
    world.at(20).asks(1, "db", PR, 1);
    world.at(30).asks(4, "db", EX, 1);
    world.at(40).asks(2, "db", EX, 1);
    let db = world.resource("db");
    let shared = [(3, 10, Held::Mode(PR)), (1, 20, Held::Mode(PR))];
    assert_eq!(holders(&db), shared);
    assert_eq!(waiters(&db), [(4, 30, false), (2, 40, false)]);
    assert_eq!((db.sessions, db.room, db.idle_until), (4, None, None));
    world.at(50).goes(3);
    world.at(60).goes(1);
    let db = world.resource("db");
    assert_eq!(holders(&db), [(4, 60, Held::Mode(EX))]);
    assert_eq!(waiters(&db), [(2, 40, false)]);
}

#[test]
fn who_has_been_passed_often_enough_can_be_told() {
    let mut world = World::new(Fairness::Bounded(2));
    world.asks(1, "db", PR, 1).asks(2, "db", EX, 1);
    world.asks(3, "db", EX, 1).asks(4, "db", PR, 1);
    assert_eq!(
        waiters(&world.resource("db")),
        [(2, 0, false), (3, 0, false)]
    );
    world.asks(5, "db", PR, 1).asks(6, "db", EX, 1);
    let expected = [(2, 0, true), (3, 0, true), (6, 0, false)];
    assert_eq!(waiters(&world.resource("db")), expected);
    let mut world = World::new(Fairness::Fifo);
    world.asks(1, "db", EX, 1).asks(2, "db", EX, 1);
    assert_eq!(waiters(&world.resource("db")), [(2, 0, true)]);
    let mut world = World::new(Fairness::FirstFit);
    world.asks(1, "db", EX, 1).asks(2, "db", EX, 1);
    assert_eq!(waiters(&world.resource("db")), [(2, 0, false)]);
}

#[test]
fn what_is_held_is_named_by_kind() {
    let mut world = World::new(Fairness::default());
    world
        .at(1000)
        .asks(1, "pool[5]", EX, 3)
        .asks(2, "a.b.c", EX, 1);
    world
        .asks(3, "_s_n[2]", EX, 1)
        .asks(4, "_t_%F.%T[3]", EX, 1);
    world.asks(5, "/t/x/y", CR, 1).asks(5, "/t", CR, 1);
    let room = |total, free| Some(Room { total, free });
    let pool = world.resource("pool[5]");
    assert_eq!(
        (holders(&pool), pool.room),
        (vec![(1, 1000, Held::Units(3))], room(5, 2))
    );
    let set = world.resource("a.b.c");
    let element = Held::Element("a".to_owned());
    assert_eq!(
        (holders(&set), set.room),
        (vec![(2, 1000, element)], room(3, 2))
    );
    let sequence = world.resource("_s_n[2]");
    assert_eq!(
        (holders(&sequence), sequence.room),
        (vec![(3, 1000, Held::Number(1))], room(2, 1))
    );
    let stamp = world.resource("_t_%F.%T[3]");
    let text = Held::Text("1970-01-01.00:00:01".to_owned());
    assert_eq!(
        (holders(&stamp), stamp.room),
        (vec![(4, 1000, text)], room(3, 2))
    );
    let node = |path| Held::Node {
        path: name(path),
        mode: CR,
    };
    let tree = world.resource("/t/other");
    assert_eq!(tree.name, name("/t"));
    let expected = [(5, 1000, node("/t/x/y")), (5, 1000, node("/t"))];
    assert_eq!(holders(&tree), expected);
}

#[test]
fn a_place_that_only_the_clock_keeps_says_until_when() {
    let mut world = World::new(Fairness::default());
    world
        .at(1250)
        .asks(1, "_t_%S[3]", EX, 1)
        .asks(2, "_t_%S[3]", EX, 1);
    let stamp = world.resource("_t_%S[3]");
    assert_eq!(stamp.next_tick, Some(Time(2000)));
    assert_eq!(waiters(&stamp), [(2, 1250, true)]);
    world.at(2000).happens(Event::Tick);
    let stamp = world.resource("_t_%S[3]");
    assert_eq!(
        (stamp.next_tick, stamp.waiters.len()),
        (Some(Time(3000)), 0)
    );
    assert_eq!(world.at(3000).resource("_t_%S[3]").next_tick, None);
}

#[test]
fn a_parked_request_is_there_until_the_resource_is_and_waits_since_it_was_made() {
    let mut world = World::new(Fairness::default());
    world.at(5).asks_for(1, "/t/x", EX, 1, false);
    world.at(6).asks_for(2, "other", EX, 1, false);
    let snapshot = world.snapshot();
    assert!(snapshot.resources.is_empty());
    let parked: Vec<_> = snapshot
        .parked
        .iter()
        .map(|w| (w.session.0, w.since.0))
        .collect();
    assert_eq!(parked, [(1, 5), (2, 6)]);
    let other = name("other");
    let for_other: Vec<_> = snapshot.parked_for(&other).map(|w| w.session.0).collect();
    assert_eq!(for_other, [2]);
    world.at(7).asks(3, "/t", EX, 1);
    assert_eq!(waiters(&world.resource("/t")), [(1, 5, false)]);
    assert_eq!(world.snapshot().parked.len(), 1);
}

#[test]
fn what_nobody_uses_says_when_it_is_forgotten() {
    let mut world = World::new(Fairness::default());
    world
        .at(100)
        .asks(1, "db", EX, 1)
        .asks(2, "adb", EX, 1)
        .goes(1);
    let snapshot = world.snapshot();
    let names: Vec<_> = snapshot
        .resources
        .iter()
        .map(|r| r.name.to_string())
        .collect();
    assert_eq!(names, ["adb", "db"]);
    assert_eq!(world.resource("db").idle_until, Some(Time(2100)));
    assert_eq!(world.resource("adb").idle_until, None);
    world.at(2100).happens(Event::Tick);
    assert_eq!(world.snapshot().resource(&name("db")), None);
    assert!(!world.snapshot().draining);
    assert!(world.happens(Event::Drain).snapshot().draining);
}

/// What there should be to see, as plainly as it can be said: what the answers have told.
#[derive(Default)]
struct Told {
    /// In order of arrival: session, request, since when, and whether it is granted.
    asked: Vec<(SessionId, Request, Time, bool)>,
}

impl Told {
    fn hears(&mut self, now: Now, action: &Action) {
        let Action::Answer {
            session, outcome, ..
        } = action
        else {
            return;
        };
        let find = |(id, ..): &&mut (SessionId, Request, Time, bool)| id == session;
        if let Some((_, _, since, granted)) = self.asked.iter_mut().find(find)
            && *outcome == Outcome::Granted
        {
            (*since, *granted) = (now.time, true);
        }
    }

    /// Of each resource by name: holders, longest first, and waiters with what they ask for.
    fn seen(&self) -> BTreeMap<Vec<u8>, Seen> {
        let mut seen: BTreeMap<_, Seen> = BTreeMap::new();
        for (session, request, since, granted) in &self.asked {
            let of_it = seen.entry(request.resource.tree().to_vec()).or_default();
            match granted {
                true => of_it.0.push((*since, *session)),
                false => of_it.1.push((*session, *since, request.clone())),
            }
        }
        seen.values_mut().for_each(|(holders, _)| holders.sort());
        seen
    }
}

type Seen = (Vec<(Time, SessionId)>, Vec<(SessionId, Time, Request)>);

fn seen(snapshot: Snapshot) -> BTreeMap<Vec<u8>, Seen> {
    let used = snapshot
        .resources
        .into_iter()
        .filter(|one| one.sessions > 0);
    used.map(|resource| {
        let holders = resource.holders.into_iter();
        let waiters = resource.waiters.into_iter();
        let seen = (
            holders.map(|one| (one.since, one.session)).collect(),
            waiters
                .map(|one| (one.session, one.since, one.request))
                .collect(),
        );
        (resource.name.as_bytes().to_vec(), seen)
    })
    .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_snapshot_shows_what_the_answers_have_told(
        events in vec((0..40_u64, 0..8_usize, 0..6_usize, 0..3_u64), 1..200)
    ) {
        const NAMES: [&str; 8] = ["a", "b", "pool[3]", "x.y", "/t", "/t/1", "/t/1/2", "_s_n[2]"];
        let mut world = World::new(Fairness::default());
        let mut told = Told::default();
        let mut ms = 0;
        for (id, which, mode, later) in events {
            ms += later * 700;
            let now = world.at(ms).now;
            let session = SessionId(id);
            // A session asks once, and goes.
            let known = told.asked.iter().position(|(other, ..)| *other == session);
            let event = match known {
                Some(at) => {
                    told.asked.remove(at);
                    Event::Gone { session }
                }
                None => {
                    let request = Request {
                        resource: name(NAMES[which]),
                        mode: LockMode::ALL[mode],
                        quantity: u32::try_from(mode).unwrap() / 2 + 1,
                        wait: true,
                        create: true,
                        idle_lifespan_ms: later * 1000,
                    };
                    told.asked.push((session, request.clone(), now.time, false));
                    Event::Lock { session, request, nesting: None }
                }
            };
            let actions: Vec<_> = world.manager.handle(now, event).collect();
            actions.iter().for_each(|action| told.hears(now, action));
            prop_assert_eq!(seen(world.snapshot()), told.seen());
        }
    }
}
