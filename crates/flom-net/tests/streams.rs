//! Connections over the loopback interface: made, tuned, refused.

#![expect(clippy::unwrap_used, reason = "whatever fails here fails the test")]

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use flom_net::{Group, Keepalive, Stream, connect_tcp, connect_unix, listen_tcp, tune};
use socket2::{Domain, SockRef, Socket, Type};

/// Longer than anything takes here; nothing but a failure waits so long.
const LIMIT: Duration = Duration::from_secs(10);

fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// An address on this host where nobody listens.
fn closed(host: &str) -> SocketAddr {
    let listener = TcpListener::bind((host, 0)).unwrap();
    listener.local_addr().unwrap()
}

fn socket_path(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("flom-net-{}-{name}", std::process::id()));
    let _ = fs::remove_file(&path); // of an earlier run with the same number
    path
}

/// Waits for the next client of a listener that does not block.
fn accept(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(false).unwrap();
    listener.accept().unwrap().0
}

/// Whether a program started now would inherit it.
fn is_inherited(socket: &impl AsRawFd) -> bool {
    const CLOSE_ON_EXEC: u32 = 0o2_000_000;
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", socket.as_raw_fd())).unwrap();
    let flags = info
        .lines()
        .find_map(|line| line.strip_prefix("flags:"))
        .unwrap();
    u32::from_str_radix(flags.trim(), 8).unwrap() & CLOSE_ON_EXEC == 0
}

#[test]
fn both_kinds_of_stream_carry_bytes_both_ways() {
    let path = socket_path("bytes");
    let unix = UnixListener::bind(&path).unwrap();
    let tcp = listen_tcp(&addresses(&["127.0.0.1:0"]), 100).unwrap();

    let over_unix = connect_unix(&path).unwrap();
    let over_tcp = connect_tcp(&[tcp.local_addr().unwrap()], LIMIT).unwrap();
    fs::remove_file(&path).unwrap();
    echo(unix.accept().unwrap().0, over_unix);
    echo(accept(&tcp), over_tcp);
}

/// Says something from both ends; the client's end then hears that nothing more comes.
fn echo(mut daemon: impl Read + Write, mut client: Stream) {
    let mut buffer = [0; 5];
    client.set_read_timeout(Some(LIMIT)).unwrap();
    client.write_all(b"HELLO").unwrap();
    daemon.read_exact(&mut buffer).unwrap();
    assert_eq!(&buffer, b"HELLO");
    daemon.write_all(b"WELCO").unwrap();
    client.read_exact(&mut buffer).unwrap();
    assert_eq!(&buffer, b"WELCO");
    client.set_nonblocking(true).unwrap();
    assert_eq!(
        client.read(&mut buffer).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(daemon.read(&mut buffer).unwrap(), 0);
    assert!(!is_inherited(&client));
}

#[test]
fn a_missing_daemon_is_told_from_one_that_left_its_socket_behind() {
    let path = socket_path("left");
    assert_eq!(connect_unix(&path).unwrap_err().kind(), ErrorKind::NotFound);
    drop(UnixListener::bind(&path).unwrap());
    assert_eq!(
        connect_unix(&path).unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
    fs::remove_file(&path).unwrap();
}

#[test]
fn the_first_address_that_accepts_is_taken() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let open = listener.local_addr().unwrap();
    let stream = connect_tcp(&[closed("::1"), closed("127.0.0.1"), open], LIMIT).unwrap();
    let Stream::Tcp(stream) = stream else {
        panic!("not TCP: {stream:?}");
    };
    assert_eq!(stream.peer_addr().unwrap(), open);
    assert!(stream.nodelay().unwrap());
}

#[test]
fn if_no_address_accepts_the_error_names_the_last() {
    let last = closed("127.0.0.1");
    let error = connect_tcp(&[closed("::1"), last], LIMIT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    let expected = format!("cannot connect to {last}: Connection refused (os error 111)");
    assert_eq!(error.to_string(), expected);
    assert_eq!(
        connect_tcp(&[], LIMIT).unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
}

#[test]
fn an_address_that_swallows_everything_leaves_time_for_the_next() {
    // Once nobody else fits into its queue, the system does not answer for it.
    let full = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    full.bind(&addresses(&["127.0.0.1:0"])[0].into()).unwrap();
    full.listen(0).unwrap();
    let silent = full.local_addr().unwrap().as_socket().unwrap();
    let mut queue = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&silent, Duration::from_millis(50)) {
        queue.push(stream);
    }

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let limit = Duration::from_millis(400);
    let started = Instant::now();
    connect_tcp(&[silent, listener.local_addr().unwrap()], limit).unwrap();
    assert!(started.elapsed() < limit);

    let started = Instant::now();
    let error = connect_tcp(&[silent, silent], limit).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(started.elapsed() >= limit);
}

#[test]
fn the_first_address_of_this_host_is_listened_on() {
    let elsewhere = "203.0.113.1:0"; // for documentation, so nobody has it
    let listener = listen_tcp(&addresses(&[elsewhere, "127.0.0.1:0"]), 100).unwrap();
    assert!(listener.local_addr().unwrap().ip().is_loopback());
    assert!(SockRef::from(&listener).nonblocking().unwrap());
    assert!(!is_inherited(&listener));

    let error = listen_tcp(&addresses(&[elsewhere]), 100).unwrap_err();
    let expected = "cannot listen on 203.0.113.1:0: Cannot assign requested address (os error 99)";
    assert_eq!(error.to_string(), expected);
    assert_eq!(
        listen_tcp(&[], 100).unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
}

#[test]
fn an_address_in_use_is_not_passed_over_for_the_next() {
    let first = listen_tcp(&addresses(&["127.0.0.1:0"]), 100).unwrap();
    let taken = first.local_addr().unwrap();
    let error = listen_tcp(&[taken, "127.0.0.2:0".parse().unwrap()], 100).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
}

#[test]
fn a_port_can_be_listened_on_again_while_connections_linger() {
    let listener = listen_tcp(&addresses(&["127.0.0.1:0"]), 100).unwrap();
    let address = listener.local_addr().unwrap();
    let client = connect_tcp(&[address], LIMIT).unwrap();
    drop(accept(&listener)); // closed here first, so it lingers here
    drop((client, listener));
    listen_tcp(&[address], 100).unwrap();
}

#[test]
fn accepted_connections_of_every_family_are_tuned() {
    let keepalive = Keepalive {
        time: Duration::from_secs(61),
        interval: Duration::from_secs(11),
        probes: 7,
    };
    let v6 = listen_tcp(&[SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))], 100).unwrap();
    let v4 = listen_tcp(&addresses(&["127.0.0.1:0"]), 100).unwrap();
    tune(&v4, &keepalive).unwrap();
    tune(&v6, &keepalive).unwrap();
    let v6_port = v6.local_addr().unwrap().port();
    for (listener, host, port) in [
        (&v4, "127.0.0.1", v4.local_addr().unwrap().port()),
        (&v6, "::1", v6_port),
        (&v6, "127.0.0.1", v6_port),
        (&v6, "::ffff:127.0.0.1", v6_port),
    ] {
        let address = SocketAddr::new(host.parse().unwrap(), port);
        let _client = connect_tcp(&[address], LIMIT).unwrap();
        let accepted = accept(listener);
        assert!(accepted.nodelay().unwrap(), "{host}");
        assert_eq!(keepalive_of(&accepted).unwrap(), Some(keepalive), "{host}");
        // What it was told and does not acknowledge is no longer waited for than that.
        let patience = keepalive.time + keepalive.interval * keepalive.probes;
        let set = SockRef::from(&accepted).tcp_user_timeout().unwrap();
        assert_eq!(set, Some(patience), "{host}");
    }
}

#[test]
fn a_keepalive_that_the_system_would_refuse_does_not_turn_a_client_away() {
    let listener = listen_tcp(&addresses(&["127.0.0.1:0"]), 100).unwrap();
    let _client = connect_tcp(&[listener.local_addr().unwrap()], LIMIT).unwrap();
    let accepted = accept(&listener);
    for (wrong, nearest_s, nearest_probes) in [
        (Duration::ZERO, 1, 1),
        (Duration::from_secs(u64::MAX), 32767, 127),
    ] {
        let probes = u32::try_from(wrong.as_secs()).unwrap_or(u32::MAX);
        let asked = Keepalive {
            time: wrong,
            interval: wrong,
            probes,
        };
        tune(&accepted, &asked).unwrap();
        let nearest = Duration::from_secs(nearest_s);
        let expected = Keepalive {
            time: nearest,
            interval: nearest,
            probes: nearest_probes,
        };
        assert_eq!(keepalive_of(&accepted).unwrap(), Some(expected));
    }
}

fn keepalive_of(stream: &TcpStream) -> io::Result<Option<Keepalive>> {
    let socket = SockRef::from(stream);
    if !socket.keepalive()? {
        return Ok(None);
    }
    Ok(Some(Keepalive {
        time: socket.tcp_keepalive_time()?,
        interval: socket.tcp_keepalive_interval()?,
        probes: socket.tcp_keepalive_retries()?,
    }))
}

#[test]
fn sockets_of_a_group_are_not_inherited() {
    let group = Group::resolve("239.255.0.1%lo", 0, None).unwrap();
    assert!(!is_inherited(&group.listen().unwrap()));
    assert!(!is_inherited(&group.sender(1).unwrap()));
}
