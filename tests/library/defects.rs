//! What goes wrong with FLoM 1.7.2's library (`spec/client-library.md` §13, D1 to D18), as far as it
//! can in Rust: a defect has the number of its test.
//!
//! Not here: D6 and D10 (no null pointers, no trace function), D7 (a mode is one of six by its type),
//! D9 (`builder.rs`), D12 (`unique_id.rs`), D16 (nothing is shared), D17
//! (`tests/descriptors.rs`), D18 (`tests/e2e`, with TLS).

use std::num::NonZeroU32;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use flom_client::{Client, ConnectError, LockError, ReleaseError, ResourceNameError, Wait};
use flom_testkit::{AMPLE, Directory};

use crate::{client, daemon, idle, request, wait_until_connected};

const SOON: Duration = Duration::from_millis(20);

#[test]
fn d1_a_name_that_is_none_is_refused() {
    let daemon = daemon();
    let client = client(&daemon);
    for name in ["", "1f", "a b", "a..b", "/a//b\n", "a[0x]", "_x_a[1]"] {
        client.request(name).unwrap_err();
    }
    let reserved = client.request("_RESOURCE").unwrap_err();
    assert_eq!(reserved, ResourceNameError::Reserved);
}

#[test]
fn d2_a_wait_that_has_failed_leaves_nothing_in_the_queue() {
    let daemon = daemon();
    // Whoever would be granted later would use up a number.
    let kept = Duration::from_secs(60);
    let numbers = request(&daemon, "_s_n[1]").idle_lifespan(kept);
    let idle = idle(&daemon);
    let guard = numbers.lock().unwrap();
    for _ in 0..10 {
        let error = numbers.lock_timeout(SOON).unwrap_err();
        assert!(matches!(error, LockError::TimedOut { queued: true, .. }));
        let mut cancelled = numbers.start(Wait::Forever).unwrap();
        cancelled.drive().unwrap();
        drop(cancelled);
        numbers.start(Wait::Forever).unwrap().withdraw();
        assert!(numbers.try_lock().unwrap().is_none());
    }
    wait_until_connected(&daemon, idle, 1);
    guard.unlock().unwrap();
    let next = numbers.lock_timeout(AMPLE).unwrap();
    assert_eq!(next.sequence(), Some(2));
}

#[test]
fn d3_after_a_refusal_another_resource_is_another_resource() {
    let daemon = daemon();
    let (a, b) = (request(&daemon, "A"), request(&daemon, "B"));
    let _held = a.lock().unwrap();
    assert!(a.try_lock().unwrap().is_none());
    let guard = b.try_lock().unwrap().unwrap();
    assert_eq!(guard.resource(), b.resource());
    assert!(b.try_lock().unwrap().is_none());
}

#[test]
fn d4_what_has_failed_holds_no_connection() {
    let daemon = daemon();
    let idle = idle(&daemon);
    let request = request(&daemon, "A");
    let guard = request.lock().unwrap();
    assert!(request.try_lock().unwrap().is_none());
    wait_until_connected(&daemon, idle, 1);
    drop(guard);
    wait_until_connected(&daemon, idle, 0);
}

#[test]
fn d5_a_late_refusal_is_no_grant() {
    let daemon = daemon();
    let pool = request(&daemon, "pool[3]");
    let five = NonZeroU32::new(5).unwrap();
    let late = pool.clone().quantity(five).create(false);
    let waiting = late.start(Wait::For(AMPLE));
    let _creator = pool.lock().unwrap();
    let error = waiting.and_then(flom_client::Pending::wait).unwrap_err();
    assert!(matches!(error, LockError::Impossible { .. }), "{error}");
}

#[test]
fn d8_a_lifespan_can_go_back_to_nothing() {
    let daemon = daemon();
    let request = request(&daemon, "_s_n[1]").idle_lifespan(AMPLE);
    let request = request.idle_lifespan(Duration::ZERO);
    assert!(request.to_string().ends_with("idle_lifespan=0 ms"));
    request.lock().unwrap().unlock().unwrap();
}

#[test]
fn d11_a_daemon_that_does_nothing_does_not_hold_us_up() {
    let daemon = daemon();
    let limit = Duration::from_millis(50);
    let client = flom_client::Client::builder()
        .unix(daemon.socket())
        .answer_timeout(limit)
        .release_timeout(limit)
        .build()
        .unwrap();
    let request = client.request("A").unwrap();
    let guard = request.lock().unwrap();
    daemon.suspend();
    for error in [
        request.lock().unwrap_err(),
        request.try_lock().unwrap_err(),
        request.lock_timeout(AMPLE).unwrap_err(),
    ] {
        assert!(matches!(error, LockError::NoAnswer { .. }), "{error}");
    }
    let error = request.lock_timeout(limit / 5).unwrap_err();
    assert!(matches!(error, LockError::TimedOut { queued: false, .. }));
    let error = guard.unlock().unwrap_err();
    assert!(matches!(error, ReleaseError::NoConfirmation { .. }));
    daemon.resume();
    request.lock_timeout(AMPLE).unwrap().unlock().unwrap();
}

#[test]
fn d11_a_daemon_that_lets_nobody_in_does_not_hold_us_up() {
    let directory = Directory::new();
    let socket = directory.path().join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let _first = UnixStream::connect(&socket).unwrap(); // and there is room for no other
    let limit = Duration::from_millis(50);
    let client = Client::builder().unix(&socket);
    let client = client.connect_timeout(limit).build().unwrap();
    let error = client.connect().unwrap_err();
    assert!(matches!(error, ConnectError::TimedOut { .. }), "{error}");
    let request = client.request("A").unwrap();
    let error = request.lock().unwrap_err();
    assert_eq!(error.code().0, -105, "{error}");
    let error = request.lock_timeout(limit / 5).unwrap_err();
    assert!(matches!(error, LockError::TimedOut { after, .. } if after == limit / 5));
}

#[test]
fn d13_an_answer_does_not_begin_the_time_anew() {
    let daemon = daemon();
    let limit = Duration::from_secs(1);
    let request = request(&daemon, "A");
    let began = Instant::now();
    let waiting = request
        .clone()
        .create(false)
        .start(Wait::For(limit))
        .unwrap();
    // Another answer, that it is queued, comes when somebody creates the resource.
    let _creator = request.lock().unwrap();
    let due = waiting.next_deadline().unwrap();
    assert!(due <= began + limit + Duration::from_millis(500));
    let error = waiting.wait().unwrap_err();
    assert!(
        matches!(error, LockError::TimedOut { queued: true, .. }),
        "{error}"
    );
    assert!(began.elapsed() >= limit);
}

#[test]
fn d14_and_d15_a_lost_lock_is_noticed_and_can_be_got_rid_of() {
    let mut daemon = daemon();
    let request = request(&daemon, "A");
    let (guard, other) = (
        request.lock().unwrap(),
        client(&daemon).request("B").unwrap().lock().unwrap(),
    );
    guard.check().unwrap();
    daemon.kill();
    guard.wait_lost(AMPLE).unwrap_err();
    guard.check().unwrap_err();
    for released in [guard.unlock(), other.rollback()] {
        let error = released.unwrap_err();
        assert!(matches!(error, ReleaseError::Lost(_)), "{error}");
        assert_eq!(error.code().0, -130);
    }
    let error = request.lock().unwrap_err();
    assert!(error.is_retryable() && !error.is_contention(), "{error}");
    assert_eq!(error.code().0, -105);
}
