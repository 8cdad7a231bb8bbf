//! Somebody who types at a host.

use std::any::Any;

use super::{Program, Running};

/// Ends what a line prints on each output, around its status.
const MARK: (&str, &str) = ("--- typed, status ", ", ends ---\n");

/// A shell on a host, in which `flom` is the program under test and nothing else of this machine is
/// to be seen. Whatever was started from it ends with it.
pub(crate) struct Shell {
    running: Running,
    /// What has been read of the outputs.
    seen: (usize, usize),
}

/// What a line has come to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Typed {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Shell {
    pub(super) fn new(namespace: &str) -> Self {
        // Its own process numbers, so that `pgrep` finds what was started here alone, and so that
        // the kernel ends all of it with the shell, which is number 1.
        let script = "PATH=${FLOM%/*}:$PATH exec ip netns exec \"$1\" \
                      unshare --pid --fork --kill-child --mount-proc sh";
        let running = Program::sh(script, [namespace]).spawn();
        Self {
            running,
            seen: (0, 0),
        }
    }

    pub(super) fn keeping(mut self, thing: impl Any + Send) -> Self {
        self.running = self.running.keeping(thing);
        self
    }

    /// Types a line and waits for what comes of it.
    #[track_caller]
    pub(crate) fn type_line(&mut self, line: &str) -> Typed {
        self.begin(line);
        self.finish()
    }

    /// Types a line.
    pub(crate) fn begin(&mut self, line: &str) {
        self.running.type_line(line);
        let (head, tail) = (MARK.0, MARK.1.trim_end());
        let mark = format!("echo '{head}'$status'{tail}'");
        self.running
            .type_line(&format!("status=$?; {mark}; {mark} >&2"));
    }

    /// Waits until the line says this on stderr.
    #[track_caller]
    pub(crate) fn wait_for_stderr(&self, text: &str) {
        self.running.stderr_after(self.seen.1, text);
    }

    /// Waits for the end of the line that was typed last.
    #[track_caller]
    pub(crate) fn finish(&mut self) -> Typed {
        let stdout = self.running.stdout_after(self.seen.0, MARK.1);
        let stderr = self.running.stderr_after(self.seen.1, MARK.1);
        self.seen.0 += stdout.len();
        self.seen.1 += stderr.len();
        let (stdout, status) = stdout.split_once(MARK.0).expect("the mark was seen");
        let (stderr, _) = stderr.split_once(MARK.0).expect("the mark was seen");
        Typed {
            status: status.trim_end_matches(MARK.1).parse().expect("a status"),
            stdout: stdout.to_string(),
            stderr: stderr.to_string(),
        }
    }
}
