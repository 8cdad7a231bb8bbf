//! Odd answers to a query (`spec/discovery.md` §6), late ones, and none.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::thread;
use std::time::Duration;

use crate::harness::{Daemon, Host, PATIENCE, Running, hosts, message, uninterrupted};

/// Where a reply that is taken, though it should not be, leads to: 69536 modulo 65536.
const DECOY: u16 = 4000;

const A: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 1);
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 0, 1);

/// Two hosts: on the first a daemon, which no group knows, and somebody who answers in its place.
struct Scene {
    b: Host,
    _daemon: Daemon,
    decoy: TcpListener,
    responder: UdpSocket,
}

impl Scene {
    fn new() -> Option<Self> {
        let [a, b] = hosts()?;
        a.cable("eth0", &b, "eth0");
        a.add_ipv4("eth0", "10.1.0.1/24");
        b.add_ipv4("eth0", "10.1.0.2/24");
        let daemon = Daemon::start_on(&a, A.into(), &[]);
        let (responder, decoy) = a.enter(|| {
            let responder = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 28015)).unwrap();
            responder.join_multicast_v4(&GROUP, &A).unwrap();
            (responder, TcpListener::bind((A, DECOY)).unwrap())
        });
        responder.set_read_timeout(Some(PATIENCE)).unwrap();
        decoy.set_nonblocking(true).unwrap();
        Some(Self {
            b,
            _daemon: daemon,
            decoy,
            responder,
        })
    }

    /// A command that asks the group.
    fn flom(&self, words: &[&str]) -> Running {
        let group = GROUP.to_string();
        let command = ["-A", &group, "-d", "0", "--", "echo", "ran"];
        self.b.flom(words.iter().copied()).args(command).spawn()
    }

    /// Waits for a query, which must be one byte for byte; gives who asks.
    #[track_caller]
    fn asked(&self) -> SocketAddr {
        let mut buffer = [0; 2048];
        let (count, from) = uninterrupted(|| self.responder.recv_from(&mut buffer)).unwrap();
        assert_eq!(String::from_utf8_lossy(&buffer[..count]), message(4, 8, ""));
        assert_eq!(count, 78);
        from
    }

    fn answer(&self, to: SocketAddr, datagram: &[u8]) {
        self.responder.send_to(datagram, to).unwrap();
    }

    /// Fails if `what` was followed.
    #[track_caller]
    fn assert_passed_over(&self, what: &str) {
        assert!(
            self.decoy.accept().is_err(),
            "{what} was taken for an answer"
        );
        self.assert_not_asked(what);
    }

    /// Fails if there is another query.
    #[track_caller]
    fn assert_not_asked(&self, what: &str) {
        self.responder.set_nonblocking(true).unwrap();
        assert!(
            self.responder.recv(&mut [0; 100]).is_err(),
            "asked again: {what}"
        );
        self.responder.set_nonblocking(false).unwrap();
    }
}

fn here(address: &str, port: &str) -> String {
    message(
        4,
        16,
        &format!("<network address=\"{address}\" port=\"{port}\"/>"),
    )
}

#[test]
fn odd_replies_are_passed_over_until_a_good_one_comes() {
    let Some(scene) = Scene::new() else { return };
    let decoy = DECOY.to_string();
    let good = here("", &decoy);
    let odd: Vec<(&str, Vec<u8>)> = vec![
        (
            "another level",
            good.replace("level=\"3\"", "level=\"4\"").into(),
        ),
        (
            "another verb",
            good.replace("verb=\"4\"", "verb=\"1\"").into(),
        ),
        (
            "another step",
            good.replace("step=\"16\"", "step=\"24\"").into(),
        ),
        ("the query itself", message(4, 8, "").into()),
        ("no network", message(4, 16, "").into()),
        (
            "no address",
            message(4, 16, &format!("<network port=\"{decoy}\"/>")).into(),
        ),
        ("nothing", Vec::new()),
        ("no XML", b"hello".to_vec()),
        ("bad UTF-8", b"\xff\xfe</msg>".to_vec()),
        ("no port", message(4, 16, "<network address=\"\"/>").into()),
        ("port 0", here("", "0").into()),
        ("port 69536", here("", "69536").into()),
        ("half of it", good.as_bytes()[..60].to_vec()),
    ];
    for (what, datagram) in odd {
        let command = scene.flom(&["-D", "1", "-I", "20000"]);
        let from = scene.asked();
        scene.answer(from, &datagram);
        scene.answer(from, here("", "28015").as_bytes());
        command.wait().expect(0, "ran\n", "");
        scene.assert_passed_over(what);
    }
}

#[test]
fn what_an_old_daemon_may_say_is_understood() {
    let Some(scene) = Scene::new() else { return };
    let unknown = "<network colour=\"red\" address=\"\" port=\"28015\"/>";
    for (what, reply) in [
        ("no address", here("", "28015")),
        ("an address", here("10.1.0.1", "28015")),
        ("an unknown attribute", message(4, 16, unknown)),
        ("a wildcard", here("0.0.0.0", "28015")),
        ("a wildcard of IPv6", here("::", "28015")),
    ] {
        let command = scene.flom(&["-D", "1", "-I", "20000"]);
        scene.answer(scene.asked(), reply.as_bytes());
        let ended = command.wait();
        assert_eq!(
            (ended.code(), &*ended.stdout),
            (0, "ran\n"),
            "{what}: {ended:?}"
        );
    }
}

#[test]
fn a_late_reply_is_a_reply() {
    let Some(scene) = Scene::new() else { return };
    let command = scene.flom(&["-D", "2", "-I", "200"]);
    let first = scene.asked();
    assert_eq!(scene.asked(), first, "both are sent from one port");
    scene.answer(first, here("", "28015").as_bytes());
    command.wait().expect(0, "ran\n", "");
}

#[test]
fn the_first_good_reply_wins() {
    let Some(scene) = Scene::new() else { return };
    let command = scene.flom(&["-D", "1", "-I", "20000"]);
    let from = scene.asked();
    scene.answer(from, here("", "28015").as_bytes());
    scene.answer(from, here("", &DECOY.to_string()).as_bytes());
    command.wait().expect(0, "ran\n", "");
    scene.assert_passed_over("the second reply");
}

#[test]
fn as_many_queries_are_sent_as_asked_for() {
    let Some(scene) = Scene::new() else { return };
    for (attempts, sent) in [("1", 1), ("3", 3), ("0", 1)] {
        let command = scene.flom(&["-D", attempts, "-I", "20"]);
        let from = scene.asked();
        for _ in 1..sent {
            assert_eq!(scene.asked(), from);
        }
        command.wait().expect_code(99);
        scene.assert_not_asked(attempts);
    }
}

#[test]
fn a_command_that_has_found_nobody_starts_none_if_somebody_answered_it() {
    // The address in the reply leads nowhere, and stands for the whole group all the same.
    let Some(scene) = Scene::new() else { return };
    let group = GROUP.to_string();
    let words = ["-A", &group, "-I", "100", "-d", "60000", "--", "echo", "no"];
    let command = scene.b.flom(words).spawn();
    let responder = scene.responder.try_clone().unwrap();
    responder
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let answering = thread::spawn(move || {
        let mut command = command;
        while command.is_running() {
            if let Ok((_, from)) = responder.recv_from(&mut [0; 100]) {
                responder.send_to(here("", "9").as_bytes(), from).unwrap();
            }
        }
        command.wait()
    });
    let ended = answering.join().unwrap().expect_code(99);
    assert!(
        ended
            .stderr
            .starts_with("flom_client_connect: ret_cod=-105 ("),
        "{ended:?}"
    );
    assert!(scene.b.daemons().is_empty());
}
