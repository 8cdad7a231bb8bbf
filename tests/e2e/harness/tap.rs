//! Between a client and its daemon, or in the daemon's place.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use super::{Program, Scratch, Socket, Wire, flom, uninterrupted, wait_until};

/// What went over a tapped connection, and which way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    ToDaemon(String),
    ToClient(String),
    /// The client says no more.
    ClientEnds,
    /// The daemon says no more.
    DaemonEnds,
}

/// A socket that passes on to a daemon whatever one client says, and back, and remembers it.
pub(crate) struct Tap {
    scratch: Scratch,
    flows: Arc<Mutex<Vec<Flow>>>,
}

impl Tap {
    /// In front of the daemon that this connects to.
    pub(crate) fn new(connect: impl FnOnce() -> Option<Socket> + Send + 'static) -> Self {
        let scratch = Scratch::new();
        let listener = UnixListener::bind(scratch.file("tap")).unwrap();
        let flows = Arc::default();
        let theirs = Arc::clone(&flows);
        thread::spawn(move || {
            let (client, _) = listener.accept().unwrap();
            if let Some(daemon) = connect() {
                pass_on(Socket::Unix(client), daemon, &theirs);
            }
        });
        Self { scratch, flows }
    }

    /// Where the client is to go.
    pub(crate) fn socket(&self) -> PathBuf {
        self.scratch.file("tap")
    }

    /// The program under test, on this side of the tap.
    pub(crate) fn flom<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Program {
        flom(["-s", self.socket().to_str().unwrap(), "-d", "0"]).args(words)
    }

    /// What has passed so far.
    pub(crate) fn flows(&self) -> Vec<Flow> {
        self.flows.lock().unwrap().clone()
    }

    /// Waits until the daemon has said something with `text` in it.
    #[track_caller]
    pub(crate) fn wait_for_answer(&self, text: &str) {
        let has = |flow: &Flow| matches!(flow, Flow::ToClient(said) if said.contains(text));
        wait_until(&format!("an answer with {text}"), || {
            self.flows().iter().any(has)
        });
    }

    /// Waits until nothing can come any more.
    #[track_caller]
    pub(crate) fn wait_for_end(&self) -> Vec<Flow> {
        let over =
            |flows: &[Flow]| flows.contains(&Flow::ClientEnds) && flows.contains(&Flow::DaemonEnds);
        wait_until("the end of a connection", || over(&self.flows()));
        self.flows()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        // Wakes the thread, should nobody have come.
        let _ = UnixStream::connect(self.socket());
    }
}

fn pass_on(client: Socket, daemon: Socket, flows: &Arc<Mutex<Vec<Flow>>>) {
    let (from, to) = (client.try_clone().unwrap(), daemon.try_clone().unwrap());
    let theirs = Arc::clone(flows);
    thread::spawn(move || pump(from, to, &theirs, Flow::ToDaemon, Flow::ClientEnds));
    thread::spawn({
        let flows = Arc::clone(flows);
        move || pump(daemon, client, &flows, Flow::ToClient, Flow::DaemonEnds)
    });
}

fn pump(
    mut from: Socket,
    mut to: Socket,
    flows: &Mutex<Vec<Flow>>,
    flow: fn(String) -> Flow,
    end: Flow,
) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = uninterrupted(|| from.read(&mut buffer)) {
        // Remembered before it is passed on, so that no answer can come before its question.
        let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
        flows.lock().unwrap().push(flow(text));
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    flows.lock().unwrap().push(end);
    to.shutdown(Shutdown::Write);
}

/// A socket where a test plays the daemon.
pub(crate) struct FakeDaemon {
    path: PathBuf,
    playing: JoinHandle<()>,
    _scratch: Option<Scratch>,
}

impl FakeDaemon {
    /// Does this with the first client that comes.
    pub(crate) fn new(play: impl FnOnce(Wire) + Send + 'static) -> Self {
        let scratch = Scratch::new();
        let mut daemon = Self::at(&scratch.file("fake"), play);
        daemon._scratch = Some(scratch);
        daemon
    }

    /// The same, at this path.
    pub(crate) fn at(path: &Path, play: impl FnOnce(Wire) + Send + 'static) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let playing = thread::spawn(move || {
            let (client, _) = listener.accept().unwrap();
            play(Wire::new(Socket::Unix(client)));
        });
        Self {
            path: path.to_path_buf(),
            playing,
            _scratch: None,
        }
    }

    /// The program under test, as its client.
    pub(crate) fn flom<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Program {
        flom(["-s", self.path.to_str().unwrap(), "-d", "0"]).args(words)
    }

    /// Fails if something was not as the play has it.
    pub(crate) fn finish(self) {
        wait_until("the end of the play", || self.playing.is_finished());
        self.playing.join().expect("the play went as written");
    }
}
