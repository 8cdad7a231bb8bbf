//! What somebody asks for over HTTP: bytes to one of three things, or to the reason why not.

use std::net::IpAddr;

use httparse::{Error, Header, Status as Progress};

use super::response::Status;

/// Bytes that a request may have, its headers included.
pub(crate) const REQUEST_BYTES: usize = 8 * 1024;

/// Headers that a request may have.
const HEADERS: usize = 64;

/// A request that makes sense.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Request {
    pub(crate) wanted: Wanted,
    /// Whether only to hear what would come (HEAD).
    pub(crate) head_only: bool,
}

/// What there is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wanted {
    /// `/`: a page for people.
    Page,
    /// `/metrics`: figures for Prometheus.
    Metrics,
    /// `/status.json`: who holds what.
    Status,
}

/// The request that `bytes` are, or begin with; `None` until there are more.
///
/// If `local_only`, the daemon is reached by this host alone, and so must the name be by which the
/// client came: a page from elsewhere could be shown under a name that leads here (DNS rebinding),
/// and would be allowed to read what a page of this name may.
///
/// # Errors
///
/// What to answer instead.
pub(crate) fn read(bytes: &[u8], local_only: bool) -> Result<Option<Request>, Status> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(Progress::Complete(_)) => {}
        Ok(Progress::Partial) if bytes.len() < REQUEST_BYTES => return Ok(None),
        Ok(Progress::Partial) if bytes.contains(&b'\n') => return Err(Status::HeadersTooLarge),
        Ok(Progress::Partial) => return Err(Status::TargetTooLong),
        Err(Error::TooManyHeaders) => return Err(Status::HeadersTooLarge),
        Err(Error::Version) => return Err(Status::OtherVersion),
        Err(_) => return Err(Status::BadRequest),
    }
    let target = request.path.ok_or(Status::BadRequest)?;
    let (authority, path) = split(target);
    let host = host(request.headers)?;
    if host.is_none() && request.version == Some(1) {
        return Err(Status::BadRequest);
    }
    if local_only && !authority.or(host).is_none_or(is_local) {
        return Err(Status::Misdirected);
    }
    let head_only = match request.method {
        Some("GET") => false,
        Some("HEAD") => true,
        _ => return Err(Status::MethodNotAllowed),
    };
    let wanted = match path {
        "/" => Wanted::Page,
        "/metrics" => Wanted::Metrics,
        "/status.json" => Wanted::Status,
        _ => return Err(Status::NotFound),
    };
    Ok(Some(Request { wanted, head_only }))
}

/// The authority, if a target has one (`http://host/path`), and the path without its query.
fn split(target: &str) -> (Option<&str>, &str) {
    let (authority, path) = match target.strip_prefix("http://") {
        None => (None, target),
        Some(rest) => match rest.find('/') {
            None => (Some(rest), "/"),
            Some(at) => (Some(&rest[..at]), &rest[at..]),
        },
    };
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    (authority, path)
}

/// Whom the client thinks it talks to, if it says so.
fn host<'a>(headers: &[Header<'a>]) -> Result<Option<&'a str>, Status> {
    let mut hosts = headers
        .iter()
        .filter(|header| header.name.eq_ignore_ascii_case("host"));
    let Some(first) = hosts.next() else {
        return Ok(None);
    };
    match hosts.next() {
        None => str::from_utf8(first.value)
            .map(Some)
            .map_err(|_| Status::BadRequest),
        Some(_) => Err(Status::BadRequest),
    }
}

/// Whether this is a name that cannot lead elsewhere: `localhost`, or an address of this host. Any
/// port will do, for it may have been forwarded.
fn is_local(host: &str) -> bool {
    let host = host.trim();
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(address, _)| address),
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str, host: &str) -> Result<Option<Request>, Status> {
        let text = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        read(text.as_bytes(), true)
    }

    fn wanted(path: &str) -> Result<Wanted, Status> {
        get(path, "localhost").map(|request| request.unwrap().wanted)
    }

    #[test]
    fn there_are_three_things_and_nothing_else() {
        for (path, thing) in [
            ("/", Ok(Wanted::Page)),
            ("/?x=/metrics", Ok(Wanted::Page)),
            ("/metrics", Ok(Wanted::Metrics)),
            ("/metrics?a", Ok(Wanted::Metrics)),
            ("/status.json", Ok(Wanted::Status)),
            ("http://localhost:1/metrics", Ok(Wanted::Metrics)),
            ("http://localhost", Ok(Wanted::Page)),
            ("http://evil.example/metrics", Err(Status::Misdirected)),
            ("/metrics/", Err(Status::NotFound)),
            ("/../metrics", Err(Status::NotFound)),
            ("//metrics", Err(Status::NotFound)),
            ("/%6detrics", Err(Status::NotFound)),
            ("*", Err(Status::NotFound)),
        ] {
            assert_eq!(wanted(path), thing, "{path}");
        }
    }

    #[test]
    fn only_names_of_this_host_lead_here_if_only_this_host_does() {
        for host in [
            "localhost",
            "LocalHost:9345",
            "localhost.",
            "127.0.0.1",
            "127.9.9.9:80",
            "[::1]",
            "[::1]:9345",
        ] {
            assert!(get("/", host).is_ok(), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "evil.example:9345",
            "127.0.0.1.evil.example",
            "192.0.2.1",
            "[::2]",
            "[::1",
            "::1",
            "127.1",
        ] {
            assert_eq!(get("/", host), Err(Status::Misdirected), "{host}");
            let text = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
            assert!(read(text.as_bytes(), false).is_ok(), "{host}");
        }
    }

    #[test]
    fn what_is_no_request_is_told_apart() {
        for (text, status) in [
            ("POST / HTTP/1.1\r\nHost: ::1\r\n\r\n", Status::Misdirected),
            (
                "POST / HTTP/1.1\r\nHost: localhost\r\n\r\n",
                Status::MethodNotAllowed,
            ),
            (
                "get / HTTP/1.1\r\nHost: localhost\r\n\r\n",
                Status::MethodNotAllowed,
            ),
            ("GET / HTTP/1.1\r\n\r\n", Status::BadRequest),
            (
                "GET / HTTP/1.1\r\nHost: localhost\r\nhost: localhost\r\n\r\n",
                Status::BadRequest,
            ),
            ("GET / HTTP/2.0\r\n\r\n", Status::OtherVersion),
            ("GET /\r\n\r\n", Status::BadRequest),
            ("\x16\x03\x01\x02", Status::BadRequest),
            ("<msg level=\"3\"/>", Status::BadRequest),
        ] {
            assert_eq!(read(text.as_bytes(), true), Err(status), "{text:?}");
        }
    }

    #[test]
    fn it_takes_its_time_until_it_is_too_long() {
        let whole = b"HEAD /metrics HTTP/1.0\r\nAccept: */*\r\n\r\n";
        for end in 0..whole.len() {
            assert_eq!(read(&whole[..end], true), Ok(None));
        }
        let request = Request {
            wanted: Wanted::Metrics,
            head_only: true,
        };
        assert_eq!(read(whole, true), Ok(Some(request)));
        let path = format!("GET /{}", "a".repeat(REQUEST_BYTES));
        let path = &path.as_bytes()[..REQUEST_BYTES];
        assert_eq!(read(path, true), Err(Status::TargetTooLong));
        let header = format!("GET / HTTP/1.1\r\nA: {}", "a".repeat(REQUEST_BYTES));
        let header = &header.as_bytes()[..REQUEST_BYTES];
        assert_eq!(read(header, true), Err(Status::HeadersTooLarge));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(HEADERS + 1));
        assert_eq!(read(many.as_bytes(), true), Err(Status::HeadersTooLarge));
    }
}
