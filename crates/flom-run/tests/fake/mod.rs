//! A daemon that does what a test says, one connection after the other, and jobs for it.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};

use flom_client::command;
use flom_run::Job;
use flom_settings::{KilledStatus, Settings};
use flom_types::{Patience, ResourceName};

/// What the daemon does with one connection; its result is what it has to tell.
pub(crate) type Serve = Box<dyn FnOnce(UnixStream) -> String + Send>;

/// The daemon, with a directory for the files of the test, gone at the end.
pub(crate) struct Daemon {
    directory: PathBuf,
    thread: Option<JoinHandle<Vec<String>>>,
}

impl Daemon {
    pub(crate) fn start(connections: Vec<Serve>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("flom-run-{}-{count}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).unwrap();
        let listener = UnixListener::bind(directory.join("socket")).unwrap();
        let thread = thread::spawn(move || {
            connections
                .into_iter()
                .map(|serve| serve(listener.accept().unwrap().0))
                .collect()
        });
        Self {
            directory,
            thread: Some(thread),
        }
    }

    /// A job that runs `script` with `sh`.
    pub(crate) fn job(&self, script: &str, patience: Patience) -> Job {
        let mut settings = Settings::default();
        settings.daemon.socket_name = Some(self.directory.join("socket"));
        settings.daemon.lifespan_ms = 0;
        let client = command::client(settings).unwrap();
        Job {
            request: client.request_for(&ResourceName::default()),
            patience,
            command: ["/bin/sh", "-c", script, "sh"].map(Into::into).to_vec(),
            ignored_signals: Vec::new(),
            killed_status: KilledStatus::Signal,
            on_dirty: None,
            limits: flom_run::Limits::default(),
            explain_after: None,
        }
    }

    /// A path of the test's own.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// What the daemon has to tell of each connection.
    pub(crate) fn told(mut self) -> Vec<String> {
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Hears the request, says `words`, tells what it hears until the client hangs up.
pub(crate) fn says(words: String) -> Serve {
    Box::new(move |mut stream| {
        hear_message(&mut stream);
        let _ = stream.write_all(words.as_bytes());
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        String::from_utf8_lossy(&rest).into_owned()
    })
}

pub(crate) fn hear_message(stream: &mut UnixStream) {
    let mut heard = Vec::new();
    while !heard.ends_with(b"</msg>") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        heard.push(byte[0]);
    }
}

pub(crate) fn answer(step: u32, rc: i32) -> String {
    format!("<msg level=\"3\" verb=\"1\" step=\"{step}\"><answer rc=\"{rc}\"/></msg>")
}

pub(crate) fn touch(path: &Path) -> String {
    format!("touch '{}'", path.display())
}
