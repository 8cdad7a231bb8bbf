//! What looking costs those who lock: how long a lock takes from the unlock of one client to the
//! grant of the next, while nobody looks, and while somebody looks again and again.
//!
//! `cargo bench -p flom-bench --bench look [-- --seconds N]`
//!
//! Other programs on the machine take the processor away for milliseconds, from those who look and
//! from those who do not. So the longest time of each round is taken, and *typical* is the median of
//! those.

#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    reason = "a measurement that cannot go on has failed"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use flom_bench::{Address, Client, Programs, Said, Server, Transport, Vocabulary, words};
use flom_types::LockMode;

/// Resources with a few waiters each, and one with many, of which `--why` tells: 10,000 waiters and
/// 1,000 resources.
const RESOURCES: usize = 999;
const WAITERS_EACH: usize = 8;
const CROWD: usize = 2008;

const ROUNDS: usize = 9;

/// Seconds for all rounds of one way to look.
const SECONDS: f64 = 6.0;

const PATIENCE: Duration = Duration::from_secs(20);

/// Ways to look.
enum Look {
    Nobody,
    Flom(&'static [&'static str]),
    Http(&'static str),
}

const WAYS: [(&str, Look); 7] = [
    ("nobody looks", Look::Nobody),
    ("flom --status", Look::Flom(&["--status"])),
    (
        "flom --status --format=json",
        Look::Flom(&["--status", "--format=json"]),
    ),
    (
        "flom --why --format=json",
        Look::Flom(&["--why", "-r", "crowd", "--format=json"]),
    ),
    ("flom --metrics", Look::Flom(&["--metrics"])),
    ("GET /status.json", Look::Http("/status.json")),
    ("GET /metrics", Look::Http("/metrics")),
];

/// What was seen of one way to look.
#[derive(Default)]
struct Seen {
    /// Hand-overs, in ms.
    took: Vec<f64>,
    /// The longest of each round.
    longest: Vec<f64>,
    looks: usize,
    bytes: usize,
}

/// Two clients who hand one lock over to one another.
struct Relay {
    holds: Client,
    waits: Client,
    vocabulary: Vocabulary,
}

fn main() {
    // `cargo test` runs benches too, to see that they work.
    let mut words = std::env::args();
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let given = words.find(|word| word == "--seconds").and(words.next());
    let seconds = given.map_or(SECONDS, |word| word.parse().unwrap());
    let programs = Programs::build().unwrap();
    flom_bench::raise_descriptor_limit();
    let http = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut command = Command::new(programs.path("flomd"));
    command.arg(format!("--http={}", http.port()));
    command.stderr(Stdio::null());
    let server = Server::flomd_under(command, Transport::Unix, -1).unwrap();
    let Address::Unix(socket) = server.address() else {
        unreachable!("it was told to listen at a UNIX socket")
    };
    let crowd = gather(server.address());
    println!("{} connections", crowd.len());
    let mut relay = Relay::new(server.address());
    let mut seen: Vec<Seen> = WAYS.iter().map(|_| Seen::default()).collect();
    let share = Duration::from_secs_f64(seconds / ROUNDS as f64);
    for _ in 0..ROUNDS {
        for ((_, way), seen) in WAYS.iter().zip(&mut seen) {
            let over = AtomicBool::new(false);
            thread::scope(|scope| {
                let looker = scope.spawn(|| {
                    let (mut looks, mut bytes) = (0, 0);
                    while !over.load(Ordering::Relaxed) {
                        bytes = match way {
                            Look::Nobody => break,
                            Look::Http(path) => get(http, path),
                            Look::Flom(words) => {
                                let mut flom = Command::new(programs.path("flom"));
                                flom.arg("--socket-name").arg(socket).args(*words);
                                flom.output().unwrap().stdout.len()
                            }
                        };
                        looks += 1;
                    }
                    (looks, bytes)
                });
                let end = Instant::now() + share;
                let before = seen.took.len();
                while Instant::now() < end {
                    seen.took.push(relay.hand_over().as_secs_f64() * 1e3);
                }
                let longest = seen.took[before..].iter().copied().fold(0.0, f64::max);
                seen.longest.push(longest);
                over.store(true, Ordering::Relaxed);
                let (looks, bytes) = looker.join().unwrap();
                seen.looks += looks;
                seen.bytes = bytes;
            });
        }
    }
    print(&mut seen, seconds);
    drop(crowd);
}

fn print(seen: &mut [Seen], seconds: f64) {
    println!(
        "{:28} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}  ms from unlock to grant",
        "meanwhile", "kB", "ms each", "median", "99 %", "99.9 %", "typical", "longest"
    );
    for ((name, _), seen) in WAYS.iter().zip(seen) {
        seen.took.sort_by(f64::total_cmp);
        seen.longest.sort_by(f64::total_cmp);
        let at = |part: f64| seen.took[((seen.took.len() - 1) as f64 * part) as usize];
        let each = match seen.looks {
            0 => 0.0,
            looks => seconds * 1e3 / looks as f64,
        };
        println!(
            "{name:28} {:8} {each:8.1} {:8.3} {:8.3} {:8.3} {:8.3} {:8.3}",
            seen.bytes / 1000,
            at(0.5),
            at(0.99),
            at(0.999),
            seen.longest[ROUNDS / 2],
            at(1.0)
        );
    }
}

/// Clients who hold, and many more who wait.
fn gather(address: &Address) -> Vec<Client> {
    let mut vocabulary = Vocabulary::default();
    let mut ask = |name: &str| {
        let mut client = Client::connect(address).unwrap();
        client.say(&words::lock(name, LockMode::Exclusive)).unwrap();
        client.wait(&mut vocabulary, PATIENCE).unwrap();
        client
    };
    let mut crowd: Vec<Client> = (0..=WAITERS_EACH)
        .flat_map(|_| 0..RESOURCES)
        .map(|number| ask(&format!("resource{number}")))
        .collect();
    crowd.extend((0..=CROWD).map(|_| ask("crowd")));
    crowd
}

impl Relay {
    fn new(address: &Address) -> Self {
        let mut relay = Self {
            holds: Client::connect(address).unwrap(),
            waits: Client::connect(address).unwrap(),
            vocabulary: Vocabulary::default(),
        };
        for client in [&mut relay.holds, &mut relay.waits] {
            client.say(&lock()).unwrap();
            client.wait(&mut relay.vocabulary, PATIENCE).unwrap();
        }
        relay
    }

    /// From the unlock of one to the grant of the other; then the first one waits.
    fn hand_over(&mut self) -> Duration {
        let began = Instant::now();
        self.holds.say(&words::unlock("baton")).unwrap();
        let said = self.waits.wait(&mut self.vocabulary, PATIENCE).unwrap();
        let took = began.elapsed();
        assert_eq!(said, Said::Granted { waited: true });
        self.holds.say(&lock()).unwrap();
        let said = self.holds.wait(&mut self.vocabulary, PATIENCE).unwrap();
        assert_eq!(said, Said::Queued);
        std::mem::swap(&mut self.holds, &mut self.waits);
        took
    }
}

fn lock() -> Vec<u8> {
    words::lock("baton", LockMode::Exclusive)
}

/// Asks over HTTP; how many bytes the answer has.
fn get(address: SocketAddr, path: &str) -> usize {
    let mut socket = TcpStream::connect(address).unwrap();
    write!(socket, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    answer.len()
}
