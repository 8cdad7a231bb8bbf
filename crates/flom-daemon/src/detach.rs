//! How a daemon leaves the one that starts it, and tells it whether all is well.
//!
//! ```text
//!   flom ── spawns ──► flomd --detach ── forks, leaves the session ──► the daemon (parent 1, own session)
//!     │ waits for it        │ exits                                     │ opens its sockets, then writes
//!     │                     ▼                                           │   ready … │ busy … │ failed N …
//!     └◄──────────────────────────────────── stdout, a pipe ───────────┘ and closes its standard streams
//! ```
//!
//! The daemon is a program of its own, and `ps` shows what it was told. It forks before it has done
//! anything else: another exec instead would cost a cold start a fifth of its time. As it does not
//! lead its session, it can acquire no terminal.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::fd::RawFd;

use flom_types::target;
use fork::{Fork, fork};
use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, setsid, umask};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

use crate::start::StartError;
use crate::window::NotShown;

/// Which of the two processes we are after [`detach`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// The one that was started, which has nothing left to do.
    Starter,
    /// The daemon. Whoever reads our standard output hears from it how that went.
    Daemon,
}

/// `flomd --detach`: goes on in a process of its own, in a session of its own. To be called before
/// there are threads, and before anything has been opened.
///
/// # Errors
///
/// The system cannot have another process.
pub fn detach() -> io::Result<Side> {
    close_inherited();
    // An interactive shell makes every command the leader of a group, and such a one cannot leave
    // the session. Its child can.
    if setsid().is_err() {
        if let Fork::Parent(_) = fork()? {
            return Ok(Side::Starter);
        }
        setsid()?;
    }
    Ok(match fork()? {
        Fork::Parent(_) => Side::Starter,
        Fork::Child => Side::Daemon,
    })
}

/// Whatever the starter has left open would stay so as long as the daemon lives: somebody who reads
/// a pipe to its end would wait for it. Nothing of it is ours, as we have opened nothing yet.
fn close_inherited() {
    // Without /proc there is no telling what is open.
    let Ok(entries) = fs::read_dir("/proc/self/fd") else {
        return;
    };
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let open: Vec<RawFd> = numbers.filter(|number| *number > 2).collect();
    for number in open {
        // The directory itself was among them, and is closed already.
        let _ = nix::unistd::close(number);
    }
}

/// What becomes of a process that is to be a daemon.
///
/// # Errors
///
/// As the system says.
pub fn become_daemon() -> io::Result<()> {
    open_to_everybody();
    env::set_current_dir("/")
}

/// A UNIX socket is for everybody who reaches it, whatever the umask of whoever starts the daemon.
pub fn open_to_everybody() {
    umask(Mode::empty());
}

/// Tells the starter how the start went, and what of it did not go well though the daemon serves.
/// Then closes the standard streams, so that nothing written
/// there by mistake ends up in a file or socket that has got its number.
///
/// # Errors
///
/// `/dev/null` cannot be opened. That the starter does not listen any more is no error.
pub fn report(outcome: Result<Option<&NotShown>, &StartError>) -> io::Result<()> {
    let line = match outcome {
        Ok(None) => "ready\n".to_owned(),
        Ok(Some(not_shown)) => format!("ready {}\n", not_shown.to_string().replace('\n', " ")),
        Err(error) if error.is_busy() => format!("busy {}\n", error.sentence()),
        Err(error) => format!("failed {} {}\n", error.code().0, error.sentence()),
    };
    let mut stdout = io::stdout();
    let _ = stdout
        .write_all(line.as_bytes())
        .and_then(|()| stdout.flush());
    let null = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    Ok(dup2_stderr(&null)?)
}

/// Allows this process whatever the system lets it have: each client takes a descriptor, and limits
/// that somebody has set for a command of his own are not meant for the daemon of everybody.
pub fn raise_limits() {
    let resources = [
        Resource::Nofile,
        Resource::Cpu,
        Resource::As,
        Resource::Data,
        Resource::Fsize,
    ];
    for resource in resources {
        let limit = getrlimit(resource);
        if limit.current == limit.maximum {
            continue;
        }
        let raised = Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        };
        if let Err(error) = setrlimit(resource, raised) {
            log::debug!(target: target::DAEMON, "cannot raise the limit of {resource:?}: {error}");
        }
    }
}
