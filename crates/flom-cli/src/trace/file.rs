//! A trace file.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A trace file cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open trace file '{}'", path.display())]
pub struct OpenError {
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// A file that lines are added to, perhaps by several processes.
#[derive(Debug)]
pub(super) struct TraceFile {
    file: File,
    path: PathBuf,
    /// Permissions that the file has, for the next one of its name.
    mode: u32,
}

impl TraceFile {
    /// Opens the file, or makes it as the umask of this process says. What it holds stays.
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let open = || {
            let file = OpenOptions::new().append(true).create(true).open(path)?;
            let mode = file.metadata()?.permissions().mode();
            Ok((file, mode & 0o777))
        };
        match open() {
            Ok((file, mode)) => Ok(Self {
                file,
                path: path.to_path_buf(),
                mode,
            }),
            Err(source) => Err(OpenError {
                path: path.to_path_buf(),
                source,
            }),
        }
    }

    /// Opens the file of this name once more: it may be another one by now, or none. A new one gets
    /// the permissions of the old one, as far as the umask of this process allows.
    pub(super) fn reopen(&mut self) -> Result<(), OpenError> {
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(self.mode);
        match options.open(&self.path) {
            Ok(file) => {
                self.file = file;
                Ok(())
            }
            Err(source) => Err(OpenError {
                path: self.path.clone(),
                source,
            }),
        }
    }

    /// Takes out what it holds. A pipe or a terminal holds nothing.
    pub(super) fn empty(&self) {
        // A file that cannot be emptied is added to: better a long trace than none.
        let _ = self.file.set_len(0);
    }

    /// Adds a line, with one call to the system: so lines of several processes do not mix.
    pub(super) fn add(&self, line: &[u8]) {
        // A trace that cannot be written must not change what is traced.
        let _ = (&self.file).write(line);
    }
}
