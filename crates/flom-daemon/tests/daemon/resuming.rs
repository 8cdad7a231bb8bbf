//! Clients whose connections break, and that come back for their locks.

use std::net::TcpStream;

use flom_proto::{AnswerStep, Ties};
use flom_types::{Lineage, Token};

use crate::harness::{Client, ask, tied};
use crate::network::{Networked, unicast};

/// Longer than any test takes.
const LONG_MS: u32 = 60_000;

/// Somebody has `db`, and somebody waits for it.
struct Scene {
    holder: Client<TcpStream>,
    fence: u64,
    waiter: Client<TcpStream>,
    // Ends after its clients.
    daemon: Networked,
}

impl Scene {
    /// The holder comes back within so long, if it has to.
    fn set(grace_ms: u32) -> Self {
        let daemon = Networked::start(&unicast("127.0.0.1"));
        let [mut holder, mut waiter] = [(); 2].map(|()| daemon.client());
        holder.say(&tied("db", ties(1, grace_ms)));
        let fence = granted(&mut holder);
        waiter.lock("db", 1);
        Self {
            holder,
            fence,
            waiter,
            daemon,
        }
    }

    /// What becomes of somebody who says this to come back for `name`.
    fn resume(&self, name: &str, token: u64) -> Client<TcpStream> {
        let mut client = self.daemon.client();
        let resume = true;
        let ties = ties(token, LONG_MS);
        client.say(&tied(name, Ties { resume, ..ties }));
        client
    }

    /// `db` is held.
    fn assert_held(&self) {
        let mut probe = self.daemon.client();
        probe.say(&ask("db", |lock| lock.wait = false));
        probe.expect(AnswerStep::First, 4);
    }
}

fn ties(token: u64, grace_ms: u32) -> Ties {
    Ties {
        lineage: Some(Lineage::outermost(Token(token))),
        grace_ms,
        ..Ties::default()
    }
}

/// The number of the grant.
fn granted(client: &mut Client<TcpStream>) -> u64 {
    let answer = client.hear();
    assert_eq!((answer.step, answer.rc), (AnswerStep::First, 0));
    answer.fence.expect("whoever understands it is told")
}

/// It is told that there is nothing to go on with.
fn refused(mut client: Client<TcpStream>) {
    let answer = client.hear();
    assert_eq!((answer.step, answer.rc), (AnswerStep::First, 3));
    let why = answer.element.unwrap();
    assert!(why.contains("no such lock to go on with"), "{why}");
    client.closed();
}

#[test]
fn who_comes_back_after_a_break_has_the_lock_as_before_and_nobody_has_had_it_meanwhile() {
    let mut scene = Scene::set(LONG_MS);
    for _ in 0..3 {
        let again = scene.daemon.client();
        std::mem::replace(&mut scene.holder, again).reset();
        scene.holder = scene.resume("db", 1);
        assert_eq!(granted(&mut scene.holder), scene.fence);
        scene.assert_held();
    }
    scene.holder.unlock("db");
    scene.waiter.granted();
    refused(scene.resume("db", 1));
}

#[test]
fn the_daemon_need_not_have_noticed_the_break() {
    let mut scene = Scene::set(LONG_MS);
    let mut again = scene.resume("db", 1);
    assert_eq!(granted(&mut again), scene.fence);
    scene.holder.closed();
    scene.assert_held();
    drop(again);
    scene.waiter.granted();
}

#[test]
fn a_lock_is_kept_no_longer_than_asked_for() {
    let mut scene = Scene::set(1);
    scene.holder.reset();
    scene.waiter.granted();
}

#[test]
fn who_closes_the_connection_is_done() {
    let mut scene = Scene::set(LONG_MS);
    drop(scene.holder);
    scene.waiter.granted();
    scene.holder = scene.daemon.client();
    refused(scene.resume("db", 1));
}

#[test]
fn who_does_not_ask_for_it_has_no_lock_kept() {
    let mut scene = Scene::set(0);
    scene.holder.reset();
    scene.waiter.granted();
}

#[test]
fn nobody_takes_over_what_belongs_to_others() {
    let scene = Scene::set(LONG_MS);
    refused(scene.resume("db", 2));
    refused(scene.resume("other", 1));
    // Who says the same is not the same: the first counts.
    let mut copy = scene.daemon.client();
    copy.say(&tied("other", ties(1, LONG_MS)));
    granted(&mut copy);
    refused(scene.resume("other", 1));
    scene.assert_held();
}

#[test]
fn who_has_or_had_something_else_takes_nothing_over_and_the_lock_stays_where_it_is() {
    for gives_back in [false, true] {
        let mut scene = Scene::set(LONG_MS);
        let mut other = scene.daemon.client();
        other.lock("other", 0);
        if gives_back {
            other.unlock("other");
        }
        let resume = true;
        let ties = ties(1, LONG_MS);
        other.say(&tied("db", Ties { resume, ..ties }));
        let answer = other.hear();
        assert_eq!((answer.step, answer.rc), (AnswerStep::First, 3));
        drop(other);
        scene.assert_held();
        scene.holder.unlock("db");
        scene.waiter.granted();
    }
}
