//! Sockets that somebody else has opened for the daemon.

use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixListener, UnixStream};

use flom_daemon::{Daemon, PassedListener, PassedSocket, StartError};
use flom_discovery::query;
use flom_proto::{Message, decode};
use flom_settings::Settings;

use crate::harness::{AMPLE, Client, Directory, join, serve, shutdown};

fn unix(listener: &UnixListener) -> PassedSocket {
    let listener = listener.try_clone().unwrap();
    listener.set_nonblocking(true).unwrap();
    PassedSocket {
        name: None,
        listener: PassedListener::Unix(listener),
    }
}

fn tcp(listener: &TcpListener) -> PassedSocket {
    let listener = listener.try_clone().unwrap();
    listener.set_nonblocking(true).unwrap();
    PassedSocket {
        name: None,
        listener: PassedListener::Tcp(listener),
    }
}

fn over_tcp(listener: &TcpListener) -> Client<TcpStream> {
    let port = listener.local_addr().unwrap().port();
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(AMPLE)).unwrap();
    Client::over(stream)
}

/// Settings whose own socket nobody must open.
fn settings(directory: &Directory) -> Settings {
    let mut settings = Settings::default();
    settings.daemon.socket_name = Some(directory.join("own"));
    settings.daemon.lifespan_ms = -1;
    settings
}

#[test]
fn whoever_comes_to_any_passed_socket_meets_all_others() {
    let directory = Directory::new();
    let path = directory.join("passed");
    let (local, remote) = (
        UnixListener::bind(&path).unwrap(),
        TcpListener::bind("127.0.0.1:0").unwrap(),
    );
    let early = UnixStream::connect(&path).unwrap(); // before there is a daemon
    let passed = vec![unix(&local), tcp(&remote)];
    let thread = serve(Daemon::open_passed(&settings(&directory), passed).unwrap());
    let mut holder = Client::over(early);
    holder.lock("db", 0);
    let mut waiter = over_tcp(&remote);
    waiter.lock("db", 1);
    drop(holder);
    waiter.granted();
    assert!(!directory.join("own").exists());
    Client::connect(&path).say(&shutdown(true)).closed();
    join(thread);
}

#[test]
fn the_next_daemon_takes_the_passed_sockets_over() {
    let directory = Directory::new();
    let path = directory.join("passed");
    let local = UnixListener::bind(&path).unwrap();
    for _ in 0..2 {
        let mut settings = settings(&directory);
        settings.daemon.lifespan_ms = 1;
        let thread = serve(Daemon::open_passed(&settings, vec![unix(&local)]).unwrap());
        Client::connect(&path).lock("db", 0);
        join(thread); // it is idle
        assert!(path.exists());
        UnixStream::connect(&path).unwrap(); // somebody still listens
    }
}

#[test]
fn a_group_leads_to_the_passed_tcp_socket() {
    let directory = Directory::new();
    let mut settings = settings(&directory);
    settings.daemon.socket_name = None;
    settings.daemon.remote_shutdown = Some(true);
    settings.daemon.multicast_address = Some("239.255.78.1".to_owned());
    let free = UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap();
    settings.daemon.multicast_port = free.port();

    let local = UnixListener::bind(directory.join("passed")).unwrap();
    let error = Daemon::open_passed(&settings, vec![unix(&local)]).unwrap_err();
    assert!(matches!(error, StartError::NoWay { .. }), "{error}");

    // As a service manager listens that is given a port alone: for both families.
    let remote = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap();
    let passed = vec![unix(&local), tcp(&remote)];
    let thread = serve(Daemon::open_passed(&settings, passed).unwrap());
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(AMPLE)).unwrap();
    let group = (Ipv4Addr::LOCALHOST, free.port());
    socket.send_to(query(), group).unwrap();
    let mut buffer = [0; 1024];
    let length = socket.recv(&mut buffer).unwrap();
    match decode(&buffer[..length]) {
        Ok(Message::Here(here)) => assert_eq!(here.port, remote.local_addr().unwrap().port()),
        other => panic!("{other:?}"),
    }
    over_tcp(&remote).say(&shutdown(true)).closed();
    join(thread);
}
