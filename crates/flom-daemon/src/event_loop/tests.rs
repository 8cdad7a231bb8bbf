//! Single turns, where it matters what comes before what.

use std::io::{Read, Write};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;

use flom_proto::{About, Lock, Message, Observe, Session, Unlock, encode};
use flom_settings::Settings;

use super::*;

/// Long after everything.
const LATE: Time = Time(1_000_000);

struct Scene {
    daemon: Daemon,
    socket: PathBuf,
    records: UnixDatagram,
}

impl Scene {
    fn set(name: &str) -> Self {
        let name = format!("flom-loop-{}-{name}", std::process::id());
        let socket = std::env::temp_dir().join(name);
        let log = socket.with_added_extension("log");
        let records = UnixDatagram::bind(&log).unwrap();
        records.set_nonblocking(true).unwrap();
        let mut settings = Settings::default();
        settings.daemon.socket_name = Some(socket.clone());
        settings.daemon.lifespan_ms = 1;
        let daemon = Daemon::open(&settings).unwrap();
        Self {
            daemon: daemon.log_to(SystemLog::at(&log).with_peers()),
            socket,
            records,
        }
    }

    /// What the system log has been told since the last look, from the ids on.
    fn records(&self) -> Vec<String> {
        let mut buffer = [0; 2048];
        let mut records = Vec::new();
        while let Ok(length) = self.records.recv(&mut buffer) {
            let record = String::from_utf8_lossy(&buffer[..length]);
            let (_, text) = record.split_once("]: ").unwrap();
            records.push(text.to_owned());
        }
        records
    }

    /// What the system log is told of a client that says this, and loses its connection for it.
    fn records_of(&mut self, messages: &[u8]) -> Vec<String> {
        let mut client = self.connect();
        client.write_all(messages).unwrap();
        for _ in 0..1000 {
            self.daemon.turn().unwrap();
            if self.daemon.conns.len() == 0 {
                return self.records();
            }
        }
        panic!("it keeps its connection");
    }

    fn connect(&self) -> UnixStream {
        UnixStream::connect(&self.socket).unwrap()
    }

    /// A client that holds a resource.
    fn holder(&mut self) -> UnixStream {
        let mut client = self.connect();
        let mut request = Vec::new();
        encode(&lock(), &mut request);
        client.write_all(&request).unwrap();
        client.set_nonblocking(true).unwrap();
        while client.read(&mut [0; 512]).is_err() {
            self.daemon.turn().unwrap();
        }
        client
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        for extension in ["lock", "log"] {
            std::fs::remove_file(self.socket.with_added_extension(extension)).unwrap();
        }
    }
}

fn lock() -> Message {
    Message::Lock(Lock {
        session: None,
        name: b"db".to_vec(),
        mode: Some(5),
        wait: true,
        quantity: None,
        create: true,
        lifespan: 0,
    })
}

#[test]
fn it_does_not_end_while_somebody_stands_at_the_door() {
    let mut scene = Scene::set("door");
    let _client = scene.connect();
    assert!(!scene.daemon.is_over(LATE));
    assert!(
        !scene.daemon.is_over(LATE),
        "the newcomer has had no time to say anything"
    );
    assert!(scene.daemon.is_over(LATE.after_ms(1000)));
    assert!(!scene.socket.exists());
}

#[test]
fn it_does_not_end_while_a_resource_is_alive() {
    let mut scene = Scene::set("resource");
    let holder = scene.holder();
    assert!(!scene.daemon.is_over(LATE));
    drop(holder);
    while scene.daemon.conns.len() > 0 {
        scene.daemon.turn().unwrap();
    }
    assert!(!scene.daemon.is_over(LATE));
    scene.daemon.tick(Now {
        time: LATE,
        wall_us: 0,
    });
    assert!(scene.daemon.is_over(LATE));
}

#[test]
fn at_the_end_nobody_is_given_a_lock_that_lasts_no_longer() {
    let mut scene = Scene::set("end");
    let mut holder = scene.holder();
    let mut request = Vec::new();
    encode(&lock(), &mut request);
    holder.write_all(&request).unwrap();
    scene.daemon.ending.order_at_once();
    let now = scene.daemon.turn().unwrap();
    assert!(scene.daemon.is_over(now.time));
    drop(scene);
    let mut rest = Vec::new();
    holder.set_nonblocking(false).unwrap();
    let _ = holder.read_to_end(&mut rest); // reset, as the request was not read, or the end
    assert_eq!(rest, b"");
}

#[test]
fn the_system_log_is_told_what_clients_do_wrong() {
    let mut scene = Scene::set("wrong");
    let mut request = Vec::new();
    encode(&lock(), &mut request);
    let other_level = String::from_utf8(request.clone()).unwrap();
    let other_level = other_level.replace("level=\"3\"", "level=\"4\"");
    let mut unlock = request.clone();
    let (name, rollback) = (b"other".to_vec(), false);
    encode(
        &Message::Unlock(Unlock {
            ended: None,
            name,
            rollback,
        }),
        &mut unlock,
    );
    let table = [
        (
            other_level.into_bytes(),
            "FLM006W session=1 dropped: peer speaks protocol level 4, this is level 3",
        ),
        (
            unlock,
            "FLM009W session=2 dropped: it unlocked 'other', but has locked 'db'",
        ),
        (
            b"<msg level=\"3\" verb=\"4\" step=\"8\"></msg>".to_vec(),
            "FLM029W session=3 dropped: it sent a discovery query while it has no request",
        ),
    ];
    for (messages, expected) in table {
        assert_eq!(scene.records_of(&messages), [expected]);
    }
}

#[test]
fn the_system_log_is_told_once_for_each_connection_who_it_is() {
    let mut scene = Scene::set("peer");
    let Message::Lock(mut lock) = lock() else {
        unreachable!()
    };
    lock.wait = false;
    lock.session = Some(Session {
        ties: None,
        peer_id: "somebody".to_owned(),
        ext: false,
        who: None,
    });
    let mut request = Vec::new();
    encode(&Message::Lock(lock), &mut request);
    for session in [1, 2] {
        let mut client = scene.connect();
        client.set_nonblocking(true).unwrap();
        for first in [true, false] {
            client.write_all(&request).unwrap();
            while client.read(&mut [0; 512]).is_err() {
                scene.daemon.turn().unwrap();
            }
            let record = format!("FLM015I session={session} is of peer somebody: verb 1, step 8");
            let expected: Vec<_> = first.then_some(record).into_iter().collect();
            assert_eq!(scene.records(), expected);
        }
    }
}

#[test]
fn the_system_log_is_told_of_the_life_of_a_daemon_and_why_it_ends() {
    let mut scene = Scene::set("life");
    scene.daemon.announce();
    let socket = scene.socket.display().to_string();
    let listening = format!("FLM000I listening on {socket}");
    assert_eq!(scene.records(), [&listening, "FLM003N ready"]);
    assert!(scene.daemon.is_over(LATE));
    assert_eq!(scene.records(), ["FLM004N ends: not used any more"]);
}

/// So many questions about figures.
fn questions(number: usize) -> Vec<u8> {
    question(About::Metrics).repeat(number)
}

fn question(about: About) -> Vec<u8> {
    let observe = Observe {
        session: None,
        about,
        name: Vec::new(),
        mode: None,
        quantity: None,
        create: false,
        json: false,
    };
    let mut question = Vec::new();
    encode(&Message::Observe(observe), &mut question);
    question
}

#[test]
fn whoever_asks_without_listening_loses_the_connection() {
    let mut scene = Scene::set("curious");
    let mut client = scene.connect();
    client.write_all(&questions(5)).unwrap();
    drop(client); // so that the connection ends anyway
    for _ in 0..3 {
        scene.daemon.turn().unwrap(); // lets in, reads, ends
        if scene.daemon.conns.len() == 0 {
            break;
        }
    }
    let records = scene.records();
    let text = "it has asked more than 4 questions without hearing an answer";
    assert_eq!(
        records,
        [format!("FLM029W session=1 dropped: {text}")],
        "of five one is too many"
    );
}

#[test]
fn whoever_asks_one_question_after_the_other_is_told_all() {
    let mut scene = Scene::set("patient");
    let mut client = scene.connect();
    client.set_nonblocking(true).unwrap();
    let mut buffer = vec![0; 64 * 1024];
    for _ in 0..20 {
        client.write_all(&questions(1)).unwrap();
        let mut heard = Vec::new();
        while !heard.ends_with(b"</msg>") || !heard.windows(9).any(|tag| tag == b"step=\"24\"") {
            scene.daemon.turn().unwrap();
            if let Ok(bytes) = client.read(&mut buffer) {
                assert_ne!(bytes, 0, "the daemon has closed the connection");
                heard.extend(&buffer[..bytes]);
            }
        }
    }
}

#[test]
fn many_who_ask_share_more_than_one_turn() {
    let mut scene = Scene::set("many");
    let mut clients: Vec<_> = (0..40).map(|_| scene.connect()).collect();
    for client in &mut clients {
        client.write_all(&questions(1)).unwrap();
        client.set_nonblocking(true).unwrap();
    }
    let mut told = [false; 40];
    let mut turns_with_news = 0;
    while told.contains(&false) {
        scene.daemon.turn().unwrap();
        let mut news = 0;
        for (client, told) in clients.iter_mut().zip(&mut told) {
            if !*told && client.read(&mut [0; 512]).is_ok() {
                *told = true;
                news += 1;
            }
        }
        assert!(news <= 16, "{news} in one turn");
        turns_with_news += usize::from(news > 0);
    }
    assert!(turns_with_news >= 3);
}

#[test]
fn those_who_read_nothing_of_their_reports_keep_nobody_from_looking() {
    let mut scene = Scene::set("blind");
    let mut holders = Vec::new();
    for number in 0..150 {
        let Message::Lock(request) = lock() else {
            unreachable!("it is a lock request");
        };
        let name = format!("{}{number}", "n".repeat(4000)).into_bytes();
        let mut message = Vec::new();
        encode(&Message::Lock(Lock { name, ..request }), &mut message);
        let mut holder = scene.connect();
        holder.write_all(&message).unwrap();
        scene.daemon.turn().unwrap();
        holders.push(holder);
    }
    while scene.daemon.conns.len() < holders.len() {
        scene.daemon.turn().unwrap();
    }
    let mut blind: Vec<_> = (0..10).map(|_| scene.connect()).collect();
    for client in &mut blind {
        client.write_all(&question(About::Status)).unwrap();
    }
    let began = std::time::Instant::now();
    for about in [About::Metrics, About::Status] {
        let mut client = scene.connect();
        client.write_all(&question(about)).unwrap();
        client.set_nonblocking(true).unwrap();
        while client.read(&mut [0; 512]).is_err() {
            scene.daemon.turn().unwrap();
        }
        let ms = began.elapsed().as_millis();
        assert!(ms < 8_000, "{about:?} after {ms} ms");
    }
}

#[test]
fn questions_of_those_who_have_gone_take_nobodys_turn() {
    let mut scene = Scene::set("gone");
    let mut gone: Vec<_> = (0..100).map(|_| scene.connect()).collect();
    for client in &mut gone {
        client.write_all(&questions(1)).unwrap();
    }
    while scene.daemon.conns.len() < 100 {
        scene.daemon.turn().unwrap();
    }
    drop(gone);
    let mut client = scene.connect();
    client.write_all(&questions(1)).unwrap();
    client.set_nonblocking(true).unwrap();
    for _ in 0..3 {
        scene.daemon.turn().unwrap(); // hears of those who go, lets in, answers
    }
    assert!(client.read(&mut [0; 512]).is_ok());
}
