//! The streams a program starts with: closed ones, and those that nobody reads; SIGPIPE.

use std::fs;
use std::io;

use crate::harness::{Daemon, Program, Scratch};

/// What the command finds as its stdin, stdout and stderr, written into the file `$1`.
const STREAMS: &str = "streams=$(cd /proc/$$/fd; for n in 0 1 2; do readlink $n; done)
    echo \"$streams\" >\"$1\"";

const ALL_CLOSED: &str = "<&- >&- 2>&-";

#[test]
fn streams_that_are_closed_are_nothing_and_no_socket() {
    let daemon = Daemon::start();
    let found = daemon.scratch().file("found");
    let words = [daemon.socket(), &found].map(|path| path.to_str().unwrap());
    for closed in [ALL_CLOSED, "<&-", ">&-", "2>&-", "<&- 2>&-"] {
        let script = format!("exec \"$FLOM\" -s \"$1\" -d 0 -- sh -c \"$3\" sh \"$2\" {closed}");
        let flom = Program::sh(&script, words).args([STREAMS]);
        assert_eq!(flom.run().code(), 0, "{closed}");
        let found = fs::read_to_string(&found).unwrap();
        let streams: Vec<&str> = found.lines().collect();
        assert_eq!(streams.len(), 3, "{closed}: {found}");
        for (stream, sign) in streams.into_iter().zip(["<", " >", "2"]) {
            let nothing = format!(" {closed}").contains(sign);
            let expected = if nothing { "/dev/null" } else { "pipe:" };
            assert!(stream.starts_with(expected), "{closed}: {found}");
        }
    }
}

#[test]
fn a_daemon_whose_streams_are_closed_has_no_socket_there() {
    let script = format!("exec \"$FLOMD\" \"$@\" {ALL_CLOSED}");
    let daemon = Daemon::start_with(&script);
    let scratch = Scratch::new();
    let found = scratch.file("found");
    assert_eq!(daemon.flom(["--", "true"]).run().code(), 0);
    let script = "for n in 0 1 2; do readlink /proc/$1/fd/$n; done >\"$2\"";
    let pid = daemon.pid().to_string();
    let words = [&pid, found.to_str().unwrap()];
    Program::sh(script, words).run().expect(0, "", "");
    let found = fs::read_to_string(found).unwrap();
    assert_eq!(found, "/dev/null\n".repeat(3));
}

#[test]
fn output_that_nobody_reads_does_not_end_a_program() {
    let daemon = Daemon::start();
    let unread = || {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        writer
    };
    let unwritten = "flom: cannot write what the daemon says: Broken pipe (os error 32)\n";
    for (words, status, told) in [
        ("--help-all", 0, ""),
        ("--unique-id", 0, ""),
        ("-s \"$1\" --status", 99, unwritten),
    ] {
        let script = format!("\"$FLOM\" {words} >&0; echo $?");
        let socket = daemon.socket().to_str().unwrap();
        let flom = Program::sh(&script, [socket]).spawn_reading(unread());
        flom.wait().expect(0, &format!("{status}\n"), told);
    }
}

#[test]
fn the_command_has_sigpipe_as_flom_had_it() {
    let daemon = Daemon::start();
    let socket = daemon.socket().to_str().unwrap();
    let command = "grep SigIgn /proc/self/status";
    let locked = "\"$FLOM\" -s \"$1\" -d 0 -- sh -c \"$2\"";
    for before in ["", "trap '' PIPE; "] {
        let words = [socket, command];
        let plain = Program::sh(&format!("{before}sh -c \"$2\""), words).run();
        let flom = Program::sh(&format!("{before}{locked}"), words).run();
        flom.expect(0, &plain.stdout, "");
        let ignored = plain.stdout.trim().ends_with("1000");
        assert_eq!(ignored, !before.is_empty(), "{}", plain.stdout);
    }
}
