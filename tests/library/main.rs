//! The library against a real daemon: what a program sees of it, and what it leaves behind.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod crowd;
mod defects;
mod dropping;
mod scenarios;

use std::fs;
use std::process;

use flom_client::{Client, Request};
use flom_testkit::{Daemon, wait_for};

fn daemon() -> Daemon {
    Daemon::run(env!("CARGO_BIN_EXE_flomd"))
}

fn client(daemon: &Daemon) -> Client {
    Client::builder().unix(daemon.socket()).build().unwrap()
}

fn request(daemon: &Daemon, resource: &str) -> Request {
    client(daemon).request(resource).unwrap()
}

/// How many descriptors the process has.
fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

/// The descriptors of a daemon that nobody is connected to.
fn idle(daemon: &Daemon) -> usize {
    // When this is released, the connection by which the daemon was waited for is closed as well.
    request(daemon, "idle").lock().unwrap().unlock().unwrap();
    descriptors(daemon.pid())
}

/// Waits until the daemon has closed what nobody uses any more, but for so many connections.
fn wait_until_connected(daemon: &Daemon, idle: usize, connections: usize) {
    assert_ne!(daemon.pid(), process::id());
    wait_for(|| descriptors(daemon.pid()) == idle + connections);
}
