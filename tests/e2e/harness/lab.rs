//! Certificates, good and bad, as files.

use std::fs;

use super::{Scratch, flom};

#[path = "../../../crates/flom-tls/tests/tls/lab.rs"]
mod certificates;

pub(crate) use certificates::{Authority, Identity};

/// A place with certificates of two authorities that do not know each other.
pub(crate) struct Lab {
    pub(crate) scratch: Scratch,
    /// The one that signs what is good.
    pub(crate) authority: Authority,
    /// Another one.
    pub(crate) other: Authority,
    /// The id of this machine.
    pub(crate) id: String,
}

impl Lab {
    /// With a good certificate of this machine called `good`.
    pub(crate) fn new() -> Self {
        let id = flom(["--unique-id"]).run().expect_code(0).stdout;
        let lab = Self {
            scratch: Scratch::new(),
            authority: Authority::new("CA"),
            other: Authority::new("other CA"),
            id: id.trim().to_owned(),
        };
        let good = lab.authority.host(&lab.id);
        lab.add("good", &good, &[&lab.authority]);
        lab
    }

    /// Writes `NAME.pem`, `NAME.key`, `NAME.ca`.
    pub(crate) fn add(&self, name: &str, identity: &Identity, trusted: &[&Authority]) {
        identity.write(self.scratch.path(), name, trusted);
    }

    /// Copies the file `from` to `to`.
    pub(crate) fn copy(&self, from: &str, to: &str) {
        fs::copy(self.scratch.file(from), self.scratch.file(to)).unwrap();
    }

    /// The options that name the three files called `name`.
    pub(crate) fn words(&self, name: &str) -> Vec<String> {
        let file = |extension| self.scratch.file(&format!("{name}.{extension}"));
        vec![
            format!("--tls-certificate={}", file("pem").display()),
            format!("--tls-private-key={}", file("key").display()),
            format!("--tls-ca-certificate={}", file("ca").display()),
        ]
    }

    /// The same, with the check of ids.
    pub(crate) fn checking(&self, name: &str) -> Vec<String> {
        let mut words = self.words(name);
        words.push("--tls-check-peer-id=yes".to_owned());
        words
    }
}

/// As most functions of the harness take words.
pub(crate) fn refs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}
