//! Histories of any length over a handful of resources.

use std::collections::BTreeMap;

use flom_core::{Event, Fairness, Nesting, Request};
use flom_types::{Lineage, LockMode, Previous, ResourceName, SessionId, Token};
use jiff::tz::TimeZone;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};

use crate::world::{Setting, World};

/// What can happen. Clients are numbered; a number whose connection is gone begins a new one.
#[derive(Clone, Debug)]
enum Step {
    Lock {
        who: u64,
        name: Index,
        mode: LockMode,
        quantity: u32,
        wait: bool,
        create: bool,
        lifespan_ms: u64,
        nested: Option<Nested>,
    },
    /// Gives back what the client has asked for last.
    Unlock {
        who: u64,
        rollback: bool,
        ended: Option<Previous>,
    },
    /// A client goes on with the connection of another.
    Resume {
        who: u64,
        from: u64,
    },
    /// Gives back something that it may or may not have asked for.
    UnlockAny {
        who: u64,
        name: Index,
    },
    Gone {
        who: u64,
    },
    Pass {
        ms: u64,
    },
    SetClock {
        by_us: i64,
    },
    Drain,
}

/// Where a client says it runs.
#[derive(Clone, Debug)]
struct Nested {
    /// Inside of whom.
    outer: Vec<u64>,
    /// Whether it says that it is another one.
    pretends: Option<u64>,
    reentrant: bool,
}

const CLIENTS: u64 = 7;

/// Names that meet or mean the same resource, side by side: a history is over a few of these.
const GROUPS: [&[&str]; 17] = [
    &["foo"],
    &["bar"],
    &["pool[5]"],
    &["pool[3]"],
    &["none[0]", "_s_n[0]", "_t_%S[0]"],
    &["a.b.c"],
    &["p.p.q"],
    &["/h", "/h/a", "/h/b", "/h/a/x", "/h/a/x/y", "/h/a/z"],
    &["/h/a", "/h/ab", "/g/a", "/h/a/b"],
    &["_s_a[1]", "_s_a[3]"],
    &["_S_a[3]", "_S_b[1]"],
    &["_t_%F.%T[2]", "_t_%s[9]"],
    &["_t_%F.%T#f[1]", "_t_%F.%T#f[9]"],
    &["_t_%F.%T#ffffff[3]"],
    &["_t_%F.%H[2]", "_t_%M[2]"],
    &["_t_%F.%T.%z[2]", "_t_%S[2]"],
    &["_t_%F[1]", LONG],
];

const LONG: &str = "_t_%c%c%c%c%c%c%c%c%c%c%c%c%c%c%c%c[1]";

/// 2026-11-22 14:05:09 UTC; ten minutes before the end of daylight saving 2026 in Rome, of its
/// beginning in 2027, and of both on Lord Howe Island.
const MOMENTS_S: [i64; 5] = [
    1_795_356_309,
    1_792_889_400,
    1_806_195_000,
    1_775_314_200,
    1_791_040_200,
];

pub(crate) fn setting() -> impl Strategy<Value = Setting> {
    let fairness = prop_oneof![
        3 => (0..4_u32).prop_map(Fairness::Bounded),
        1 => Just(Fairness::default()),
        1 => Just(Fairness::Fifo),
        1 => Just(Fairness::FirstFit),
    ];
    let zone = prop_oneof![
        Just("UTC"),
        Just("Europe/Rome"),
        Just("Asia/Kolkata"),
        Just("Australia/Lord_Howe"),
    ];
    let wall_s = proptest::sample::select(&MOMENTS_S[..]);
    (fairness, zone, wall_s, 0..1_000_000_i64).prop_map(|(fairness, zone, wall_s, us)| Setting {
        fairness,
        zone: TimeZone::get(zone).expect("the tests need the time zone data of the system"),
        wall_us: wall_s * 1_000_000 + us,
    })
}

/// So many in a hundred requests say where they come from.
fn step(nested: f64) -> impl Strategy<Value = Step> {
    let who = 0..CLIENTS;
    let pretends = proptest::option::weighted(0.02, who.clone());
    let within = (vec(who.clone(), 0..4), pretends, any::<bool>()).prop_map(
        |(outer, pretends, reentrant)| Nested {
            outer,
            pretends,
            reentrant,
        },
    );
    let lock = (
        (who.clone(), any::<Index>()),
        proptest::sample::select(&LockMode::ALL[..]),
        1..=6_u32,
        proptest::bool::weighted(0.85),
        proptest::bool::weighted(0.85),
        prop_oneof![3 => Just(0), 1 => 1..4000_u64],
        proptest::option::weighted(nested, within),
    )
        .prop_map(
            |((who, name), mode, quantity, wait, create, lifespan_ms, nested)| Step::Lock {
                who,
                name,
                mode,
                quantity,
                wait,
                create,
                lifespan_ms,
                nested,
            },
        );
    let ms = prop_oneof![
        4 => 0..150_u64,
        4 => 900..1100_u64,
        2 => 1900..5100_u64,
        1 => 1000..4_000_000_u64,
    ];
    let by_us = prop_oneof![
        2 => -3_000_000..3_000_000_i64,
        1 => -5_000_000_000..5_000_000_000_i64,
    ];
    let ended = prop_oneof![
        4 => Just(None),
        2 => Just(Some(Previous::Released)),
        1 => (1..3_u8).prop_map(|status| Some(Previous::Failed(status))),
        1 => Just(Some(Previous::Killed(9))),
    ];
    prop_oneof![
        400 => lock,
        200 => (who.clone(), any::<bool>(), ended).prop_map(|(who, rollback, ended)| Step::Unlock { who, rollback, ended }),
        10 => (who.clone(), who.clone()).prop_map(|(who, from)| Step::Resume { who, from }),
        10 => (who.clone(), any::<Index>()).prop_map(|(who, name)| Step::UnlockAny { who, name }),
        100 => who.prop_map(|who| Step::Gone { who }),
        80 => ms.prop_map(|ms| Step::Pass { ms }),
        20 => by_us.prop_map(|by_us| Step::SetClock { by_us }),
        1 => Just(Step::Drain),
    ]
}

fn names() -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(&GROUPS[..], 1..4).prop_map(|groups| groups.concat())
}

/// Clients as a history numbers them, and their connections.
struct Clients<'a> {
    names: &'a [&'static str],
    connections: BTreeMap<u64, SessionId>,
    last_asked: BTreeMap<u64, ResourceName>,
    opened: u64,
}

impl Clients<'_> {
    fn connection(&mut self, who: u64) -> SessionId {
        *self.connections.entry(who).or_insert_with(|| {
            self.opened += 1;
            SessionId(self.opened)
        })
    }

    /// The token of a client is the number of its connection.
    fn token(&mut self, who: u64) -> Token {
        Token(self.connection(who).0)
    }

    fn nesting(&mut self, who: u64, nested: &Nested) -> Nesting {
        let outer: Vec<_> = nested.outer.iter().map(|one| self.token(*one)).collect();
        let own = self.token(nested.pretends.unwrap_or(who));
        let mut tokens = outer.into_iter().chain([own]);
        let outermost = Lineage::outermost(tokens.next().unwrap_or(own));
        Nesting {
            lineage: tokens.fold(outermost, |outer, token| outer.inner(token)),
            // Of an element that is written twice, the referee does not know which was lent.
            reentrant: nested.reentrant && !self.names.contains(&"p.p.q"),
        }
    }

    fn name(&self, index: Index) -> ResourceName {
        ResourceName::parse(index.get(self.names).as_bytes()).expect("the names are sound")
    }

    fn play(&mut self, world: &mut World, step: &Step) -> Result<(), String> {
        let event = match step {
            Step::Pass { ms } => return world.pass(*ms),
            Step::SetClock { by_us } => {
                world.set_clock(*by_us);
                return Ok(());
            }
            Step::Drain => Event::Drain,
            Step::Gone { who } => match self.connections.remove(who) {
                Some(session) => Event::Gone { session },
                None => return Ok(()),
            },
            Step::Lock {
                who,
                name,
                mode,
                quantity,
                wait,
                create,
                lifespan_ms,
                nested,
            } => {
                let resource = self.name(*name);
                self.last_asked.insert(*who, resource.clone());
                Event::Lock {
                    session: self.connection(*who),
                    request: Request {
                        resource,
                        mode: *mode,
                        quantity: *quantity,
                        wait: *wait,
                        create: *create,
                        idle_lifespan_ms: *lifespan_ms,
                    },
                    nesting: nested
                        .as_ref()
                        .map(|nested| Box::new(self.nesting(*who, nested))),
                }
            }
            Step::Resume { who, from } => match self.connections.get(from).copied() {
                Some(old) => {
                    if let Some(asked) = self.last_asked.get(from).cloned() {
                        self.last_asked.insert(*who, asked);
                    }
                    Event::Resume {
                        session: self.connection(*who),
                        from: old,
                    }
                }
                None => return Ok(()),
            },
            Step::Unlock {
                who,
                rollback,
                ended,
            } => match self.last_asked.get(who).cloned() {
                Some(resource) => Event::Unlock {
                    session: self.connection(*who),
                    resource,
                    rollback: *rollback,
                    ended: *ended,
                },
                None => return Ok(()),
            },
            Step::UnlockAny { who, name } => Event::Unlock {
                session: self.connection(*who),
                resource: self.name(*name),
                rollback: false,
                ended: None,
            },
        };
        for closed in world.happen(&event)? {
            self.connections.retain(|_, session| *session != closed);
        }
        Ok(())
    }
}

fn play(setting: &Setting, names: &[&'static str], steps: &[Step]) -> Result<(), String> {
    let mut world = World::new(setting);
    let mut clients = Clients {
        names,
        connections: BTreeMap::new(),
        last_asked: BTreeMap::new(),
        opened: 0,
    };
    for (at, step) in steps.iter().enumerate() {
        clients
            .play(&mut world, step)
            .map_err(|objection| format!("step {at}, {step:?}: {objection}"))?;
    }
    world.end(clients.connections.into_values())
}

/// Eight times as many histories as usual; `PROPTEST_CASES` makes it more. What fails is shrunk
/// and printed, and becomes a scenario: no file is left behind.
pub(crate) fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: 8 * usual.cases,
        failure_persistence: None,
        ..usual
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_history_goes_as_the_rules_say(
        setting in setting(),
        names in names(),
        steps in vec(step(0.3), 1..120),
    ) {
        play(&setting, &names, &steps).map_err(TestCaseError::fail)?;
    }
}
