//! The rows of `spec/protocol.md` §14 and §7, without sockets: what a peer says at which point of
//! the conversation, and what that comes to.

use flom_proto::Decoder;
use flom_types::limits::MESSAGE_BYTES;

use super::*;

const SESSION: SessionId = SessionId(1);
const NOW: Time = Time(0);

/// Where a conversation can stand when a message comes in.
const STATES: [State; 4] = [State::Unbound, State::Parked, State::Bound, State::Over];

/// A peer, as bytes go to the decoder and messages to the conversation.
struct Peer {
    decoder: Decoder,
    conversation: Conversation,
}

impl Peer {
    fn at(state: State) -> Self {
        Self {
            decoder: Decoder::new(),
            conversation: Conversation {
                state,
                ..Conversation::default()
            },
        }
    }

    /// What `bytes` come to; `Err` loses the connection.
    fn says(&mut self, bytes: &[u8]) -> Result<Option<Heard>, String> {
        self.decoder.feed(bytes);
        match self.decoder.next_message() {
            Ok(None) => Ok(None),
            Ok(Some(message)) => match self.conversation.hear(NOW, SESSION, message) {
                Ok(heard) => Ok(Some(heard)),
                Err(fault) => Err(fault.to_string()),
            },
            Err(fault) => Err(fault.to_string()),
        }
    }
}

fn message(verb: i32, step: i32, body: &str) -> String {
    format!(r#"<msg level="3" verb="{verb}" step="{step}">{body}</msg>"#)
}

/// A request for `A`, with whatever else `attributes` say.
fn lock(attributes: &str) -> String {
    message(1, 8, &format!(r#"<resource name="QQ==" {attributes}/>"#))
}

/// A request for `N[10]`.
fn lock_pool(attributes: &str) -> String {
    message(
        1,
        8,
        &format!(r#"<resource name="TlsxMF0=" {attributes}/>"#),
    )
}

fn unlock() -> String {
    message(2, 8, r#"<resource name="QQ==" rollback="0" />"#)
}

fn request(text: &str) -> Request {
    match Peer::at(State::Unbound).says(text.as_bytes()) {
        Ok(Some(Heard::Event(Event::Lock {
            session: SESSION,
            request,
            ..
        }))) => request,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn what_is_no_message_loses_the_connection_wherever_it_stands() {
    let rows = [
        ("no XML", "garbage</msg>".to_owned()),
        ("wrong nesting", "<foo></msg>".to_owned()),
        (
            "another level",
            r#"<msg level="4" verb="1" step="8"></msg>"#.to_owned(),
        ),
        ("unknown verb", message(0, 8, "")),
        ("unknown verb", message(9, 8, "")),
        ("unknown step", message(1, 9, "")),
        ("unknown step", message(2, 16, "")),
        ("lock without resource", message(1, 8, "")),
        (
            "lock without name",
            message(1, 8, r#"<resource mode="5"/>"#),
        ),
        (
            "unlock without name",
            message(2, 8, r#"<resource rollback="0"/>"#),
        ),
        ("shutdown without action", message(5, 8, "<shutdown/>")),
        ("shutdown without action", message(5, 8, "")),
        ("too long", "x".repeat(MESSAGE_BYTES + 1)),
    ];
    for (what, text) in rows {
        for state in STATES {
            let said = Peer::at(state).says(text.as_bytes());
            assert!(said.is_err(), "{what} while {state:?}: {said:?}");
        }
    }
}

#[test]
fn what_is_not_utf_8_loses_the_connection() {
    let text = lock(r#"color="X""#);
    Peer::at(State::Unbound).says(text.as_bytes()).unwrap();
    let bytes: Vec<u8> = text
        .bytes()
        .map(|byte| if byte == b'X' { 0xff } else { byte })
        .collect();
    Peer::at(State::Unbound).says(&bytes).unwrap_err();
}

#[test]
fn a_message_out_of_turn_loses_the_connection() {
    use State::{Bound, Over, Parked, Unbound};
    let answer = r#"<answer rc="0"/>"#;
    let shutdown = r#"<shutdown immediate="1"/>"#;
    let network = r#"<network address="" port="1"/>"#;
    let rows: [(&str, String, &[State]); 10] = [
        ("lock", lock(r#"mode="5""#), &[Over]),
        ("unlock", unlock(), &[Unbound, Parked, Over]),
        ("shutdown", message(5, 8, shutdown), &[Parked, Bound, Over]),
        ("answer", message(1, 16, answer), &STATES),
        ("later answer", message(1, 24, answer), &STATES),
        ("last answer", message(1, 32, answer), &STATES),
        ("ping", message(3, 8, ""), &[Over]),
        ("pong", message(3, 16, ""), &[Over]),
        ("query", message(4, 8, ""), &STATES),
        ("reply", message(4, 16, network), &STATES),
    ];
    for (what, text, refused) in rows {
        for state in STATES {
            let said = Peer::at(state).says(text.as_bytes());
            let expected = refused.contains(&state);
            assert_eq!(said.is_err(), expected, "{what} while {state:?}: {said:?}");
        }
    }
}

#[test]
fn a_mode_that_does_not_exist_loses_the_connection() {
    for mode in [
        "-1",
        "6",
        "255",
        "256",
        "4294967301",
        "99999999999999999999",
    ] {
        for text in [
            lock(&format!(r#"mode="{mode}""#)),
            lock_pool(&format!(r#"mode="{mode}" quantity="1""#)),
        ] {
            Peer::at(State::Unbound)
                .says(text.as_bytes())
                .expect_err(&text);
        }
    }
    for mode in LockMode::ALL {
        assert_eq!(
            request(&lock(&format!(r#"mode="{}""#, mode.number()))).mode,
            mode
        );
    }
    assert_eq!(request(&lock("")).mode, LockMode::NullLock);
}

#[test]
fn a_quantity_that_makes_no_sense_loses_the_connection() {
    for quantity in ["-1", "0", "-2147483648", "-99999999999999999999", "many"] {
        let text = lock_pool(&format!(r#"quantity="{quantity}""#));
        Peer::at(State::Unbound)
            .says(text.as_bytes())
            .expect_err(&text);
    }
    Peer::at(State::Unbound)
        .says(lock_pool("").as_bytes())
        .unwrap_err();
    assert_eq!(request(&lock_pool(r#"quantity="4""#)).quantity, 4);
    assert_eq!(
        request(&lock_pool(r#"quantity="99999999999""#)).quantity,
        u32::MAX
    );
    assert_eq!(request(&lock("")).quantity, 1);
}

#[test]
fn a_request_is_passed_on_as_it_is_meant() {
    let attributes = r#"mode="3" wait="1" create="2" lifespan="1500""#;
    let expected = Request {
        resource: ResourceName::parse(b"A").unwrap(),
        mode: LockMode::ProtectedRead,
        quantity: 1,
        wait: true,
        create: true,
        idle_lifespan_ms: 1500,
    };
    assert_eq!(request(&lock(attributes)), expected);
    let bare = request(&lock(r#"lifespan="-1500""#));
    assert!(!bare.wait && !bare.create);
    assert_eq!(bare.idle_lifespan_ms, 0);
}

#[test]
fn unknown_elements_are_not_held_against_anybody() {
    let body = r#"<new what="ever"/><resource name="QQ==" mode="5" color="red"/>"#;
    assert_eq!(request(&message(1, 8, body)).mode, LockMode::Exclusive);
}

#[test]
fn what_is_no_name_is_answered_but_cannot_be_unlocked() {
    for state in [State::Unbound, State::Parked, State::Bound] {
        for name in ["MWFiYw==", "QQ", "", "YQpi"] {
            let body = format!(r#"<resource name="{name}" mode="5"/>"#);
            let said = Peer::at(state).says(message(1, 8, &body).as_bytes());
            assert!(
                matches!(said, Ok(Some(Heard::InvalidName(_)))),
                "{name}: {said:?}"
            );
        }
    }
    let body = r#"<resource name="MWFiYw==" rollback="0"/>"#;
    Peer::at(State::Bound)
        .says(message(2, 8, body).as_bytes())
        .unwrap_err();
}

#[test]
fn an_unlock_is_passed_on_with_its_rollback() {
    let resource = ResourceName::parse(b"A").unwrap();
    for (text, rollback) in [("0", false), ("1", true)] {
        let body = format!(r#"<resource name="QQ==" rollback="{text}" />"#);
        let said = Peer::at(State::Bound).says(message(2, 8, &body).as_bytes());
        let event = Event::Unlock {
            session: SESSION,
            resource: resource.clone(),
            rollback,
            ended: None,
        };
        assert_eq!(said, Ok(Some(Heard::Event(event))));
    }
}

#[test]
fn only_who_has_asked_for_nothing_can_end_the_daemon() {
    for (text, immediate) in [("0", false), ("1", true)] {
        let body = format!(r#"<shutdown immediate="{text}"/>"#);
        let said = Peer::at(State::Unbound).says(message(5, 8, &body).as_bytes());
        assert_eq!(said, Ok(Some(Heard::Shutdown { immediate })));
    }
}

#[test]
fn half_a_message_is_waited_for() {
    let mut peer = Peer::at(State::Unbound);
    let text = lock(r#"mode="5""#);
    let (last, first) = text.as_bytes().split_last().unwrap();
    for byte in first {
        assert_eq!(peer.says(&[*byte]), Ok(None));
    }
    assert!(matches!(
        peer.says(&[*last, b'<']),
        Ok(Some(Heard::Event(_)))
    ));
    assert_eq!(peer.says(&[]), Ok(None));
}

#[test]
fn what_may_be_said_next_follows_from_the_answer() {
    let rows = [
        (Outcome::Granted, State::Bound),
        (Outcome::Queued, State::Bound),
        (Outcome::Busy, State::Bound),
        (Outcome::Impossible, State::Bound),
        (Outcome::Parked, State::Parked),
        (Outcome::CannotWait, State::Unbound),
        (Outcome::Refused, State::Over),
        (Outcome::InvalidName, State::Over),
    ];
    for (outcome, expected) in rows {
        let mut peer = Peer::at(State::Unbound);
        peer.says(lock(r#"mode="5""#).as_bytes()).unwrap();
        peer.conversation.tell(NOW, SESSION, Step::First, outcome);
        assert_eq!(peer.conversation.state, expected, "{outcome}");
        assert_eq!(peer.conversation.may_hold(), outcome == Outcome::Granted);
    }
}

#[test]
fn an_old_client_is_never_refused_where_it_would_take_that_for_its_lock() {
    let old = r#"<session peerid="0123456789abcdef0123456789abcdef"/>"#;
    let ours = r#"<session peerid="0123456789abcdef0123456789abcdef" ext="1"/>"#;
    let plain = r#"<session peerid="x"/>"#;
    for (session, impossible) in [(old, Form::Last), (ours, Form::Later), (plain, Form::Later)] {
        let mut peer = Peer::at(State::Unbound);
        let body = format!(r#"{session}<resource name="QQ==" mode="5" wait="1"/>"#);
        peer.says(message(1, 8, &body).as_bytes()).unwrap();
        for (step, outcome, expected) in [
            (Step::Later, Outcome::Granted, Form::Later),
            (Step::Later, Outcome::Queued, Form::Later),
            (Step::Later, Outcome::Impossible, impossible),
            (Step::Refusal, Outcome::Refused, Form::Last),
        ] {
            let form = peer.conversation.tell(NOW, SESSION, step, outcome);
            assert_eq!(form, expected, "{session} {outcome}");
        }
    }
}

#[test]
fn only_a_peer_that_has_said_so_is_told_that_we_understand_more() {
    for (attribute, expected) in [("", Form::First), (r#"ext="1""#, Form::FirstExtended)] {
        let mut peer = Peer::at(State::Unbound);
        let session = format!(r#"<session peerid="x" {attribute}/>"#);
        let body = session + r#"<resource name="QQ==" mode="5"/>"#;
        peer.says(message(1, 8, &body).as_bytes()).unwrap();
        let form = peer
            .conversation
            .tell(NOW, SESSION, Step::First, Outcome::Granted);
        assert_eq!(form, expected);
    }
}
