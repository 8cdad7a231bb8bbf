//! What is running on this machine.

use std::fs;
use std::path::PathBuf;

use rustix::process::{Pid, Signal, kill_process};

use super::wait_until;

/// A process that was there a moment ago.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    /// As `pgrep` sees it.
    pub(crate) name: String,
    pub(crate) parent: i32,
    /// The command line, its first word included.
    pub(crate) words: Vec<String>,
    /// Its network namespace, as the kernel writes it.
    pub(crate) network: PathBuf,
}

impl Process {
    /// Whether it is a daemon that a `flom` has started, not a stage of its start.
    pub(crate) fn is_started_daemon(&self) -> bool {
        self.name == "flomd" && self.words.iter().any(|word| word == "--detach")
    }

    /// Where `/proc` tells more about it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.pid))
    }

    /// Ends it on the spot.
    pub(crate) fn kill(&self) {
        let _ = kill_process(Pid::from_raw(self.pid).unwrap(), Signal::KILL);
        wait_until("the end of a killed process", || !is_alive(self.pid));
    }
}

/// All that are no zombies.
pub(crate) fn all() -> Vec<Process> {
    let entries = fs::read_dir("/proc").unwrap();
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    numbers.filter_map(look).collect()
}

/// Whether a process with this number runs; a zombie does not.
pub(crate) fn is_alive(pid: i32) -> bool {
    stat(pid).is_some_and(|(_, state, _)| state != "Z")
}

/// The letter of its state: `T` stopped, `Z` ended without anybody having waited for it.
pub(crate) fn state(pid: i32) -> Option<String> {
    stat(pid).map(|(_, state, _)| state)
}

/// The process group, the session and the terminal of a process, each 0 if it has none, or one
/// that belongs to another process namespace.
pub(crate) fn group_session_terminal(pid: i32) -> [i32; 3] {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = text.rsplit_once(") ").unwrap();
    let fields: Vec<_> = fields.split(' ').collect();
    [2, 3, 4].map(|at| fields[at].parse().unwrap())
}

pub(crate) fn send(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

fn look(pid: i32) -> Option<Process> {
    let (name, state, parent) = stat(pid)?;
    if state == "Z" {
        return None;
    }
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words = line.split(|byte| *byte == 0);
    Some(Process {
        pid,
        name,
        parent,
        words: words
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect(),
        network: fs::read_link(format!("/proc/{pid}/ns/net")).ok()?,
    })
}

/// Name, state, parent.
fn stat(pid: i32) -> Option<(String, String, i32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (head, tail) = text.rsplit_once(") ")?;
    let name = head.split_once('(')?.1.to_string();
    let mut fields = tail.split(' ');
    Some((
        name,
        fields.next()?.to_string(),
        fields.next()?.parse().ok()?,
    ))
}
