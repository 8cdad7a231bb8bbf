//! Clients that say what no client should: each row of `spec/protocol.md` §14. Whoever says it
//! loses at most the connection it says it on.

use std::time::{Duration, Instant};

use crate::harness::{Daemon, Flow, Heard, Running, Tap, Wire, ask, message, unlock};

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Closed without a word.
    Closed,
    /// Answered so.
    Answered(i32),
    /// Told that this is no name, then closed.
    Refused,
}

/// A daemon that has one holder and one waiter.
struct Scene {
    daemon: Daemon,
    holder: Running,
    waiter: Running,
    tap: Tap,
    before: Vec<Flow>,
}

impl Scene {
    fn new(daemon: Daemon) -> Self {
        let holder = daemon.holder("db");
        let tap = daemon.tap();
        let waiter = tap.flom(["-r", "db", "--", "echo", "mine"]).spawn();
        tap.wait_for_answer("rc=\"1\"");
        let before = tap.flows();
        Self {
            daemon,
            holder,
            waiter,
            tap,
            before,
        }
    }

    /// Fails unless holder and waiter are as before, and a third client is served within a second.
    #[track_caller]
    fn assert_unharmed(&mut self, what: &str) {
        let asked = Instant::now();
        let mut third = self.daemon.connect();
        assert_eq!(third.ask(ask("third")), (16, 0), "{what}");
        third.finish();
        assert_eq!(third.hear(), Heard::Closed, "{what}");
        assert!(asked.elapsed() < Duration::from_secs(1), "{what}");
        assert_eq!(self.daemon.probe("db"), 4, "{what}");
        assert!(
            self.daemon.is_running() && self.holder.is_running(),
            "{what}"
        );
        assert!(self.waiter.is_running(), "{what}: {:?}", self.waiter);
        assert_eq!(self.tap.flows(), self.before, "{what}");
    }

    /// Lets the waiter have what it waits for.
    fn finish(mut self) {
        self.holder.close_stdin();
        self.holder.wait().expect(0, "held\n", "");
        self.waiter.wait().expect(0, "mine\n", "");
    }
}

/// What has become of a connection on which that was said.
#[track_caller]
fn fate(wire: &mut Wire, what: &str) -> Fate {
    match wire.hear() {
        Heard::Closed => Fate::Closed,
        said => match said.answer() {
            (16, -14) => {
                assert_eq!(wire.hear(), Heard::Closed, "{what}");
                Fate::Refused
            }
            (16, code) => Fate::Answered(code),
            other => panic!("{what}: {other:?}"),
        },
    }
}

/// A lock message with this in its `resource`.
fn lock_with(attributes: &str) -> Vec<u8> {
    message(
        1,
        8,
        &format!("<session peerid=\"p\"/><resource {attributes}/>"),
    )
    .into_bytes()
}

/// A lock message for a resource of this name, which says only that.
fn lock_of(name: &str) -> Vec<u8> {
    use base64::Engine;
    let name = base64::engine::general_purpose::STANDARD.encode(name);
    lock_with(&format!(
        "name=\"{name}\" mode=\"5\" quantity=\"1\" wait=\"1\" create=\"1\""
    ))
}

/// What is no message at all, or one that no client may send.
fn nonsense() -> Vec<(&'static str, Vec<u8>)> {
    let other_level = ask("x").message().replace("level=\"3\"", "level=\"4\"");
    let text = |name, bytes: &str| (name, bytes.as_bytes().to_vec());
    vec![
        text("no XML", "hello</msg>"),
        text("wrong nesting", "<foo></msg>"),
        text("nothing but the end", "</msg>"),
        (
            "bad UTF-8",
            b"<msg level=\"3\" verb=\"1\" step=\"8\"><x y=\"\xff\xfe\"/></msg>".to_vec(),
        ),
        ("other level", other_level.into_bytes()),
        text(
            "level 0",
            "<msg level=\"0\" verb=\"1\" step=\"8\"><resource name=\"eA==\"/></msg>",
        ),
        ("no end, too long", vec![b'x'; 70_000]),
        text("no verb", "<msg level=\"3\" step=\"8\"></msg>"),
        text(
            "no step",
            "<msg level=\"3\" verb=\"1\"><resource name=\"eA==\"/></msg>",
        ),
        ("verb 0", message(0, 8, "").into_bytes()),
        ("unknown verb", message(9, 8, "").into_bytes()),
        (
            "wrong step",
            message(1, 9, "<resource name=\"eA==\"/>").into_bytes(),
        ),
        (
            "an answer",
            message(1, 16, "<answer rc=\"0\"/>").into_bytes(),
        ),
        (
            "a later answer",
            message(1, 24, "<answer rc=\"0\"/>").into_bytes(),
        ),
        (
            "a last answer",
            message(1, 32, "<answer rc=\"0\"/>").into_bytes(),
        ),
        ("no answer to a ping", message(3, 24, "").into_bytes()),
        (
            "here I am",
            message(4, 16, "<network address=\"\" port=\"1\"/>").into_bytes(),
        ),
        (
            "management without action",
            message(5, 8, "<shutdown/>").into_bytes(),
        ),
        (
            "management without shutdown",
            message(5, 8, "").into_bytes(),
        ),
        (
            "management, wrong step",
            message(5, 16, "<shutdown immediate=\"1\"/>").into_bytes(),
        ),
        (
            "lock without resource",
            message(1, 8, "<session peerid=\"p\"/>").into_bytes(),
        ),
        (
            "lock without name",
            lock_with("mode=\"5\" wait=\"1\" create=\"1\""),
        ),
        (
            "mode -1",
            lock_with("name=\"eA==\" mode=\"-1\" wait=\"1\" create=\"1\""),
        ),
        (
            "mode 6",
            lock_with("name=\"eA==\" mode=\"6\" wait=\"1\" create=\"1\""),
        ),
        (
            "a mode of many digits",
            lock_with("name=\"eA==\" mode=\"99999999999999999999\" wait=\"1\" create=\"1\""),
        ),
    ]
}

/// What only a first message is too.
fn out_of_turn() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("unlock first", unlock("db").into_bytes()),
        (
            "unlock without name",
            message(2, 8, "<resource rollback=\"0\" />").into_bytes(),
        ),
        ("unlock without resource", message(2, 8, "").into_bytes()),
    ]
}

#[test]
fn a_first_message_that_is_nonsense_costs_only_its_own_connection() {
    for daemon in [Daemon::start(), Daemon::start_tcp()] {
        let mut scene = Scene::new(daemon);
        for (what, bytes) in nonsense().into_iter().chain(out_of_turn()) {
            let mut wire = scene.daemon.connect();
            wire.say(&bytes);
            assert_eq!(fate(&mut wire, what), Fate::Closed, "{what}");
            scene.assert_unharmed(what);
        }
        scene.finish();
    }
}

#[test]
fn nonsense_on_a_connection_that_holds_a_lock_costs_that_lock() {
    for daemon in [Daemon::start(), Daemon::start_tcp()] {
        let mut scene = Scene::new(daemon);
        let discover = ("discover", message(4, 8, "").into_bytes());
        let shutdown = (
            "shutdown",
            message(5, 8, "<shutdown immediate=\"1\"/>").into_bytes(),
        );
        let other = ("unlock of another", unlock("db").into_bytes());
        let without = (
            "unlock without name",
            message(2, 8, "<resource rollback=\"0\"/>").into(),
        );
        let another = ("lock of another", ask("another").message().into_bytes());
        let rows = nonsense()
            .into_iter()
            .chain([discover, shutdown, other, without, another]);
        for (what, bytes) in rows {
            let mut wire = scene.daemon.connect();
            assert_eq!(wire.ask(ask("own")), (16, 0), "{what}");
            wire.say(&bytes);
            assert_eq!(wire.hear(), Heard::Closed, "{what}");
            assert_eq!(scene.daemon.probe("own"), 0, "{what}");
            scene.assert_unharmed(what);
        }
        scene.finish();
    }
}

#[test]
fn nonsense_while_parked_costs_only_its_own_connection() {
    let mut scene = Scene::new(Daemon::start());
    let mut later = ask("later");
    later.create = 0;
    for (what, bytes) in nonsense().into_iter().chain(out_of_turn()) {
        let mut wire = scene.daemon.connect();
        assert_eq!(wire.ask(later), (16, 2), "{what}");
        wire.say(&bytes);
        assert_eq!(wire.hear(), Heard::Closed, "{what}");
        scene.assert_unharmed(what);
    }
    scene.finish();
}

#[test]
fn discover_on_a_stream_is_answered_or_refused_and_harms_nobody() {
    for daemon in [Daemon::start(), Daemon::start_tcp()] {
        let mut scene = Scene::new(daemon);
        let mut wire = scene.daemon.connect();
        wire.say(message(4, 8, ""));
        wire.finish();
        if let Heard::Message(answer) = wire.hear() {
            assert!(answer.contains("verb=\"4\" step=\"16\""), "{answer}");
        }
        scene.assert_unharmed("discover");
        scene.finish();
    }
}

#[test]
fn names_that_are_none_are_refused() {
    let mut scene = Scene::new(Daemon::start());
    for name in [
        "", "1abc", "a b", "a\nb", "a\0", "foo[", "foo[-1]", "/", "/a//b", "a.", "_x_a[1]",
    ] {
        let mut wire = scene.daemon.connect();
        wire.say(lock_of(name));
        assert_eq!(fate(&mut wire, name), Fate::Refused, "{name:?}");
        scene.assert_unharmed(name);
    }
    scene.finish();
}

#[test]
fn units_that_cannot_be_counted_are_refused() {
    let mut scene = Scene::new(Daemon::start());
    for quantity in ["-1", "-2147483648", "99999999999999999999"] {
        // TlsxMF0= is N[10].
        let attributes =
            format!("name=\"TlsxMF0=\" quantity=\"{quantity}\" wait=\"1\" create=\"1\"");
        let mut wire = scene.daemon.connect();
        wire.say(lock_with(&attributes));
        let fate = fate(&mut wire, quantity);
        assert!(
            matches!(fate, Fate::Closed | Fate::Answered(6)),
            "{quantity}: {fate:?}"
        );
        scene.assert_unharmed(quantity);
    }
    scene.finish();
}

#[test]
fn a_timestamp_that_fits_no_answer_harms_nobody() {
    let mut scene = Scene::new(Daemon::start());
    let name = format!("_t_{}%S[1]", "%c.".repeat(30).replace("%c.", "%c"));
    for _ in 0..2 {
        let mut wire = scene.daemon.connect();
        wire.say(lock_of(&name));
        let fate = fate(&mut wire, &name);
        assert_ne!(fate, Fate::Answered(1), "nobody has it");
        scene.assert_unharmed("a long timestamp");
    }
    scene.finish();
}

#[test]
fn what_an_old_parser_ignores_is_ignored() {
    let mut scene = Scene::new(Daemon::start());
    let plain = ask("x").message();
    let session = format!("<session peerid=\"{}\"/>", crate::harness::PEER);
    for (what, said) in [
        (
            "an unknown element",
            plain.replace(&session, &format!("{session}<other/>")),
        ),
        (
            "one with attributes",
            plain.replace(&session, &format!("{session}<other a=\"1\"/>")),
        ),
        ("no session", plain.replace(&session, "")),
        ("no prolog", plain.split_once("?>").unwrap().1.to_string()),
        ("no level", plain.replace("level=\"3\" ", "")),
        (
            "an unknown attribute",
            plain.replace("mode=", "colour=\"red\" mode="),
        ),
        ("a comment", plain.replace(&session, "<!-- hi -->")),
        ("single quotes", plain.replace("mode=\"5\"", "mode='5'")),
        (
            "an entity",
            plain.replace("name=\"eA==\"", "name=\"&#101;A==\""),
        ),
        (
            "600 bytes",
            plain.replace("mode=", &format!("padding=\"{}\" mode=", "x".repeat(600))),
        ),
    ] {
        let mut wire = scene.daemon.connect();
        wire.say(&said);
        assert_eq!(fate(&mut wire, what), Fate::Answered(0), "{what}");
        assert_eq!(scene.daemon.probe("x"), 4, "{what}");
        wire.finish();
        assert_eq!(wire.hear(), Heard::Closed, "{what}");
        scene.assert_unharmed(what);
    }
    scene.finish();
}
