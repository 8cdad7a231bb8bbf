//! Development only: daemons of their own for documentation and tests.
//!
//! [`Daemon::start`] serves in a thread of this process, so that it needs no program that somebody
//! would have to build first: for doc tests, and wherever the daemon is to do its work and no more.
//! [`Daemon::run`] runs a `flomd` as a process of its own, which can be stopped and killed, and
//! whose descriptors are not ours.
//!
//! ```
//! use flom_testkit::Daemon;
//!
//! let daemon = Daemon::start();
//! assert!(daemon.socket().exists());
//! ```

#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests may panic"
)]

mod directory;

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use flom_proto::{Message, Shutdown, encode};
use flom_settings::Settings;
use rustix::process::{Pid, Signal, kill_process};

pub use directory::Directory;

/// Far longer than anything takes: only a test that fails waits so long.
pub const AMPLE: Duration = Duration::from_secs(30);

/// A daemon on a UNIX socket of its own, which ends with the value.
#[derive(Debug)]
pub struct Daemon {
    socket: PathBuf,
    serving: Serving,
    /// Last, so that it goes when nobody uses it any more.
    directory: Directory,
}

#[derive(Debug)]
enum Serving {
    Thread(Option<JoinHandle<()>>),
    Process(Child),
}

impl Daemon {
    /// A daemon in a thread of this process.
    pub fn start() -> Self {
        let directory = Directory::new();
        let socket = directory.path().join("socket");
        let mut settings = Settings::default();
        settings.daemon.socket_name = Some(socket.clone());
        settings.daemon.lifespan_ms = -1;
        let daemon = flom_daemon::Daemon::open(&settings).unwrap();
        let thread = thread::spawn(|| daemon.run().unwrap());
        Self {
            socket,
            serving: Serving::Thread(Some(thread)),
            directory,
        }
    }

    /// The program `flomd`, as a process of its own.
    pub fn run(flomd: impl AsRef<Path>) -> Self {
        Self::run_with(flomd, &[])
    }

    /// The program `flomd` with further options.
    pub fn run_with(flomd: impl AsRef<Path>, options: &[&str]) -> Self {
        let directory = Directory::new();
        let socket = directory.path().join("socket");
        let child = Command::new(flomd.as_ref())
            .arg("--socket-name")
            .arg(&socket)
            .args(["--daemon-lifespan", "-1"])
            .args(options)
            .env("XDG_STATE_HOME", directory.path())
            .env_remove("STATE_DIRECTORY")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let daemon = Self {
            serving: Serving::Process(child.unwrap()),
            socket,
            directory,
        };
        daemon.wait_until_it_listens();
        daemon
    }

    /// The socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// A directory for the files of a test, which goes with the daemon.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The number of the process.
    ///
    /// # Panics
    ///
    /// If the daemon runs in a thread.
    pub fn pid(&self) -> u32 {
        match &self.serving {
            Serving::Process(child) => child.id(),
            Serving::Thread(_) => panic!("a daemon in a thread has no process of its own"),
        }
    }

    /// Has the process do nothing until it is [continued](Self::resume).
    pub fn suspend(&self) {
        self.signal(Signal::STOP);
        // The signal is on its way only; the state says that it has arrived.
        let stat = format!("/proc/{}/stat", self.pid());
        wait_for(|| std::fs::read_to_string(&stat).unwrap().contains(") T "));
    }

    /// Has the process go on.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Ends the process at once, whatever it is at.
    pub fn kill(&mut self) {
        match &mut self.serving {
            Serving::Process(child) => {
                child.kill().unwrap();
                child.wait().unwrap();
            }
            Serving::Thread(_) => panic!("a daemon in a thread cannot be killed"),
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        kill_process(pid.unwrap(), signal).unwrap();
    }

    fn wait_until_it_listens(&self) {
        wait_for(|| UnixStream::connect(&self.socket).is_ok());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        match &mut self.serving {
            Serving::Thread(thread) => {
                if let Ok(mut stream) = UnixStream::connect(&self.socket) {
                    let _ = stream.write_all(&order_to_end());
                }
                if let Some(thread) = thread.take()
                    && !thread::panicking()
                {
                    thread.join().expect("the daemon panicked");
                }
            }
            Serving::Process(child) => {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

/// Looks again and again until `there` says so.
///
/// # Panics
///
/// If it never does.
pub fn wait_for(mut there: impl FnMut() -> bool) {
    let until = Instant::now() + AMPLE;
    while !there() {
        assert!(Instant::now() < until, "waited in vain");
        thread::sleep(Duration::from_millis(1));
    }
}

fn order_to_end() -> Vec<u8> {
    let order = Shutdown {
        session: None,
        immediate: true,
    };
    let mut bytes = Vec::new();
    encode(&Message::Shutdown(order), &mut bytes);
    bytes
}
