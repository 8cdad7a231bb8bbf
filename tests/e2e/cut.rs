//! The cable between a client and its daemon is cut, and joined again.

use std::net::TcpStream;

use rustix::process::Signal;

use crate::harness::{Daemon, Host, Running, flom, hosts, is_alive, state, validate, wait_until};

const DAEMON: &str = "10.78.1.1";

/// Within how long a daemon misses the host of a client, in whole seconds, as the system counts.
const MISSED_AFTER: &str = "--heartbeat=3";

struct Scene {
    near: Host,
    far: Host,
    /// On the near host.
    daemon: Daemon,
}

impl Scene {
    fn set() -> Option<Self> {
        let [near, far] = hosts()?;
        near.cable("near", &far, "far");
        near.add_ipv4("near", "10.78.1.1/24");
        far.add_ipv4("far", "10.78.1.2/24");
        let daemon = Daemon::start_on(&near, DAEMON.parse().unwrap(), &[MISSED_AFTER]);
        Some(Self { near, far, daemon })
    }

    /// A command on the far host that holds the lock, and says what it reads; and its process.
    fn holder(&self, options: &[&str]) -> (Running, i32) {
        let script = "echo runs $$ ; while read line; do echo \"on with $line\"; done; exit 5";
        let flom = flom(["-a", DAEMON, "-d", "0", "-r", "db", "--heartbeat=1"])
            .args(options)
            .args(["--", "sh", "-c", script])
            .on(&self.far)
            .spawn();
        let said = flom.wait_for_stdout("\n");
        let process = said.split_whitespace().nth(1).unwrap().parse().unwrap();
        (flom, process)
    }

    /// Somebody on the near host who wants it, too.
    fn next(&self) -> Running {
        self.daemon.flom(["-r", "db", "--", "echo", "mine"]).spawn()
    }

    fn cut(&self) {
        self.near.unplug("near");
    }

    fn join(&self) {
        self.near.plug("near");
        // The far host may be about to find out that there is no such neighbour.
        wait_until("a way to the daemon", || {
            let connect = || TcpStream::connect((DAEMON, 28015)).is_ok();
            self.far.enter(connect)
        });
    }
}

#[test]
fn the_next_one_gets_the_lock_and_the_command_is_ended_or_goes_on_as_was_asked_for() {
    let Some(scene) = Scene::set() else { return };
    for (policy, code, end) in [
        ("continue", 5, "the command goes on without it\n"),
        ("term", 94, "the command is ended\n"),
        ("kill", 94, "the command is ended\n"),
    ] {
        let (flom, process) = scene.holder(&[&format!("--on-lost={policy}")]);
        scene.cut();
        scene.next().wait().expect(0, "mine\n", "");
        flom.wait_for_stderr("it has not said a word for 1 s\n");
        flom.wait_for_stderr(end);
        if code == 94 {
            wait_until("the end of the command", || !is_alive(process));
        } else {
            assert!(is_alive(process));
        }
        scene.join();
        let mut flom = flom;
        flom.close_stdin();
        flom.wait().expect_code(code);
    }
}

#[test]
fn who_waits_learns_that_the_daemon_is_lost() {
    let Some(scene) = Scene::set() else { return };
    let (_holder, _) = scene.holder(&[]);
    let words = ["-a", DAEMON, "-d", "0", "-r", "db", "--heartbeat=1"];
    let waiter = flom(words).args(["--", "true"]).on(&scene.far).spawn();
    wait_until("somebody in the queue", || {
        let status = scene.daemon.flom(["--status", "-r", "db"]).run();
        status.stdout.contains("waits 1")
    });
    scene.cut();
    waiter.wait_for_stderr("ended before it granted db: Connection timed out");
    waiter.wait().expect_code(99);
}

#[test]
fn a_frozen_command_takes_up_its_lock_over_another_connection() {
    let Some(scene) = Scene::set() else { return };
    let (mut flom, process) = scene.holder(&["--on-lost=freeze", "--lost-grace=600"]);
    scene.cut();
    flom.wait_for_stderr("the command is stopped");
    wait_until("a stopped command", || {
        state(process).as_deref() == Some("T")
    });
    // The daemon misses it, and keeps the lock.
    wait_until("a lock without a connection", || {
        let status = scene.daemon.flom(["--status", "-r", "db"]).run();
        status.stdout.contains("holds") && status.stdout.contains(" (connection lost)")
    });
    let words = ["--status", "--format=json", "-r", "db"];
    let json = scene.daemon.flom(words).run().expect_code(0).stdout;
    assert!(json.contains(r#","lost":true"#), "{json}");
    validate(&json);
    let mut next = scene.next();
    scene.join();
    flom.wait_for_stderr("has kept the lock\n");
    flom.type_line("a");
    flom.wait_for_stdout("on with a\n");
    assert!(next.is_running());
    flom.close_stdin();
    flom.wait().expect_code(5);
    next.wait().expect(0, "mine\n", "");
}

#[test]
fn a_frozen_command_is_ended_and_its_lock_is_free_when_the_cable_stays_cut() {
    let Some(scene) = Scene::set() else { return };
    let (flom, process) = scene.holder(&["--on-lost=freeze", "--lost-grace=1.5"]);
    let next = scene.next();
    scene.cut();
    flom.wait_for_stderr("the lock is gone, the command is ended\n");
    wait_until("the end of the command", || !is_alive(process));
    next.wait().expect(0, "mine\n", "");
    flom.wait().expect_code(94);
}

#[test]
fn a_client_that_is_only_stopped_keeps_its_lock() {
    let Some(scene) = Scene::set() else { return };
    let (stopped, _) = scene.holder(&[]);
    stopped.signal(Signal::STOP);
    let mut next = scene.next();
    // It is missed no sooner than one whose host is gone: that one is, and this one is not.
    let Some(other) = Scene::set() else { return };
    let (gone, _) = other.holder(&["--on-lost=kill"]);
    other.cut();
    other.next().wait().expect(0, "mine\n", "");
    assert!(next.is_running());
    gone.wait().expect_code(94);
    stopped.signal(Signal::CONT);
    let mut stopped = stopped;
    stopped.close_stdin();
    stopped.wait().expect_code(5);
    next.wait().expect(0, "mine\n", "");
}
