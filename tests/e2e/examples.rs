//! The programs in `examples/`, each against a daemon, and what it prints.

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::{Daemon, Finished, Host, Lab, Program, Scratch, flom, hosts, refs};

/// Where Cargo puts examples: beside the programs.
fn program(name: &str) -> PathBuf {
    let programs = Path::new(env!("CARGO_BIN_EXE_flom")).parent().unwrap();
    let path = programs.join("examples").join(name);
    assert!(
        path.exists(),
        "{} is not built: `cargo test` without --test does that, or `cargo build --examples`",
        path.display()
    );
    path
}

/// A home whose configuration names the daemon's socket.
fn home(daemon: &Daemon) -> Scratch {
    let home = Scratch::new();
    let text = format!("[Daemon]\nSocketName={}\n", daemon.socket().display());
    fs::write(home.file(".flom"), text).unwrap();
    home
}

fn run(name: &str, words: &[&str]) -> Finished {
    let daemon = Daemon::start();
    let home = home(&daemon);
    let home = home.path().to_str().unwrap();
    Program::new(program(name))
        .env("HOME", home)
        .args(words)
        .run()
}

#[test]
fn lock_once_works_alone() {
    run("lock_once", &[]).expect(
        0,
        "nobody else is at the stock now\nthe stock is free again\n",
        "",
    );
}

#[test]
fn lock_once_without_a_daemon_says_so() {
    let home = Scratch::new();
    let text = "[Daemon]\nSocketName=/no/such/socket\n";
    fs::write(home.file(".flom"), text).unwrap();
    let finished = Program::new(program("lock_once"))
        .env("HOME", home.path().to_str().unwrap())
        .run();
    assert_eq!(finished.code(), 1);
    assert!(finished.stderr.contains("/no/such/socket"));
}

#[test]
fn try_lock_gets_what_is_free() {
    run("try_lock", &[]).expect(0, "mine at once\nmine in time\n", "");
}

#[test]
fn try_lock_leaves_what_is_taken() {
    let daemon = Daemon::start();
    let home = home(&daemon);
    let socket = daemon.socket().to_str().unwrap().to_string();
    let words = ["-s", &socket, "-r", "nightly", "--"].map(str::to_string);
    let example = program("try_lock").to_str().unwrap().to_string();
    flom(words.into_iter().chain([example]))
        .env("HOME", home.path().to_str().unwrap())
        .run()
        .expect(
            0,
            "somebody else is at it\nnightly was not granted within 200 ms\n",
            "",
        );
}

#[test]
fn readers_read_together_and_a_writer_writes_alone() {
    run("readers_writers", &[]).expect(
        0,
        "2 read at the same time\na writer gets in: false\n\
         now it writes, in mode Exclusive\na reader gets in: false\n",
        "",
    );
}

#[test]
fn a_pool_has_so_many_and_no_more() {
    run("pool", &[]).expect(
        0,
        "seats taken: 7\nfour more: false\nthree more: true\n\
         eleven: seat[10] can never satisfy the request\n",
        "",
    );
}

#[test]
fn a_set_gives_each_element_once() {
    run("set", &[]).expect(
        0,
        "printing on inkjet and laser\na third one is free: false\n",
        "",
    );
}

#[test]
fn a_sequence_has_no_gaps() {
    run("sequence", &[]).expect(0, "a first try at invoice 1\ninvoice 1\ninvoice 2\n", "");
}

#[test]
fn no_time_is_given_twice() {
    let finished = run("timestamp", &[]);
    assert_eq!(finished.code(), 0, "{finished:?}");
    let said = "3 different names, such as backup-20";
    assert!(finished.stdout.starts_with(said), "{finished:?}");
}

#[test]
fn a_tree_is_locked_in_parts_or_as_a_whole() {
    run("hierarchy", &[]).expect(
        0,
        "somebody writes orders\ncustomers are free: true\n\
         all of the shop is free: false\nclosed for stocktaking\n\
         customers are free: false\n",
        "",
    );
}

#[test]
fn one_thread_waits_for_many_locks() {
    run("pending_mio", &["300"]).expect(0, "300 locks, one after the other\n", "");
}

#[test]
fn a_daemon_is_discovered_or_missed() {
    let Some([a, b]): Option<[Host; 2]> = hosts() else {
        return;
    };
    a.cable("eth0", &b, "eth0");
    let discover = || {
        Program::new(program("discover"))
            .args(["ff02::1", "28015", "eth0"])
            .on(&a)
            .run()
    };
    discover().expect(
        0,
        "no daemon answered 3 queries to group ff02::1 port 28015, and none is to be started\n",
        "",
    );
    b.flom(["-A", "ff02::1", "-n", "eth0", "-d", "60000", "--", "true"])
        .run()
        .expect(0, "", "");
    let found = discover();
    assert_eq!(found.code(), 0, "{found:?}");
    let address = format!("found the daemon at [{}%", b.link_local("eth0"));
    assert!(found.stdout.starts_with(&address), "{found:?}");
    assert!(found.stdout.ends_with("locked stock\n"), "{found:?}");
}

#[test]
fn a_connection_is_encrypted_for_who_can_prove_who_he_is() {
    let lab = Lab::new();
    lab.add("foreign", &lab.other.host(&lab.id), &[&lab.authority]);
    let daemon = Daemon::start_tcp_with(&refs(&lab.words("good")));
    let address = daemon.tcp_address();
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let file = |name: &str| lab.scratch.file(name).to_str().unwrap().to_string();
    let connect = |name: &str| {
        let files = ["pem", "key", "ca"].map(|extension| file(&format!("{name}.{extension}")));
        let words = [host.clone(), port.clone()].into_iter().chain(files);
        Program::new(program("tls")).args(words).run()
    };
    connect("good").expect(0, "locked secret, and nobody could listen\n", "");
    assert_eq!(connect("foreign").code(), 1);
    let missing = connect("missing");
    assert!(missing.stderr.contains("missing.pem"), "{missing:?}");
}
