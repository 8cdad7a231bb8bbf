//! A terminal, with keys to press.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};

use super::{Program, Running};

/// What a person sits at.
pub(crate) struct Terminal {
    keys: File,
    line: File,
}

impl Terminal {
    pub(crate) fn new() -> Self {
        let keys = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&keys).unwrap();
        unlockpt(&keys).unwrap();
        let path = ptsname(&keys, Vec::new()).unwrap();
        let line = OpenOptions::new()
            .read(true)
            .write(true)
            // It must not become the terminal of the tests.
            .custom_flags(OpenptFlags::NOCTTY.bits().cast_signed())
            .open(OsStr::from_bytes(path.as_bytes()));
        Self {
            keys: keys.into(),
            line: line.unwrap(),
        }
    }

    /// Starts a script for `sh` in the foreground of this terminal, on its standard input. The
    /// other streams are not the terminal's, so that they can be read.
    pub(crate) fn run_in_foreground<'a>(
        &self,
        script: &str,
        words: impl IntoIterator<Item = &'a str>,
    ) -> Running {
        let program = Program::new("setsid").args(["--ctty", "sh", "-c", script, "sh"]);
        program
            .args(words)
            .spawn_reading(Stdio::from(self.line.try_clone().unwrap()))
    }

    /// Starts a script for `sh` that has this terminal for its standard error too, and ends.
    pub(crate) fn run_shown<'a>(
        &self,
        script: &str,
        words: impl IntoIterator<Item = &'a str>,
    ) -> Running {
        let script = format!("exec 2>&0; {script}");
        self.run_in_foreground(&script, words)
    }

    /// Starts a script for `sh` that has nothing but this terminal, of so many rows and columns.
    pub(crate) fn run_full<'a>(
        &self,
        (rows, columns): (u16, u16),
        script: &str,
        words: impl IntoIterator<Item = &'a str>,
    ) -> Running {
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&self.line, size).unwrap();
        let script = format!("exec >&0 2>&0; {script}");
        self.run_in_foreground(&script, words)
    }

    /// How it treats keys and lines.
    pub(crate) fn modes(&self) -> String {
        let modes = tcgetattr(&self.line).unwrap();
        let Termios {
            input_modes,
            output_modes,
            local_modes,
            ..
        } = modes;
        format!("{input_modes:?} {output_modes:?} {local_modes:?}")
    }

    pub(crate) fn press(&self, keys: &str) {
        (&self.keys).write_all(keys.as_bytes()).unwrap();
    }

    /// What is shown until there is this text.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        let (mut shown, mut buffer) = (Vec::new(), [0; 4096]);
        while !String::from_utf8_lossy(&shown).contains(text) {
            let bytes = (&self.keys).read(&mut buffer).unwrap();
            shown.extend_from_slice(&buffer[..bytes]);
        }
        String::from_utf8_lossy(&shown).into_owned()
    }

    /// Presses Ctrl and C.
    pub(crate) fn press_ctrl_c(&self) {
        (&self.keys).write_all(b"\x03").unwrap();
    }

    pub(crate) fn type_line(&self, line: &str) {
        let mut keys = &self.keys;
        keys.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
}
