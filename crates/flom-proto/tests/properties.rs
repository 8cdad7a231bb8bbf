//! What holds for every message and for any bytes at all.

use flom_proto::{
    About, Answer, AnswerStep, DecodeError, Decoder, Here, Lock, Message, Observe, Report, Session,
    Shutdown, Ties, Unlock, decode, encode,
};
use flom_types::{Lineage, Previous, Token, Who};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9a-f]{32}",
        any::<String>(),
        // What XML has to say differently, and what must not end a message.
        r#"([<>&"'\t\r\n\x00-\x1f\u{fffe}]|</msg>|&#10;|&amp;){0,8}"#,
    ]
}

fn who() -> impl Strategy<Value = Option<Box<Who>>> {
    let word = || option::of(text());
    (word(), word(), any::<Option<u32>>(), word(), word()).prop_map(
        |(host, user, pid, label, command)| {
            let who = Who {
                host,
                user,
                pid,
                label,
                command,
            };
            (!who.is_nobody()).then(|| Box::new(who))
        },
    )
}

fn observe() -> impl Strategy<Value = Message> {
    let about = prop_oneof![Just(About::Status), Just(About::Why), Just(About::Wait)];
    let name = vec(any::<u8>(), 0..300);
    let rest = any::<(Option<i64>, Option<i64>, bool, bool)>();
    (session(), about, name, rest).prop_map(
        |(session, about, name, (mode, quantity, create, json))| {
            Message::Observe(Observe {
                session,
                about,
                name,
                mode,
                quantity,
                create,
                json,
            })
        },
    )
}

fn ties() -> impl Strategy<Value = Option<Box<Ties>>> {
    let outer = vec(any::<u64>(), 0..4);
    let lineage = option::of((outer, any::<u64>())).prop_map(|tokens| {
        let (outer, own) = tokens?;
        let mut words: Vec<_> = outer.into_iter().map(Token).collect();
        words.push(Token(own));
        let words: Vec<_> = words.iter().map(Token::to_string).collect();
        words.join(".").parse::<Lineage>().ok()
    });
    let numbers = (0..3_u32, 0..3_u32);
    (lineage, any::<[bool; 2]>(), numbers).prop_map(|(lineage, [reentrant, resume], numbers)| {
        let ties = Ties {
            lineage,
            reentrant,
            beat_ms: numbers.0,
            grace_ms: numbers.1,
            resume,
        };
        (ties != Ties::default()).then(|| Box::new(ties))
    })
}

fn session() -> impl Strategy<Value = Option<Session>> {
    option::of(
        (text(), any::<bool>(), ties(), who()).prop_map(|(peer_id, ext, ties, who)| Session {
            peer_id,
            ext,
            ties,
            who,
        }),
    )
}

fn lock() -> impl Strategy<Value = Message> {
    (
        session(),
        vec(any::<u8>(), 0..300),
        any::<(Option<i64>, bool, Option<i64>, bool, i64)>(),
    )
        .prop_map(
            |(session, name, (mode, wait, quantity, create, lifespan))| {
                Message::Lock(Lock {
                    session,
                    name,
                    mode,
                    wait,
                    quantity,
                    create,
                    lifespan,
                })
            },
        )
}

fn answer() -> impl Strategy<Value = Message> {
    let step = prop_oneof![
        Just(AnswerStep::First),
        Just(AnswerStep::Later),
        Just(AnswerStep::Last),
    ];
    let more = (option::of(text()), any::<Option<u64>>(), previous());
    (session(), step, any::<i32>(), more).prop_map(
        |(session, step, rc, (element, fence, previous))| {
            Message::Answer(Answer {
                session,
                step,
                rc,
                element,
                fence,
                previous,
            })
        },
    )
}

fn previous() -> impl Strategy<Value = Option<Previous>> {
    option::of(prop_oneof![
        Just(Previous::None),
        Just(Previous::Released),
        any::<u8>().prop_map(Previous::Failed),
        any::<u8>().prop_map(Previous::Killed),
        Just(Previous::Lost),
    ])
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        lock(),
        answer(),
        (vec(any::<u8>(), 0..300), any::<bool>(), previous()).prop_map(
            |(name, rollback, ended)| Message::Unlock(Unlock {
                name,
                rollback,
                ended,
            })
        ),
        Just(Message::Ping),
        Just(Message::Pong),
        Just(Message::Discover),
        (text(), 1..=u16::MAX).prop_map(|(address, port)| Message::Here(Here { address, port })),
        (session(), any::<bool>())
            .prop_map(|(session, immediate)| Message::Shutdown(Shutdown { session, immediate })),
        observe(),
        (any::<i32>(), any::<bool>(), vec(any::<u8>(), 0..300))
            .prop_map(|(rc, last, text)| Message::Report(Report { rc, last, text })),
    ]
}

/// Pieces of messages in any order: they come closer to a message than any bytes do.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(br#"<?xml version="1.0" encoding="UTF-8" ?>"#.to_vec()),
        Just(br#"<msg level="3" verb="1" step="8">"#.to_vec()),
        Just(br#"<msg level="3" verb="3" step="8"/>"#.to_vec()),
        Just(br#"<resource name="QQ==" mode="5"/>"#.to_vec()),
        Just(br#"<session peerid=""#.to_vec()),
        Just(br#"" host="a" pid="7" command="x" "#.to_vec()),
        Just(br#"<msg level="3" verb="100" step="8">"#.to_vec()),
        Just(br#"<observe about="1" name="QQ=="/>"#.to_vec()),
        Just(br#"<report rc="0" text="QQ=="/>"#.to_vec()),
        Just(b"</msg>".to_vec()),
        Just(b"</msg".to_vec()),
        Just(b"<!--".to_vec()),
        Just(b"-->".to_vec()),
        Just(b"<![CDATA[".to_vec()),
        Just(b"<!DOCTYPE a [".to_vec()),
        Just(b"]]>".to_vec()),
        Just(b"&#x;".to_vec()),
        Just(b"/>".to_vec()),
        Just(b"\n ".to_vec()),
        Just(b"\xef\xbb\xbf".to_vec()),
        vec(any::<u8>(), 0..4),
    ];
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// A stream: messages and rubbish, one after the other.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let encoded = message().prop_map(|message| encoded(&message));
    vec(prop_oneof![4 => encoded, 1 => pieces()], 0..6).prop_map(|parts| parts.concat())
}

fn encoded(message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(message, &mut bytes);
    bytes
}

/// All that comes out of `decoder` now, up to an error.
fn drain(decoder: &mut Decoder, into: &mut Vec<Result<Message, DecodeError>>) {
    while into.last().is_none_or(Result::is_ok)
        && let Some(next) = decoder.next_message().transpose()
    {
        into.push(next);
    }
}

/// What comes out of `bytes` if it comes in at once.
fn decode_at_once(limit: usize, bytes: &[u8]) -> Vec<Result<Message, DecodeError>> {
    let mut decoder = Decoder::with_limit(limit);
    let mut messages = Vec::new();
    decoder.feed(bytes);
    drain(&mut decoder, &mut messages);
    messages
}

/// What comes out of `bytes` if it comes in split at `cuts`.
fn decode_split(limit: usize, bytes: &[u8], cuts: &[Index]) -> Vec<Result<Message, DecodeError>> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    cuts.push(bytes.len());
    cuts.sort_unstable();
    let mut decoder = Decoder::with_limit(limit);
    let mut messages = Vec::new();
    let mut start = 0;
    for cut in cuts {
        decoder.feed(&bytes[start..cut]);
        drain(&mut decoder, &mut messages);
        start = cut;
    }
    messages
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded_again(message in message()) {
        let bytes = encoded(&message);
        prop_assert!(bytes.ends_with(b"</msg>"));
        prop_assert_eq!(decode(&bytes), Ok(message));
    }

    #[test]
    fn any_split_of_messages_decodes_alike(messages in vec(message(), 1..6), cuts: Vec<Index>) {
        let bytes: Vec<u8> = messages.iter().flat_map(encoded).collect();
        let wanted: Vec<_> = messages.into_iter().map(Ok).collect();
        prop_assert_eq!(&decode_at_once(1 << 16, &bytes), &wanted);
        prop_assert_eq!(&decode_split(1 << 16, &bytes, &cuts), &wanted);
    }

    #[test]
    fn any_split_of_rubbish_decodes_alike(bytes in stream(), cuts: Vec<Index>, limit in 0..600_usize) {
        let wanted = decode_at_once(limit, &bytes);
        prop_assert_eq!(decode_split(limit, &bytes, &cuts), wanted);
    }

    #[test]
    fn one_byte_at_a_time_is_enough(bytes in stream()) {
        let mut decoder = Decoder::new();
        let mut messages = Vec::new();
        for byte in &bytes {
            decoder.feed(&[*byte]);
            drain(&mut decoder, &mut messages);
        }
        prop_assert_eq!(messages, decode_at_once(1 << 16, &bytes));
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = decode(&bytes);
        decode_at_once(1 << 16, &bytes);
        decode_at_once(1 << 16, &[&bytes, &b"</msg>"[..]].concat());
    }

    #[test]
    fn no_change_to_a_message_panics(
        message in message(),
        changes in vec((any::<Index>(), any::<u8>(), 0..3_u8), 1..6),
    ) {
        let mut bytes = encoded(&message);
        for (place, byte, change) in changes {
            let place = place.index(bytes.len() + 1);
            match change {
                0 => bytes.insert(place, byte),
                1 => bytes.truncate(place),
                _ => bytes.iter_mut().skip(place).take(1).for_each(|old| *old = byte),
            }
        }
        decode_at_once(1 << 16, &bytes);
        decode_at_once(1 << 16, &[&bytes, &b"</msg>"[..]].concat());
    }
}
