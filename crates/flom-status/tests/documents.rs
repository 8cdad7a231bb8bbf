//! What a view looks like as text and as JSON.

#![expect(clippy::unwrap_used, reason = "tests, also their helpers, may panic")]

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use flom_core::{Event, LockManager, Request};
use flom_status::{Document, Format, Peer, Question, View, why, why_waits};
use flom_types::{Fairness, LockMode, Now, ResourceName, SessionId, Time, Who};
use jiff::tz::TimeZone;
use serde_json::Value;

fn name(text: &[u8]) -> ResourceName {
    ResourceName::parse(text).unwrap()
}

fn at(ms: u64) -> Now {
    let wall_us = 1_795_000_000_000_000 + i64::try_from(ms).unwrap() * 1000;
    let time = Time(ms);
    Now { time, wall_us }
}

/// When who asks for what: mode, units, and whether it may be created.
type Deed = (u64, u64, &'static [u8], LockMode, u32, bool);

fn story() -> LockManager {
    use LockMode::{Exclusive as EX, ProtectedRead as PR};
    let mut manager = LockManager::new(Fairness::default(), TimeZone::UTC);
    let deeds: [Deed; 14] = [
        (0, 1, b"db", PR, 1, true),
        (1_000, 2, b"db", PR, 1, true),
        (2_000, 3, b"db", EX, 1, true),
        (3_000, 4, b"db", PR, 1, true),
        (4_000, 5, b"pool[5]", EX, 4, true),
        (5_000, 6, b"pool[5]", EX, 2, true),
        (6_000, 7, b"red.green", EX, 1, true),
        (6_000, 8, b"/etc/\xff", EX, 1, true),
        (7_000, 9, b"/etc", PR, 1, true),
        (8_000, 10, b"_S_run[1]", EX, 1, true),
        (8_500, 11, b"_t_%F.%T[2]", EX, 1, true),
        (8_900, 12, b"_t_%F.%T[2]", EX, 1, true),
        (8_900, 13, b"later", EX, 1, false),
        (8_900, 14, b"idle", EX, 1, true),
    ];
    for (ms, session, resource, mode, quantity, create) in deeds {
        let request = Request {
            resource: name(resource),
            mode,
            quantity,
            wait: true,
            create,
            idle_lifespan_ms: 0,
        };
        let session = SessionId(session);
        manager
            .handle(
                at(ms),
                Event::Lock {
                    session,
                    request,
                    nesting: None,
                },
            )
            .for_each(drop);
    }
    let session = SessionId(14);
    manager
        .handle(at(8_950), Event::Gone { session })
        .for_each(drop);
    manager
}

fn view() -> View {
    let who = Who {
        host: Some("alpha".to_owned()),
        user: Some("ann".to_owned()),
        pid: Some(812),
        label: Some("nightly \"run\"".to_owned()),
        command: Some("backup.sh\n--all".to_owned()),
    };
    let known = Peer {
        number: 1,
        address: None,
        who: Some(Arc::new(who)),
        is_lost: false,
    };
    let far = Peer {
        number: 3,
        address: "192.0.2.7:4711".parse().ok(),
        who: None,
        is_lost: false,
    };
    let peers = [(SessionId(3), far), (SessionId(1), known)];
    View::new(story().snapshot(at(8_960)), peers)
}

fn whole(view: View, format: Format, only: Option<&[u8]>, enough: usize) -> String {
    let mut document = Document::new(Arc::new(view), format, only.map(name));
    let mut all = String::new();
    loop {
        let mut piece = String::new();
        let more = document.write(&mut piece, enough);
        all += &piece;
        if !more {
            return all;
        }
    }
}

fn question(resource: &[u8], mode: LockMode, quantity: u32, create: bool) -> Question {
    Question {
        resource: name(resource),
        mode,
        quantity,
        create,
    }
}

#[test]
fn the_text_shows_everything_in_order() {
    let expected = "\
7 resources, 8 locks held, 4 requests waiting, 1 parked

/etc  hierarchical
  holds     EX on /etc/\u{fffd}     2s  session 8
  waits 1   PR on /etc     1s  session 9

_S_run[1]  sequence, 0 of 1 places free
  holds     number 1     0s  session 10

_t_%F.%T[2]  timestamp, 1 of 2 places free, next one in 40 ms
  holds     2026-11-18.11:06:48     0s  session 11
  waits 1   one          0s  session 12

db  simple
  holds     PR           8s  ann@alpha pid 812 \"nightly \"run\"\" backup.sh?--all
  holds     PR           7s  session 2
  holds     PR           5s  session 4
  waits 1   EX           6s  session 3 from 192.0.2.7:4711

idle  simple, idle, kept for 1990 ms

pool[5]  numeric, 1 of 5 units free
  holds     4 units      4s  session 5
  waits 1   2 units      3s  session 6

red.green  set, 1 of 2 elements free
  holds     red          2s  session 7

wait for a resource to be created
  parked    EX of later     0s  session 13
";
    assert_eq!(whole(view(), Format::Text, None, usize::MAX), expected);
}

#[test]
fn one_resource_can_be_looked_at_alone() {
    let text = whole(view(), Format::Text, Some(b"red.green"), 1);
    let expected = "red.green  set, 1 of 2 elements free\n  holds     red          2s  session 7\n";
    assert_eq!(text, expected);
    let text = whole(view(), Format::Text, Some(b"nobody"), 1);
    assert_eq!(text, "nobody  does not exist, and nobody waits for it\n");
    let text = whole(view(), Format::Text, Some(b"later"), 1);
    assert!(
        text.starts_with("wait for a resource to be created\n  parked"),
        "{text}"
    );
    let json: Value =
        serde_json::from_str(&whole(view(), Format::Json, Some(b"/etc/x/y"), 1)).unwrap();
    assert_eq!(json["resources"][0]["name"], "/etc");
    assert_eq!(json["resources"].as_array().unwrap().len(), 1);
    assert!(json["parked"].as_array().unwrap().is_empty());
}

#[test]
fn the_pieces_make_the_same_text_whatever_their_size() {
    for format in [Format::Text, Format::Json] {
        let at_once = whole(view(), format, None, usize::MAX);
        for enough in [1, 7, 300] {
            assert_eq!(whole(view(), format, None, enough), at_once);
        }
    }
    let mut document = Document::new(Arc::new(view()), Format::Json, None);
    let mut piece = String::new();
    assert!(document.write(&mut piece, 300));
    assert!(
        piece.len() < 300 + 500,
        "a piece is not much more than enough: {}",
        piece.len()
    );
}

#[test]
fn json_says_it_all() {
    let json: Value = serde_json::from_str(&whole(view(), Format::Json, None, 64)).unwrap();
    assert_eq!(json["counts"]["held"], 8);
    let resource = |name: &str| {
        let mut all = json["resources"].as_array().unwrap().iter();
        all.find(|resource| resource["name"] == name).unwrap()
    };
    let db = resource("db");
    assert_eq!(db["holders"][0]["label"], "nightly \"run\"");
    assert_eq!(db["holders"][0]["command"], "backup.sh\n--all");
    assert_eq!(db["holders"][0]["since"], "2026-11-18T11:06:40Z");
    assert_eq!(db["holders"][0]["for_ms"], 8960);
    assert_eq!(db["waiters"][0]["address"], "192.0.2.7:4711");
    assert_eq!(db["waiters"][0]["position"], 1);
    assert_eq!(resource("pool[5]")["free"], 1);
    assert_eq!(resource("idle")["idle_ms_left"], 1990);
    assert_eq!(resource("_S_run[1]")["transactional"], true);
    assert_eq!(resource("/etc")["holders"][0]["path_hex"], "2f6574632fff");
    assert_eq!(resource("_t_%F.%T[2]")["next_tick_ms"], 40);
    assert_eq!(json["parked"][0]["name"], "later");
}

/// Runs an independent validator: the package python3-jsonschema is needed; `scripts/test` installs
/// it.
fn validate(document: &str) {
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/status.schema.json");
    let program = "import json, sys, jsonschema\n\
        schema = json.load(open(sys.argv[1]))\n\
        jsonschema.Draft202012Validator.check_schema(schema)\n\
        jsonschema.Draft202012Validator(schema).validate(json.load(sys.stdin))\n";
    let python = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/python-with");
    let mut python = Command::new(python)
        .args(["jsonschema", "-c", program, schema])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    python
        .stdin
        .take()
        .unwrap()
        .write_all(document.as_bytes())
        .unwrap();
    let output = python.wait_with_output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}\n{document}");
}

#[test]
fn json_is_as_the_schema_says() {
    validate(&whole(View::default(), Format::Json, None, 64));
    validate(&whole(view(), Format::Json, None, 64));
    let view = view();
    for asked in [
        question(b"db", LockMode::Exclusive, 1, true),
        question(b"pool[5]", LockMode::Exclusive, 9, true),
        question(b"none", LockMode::Exclusive, 1, false),
        question(b"later", LockMode::Exclusive, 1, false),
        question(b"/etc/\xff/x", LockMode::ProtectedRead, 1, true),
    ] {
        validate(&why(view.snapshot(), &asked).write(&view, Format::Json));
    }
}

#[test]
fn a_judgement_names_the_rule_and_the_people() {
    let view = view();
    let text = |asked: &Question| why(view.snapshot(), asked).write(&view, Format::Text);
    assert_eq!(
        text(&question(b"db", LockMode::Exclusive, 1, true)),
        "db (EX) would wait: PR, which is held, does not go with EX\n\
         \x20 held    PR for 8s by ann@alpha pid 812 \"nightly \"run\"\" backup.sh?--all\n\
         \x20 held    PR for 7s by session 2\n\
         \x20 held    PR for 5s by session 4\n\
         \x20 before  EX for 6s by session 3 from 192.0.2.7:4711\n"
    );
    assert_eq!(
        text(&question(b"db", LockMode::ProtectedRead, 1, true)),
        "db (PR) would be granted at once: nothing is in the way\n"
    );
    assert_eq!(
        text(&question(b"pool[5]", LockMode::Exclusive, 6, true)),
        "pool[5] (6 units) would be refused: it has 5 units, 6 can never be free\n"
    );
}

#[test]
fn somebody_who_waits_is_told_why_in_one_line() {
    let view = view();
    let line = |session| {
        why_waits(view.snapshot(), SessionId(session))
            .unwrap()
            .line(&view)
    };
    assert_eq!(
        line(3),
        "waits for db (EX): 3 hold it, first PR for 8s by ann@alpha pid 812 \"nightly \"run\"\" \
         backup.sh?--all"
    );
    assert_eq!(
        line(6),
        "waits for pool[5] (2 units): 1 of 5 units are free, 2 asked for; \
         4 units held for 4s by session 5"
    );
    assert_eq!(
        line(12),
        "waits for _t_%F.%T[2]: the next one can be made in 40 ms"
    );
    let creation =
        "waits for later (EX): it does not exist yet, and somebody else has to create it";
    assert_eq!(line(13), creation);
}
