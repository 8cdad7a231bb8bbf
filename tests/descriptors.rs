//! Descriptors before = descriptors after, whatever a program does with the library. A program of its
//! own with one test: others would count too.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use flom_client::{Client, OnDrop, Wait};
use flom_testkit::{AMPLE, Daemon};

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// What a program may do with two clients, one of which leads nowhere.
type Story = fn(&Client, &Client);

const STORIES: &[(&str, Story)] = &[
    ("lock and unlock", |client, _| {
        for _ in 0..3 {
            let request = client.request("A").unwrap();
            request.lock_timeout(AMPLE).unwrap().unlock().unwrap();
        }
    }),
    ("drop", |client, _| {
        drop(client.request("A").unwrap().lock_timeout(AMPLE).unwrap());
    }),
    ("roll back", |client, _| {
        let request = client.request("_S_n[1]").unwrap();
        request.lock().unwrap().rollback().unwrap();
        drop(request.clone().on_drop(OnDrop::Commit).lock().unwrap());
        request.lock_timeout(AMPLE).unwrap().unlock().unwrap();
    }),
    ("refusals", |client, _| {
        let request = client.request("B").unwrap();
        let guard = request.lock_timeout(AMPLE).unwrap();
        assert!(request.try_lock().unwrap().is_none());
        request.lock_timeout(Duration::from_millis(5)).unwrap_err();
        client
            .request("C")
            .unwrap()
            .create(false)
            .try_lock()
            .unwrap_err();
        guard.unlock().unwrap();
    }),
    ("cancelled and withdrawn", |client, _| {
        let request = client.request("B").unwrap();
        let guard = request.lock_timeout(AMPLE).unwrap();
        drop(request.start(Wait::Forever).unwrap());
        request.start(Wait::Forever).unwrap().withdraw();
        guard.unlock().unwrap();
    }),
    ("a session without request", |client, _| {
        drop(client.connect().unwrap());
    }),
    ("a long name", |client, _| {
        let request = client.request(&"a".repeat(3000)).unwrap();
        request.lock().unwrap().unlock().unwrap();
    }),
    ("nobody there", |_, nowhere| {
        for _ in 0..3 {
            nowhere.connect().unwrap_err();
            nowhere.request("A").unwrap().lock().unwrap_err();
        }
    }),
];

#[test]
fn no_descriptor_is_left_behind() {
    let daemon = Daemon::run(env!("CARGO_BIN_EXE_flomd"));
    let client = |socket: &Path| Client::builder().unix(socket).build().unwrap();
    let nowhere = client(daemon.directory().join("nobody").as_path());
    let client = client(daemon.socket());
    let before = descriptors();
    for (name, story) in STORIES {
        story(&client, &nowhere);
        assert_eq!(descriptors(), before, "{name}");
    }
    // Of a lock that is lost as well.
    let mut daemon = daemon;
    let guard = client.request("A").unwrap().lock().unwrap();
    let pending = client.request("A").unwrap().start(Wait::Forever).unwrap();
    daemon.kill();
    guard.unlock().unwrap_err();
    pending.wait().unwrap_err();
    assert_eq!(descriptors(), before);
}
