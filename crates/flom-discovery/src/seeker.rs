//! The client's part: asking, and what to make of the answers.

use std::net::{IpAddr, SocketAddr};

use flom_proto::{Here, Message, decode};
use flom_types::Time;

/// The datagram that asks a group where a daemon is, as FLoM 1.7.2 sends it: old daemons take it
/// amiss if anything else comes to their port.
pub fn query() -> &'static [u8] {
    br#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="4" step="8"></msg>"#
}

/// Where a daemon says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Where its reply came from, scope id included.
    At(SocketAddr),
    /// Elsewhere.
    Named {
        /// A name, or an address without interface.
        host: String,
        /// TCP port.
        port: u16,
        /// The scope id for link-local addresses of `host`: the interface that the reply came in
        /// on, or 0 if the reply does not tell.
        scope: u32,
    },
}

impl Found {
    /// What a datagram that came from `from` says about a daemon; `None` if it is no usable reply.
    pub fn read(from: SocketAddr, datagram: &[u8]) -> Option<Self> {
        match decode(datagram) {
            Ok(Message::Here(here)) if here.port != 0 => Some(Self::told(from, here)),
            _ => None,
        }
    }

    fn told(mut from: SocketAddr, here: Here) -> Self {
        if leads_nowhere(&here.address) {
            from.set_port(here.port);
            return Self::At(from);
        }
        let scope = match from {
            SocketAddr::V4(_) => 0,
            SocketAddr::V6(v6) => v6.scope_id(),
        };
        // Behind the % of an address is an interface, but one of the daemon's host.
        let host = match here.address.split_once('%') {
            Some((address, _)) if address.parse::<IpAddr>().is_ok() => address.to_owned(),
            _ => here.address,
        };
        Self::Named {
            host,
            port: here.port,
            scope,
        }
    }
}

/// Whether the address of a reply says no more than that there is a daemon.
fn leads_nowhere(address: &str) -> bool {
    address.is_empty()
        || address
            .parse()
            .is_ok_and(|address: IpAddr| address.is_unspecified())
}

/// A search for a daemon: up to so many queries, each followed by a time to wait for an answer.
///
/// More than one, because datagrams get lost and a busy daemon may be late. The first usable answer
/// wins, also if it belongs to an earlier query.
///
/// Ask for the [`next`](Self::next) step, do it, pass on what was [`heard`](Self::heard) meanwhile,
/// ask again.
#[derive(Clone, Debug)]
pub struct Seeker {
    queries_left: u32,
    timeout_ms: u32,
    /// Until when the last query is waited for; `None` before the first.
    deadline: Option<Time>,
    found: Option<Found>,
}

/// What a search needs next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeekerStep {
    /// The query is to be sent, now.
    Send,
    /// Nothing but patience until then; the end of time if the wait has no limit.
    WaitUntil(Time),
    /// A daemon has answered.
    Found(Found),
    /// Nobody has.
    GiveUp,
}

impl Seeker {
    /// A search with up to `attempts` queries and `timeout_ms` of waiting after each; 0 waits for
    /// ever after the first.
    pub fn new(attempts: u32, timeout_ms: u32) -> Self {
        Self {
            queries_left: attempts,
            timeout_ms,
            deadline: None,
            found: None,
        }
    }

    /// What to do as of `now`. A [`SeekerStep::Send`] is told once: it counts as done.
    pub fn next(&mut self, now: Time) -> SeekerStep {
        if let Some(found) = &self.found {
            return SeekerStep::Found(found.clone());
        }
        match self.deadline {
            Some(deadline) if now < deadline => SeekerStep::WaitUntil(deadline),
            _ => self.send(now),
        }
    }

    /// Takes a datagram that came from `from`. What is no usable reply is ignored.
    pub fn heard(&mut self, from: SocketAddr, datagram: &[u8]) {
        if self.found.is_none() {
            self.found = Found::read(from, datagram);
        }
    }

    fn send(&mut self, now: Time) -> SeekerStep {
        if self.queries_left == 0 {
            return SeekerStep::GiveUp;
        }
        self.queries_left -= 1;
        self.deadline = Some(match self.timeout_ms {
            0 => Time(u64::MAX),
            timeout_ms => now.after_ms(timeout_ms.into()),
        });
        SeekerStep::Send
    }
}

#[cfg(test)]
mod tests {
    use flom_proto::encode;

    use super::*;

    const DAEMON: &str = "10.1.0.1:28015";

    fn reply(address: &str, port: &str) -> Vec<u8> {
        let network = format!(r#"<network address="{address}" port="{port}"/>"#);
        format!(r#"<msg level="3" verb="4" step="16">{network}</msg>"#).into_bytes()
    }

    fn read(from: &str, datagram: &[u8]) -> Option<Found> {
        Found::read(from.parse().unwrap(), datagram)
    }

    fn at(address: &str) -> Option<Found> {
        Some(Found::At(address.parse().unwrap()))
    }

    fn named(host: &str, scope: u32) -> Option<Found> {
        Some(Found::Named {
            host: host.to_owned(),
            port: 4444,
            scope,
        })
    }

    #[test]
    fn the_query_is_the_one_of_the_old_client() {
        let mut encoded = Vec::new();
        encode(&Message::Discover, &mut encoded);
        assert_eq!(query(), encoded);
        assert_eq!(query().len(), 78);
    }

    #[test]
    fn a_search_asks_so_often_and_waits_so_long() {
        let mut seeker = Seeker::new(2, 500);
        assert_eq!(seeker.next(Time(100)), SeekerStep::Send);
        assert_eq!(seeker.next(Time(100)), SeekerStep::WaitUntil(Time(600)));
        assert_eq!(seeker.next(Time(599)), SeekerStep::WaitUntil(Time(600)));
        assert_eq!(seeker.next(Time(600)), SeekerStep::Send);
        assert_eq!(seeker.next(Time(600)), SeekerStep::WaitUntil(Time(1100)));
        assert_eq!(seeker.next(Time(1100)), SeekerStep::GiveUp);
        assert_eq!(seeker.next(Time(1101)), SeekerStep::GiveUp);
    }

    #[test]
    fn without_a_limit_one_query_is_waited_for_for_ever() {
        let mut seeker = Seeker::new(2, 0);
        assert_eq!(seeker.next(Time(0)), SeekerStep::Send);
        assert_eq!(
            seeker.next(Time(u64::MAX - 1)),
            SeekerStep::WaitUntil(Time(u64::MAX))
        );
    }

    #[test]
    fn a_late_answer_counts_and_the_first_one_wins() {
        let mut seeker = Seeker::new(2, 500);
        assert_eq!(seeker.next(Time(0)), SeekerStep::Send);
        assert_eq!(seeker.next(Time(500)), SeekerStep::Send);
        seeker.heard(DAEMON.parse().unwrap(), &reply("", "4444"));
        seeker.heard("10.1.0.2:28015".parse().unwrap(), &reply("", "5555"));
        let found = Found::At("10.1.0.1:4444".parse().unwrap());
        assert_eq!(seeker.next(Time(700)), SeekerStep::Found(found.clone()));
        assert_eq!(seeker.next(Time(9000)), SeekerStep::Found(found));
    }

    #[test]
    fn a_reply_without_address_leads_to_where_it_came_from() {
        assert_eq!(read(DAEMON, &reply("", "39547")), at("10.1.0.1:39547"));
        assert_eq!(
            read("[fe80::a%2]:28015", &reply("", "39547")),
            at("[fe80::a%2]:39547")
        );
        for wildcard in ["0.0.0.0", "::", "0:0:0:0:0:0:0:0"] {
            assert_eq!(
                read(DAEMON, &reply(wildcard, "39547")),
                at("10.1.0.1:39547"),
                "{wildcard}"
            );
        }
    }

    #[test]
    fn a_reply_with_an_address_leads_there_on_the_interface_it_came_in_on() {
        assert_eq!(
            read(DAEMON, &reply("10.1.0.9", "4444")),
            named("10.1.0.9", 0)
        );
        assert_eq!(
            read(DAEMON, &reply("locks.example", "4444")),
            named("locks.example", 0)
        );
        assert_eq!(
            read("[fe80::a%2]:28015", &reply("fe80::b", "4444")),
            named("fe80::b", 2)
        );
        assert_eq!(
            read("[fe80::a%2]:28015", &reply("fe80::b%eth9", "4444")),
            named("fe80::b", 2)
        );
        assert_eq!(
            read("[2001:db8::1]:28015", &reply("locks", "4444")),
            named("locks", 0)
        );
    }

    #[test]
    fn a_reply_may_say_more_than_we_know() {
        let datagram =
            br#"<msg level="3" verb="4" step="16"><network address="" port="7" x="y"/></msg>"#;
        assert_eq!(read(DAEMON, datagram), at("10.1.0.1:7"));
    }

    #[test]
    fn an_odd_reply_changes_nothing() {
        let mut seeker = Seeker::new(1, 500);
        assert_eq!(seeker.next(Time(0)), SeekerStep::Send);
        let no_port = reply("", "");
        let port_0 = reply("", "0");
        let large_port = reply("", "69536");
        let negative_port = reply("", "-1");
        for datagram in [
            &b""[..],
            b"not XML",
            query(),
            &no_port,
            &port_0,
            &large_port,
            &negative_port,
            br#"<msg level="2" verb="4" step="16"><network address="" port="7"/></msg>"#,
            br#"<msg level="3" verb="3" step="16"><network address="" port="7"/></msg>"#,
            br#"<msg level="3" verb="4" step="24"><network address="" port="7"/></msg>"#,
            br#"<msg level="3" verb="4" step="16"></msg>"#,
            br#"<msg level="3" verb="4" step="16"><network port="7"/></msg>"#,
            br#"<msg level="3" verb="4" step="16"><network address=""/></msg>"#,
            &reply("", "7")[1..],
        ] {
            seeker.heard(DAEMON.parse().unwrap(), datagram);
            let step = seeker.next(Time(499));
            let text = String::from_utf8_lossy(datagram);
            assert_eq!(step, SeekerStep::WaitUntil(Time(500)), "{text}");
        }
        assert_eq!(seeker.next(Time(500)), SeekerStep::GiveUp);
    }
}
