//! A daemon that shows itself over HTTP, to friend and foe.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_socket_linger;

use crate::harness::{
    Daemon, Scratch, Started, ask, flom, hosts, loopback, page, request_at, unlock, validate, visit,
};

#[test]
fn what_a_daemon_keeps_is_shown_as_json_and_as_a_page() {
    let daemon = Daemon::start_with_http("");
    let _holder = daemon.holder("db");
    let _waiter = daemon.waiter(["-r", "db", "--", "true"]);
    let status = daemon.get("/status.json");
    assert_eq!(status.status, 200);
    assert!(
        status
            .head
            .contains("\r\nContent-Type: application/json\r\n"),
        "{status:?}"
    );
    validate(&status.body);
    assert!(
        status.body.contains(r#""held":1,"waiting":1,"#),
        "{status:?}"
    );
    let html = daemon.get("/");
    assert!(html.body.starts_with("<!doctype html>"), "{html:?}");
    assert!(
        html.head
            .contains("\r\nContent-Security-Policy: default-src 'none';")
    );
}

#[test]
fn to_ask_for_the_head_is_to_hear_nothing_else() {
    let daemon = Daemon::start_with_http("");
    for path in ["/", "/metrics", "/status.json"] {
        let request = format!("HEAD {path} HTTP/1.0\r\n\r\n");
        let head = request_at(daemon.http_address(), request.as_bytes());
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
        assert!(!head.head.contains("Content-Length: 0"), "{head:?}");
    }
}

#[test]
fn what_makes_no_sense_is_told_so() {
    let daemon = Daemon::start_with_http("");
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(100_000));
    let header = format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "a".repeat(100_000));
    for (request, status) in [
        ("POST / HTTP/1.1\r\nHost: localhost\r\n\r\nbody", 405),
        ("GET /secret HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        ("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/9.9\r\n\r\n", 505),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n", 400),
        (long.as_str(), 414),
        (header.as_str(), 431),
    ] {
        let page = request_at(daemon.http_address(), request.as_bytes());
        assert_eq!(page.status, status, "{:.60}", request);
        assert!(page.head.contains("\r\nConnection: close\r\n"), "{page:?}");
    }
}

#[test]
fn of_many_requests_at_once_the_first_is_answered() {
    let daemon = Daemon::start_with_http("");
    let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(1000);
    let answer = request_at(daemon.http_address(), request.as_bytes());
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body.matches("# TYPE flom_build_info").count(), 1);
}

#[test]
fn who_takes_too_long_is_told_so() {
    let daemon = Daemon::start_with_http("");
    let mut stream = visit(daemon.http_address());
    stream.write_all(b"GET / HT").unwrap();
    assert_eq!(page(stream).status, 408);
}

#[test]
fn a_crowd_of_bad_visitors_holds_up_neither_locks_nor_good_visitors() {
    let daemon = Daemon::start_with_http("");
    let address = daemon.http_address();
    let (mut first, mut second) = (daemon.connect(), daemon.connect());
    first.ask(ask("db"));
    second.ask(ask("db"));
    let bad = move |number: usize| {
        let mut stream = TcpStream::connect(address).ok()?;
        let _ = match number % 5 {
            0 => Ok(()), // says nothing at all
            1 => stream.write_all(b"GET /status.json HTTP/1.1\r\nHost: localh"),
            2 => stream.write_all(&[0xff; 4096]),
            3 => {
                stream.write_all(&b"GET /status.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(9))
            }
            _ => set_socket_linger(&stream, Some(Duration::ZERO)).map_err(Into::into),
        };
        Some(stream)
    };
    let crowd = thread::spawn(move || (0..1000).filter_map(bad).collect::<Vec<_>>());
    // Hands the lock to and fro meanwhile, and looks once in a while.
    let mut looks = 0;
    let mut slowest = Duration::ZERO;
    while !crowd.is_finished() || looks == 0 {
        for _ in 0..20 {
            let began = Instant::now();
            first.say(unlock("db"));
            assert_eq!(second.hear().answer().1, 0);
            slowest = slowest.max(began.elapsed());
            first.ask(ask("db"));
            (first, second) = (second, first);
        }
        assert_eq!(daemon.get_in_a_crowd("/metrics").status, 200);
        looks += 1;
    }
    let crowd = crowd.join().unwrap();
    assert!(crowd.len() > 900, "{} have come", crowd.len());
    assert_eq!(daemon.get_in_a_crowd("/status.json").status, 200);
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
}

#[test]
fn nobody_is_shown_anything_where_a_list_says_who_may_look() {
    let daemon = Daemon::start_with_http("--access-observe=uid:0");
    for path in ["/", "/metrics", "/status.json"] {
        let answer = daemon.get(path);
        assert_eq!(answer.status, 403, "{answer:?}");
        assert!(answer.body.contains("[Access] Observe"), "{answer:?}");
    }
}

#[test]
fn a_command_starts_a_daemon_that_shows_itself_as_the_configuration_says() {
    let scratch = Scratch::new();
    let (socket, file) = (scratch.file("socket"), scratch.file("conf"));
    let free = TcpListener::bind((loopback(), 0)).unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    std::fs::write(&file, format!("[Daemon]\nHttp={address}\n")).unwrap();
    let started = Started::with(socket.to_str().unwrap());
    let words = ["-s", socket.to_str().unwrap(), "-d", "60000", "-c"];
    let command = |words: &[&str]| {
        flom(words)
            .args([file.to_str().unwrap(), "--", "true"])
            .run()
    };
    command(&words).expect(0, "", "");
    started.the_daemon();
    let answer = request_at(address, b"GET /metrics HTTP/1.0\r\n\r\n");
    assert!(
        answer
            .body
            .contains("flom_grants_total{kind=\"simple\",mode=\"EX\"} 1\n"),
        "{answer:?}"
    );
    // The port is taken now. Locking matters more than being seen.
    let other = scratch.file("other");
    let _others = Started::with(other.to_str().unwrap());
    let words = ["-s", other.to_str().unwrap(), "-d", "60000", "-c"];
    command(&words).expect(0, "", "");
}

#[test]
fn a_port_that_is_taken_is_no_reason_not_to_lock() {
    let taken = TcpListener::bind((loopback(), 0)).unwrap();
    let address = taken.local_addr().unwrap();
    let script = format!("exec \"$FLOMD\" \"$@\" --http {address}");
    let daemon = Daemon::start_with(&script);
    let log = daemon.wait_for_stderr("FLM003N");
    assert!(
        log.contains(&format!(
            "FLM037E not to be seen over HTTP: cannot listen on {address}"
        )),
        "{log}"
    );
    assert_eq!(daemon.probe("db"), 5);
}

#[test]
fn other_hosts_see_it_where_it_is_told_to_listen_there() {
    let Some([near, far]) = hosts() else {
        return;
    };
    near.cable("wire", &far, "wire");
    near.add_ipv4("wire", "10.1.0.1/24");
    far.add_ipv4("wire", "10.1.0.2/24");
    let address = "10.1.0.1:9345".parse().unwrap();
    let daemon = Daemon::start_on(
        &near,
        "10.1.0.1".parse().unwrap(),
        &["--http", "10.1.0.1:9345"],
    );
    daemon.wait_for_stderr("FLM003N");
    let request = b"GET /status.json HTTP/1.1\r\nHost: near.example\r\n\r\n";
    let answer = far.enter(|| request_at(address, request));
    assert_eq!(answer.status, 200);
    validate(&answer.body);
    // Without an address it would be for its own host alone.
    let other = Daemon::start_on(&far, "10.1.0.2".parse().unwrap(), &["--http", "9345"]);
    other.wait_for_stderr("to be seen at http://127.0.0.1:9345");
    let refused = near.enter(|| TcpStream::connect("10.1.0.2:9345"));
    assert!(refused.is_err());
}
