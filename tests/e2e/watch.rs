//! `flom --watch`: the live view on a terminal.

use rustix::process::Signal;

use crate::harness::{Daemon, Running, Terminal, Wire, ask, unlock};

const SIZE: (u16, u16) = (24, 80);

/// What gives the screen back to the shell.
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// Somebody who watches this daemon on this terminal, and sees something already.
fn watching(terminal: &Terminal, daemon: &Daemon, words: &[&str]) -> Running {
    let socket = daemon.socket().to_str().unwrap();
    let all = ["--watch", "-s", socket]
        .into_iter()
        .chain(words.iter().copied());
    let flom = terminal.run_full(SIZE, "exec \"$FLOM\" \"$@\"", all);
    terminal.wait_for("q quits");
    flom
}

/// Clients that hold `name` and wait for it, the holder first.
fn queue(daemon: &Daemon, name: &str, waiters: usize) -> Vec<Wire> {
    let client = |_| {
        let mut wire = daemon.connect();
        wire.ask(ask(name));
        wire
    };
    (0..=waiters).map(client).collect()
}

#[test]
fn what_changes_is_seen_until_somebody_has_seen_enough() {
    let (daemon, terminal) = (Daemon::start(), Terminal::new());
    let before = terminal.modes();
    let mut flom = watching(&terminal, &daemon, &[]);
    assert_ne!(terminal.modes(), before);
    let mut clients = queue(&daemon, "db", 1);
    terminal.wait_for("1 resource, 1 lock held, 1 request waiting");
    clients[0].say(unlock("db"));
    terminal.wait_for("1 resource, 1 lock held, 0 requests waiting");
    clients.clear();
    terminal.wait_for("nothing is locked, and nobody waits");
    assert!(flom.is_running());
    terminal.press("q");
    terminal.wait_for(LEAVE);
    assert_eq!(flom.wait().code(), 0);
    assert_eq!(terminal.modes(), before);
}

#[test]
fn the_terminal_is_as_it_was_however_it_ends() {
    let daemon = Daemon::start();
    type End = fn(&Terminal, &Running);
    let ends: [(End, i32); 4] = [
        (|terminal, _| terminal.press("\x03"), 0),
        (|_, flom| flom.signal(Signal::TERM), 128 + 15),
        (|_, flom| flom.signal(Signal::HUP), 128 + 1),
        (|_, flom| flom.signal(Signal::INT), 128 + 2),
    ];
    for (end, code) in ends {
        let terminal = Terminal::new();
        let before = terminal.modes();
        let flom = watching(&terminal, &daemon, &[]);
        end(&terminal, &flom);
        terminal.wait_for(LEAVE);
        assert_eq!(flom.wait().code(), code);
        assert_eq!(terminal.modes(), before);
    }
}

#[test]
fn a_long_queue_fits_on_the_screen() {
    let (daemon, terminal) = (Daemon::start(), Terminal::new());
    let _clients = queue(&daemon, "db", 1000);
    let _others = (0..40).map(|n| queue(&daemon, &format!("other{n}"), 0));
    let _others: Vec<_> = _others.collect();
    let socket = daemon.socket().to_str().unwrap();
    let words = ["--watch", "-s", socket];
    let flom = terminal.run_full(SIZE, "exec \"$FLOM\" \"$@\"", words);
    let frame = terminal.wait_for("turn pages, q quits");
    assert!(
        frame.contains("41 resources, 41 locks held, 1000 requests waiting"),
        "{frame}"
    );
    assert!(frame.contains("  ...       and 991 more"), "{frame}");
    let painted = frame.rsplit("\x1b[H").next().unwrap();
    let lines: Vec<_> = painted.split("\r\n").collect();
    assert_eq!(lines.len(), 24, "{lines:#?}");
    for line in &lines {
        let shown = line.replace("\x1b[K", "").replace("\x1b[7m", "");
        let shown = shown.split("\x1b[m").next().unwrap().to_string();
        assert!(shown.chars().count() <= 80, "{shown}");
    }
    terminal.press("G");
    terminal.wait_for("other9  simple");
    terminal.press("g");
    terminal.wait_for("db  simple");
    terminal.press("q");
    terminal.wait_for(LEAVE);
    flom.wait();
}

#[test]
fn one_resource_can_be_watched() {
    let (daemon, terminal) = (Daemon::start(), Terminal::new());
    let _clients = queue(&daemon, "other", 2);
    let flom = watching(&terminal, &daemon, &["-r", "db"]);
    let _holder = queue(&daemon, "db", 0);
    let shown = terminal.wait_for("holds     EX");
    assert!(!shown.contains("other"), "{shown}");
    terminal.press("q");
    terminal.wait_for(LEAVE);
    flom.wait();
}

#[test]
fn a_daemon_that_has_gone_is_missed() {
    let (mut daemon, terminal) = (Daemon::start(), Terminal::new());
    let mut flom = watching(&terminal, &daemon, &[]);
    daemon.signal(Signal::TERM);
    daemon.wait_for_end();
    terminal.wait_for("not as it is now: ");
    assert!(flom.is_running());
    terminal.press("q");
    terminal.wait_for(LEAVE);
    assert_eq!(flom.wait().code(), 0);
}

#[test]
fn where_there_is_no_terminal_it_says_what_to_do_instead() {
    let daemon = Daemon::start();
    let message = "flom: --watch needs a terminal to read from and to write to; --status prints the \
                   same once\n";
    daemon.flom(["--watch"]).run().expect(99, "", message);
}
