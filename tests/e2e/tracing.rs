//! What is traced: the bits of `FLOM_TRACE_MASK`, the form of a line, `RUST_LOG`
//! (`spec/tracing.md` §1, §2).

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::harness::{Daemon, Program, eventually, flom, wait_until};

/// A daemon in the foreground that traces into the file `trace` of its place for files.
#[track_caller]
fn traced_daemon(mask: &str) -> Daemon {
    Daemon::start_with(&format!(
        "FLOM_TRACE_MASK={mask} exec \"$FLOMD\" \"$@\" -t \"${{2%/*}}/trace\""
    ))
}

fn trace_of(daemon: &Daemon) -> String {
    text(&daemon.scratch().file("trace"))
}

/// What a file holds; nothing if there is none.
pub(crate) fn text(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_default()
}

/// What a line begins with, behind its head; fails if the head is not the one of §2.
#[track_caller]
pub(crate) fn module(line: &str) -> &str {
    let shape = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "9");
    let (time, rest) = line.split_once(" [").unwrap_or_else(|| panic!("{line:?}"));
    assert_eq!(shape(time), "9999-99-99 99:99:99.999999", "{line:?}");
    let (process, text) = rest.split_once("] ").unwrap();
    let (pid, thread) = process.split_once("/0x").unwrap();
    pid.parse::<u32>().unwrap();
    u64::from_str_radix(thread, 16).unwrap();
    text.split([':', '/']).next().unwrap()
}

fn modules(trace: &str) -> BTreeSet<&str> {
    trace.lines().map(module).collect()
}

/// Fails unless every line begins so, and there is one.
#[track_caller]
fn assert_only(trace: &str, name: &str) {
    assert_eq!(modules(trace), BTreeSet::from([name]), "{trace}");
}

#[test]
fn a_bit_shows_its_module_in_the_command_and_no_other() {
    let daemon = Daemon::start();
    for (mask, name) in [
        ("0x2", "flom_config"),
        ("0x4", "flom_exec"),
        ("8", "flom_client"),
        ("0x20", "flom_conn"),
        ("0200", "flom_msg"),
        ("0x200", "flom_resource"),
        ("0x400000", "flom_wire"),
    ] {
        let traced = daemon.flom(["--", "true"]).env("FLOM_TRACE_MASK", mask);
        assert_only(&traced.run().expect_code(0).stderr, name);
    }
    for mask in ["0", "", "none", "0x20001", "0x280040", "0xfd00"] {
        let traced = daemon.flom(["--", "true"]).env("FLOM_TRACE_MASK", mask);
        traced.run().expect(0, "", "");
    }
}

#[test]
fn a_bit_shows_its_module_in_the_daemon_and_no_other() {
    for (mask, name, resource) in [
        ("0x2", "flom_config", "db"),
        ("0x10", "flom_daemon", "db"),
        ("0x20", "flom_conn", "db"),
        ("0x80", "flom_msg", "db"),
        ("0x100", "flom_locker", "db"),
        ("0x200", "flom_resource", "db"),
        ("0x400", "flom_resource_simple", "db"),
        ("0x800", "flom_resource_numeric", "db[2]"),
        ("0x1000", "flom_resource_set", "a.b"),
        ("0x2000", "flom_resource_hier", "/a/b"),
        ("0x4000", "flom_resource_sequence", "_s_a[1]"),
        ("0x8000", "flom_resource_timestamp", "_t_%s[1]"),
        ("0x400000", "flom_wire", "db"),
    ] {
        let daemon = traced_daemon(mask);
        let locked = daemon.flom(["-r", resource, "--", "true"]);
        locked.run().expect(0, "", "");
        wait_until(name, || trace_of(&daemon).contains(name));
        assert_only(&trace_of(&daemon), name);
    }
}

#[test]
fn the_kind_of_a_resource_decides_which_bit_shows_it() {
    let daemon = traced_daemon("0x400");
    for resource in ["db[2]", "a.b", "/a/b", "_s_a[1]", "db"] {
        let locked = daemon.flom(["-r", resource, "--", "true"]);
        locked.run().expect_code(0);
    }
    wait_until("the lock", || trace_of(&daemon).contains("resource=db "));
    assert_only(&trace_of(&daemon), "flom_resource_simple");
    assert!(!trace_of(&daemon).contains("resource=a"));
}

#[test]
fn an_order_to_end_is_shown_by_both() {
    let mut daemon = traced_daemon("0x40000");
    let ordered = daemon.flom(["-X"]).env("FLOM_TRACE_MASK", "0x40000").run();
    assert_only(&ordered.expect_code(0).stderr, "flom_shutdown");
    daemon.wait_for_end();
    assert_only(&trace_of(&daemon), "flom_shutdown");
}

#[test]
fn bytes_that_are_no_message_are_shown() {
    let daemon = traced_daemon("0x40");
    daemon.connect().say("<msg level=\"9\"></msg>");
    let shown = || !trace_of(&daemon).is_empty();
    wait_until("the trace", shown);
    assert_only(&trace_of(&daemon), "flom_parser");
}

#[test]
fn both_ends_show_every_message_byte_for_byte() {
    let daemon = traced_daemon("0x400000");
    let locked = daemon.flom(["-r", "db", "--", "true"]);
    let command = locked.env("FLOM_TRACE_MASK", "0x400000").run().stderr;
    let messages = |trace: &str| -> Vec<String> {
        let message = |line: &str| Some(line.split_once(": <?xml")?.1.to_string());
        trace.lines().filter_map(message).collect()
    };
    let said = messages(&command);
    assert_eq!(said.len(), 3, "{command}"); // lock, answer, unlock
    assert!(said[0].ends_with("</msg>") && said[0].contains(" verb=\"1\" step=\"8\""));
    let heard = eventually("the same messages", || {
        let heard = messages(&trace_of(&daemon));
        (heard.len() == 3).then_some(heard)
    });
    assert_eq!(said, heard);
}

#[test]
fn a_line_that_is_too_long_is_cut_and_keeps_its_end() {
    let daemon = traced_daemon("-1");
    let name = "n".repeat(3000);
    daemon
        .flom(["-r", &name, "--", "true"])
        .run()
        .expect(0, "", "");
    let end = "flom_locker: session=2 is gone\n";
    wait_until("the end", || trace_of(&daemon).contains(end));
    let trace = trace_of(&daemon);
    let cut = trace.lines().filter(|line| line.len() == 1999).count();
    assert!(cut >= 3, "{trace}");
    for line in trace.lines() {
        assert!(line.len() <= 1999);
        module(line);
    }
}

#[test]
fn the_words_of_a_peer_make_no_lines_of_their_own() {
    let daemon = traced_daemon("-1");
    let forged = "2015-11-28 21:34:15.655916 [1/0x1] flom_shutdown: forged";
    daemon
        .connect()
        .say(format!("\n\r\n{forged}\n\u{1b}[2J\u{85}</msg>"));
    let shown = || trace_of(&daemon).contains("session=2 dropped");
    wait_until("the loss of the connection", shown);
    let trace = trace_of(&daemon);
    assert!(trace.contains("flom_shutdown: forged"));
    assert!(!modules(&trace).contains("flom_shutdown"), "{trace}");
    assert!(!trace.contains(['\u{1b}', '\u{85}', '\r']));
}

#[test]
fn the_command_is_shown_without_its_arguments() {
    let daemon = Daemon::start();
    let trace = |words: [&str; 5]| {
        let traced = daemon.flom(words).env("FLOM_TRACE_MASK", "-1");
        traced.run().stderr
    };
    let hidden = trace(["--hide-command=yes", "--", "true", "--password=secret", "x"]);
    assert!(hidden.contains("started true with 2 arguments"), "{hidden}");
    assert!(!hidden.contains("secret"), "{hidden}");
    // What the daemon is told is in the message as it is sent.
    let told = trace(["--hide-command=no", "--", "true", "--password=secret", "x"]);
    let with_secret = told.lines().filter(|line| line.contains("secret"));
    assert!(
        with_secret
            .clone()
            .all(|line| line.contains(" flom_wire: sent to ")),
        "{told}"
    );
    assert_eq!(with_secret.count(), 1, "{told}");
}

#[test]
fn what_the_log_asks_for_goes_to_stderr_by_target_and_level() {
    let daemon = Daemon::start();
    let logged = |filters: &str| {
        let run = daemon.flom(["--", "true"]).env("RUST_LOG", filters).run();
        run.expect_code(0).stderr
    };
    let debug = logged("flom=debug");
    assert!(debug.contains(" debug flom::client: "), "{debug}");
    assert!(!debug.contains("flom::wire"), "{debug}");
    let wire = logged("flom::wire=trace");
    assert!(
        wire.lines()
            .all(|line| line.contains(" trace flom::wire: ")),
        "{wire}"
    );
    assert!(wire.contains("</msg>"));
    assert_eq!(logged(""), "");
}

#[test]
fn what_both_mask_and_log_ask_for_is_shown_once() {
    let daemon = Daemon::start();
    let traced = || daemon.flom(["--", "true"]).env("FLOM_TRACE_MASK", "8");
    let lines = traced().run().stderr.lines().count();
    let both = traced().env("RUST_LOG", "flom::client=trace").run().stderr;
    assert_eq!(both.lines().count(), lines, "{both}");
    assert_only(&both, "flom_client");

    let file = daemon.scratch().file("command");
    let traced = daemon.flom(["-T", file.to_str().unwrap(), "--", "true"]);
    let traced = traced.env("FLOM_TRACE_MASK", "8");
    let logged = traced.env("RUST_LOG", "flom::client=trace").run().stderr;
    assert_eq!(logged.lines().count(), lines, "{logged}");
    assert!(logged.lines().all(|line| line.contains(" flom::client: ")));
    assert_only(&text(&file), "flom_client");
}

#[test]
fn a_daemon_in_the_foreground_shows_its_life_and_what_else_is_asked_for() {
    let script = "FLOM_TRACE_MASK=0x20 RUST_LOG=flom::locker=trace exec \"$FLOMD\" \"$@\"";
    let daemon = Daemon::start_with(script);
    daemon.flom(["--", "true"]).run().expect(0, "", "");
    let shown = daemon.wait_for_stderr(" trace flom::locker: session=2 is gone");
    assert!(shown.contains(" info FLM003N ready\n"), "{shown}");
    assert!(
        shown.contains("] flom_conn: session=2 connected\n"),
        "{shown}"
    );
}

#[test]
fn every_bit_is_in_the_long_help_of_both_programs() {
    let of_flom = flom(["--help-all"]).run().stdout;
    let flomd = Program::sh("exec \"$FLOMD\" \"$@\"", ["--help-all"]);
    let of_flomd = flomd.run().stdout;
    for bit in [
        "0x2 ",
        "0x10 ",
        "0x8000 ",
        "0x10000 ",
        "0x100000 ",
        "0x400000 ",
    ] {
        assert!(of_flom.contains(bit) && of_flomd.contains(bit), "{bit}");
    }
}
