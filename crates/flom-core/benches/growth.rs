//! What a request costs beside many resources, and beside many waiters: the issue is how much it
//! grows, so each case ends with the ratio of the largest to the smallest.
//!
//! `cargo bench -p flom-core`; a word after `--` chooses cases by name.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::Write as _;
use std::time::Duration;

use criterion::measurement::{Measurement, WallTime};
use criterion::{BenchmarkId, Criterion};
use flom_core::{Action, Event, Fairness, LockManager, Nesting, Request};
use flom_types::{Lineage, LockMode, Now, Outcome, ResourceName, SessionId, Time, Token};
use jiff::tz::TimeZone;

use LockMode::{ConcurrentRead, Exclusive, ProtectedWrite};

const SIZES: [u64; 3] = [10, 1_000, 100_000];

/// By how much the largest may cost more than the smallest.
const RATIO_AT_MOST: f64 = 3.0;

/// How many of many are in use. The others must not matter.
const IN_USE: u64 = 10;

/// Ends the name of a case in which any of many is in use. It grows with what does not fit into the
/// caches of the machine, so its ratio is told but not judged.
const ANY: &str = ", any";

/// What takes less, in ns, is not long enough to be measured.
const NS_AT_LEAST: f64 = 20_000.0;

/// A lock manager and all that has happened to it.
struct World {
    manager: LockManager,
    now: Now,
    sessions: u64,
    picked: u64,
}

impl World {
    fn new() -> Self {
        Self {
            manager: LockManager::new(Fairness::default(), TimeZone::UTC),
            now: Now {
                time: Time(1_000_000),
                wall_us: 1_795_356_309_000_000,
            },
            sessions: 0,
            picked: 0,
        }
    }

    fn newcomer(&mut self) -> SessionId {
        self.sessions += 1;
        SessionId(self.sessions)
    }

    /// Asks, and lets those who get their turn by the clock alone have it.
    fn lock(
        &mut self,
        session: SessionId,
        name: &ResourceName,
        mode: LockMode,
        wait: bool,
    ) -> bool {
        let said = self.ask(session, name, mode, wait, None);
        said.map(|action| is_grant(&action))
            .fold(false, |any, one| any | one)
    }

    /// Asks as a command inside of others, the outermost first: whether it would wait for itself.
    fn lock_within(
        &mut self,
        outer: &[SessionId],
        session: SessionId,
        name: &ResourceName,
    ) -> bool {
        let mut tokens = outer.iter().chain([&session]).map(|one| Token(one.0));
        let outermost = Lineage::outermost(tokens.next().expect("at least its own"));
        let nesting = Box::new(Nesting {
            lineage: tokens.fold(outermost, |outer, own| outer.inner(own)),
            reentrant: false,
        });
        let said = self.ask(session, name, Exclusive, true, Some(nesting));
        said.map(|action| matches!(action, Action::Deadlock { .. }))
            .fold(false, |any, one| any | one)
    }

    fn ask(
        &mut self,
        session: SessionId,
        name: &ResourceName,
        mode: LockMode,
        wait: bool,
        nesting: Option<Box<Nesting>>,
    ) -> impl Iterator<Item = Action> {
        let request = Request {
            resource: name.clone(),
            mode,
            quantity: 1,
            wait,
            create: true,
            idle_lifespan_ms: 0,
        };
        self.manager.handle(
            self.now,
            Event::Lock {
                session,
                request,
                nesting,
            },
        )
    }

    /// Has so many sessions wait, those not counted that need not.
    fn wait(&mut self, name: &ResourceName, count: u64) -> Vec<SessionId> {
        let newcomers = std::iter::repeat_with(|| {
            let session = self.newcomer();
            let granted = self.lock(session, name, Exclusive, true);
            (!granted).then_some(session)
        });
        let count = usize::try_from(count).expect("it is small");
        newcomers.flatten().take(count).collect()
    }

    /// Gives back, and says who is granted because of it.
    fn unlock(&mut self, session: SessionId, name: &ResourceName) -> Option<SessionId> {
        let resource = name.clone();
        let event = Event::Unlock {
            session,
            resource,
            rollback: false,
            ended: None,
        };
        granted(self.manager.handle(self.now, event))
    }

    fn leave(&mut self, session: SessionId) {
        let said = self.manager.handle(self.now, Event::Gone { session });
        said.for_each(|action| drop(black_box(action)));
    }

    /// A ms later: every timestamp resource has a new tick.
    fn tick(&mut self) -> Option<SessionId> {
        self.now.time = self.now.time.after_ms(1);
        self.now.wall_us += 1000;
        granted(self.manager.handle(self.now, Event::Tick))
    }

    /// One of `in_use` that lie far from each other among `count`, each time another.
    fn pick_among(&mut self, in_use: u64, count: u64) -> usize {
        self.picked = self.picked.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let which = (self.picked >> 16) % in_use * (count / in_use);
        usize::try_from(which).expect("it is small")
    }
}

fn is_grant(action: &Action) -> bool {
    matches!(
        action,
        Action::Answer {
            outcome: Outcome::Granted,
            ..
        }
    )
}

fn granted(said: impl Iterator<Item = Action>) -> Option<SessionId> {
    let sessions = said.filter_map(|action| match action {
        Action::Answer {
            session,
            outcome: Outcome::Granted,
            ..
        } => Some(session),
        _ => None,
    });
    sessions.last()
}

fn name(text: &str) -> ResourceName {
    ResourceName::parse(text.as_bytes()).expect("the names are sound")
}

/// A request to be measured, once its surroundings are there.
type Measured = Box<dyn FnMut()>;

/// Somebody comes, locks one of a few resources beside its holder, and goes; there are many others.
/// The name comes as bytes, as from a client.
fn among_resources(pattern: &str, mode: LockMode, count: u64, in_use: u64) -> Measured {
    let (before, after) = pattern.split_once('*').expect("a place for the number");
    let (before, after) = (before.to_string(), after.to_string());
    let mut bytes = Vec::new();
    let mut one_of_many = move |number: usize| {
        bytes.clear();
        write!(bytes, "{before}{number}{after}").expect("it is written to memory");
        ResourceName::parse(&bytes).expect("the names are sound")
    };
    let mut world = World::new();
    for number in 0..usize::try_from(count).expect("it is small") {
        let holder = world.newcomer();
        assert!(world.lock(holder, &one_of_many(number), mode, false));
    }
    Box::new(move || {
        world.tick();
        let name = one_of_many(world.pick_among(in_use, count));
        let session = world.newcomer();
        assert!(world.lock(session, &name, mode, false));
        world.leave(session);
    })
}

/// The holder gives back, the first of many waiters gets the lock, and the old holder waits again.
fn handed_over(text: &str, count: u64) -> Measured {
    let mut world = World::new();
    let name = name(text);
    let mut holder = world.newcomer();
    assert!(world.lock(holder, &name, Exclusive, true));
    world.wait(&name, count);
    Box::new(move || {
        let unlocked = world.unlock(holder, &name);
        let next = unlocked
            .or_else(|| world.tick())
            .expect("there are waiters");
        world.lock(holder, &name, Exclusive, true);
        holder = next;
    })
}

/// One of many waiters gives up, and another comes.
fn given_up(text: &str, count: u64, in_use: u64) -> Measured {
    let mut world = World::new();
    let name = name(text);
    let holder = world.newcomer();
    assert!(world.lock(holder, &name, Exclusive, true));
    let mut waiters = world.wait(&name, count);
    Box::new(move || {
        let which = world.pick_among(in_use, count);
        world.leave(waiters[which]);
        waiters[which] = world.newcomer();
        world.lock(waiters[which], &name, Exclusive, true);
    })
}

/// A tree with as many leaves, a holder and a waiter at each.
fn busy_leaves(count: u64, mode: LockMode) -> (World, Vec<(ResourceName, SessionId, SessionId)>) {
    let mut world = World::new();
    let leaves = (0..count).map(|number| {
        let leaf = name(&format!("/h/{number}/x"));
        let (holder, waiter) = (world.newcomer(), world.newcomer());
        assert!(world.lock(holder, &leaf, mode, true));
        assert!(!world.lock(waiter, &leaf, mode, true));
        (leaf, holder, waiter)
    });
    let leaves = leaves.collect();
    (world, leaves)
}

/// At one of many leaves of a tree, the holder hands over to the waiter.
fn at_a_leaf(count: u64, in_use: u64) -> Measured {
    let (mut world, mut leaves) = busy_leaves(count, Exclusive);
    Box::new(move || {
        let which = world.pick_among(in_use, count);
        let (leaf, holder, waiter) = &mut leaves[which];
        assert_eq!(world.unlock(*holder, leaf), Some(*waiter));
        world.lock(*holder, leaf, Exclusive, true);
        std::mem::swap(holder, waiter);
    })
}

/// Above many leaves where others hold and wait, somebody locks in a mode that goes with theirs.
fn above_leaves(count: u64) -> Measured {
    let (mut world, _) = busy_leaves(count, ProtectedWrite);
    let root = name("/h");
    Box::new(move || {
        let session = world.newcomer();
        assert!(world.lock(session, &root, ConcurrentRead, false));
        world.leave(session);
    })
}

/// The same, but one of the waiters must not be passed any more.
fn above_a_protected_waiter(count: u64) -> Measured {
    let (mut world, _) = busy_leaves(count, ProtectedWrite);
    let (root, last) = (name("/h"), name("/h/z/x"));
    let (reader, writer) = (world.newcomer(), world.newcomer());
    world.lock(reader, &last, ConcurrentRead, true);
    world.lock(writer, &last, Exclusive, true);
    let session = world.newcomer();
    while world.lock(session, &root, ConcurrentRead, false) {
        world.unlock(session, &root);
    }
    Box::new(move || {
        assert!(!world.lock(session, &root, ConcurrentRead, false));
        world.leave(session);
    })
}

/// A command asks for what the command outside of it holds, beside many who do nearly the same and
/// wait for each other's locks, but in no circle.
fn nested_among_others(text: &str, count: u64) -> Measured {
    let mut world = World::new();
    let of = |number: u64| name(&text.replace('*', &number.to_string()));
    let outer: Vec<SessionId> = (0..count).map(|_| world.newcomer()).collect();
    for (number, outer) in (0..).zip(&outer) {
        assert!(!world.lock_within(&[], *outer, &of(number)));
    }
    // Each of a few waits for the next: circles have to be looked for, and there are none.
    for (number, outer) in (0..).zip(&outer).filter(|(number, _)| number % 4 != 3) {
        let inner = world.newcomer();
        let next = (number + 1).min(count - 1);
        assert_eq!(
            world.lock_within(&[*outer], inner, &of(next)),
            next == number
        );
    }
    let own = name("own");
    let holder = world.newcomer();
    assert!(!world.lock_within(&[], holder, &own));
    Box::new(move || {
        let inner = world.newcomer();
        assert!(world.lock_within(&[holder], inner, &own));
        world.leave(inner);
    })
}

/// The same beside many who wait for the same lock.
fn nested_among_waiters(text: &str, count: u64) -> Measured {
    let mut world = World::new();
    let name = name(text);
    let holder = world.newcomer();
    assert!(!world.lock_within(&[], holder, &name));
    world.wait(&name, count);
    Box::new(move || {
        let inner = world.newcomer();
        assert!(world.lock_within(&[holder], inner, &name));
        world.leave(inner);
    })
}

fn in_use(any: bool, count: u64) -> u64 {
    match any {
        true => count,
        false => IN_USE,
    }
}

/// Measures a case in all sizes: the ratio of the largest to the smallest.
fn measure(criterion: &mut Criterion, case: &str, new: &dyn Fn(u64) -> Measured) -> f64 {
    // The shortest time in ns by size: others are those in which the machine did something else.
    let best = RefCell::new(BTreeMap::new());
    let mut group = criterion.benchmark_group(case);
    for count in SIZES {
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            let mut request = new(count);
            bencher.iter_custom(|times| {
                let start = WallTime.start();
                for _ in 0..times {
                    request();
                }
                let took = WallTime.end(start);
                let took_ns = took.as_secs_f64() * 1e9;
                if took_ns >= NS_AT_LEAST {
                    let each = took_ns / times as f64;
                    let mut best = best.borrow_mut();
                    let shortest: &mut f64 = best.entry(count).or_insert(each);
                    *shortest = shortest.min(each);
                }
                took
            });
        });
    }
    group.finish();
    let best = best.into_inner();
    let (Some(first), Some(last)) = (best.get(&SIZES[0]), best.get(&SIZES[2])) else {
        return 1.0; // not chosen
    };
    let ratio = last / first;
    println!("{case}: {first:.0} ns to {last:.0} ns, ratio {ratio:.2}\n");
    ratio
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(60)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(500))
        .configure_from_args();
    let kinds = [
        ("simple", "r*", "foo"),
        ("numeric", "r*[2]", "foo[1]"),
        ("set", "r*.b", "a.a"),
        ("tree", "/r*/a", "/foo/a"),
        ("sequence", "_s_r*[2]", "_s_foo[1]"),
        ("timestamp", "_t_r*%F.%T#fff[2]", "_t_%F.%T#fff[1]"),
    ];
    let mut grows = Vec::new();
    let mut case = |kind: &str, what: &str, new: &dyn Fn(u64) -> Measured| {
        let case = format!("{kind}, {what}");
        let ratio = measure(&mut criterion, &case, new);
        if ratio > RATIO_AT_MOST && !what.ends_with(ANY) {
            grows.push(case);
        }
    };
    for (kind, many, one) in kinds {
        for (what, any) in [("resources", false), ("resources, any", true)] {
            case(kind, what, &|count| {
                among_resources(many, ConcurrentRead, count, in_use(any, count))
            });
        }
        case(kind, "waiters, handed over", &|count| {
            handed_over(one, count)
        });
        for (what, any) in [
            ("waiters, given up", false),
            ("waiters, given up, any", true),
        ] {
            case(kind, what, &|count| {
                given_up(one, count, in_use(any, count))
            });
        }
    }
    let kinds = [
        ("simple", "r*", "foo"),
        ("numeric", "r*[1]", "foo[1]"),
        ("tree", "/r*/a", "/foo/a"),
        ("sequence", "_s_r*[1]", "_s_foo[1]"),
    ];
    for (kind, many, one) in kinds {
        case(kind, "nested, resources", &|count| {
            nested_among_others(many, count)
        });
        case(kind, "nested, waiters", &|count| {
            nested_among_waiters(one, count)
        });
    }
    for (what, any) in [("busy leaves", false), ("busy leaves, any", true)] {
        case("tree", what, &|count| at_a_leaf(count, in_use(any, count)));
    }
    case("tree", "above busy leaves", &above_leaves);
    case(
        "tree",
        "above a protected waiter",
        &above_a_protected_waiter,
    );
    criterion.final_summary();
    assert!(
        grows.is_empty(),
        "more than {RATIO_AT_MOST} times as much: {grows:?}"
    );
}
