//! The terminal, when the command leads a group of its own: whose it is to read from.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;

use flom_start::held_back;
use rustix::fs::OFlags;
use rustix::process::{Pid, getpgrp, kill_current_process_group};
use rustix::termios::{tcgetpgrp, tcsetpgrp};
use signal_hook::consts::SIGTTOU;

/// The terminal of this session, which was ours when the command started.
#[derive(Debug)]
pub(crate) struct Terminal {
    tty: File,
}

impl Terminal {
    /// `None` if there is none, or if it is not ours because we run in the background.
    pub(crate) fn in_the_foreground() -> Option<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        options.custom_flags(OFlags::NOCTTY.bits() as i32);
        let tty = options.open("/dev/tty").ok()?;
        let terminal = Self { tty };
        terminal.is_ours().then_some(terminal)
    }

    /// Whether it is given to the group that this process is in.
    pub(crate) fn is_ours(&self) -> bool {
        tcgetpgrp(&self.tty).is_ok_and(|group| group == getpgrp())
    }

    /// Gives it to `group`: Ctrl-C, Ctrl-Z and what is typed are for those.
    pub(crate) fn give(&self, group: Pid) {
        // Who is not in the foreground is stopped for that, unless it is known what is done.
        // If the terminal has gone meanwhile, nobody needs it.
        let _ = held_back([SIGTTOU], || Ok(tcsetpgrp(&self.tty, group)?));
    }

    /// Takes it back.
    pub(crate) fn take(&self) {
        self.give(getpgrp());
    }
}

/// Stops this process, and those that it is one job with, as Ctrl-Z does; returns when somebody has
/// had them go on.
pub(crate) fn stop_ourselves() {
    // Where nobody could have us go on, the system does not stop us.
    let _ = kill_current_process_group(rustix::process::Signal::TSTP);
}
