//! From message to bytes, exactly as an old peer writes them (`spec/protocol.md` §2.1).

use std::fmt;
use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use flom_types::Who;

use crate::message::{
    Answer, AnswerStep, Here, LEVEL, Lock, Message, Session, Shutdown, Ties, Unlock,
};
use crate::observe::{encode_observe, encode_report};

/// Appends `message` to `out`. Whatever exists as a [`Message`] can be sent, so this cannot fail.
///
/// The result may be longer than an old peer accepts (`flom_types::limits`); that is for the
/// caller to check. Send it in one piece and nothing after it.
pub fn encode(message: &Message, out: &mut Vec<u8>) {
    match message {
        Message::Lock(lock) => encode_lock(lock, out),
        Message::Answer(answer) => encode_answer(answer, out),
        Message::Unlock(unlock) => encode_unlock(unlock, out),
        Message::Ping => open(3, 8, out),
        Message::Pong => open(3, 16, out),
        Message::Discover => open(4, 8, out),
        Message::Here(here) => encode_here(here, out),
        Message::Shutdown(shutdown) => encode_shutdown(shutdown, out),
        Message::Observe(observe) => {
            open(OBSERVE, 8, out);
            session(observe.session.as_ref(), out);
            encode_observe(observe, out);
        }
        Message::Report(report) => {
            open(OBSERVE, if report.last { 24 } else { 16 }, out);
            encode_report(report, out);
        }
    }
    out.extend_from_slice(b"</msg>");
}

/// The verb of questions about what a daemon keeps.
pub(crate) const OBSERVE: u8 = 100;

fn encode_lock(lock: &Lock, out: &mut Vec<u8>) {
    open(1, 8, out);
    session(lock.session.as_ref(), out);
    out.extend_from_slice(b"<resource");
    name(&lock.name, out);
    if let Some(mode) = lock.mode {
        integer("mode", mode, out);
    }
    integer("wait", lock.wait.into(), out);
    if let Some(quantity) = lock.quantity {
        integer("quantity", quantity, out);
    }
    integer("create", lock.create.into(), out);
    integer("lifespan", lock.lifespan, out);
    out.extend_from_slice(b"/>");
}

fn encode_answer(answer: &Answer, out: &mut Vec<u8>) {
    let step = match answer.step {
        AnswerStep::First => 16,
        AnswerStep::Later => 24,
        AnswerStep::Last => 32,
    };
    open(1, step, out);
    session(answer.session.as_ref(), out);
    out.extend_from_slice(b"<answer");
    integer("rc", answer.rc.into(), out);
    if let Some(element) = &answer.element {
        text("element", element, out);
    }
    if let Some(fence) = answer.fence {
        plain("fence", &fence, out);
    }
    if let Some(previous) = &answer.previous {
        plain("previous", previous, out);
    }
    out.extend_from_slice(b"/>");
}

fn encode_unlock(unlock: &Unlock, out: &mut Vec<u8>) {
    open(2, 8, out);
    out.extend_from_slice(b"<resource");
    name(&unlock.name, out);
    integer("rollback", unlock.rollback.into(), out);
    if let Some(ended) = &unlock.ended {
        plain("ended", ended, out);
    }
    // With a blank before the end, here and nowhere else.
    out.extend_from_slice(b" />");
}

fn encode_here(here: &Here, out: &mut Vec<u8>) {
    open(4, 16, out);
    out.extend_from_slice(b"<network");
    text("address", &here.address, out);
    integer("port", here.port.into(), out);
    out.extend_from_slice(b"/>");
}

fn encode_shutdown(shutdown: &Shutdown, out: &mut Vec<u8>) {
    open(5, 8, out);
    session(shutdown.session.as_ref(), out);
    out.extend_from_slice(b"<shutdown");
    integer("immediate", shutdown.immediate.into(), out);
    out.extend_from_slice(b"/>");
}

fn open(verb: u8, step: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"<?xml version="1.0" encoding="UTF-8" ?><msg"#);
    integer("level", LEVEL.into(), out);
    integer("verb", verb.into(), out);
    integer("step", step.into(), out);
    out.push(b'>');
}

fn session(session: Option<&Session>, out: &mut Vec<u8>) {
    if let Some(session) = session {
        out.extend_from_slice(b"<session");
        text("peerid", &session.peer_id, out);
        if session.ext {
            integer("ext", 1, out);
        }
        if let Some(ties) = &session.ties {
            self::ties(ties, out);
        }
        if let Some(who) = &session.who {
            self::who(who, out);
        }
        out.extend_from_slice(b"/>");
    }
}

/// What ties a session to others, in the order in which `canonical` expects it.
fn ties(ties: &Ties, out: &mut Vec<u8>) {
    if let Some(lineage) = &ties.lineage {
        plain("lineage", lineage, out);
    }
    for (attribute, value) in [
        ("reentrant", ties.reentrant.into()),
        ("beat", ties.beat_ms.into()),
        ("grace", ties.grace_ms.into()),
        ("resume", ties.resume.into()),
    ] {
        if value != 0 {
            integer(attribute, value, out);
        }
    }
}

/// What a session says of itself, in the order in which `canonical` expects it.
fn who(who: &Who, out: &mut Vec<u8>) {
    for (attribute, value) in [("host", &who.host), ("user", &who.user)] {
        if let Some(value) = value {
            text(attribute, value, out);
        }
    }
    if let Some(pid) = who.pid {
        integer("pid", pid.into(), out);
    }
    for (attribute, value) in [("label", &who.label), ("command", &who.command)] {
        if let Some(value) = value {
            text(attribute, value, out);
        }
    }
}

/// The attribute `name`: the bytes of a resource name in base64, encoded straight into `out`.
fn name(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(br#" name=""#);
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    STANDARD
        .encode_slice(bytes, &mut out[start..])
        .expect("four characters for each three bytes begun are enough");
    out.push(b'"');
}

fn integer(attribute: &str, value: i64, out: &mut Vec<u8>) {
    plain(attribute, &value, out);
}

/// An attribute whose text needs no escaping.
fn plain(attribute: &str, value: &impl fmt::Display, out: &mut Vec<u8>) {
    write!(out, r#" {attribute}="{value}""#).expect("a vector takes all that is written to it");
}

/// An attribute of any text. In practice nothing in it needs escaping.
fn text(attribute: &str, value: &str, out: &mut Vec<u8>) {
    write!(out, r#" {attribute}=""#).expect("a vector takes all that is written to it");
    for &byte in value.as_bytes() {
        match byte {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'"' => out.extend_from_slice(b"&quot;"),
            // As themselves these three would reach an old peer as blanks.
            b'\t' => out.extend_from_slice(b"&#9;"),
            b'\n' => out.extend_from_slice(b"&#10;"),
            b'\r' => out.extend_from_slice(b"&#13;"),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_value_passes_for_markup() {
        let mut out = b"before ".to_vec();
        text("element", "</msg>&\"'\t\r\n\u{fc}", &mut out);
        assert_eq!(
            out,
            "before  element=\"&lt;/msg&gt;&amp;&quot;'&#9;&#13;&#10;\u{fc}\"".as_bytes()
        );
    }
}
