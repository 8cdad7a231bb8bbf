//! Every history of a length, with three clients and one resource.
//!
//! Left out is only what another history shows as well: of clients that have no connection it is
//! always the first that opens one, and who may not wait is tried last of all, as it leaves
//! nothing behind but a connection.

use flom_core::{Action, Event, Fairness, Request};
use flom_types::{LockMode, Now, ResourceName, SessionId};
use jiff::tz::TimeZone;

use crate::world::{Clock, Judges, Setting};

use LockMode::{
    ConcurrentRead, ConcurrentWrite, Exclusive, NullLock, ProtectedRead, ProtectedWrite,
};

const CLIENTS: usize = 3;

/// A resource and what may be asked of it.
struct Ground {
    asks: Vec<Request>,
    /// Whether a client may roll back what it gives back.
    rollback: bool,
    /// How much time may pass at a stretch, in ms; nothing: none.
    pause_ms: Option<u64>,
    /// Whether the manager may be told to serve nobody new.
    drains: bool,
    setting: Setting,
}

/// How a history has gone so far.
#[derive(Clone)]
struct Node {
    judges: Judges,
    clock: Clock,
    /// The connection of each client, and what it asked for last.
    clients: [Option<(SessionId, ResourceName)>; CLIENTS],
    opened: u64,
}

#[derive(Clone, Copy)]
enum Step {
    Ask(usize, usize),
    AskInPassing(usize, usize),
    GiveBack(usize, bool),
    Leave(usize),
    Pause(u64),
    Drain,
}

impl Ground {
    fn new(fairness: Fairness, asks: Vec<Request>) -> Self {
        Self {
            asks,
            rollback: false,
            pause_ms: None,
            drains: false,
            setting: Setting {
                fairness,
                zone: TimeZone::UTC,
                wall_us: 1_795_356_309_500_000,
            },
        }
    }

    /// Plays every history of `length` events, and says how many there are.
    fn play(&self, length: usize) -> u64 {
        let begin = Node {
            judges: self.setting.judges(),
            clock: self.setting.clock(),
            clients: [const { None }; CLIENTS],
            opened: 0,
        };
        self.go_on(&begin, &mut Vec::new(), length)
    }

    fn go_on(&self, node: &Node, past: &mut Vec<(Now, Event)>, left: usize) -> u64 {
        let mut histories = 0;
        for step in self.steps(node, left == 1) {
            let mut next = node.clone();
            let event = self.event(&mut next, step);
            past.push((next.clock.now(), event));
            if let Err(objection) = self.judge(&mut next, past) {
                panic!("{past:#?}\n{objection}");
            }
            histories += match left {
                1 => 1,
                _ => self.go_on(&next, past, left - 1),
            };
            past.pop();
        }
        histories
    }

    fn steps(&self, node: &Node, is_last: bool) -> Vec<Step> {
        let mut steps = Vec::new();
        let stranger = node.clients.iter().position(Option::is_none);
        for who in 0..CLIENTS {
            let is_connected = node.clients[who].is_some();
            if is_connected || stranger == Some(who) {
                let asks = 0..self.asks.len();
                steps.extend(asks.clone().map(|what| Step::Ask(who, what)));
                if is_last {
                    steps.extend(asks.map(|what| Step::AskInPassing(who, what)));
                }
            }
            if is_connected {
                steps.push(Step::GiveBack(who, false));
                steps.push(Step::Leave(who));
                if self.rollback {
                    steps.push(Step::GiveBack(who, true));
                }
            }
        }
        steps.extend(self.pause_ms.map(Step::Pause));
        if self.drains {
            steps.push(Step::Drain);
        }
        steps
    }

    fn event(&self, node: &mut Node, step: Step) -> Event {
        match step {
            Step::Drain => Event::Drain,
            Step::Pause(ms) => {
                node.clock.go_on(1000 * ms);
                Event::Tick
            }
            Step::Ask(who, what) | Step::AskInPassing(who, what) => {
                let wait = matches!(step, Step::Ask(..));
                let request = Request {
                    wait,
                    ..self.asks[what].clone()
                };
                let session = match &node.clients[who] {
                    Some((session, _)) => *session,
                    None => {
                        node.opened += 1;
                        SessionId(node.opened)
                    }
                };
                node.clients[who] = Some((session, request.resource.clone()));
                Event::Lock {
                    session,
                    request,
                    nesting: None,
                }
            }
            Step::GiveBack(who, rollback) => {
                let (session, resource) = node.clients[who].clone().expect("it is connected");
                Event::Unlock {
                    session,
                    resource,
                    rollback,
                    ended: None,
                }
            }
            Step::Leave(who) => {
                let (session, _) = node.clients[who].take().expect("it is connected");
                Event::Gone { session }
            }
        }
    }

    /// Plays the whole history to a new manager, and looks at what the last event brings about.
    fn judge(&self, node: &mut Node, past: &[(Now, Event)]) -> Result<(), String> {
        let mut manager = self.setting.manager();
        let (last, before) = past.split_last().expect("something has happened");
        for (now, event) in before {
            manager.handle(*now, Event::Tick).for_each(drop);
            manager.handle(*now, event.clone()).for_each(drop);
        }
        let (now, event) = last;
        let ticked: Vec<Action> = manager.handle(*now, Event::Tick).collect();
        node.judges.tick(&node.clock, &ticked)?;
        let said: Vec<Action> = manager.handle(*now, event.clone()).collect();
        node.judges.event(*now, event, &said)?;
        node.judges.look_around(*now, &manager)?;
        for action in said {
            if let Action::Close { session, .. } = action {
                for client in &mut node.clients {
                    *client = client.take().filter(|(other, _)| *other != session);
                }
            }
        }
        Ok(())
    }
}

const BOUNDED: Fairness = Fairness::Bounded(1);

fn ask(name: &str, mode: LockMode) -> Request {
    Request {
        resource: ResourceName::parse(name.as_bytes()).expect("the names are sound"),
        mode,
        quantity: 1,
        wait: true,
        create: true,
        idle_lifespan_ms: 0,
    }
}

fn ask_units(name: &str, quantity: u32) -> Request {
    Request {
        quantity,
        ..ask(name, Exclusive)
    }
}

fn play(length: usize, ground: &Ground) {
    let histories = ground.play(length);
    println!(
        "{histories} histories of {length} events: {:?}",
        ground.asks
    );
    assert!(histories > 1000, "{histories} are hardly all");
}

#[test]
fn every_small_history_of_a_simple_resource() {
    play(
        7,
        &Ground::new(
            BOUNDED,
            vec![ask("foo", Exclusive), ask("foo", ProtectedRead)],
        ),
    );
    for fairness in [Fairness::Fifo, Fairness::FirstFit, Fairness::default()] {
        let asks = vec![ask("foo", ProtectedWrite), ask("foo", ConcurrentRead)];
        play(5, &Ground::new(fairness, asks));
    }
    for (at, one) in LockMode::ALL.into_iter().enumerate() {
        for other in LockMode::ALL.into_iter().skip(at) {
            play(
                5,
                &Ground::new(BOUNDED, vec![ask("foo", one), ask("foo", other)]),
            );
        }
    }
}

#[test]
fn every_small_history_of_a_pool() {
    play(
        7,
        &Ground::new(BOUNDED, vec![ask_units("a[2]", 2), ask_units("a[2]", 1)]),
    );
    for fairness in [BOUNDED, Fairness::Fifo, Fairness::FirstFit] {
        let asks = vec![
            ask_units("a[3]", 2),
            ask_units("a[3]", 1),
            ask_units("a[3]", 4),
        ];
        play(5, &Ground::new(fairness, asks));
    }
}

#[test]
fn every_small_history_of_a_set() {
    for name in ["a.b", "p.p.q"] {
        play(7, &Ground::new(BOUNDED, vec![ask(name, Exclusive)]));
    }
}

#[test]
fn every_small_history_of_a_tree() {
    play(
        7,
        &Ground::new(
            BOUNDED,
            vec![ask("/h", ProtectedRead), ask("/h/a", Exclusive)],
        ),
    );
    for fairness in [BOUNDED, Fairness::Fifo, Fairness::FirstFit] {
        let asks = vec![
            ask("/h", Exclusive),
            ask("/h/a", Exclusive),
            ask("/h/b", ConcurrentRead),
        ];
        play(5, &Ground::new(fairness, asks));
        let asks = vec![
            ask("/h/a", ProtectedRead),
            ask("/h/a/x", Exclusive),
            ask("/h", NullLock),
        ];
        play(5, &Ground::new(fairness, asks));
        let asks = vec![
            ask("/h/a/x", Exclusive),
            ask("/h/a/y", Exclusive),
            ask("/h", Exclusive),
        ];
        play(5, &Ground::new(fairness, asks));
    }
}

#[test]
fn every_small_history_of_a_sequence() {
    for name in ["_s_a[1]", "_S_a[1]", "_S_a[2]"] {
        let rollback = true;
        play(
            7,
            &Ground {
                rollback,
                ..Ground::new(BOUNDED, vec![ask(name, Exclusive)])
            },
        );
    }
}

#[test]
fn every_small_history_of_timestamps() {
    for name in ["_t_%F.%T[1]", "_t_%F.%T[2]", "_t_%F.%T[0]"] {
        let pause_ms = Some(600);
        play(
            7,
            &Ground {
                pause_ms,
                ..Ground::new(BOUNDED, vec![ask(name, Exclusive)])
            },
        );
    }
}

#[test]
fn every_small_life_of_a_resource() {
    for name in ["foo", "_S_a[1]"] {
        let kept = Request {
            idle_lifespan_ms: 200,
            ..ask(name, Exclusive)
        };
        let found = Request {
            create: false,
            ..ask(name, Exclusive)
        };
        let pause_ms = Some(600);
        play(
            6,
            &Ground {
                pause_ms,
                ..Ground::new(BOUNDED, vec![kept, found])
            },
        );
    }
}

#[test]
fn every_small_history_of_clients_that_go_from_one_resource_to_another() {
    play(
        6,
        &Ground::new(BOUNDED, vec![ask("foo", Exclusive), ask("bar", Exclusive)]),
    );
    play(
        6,
        &Ground::new(
            BOUNDED,
            vec![ask("_S_a[1]", Exclusive), ask("/h/a", ConcurrentWrite)],
        ),
    );
}

#[test]
fn every_small_history_with_an_end_of_service() {
    let found = Request {
        create: false,
        ..ask("foo", Exclusive)
    };
    let drains = true;
    play(
        6,
        &Ground {
            drains,
            ..Ground::new(BOUNDED, vec![ask("foo", Exclusive), found])
        },
    );
}
