//! Whole commands under a lock.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::client::Address;
use crate::scratch::Scratch;
use crate::server::Server;
use crate::workload::Figures;
use crate::workload::meter::percentile;

/// What each command takes, from its start to its end.
#[derive(Debug)]
pub struct Commands {
    /// `flock FILE true`.
    pub flock: Figures,
    /// `flom -- true` with a daemon that is up.
    pub warm: Figures,
    /// `flom -- true` that has to start a daemon.
    pub cold: Figures,
}

/// Each of the three `times` times, in turns. `server` is the daemon that is up.
///
/// # Errors
///
/// A command cannot be run, or fails.
pub fn commands(flom: &Path, server: &Server, times: usize) -> io::Result<Commands> {
    let scratch = Scratch::new()?;
    let Address::Unix(socket) = server.address() else {
        return Err(io::Error::other("commands go through a UNIX socket"));
    };
    let fresh = scratch.path().join("fresh");
    let of_flom = |socket: &Path| {
        let mut command = Command::new(flom);
        command.arg("-s").arg(socket);
        command.env("XDG_STATE_HOME", scratch.path());
        command
    };
    let mut took = [const { Vec::new() }; 3];
    for _ in 0..times {
        let mut flock = Command::new("flock");
        took[0].push(time(flock.arg(scratch.path().join("file")).arg("true"))?);
        took[1].push(time(of_flom(socket).args(["--", "true"]))?);
        took[2].push(time(of_flom(&fresh).args(["-d", "60000", "--", "true"]))?);
        time(of_flom(&fresh).arg("-X"))?;
    }
    let [flock, warm, cold] = took.map(|mut took| {
        took.sort_unstable();
        vec![("p50 us", percentile(&took, 50))]
    });
    Ok(Commands { flock, warm, cold })
}

fn time(command: &mut Command) -> io::Result<Duration> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let start = Instant::now();
    let status = command.status()?;
    let took = start.elapsed();
    match status.success() {
        true => Ok(took),
        false => Err(io::Error::other(format!("{command:?} fails: {status}"))),
    }
}
