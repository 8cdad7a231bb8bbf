//! Where the programs are that are measured.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The programs as users run them, built with the release profile.
#[derive(Debug)]
pub struct Programs {
    directory: PathBuf,
}

impl Programs {
    /// Has cargo build the programs, or see that they are up to date.
    ///
    /// They are put where this program was built. Inside `cargo test` and `cargo bench` nobody else
    /// is building then, so this waits for nobody.
    ///
    /// # Errors
    ///
    /// They cannot be built.
    pub fn build() -> io::Result<Self> {
        let own = env::current_exe()?;
        // .../target/PROFILE/deps/NAME
        let target = own
            .ancestors()
            .nth(3)
            .ok_or_else(|| io::Error::other("this program was not built by cargo"))?;
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let status = Command::new(cargo)
            .args(["build", "--release", "--locked", "--quiet", "--bins"])
            .args(["-p", "flom", "-p", "flom-bench", "--target-dir"])
            .arg(target)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()?;
        match status.success() {
            true => Ok(Self {
                directory: target.join("release"),
            }),
            false => Err(io::Error::other("the programs cannot be built")),
        }
    }

    /// The program of that name.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Where they all are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}
