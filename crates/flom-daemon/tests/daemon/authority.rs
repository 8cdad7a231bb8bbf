//! Who may end a daemon that listens in the network. (Users of one host are told apart end to end:
//! that takes several.)

use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use flom_daemon::Daemon;
use flom_proto::{Answer, AnswerStep, Message, Session, Shutdown};
use flom_settings::Settings;

use crate::harness::{AMPLE, Client, Thread, bytes, join, serve};

/// At `host`; ends by itself when nobody uses it.
fn start(host: &str, remote_shutdown: Option<bool>) -> (Thread, SocketAddr) {
    let mut settings = Settings::default();
    settings.daemon.lifespan_ms = 1;
    settings.daemon.unicast_address = Some(host.to_owned());
    settings.daemon.unicast_port = 0;
    settings.daemon.remote_shutdown = remote_shutdown;
    let daemon = Daemon::open(&settings).unwrap();
    let port = daemon.tcp_address().unwrap().port();
    (serve(daemon), (Ipv4Addr::LOCALHOST, port).into())
}

fn client(address: SocketAddr) -> Client<TcpStream> {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(AMPLE)).unwrap();
    Client::over(stream)
}

/// The order of a client that understands an answer, if it says so.
fn order(ext: bool) -> Vec<u8> {
    let session = Some(Session {
        ties: None,
        peer_id: "0123456789abcdef0123456789abcdef".to_owned(),
        ext,
        who: None,
    });
    bytes(&Message::Shutdown(Shutdown {
        session,
        immediate: true,
    }))
}

fn refusal(address: SocketAddr) -> Answer {
    let mut boss = client(address);
    let answer = boss.say(&order(true)).hear();
    boss.closed();
    answer
}

#[test]
fn over_the_network_a_daemon_ends_only_if_it_is_local_or_told_to() {
    for (host, remote) in [("127.0.0.1", None), ("0.0.0.0", Some(true))] {
        let (thread, address) = start(host, remote);
        client(address).say(&order(true)).closed();
        join(thread);
    }
    for (host, remote) in [("0.0.0.0", None), ("127.0.0.1", Some(false))] {
        let (thread, address) = start(host, remote);
        let answer = refusal(address);
        assert_eq!((answer.step, answer.rc), (AnswerStep::First, 3), "{host}");
        assert_eq!(
            answer.element.unwrap(),
            "it is not to be ended over the network (RemoteShutdown)"
        );
        assert!(answer.session.unwrap().ext);
        client(address).lock("db", 0); // it goes on
        join(thread);
    }
}

#[test]
fn an_old_client_that_is_refused_loses_its_connection_and_is_told_nothing() {
    let (thread, address) = start("127.0.0.1", Some(false));
    client(address).say(&order(false)).closed();
    client(address).lock("db", 0);
    join(thread);
}
