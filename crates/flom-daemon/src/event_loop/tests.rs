//! Single turns, where it matters what comes before what.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use flom_proto::{Lock, Message, encode};

use super::*;

/// Long after everything.
const LATE: Time = Time(1_000_000);

struct Scene {
    daemon: Daemon,
    socket: PathBuf,
}

impl Scene {
    fn set(name: &str) -> Self {
        let name = format!("flom-loop-{}-{name}", std::process::id());
        let socket = std::env::temp_dir().join(name);
        let mut settings = Settings::default();
        settings.daemon.socket_name = Some(socket.clone());
        settings.daemon.lifespan_ms = 1;
        Self {
            daemon: Daemon::open(&settings).unwrap(),
            socket,
        }
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
        let mut lock = self.socket.clone().into_os_string();
        lock.push(".lock");
        std::fs::remove_file(lock).unwrap();
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
