//! As many connections to one daemon as the system lets it have, 20,000 where it can.

#![expect(clippy::unwrap_used, reason = "tests, also their helpers, may panic")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use flom_bench::{
    Address, Client, Programs, Said, Server, Transport, Vocabulary, lower_descriptor_limit,
    raise_descriptor_limit, words,
};
use flom_types::LockMode;

/// How many connections there are to be.
const CONNECTIONS: usize = 20_000;

/// Descriptors that a daemon needs beside those of its clients, and some for newcomers.
const SPARE: usize = 60;

/// Processes over which the clients are spread: each has the same limit as the daemon. The last one
/// waits, the others hold.
const PROCESSES: usize = 4;

/// What a connection may cost: it holds a resource of its own, or waits.
const BYTES_EACH: u64 = 2048;

/// What a crowd may cost more than the one before: its members find what those have left.
const BYTES_MORE: u64 = 1 << 20;

/// How long a newcomer may wait while all the others are there. Much shorter on an idle machine.
const PROMPT: Duration = Duration::from_secs(1);

/// How long the daemon stays when nobody needs it: longer than from one crowd to the next, in ms.
const LIFESPAN_MS: i32 = 5000;

/// Much longer than anything takes here.
const AMPLE: Duration = Duration::from_secs(120);

#[test]
fn one_daemon_holds_twenty_thousand_connections_and_forgets_them_again() {
    let flomd = Programs::build().unwrap().path("flomd");
    // The daemon has to raise its limit itself. That may be 20,000, too: some are its own.
    lower_descriptor_limit();
    let server = Server::flomd(&flomd, Transport::Unix, LIFESPAN_MS).unwrap();
    let limit = raise_descriptor_limit();
    let connections = CONNECTIONS.min(limit - SPARE);
    println!("{connections} connections, as the limit of descriptors is {limit}");
    newcomer(&server);
    let (memory, descriptors) = (server.memory().unwrap(), server.descriptors().unwrap());

    // The first crowd leaves something behind: of holders that go without a word, the daemon
    // remembers so many that they were lost. What comes after it must cost no more.
    let mut most = None;
    for round in 0..3 {
        let mut crowds: Vec<Crowd> = (0..PROCESSES)
            .map(|number| Crowd::gather(&server, connections / PROCESSES, number))
            .collect();
        crowds.iter_mut().for_each(Crowd::wait_until_standing);
        assert!(server.descriptors().unwrap() >= descriptors + connections / PROCESSES * PROCESSES);
        let now = server.memory().unwrap();
        let each = (now - memory) / connections as u64;
        println!("{each} bytes each");
        assert!(each <= BYTES_EACH, "{each} bytes for each connection");
        if round > 0 {
            let before = *most.get_or_insert(now);
            assert!(now <= before + BYTES_MORE, "{before} bytes, then {now}");
        }
        let slowest = (0..100).map(|_| newcomer(&server)).max().unwrap();
        println!("a newcomer is served within {slowest:?}");
        assert!(slowest < PROMPT, "a newcomer waited for {slowest:?}");

        crowds.into_iter().for_each(Crowd::leave);
        wait_until_alone(&server, descriptors);
    }
    // It does so only if it knows of no connection, no lock and no resource any more.
    assert!(server.ends_by_itself(AMPLE).unwrap());
}

/// Newcomers are served while the others leave, and see when they have left.
fn wait_until_alone(server: &Server, descriptors: usize) {
    let end = Instant::now() + AMPLE;
    while server.descriptors().unwrap() > descriptors {
        assert!(Instant::now() < end, "some connections never end");
        newcomer(server);
    }
}

/// A client that comes, locks, unlocks and goes; how long it waited for the lock.
fn newcomer(server: &Server) -> Duration {
    let start = Instant::now();
    let mut client = Client::connect(server.address()).unwrap();
    client
        .say(&words::lock("newcomer", LockMode::Exclusive))
        .unwrap();
    let said = client.wait(&mut Vocabulary::default(), AMPLE).unwrap();
    let waited = start.elapsed();
    assert_eq!(said, Said::Granted { waited: false });
    client.say(&words::unlock("newcomer")).unwrap();
    client.half_close().unwrap();
    client.wait_closed(AMPLE).unwrap();
    waited
}

/// A process with many clients.
struct Crowd(Child);

impl Crowd {
    fn gather(server: &Server, size: usize, number: usize) -> Self {
        let Address::Unix(socket) = server.address() else {
            unreachable!("it was started with a UNIX socket");
        };
        let what = match number + 1 < PROCESSES {
            true => "hold",
            false => "wait",
        };
        let process = Command::new(env!("CARGO_BIN_EXE_crowd"))
            .arg(socket)
            .args([&size.to_string(), what, &format!("crowd{number}x")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        Self(process.unwrap())
    }

    fn wait_until_standing(&mut self) {
        let mut line = String::new();
        let stdout = self.0.stdout.as_mut().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        assert_eq!(line, "standing\n");
    }

    /// Its end is the end of all its connections, without a word.
    fn leave(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
