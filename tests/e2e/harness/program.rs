//! A program, its outputs and its end.

use std::any::Any;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io::{self, PipeReader, PipeWriter, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::collected::Collected;
use super::{Host, PATIENCE, eventually};

/// The program under test with these words.
pub(crate) fn flom<W: AsRef<OsStr>>(words: impl IntoIterator<Item = W>) -> Program {
    Program::new(env!("CARGO_BIN_EXE_flom")).args(words)
}

/// Where the daemons of all tests keep what outlives them.
const STATE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/state");

/// A program that is to run.
pub(crate) struct Program {
    command: Command,
    host: Option<Host>,
}

impl Program {
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = with_default_signals(program.as_ref());
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .env("FLOMD", env!("CARGO_BIN_EXE_flomd"))
            .env("FLOM", env!("CARGO_BIN_EXE_flom"))
            .env("LC_ALL", "C")
            // Whoever runs the tests may have a configuration of their own.
            .env("HOME", "/nonexistent")
            // Nor is what their daemons keep any business of ours.
            .env("XDG_STATE_HOME", STATE)
            .env_remove("STATE_DIRECTORY")
            .env_remove("FLOM_SESSION")
            .env_remove("FLOM_SOAK_SECONDS")
            .env_remove("FLOM_TRACE_MASK")
            .env_remove("RUST_LOG");
        Self {
            command,
            host: None,
        }
    }

    /// A script for `sh`, in which `$FLOM` is the program under test.
    pub(crate) fn sh<W: AsRef<OsStr>>(script: &str, words: impl IntoIterator<Item = W>) -> Self {
        Self::new("sh").args(["-c", script, "sh"]).args(words)
    }

    pub(crate) fn args<W: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.command.args(words);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn directory(mut self, path: &Path) -> Self {
        self.command.current_dir(path);
        self
    }

    /// Leads a process group of its own, as commands of an interactive shell do.
    pub(crate) fn own_group(mut self) -> Self {
        self.command.process_group(0);
        self
    }

    /// Runs on this host.
    pub(crate) fn on(mut self, host: &Host) -> Self {
        self.host = Some(host.clone());
        self
    }

    /// Runs it with nothing on its standard input.
    #[track_caller]
    pub(crate) fn run(self) -> Finished {
        let mut running = self.spawn();
        running.close_stdin();
        running.wait()
    }

    /// Starts it. Its standard input stays open until [`Running::close_stdin`].
    #[track_caller]
    pub(crate) fn spawn(mut self) -> Running {
        let words = format!("{:?}", self.command);
        let began = Instant::now();
        let child = match &self.host {
            None => self.command.spawn(),
            Some(host) => host.enter(|| self.command.spawn()),
        };
        let mut child = child.unwrap_or_else(|error| panic!("{words}: {error}"));
        Running {
            words,
            began,
            stdin: child.stdin.take(),
            stdout: child
                .stdout
                .take()
                .map_or_else(Collected::nothing, Collected::of),
            stderr: child
                .stderr
                .take()
                .map_or_else(Collected::nothing, Collected::of),
            child,
            kept: Vec::new(),
        }
    }

    /// Starts it with this as its standard input.
    pub(crate) fn spawn_reading(mut self, input: impl Into<Stdio>) -> Running {
        self.command.stdin(input);
        self.spawn()
    }

    /// Starts it behind a gate: it runs once `gate` is closed on the side of the writer.
    pub(crate) fn spawn_behind(self, gate: &PipeReader) -> Running {
        let words = [self.command.get_program()]
            .into_iter()
            .chain(self.command.get_args());
        let behind = Self::sh("read gate; exec \"$@\"", words);
        Self {
            host: self.host,
            ..behind
        }
        .spawn_reading(gate.try_clone().unwrap())
    }
}

/// What is ignored here, as behind `nohup` or in the background of a script, would be ignored there.
fn with_default_signals(program: &OsStr) -> Command {
    static ANY_IGNORED: LazyLock<bool> = LazyLock::new(|| {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let ignored = status
            .lines()
            .find_map(|line| line.strip_prefix("SigIgn:"))
            .unwrap();
        // A Rust program ignores SIGPIPE itself, and takes that back for those it starts.
        const FIRST_31_WITHOUT_PIPE: u64 = 0x7fff_ffff & !0x1000;
        u64::from_str_radix(ignored.trim(), 16).unwrap() & FIRST_31_WITHOUT_PIPE != 0
    });
    if !*ANY_IGNORED {
        return Command::new(program);
    }
    let mut command = Command::new("env");
    command.arg("--default-signal").arg(program);
    command
}

/// Two ends of a gate: programs wait behind the first until the second is dropped.
pub(crate) fn gate() -> (PipeReader, PipeWriter) {
    io::pipe().unwrap()
}

/// A program that runs; killed on drop.
pub(crate) struct Running {
    words: String,
    began: Instant,
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Arc<Collected>,
    stderr: Arc<Collected>,
    kept: Vec<Box<dyn Any + Send>>,
}

impl Running {
    pub(crate) fn pid(&self) -> i32 {
        self.child.id().try_into().unwrap()
    }

    pub(crate) fn type_line(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("stdin is open");
        stdin.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Keeps this alive as long as it runs.
    pub(crate) fn keeping(mut self, thing: impl Any + Send) -> Self {
        self.kept.push(Box::new(thing));
        self
    }

    /// Waits until its standard output contains `text`, and gives all of it so far.
    #[track_caller]
    pub(crate) fn wait_for_stdout(&self, text: &str) -> String {
        self.stdout_after(0, text)
    }

    #[track_caller]
    pub(crate) fn wait_for_stderr(&self, text: &str) -> String {
        self.stderr_after(0, text)
    }

    /// Waits for `text` behind the first `skip` bytes of its standard output, and gives those
    /// behind them.
    #[track_caller]
    pub(crate) fn stdout_after(&self, skip: usize, text: &str) -> String {
        self.wait_for(&self.stdout, skip, text)
    }

    #[track_caller]
    pub(crate) fn stderr_after(&self, skip: usize, text: &str) -> String {
        self.wait_for(&self.stderr, skip, text)
    }

    pub(crate) fn stdout_so_far(&self) -> String {
        self.stdout.text()
    }

    /// As [`wait`](Self::wait), for what takes longer than anything else.
    #[track_caller]
    pub(crate) fn wait_long(mut self) -> Finished {
        let end = Instant::now() + 10 * PATIENCE;
        while self.is_running() && Instant::now() < end {
            self.stdout.wait_for_end();
        }
        self.wait()
    }

    /// Waits for its end, and for the end of both outputs: nobody may have inherited them who
    /// lives on.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Finished {
        let words = self.words.clone();
        let status = eventually(&format!("the end of {self:?}"), || {
            self.child.try_wait().unwrap()
        });
        let took = self.began.elapsed();
        let complete = self.stdout.wait_for_end() && self.stderr.wait_for_end();
        let (stdout, stderr) = (self.stdout.text(), self.stderr.text());
        let finished = Finished {
            words,
            status,
            stdout,
            stderr,
            took,
        };
        assert!(complete, "somebody still has the outputs of {finished:?}");
        finished
    }

    #[track_caller]
    fn wait_for(&self, output: &Collected, skip: usize, text: &str) -> String {
        let found = output.wait_for(skip, text);
        assert!(found, "no {text:?} from {self:?}");
        output.text().split_off(skip)
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (stdout, stderr) = (self.stdout.text(), self.stderr.text());
        write!(f, "{}\nstdout: {stdout}\nstderr: {stderr}", self.words)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Who holds the lock until its standard input ends goes first, though flom be gone.
        self.stdin = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.kept.clear();
    }
}

/// A program that has run.
pub(crate) struct Finished {
    words: String,
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

impl Finished {
    /// Its exit status; below 0 the number of the signal that killed it.
    pub(crate) fn code(&self) -> i32 {
        self.status
            .code()
            .unwrap_or_else(|| -self.status.signal().unwrap())
    }

    /// Fails unless it ended with this status.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code(), code, "{self:?}");
        self
    }

    /// Fails unless it ended with this status and printed exactly this.
    #[track_caller]
    pub(crate) fn expect(self, code: i32, stdout: &str, stderr: &str) -> Self {
        let (theirs, wanted) = (
            (self.code(), &*self.stdout, &*self.stderr),
            (code, stdout, stderr),
        );
        assert_eq!(theirs, wanted, "{self:?}");
        self
    }
}

impl fmt::Debug for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            words,
            status,
            stdout,
            stderr,
            took,
        } = self;
        write!(
            f,
            "{words}\n{status} after {took:?}\nstdout: {stdout}\nstderr: {stderr}"
        )
    }
}
