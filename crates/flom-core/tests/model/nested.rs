//! Histories of commands within commands: many wait, hardly anybody gives back, and few do what
//! makes no sense for them.

use flom_core::{Event, Nesting, Request};
use flom_types::{Lineage, LockMode, Previous, ResourceName, SessionId, Token};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};

use crate::random::{config, setting};
use crate::world::{Setting, World};

/// What can happen. A client is a number; where it runs is the same all the time.
#[derive(Clone, Debug)]
enum Step {
    Lock {
        who: usize,
        ask: Ask,
        /// Even if it waits, or holds something else.
        anyhow: bool,
    },
    Unlock {
        who: usize,
        ended: Option<Previous>,
    },
    Gone {
        who: usize,
    },
    /// Loses its connection and comes back on another.
    Back {
        who: usize,
    },
}

#[derive(Clone, Debug)]
struct Ask {
    name: Index,
    mode: LockMode,
    quantity: u32,
    wait: bool,
    create: bool,
    /// Whether it says where it runs.
    nested: bool,
    reentrant: bool,
}

const CLIENTS: usize = 9;

const GROUPS: [&[&str]; 12] = [
    &["a"],
    &["b"],
    &["c"],
    &["p[2]"],
    &["q[3]"],
    &["r[5]"],
    &["x.y"],
    &["/t", "/t/a", "/t/b", "/t/a/x"],
    &["/u/a", "/u/b"],
    &["_s_a[1]"],
    &["_S_b[2]"],
    &["_t_%F.%T#ffffff[2]"],
];

fn ask() -> impl Strategy<Value = Ask> {
    let mode = prop_oneof![
        3 => Just(LockMode::Exclusive),
        3 => Just(LockMode::ProtectedRead),
        2 => proptest::sample::select(&LockMode::ALL[..]),
    ];
    let likely = proptest::bool::weighted(0.95);
    let flags = (likely, likely, proptest::bool::weighted(0.9), any::<bool>());
    (any::<Index>(), mode, 1..=3_u32, flags).prop_map(
        |(name, mode, quantity, (wait, create, nested, reentrant))| Ask {
            name,
            mode,
            quantity,
            wait,
            create,
            nested,
            reentrant,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..CLIENTS;
    let ended = prop_oneof![Just(None), Just(Some(Previous::Failed(1)))];
    prop_oneof![
        40 => (who.clone(), ask(), proptest::bool::weighted(0.05))
            .prop_map(|(who, ask, anyhow)| Step::Lock { who, ask, anyhow }),
        8 => (who.clone(), ended).prop_map(|(who, ended)| Step::Unlock { who, ended }),
        3 => who.clone().prop_map(|who| Step::Gone { who }),
        1 => who.prop_map(|who| Step::Back { who }),
    ]
}

struct Client {
    session: SessionId,
    asked: Option<ResourceName>,
    /// The client that it runs directly inside of.
    parent: Option<usize>,
}

struct Clients<'a> {
    names: &'a [&'static str],
    all: Vec<Client>,
    opened: u64,
}

impl Clients<'_> {
    fn open(&mut self) -> SessionId {
        self.opened += 1;
        SessionId(self.opened)
    }

    fn lineage(&self, who: usize) -> Lineage {
        let own = Token(self.all[who].session.0);
        match self.all[who].parent {
            Some(parent) => self.lineage(parent).inner(own),
            None => Lineage::outermost(own),
        }
    }

    fn play(&mut self, world: &mut World, step: &Step) -> Result<(), String> {
        let event = match step {
            Step::Lock { who, ask, anyhow } => {
                let name = ask.name.get(self.names);
                let resource = ResourceName::parse(name.as_bytes()).expect("the names are sound");
                let session = self.all[*who].session;
                if !anyhow && !world.may_ask(session, &resource) {
                    return Ok(());
                }
                self.all[*who].asked = Some(resource.clone());
                let nesting = ask.nested.then(|| {
                    Box::new(Nesting {
                        lineage: self.lineage(*who),
                        reentrant: ask.reentrant,
                    })
                });
                let request = Request {
                    resource,
                    mode: ask.mode,
                    quantity: ask.quantity,
                    wait: ask.wait,
                    create: ask.create,
                    idle_lifespan_ms: 0,
                };
                Event::Lock {
                    session,
                    request,
                    nesting,
                }
            }
            Step::Unlock { who, ended } => match self.all[*who].asked.clone() {
                Some(resource) => Event::Unlock {
                    session: self.all[*who].session,
                    resource,
                    rollback: false,
                    ended: *ended,
                },
                None => return Ok(()),
            },
            Step::Gone { who } => Event::Gone {
                session: self.all[*who].session,
            },
            Step::Back { who } => Event::Resume {
                session: self.open(),
                from: self.all[*who].session,
            },
        };
        let over = world.happen(&event)?;
        for who in 0..self.all.len() {
            let session = self.all[who].session;
            match event {
                Event::Resume { session: new, from } if from == session && over.contains(&from) => {
                    self.all[who].session = new;
                }
                _ if over.contains(&session) || event == (Event::Gone { session }) => {
                    self.all[who].session = self.open();
                    self.all[who].asked = None;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn play(
    setting: &Setting,
    names: &[&'static str],
    parents: &[Option<Index>],
    steps: &[Step],
) -> Result<(), String> {
    let mut world = World::new(setting);
    let mut clients = Clients {
        names,
        all: Vec::new(),
        opened: 0,
    };
    for (who, parent) in parents.iter().enumerate() {
        let session = clients.open();
        let parent = parent.filter(|_| who > 0).map(|index| index.index(who));
        clients.all.push(Client {
            session,
            asked: None,
            parent,
        });
    }
    for (at, step) in steps.iter().enumerate() {
        clients
            .play(&mut world, step)
            .map_err(|objection| format!("step {at}, {step:?}: {objection}"))?;
    }
    world.end(clients.all.iter().map(|client| client.session))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn of_commands_within_commands_exactly_those_are_refused_that_would_wait_for_ever(
        setting in setting(),
        groups in subsequence(&GROUPS[..], 1..6),
        parents in vec(proptest::option::weighted(0.7, any::<Index>()), CLIENTS),
        steps in vec(step(), 1..100),
    ) {
        play(&setting, &groups.concat(), &parents, &steps).map_err(TestCaseError::fail)?;
    }
}
