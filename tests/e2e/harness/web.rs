//! Asking a daemon over HTTP, byte by byte.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::{Daemon, PATIENCE, eventually};

/// An answer, taken apart.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Daemon {
    /// At a UNIX socket, and at some port over HTTP; with these words besides.
    #[track_caller]
    pub(crate) fn start_with_http(words: &str) -> Self {
        Self::start_with(&format!("exec \"$FLOMD\" \"$@\" --http 0 {words}"))
    }

    /// Where it is to be seen over HTTP.
    #[track_caller]
    pub(crate) fn http_address(&self) -> SocketAddr {
        let log = self.wait_for_stderr("FLM003N");
        let place = log.split("to be seen at http://").nth(1);
        let place = place.and_then(|rest| rest.lines().next());
        place
            .unwrap_or_else(|| panic!("not to be seen: {log}"))
            .parse()
            .unwrap()
    }

    /// What it answers to GET.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Page {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        request_at(self.http_address(), request.as_bytes())
    }

    /// What it answers to GET while there are so many visitors that one who has not asked yet, because
    /// it was not its turn on this machine, gives way to others: then one comes again.
    #[track_caller]
    pub(crate) fn get_in_a_crowd(&self, path: &str) -> Page {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        eventually("an answer", || {
            let mut stream = visit(self.http_address());
            let _ = stream.write_all(request.as_bytes());
            let text = said(stream);
            (!text.is_empty()).then(|| parse(&text))
        })
    }
}

/// What is answered to these bytes.
#[track_caller]
pub(crate) fn request_at(address: SocketAddr, request: &[u8]) -> Page {
    let mut stream = visit(address);
    // It may have been answered and closed before all is said.
    let _ = stream.write_all(request);
    page(stream)
}

/// A connection.
#[track_caller]
pub(crate) fn visit(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// What is answered on this connection, until its end. The length is as announced.
#[track_caller]
pub(crate) fn page(stream: TcpStream) -> Page {
    parse(&said(stream))
}

#[track_caller]
fn said(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    if let Err(error) = stream.read_to_end(&mut bytes) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
    }
    String::from_utf8(bytes).unwrap()
}

#[track_caller]
fn parse(text: &str) -> Page {
    let (head, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer: {text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "))
        .unwrap();
    if !body.is_empty() {
        assert_eq!(length.parse(), Ok(body.len()), "{head}");
    }
    Page {
        status,
        head: head.to_string(),
        body: body.to_string(),
    }
}
