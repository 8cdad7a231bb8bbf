//! A folder for one test.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use flom_tls::Files;

use crate::lab::{Authority, Identity};

/// Removed when the test ends.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(test: &str) -> Self {
        let folder = env::temp_dir().join(format!("flom-tls-{test}-{}", process::id()));
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    /// The three files called `name`.
    pub(crate) fn files(&self, name: &str) -> Files {
        let file = |extension| self.0.join(format!("{name}.{extension}"));
        Files {
            certificate: file("pem"),
            private_key: file("key"),
            ca_certificate: file("ca"),
        }
    }

    pub(crate) fn write(&self, identity: &Identity, trusted: &[&Authority]) -> Files {
        self.write_as("host", identity, trusted)
    }

    pub(crate) fn write_as(
        &self,
        name: &str,
        identity: &Identity,
        trusted: &[&Authority],
    ) -> Files {
        identity.write(&self.0, name, trusted);
        self.files(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}
