//! The system log, for a daemon that nobody watches.
//!
//! A record is a datagram to `/dev/log`. Nothing here waits for the one who reads them: who is not
//! there, or too slow, misses records.

use std::fmt::Display;
use std::os::unix::net::UnixDatagram;
use std::panic;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;

use flom_types::ReturnCode;

use crate::records::{BIND_FAILED, FAILED, Kind, PEER, START_FAILED};
use crate::start::StartError;

/// Where the system log takes records.
const DEVICE: &str = "/dev/log";

/// What syslog calls the facility *daemon*, in its place within a priority.
const FACILITY: u8 = 3 << 3;

/// The name by which the daemon goes there, as in FLoM 1.7.2.
const IDENTITY: &str = "flom";

/// Bytes of the longest record, as RFC 3164 has it.
const RECORD_BYTES: usize = 1024;

/// Tells what happens in the life of a daemon: always to the log of the program, and to the system
/// log if there is to be one.
#[derive(Clone, Debug, Default)]
pub struct SystemLog {
    device: Option<Arc<Device>>,
    tells_peers: bool,
}

/// Where records go. The socket is not connected: so whoever reads there can come and go.
#[derive(Debug)]
struct Device {
    socket: UnixDatagram,
    path: PathBuf,
}

impl SystemLog {
    /// None: for a daemon in the foreground, whose log goes to its stderr.
    pub fn none() -> Self {
        Self::default()
    }

    /// That of this machine. Without one, nothing is told to anybody, and without descriptors
    /// neither.
    pub fn of_system() -> Self {
        Self::at(Path::new(DEVICE))
    }

    /// The same, but for where it takes records.
    pub(crate) fn at(path: &Path) -> Self {
        let open = || {
            let socket = UnixDatagram::unbound()?;
            socket.set_nonblocking(true)?;
            Ok::<_, std::io::Error>(socket)
        };
        let path = path.to_owned();
        Self {
            device: open().ok().map(|socket| Arc::new(Device { socket, path })),
            tells_peers: false,
        }
    }

    /// Tells why a daemon does not start, unless it is for another one that will do.
    pub fn tell_start_failed(&self, error: &StartError) {
        if !error.is_busy() {
            let kind = match error.code() {
                ReturnCode::BIND => BIND_FAILED,
                _ => START_FAILED,
            };
            self.tell(kind, format_args!("cannot start: {}", error.sentence()));
        }
    }

    /// Has panics told, too: they end the daemon.
    pub fn tell_panics(&self) {
        let log = self.clone();
        panic::set_hook(Box::new(move |panic| {
            log.tell(FAILED, format_args!("ends: {panic}"));
        }));
    }

    /// Has clients told, too, who say who they are.
    #[cfg(test)]
    pub(crate) fn with_peers(mut self) -> Self {
        self.tells_peers = true;
        self
    }

    /// Whether a client that says who it is makes a record: where connections are logged or traced.
    /// Elsewhere a record for each of them would be half the work that it makes.
    pub(crate) fn tells_peers(&self) -> bool {
        self.tells_peers || log::log_enabled!(target: PEER.target, PEER.level())
    }

    /// Tells `text`, which may hold words of peers.
    pub(crate) fn tell(&self, kind: Kind, text: impl Display) {
        let id = kind.id;
        log::log!(target: kind.target, kind.level(), "{id} {text}");
        if let Some(device) = &self.device {
            let record = record(process::id(), kind, text);
            // Nobody reads there, or not fast enough: neither is a reason to wait.
            let _ = device.socket.send_to(record.as_bytes(), &device.path);
        }
    }
}

/// A record in the form of RFC 3164 that programs use on their own machine, but without a time:
/// that it has come says when it was, and to read the time zone would take longer than all the rest
/// of a start.
fn record(pid: u32, kind: Kind, text: impl Display) -> String {
    let priority = FACILITY | kind.priority as u8;
    let id = kind.id;
    let line = format!("<{priority}>{IDENTITY}[{pid}]: {id} {text}");
    // A peer must not be able to write lines of its own into the log.
    let mut line = line.replace(char::is_control, " ");
    line.truncate(line.floor_char_boundary(RECORD_BYTES));
    line
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::records::{END, OTHER_LEVEL, QUERY, READY};

    struct Scene {
        directory: PathBuf,
    }

    impl Scene {
        fn set(name: &str) -> Self {
            let name = format!("flom-system-log-{}-{name}", process::id());
            let directory = std::env::temp_dir().join(name);
            std::fs::create_dir(&directory).unwrap();
            Self { directory }
        }

        fn path(&self) -> PathBuf {
            self.directory.join("log")
        }
    }

    impl Drop for Scene {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.directory).unwrap();
        }
    }

    fn heard(reader: &UnixDatagram) -> String {
        let limit = Some(Duration::from_secs(20));
        reader.set_read_timeout(limit).unwrap();
        let mut buffer = [0; 2048];
        let length = reader.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn a_record_has_the_form_of_syslog() {
        let table = [
            (READY, "<29>flom[77]: FLM003N text"),
            (OTHER_LEVEL, "<28>flom[77]: FLM006W text"),
            (FAILED, "<27>flom[77]: FLM027E text"),
            (QUERY, "<30>flom[77]: FLM005I text"),
        ];
        for (kind, expected) in table {
            assert_eq!(record(77, kind, "text"), expected);
        }
    }

    #[test]
    fn a_peer_can_write_neither_a_line_of_its_own_nor_a_long_one() {
        let text = "x\n<24>root: all is well\x1b".to_owned() + &"é".repeat(5000);
        let record = record(1, OTHER_LEVEL, text);
        assert!(!record.contains(char::is_control), "{record}");
        assert!(record.len() == RECORD_BYTES || record.len() == RECORD_BYTES - 1);
    }

    #[test]
    fn who_reads_the_log_may_come_late_and_come_again() {
        let scene = Scene::set("late");
        let log = SystemLog::at(&scene.path());
        log.tell(READY, "nobody is there yet");
        for _ in 0..2 {
            let reader = UnixDatagram::bind(scene.path()).unwrap();
            log.tell(END, "told");
            let record = heard(&reader);
            assert!(record.ends_with(": FLM004N told"), "{record}");
            drop(reader);
            log.tell(END, "nobody is there any more");
            std::fs::remove_file(scene.path()).unwrap();
        }
    }

    #[test]
    fn who_reads_too_slowly_is_not_waited_for() {
        let scene = Scene::set("slow");
        let reader = UnixDatagram::bind(scene.path()).unwrap();
        let log = SystemLog::at(&scene.path());
        for number in 0..10_000 {
            log.tell(QUERY, number);
        }
        assert!(heard(&reader).ends_with("FLM005I 0"));
    }
}
