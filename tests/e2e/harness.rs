//! What the tests stand on: programs, daemons, a client of their own, networks.
//!
//! | file | what |
//! |---|---|
//! | `program.rs`, `collected.rs` | a program, its outputs and its end |
//! | `daemon.rs` | a daemon for one test, ended with it |
//! | `wire.rs` | the protocol as bytes, written down once more: the tests share no code with flom |
//! | `web.rs` | asking over HTTP |
//! | `tap.rs` | between client and daemon, or in the daemon's place |
//! | `judges.rs` | programs of others that judge what flom prints |
//! | `lab.rs` | certificates, good and bad |
//! | `net.rs`, `shell.rs`, `terminal.rs` | hosts joined by cables, and somebody typing there |
//! | `processes.rs`, `scratch.rs` | what is running, and a place for files |
//! | `shared.rs` | one place for several users |
//!
//! Nothing here sleeps in the hope that something has happened by then: [`eventually`] looks until
//! it has.

mod collected;
mod daemon;
mod judges;
mod lab;
mod net;
mod processes;
mod program;
mod scratch;
mod shared;
mod shell;
mod tap;
mod terminal;
mod web;
mod wire;

use std::io;
use std::thread;
use std::time::{Duration, Instant};

pub(crate) use daemon::{Daemon, Started, loopback};
pub(crate) use judges::{judge, validate};
pub(crate) use lab::{Identity, Lab, refs};
pub(crate) use net::{Host, hosts, privilege};
pub(crate) use processes::{group_session_terminal, is_alive, send, state};
pub(crate) use program::{Finished, Program, Running, flom, gate};
pub(crate) use scratch::Scratch;
pub(crate) use shared::Shared;
pub(crate) use shell::{Shell, Typed};
pub(crate) use tap::{FakeDaemon, Flow, Tap};
pub(crate) use terminal::Terminal;
pub(crate) use web::{page, request_at, visit};
pub(crate) use wire::{Heard, PEER, Socket, Wire, ask, message, unlock};

/// How long anything may take that will happen; a test that waits longer has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Between two looks. What is looked for - a process that ends, a file, a line of `--status`, an
/// address of the system's - gives no event to wait for, or a different one each.
const PAUSE: Duration = Duration::from_millis(2);

/// Looks until there is something to be seen.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}");
        thread::sleep(PAUSE);
    }
}

/// Does it again whenever something else has come in between. The system goes on by itself after
/// that, but not where there is a time limit.
pub(crate) fn uninterrupted<T>(mut act: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match act() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// Looks until it is so.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    eventually(what, || is_so().then_some(()));
}
