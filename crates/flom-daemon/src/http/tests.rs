//! Visitors, good and bad, of a daemon whose clock stands still.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use flom_core::{Event, Request as Ask};
use flom_types::{Fairness, LockMode, ResourceName, SessionId};
use jiff::tz::TimeZone;

use super::*;
use crate::answers::Answers;

const TOKEN: Token = Token(7);

struct Scene {
    http: Http,
    poll: Poll,
    clock: Clock,
    manager: LockManager,
    conns: Conns,
    observers: Observers,
}

impl Scene {
    /// A daemon that keeps so many locks.
    fn with_locks(locks: u64) -> Self {
        let mut manager = LockManager::new(Fairness::default(), TimeZone::UTC);
        for number in 1..=locks {
            let request = Ask {
                resource: ResourceName::parse(format!("name{number}").as_bytes()).unwrap(),
                mode: LockMode::Exclusive,
                quantity: 1,
                wait: true,
                create: true,
                idle_lifespan_ms: 0,
            };
            let session = SessionId(number);
            let event = Event::Lock {
                session,
                request,
                nesting: None,
            };
            manager.handle(at(0), event).for_each(drop);
        }
        let poll = Poll::new().unwrap();
        let address = "127.0.0.1:0".parse().unwrap();
        Self {
            http: Http::open(address, TOKEN, poll.registry()).unwrap(),
            poll,
            clock: Clock::start(),
            manager,
            conns: Conns::new(Answers::of("id".to_owned())),
            observers: Observers::default(),
        }
    }

    fn visit(&self) -> TcpStream {
        let stream = TcpStream::connect(self.http.address()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream
    }

    fn ask(&self, path: &str) -> TcpStream {
        let mut stream = self.visit();
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    /// So many turns, as of `ms`.
    fn turn(&mut self, ms: u64, turns: usize) {
        let mut events = Events::with_capacity(8);
        for _ in 0..turns {
            self.poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
            if !events.is_empty() {
                self.http.knock();
            }
            let mut house = House {
                clock: &self.clock,
                manager: &self.manager,
                conns: &mut self.conns,
                observers: &mut self.observers,
                access: &Access::default(),
            };
            self.http.serve(at(ms), &mut house);
        }
    }

    fn visitors(&self) -> usize {
        self.http.visitors.iter().flatten().count()
    }
}

fn at(ms: u64) -> Now {
    let wall_us = 1_795_000_000_000_000;
    let time = Time(ms);
    Now { time, wall_us }
}

fn heard(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn those_who_never_ask_give_way_to_those_who_do() {
    let mut scene = Scene::with_locks(1);
    let silent: Vec<_> = (0..3 * VISITORS).map(|_| scene.visit()).collect();
    scene.turn(1, 20);
    assert_eq!(scene.visitors(), VISITORS);
    let asks = scene.ask("/metrics");
    scene.turn(2, 20);
    assert!(heard(asks).starts_with("HTTP/1.1 200 OK\r\n"));
    drop(silent);
}

#[test]
fn in_one_turn_few_are_let_in() {
    let mut scene = Scene::with_locks(1);
    let _silent: Vec<_> = (0..VISITORS).map(|_| scene.visit()).collect();
    scene.turn(1, 1);
    assert_eq!(scene.visitors(), NEWCOMERS);
    assert_eq!(scene.http.next_deadline(), Some(Time::default()));
}

#[test]
fn one_status_is_made_for_all_who_ask_at_the_same_time() {
    let mut scene = Scene::with_locks(1000);
    let asks: Vec<_> = (0..10).map(|_| scene.ask("/status.json")).collect();
    scene.turn(1, 50);
    assert_eq!(scene.http.texts.len(), 1);
    for stream in asks {
        let text = heard(stream);
        assert!(text.contains(r#""name":"name1000""#) && text.ends_with("]}\n"));
    }
    let again = scene.ask("/status.json");
    scene.turn(GOOD_ENOUGH_MS, 50);
    assert_eq!(scene.http.texts.len(), 1);
    heard(again);
    let later = scene.ask("/status.json");
    scene.turn(2 * GOOD_ENOUGH_MS, 50);
    assert!(heard(later).ends_with("]}\n"));
    assert_eq!(
        scene.http.texts.len(),
        1,
        "those that nobody reads are kept"
    );
}

#[test]
fn who_does_not_read_costs_few_texts_and_has_to_go_in_the_end() {
    let mut scene = Scene::with_locks(50_000);
    let mut deaf = Vec::new();
    for round in 1..=20 {
        deaf.push(scene.ask("/status.json"));
        scene.turn(round * GOOD_ENOUGH_MS, 600);
    }
    assert_eq!(scene.visitors(), 20);
    assert!(scene.http.texts.len() <= TEXTS + 1);
    scene.turn(60_000, 2);
    assert_eq!(scene.visitors(), 0);
}

#[test]
fn nothing_is_left_to_be_done_when_all_have_gone() {
    let mut scene = Scene::with_locks(1);
    for stream in [scene.ask("/"), scene.ask("/status.json"), scene.ask("/x")] {
        scene.turn(1, 20);
        heard(stream);
    }
    scene.turn(1, 20);
    assert_eq!((scene.visitors(), scene.http.next_deadline()), (0, None));
    let mut slow = scene.visit();
    slow.write_all(b"GET /").unwrap();
    scene.turn(2, 5);
    let until = scene.http.next_deadline().unwrap();
    assert!(until > Time(2), "it would never sleep: {until:?}");
    scene.turn(until.0, 1);
    assert!(heard(slow).starts_with("HTTP/1.1 408 "));
}

#[test]
fn who_breaks_off_is_gone_at_once() {
    let mut scene = Scene::with_locks(1);
    let visitor = scene.visit();
    scene.turn(1, 5);
    assert_eq!(scene.visitors(), 1);
    drop(visitor);
    scene.turn(1, 5);
    assert_eq!(scene.visitors(), 0);
}
