//! What is answered over HTTP.

use std::fmt::Write as _;
use std::sync::Arc;

use flom_status::metrics::CONTENT_TYPE as FIGURES;
use jiff::Timestamp;

use super::request::Wanted;

/// The page for people, with its style and script.
const PAGE: &str = include_str!("page.html");

/// What the page may do: run its own script and style, by their hashes, and ask its own daemon.
/// Nothing that a client of the daemon calls itself can become more than text by that.
const PAGE_POLICY: &str = "default-src 'none'; connect-src 'self'; img-src data:; \
    script-src 'sha256-DjAoe+yS+ixo+pN+bqq2CzGcZAZxuZFpGN3tJAlws0c='; style-src 'sha256-hboi7Mv/4i9KLlkd7u3DZyLjup5eX92MlKEQuyuakbY='; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What everything else may do.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// How a request ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Status {
    Ok = 200,
    BadRequest = 400,
    Forbidden = 403,
    NotFound = 404,
    MethodNotAllowed = 405,
    TimedOut = 408,
    TargetTooLong = 414,
    Misdirected = 421,
    HeadersTooLarge = 431,
    OtherVersion = 505,
}

impl Status {
    pub(crate) fn number(self) -> u16 {
        self as u16
    }

    fn reason(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::BadRequest => "Bad Request",
            Self::Forbidden => "Forbidden",
            Self::NotFound => "Not Found",
            Self::MethodNotAllowed => "Method Not Allowed",
            Self::TimedOut => "Request Timeout",
            Self::TargetTooLong => "URI Too Long",
            Self::Misdirected => "Misdirected Request",
            Self::HeadersTooLarge => "Request Header Fields Too Large",
            Self::OtherVersion => "HTTP Version Not Supported",
        }
    }

    /// What to tell people.
    fn sentence(self) -> &'static str {
        match self {
            Self::Ok => "",
            Self::BadRequest => "This is no request of HTTP/1.1.",
            Self::Forbidden => {
                "The list [Access] Observe says who may look at this daemon, and over HTTP nobody \
                 can prove who they are. Use flom --status."
            }
            Self::NotFound => "There are /, /status.json and /metrics.",
            Self::MethodNotAllowed => "There is nothing to be done here but to look: GET or HEAD.",
            Self::TimedOut => "The request has taken too long.",
            Self::TargetTooLong => "The address is too long.",
            Self::Misdirected => {
                "Only this host reaches this daemon: it is called localhost, and by no other name."
            }
            Self::HeadersTooLarge => "The headers are too long, or too many.",
            Self::OtherVersion => "This daemon speaks HTTP/1.1.",
        }
    }
}

/// An answer: its head, and a body that others may be sent, too.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Response {
    pub(crate) status: Status,
    pub(crate) head: String,
    pub(crate) body: Arc<[u8]>,
}

impl Response {
    /// What was `wanted`, as it is at `now` in µs since the epoch.
    pub(crate) fn of(wanted: Wanted, body: Arc<[u8]>, now_us: i64) -> Self {
        let (media, policy) = match wanted {
            Wanted::Page => ("text/html; charset=utf-8", PAGE_POLICY),
            Wanted::Metrics => (FIGURES, POLICY),
            Wanted::Status => ("application/json", POLICY),
        };
        Self::new(Status::Ok, media, policy, body, now_us)
    }

    /// That there is nothing, and why.
    pub(crate) fn refusal(status: Status, now_us: i64) -> Self {
        let body = format!(
            "{} {}\n{}\n",
            status.number(),
            status.reason(),
            status.sentence()
        );
        let media = "text/plain; charset=utf-8";
        Self::new(status, media, POLICY, body.into_bytes().into(), now_us)
    }

    fn new(status: Status, media: &str, policy: &str, body: Arc<[u8]>, now_us: i64) -> Self {
        let (number, reason, length) = (status.number(), status.reason(), body.len());
        let mut head = format!("HTTP/1.1 {number} {reason}\r\n");
        let allow = match status {
            Status::MethodNotAllowed => "Allow: GET, HEAD\r\n",
            _ => "",
        };
        let now = Timestamp::from_microsecond(now_us).unwrap_or(Timestamp::UNIX_EPOCH);
        let date = now.strftime("%a, %d %b %Y %H:%M:%S GMT");
        write!(
            head,
            "Date: {date}\r\nContent-Type: {media}\r\nContent-Length: {length}\r\n{allow}\
             Connection: close\r\nCache-Control: no-store\r\nContent-Security-Policy: {policy}\r\n\
             X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\
             Cross-Origin-Resource-Policy: same-origin\r\n\r\n"
        )
        .expect("a string takes all that is written to it");
        Self { status, head, body }
    }
}

/// The page for people.
pub(crate) fn page() -> Arc<[u8]> {
    PAGE.as_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_says_what_comes_and_that_it_is_the_last() {
        let now_us = 1_795_000_000_000_000;
        let response = Response::of(Wanted::Status, (*b"{}\n").into(), now_us);
        let lines: Vec<_> = response.head.split("\r\n").collect();
        assert_eq!(lines[0], "HTTP/1.1 200 OK");
        for line in [
            "Date: Wed, 18 Nov 2026 11:06:40 GMT",
            "Content-Type: application/json",
            "Content-Length: 3",
            "Connection: close",
            "Cache-Control: no-store",
            "X-Content-Type-Options: nosniff",
        ] {
            assert!(lines.contains(&line), "{line} in {lines:?}");
        }
        assert!(response.head.ends_with("\r\n\r\n"));
    }

    #[test]
    fn a_refusal_says_why_and_what_would_do() {
        let response = Response::refusal(Status::MethodNotAllowed, 0);
        assert!(response.head.contains("\r\nAllow: GET, HEAD\r\n"));
        let body = str::from_utf8(&response.body).unwrap();
        assert!(body.starts_with("405 Method Not Allowed\nThere is nothing"));
    }
}
