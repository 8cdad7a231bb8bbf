//! Daemons that are reached over the network: TCP, and the group that says where they are.

use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::Duration;

use flom_daemon::{Daemon, StartError};
use flom_discovery::query;
use flom_net::Group;
use flom_proto::{Here, Message, decode};
use flom_settings::Settings;

use crate::harness::{AMPLE, Client, Thread, bytes, join, serve, shutdown};

/// A daemon that is reached over TCP; ends with the value.
pub(crate) struct Networked {
    thread: Option<Thread>,
    address: SocketAddr,
}

impl Networked {
    pub(crate) fn start(settings: &Settings) -> Self {
        let mut settings = settings.clone();
        settings.daemon.remote_shutdown.get_or_insert(true); // that is how it ends
        let daemon = Daemon::open(&settings).unwrap();
        let mut address = daemon.tcp_address().unwrap();
        if address.ip().is_unspecified() {
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        Self {
            thread: Some(serve(daemon)),
            address,
        }
    }

    pub(crate) fn client(&self) -> Client<TcpStream> {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(AMPLE)).unwrap();
        Client::over(stream)
    }
}

impl Drop for Networked {
    fn drop(&mut self) {
        self.client().say(&shutdown(true)).closed();
        join(self.thread.take().unwrap());
    }
}

/// At `host` and a port that the system chooses.
pub(crate) fn unicast(host: &str) -> Settings {
    let mut settings = Settings::default();
    settings.daemon.lifespan_ms = -1;
    settings.daemon.unicast_address = Some(host.to_owned());
    settings.daemon.unicast_port = 0;
    settings
}

/// A group that only this test has.
fn multicast(settings: &mut Settings) -> SocketAddr {
    static COUNT: AtomicU8 = AtomicU8::new(1);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let group = Ipv4Addr::new(239, 255, 77, count);
    // On the loopback interface alone: nothing of this is for others to hear.
    settings.daemon.multicast_address = Some(format!("{group}%lo"));
    // One that nobody has right now.
    let free = UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap();
    settings.daemon.multicast_port = free.port();
    SocketAddr::from((group, settings.daemon.multicast_port))
}

/// What is answered to `datagram`.
fn answer(socket: &UdpSocket, datagram: &[u8]) -> Here {
    socket.send(datagram).unwrap();
    let mut buffer = [0; 1024];
    let length = socket.recv(&mut buffer).expect("no answer");
    match decode(&buffer[..length]) {
        Ok(Message::Here(here)) => here,
        other => panic!("{other:?}"),
    }
}

fn asking(port: u16) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(("127.0.0.1", port)).unwrap();
    socket.set_read_timeout(Some(AMPLE)).unwrap();
    socket
}

#[test]
fn locks_are_kept_over_both_families_of_tcp() {
    for host in ["127.0.0.1", "::1"] {
        let daemon = Networked::start(&unicast(host));
        let [mut holder, mut waiter] = [(); 2].map(|()| daemon.client());
        holder.lock("db", 0);
        waiter.lock("db", 1);
        drop(holder);
        waiter.granted();
    }
}

#[test]
fn a_port_that_is_taken_is_no_failure() {
    let mut settings = unicast("127.0.0.1");
    let daemon = Networked::start(&settings);
    settings.daemon.unicast_port = daemon.address.port();
    let error = Daemon::open(&settings).unwrap_err();
    assert!(error.is_busy(), "{error}");
}

#[test]
fn the_discovery_socket_answers_queries_and_survives_everything_else() {
    let mut settings = unicast("127.0.0.1");
    let group = multicast(&mut settings);
    let daemon = Networked::start(&settings);
    let socket = asking(group.port());
    let expected = Here {
        address: String::new(),
        port: daemon.address.port(),
    };
    let lock =
        r#"<msg level="3" verb="1" step="8"><resource name="QQ==" mode="5" create="1"/></msg>"#;
    let twice = [query(), query()].concat();
    let long = [&b"<msg".repeat(300)[..], query()].concat();
    let rows: [&[u8]; 12] = [
        b"garbage</msg>",
        b"",
        br#"<msg level="3" verb="3" step="16"></msg>"#,
        br#"<msg level="3" verb="4" step="16"><network address="x" port="1"/></msg>"#,
        br#"<msg level="3" verb="2" step="8"><resource name="QQ==" rollback="0" /></msg>"#,
        lock.as_bytes(),
        br#"<msg level="3" verb="5" step="8"><shutdown immediate="1"/></msg>"#,
        br#"<msg level="3" verb="5" step="8"><shutdown immediate="0"/></msg>"#,
        br#"<msg level="4" verb="4" step="8"></msg>"#,
        &query()[..70],
        &twice,
        &long,
    ];
    for datagram in rows {
        socket.send(datagram).unwrap();
        // The next answer is the one to this query, and it is the only one.
        assert_eq!(answer(&socket, query()), expected);
    }
    assert_eq!(
        answer(&socket, br#"<msg verb="4" step="8"></msg>"#),
        expected
    );
}

#[test]
fn a_crowd_of_queries_is_answered() {
    let mut settings = unicast("127.0.0.1");
    let group = multicast(&mut settings);
    let _daemon = Networked::start(&settings);
    let socket = asking(group.port());
    for _ in 0..100 {
        socket.send(query()).unwrap();
    }
    let mut buffer = [0; 1024];
    for _ in 0..100 {
        socket.recv(&mut buffer).unwrap();
    }
}

#[test]
fn address_and_group_have_to_be_of_one_family() {
    let mut settings = unicast("::1");
    multicast(&mut settings);
    let error = Daemon::open(&settings).unwrap_err();
    assert!(matches!(error, StartError::Families { .. }), "{error}");
}

#[test]
fn a_group_has_one_daemon_on_a_host() {
    let mut settings = Settings::default();
    settings.daemon.lifespan_ms = -1;
    let group = multicast(&mut settings);
    let daemon = Daemon::open(&settings).unwrap();
    let error = Daemon::open(&settings).unwrap_err();
    assert!(matches!(error, StartError::GroupTaken { .. }), "{error}");
    assert!(error.is_busy());
    // Another group is another matter, also at the same port.
    let mut others = settings.clone();
    multicast(&mut others);
    others.daemon.multicast_port = group.port();
    drop(Daemon::open(&others).unwrap());
    drop(daemon);
    Daemon::open(&settings).unwrap();
}

#[test]
fn a_daemon_that_only_the_group_knows_tells_its_port() {
    let mut settings = Settings::default();
    settings.daemon.lifespan_ms = -1;
    let group = multicast(&mut settings);
    let daemon = Networked::start(&settings);
    let here = answer(&asking(group.port()), query());
    assert_eq!(
        here,
        Here {
            address: String::new(),
            port: daemon.address.port()
        }
    );
    daemon.client().lock("db", 0);
}

#[test]
fn a_daemon_gives_way_to_one_that_answers() {
    let mut settings = Settings::default();
    multicast(&mut settings);
    let text = settings.daemon.multicast_address.as_deref().unwrap();
    let group = Group::resolve(text, settings.daemon.multicast_port, None).unwrap();
    let other = group.listen().unwrap();
    other.set_read_timeout(Some(AMPLE)).unwrap();
    let answering = thread::spawn(move || {
        let here = Here {
            address: String::new(),
            port: 1,
        };
        let reply = bytes(&Message::Here(here));
        let mut buffer = [0; 1024];
        let mut heard = 0;
        // Three times it asks, on each interface of this host; then the test says that it is over.
        loop {
            let (length, from) = other.recv_from(&mut buffer).unwrap();
            match &buffer[..length] {
                b"over" => return heard,
                _ => other.send_to(&reply, from).unwrap(),
            };
            heard += 1;
        }
    });
    let error = Daemon::open(&settings).unwrap_err();
    assert!(matches!(error, StartError::GroupServed { .. }), "{error}");
    assert!(error.is_busy());
    asking(group.address().port()).send(b"over").unwrap();
    assert!(answering.join().unwrap() >= 3);
}

#[test]
fn an_answer_that_is_not_repeated_keeps_no_daemon_away() {
    // Another host's daemon that has asked at the same moment, and gives way itself.
    let mut settings = Settings::default();
    let group = multicast(&mut settings);
    let text = settings.daemon.multicast_address.as_deref().unwrap();
    let other = Group::resolve(text, group.port(), None).unwrap();
    let other = other.listen().unwrap();
    other.set_read_timeout(Some(AMPLE)).unwrap();
    let answering = thread::spawn(move || {
        let (_, from) = other.recv_from(&mut [0; 1024]).unwrap();
        let here = Here {
            address: String::new(),
            port: 1,
        };
        other.send_to(&bytes(&Message::Here(here)), from).unwrap();
    });
    Daemon::open(&settings).unwrap();
    answering.join().unwrap();
}

#[test]
fn noise_in_the_group_keeps_no_daemon_away() {
    let mut settings = Settings::default();
    let group = multicast(&mut settings);
    let text = settings.daemon.multicast_address.as_deref().unwrap();
    let listener = Group::resolve(text, group.port(), None)
        .unwrap()
        .listen()
        .unwrap();
    listener
        .set_read_timeout(Some(Duration::from_millis(10)))
        .unwrap();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let noise = thread::spawn(move || {
        let mut buffer = [0; 1024];
        // Ends when the other end of the channel is dropped.
        while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            if let Ok((_, from)) = listener.recv_from(&mut buffer) {
                listener.send_to(b"<msg>nonsense</msg>", from).unwrap();
                listener.send_to(query(), from).unwrap();
            }
        }
    });
    Daemon::open(&settings).unwrap();
    drop(stop);
    noise.join().unwrap();
}
