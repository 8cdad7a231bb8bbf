//! How a daemon leaves the one that starts it, and tells it whether all is well.
//!
//! ```text
//!   flom ── spawns ──► flomd --detach ── spawns ──► flomd --detached        (parent 1, own session)
//!     │ waits for it        │ marks what it has inherited,   │ opens its sockets, then writes
//!     │                     │ leaves the session, exits      │   ready │ busy … │ failed N …
//!     └◄──────────────────── stdout, a pipe ─────────────────┘ and closes its standard streams
//! ```
//!
//! No `fork` without `exec`, so nothing of the starter lives on in the daemon: it is a program of its
//! own, and `ps` shows what it was told. As its parent leads the session, not it, it can acquire no
//! terminal.

use std::env;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::process::{Command, Stdio};

use close_fds::set_fds_cloexec;
use flom_settings::Settings;
use flom_types::target;
use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, setsid, umask};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

use crate::start::StartError;

/// `flomd --detach`: starts the daemon proper in a session of its own. Whoever reads our standard
/// output hears from it how that went.
///
/// # Errors
///
/// The program could not be started again.
pub fn detach(settings: &Settings) -> io::Result<()> {
    // Whatever the starter has left open would stay so as long as the daemon lives: somebody who
    // reads a pipe to its end would wait for it.
    set_fds_cloexec(3, &[]);
    if setsid().is_err() {
        // An interactive shell makes every command the leader of a group, and such a one cannot
        // leave the session. Its child can.
        return succeeded(again("--detach", settings).status()?);
    }
    again("--detached", settings).spawn().map(drop)
}

/// `flomd --detached`: what becomes of a process that is to be a daemon.
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

/// Tells the starter how the start went, and closes the standard streams, so that nothing written
/// there by mistake ends up in a file or socket that has got its number.
///
/// # Errors
///
/// `/dev/null` cannot be opened. That the starter does not listen any more is no error.
pub fn report(outcome: Result<(), &StartError>) -> io::Result<()> {
    let line = match outcome {
        Ok(()) => "ready\n".to_owned(),
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

/// Allows this process as many descriptors as the system lets it have: each client takes one.
pub fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        log::debug!(target: target::DAEMON, "cannot raise the limit of descriptors: {error}");
    }
}

/// This program with the same settings, in the next stage of the start.
fn again(stage: &str, settings: &Settings) -> Command {
    // Not by way of /proc/self/exe, which would be the name that `ps` shows.
    let program = env::current_exe().unwrap_or_else(|_| "flomd".into());
    let mut command = Command::new(program);
    command
        .arg(stage)
        .args(settings.daemon_arguments())
        .stdin(Stdio::null());
    command
}

fn succeeded(status: std::process::ExitStatus) -> io::Result<()> {
    match status.success() {
        true => Ok(()),
        false => Err(io::Error::other(format!("flomd --detach failed: {status}"))),
    }
}
