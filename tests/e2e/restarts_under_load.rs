//! Daemons that end, in order or killed, while clients come all the time: the numbers of their grants.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use rustix::process::Signal;

use crate::harness::{
    Heard, PEER, Program, Running, Scratch, Socket, Wire, flom, message, wait_until,
};

/// Daemons one after the other; `restarts.rs` has a thousand with clients that take turns with them.
const RESTARTS: u32 = 300;

/// What the file says at first, as if the clock had been set back since: by the clock alone the
/// numbers would be far below.
const BEFORE: u64 = 1 << 62;

/// A place for a socket and for what outlives the daemons that listen there.
struct House {
    scratch: Scratch,
    state: PathBuf,
}

impl House {
    fn new() -> Self {
        let scratch = Scratch::new();
        let state = scratch.file("state");
        Self { scratch, state }
    }

    fn socket(&self) -> PathBuf {
        self.scratch.file("socket")
    }

    /// A daemon that listens already.
    fn daemon(&self) -> Running {
        let mut daemon = self.daemon_to_be().spawn();
        wait_until("a daemon that listens", || {
            assert!(daemon.is_running(), "{daemon:?}");
            self.connect().is_some()
        });
        daemon
    }

    fn daemon_to_be(&self) -> Program {
        let socket = self.socket();
        Program::new(env!("CARGO_BIN_EXE_flomd"))
            .args(["-d", "-1", "-s", socket.to_str().unwrap()])
            .env("XDG_STATE_HOME", self.state.to_str().unwrap())
    }

    fn flom(&self, words: &[&str]) -> Program {
        flom(["-d", "0", "-s", self.socket().to_str().unwrap()]).args(words)
    }

    fn connect(&self) -> Option<Wire> {
        let socket = UnixStream::connect(self.socket()).ok()?;
        Some(Wire::new(Socket::Unix(socket)))
    }

    /// Has the lock and gives it back: the number of the grant, unless the daemon ends meanwhile.
    fn grant(&self) -> Option<u64> {
        let mut wire = self.connect()?;
        let session = format!("<session peerid=\"{PEER}\" ext=\"1\"/>");
        let resource = "<resource name=\"ZGI=\" mode=\"5\" wait=\"1\" create=\"1\"/>";
        wire.say(message(1, 8, &format!("{session}{resource}")));
        loop {
            let Heard::Message(text) = wire.hear() else {
                return None;
            };
            if let Some((_, tail)) = text.split_once(" fence=\"") {
                return tail.split('"').next()?.parse().ok();
            }
        }
    }
}

/// Ends a daemon in this way, and waits until it has.
fn end(mut daemon: Running, signal: Signal) {
    daemon.signal(signal);
    daemon.close_stdin();
    daemon.wait();
}

/// Clients of one kind, one after the other, until it is over. Each is granted a larger number than
/// all that were known when it came; what it was granted is known from then on.
fn come_and_go(
    known: &AtomicU64,
    over: &AtomicBool,
    mut grant: impl FnMut() -> Option<u64>,
) -> u64 {
    let mut grants = 0;
    while !over.load(Ordering::SeqCst) {
        let before = known.load(Ordering::SeqCst);
        if let Some(fence) = grant() {
            assert!(fence > before, "{fence} after {before}");
            known.fetch_max(fence, Ordering::SeqCst);
            grants += 1;
        }
    }
    grants
}

#[test]
fn fences_rise_over_daemons_that_end_under_their_clients_though_the_clock_was_set_back() {
    let house = House::new();
    fs::create_dir_all(house.state.join("flom")).unwrap();
    let line = format!("{BEFORE:020}\n");
    fs::write(house.state.join("flom/fences"), line.repeat(2)).unwrap();
    let seed = RandomState::new().hash_one(0);
    println!("seed {seed}");
    let mut random = seed | 1;
    let mut below = |limit: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % limit
    };
    let (known, over) = (AtomicU64::new(BEFORE), AtomicBool::new(false));
    let (house, known, over) = (&house, &known, &over);
    thread::scope(|scope| {
        let wires = [(); 2].map(|()| scope.spawn(|| come_and_go(known, over, || house.grant())));
        let commands = scope.spawn(|| {
            come_and_go(known, over, || {
                let words = ["-r", "db", "--", "sh", "-c", "echo $FLOM_FENCE"];
                house.flom(&words).run().stdout.trim().parse().ok()
            })
        });
        let restarts = scope.spawn(move || {
            for _ in 0..RESTARTS {
                let before = known.load(Ordering::SeqCst);
                let daemon = house.daemon();
                let wanted = before + 1 + below(3);
                // Sometimes at once, sometimes with grants under way.
                if below(4) > 0 {
                    wait_until("grants", || known.load(Ordering::SeqCst) >= wanted);
                }
                let ways = [Signal::KILL, Signal::KILL, Signal::TERM];
                end(daemon, ways[usize::try_from(below(3)).unwrap()]);
            }
        });
        let ended = restarts.join();
        over.store(true, Ordering::SeqCst);
        ended.unwrap();
        for clients in wires {
            assert!(clients.join().unwrap() > u64::from(RESTARTS) / 4);
        }
        assert!(commands.join().unwrap() > 0);
    });
}
