//! What outlives a daemon: files in a directory of its user.

mod fences;
mod marks;

use std::env;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::process::getuid;

pub(crate) use fences::Fences;
pub(crate) use marks::Marks;

/// Something of it cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// There is no directory for it.
    #[error("no state is kept: neither XDG_STATE_HOME nor HOME names a directory")]
    Nowhere,
    /// Somebody else has written there; it is written anew.
    #[error("{} is damaged: what it said is lost", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The system says no.
    #[error("cannot keep state in {}", path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Where the daemons of this user keep what outlives them: what a service manager says
/// (`STATE_DIRECTORY`), else `$XDG_STATE_HOME/flom`, else `/var/lib/flom` for root and
/// `~/.local/state/flom` for others. `None` if nothing says where.
pub fn state_directory() -> Option<PathBuf> {
    let variable = |name| {
        let path = env::var_os(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    if let Some(directory) = variable("STATE_DIRECTORY") {
        return Some(directory);
    }
    match variable("XDG_STATE_HOME") {
        Some(state) => Some(state.join("flom")),
        None if getuid().is_root() => Some("/var/lib/flom".into()),
        None => Some(variable("HOME")?.join(".local/state/flom")),
    }
}

/// Makes the directory, for its user alone, where it is missing.
fn make(directory: &Path) -> io::Result<()> {
    match directory.is_dir() {
        true => Ok(()),
        false => DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory),
    }
}
