//! How long a daemon lives that nobody uses, and where one is started at all: the rows of
//! `spec/discovery.md` §8.

use std::time::{Duration, Instant};

use crate::harness::{
    Host, Program, Scratch, Started, flom, hosts, is_alive, loopback, wait_until,
};

#[test]
fn it_ends_some_time_after_its_last_use_and_not_before() {
    let scratch = Scratch::new();
    let socket = scratch.file("socket");
    let started = Started::with(socket.to_str().unwrap());
    flom(["-s", socket.to_str().unwrap(), "-d", "300", "--", "true"])
        .run()
        .expect(0, "", "");
    let left = Instant::now();
    let daemon = started.the_daemon();
    wait_until("the end of the daemon", || !is_alive(daemon.pid));
    assert!(
        left.elapsed() >= Duration::from_millis(300),
        "after {:?}",
        left.elapsed()
    );
    assert!(!socket.exists());
}

#[test]
fn it_does_not_end_before_its_starter_has_come() {
    let scratch = Scratch::new();
    let socket = scratch.file("socket");
    let _started = Started::with(socket.to_str().unwrap());
    for _ in 0..10 {
        let words = [
            "-s",
            socket.to_str().unwrap(),
            "-d",
            "1",
            "--",
            "echo",
            "ran",
        ];
        flom(words).run().expect(0, "ran\n", "");
    }
}

#[test]
fn it_lives_as_long_as_somebody_holds_a_lock() {
    let scratch = Scratch::new();
    let socket = scratch.file("socket");
    let started = Started::with(socket.to_str().unwrap());
    let words = [
        "-s",
        socket.to_str().unwrap(),
        "-d",
        "1",
        "--",
        "sh",
        "-c",
        "echo held; cat",
    ];
    let mut holder = flom(words).spawn();
    holder.wait_for_stdout("held\n");
    let daemon = started.the_daemon();
    wait_for_the_life_of_another();
    assert!(is_alive(daemon.pid));
    holder.close_stdin();
    holder.wait().expect(0, "held\n", "");
    wait_until("the end of the daemon", || !is_alive(daemon.pid));
}

#[test]
fn below_zero_it_stays() {
    let scratch = Scratch::new();
    let socket = scratch.file("socket");
    let started = Started::with(socket.to_str().unwrap());
    flom(["-s", socket.to_str().unwrap(), "-d", "-1", "--", "true"])
        .run()
        .expect(0, "", "");
    let daemon = started.the_daemon();
    wait_for_the_life_of_another();
    assert!(is_alive(daemon.pid));
}

/// Returns when a daemon with the shortest lifespan has come, was used and has ended: whatever was
/// to end by itself, and was left before, has had its time.
pub(crate) fn wait_for_the_life_of_another() {
    let scratch = Scratch::new();
    let socket = scratch.file("socket");
    let started = Started::with(socket.to_str().unwrap());
    flom(["-s", socket.to_str().unwrap(), "-d", "1", "--", "true"])
        .run()
        .expect(0, "", "");
    wait_until("the end of another daemon", || started.daemons().is_empty());
}

/// What the table has in common: nobody is there, and none may be started.
#[track_caller]
fn assert_nobody(command: Program) {
    let ended = command
        .args(["-d", "0", "--", "echo", "no"])
        .run()
        .expect_code(99);
    assert!(
        ended
            .stderr
            .starts_with("flom_client_connect: ret_cod=-105 ("),
        "{ended:?}"
    );
    assert_eq!(ended.stdout, "", "{ended:?}");
}

#[test]
fn with_a_lifespan_of_zero_none_is_started() {
    let scratch = Scratch::new();
    let socket = scratch.file("socket");
    assert_nobody(flom(["-s", socket.to_str().unwrap()]));
    assert_nobody(flom(["-a", &loopback().to_string()]));
    let Some([host, other]) = hosts() else { return };
    host.cable("eth0", &other, "eth0");
    assert_nobody(host.flom(["-A", "ff02::1", "-I", "50"]));
    assert_nobody(host.flom(["-a", "::1", "-A", "ff02::1"]));
    assert!(host.daemons().is_empty());
}

/// Runs a command that finds nobody, and gives the arguments of the daemon that it has started.
#[track_caller]
fn start_on(host: &Host, words: &[&str]) -> Vec<String> {
    let command = host.flom(words.iter().copied()).args(["--", "echo", "ran"]);
    command.run().expect(0, "ran\n", "");
    let daemon = host.the_daemon();
    daemon.words
}

#[test]
fn with_a_group_alone_a_daemon_is_started_that_joins_it() {
    let Some([host, other]) = hosts() else { return };
    host.cable("eth0", &other, "eth0");
    for lifespan in ["-1", "60000"] {
        start_on(&host, &["-A", "ff02::1", "-I", "50", "-d", lifespan]);
        let query = other.flom(["-A", "ff02::1", "-d", "0", "--", "echo", "there"]);
        query.run().expect(0, "there\n", "");
        host.the_daemon().kill();
    }
}

#[test]
fn with_address_and_group_a_daemon_is_started_at_the_address_that_joins_the_group() {
    let Some([host, other]) = hosts() else { return };
    host.cable("eth0", &other, "eth0");
    let address = format!("{}%eth0", host.link_local("eth0"));
    for lifespan in ["-1", "60000"] {
        let started = Instant::now();
        start_on(
            &host,
            &[
                "-a", &address, "-A", "ff02::1", "-I", "20000", "-d", lifespan,
            ],
        );
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "no query is sent"
        );
        let query = other.flom(["-A", "ff02::1", "-d", "0", "--", "echo", "there"]);
        query.run().expect(0, "there\n", "");
        host.the_daemon().kill();
    }
}

#[test]
fn with_an_address_alone_a_daemon_is_started_that_no_group_finds() {
    let Some([host, other]) = hosts() else { return };
    host.cable("eth0", &other, "eth0");
    let address = format!("{}%eth0", host.link_local("eth0"));
    for lifespan in ["-1", "60000"] {
        start_on(&host, &["-a", &address, "-d", lifespan]);
        assert_nobody(other.flom(["-A", "ff02::1", "-I", "50"]));
        host.the_daemon().kill();
    }
}
