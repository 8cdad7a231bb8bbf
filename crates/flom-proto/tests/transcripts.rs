//! Every message of the transcripts between a C client and a C daemon (`spec/protocol.md` §13,
//! `spec/discovery.md` §4, §12): we write the same bytes and read them as what they mean.

use flom_proto::{
    Answer, AnswerStep, Decoder, Here, Lock, Message, Session, Shutdown, Unlock, decode, encode,
};

/// The message with these bytes, as many as the transcript says.
fn assert_bytes(message: &Message, length: usize, text: &str) {
    let mut bytes = Vec::new();
    encode(message, &mut bytes);
    assert_eq!(String::from_utf8_lossy(&bytes), text);
    assert_eq!(bytes.len(), length, "{text}");
    assert_eq!(decode(text.as_bytes()).as_ref(), Ok(message), "{text}");
}

fn session() -> Option<Session> {
    Some(Session {
        ties: None,
        peer_id: "0123456789abcdef0123456789abcdef".to_owned(),
        ext: false,
        who: None,
    })
}

fn lock(name: &str) -> Lock {
    Lock {
        session: session(),
        name: name.as_bytes().to_vec(),
        mode: None,
        wait: true,
        quantity: None,
        create: true,
        lifespan: 0,
    }
}

fn exclusive(name: &str) -> Lock {
    Lock {
        mode: Some(5),
        ..lock(name)
    }
}

fn first(rc: i32, element: Option<&str>) -> Message {
    Message::Answer(Answer {
        fence: None,
        previous: None,
        session: session(),
        step: AnswerStep::First,
        rc,
        element: element.map(str::to_owned),
    })
}

fn later(rc: i32, element: Option<&str>) -> Message {
    Message::Answer(Answer {
        fence: None,
        previous: None,
        session: None,
        step: AnswerStep::Later,
        rc,
        element: element.map(str::to_owned),
    })
}

fn unlock(name: &str, rollback: bool) -> Message {
    Message::Unlock(Unlock {
        ended: None,
        name: name.as_bytes().to_vec(),
        rollback,
    })
}

fn shutdown(immediate: bool) -> Message {
    Message::Shutdown(Shutdown {
        session: session(),
        immediate,
    })
}

fn here(address: &str, port: u16) -> Message {
    Message::Here(Here {
        address: address.to_owned(),
        port,
    })
}

#[test]
fn a_simple_resource_is_locked_and_unlocked() {
    assert_bytes(
        &Message::Lock(exclusive("A")),
        195,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="1" step="8"><session peerid="0123456789abcdef0123456789abcdef"/><resource name="QQ==" mode="5" wait="1" create="1" lifespan="0"/></msg>"#,
    );
    assert_bytes(
        &first(0, None),
        147,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="1" step="16"><session peerid="0123456789abcdef0123456789abcdef"/><answer rc="0"/></msg>"#,
    );
    assert_bytes(
        &unlock("A", false),
        115,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="2" step="8"><resource name="QQ==" rollback="0" /></msg>"#,
    );
}

#[test]
fn a_second_client_is_queued_and_then_granted() {
    assert_bytes(
        &first(1, None),
        147,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="1" step="16"><session peerid="0123456789abcdef0123456789abcdef"/><answer rc="1"/></msg>"#,
    );
    assert_bytes(
        &later(0, None),
        95,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="1" step="24"><answer rc="0"/></msg>"#,
    );
}

#[test]
fn a_request_that_may_not_wait_finds_the_resource_busy() {
    assert_bytes(
        &Message::Lock(Lock {
            wait: false,
            ..exclusive("A")
        }),
        195,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="1" step="8"><session peerid="0123456789abcdef0123456789abcdef"/><resource name="QQ==" mode="5" wait="0" create="1" lifespan="0"/></msg>"#,
    );
    assert_bytes(
        &first(4, None),
        147,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="1" step="16"><session peerid="0123456789abcdef0123456789abcdef"/><answer rc="4"/></msg>"#,
    );
}

#[test]
fn units_of_a_numeric_resource_are_locked() {
    let quantity = |quantity| {
        Message::Lock(Lock {
            quantity: Some(quantity),
            ..lock("N[10]")
        })
    };
    assert_bytes(
        &quantity(4),
        203,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="1" step="8"><session peerid="0123456789abcdef0123456789abcdef"/><resource name="TlsxMF0=" wait="1" quantity="4" create="1" lifespan="0"/></msg>"#,
    );
    assert_bytes(
        &unlock("N[10]", false),
        119,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="2" step="8"><resource name="TlsxMF0=" rollback="0" /></msg>"#,
    );
    assert_bytes(
        &quantity(11),
        204,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="1" step="8"><session peerid="0123456789abcdef0123456789abcdef"/><resource name="TlsxMF0=" wait="1" quantity="11" create="1" lifespan="0"/></msg>"#,
    );
    assert_bytes(
        &first(6, None),
        147,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="1" step="16"><session peerid="0123456789abcdef0123456789abcdef"/><answer rc="6"/></msg>"#,
    );
}

#[test]
fn an_element_of_a_set_is_locked() {
    assert_bytes(
        &Message::Lock(lock("red.green.blue")),
        202,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="1" step="8"><session peerid="0123456789abcdef0123456789abcdef"/><resource name="cmVkLmdyZWVuLmJsdWU=" wait="1" create="1" lifespan="0"/></msg>"#,
    );
    assert_bytes(
        &first(0, Some("red")),
        161,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="1" step="16"><session peerid="0123456789abcdef0123456789abcdef"/><answer rc="0" element="red"/></msg>"#,
    );
    assert_bytes(
        &unlock("red.green.blue", false),
        131,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="2" step="8"><resource name="cmVkLmdyZWVuLmJsdWU=" rollback="0" /></msg>"#,
    );
    assert_bytes(
        &later(0, Some("x")),
        107,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="1" step="24"><answer rc="0" element="x"/></msg>"#,
    );
}

#[test]
fn a_node_of_a_tree_is_locked() {
    assert_bytes(
        &Message::Lock(Lock {
            mode: Some(1),
            ..lock("/a/b")
        }),
        199,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="1" step="8"><session peerid="0123456789abcdef0123456789abcdef"/><resource name="L2EvYg==" mode="1" wait="1" create="1" lifespan="0"/></msg>"#,
    );
    assert_bytes(
        &unlock("/a/b", false),
        119,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="2" step="8"><resource name="L2EvYg==" rollback="0" /></msg>"#,
    );
}

#[test]
fn a_sequence_takes_its_number_back() {
    assert_bytes(
        &Message::Lock(lock("_S_seq[2]")),
        194,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="1" step="8"><session peerid="0123456789abcdef0123456789abcdef"/><resource name="X1Nfc2VxWzJd" wait="1" create="1" lifespan="0"/></msg>"#,
    );
    assert_bytes(
        &first(0, Some("1")),
        159,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="1" step="16"><session peerid="0123456789abcdef0123456789abcdef"/><answer rc="0" element="1"/></msg>"#,
    );
    assert_bytes(
        &unlock("_S_seq[2]", true),
        123,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="2" step="8"><resource name="X1Nfc2VxWzJd" rollback="1" /></msg>"#,
    );
    assert_bytes(
        &unlock("_S_seq[2]", false),
        123,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="2" step="8"><resource name="X1Nfc2VxWzJd" rollback="0" /></msg>"#,
    );
}

#[test]
fn a_timestamp_is_locked() {
    assert_bytes(
        &Message::Lock(lock("_t_%Y%m%d%H%M%S#fff[1]")),
        214,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="1" step="8"><session peerid="0123456789abcdef0123456789abcdef"/><resource name="X3RfJVklbSVkJUglTSVTI2ZmZlsxXQ==" wait="1" create="1" lifespan="0"/></msg>"#,
    );
    assert_bytes(
        &first(0, Some("20261122160349.007")),
        176,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="1" step="16"><session peerid="0123456789abcdef0123456789abcdef"/><answer rc="0" element="20261122160349.007"/></msg>"#,
    );
}

#[test]
fn a_request_waits_until_somebody_creates_the_resource() {
    assert_bytes(
        &Message::Lock(Lock {
            create: false,
            ..exclusive("B")
        }),
        195,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="1" step="8"><session peerid="0123456789abcdef0123456789abcdef"/><resource name="Qg==" mode="5" wait="1" create="0" lifespan="0"/></msg>"#,
    );
    assert_bytes(
        &first(2, None),
        147,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="1" step="16"><session peerid="0123456789abcdef0123456789abcdef"/><answer rc="2"/></msg>"#,
    );
    assert_bytes(
        &later(1, None),
        95,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="1" step="24"><answer rc="1"/></msg>"#,
    );
}

#[test]
fn a_request_that_may_neither_create_nor_wait_is_refused() {
    assert_bytes(
        &Message::Lock(Lock {
            wait: false,
            create: false,
            ..exclusive("A")
        }),
        195,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="1" step="8"><session peerid="0123456789abcdef0123456789abcdef"/><resource name="QQ==" mode="5" wait="0" create="0" lifespan="0"/></msg>"#,
    );
    assert_bytes(
        &first(5, None),
        147,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="1" step="16"><session peerid="0123456789abcdef0123456789abcdef"/><answer rc="5"/></msg>"#,
    );
}

#[test]
fn a_resource_is_given_a_lifespan() {
    assert_bytes(
        &Message::Lock(Lock {
            lifespan: 1500,
            ..exclusive("A")
        }),
        198,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="1" step="8"><session peerid="0123456789abcdef0123456789abcdef"/><resource name="QQ==" mode="5" wait="1" create="1" lifespan="1500"/></msg>"#,
    );
}

#[test]
fn a_bad_name_is_refused() {
    let request = r#"<msg level="3" verb="1" step="8"><resource name="MWFiYw=="/></msg>"#;
    let Ok(Message::Lock(lock)) = decode(request.as_bytes()) else {
        panic!("not a lock: {request}");
    };
    assert_eq!(lock.name, b"1abc");
    assert_bytes(
        &first(-14, None),
        149,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="1" step="16"><session peerid="0123456789abcdef0123456789abcdef"/><answer rc="-14"/></msg>"#,
    );
}

#[test]
fn a_daemon_is_told_to_end() {
    assert_bytes(
        &shutdown(false),
        155,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="5" step="8"><session peerid="0123456789abcdef0123456789abcdef"/><shutdown immediate="0"/></msg>"#,
    );
    assert_bytes(
        &shutdown(true),
        155,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="5" step="8"><session peerid="0123456789abcdef0123456789abcdef"/><shutdown immediate="1"/></msg>"#,
    );
}

#[test]
fn a_daemon_is_discovered() {
    assert_bytes(
        &Message::Discover,
        78,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="4" step="8"></msg>"#,
    );
    assert_bytes(
        &here("", 39547),
        113,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="4" step="16"><network address="" port="39547"/></msg>"#,
    );
    assert_bytes(
        &here("10.1.0.1", 28015),
        121,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="4" step="16"><network address="10.1.0.1" port="28015"/></msg>"#,
    );
}

#[test]
fn what_old_peers_never_send_has_its_bytes_too() {
    assert_bytes(
        &Message::Ping,
        78,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="3" step="8"></msg>"#,
    );
    assert_bytes(
        &Message::Pong,
        79,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="3" step="16"></msg>"#,
    );
    assert_bytes(
        &Message::Answer(Answer {
            fence: None,
            previous: None,
            session: None,
            step: AnswerStep::Last,
            rc: 3,
            element: None,
        }),
        95,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="1" step="32"><answer rc="3"/></msg>"#,
    );
}

#[test]
fn a_peer_that_understands_more_says_so_after_its_id() {
    let mut lock = exclusive("A");
    lock.session.as_mut().unwrap().ext = true;
    assert_bytes(
        &Message::Lock(lock),
        203,
        r#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="1" step="8"><session peerid="0123456789abcdef0123456789abcdef" ext="1"/><resource name="QQ==" mode="5" wait="1" create="1" lifespan="0"/></msg>"#,
    );
}

#[test]
fn the_longest_names_that_an_old_daemon_takes_are_those_of_the_spec() {
    let simple = |bytes| Message::Lock(exclusive(&"a".repeat(bytes)));
    let numeric = |bytes| {
        Message::Lock(Lock {
            quantity: Some(1),
            ..lock(&"a".repeat(bytes))
        })
    };
    let set = |bytes| Message::Lock(lock(&"a".repeat(bytes)));
    let length = |message: &Message| {
        let mut bytes = Vec::new();
        encode(message, &mut bytes);
        bytes.len()
    };
    let limit = flom_types::limits::OLD_DAEMON_MESSAGE_BYTES;
    assert!(length(&simple(240)) <= limit && length(&simple(241)) > limit);
    assert!(length(&numeric(237)) <= limit && length(&numeric(238)) > limit);
    assert!(length(&set(246)) <= limit && length(&set(247)) > limit);
}

#[test]
fn two_answers_in_one_segment_are_two_messages() {
    let mut bytes = Vec::new();
    encode(&first(1, None), &mut bytes);
    encode(&later(0, Some("x")), &mut bytes);
    let mut decoder = Decoder::new();
    decoder.feed(&bytes);
    assert_eq!(decoder.pending(), bytes.len());
    assert_eq!(decoder.next_message(), Ok(Some(first(1, None))));
    assert_eq!(decoder.next_message(), Ok(Some(later(0, Some("x")))));
    assert_eq!(decoder.next_message(), Ok(None));
    assert_eq!(decoder.pending(), 0);
}
