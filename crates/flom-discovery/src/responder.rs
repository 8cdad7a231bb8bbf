//! The daemon's part: who asks is told where to connect.

use std::net::{IpAddr, SocketAddr};

use flom_proto::{Here, Message, decode, encode};
use flom_types::limits::DATAGRAM_BYTES;

/// Answers queries for one daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Responder {
    reply: Vec<u8>,
}

impl Responder {
    /// For a daemon that takes TCP connections at `listening`, which was made of the text
    /// `given` by the user, if any.
    ///
    /// Queries are answered with that text, since a name may mean more to others than the address
    /// that it has here, and with the port. The address is left empty, which tells clients to
    /// connect to where the reply comes from, if `given` means something else to another host, or
    /// nothing: a wildcard, a loopback address, or a name that is one of these here. An
    /// `%interface` is not passed on: clients have theirs.
    pub fn new(given: Option<&str>, listening: SocketAddr) -> Self {
        let address = match given {
            Some(text) if means_this_host_elsewhere(listening.ip()) => without_zone(text),
            _ => "",
        };
        let mut reply = Vec::new();
        let here = Here {
            address: address.to_owned(),
            port: listening.port(),
        };
        encode(&Message::Here(here), &mut reply);
        Self { reply }
    }

    /// What to send to the source of `datagram`; `None` if it is no query, and nothing is to be
    /// done about it.
    pub fn reply(&self, datagram: &[u8]) -> Option<&[u8]> {
        if datagram.len() > DATAGRAM_BYTES {
            return None;
        }
        match decode(datagram) {
            Ok(Message::Discover) => Some(&self.reply),
            _ => None,
        }
    }
}

/// Whether another host that connects to `address` comes to this one.
fn means_this_host_elsewhere(address: IpAddr) -> bool {
    let address = address.to_canonical(); // ::ffff:127.0.0.1 is a loopback address too
    !address.is_unspecified() && !address.is_loopback()
}

/// `text` without the interface of this host that stands behind an address.
fn without_zone(text: &str) -> &str {
    match text.split_once('%') {
        Some((address, _)) if address.parse::<IpAddr>().is_ok() => address,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query;

    const PROLOG: &str = r#"<?xml version="1.0" encoding="UTF-8" ?>"#;

    fn reply(given: Option<&str>, listening: &str) -> String {
        let responder = Responder::new(given, listening.parse().unwrap());
        String::from_utf8(responder.reply(query()).unwrap().to_vec()).unwrap()
    }

    /// The address and port that a daemon gives away, by `spec/discovery.md` §12.
    fn expected(address: &str, port: u16) -> String {
        let network = format!(r#"<network address="{address}" port="{port}"/>"#);
        format!(r#"{PROLOG}<msg level="3" verb="4" step="16">{network}</msg>"#)
    }

    #[test]
    fn the_reply_is_that_of_the_old_daemon() {
        assert_eq!(reply(None, "0.0.0.0:39547"), expected("", 39547));
        assert_eq!(reply(None, "0.0.0.0:39547").len(), 113);
        assert_eq!(reply(Some("0.0.0.0"), "0.0.0.0:4444"), expected("", 4444));
        let unicast = reply(Some("10.1.0.1"), "10.1.0.1:28015");
        assert_eq!(unicast, expected("10.1.0.1", 28015));
        let link_local = reply(Some("fe80::a"), "[fe80::a%2]:28015");
        assert_eq!(link_local, expected("fe80::a", 28015));
        let name = reply(Some("locks.example"), "192.0.2.1:28015");
        assert_eq!(name, expected("locks.example", 28015));
    }

    #[test]
    fn an_address_that_means_another_host_elsewhere_is_not_given_away() {
        for (given, listening) in [
            ("::", "[::]:1"),
            ("0:0::0", "[::]:1"),
            ("127.0.0.1", "127.0.0.1:1"),
            ("::1", "[::1]:1"),
            ("::ffff:127.0.0.1", "[::ffff:127.0.0.1]:1"),
            ("localhost", "[::1]:1"),
            ("this-host", "127.0.1.1:1"),
        ] {
            assert_eq!(reply(Some(given), listening), expected("", 1), "{given}");
        }
    }

    #[test]
    fn an_interface_of_this_host_is_not_given_away() {
        assert_eq!(
            reply(Some("fe80::a%eth0"), "[fe80::a%2]:1"),
            expected("fe80::a", 1)
        );
    }

    #[test]
    fn what_is_no_query_is_not_answered() {
        let responder = Responder::new(None, "0.0.0.0:1".parse().unwrap());
        let long = [query(), &[b' '; DATAGRAM_BYTES]].concat();
        let twice = [query(), query()].concat();
        let cut = [query(), &query()[..70]].concat();
        for datagram in [
            &b""[..],
            b"\0",
            b"HELLO",
            b"</msg>",
            &query()[..77],
            &twice,
            &cut,
            &long,
            br#"<msg level="2" verb="4" step="8"></msg>"#,
            br#"<msg level="3" verb="4" step="16"><network address="" port="1"/></msg>"#,
            br#"<msg level="3" verb="3" step="8"></msg>"#,
            br#"<msg level="3" verb="3" step="16"></msg>"#,
            br#"<msg level="3" verb="5" step="8"><shutdown immediate="1"/></msg>"#,
            br#"<msg level="3" verb="2" step="8"><resource name="eA=="/></msg>"#,
        ] {
            let text = String::from_utf8_lossy(datagram);
            assert_eq!(responder.reply(datagram), None, "{text}");
        }
    }

    #[test]
    fn a_query_without_level_or_prolog_is_answered() {
        let responder = Responder::new(None, "0.0.0.0:1".parse().unwrap());
        for datagram in [
            &br#"<msg level="3" verb="4" step="8"></msg>"#[..],
            br#"<msg verb="4" step="8"></msg>"#,
        ] {
            assert!(responder.reply(datagram).is_some());
        }
    }
}
