//! Looking at what a daemon keeps: a question (100/8) and its answer, in as many messages as it
//! takes (100/16, the last one 100/24).
//!
//! FLoM 1.7.2 knows none of this, and its daemon ends on a verb that it does not know: the question
//! is only for a daemon that has said `ext="1"`. The verb is far from those that are in use, so that
//! no later version of FLoM can mean something else by it.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::message::Session;

/// A question about what the daemon keeps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Observe {
    /// Who asks.
    pub session: Option<Session>,
    /// What it is about.
    pub about: About,
    /// Name of a resource: raw bytes, which may or may not be a name. Empty: all resources.
    pub name: Vec<u8>,
    /// Number of the lock mode that would be asked for.
    pub mode: Option<i64>,
    /// Units that would be asked for.
    pub quantity: Option<i64>,
    /// Whether the resource might be created.
    pub create: bool,
    /// Whether the answer is JSON; else it is text.
    pub json: bool,
}

/// What a question is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum About {
    /// Everything, or everything about one resource.
    Status,
    /// Whether a request would wait, and for whom.
    Why,
    /// Why the request of this very connection waits.
    Wait,
    /// Figures, as a text for Prometheus.
    Metrics,
}

impl About {
    /// Its number on the wire.
    pub fn number(self) -> u8 {
        match self {
            Self::Status => 1,
            Self::Why => 2,
            Self::Wait => 3,
            Self::Metrics => 4,
        }
    }

    /// What has this number on the wire.
    pub fn from_number(number: i64) -> Option<Self> {
        [Self::Status, Self::Why, Self::Wait, Self::Metrics]
            .into_iter()
            .find(|about| i64::from(about.number()) == number)
    }
}

/// A part of the answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// In the last part, what would become of the request that was asked about, by the number of
    /// its outcome; else 0.
    pub rc: i32,
    /// Whether there is no other part.
    pub last: bool,
    /// What the parts say one after the other is the answer, in UTF-8.
    pub text: Vec<u8>,
}

/// The body of a question, its session aside.
pub(crate) fn encode_observe(observe: &Observe, out: &mut Vec<u8>) {
    put(
        out,
        format_args!(r#"<observe about="{}""#, observe.about.number()),
    );
    if !observe.name.is_empty() {
        put(
            out,
            format_args!(r#" name="{}""#, STANDARD.encode(&observe.name)),
        );
    }
    for (attribute, number) in [("mode", observe.mode), ("quantity", observe.quantity)] {
        if let Some(number) = number {
            put(out, format_args!(r#" {attribute}="{number}""#));
        }
    }
    let (create, json) = (u8::from(observe.create), u8::from(observe.json));
    put(out, format_args!(r#" create="{create}" json="{json}"/>"#));
}

/// The body of a part of the answer.
pub(crate) fn encode_report(report: &Report, out: &mut Vec<u8>) {
    put(out, format_args!(r#"<report rc="{}" text=""#, report.rc));
    let start = out.len();
    out.resize(start + report.text.len().div_ceil(3) * 4, 0);
    STANDARD
        .encode_slice(&report.text, &mut out[start..])
        .expect("four characters for each three bytes begun are enough");
    out.extend_from_slice(br#""/>"#);
}

fn put(out: &mut Vec<u8>, what: std::fmt::Arguments<'_>) {
    out.write_fmt(what)
        .expect("a vector takes all that is written to it");
}
