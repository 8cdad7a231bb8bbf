//! A daemon for one test, ended with it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

use rustix::process::Signal;

use super::processes::{self, Process};
use super::wire::Place;
use super::{Host, Program, Running, Scratch, Tap, Wire, ask, flom, wait_until};

const PORT: u16 = 28015;

/// An address of this machine that no other test uses.
pub(crate) fn loopback() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [.., high, middle] = process::id().to_be_bytes();
    Ipv4Addr::new(
        127,
        high & 0x7f | 0x40,
        middle,
        NEXT.fetch_add(1, Ordering::Relaxed),
    )
}

/// `flomd` in the foreground, for ever; killed on drop.
pub(crate) struct Daemon {
    process: Running,
    place: Place,
    host: Option<Host>,
    scratch: Scratch,
}

impl Daemon {
    /// At a UNIX socket.
    #[track_caller]
    pub(crate) fn start() -> Self {
        Self::start_with("exec \"$FLOMD\" \"$@\"")
    }

    /// At a UNIX socket, by this script for `sh`: `$FLOMD` is the program, `$@` its words.
    #[track_caller]
    pub(crate) fn start_with(script: &str) -> Self {
        let scratch = Scratch::new();
        let path = scratch.file("socket");
        let words = ["-s", path.to_str().unwrap(), "-d", "-1"];
        let process = Program::sh(script, words).spawn();
        Self {
            process,
            place: Place::Unix(path),
            host: None,
            scratch,
        }
        .ready()
    }

    /// At a TCP port of an address that no other test uses.
    #[track_caller]
    pub(crate) fn start_tcp() -> Self {
        Self::start_at(None, SocketAddr::new(loopback().into(), PORT), &[])
    }

    /// The same with these words besides.
    #[track_caller]
    pub(crate) fn start_tcp_with(words: &[&str]) -> Self {
        Self::start_at(None, SocketAddr::new(loopback().into(), PORT), words)
    }

    /// Where it listens.
    pub(crate) fn tcp_address(&self) -> SocketAddr {
        match &self.place {
            Place::Tcp(address) => *address,
            Place::Unix(_) => panic!("the daemon has no TCP port"),
        }
    }

    /// At a TCP port of `address`, which is one of `host`, with these words besides.
    #[track_caller]
    pub(crate) fn start_on(host: &Host, address: IpAddr, words: &[&str]) -> Self {
        Self::start_at(Some(host), SocketAddr::new(address, PORT), words)
    }

    /// The same at another port, which is given in `words` too.
    #[track_caller]
    pub(crate) fn start_on_port(host: &Host, address: IpAddr, port: u16, words: &[&str]) -> Self {
        Self::start_at(Some(host), SocketAddr::new(address, port), words)
    }

    #[track_caller]
    fn start_at(host: Option<&Host>, address: SocketAddr, words: &[&str]) -> Self {
        let given = address.ip().to_string();
        let mut program = Program::new(env!("CARGO_BIN_EXE_flomd"));
        program = program.args(["-a", &given, "-d", "-1"]).args(words);
        if let Some(host) = host {
            program = program.on(host);
        }
        Self {
            process: program.spawn(),
            place: Place::Tcp(address),
            host: host.cloned(),
            scratch: Scratch::new(),
        }
        .ready()
    }

    #[track_caller]
    fn ready(mut self) -> Self {
        wait_until("a daemon that listens", || {
            assert!(
                self.process.is_running(),
                "the daemon has ended: {:?}",
                self.process
            );
            self.try_connect().is_some()
        });
        self
    }

    pub(crate) fn pid(&self) -> i32 {
        self.process.pid()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    #[track_caller]
    pub(crate) fn wait_for_stderr(&self, text: &str) -> String {
        self.process.wait_for_stderr(text)
    }

    /// Waits until it has ended by itself.
    #[track_caller]
    pub(crate) fn wait_for_end(&mut self) {
        wait_until("the end of the daemon", || !self.process.is_running());
    }

    /// Fails if a socket was left behind.
    #[track_caller]
    pub(crate) fn assert_socket_removed(&self) {
        if let Place::Unix(path) = &self.place {
            assert!(!path.exists(), "{} is left", path.display());
        }
    }

    /// The UNIX socket.
    pub(crate) fn socket(&self) -> &PathBuf {
        match &self.place {
            Place::Unix(path) => path,
            Place::Tcp(_) => panic!("the daemon has no UNIX socket"),
        }
    }

    /// A place for files that lives as long as the daemon.
    pub(crate) fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// The words by which `flom` finds it.
    pub(crate) fn place_words(&self) -> [String; 2] {
        match &self.place {
            Place::Unix(path) => ["-s", path.to_str().unwrap()].map(str::to_string),
            Place::Tcp(address) => ["-a".to_string(), address.ip().to_string()],
        }
    }

    /// The program under test, which uses this daemon and starts no other.
    pub(crate) fn flom<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Program {
        let program = flom(self.place_words()).args(["-d", "0"]).args(words);
        match &self.host {
            Some(host) => program.on(host),
            None => program,
        }
    }

    /// A command that holds `name` (mode EX) until its standard input is closed; it does already.
    #[track_caller]
    pub(crate) fn holder(&self, name: &str) -> Running {
        let holder = self
            .flom(["-r", name, "--", "sh", "-c", "echo held; exec cat"])
            .spawn();
        holder.wait_for_stdout("held\n");
        holder
    }

    /// `flom` with these words, which the daemon has put into a queue already.
    #[track_caller]
    pub(crate) fn waiter<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Running {
        let tap = self.tap();
        let waiter = tap.flom(words).spawn();
        tap.wait_for_answer("rc=\"1\"");
        waiter.keeping(tap)
    }

    /// A tap in front of it.
    pub(crate) fn tap(&self) -> Tap {
        let (place, host) = (self.place.clone(), self.host.clone());
        Tap::new(move || place.connect_from(host.as_ref()).ok())
    }

    #[track_caller]
    pub(crate) fn connect(&self) -> Wire {
        self.try_connect().expect("the daemon accepts connections")
    }

    fn try_connect(&self) -> Option<Wire> {
        self.place
            .connect_from(self.host.as_ref())
            .ok()
            .map(Wire::new)
    }

    /// What a client hears who wants `name` at once and may not create it: 0 it exists and is free,
    /// 4 it is taken, 5 there is none.
    #[track_caller]
    pub(crate) fn probe(&self, name: &str) -> i32 {
        let mut wire = self.connect();
        let mut ask = ask(name);
        (ask.wait, ask.create) = (0, 0);
        let (_, code) = wire.ask(ask);
        wire.finish();
        wire.hear();
        code
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the daemon: {:?}", self.process);
        }
    }
}

/// Daemons that a `flom` starts in a test, known by a word of their command lines; killed on drop.
pub(crate) struct Started(String);

impl Started {
    pub(crate) fn with(word: impl Into<String>) -> Self {
        Self(word.into())
    }

    /// Those that are there.
    pub(crate) fn daemons(&self) -> Vec<Process> {
        let ours = |process: &Process| {
            process.name == "flomd" && process.words.iter().any(|word| word.contains(&self.0))
        };
        processes::all().into_iter().filter(ours).collect()
    }

    /// The one that is there once whoever gave way is gone.
    #[track_caller]
    pub(crate) fn the_daemon(&self) -> Process {
        wait_until("a single daemon", || self.daemons().len() == 1);
        let daemon = self.daemons().pop().expect("there is one");
        assert!(daemon.is_started_daemon(), "{daemon:?}");
        daemon
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        for daemon in self.daemons() {
            daemon.kill();
        }
    }
}
