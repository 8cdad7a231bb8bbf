//! `flomd` under a service manager: what it is given, what it tells, how it ends; and the units that
//! say so (`packaging/systemd`).

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::harness::{
    Daemon, PATIENCE, Program, Running, Scratch, Socket, Wire, ask, flom, uninterrupted, wait_until,
};

/// Runs the words with what is standard input as descriptor 3, passed to them.
const PASSING: &str = "exec 3<&0 </dev/null; LISTEN_PID=$$ exec \"$FLOMD\" \"$@\"";

const SERVICES: [&str; 2] = ["system/flom.service", "user/flom.service"];

/// The values of `key` in a unit.
fn values(unit: &str, key: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/systemd");
    let text = fs::read_to_string(path.join(unit)).unwrap();
    let lines = text.lines().filter_map(|line| line.split_once('='));
    let of_key = lines.filter(|(name, _)| *name == key);
    of_key.map(|(_, value)| value.to_string()).collect()
}

/// A service manager: it listens for the daemon, and to it.
struct Manager {
    scratch: Scratch,
    listener: UnixListener,
    notified: UnixDatagram,
}

impl Manager {
    fn new() -> Self {
        let scratch = Scratch::new();
        let notified = UnixDatagram::bind(scratch.file("notify")).unwrap();
        notified.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            listener: UnixListener::bind(scratch.file("socket")).unwrap(),
            notified,
            scratch,
        }
    }

    fn socket(&self) -> PathBuf {
        self.scratch.file("socket")
    }

    /// Starts the service, with these words besides.
    fn start(&self, service: &str, words: &[&str]) -> Running {
        let command = values(service, "ExecStart").pop().unwrap();
        let own = command.strip_prefix("/usr/bin/flomd ").unwrap();
        let listener: OwnedFd = self.listener.try_clone().unwrap().into();
        Program::sh(PASSING, own.split(' '))
            .args(words)
            .env("LISTEN_FDS", "1")
            .env("LISTEN_FDNAMES", "flom.socket")
            .env(
                "NOTIFY_SOCKET",
                self.scratch.file("notify").to_str().unwrap(),
            )
            .spawn_reading(listener)
    }

    /// The next thing that it is told.
    #[track_caller]
    fn hear(&self) -> String {
        let mut buffer = [0; 1024];
        let length = uninterrupted(|| self.notified.recv(&mut buffer)).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    fn connect(&self) -> Wire {
        Wire::new(Socket::Unix(UnixStream::connect(self.socket()).unwrap()))
    }
}

#[test]
fn a_service_says_when_it_is_ready_serves_the_socket_it_is_given_and_says_when_it_ends() {
    for service in SERVICES {
        assert_eq!(values(service, "Type"), ["notify"]);
        let manager = Manager::new();
        let mut early = manager.connect(); // who makes the manager start it
        let daemon = manager.start(service, &[]);
        let socket = manager.socket();
        let ready = format!("READY=1\nSTATUS=listening on {}", socket.display());
        assert_eq!(manager.hear(), ready);
        assert_eq!(early.ask(ask("db")), (16, 0));
        let words = [
            "-s",
            socket.to_str().unwrap(),
            "-d",
            "0",
            "-o",
            "0",
            "-r",
            "db",
        ];
        flom(words).args(["--", "true"]).run().expect_code(98);

        daemon.signal(Signal::TERM);
        assert_eq!(manager.hear(), "STOPPING=1");
        let ended = daemon.wait().expect_code(0);
        assert!(
            ended.stderr.contains(" FLM004N ends: told to by SIGTERM\n"),
            "{ended:?}"
        );
        manager.connect(); // still somebody listens, for the next daemon
    }
}

#[test]
fn a_service_that_ends_when_idle_is_started_again_by_who_comes_next() {
    let manager = Manager::new();
    for _ in 0..2 {
        let mut client = manager.connect();
        let daemon = manager.start(SERVICES[0], &["-d", "1"]);
        assert!(manager.hear().starts_with("READY=1\n"));
        assert_eq!(client.ask(ask("db")), (16, 0));
        drop(client);
        assert_eq!(manager.hear(), "STOPPING=1");
        daemon.wait().expect_code(0);
    }
}

#[test]
fn a_service_that_cannot_start_never_says_that_it_is_ready() {
    let manager = Manager::new();
    let daemon = manager.start(SERVICES[0], &["-A", "239.255.79.1"]);
    let ended = daemon.wait().expect_code(99);
    assert!(
        ended.stderr.contains("no TCP socket was passed"),
        "{ended:?}"
    );
    manager.notified.set_nonblocking(true).unwrap();
    assert!(manager.notified.recv(&mut [0; 64]).is_err());
}

#[test]
fn a_socket_that_is_meant_for_another_process_is_left_alone() {
    let manager = Manager::new();
    let own = manager.scratch.file("own");
    let script = "exec 3<&0 </dev/null; LISTEN_PID=1 LISTEN_FDS=1 exec \"$FLOMD\" \"$@\"";
    let listener: OwnedFd = manager.listener.try_clone().unwrap().into();
    let _daemon = Program::sh(script, ["-s", own.to_str().unwrap()]).spawn_reading(listener);
    wait_until("a daemon at its own socket", || {
        UnixStream::connect(&own).is_ok()
    });
    let mut client = manager.connect();
    client.say(ask("db").message());
    assert_eq!(client.pending(), b"");
}

#[test]
fn what_cannot_be_served_is_refused_by_number_and_name() {
    let scratch = Scratch::new();
    let path = scratch.file("socket");
    let _listener = UnixListener::bind(&path).unwrap();
    let connected: OwnedFd = UnixStream::connect(&path).unwrap().into();
    let file: OwnedFd = File::open("/dev/null").unwrap().into();
    let listener: OwnedFd = UnixListener::bind(scratch.file("other")).unwrap().into();
    let datagrams: OwnedFd = UnixDatagram::unbound().unwrap().into();
    let none = "flomd: passed descriptor 3 (odd) is no listening stream socket\n";
    let table = [
        (connected, "1", none),
        (file, "1", none),
        (datagrams, "1", none),
        (
            listener,
            "9",
            "flomd: 9 sockets were passed (LISTEN_FDS), at most 8 can be served\n",
        ),
    ];
    for (passed, count, message) in table {
        let flomd = Program::sh(PASSING, [""; 0])
            .env("LISTEN_FDS", count)
            .env("LISTEN_FDNAMES", "odd");
        flomd.spawn_reading(passed).wait().expect(99, "", message);
    }
}

#[test]
fn the_socket_is_for_everybody_whatever_the_umask() {
    let daemon = Daemon::start_with("umask 077; exec \"$FLOMD\" \"$@\"");
    let mode = fs::metadata(daemon.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o777);
}

#[test]
fn a_hang_up_opens_the_trace_file_anew_and_takes_nobody_s_lock() {
    let script = "exec env FLOM_TRACE_MASK=-1 \"$FLOMD\" -t \"$2.trace\" \"$@\"";
    let mut daemon = Daemon::start_with(script);
    let [trace, old] = ["socket.trace", "old"].map(|name| daemon.scratch().file(name));
    let _holder = daemon.holder("db");
    fs::rename(&trace, &old).unwrap();
    daemon.signal(Signal::HUP);
    wait_until("a new trace file", || trace.exists());
    assert_eq!(daemon.probe("db"), 4);
    assert!(!fs::read(&trace).unwrap().is_empty());
    assert!(daemon.is_running());
}

#[test]
fn units_user_and_directory_fit_together() {
    let [listen] = &values("system/flom.socket", "ListenStream")[..] else {
        panic!("one socket")
    };
    let [user] = &values(SERVICES[0], "User")[..] else {
        panic!("one user")
    };
    let line = |file: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/systemd");
        let text = fs::read_to_string(path.join(file)).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(str::to_string).collect::<Vec<_>>()
    };
    let directory = Path::new(listen).parent().unwrap().display();
    assert_eq!(
        line("tmpfiles.d/flom.conf"),
        [format!("d {directory} 0755 {user} {user} -")]
    );
    let [sysuser] = &line("sysusers.d/flom.conf")[..] else {
        panic!("one user")
    };
    assert!(sysuser.starts_with(&format!("u {user} - ")), "{sysuser}");
    // Where flom looks if nobody says where.
    assert_eq!(values("user/flom.socket", "ListenStream"), ["/tmp/flom-%u"]);
    for service in SERVICES {
        assert_eq!(values(service, "Requires"), ["flom.socket"]);
        assert_eq!(values(service, "ExecReload"), ["/bin/kill -HUP $MAINPID"]);
    }
}
