//! Datagrams that no client should send: each row of `spec/discovery.md` §7. Only a query is
//! answered, and nothing else happens.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::harness::{
    Daemon, Flow, Heard, Host, PATIENCE, ask, hosts, message, uninterrupted, unlock,
};

const GROUP: &str = "224.0.0.1";

/// Somebody who sends datagrams from a host.
struct Sender {
    socket: UdpSocket,
    to: SocketAddr,
}

impl Sender {
    fn new(host: &Host, own: IpAddr, to: IpAddr) -> Self {
        let socket = host.enter(|| UdpSocket::bind((own, 0))).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            socket,
            to: SocketAddr::new(to, 28015),
        }
    }

    fn send(&self, datagram: &[u8]) {
        self.socket.send_to(datagram, self.to).unwrap();
    }

    /// The next datagram that comes back.
    fn receive(&self) -> String {
        let mut buffer = [0; 2048];
        let count = uninterrupted(|| self.socket.recv(&mut buffer)).unwrap();
        String::from_utf8(buffer[..count].to_vec()).unwrap()
    }

    /// How many answers there are to `datagram`, which is `query` or something else: those that
    /// come before the one to another query, from another port.
    fn answers_to(&self, datagram: &[u8], host: &Host, own: IpAddr) -> usize {
        self.send(datagram);
        let after = Self::new(host, own, self.to.ip());
        after.send(&query());
        after.receive();
        self.socket
            .set_read_timeout(Some(Duration::from_millis(1)))
            .unwrap();
        let count = (0..)
            .take_while(|_| uninterrupted(|| self.socket.recv(&mut [0; 2048])).is_ok())
            .count();
        self.socket.set_read_timeout(Some(PATIENCE)).unwrap();
        count
    }
}

fn query() -> Vec<u8> {
    message(4, 8, "").into_bytes()
}

/// What is not answered, and changes nothing.
fn odd() -> Vec<(&'static str, Vec<u8>)> {
    let lock = ask("odd").message();
    let mut not_waiting = ask("odd");
    (not_waiting.create, not_waiting.wait) = (0, 0);
    let shutdown = |immediate| message(5, 8, &format!("<shutdown immediate=\"{immediate}\"/>"));
    let other_level = message(4, 8, "").replace("level=\"3\"", "level=\"4\"");
    let network = "<network address=\"\" port=\"1\"/>";
    vec![
        ("no XML", b"hello".to_vec()),
        ("no XML, but an end", b"hello</msg>".to_vec()),
        ("bad UTF-8", b"\xff\xfe</msg>".to_vec()),
        ("pong", message(3, 16, "").into_bytes()),
        ("ping", message(3, 8, "").into_bytes()),
        ("here I am", message(4, 16, network).into_bytes()),
        ("unlock", unlock("db").into_bytes()),
        ("lock that cannot wait", not_waiting.message().into_bytes()),
        ("lock", lock.into_bytes()),
        ("immediate shutdown", shutdown(1).into_bytes()),
        ("quiesce", shutdown(0).into_bytes()),
        ("nothing", Vec::new()),
        ("other level", other_level.into_bytes()),
        ("half a query", query()[..40].to_vec()),
        ("all but the end", query()[..query().len() - 1].to_vec()),
        ("a long one", vec![b'x'; 1400]),
    ]
}

#[test]
fn only_queries_are_answered_and_everything_else_is_dropped() {
    let Some([a, b]) = hosts() else { return };
    a.cable("eth0", &b, "eth0");
    a.add_ipv4("eth0", "10.1.0.1/24");
    b.add_ipv4("eth0", "10.1.0.2/24");
    let (address, own) = ("10.1.0.1".parse().unwrap(), "10.1.0.2".parse().unwrap());
    let mut daemon = Daemon::start_on(&a, address, &["-A", GROUP]);
    let mut holder = daemon.holder("db");
    let tap = daemon.tap();
    let mut waiter = tap.flom(["-r", "db", "--", "echo", "mine"]).spawn();
    tap.wait_for_answer("rc=\"1\"");
    let before: Vec<Flow> = tap.flows();

    for to in [address, GROUP.parse().unwrap()] {
        let sender = Sender::new(&b, own, to);
        for (what, datagram) in odd() {
            assert_eq!(sender.answers_to(&datagram, &b, own), 0, "{what} to {to}");
            let asked = Instant::now();
            let mut third = daemon.connect();
            assert_eq!(third.ask(ask("third")), (16, 0), "{what}");
            assert!(asked.elapsed() < Duration::from_secs(1), "{what}");
            third.finish();
            assert_eq!(third.hear(), Heard::Closed);
            assert_eq!((daemon.probe("db"), daemon.probe("odd")), (4, 5), "{what}");
            assert!(daemon.is_running() && holder.is_running() && waiter.is_running());
            assert_eq!(tap.flows(), before, "{what}");
        }
        let twice = [query(), query()].concat();
        assert!(
            sender.answers_to(&twice, &b, own) <= 1,
            "two queries in one datagram"
        );
        for (what, datagram) in [
            ("a query", query()),
            (
                "a query without level",
                message(4, 8, "").replace("level=\"3\" ", "").into(),
            ),
            (
                "a query without prolog",
                b"<msg level=\"3\" verb=\"4\" step=\"8\"></msg>".to_vec(),
            ),
        ] {
            assert_eq!(sender.answers_to(&datagram, &b, own), 1, "{what} to {to}");
        }
        sender.send(&query());
        let network = "<network address=\"10.1.0.1\" port=\"28015\"/>";
        assert_eq!(sender.receive(), message(4, 16, network));
    }
    holder.close_stdin();
    waiter.wait().expect(0, "mine\n", "");
}
