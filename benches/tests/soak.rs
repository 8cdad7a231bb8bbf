//! A mixed load with clients killed at random, for as long as `FLOM_SOAK_SECONDS` says: at the end
//! the daemon is as it was at the beginning.

#![expect(clippy::unwrap_used, reason = "tests, also their helpers, may panic")]

use std::env;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use flom_bench::{Address, Crowd, News, Programs, Said, Server, Transport, words};

/// How long the load lasts, in seconds; 600 for a real look.
const SECONDS: &str = "FLOM_SOAK_SECONDS";
const SECONDS_UNLESS_SAID: u64 = 5;

/// Set to the seed that a run has printed, to have the same choices again.
const SEED: &str = "FLOM_SOAK_SEED";

/// The load stops so often, for a look at the daemon.
const LOOKS: u32 = 4;

/// Connections at a time.
const CLIENTS: usize = 200;

/// Real commands at a time.
const COMMANDS: usize = 3;

/// What chance may add to the memory of the first look: the allocator's pages, fuller or emptier.
const BYTES_OF_CHANCE: u64 = 1 << 20;

/// How long the daemon stays when nobody needs it, in ms.
const LIFESPAN_MS: i32 = 5000;

/// Much longer than anything takes here.
const AMPLE: Duration = Duration::from_secs(60);

/// The resource that is watched: one client at a time may have it.
const MUTEX: &str = "mutex";

/// Who asks for it, and for nothing else; who waits for it says nothing until it is granted. So it
/// is known at any moment who has it.
const OF_MUTEX: usize = 20;

#[test]
fn after_any_load_the_daemon_is_as_before() {
    let seconds = env::var(SECONDS).map_or(SECONDS_UNLESS_SAID, |text| text.parse().unwrap());
    let seed = env::var(SEED).map_or_else(|_| seed(), |text| text.parse().unwrap());
    println!("{SECONDS}={seconds} {SEED}={seed}");
    let programs = Programs::build().unwrap();
    let server = Server::flomd(&programs.path("flomd"), Transport::Unix, LIFESPAN_MS).unwrap();
    let descriptors = server.descriptors().unwrap();
    let mut random = Random(seed);
    let mut memory = Vec::new();
    for look in 1..=LOOKS {
        let lasting = Duration::from_secs(seconds) / LOOKS;
        let turns = Load::new(&server, &programs, &mut random).run(lasting);
        wait_until_alone(&server, descriptors);
        memory.push(server.memory().unwrap());
        println!(
            "look {look}: {turns} turns, then {} bytes",
            memory[memory.len() - 1]
        );
    }
    let (first, last) = (memory[0], memory[memory.len() - 1]);
    assert!(
        last <= first + BYTES_OF_CHANCE,
        "memory grows: {memory:?} bytes"
    );
    // It does so only if it knows of no connection, no lock, no request and no resource any more.
    assert!(server.ends_by_itself(AMPLE).unwrap());
}

/// Until the daemon has seen that everybody is gone.
fn wait_until_alone(server: &Server, descriptors: usize) {
    let end = Instant::now() + AMPLE;
    while server.descriptors().unwrap() != descriptors {
        assert!(Instant::now() < end, "some descriptors are never closed");
    }
}

/// Clients who do what comes to their minds.
struct Load<'a> {
    server: &'a Server,
    programs: &'a Programs,
    random: &'a mut Random,
    crowd: Crowd,
    clients: Vec<State>,
    commands: Vec<Child>,
    /// Names that nobody has used before.
    fresh: u64,
    has_mutex: Option<usize>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum State {
    Out,
    /// Connected; has asked for this resource last.
    In(String),
}

impl<'a> Load<'a> {
    fn new(server: &'a Server, programs: &'a Programs, random: &'a mut Random) -> Self {
        Self {
            server,
            programs,
            random,
            crowd: Crowd::of(CLIENTS).unwrap(),
            clients: vec![State::Out; CLIENTS],
            commands: Vec::new(),
            fresh: 0,
            has_mutex: None,
        }
    }

    /// How many turns it took.
    fn run(mut self, lasting: Duration) -> u64 {
        let end = Instant::now() + lasting;
        let mut news = Vec::new();
        let mut turns = 0;
        while Instant::now() < end {
            turns += 1;
            self.crowd.listen_until(Instant::now(), &mut news).unwrap();
            for (client, news) in news.drain(..) {
                self.hear(client, news);
            }
            let client = self.random.below(CLIENTS);
            match self.clients[client].clone() {
                State::Out => self.come(client),
                State::In(name) => self.act(client, &name),
            }
            if self.random.once_in(500) {
                self.run_commands();
            }
        }
        for mut command in self.commands {
            // It may have ended already.
            let _ = command.kill();
            command.wait().unwrap();
        }
        turns
    }

    fn hear(&mut self, client: usize, news: News) {
        match (news, &self.clients[client]) {
            (News::Said(Said::Granted { .. }), State::In(name)) if name == MUTEX => {
                let other = self.has_mutex.replace(client);
                assert!(other.is_none(), "two at once: {other:?} and {client}");
            }
            (News::Said(_), _) => {}
            (News::Closed, _) => {
                self.lets_go(client);
                self.clients[client] = State::Out;
            }
        }
    }

    /// From now on somebody else may have what this client has.
    fn lets_go(&mut self, client: usize) {
        self.has_mutex.take_if(|holder| *holder == client);
    }

    fn come(&mut self, client: usize) {
        self.crowd.reconnect(client, self.server.address()).unwrap();
        self.ask(client);
    }

    fn ask(&mut self, client: usize) {
        let name = match client {
            ..OF_MUTEX => MUTEX.to_owned(),
            _ => self.name(),
        };
        let random = &mut *self.random;
        let has_modes = name.starts_with("simple") || name.starts_with('/');
        let request = words::request(&name, |lock| {
            if client >= OF_MUTEX {
                lock.mode = has_modes.then(|| random.below(6) as i64);
                lock.wait = !random.once_in(4);
                lock.create = !random.once_in(8);
            }
            lock.quantity = name.contains('[').then(|| 1 + random.below(3) as i64);
            lock.lifespan = [0, 0, 1, 200][random.below(4)];
        });
        self.clients[client] = State::In(name);
        self.say(client, &request);
    }

    fn name(&mut self) -> String {
        let number = self.random.below(5);
        match self.random.below(16) {
            0..=6 => format!("simple{number}"),
            7..=8 => format!("units{number}[4]"),
            9 => format!("red{number}.green{number}"),
            10..=12 => format!("/tree/{number}/leaf"),
            13 => format!("_s_sequence{number}[2]"),
            14 => format!("_t_time{number}.%S[2]"),
            _ => {
                self.fresh += 1;
                format!("fresh{}", self.fresh)
            }
        }
    }

    /// Something that a client does who is connected: reasonable or not.
    fn act(&mut self, client: usize, name: &str) {
        let waits_for_mutex = client < OF_MUTEX && self.has_mutex != Some(client);
        match self.random.below(64) {
            // Most have patience.
            0..=39 => {}
            ..=57 if waits_for_mutex => {}
            40..=51 => {
                self.lets_go(client);
                self.say(client, &words::unlock(name));
                self.ask(client);
            }
            52..=55 => {
                self.lets_go(client);
                self.say(client, &words::unlock(name));
                // The daemon may have closed first.
                let _ = self.crowd.half_close(client);
            }
            56 => self.say(
                client,
                b"<?xml version=\"1.0\" encoding=\"UTF-8\" ?><msg lev",
            ),
            57 => {
                self.lets_go(client);
                self.say(client, b"</nonsense></msg>");
            }
            _ => {
                self.lets_go(client);
                self.crowd.drop_client(client);
                self.clients[client] = State::Out;
            }
        }
    }

    fn say(&mut self, client: usize, bytes: &[u8]) {
        // If the daemon has closed the connection, the client is going to hear of it.
        let _ = self.crowd.say(client, bytes);
    }

    /// Commands under locks, some of which are killed at any moment of their lives.
    fn run_commands(&mut self) {
        if self.random.once_in(3) {
            for command in &mut self.commands {
                let _ = command.kill();
            }
        }
        let is_running = |command: &mut Child| command.try_wait().unwrap().is_none();
        self.commands.retain_mut(is_running);
        if self.commands.len() < COMMANDS {
            let Address::Unix(socket) = self.server.address() else {
                unreachable!("it was started with a UNIX socket");
            };
            let name = self.name();
            let command = Command::new(self.programs.path("flom"))
                .arg("-s")
                .arg(socket)
                .args(["-d", "0", "-r", &name, "--", "/bin/true"])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            self.commands.push(command.unwrap());
        }
    }
}

/// Chance that can be had again (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap() % limit
    }

    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

fn seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::from(now.subsec_nanos()) | 1
}
