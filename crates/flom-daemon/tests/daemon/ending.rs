//! How a daemon ends: told to, or for want of use.

use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use flom_proto::AnswerStep;

use crate::harness::{Running, ask, shutdown};

/// Nobody can connect, and the next daemon finds the lock file.
fn is_gone(socket: &PathBuf) {
    let error = UnixStream::connect(socket).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let mut lock = socket.clone().into_os_string();
    lock.push(".lock");
    assert!(PathBuf::from(lock).exists());
}

#[test]
fn told_to_end_at_once_it_leaves_nothing_behind() {
    let mut daemon = Running::start();
    let socket = daemon.socket().to_owned();
    let [mut holder, mut waiter, mut silent, mut boss] = [(); 4].map(|()| daemon.client());
    holder.lock("db", 0);
    waiter.lock("db", 1);
    boss.say(&shutdown(true)).closed();
    is_gone(&socket); // before the one who said so could know of it
    daemon.wait();
    holder.closed();
    waiter.closed();
    silent.closed();
}

#[test]
fn the_order_to_end_counts_even_if_its_sender_is_gone() {
    for immediate in [true, false] {
        let mut daemon = Running::start();
        daemon.client().say(&shutdown(immediate));
        daemon.wait();
    }
}

#[test]
fn an_idle_daemon_that_drains_is_gone_before_its_order_is_confirmed() {
    let daemon = Running::start();
    let socket = daemon.socket().to_owned();
    let mut silent = daemon.client();
    daemon.client().say(&shutdown(false)).closed();
    is_gone(&socket);
    silent.closed();
}

#[test]
fn draining_serves_who_is_there_and_refuses_who_comes() {
    let mut daemon = Running::start();
    let socket = daemon.socket().to_owned();
    let [mut holder, mut waiter, mut parked, mut boss] = [(); 4].map(|()| daemon.client());
    holder.lock("db", 0);
    waiter.lock("db", 1);
    parked
        .say(&ask("new", |lock| lock.create = false))
        .expect(AnswerStep::First, 2);
    boss.say(&shutdown(false)).closed();
    parked.expect(AnswerStep::Last, 3).closed();
    daemon.client().lock("other", 3).closed();
    daemon.client().say(&shutdown(false)).closed(); // once more is no harm
    holder.unlock("db");
    waiter.granted();
    UnixStream::connect(&socket).expect("it ended before the last lock was given back");
    waiter.unlock("db");
    daemon.wait();
    is_gone(&socket);
}

#[test]
fn draining_can_be_cut_short() {
    let mut daemon = Running::start();
    let mut holder = daemon.client();
    holder.lock("db", 0);
    daemon.client().say(&shutdown(false)).closed();
    daemon.client().say(&shutdown(true)).closed();
    daemon.wait();
    holder.closed();
}

#[test]
fn without_use_it_ends_and_removes_its_socket() {
    let mut daemon = Running::with_lifespan(1);
    let socket = daemon.socket().to_owned();
    daemon.wait();
    is_gone(&socket);
}

#[test]
fn who_connects_and_says_nothing_cannot_keep_it() {
    let mut daemon = Running::with_lifespan(1);
    let mut silent = daemon.client();
    let mut half = daemon.client();
    half.say(b"<msg");
    silent.closed();
    half.closed();
    daemon.wait();
}

#[test]
fn a_lock_keeps_it_until_the_resource_is_forgotten() {
    let mut daemon = Running::with_lifespan(1);
    let mut holder = daemon.client();
    holder.lock("db", 0);
    let mut silent = daemon.client(); // may be closed a second after, if nothing else counts
    let mut waiter = daemon.client();
    waiter
        .say(&ask("db", |lock| lock.wait = false))
        .expect(AnswerStep::First, 4);
    drop((holder, waiter));
    let left = std::time::Instant::now();
    silent.closed();
    assert!(left.elapsed().as_millis() >= 1900, "{:?}", left.elapsed());
    daemon.wait();
}
