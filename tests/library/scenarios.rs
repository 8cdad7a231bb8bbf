//! What programs do with FLoM's library since ever (`spec/client-library.md` §11), in Rust.

use std::env;
use std::num::NonZeroU32;
use std::process::Command;
use std::time::Duration;

use flom_client::{Client, Guard, LockMode, OnDrop, Progress, Request, ResourceName, Wait};
use flom_testkit::{AMPLE, Directory, wait_for};

use crate::{client, daemon, idle, request, wait_until_connected};

/// The number that the guard of a sequence holds.
fn next(request: &Request) -> (u64, Guard) {
    let guard = request.lock_timeout(AMPLE).unwrap();
    (guard.sequence().unwrap(), guard)
}

#[test]
fn the_happy_path_twice_over() {
    let daemon = daemon();
    let default = client(&daemon).request_for(&ResourceName::default());
    for request in [default, request(&daemon, "stock")] {
        for _ in 0..2 {
            let guard = request.lock().unwrap();
            assert_eq!(guard.resource(), request.resource());
            assert_eq!(guard.element(), None);
            guard.check().unwrap();
            guard.unlock().unwrap();
        }
    }
}

#[test]
fn a_lock_that_nobody_releases_ends_with_its_guard() {
    let daemon = daemon();
    let request = request(&daemon, "A");
    drop(request.lock().unwrap());
    request.lock_timeout(AMPLE).unwrap().unlock().unwrap();
    assert!(request.try_lock().unwrap().is_some());
}

#[test]
fn the_members_of_a_set_are_handed_out_in_turn() {
    let daemon = daemon();
    let set = request(&daemon, "red.green.blue");
    let guards = ["red", "green", "blue"].map(|member| {
        let guard = set.lock().unwrap();
        assert_eq!(guard.element(), Some(member));
        guard
    });
    assert!(set.try_lock().unwrap().is_none());
    drop(guards);
}

#[test]
fn a_plain_sequence_goes_on_and_a_transactional_one_takes_numbers_back() {
    let daemon = daemon();
    let kept = Duration::from_secs(60);
    let plain = request(&daemon, "_s_plain[1]").idle_lifespan(kept);
    let careful = request(&daemon, "_S_careful[1]").idle_lifespan(kept);
    let idle = idle(&daemon);
    for [first, second, third, fourth, fifth] in [[1, 2, 1, 1, 2], [3, 4, 2, 2, 3]] {
        let (number, guard) = next(&plain);
        assert_eq!(number, first);
        assert_eq!(guard.rollback().unwrap_err().code().0, 12);
        let (number, left_locked) = next(&plain);
        assert_eq!(number, second);

        let (number, guard) = next(&careful);
        assert_eq!(number, third);
        guard.rollback().unwrap();
        let (number, guard) = next(&careful);
        assert_eq!(number, fourth);
        guard.unlock().unwrap();
        let (number, abandoned) = next(&careful);
        assert_eq!(number, fifth);
        drop((left_locked, abandoned)); // as the end of a process does
        wait_until_connected(&daemon, idle, 0);
    }
}

#[test]
fn who_wants_it_so_uses_up_a_number_by_dropping_its_guard() {
    let daemon = daemon();
    let kept = Duration::from_secs(60);
    let numbers = request(&daemon, "_S_n[1]").idle_lifespan(kept);
    let committing = numbers.clone().on_drop(OnDrop::Commit);
    let idle = idle(&daemon);
    for (request, number) in [(&committing, 1), (&numbers, 2), (&numbers, 2)] {
        let (found, guard) = next(request);
        assert_eq!(found, number);
        drop(guard);
        wait_until_connected(&daemon, idle, 0);
    }
}

#[test]
fn times_are_told_as_they_are_sent() {
    let daemon = daemon();
    let guard = request(&daemon, "_t_at%H:%M:%S[1]").lock().unwrap();
    assert!(guard.element().unwrap().starts_with("at"));
    assert_eq!(guard.sequence(), None);
}

#[test]
fn units_and_modes_are_those_that_were_asked_for() {
    let daemon = daemon();
    let three = NonZeroU32::new(3).unwrap();
    let seats = request(&daemon, "seat[5]").quantity(three);
    let guard = seats.lock().unwrap();
    assert_eq!(guard.quantity(), 3);
    assert!(seats.try_lock().unwrap().is_none());
    assert!(
        seats
            .quantity(NonZeroU32::MIN)
            .try_lock()
            .unwrap()
            .is_some()
    );

    let reader = request(&daemon, "/a/b").mode(LockMode::ProtectedRead);
    let readers = (reader.lock().unwrap(), reader.lock().unwrap());
    assert_eq!(readers.0.mode(), LockMode::ProtectedRead);
    assert!(request(&daemon, "/a").try_lock().unwrap().is_none());
}

#[test]
fn a_session_locks_what_it_is_told_to() {
    let daemon = daemon();
    let client = client(&daemon);
    let session = client.connect().unwrap();
    assert_eq!(session.peer(), daemon.socket().to_str().unwrap());
    let request = client.request("A").unwrap();
    let guard = session.lock(&request, Wait::No).unwrap();
    let busy = client.connect().unwrap().lock(&request, Wait::No);
    assert_eq!(busy.unwrap_err().code().0, 4);
    let pending = client.connect().unwrap();
    let mut pending = pending.start(&request, Wait::Forever).unwrap();
    guard.unlock().unwrap();
    wait_for(|| pending.drive().unwrap() == Progress::Granted);
    pending.finish().unwrap().unlock().unwrap();
}

#[test]
fn a_daemon_is_started_for_who_wants_one_and_ends_by_itself() {
    // No test may change the environment for all others, so this one runs itself with another.
    if env::var_os("FLOMD").is_none() {
        let itself = "scenarios::a_daemon_is_started_for_who_wants_one_and_ends_by_itself";
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", itself]);
        let flomd = env!("CARGO_BIN_EXE_flomd");
        let output = command.env("FLOMD", flomd).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.contains("1 passed"),
            "{said}"
        );
        return;
    }
    let directory = Directory::new();
    let socket = directory.path().join("socket");
    let builder = Client::builder().unix(&socket);
    let none = builder.clone().build().unwrap().connect().unwrap_err();
    assert_eq!(none.code().0, -105);
    let client = builder.start_daemon(Duration::from_millis(50));
    let client = client.build().unwrap();
    let guard = client.request("A").unwrap().lock().unwrap();
    guard.unlock().unwrap();
    wait_for(|| !socket.exists());
}
