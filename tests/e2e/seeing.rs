//! Seeing who holds what, and why one waits.

use std::time::Duration;

use crate::harness::{
    Daemon, FakeDaemon, Heard, Scratch, Terminal, flom, hosts, message, validate,
};

/// Words before a command that holds `db` until its standard input closes.
const HOLD: [&str; 7] = ["-r", "db", "--", "sh", "-c", "echo held; exec cat", "hold"];

/// An answer of FLoM 1.7.2 to the question who it is.
const OLD_ANSWER: &str = "<session peerid=\"x\"/><answer rc=\"5\"/>";

#[test]
fn the_status_names_holders_and_waiters_as_text_and_as_json() {
    let daemon = Daemon::start();
    let words = ["--label", "nightly \"run\""].into_iter().chain(HOLD);
    let mut holder = daemon.flom(words).spawn();
    holder.wait_for_stdout("held\n");
    let waiter = daemon.waiter(["-r", "db", "-l", "PR", "--", "echo", "mine"]);
    let text = daemon.flom(["--status"]).run().expect_code(0).stdout;
    assert!(
        text.starts_with("1 resource, 1 lock held, 1 request waiting\n\ndb  simple\n"),
        "{text}"
    );
    let of_holder = format!(
        "pid {} \"nightly \"run\"\" sh -c echo held; exec cat",
        holder.pid()
    );
    assert!(
        text.contains(&of_holder) && text.contains(" echo mine\n"),
        "{text}"
    );
    let json = daemon
        .flom(["--status", "--format=json"])
        .run()
        .expect_code(0)
        .stdout;
    validate(&json);
    assert!(json.contains(r#""label":"nightly \"run\"""#), "{json}");
    let one = daemon.flom(["--status", "-r", "other"]).run();
    one.expect(0, "other  does not exist, and nobody waits for it\n", "");
    let why = daemon
        .flom(["--why", "-r", "db", "-l", "PR", "--format", "json"])
        .run();
    validate(&why.expect_code(98).stdout);
    let text = daemon
        .flom(["--why", "-r", "db"])
        .run()
        .expect_code(98)
        .stdout;
    assert!(
        text.starts_with("db (EX) would wait: EX, which is held, does not go with EX\n"),
        "{text}"
    );
    let free = "free (EX) would be granted at once: it does not exist and would be created\n";
    daemon
        .flom(["--why", "-r", "free"])
        .run()
        .expect(0, free, "");
    let never = "n[2] (3 units) would be refused: it has 2 units, 3 can never be free\n";
    daemon
        .flom(["--why", "-r", "n[2]", "-q", "3"])
        .run()
        .expect(99, never, "");
    holder.close_stdin();
    waiter.wait().expect(0, "mine\n", "");
}

#[test]
fn nobody_is_started_only_to_be_looked_at() {
    let scratch = Scratch::new();
    let socket = scratch.file("socket");
    let looked = flom(["-s", socket.to_str().unwrap(), "--status"]).run();
    let looked = looked.expect_code(99);
    assert_eq!(looked.stdout, "");
    assert!(
        looked.stderr.starts_with("flom: no daemon at "),
        "{looked:?}"
    );
    assert!(!socket.exists());
    flom(["--why"])
        .run()
        .expect(99, "", "flom: --why: say which resource, with -r NAME\n");
    flom(["--status", "--format=xml"]).run().expect(
        99,
        "",
        "flom: --format: expected text or json\n",
    );
    flom(["--format=json", "--", "echo", "no"]).run().expect(
        99,
        "",
        "flom: --format: goes with --status or --why only\n",
    );
}

#[test]
fn an_old_daemon_is_told_nothing_that_harms_it_and_the_user_that_it_is_old() {
    let old = FakeDaemon::new(|mut wire| {
        let Heard::Message(question) = wire.hear() else {
            panic!("no question");
        };
        assert!(
            question.len() <= 511 && question.contains(r#"verb="1" step="8""#),
            "{question}"
        );
        assert!(question.contains(r#"wait="0" create="0""#), "{question}");
        wire.say(message(1, 16, OLD_ANSWER));
        assert_eq!(wire.hear(), Heard::Closed);
    });
    let looked = old.flom(["--status"]).run().expect_code(99);
    assert!(
        looked
            .stderr
            .contains("is one of FLoM 1.7.2, which cannot show what it keeps"),
        "{looked:?}"
    );
    old.finish();
}

#[test]
fn an_old_daemon_is_not_asked_why_one_waits() {
    let old = FakeDaemon::new(|mut wire| {
        wire.hear();
        wire.say(message(1, 16, "<session peerid=\"x\"/><answer rc=\"1\"/>"));
        assert!(!wire.has_ended_within(Duration::from_millis(1500)));
        assert_eq!(wire.pending(), b"", "it must not be asked");
        wire.say(message(1, 24, "<answer rc=\"0\"/>"));
        wire.hear();
        assert_eq!(wire.hear(), Heard::Closed);
    });
    let waited = old.flom(["--wait-report=0", "--", "echo", "mine"]).run();
    waited.expect(0, "mine\n", "flom: [0s] waits for the lock\n");
    old.finish();
}

#[test]
fn who_waits_is_told_for_whom_where_it_wants_to_be() {
    let daemon = Daemon::start();
    let mut holder = daemon.holder("db");
    let waiter = daemon.waiter(["-r", "db", "--wait-report=0", "--", "echo", "mine"]);
    let line = waiter.wait_for_stderr("echo held; exec cat\n");
    assert!(
        line.starts_with("flom: [0s] waits for db (EX): EX held for"),
        "{line}"
    );
    let quiet = daemon.waiter([
        "-r",
        "db",
        "--wait-report=0",
        "--quiet",
        "--",
        "echo",
        "quiet",
    ]);
    let next = daemon.waiter(["-r", "db", "--wait-report=0", "--", "echo", "next"]);
    next.wait_for_stderr(": 2 requests before; EX held for");
    holder.close_stdin();
    waiter.wait().expect_code(0);
    quiet.wait().expect(0, "quiet\n", "");
    let ended = next.wait().expect_code(0);
    assert_eq!(ended.stdout, "next\n");
}

#[test]
fn who_gives_up_is_told_who_has_it_where_it_wants_to_be() {
    let daemon = Daemon::start();
    let _holder = daemon.holder("db");
    let words = ["-r", "db", "-o", "0", "--wait-report", "--", "echo", "no"];
    let busy = daemon.flom(words).run().expect_code(98);
    assert!(busy.stderr.contains("echo held; exec cat\n"), "{busy:?}");
    assert!(
        busy.stderr
            .ends_with("Resource already locked, the lock cannot be obtained\n")
    );
    let words = [
        "-r",
        "db",
        "-o",
        "100",
        "--wait-report=60",
        "--",
        "echo",
        "no",
    ];
    let late = daemon.flom(words).run().expect_code(98);
    assert!(
        late.stderr
            .starts_with("flom: waits for db (EX): EX held for"),
        "{late:?}"
    );
    assert!(
        late.stderr
            .ends_with("timeout (100 milliseconds) expired\n"),
        "{late:?}"
    );
}

#[test]
fn on_a_terminal_a_wait_is_explained_in_one_line_that_goes() {
    let daemon = Daemon::start();
    let mut holder = daemon.holder("db");
    let terminal = Terminal::new();
    let socket = daemon.socket().to_str().unwrap();
    let flom = env!("CARGO_BIN_EXE_flom");
    let script = "\"$1\" -s \"$2\" -r db -- echo mine; echo over >&2";
    let waiter = terminal.run_shown(script, [flom, socket]);
    // A terminal that does not say how wide it is has 80 columns, and who has the lock is in them.
    let shown = terminal.wait_for(" pid ");
    assert!(
        shown.contains("waits for db (EX): EX held for "),
        "{shown:?}"
    );
    assert!(shown.contains("\r\u{1b}[2Kflom: ["), "{shown:?}");
    holder.close_stdin();
    let shown = terminal.wait_for("over");
    assert!(shown.contains("\r\u{1b}[2Kover"), "{shown:?}");
    waiter.wait().expect(0, "mine\n", "");
}

#[test]
fn what_another_host_holds_is_seen_across_the_network() {
    let Some([here, there]) = hosts() else { return };
    here.cable("eth0", &there, "eth0");
    here.add_ipv4("eth0", "10.1.0.1/24");
    there.add_ipv4("eth0", "10.1.0.2/24");
    let daemon = Daemon::start_on(&here, "10.1.0.1".parse().unwrap(), &[]);
    let holder = daemon.flom(HOLD).on(&there).spawn();
    holder.wait_for_stdout("held\n");
    for host in [&here, &there] {
        let json = daemon.flom(["--status", "--format=json"]).on(host).run();
        let json = json.expect_code(0).stdout;
        validate(&json);
        assert!(json.contains(r#""address":"10.1.0.2:"#), "{json}");
        let why = daemon
            .flom(["--why", "-r", "db"])
            .on(host)
            .run()
            .expect_code(98);
        assert!(why.stdout.contains("sh -c echo held; exec cat"), "{why:?}");
    }
}

#[test]
fn who_may_not_look_is_told_so_and_may_lock_all_the_same() {
    let daemon = Daemon::start_tcp_with(&["--access-observe=uid:4000000"]);
    let looked = daemon.flom(["--status"]).run().expect_code(99);
    assert!(
        looked
            .stderr
            .contains("may not look at it ([Access] Observe)"),
        "{looked:?}"
    );
    daemon
        .flom(["--", "echo", "mine"])
        .run()
        .expect(0, "mine\n", "");
}
