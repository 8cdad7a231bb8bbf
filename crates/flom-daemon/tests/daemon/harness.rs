//! A daemon in a thread of the test, and clients that say anything.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use flom_daemon::{Daemon, RunError};
use flom_proto::{Answer, AnswerStep, Decoder, Lock, Message, Session, Ties, Unlock, encode};
use flom_settings::Settings;
use rustix::net::sockopt::set_socket_linger;

/// Far longer than anything takes: only a test that fails waits so long.
pub(crate) const AMPLE: Duration = Duration::from_secs(20);

/// Where a daemon runs.
pub(crate) type Thread = JoinHandle<Result<(), RunError>>;

/// A directory that goes away with the value.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("flom-daemon-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// A daemon on a UNIX socket of its own, which ends with the value.
pub(crate) struct Running {
    thread: Option<Thread>,
    socket: PathBuf,
    _directory: Directory,
}

impl Running {
    /// For ever.
    pub(crate) fn start() -> Self {
        Self::with_lifespan(-1)
    }

    pub(crate) fn with_lifespan(lifespan_ms: i32) -> Self {
        let directory = Directory::new();
        let socket = directory.join("socket");
        let mut settings = Settings::default();
        settings.daemon.socket_name = Some(socket.clone());
        settings.daemon.lifespan_ms = lifespan_ms;
        Self {
            thread: Some(serve(Daemon::open(&settings).unwrap())),
            socket,
            _directory: directory,
        }
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.socket)
    }

    /// Waits until the daemon has ended of itself.
    pub(crate) fn wait(&mut self) {
        join(self.thread.take().unwrap());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            if !thread.is_finished() {
                // It may end by itself between the look and this.
                if let Ok(mut stream) = UnixStream::connect(&self.socket) {
                    let _ = stream.write_all(&shutdown(true));
                }
            }
            if !thread::panicking() {
                join(thread);
            }
        }
    }
}

/// Serves in a thread.
pub(crate) fn serve(daemon: Daemon) -> Thread {
    thread::spawn(|| daemon.run())
}

/// Waits for the end of a daemon.
pub(crate) fn join(thread: Thread) {
    thread.join().expect("the daemon panicked").unwrap();
}

/// A connection that says anything.
pub(crate) struct Client<S = UnixStream> {
    stream: S,
    decoder: Decoder,
}

impl Client {
    pub(crate) fn connect(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(AMPLE)).unwrap();
        stream.set_write_timeout(Some(AMPLE)).unwrap();
        Self::over(stream)
    }

    /// Hears nothing any more: whoever says something is told so.
    pub(crate) fn close_ears(&self) {
        self.stream.shutdown(Shutdown::Read).unwrap();
    }

    /// Says that nothing more comes.
    pub(crate) fn finish(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }
}

impl Client<TcpStream> {
    /// Ends the connection without order, as a host does that knows nothing of it any more.
    pub(crate) fn reset(self) {
        set_socket_linger(&self.stream, Some(Duration::ZERO)).unwrap();
    }
}

impl<S: Read + Write> Client<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self {
            stream,
            decoder: Decoder::new(),
        }
    }

    pub(crate) fn say(&mut self, bytes: &[u8]) -> &mut Self {
        self.stream.write_all(bytes).unwrap();
        self
    }

    /// Says it; whether anybody listened.
    pub(crate) fn try_say(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    pub(crate) fn hear(&mut self) -> Answer {
        loop {
            match self.decoder.next_message().unwrap() {
                Some(Message::Answer(answer)) => return answer,
                Some(other) => panic!("the daemon said {other:?}"),
                None => self.read(),
            }
        }
    }

    /// The next thing that the daemon says, whatever it is.
    pub(crate) fn hear_any(&mut self) -> Message {
        loop {
            match self.decoder.next_message().unwrap() {
                Some(message) => return message,
                None => self.read(),
            }
        }
    }

    /// All parts of a report: the number in the last one, and the text.
    pub(crate) fn report(&mut self) -> (i32, String) {
        let mut text = Vec::new();
        loop {
            match self.decoder.next_message().unwrap() {
                Some(Message::Report(report)) => {
                    text.extend(report.text);
                    if report.last {
                        return (report.rc, String::from_utf8(text).unwrap());
                    }
                }
                Some(other) => panic!("the daemon said {other:?}"),
                None => self.read(),
            }
        }
    }

    fn read(&mut self) {
        let mut buffer = [0; 4096];
        let bytes = self.stream.read(&mut buffer).expect("no answer");
        assert!(bytes > 0, "the daemon closed the connection");
        self.decoder.feed(&buffer[..bytes]);
    }

    /// The next answer has this step and code.
    pub(crate) fn expect(&mut self, step: AnswerStep, rc: i32) -> &mut Self {
        let answer = self.hear();
        assert_eq!((answer.step, answer.rc), (step, rc));
        self
    }

    /// Asks for `name` alone, and hears this code in the first answer.
    pub(crate) fn lock(&mut self, name: &str, rc: i32) -> &mut Self {
        self.say(&lock(name)).expect(AnswerStep::First, rc)
    }

    /// What was queued is granted.
    pub(crate) fn granted(&mut self) -> &mut Self {
        self.expect(AnswerStep::Later, 0)
    }

    pub(crate) fn unlock(&mut self, name: &str) -> &mut Self {
        self.say(&unlock(name))
    }

    /// The daemon has nothing more to say and has closed the connection.
    pub(crate) fn closed(&mut self) {
        assert_eq!(self.decoder.pending(), 0);
        let mut rest = Vec::new();
        match self.stream.read_to_end(&mut rest) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => panic!("the daemon keeps the connection: {error}"),
        }
        assert_eq!(String::from_utf8_lossy(&rest), "");
    }
}

/// A request that creates the resource and waits for it, exclusive.
pub(crate) fn lock(name: &str) -> Vec<u8> {
    ask(name, |_| {})
}

/// A request like [`lock`], but for `change`.
pub(crate) fn ask(name: &str, change: impl FnOnce(&mut Lock)) -> Vec<u8> {
    let mut lock = Lock {
        session: Some(Session {
            ties: None,
            peer_id: "0123456789abcdef0123456789abcdef".to_owned(),
            ext: false,
            who: None,
        }),
        name: name.as_bytes().to_vec(),
        mode: Some(5),
        wait: true,
        quantity: None,
        create: true,
        lifespan: 0,
    };
    change(&mut lock);
    bytes(&Message::Lock(lock))
}

/// A request like [`lock`] of somebody who understands more than old clients, and is tied like this.
pub(crate) fn tied(name: &str, ties: Ties) -> Vec<u8> {
    ask(name, |lock| {
        let session = lock.session.as_mut().unwrap();
        session.ext = true;
        session.ties = Some(Box::new(ties));
    })
}

pub(crate) fn unlock(name: &str) -> Vec<u8> {
    bytes(&Message::Unlock(Unlock {
        ended: None,
        name: name.as_bytes().to_vec(),
        rollback: false,
    }))
}

pub(crate) fn shutdown(immediate: bool) -> Vec<u8> {
    bytes(&Message::Shutdown(flom_proto::Shutdown {
        session: None,
        immediate,
    }))
}

pub(crate) fn bytes(message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(message, &mut bytes);
    bytes
}
