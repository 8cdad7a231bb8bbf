//! Dropping: never waits, never panics, harms nobody.

use std::io::{Read, Write, pipe};
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use flom_client::{OnDrop, Wait};
use flom_testkit::{AMPLE, wait_for};
use fork::{Fork, fork};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use crate::{daemon, idle, request, wait_until_connected};

/// Far shorter than any limit of the library.
const AT_ONCE: Duration = Duration::from_secs(1);

#[test]
fn a_drop_does_not_wait_for_a_daemon_that_is_stopped() {
    let daemon = daemon();
    let request = request(&daemon, "A");
    let numbers = crate::request(&daemon, "_S_n[1]").on_drop(OnDrop::Commit);
    let guard = request.lock().unwrap();
    let number = numbers.lock().unwrap();
    let pending = request.start(Wait::Forever).unwrap();
    daemon.suspend();
    let began = Instant::now();
    drop((pending, guard, number));
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    daemon.resume();
    request.lock_timeout(AMPLE).unwrap().unlock().unwrap();
}

#[test]
fn a_drop_does_not_mind_a_daemon_that_is_gone() {
    let mut daemon = daemon();
    let numbers = request(&daemon, "_S_n[1]").on_drop(OnDrop::Commit);
    let guard = numbers.lock().unwrap();
    let pending = numbers.start(Wait::Forever).unwrap();
    daemon.kill();
    drop((guard, pending));
}

#[test]
fn a_panic_releases_and_takes_the_number_back() {
    let daemon = daemon();
    let kept = Duration::from_secs(60);
    let numbers = request(&daemon, "_S_n[1]").idle_lifespan(kept);
    let idle = idle(&daemon);
    let careless = numbers.clone();
    let thread = thread::spawn(move || {
        let _guard = careless.on_drop(OnDrop::Commit).lock().unwrap();
        std::panic::resume_unwind(Box::new("on purpose"));
    });
    thread.join().unwrap_err();
    wait_until_connected(&daemon, idle, 0);
    assert_eq!(numbers.lock().unwrap().sequence(), Some(1));
}

#[test]
fn a_forked_child_can_neither_unlock_nor_lose_the_lock_of_its_parent() {
    let daemon = daemon();
    let request = request(&daemon, "A");
    let (guard, other) = (request.lock().unwrap(), crate::request(&daemon, "B"));
    let other = other.on_drop(OnDrop::Commit).lock().unwrap();
    let pending = request.start(Wait::Forever).unwrap();
    let (mut heard, mut says) = pipe().unwrap();
    match fork().unwrap() {
        Fork::Child => {
            let code = guard.unlock().map_or_else(|error| error.code().0, |()| 0);
            drop(other);
            pending.withdraw();
            let _ = says.write_all(&code.to_ne_bytes());
            // Nothing of the parent's is to be ended by us.
            let own = Pid::from_raw(i32::try_from(process::id()).unwrap_or(0));
            let _ = kill_process(own.unwrap(), Signal::KILL);
        }
        Fork::Parent(child) => {
            drop(says);
            let mut code = [0; 4];
            heard.read_exact(&mut code).unwrap();
            waitpid(Pid::from_raw(child), WaitOptions::empty()).unwrap();
            assert_eq!(i32::from_ne_bytes(code), -17);
            assert!(request.try_lock().unwrap().is_none());
            other.check().unwrap();
            assert!(crate::request(&daemon, "B").try_lock().unwrap().is_none());
            other.unlock().unwrap();
            // The parent's own request has kept its place.
            guard.unlock().unwrap();
            pending.wait().unwrap().unlock().unwrap();
        }
    }
}

#[test]
fn closing_a_duplicate_descriptor_keeps_the_lock() {
    use std::os::fd::AsFd;
    let daemon = daemon();
    let request = request(&daemon, "A");
    let guard = request.lock().unwrap();
    drop(guard.as_fd().try_clone_to_owned().unwrap());
    assert!(request.try_lock().unwrap().is_none());
    guard.unlock().unwrap();
}

#[test]
fn a_guard_can_be_watched_by_one_thread_and_released_by_another() {
    let daemon = daemon();
    let request = request(&daemon, "A");
    let guard = request.lock().unwrap();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| guard.check().unwrap());
        }
    });
    thread::spawn(|| guard.unlock().unwrap()).join().unwrap();
    assert!(request.try_lock().unwrap().is_some());
}

#[test]
fn programs_inherit_a_lock_only_if_they_are_meant_to() {
    let daemon = daemon();
    let request = request(&daemon, "A");
    for inherit in [false, true] {
        let guard = request.lock_timeout(AMPLE).unwrap();
        guard.set_inheritable(inherit).unwrap();
        let mut command = process::Command::new("cat");
        command.stdin(process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(guard);
        match inherit {
            false => wait_for(|| request.try_lock().unwrap().is_some()),
            true => assert!(request.try_lock().unwrap().is_none()),
        }
        drop(child.stdin.take());
        child.wait().unwrap();
    }
    request.lock_timeout(AMPLE).unwrap().unlock().unwrap();
}
