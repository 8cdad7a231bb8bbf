//! Many commands that all find no daemon at the same moment.

use crate::exclusion::assert_serial;
use crate::harness::{Program, Running, Scratch, Started, flom, gate, hosts, loopback};

const COMMANDS: usize = 50;

/// What each runs under the lock: `$0` is the list.
const STEP: &str = "echo begin $$ >>$0; echo end $$ >>$0";

/// Starts all at the same moment, from these, in turn; then waits for all.
fn run_at_once(list: &Scratch, commands: impl Fn(usize) -> Program) {
    let list = list.file("list");
    let (gate, opener) = gate();
    let running: Vec<Running> = (0..COMMANDS)
        .map(|number| {
            let locked = ["--", "sh", "-c", STEP, list.to_str().unwrap()];
            commands(number).args(locked).spawn_behind(&gate)
        })
        .collect();
    drop(opener);
    for command in running {
        command.wait().expect(0, "", "");
    }
    assert_serial(&list, COMMANDS);
}

#[test]
fn fifty_starts_at_one_unix_socket_make_one_daemon() {
    let scratch = Scratch::new();
    let socket = scratch.file("socket");
    let started = Started::with(socket.to_str().unwrap());
    run_at_once(&scratch, |_| {
        flom(["-s", socket.to_str().unwrap(), "-d", "60000"])
    });
    started.the_daemon();
}

#[test]
fn fifty_starts_at_one_tcp_port_make_one_daemon() {
    let scratch = Scratch::new();
    let address = loopback().to_string();
    let started = Started::with(&address);
    run_at_once(&scratch, |_| flom(["-a", &address, "-d", "60000"]));
    started.the_daemon();
}

#[test]
fn fifty_starts_in_one_group_make_one_daemon() {
    let Some([a, b]) = hosts() else { return };
    a.cable("eth0", &b, "eth0");
    let scratch = Scratch::new();
    run_at_once(&scratch, |_| a.flom(["-A", "ff02::1", "-d", "60000"]));
    a.the_daemon();
}

#[test]
fn fifty_starts_on_two_hosts_in_one_group_make_one_daemon() {
    let Some([a, b]) = hosts() else { return };
    a.cable("eth0", &b, "eth0");
    let scratch = Scratch::new();
    run_at_once(&scratch, |number| {
        let host = if number % 2 == 0 { &a } else { &b };
        host.flom(["-A", "ff02::1", "-d", "60000"])
    });
    crate::harness::wait_until("a single daemon on both hosts", || {
        a.daemons().len() + b.daemons().len() == 1
    });
}

#[test]
fn starts_follow_the_end_of_a_daemon_without_a_gap() {
    // Each ends its daemon; the next finds it ending, or gone, and starts another.
    let scratch = Scratch::new();
    let socket = scratch.file("socket");
    let _started = Started::with(socket.to_str().unwrap());
    let words = ["-s", socket.to_str().unwrap(), "-d", "60000"];
    for _ in 0..20 {
        flom(words)
            .args(["--", "echo", "ran"])
            .run()
            .expect(0, "ran\n", "");
        flom(words).args(["-x"]).run().expect_code(0);
    }
}
