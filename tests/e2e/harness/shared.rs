//! One place for several users: a directory, the programs in it, and a socket.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use super::program::{Finished, Program};
use super::scratch::Scratch;
use super::wait_until;

/// A directory in which everybody may put files, as in `/tmp`, and the programs: where they were
/// built, others may not be allowed to look.
pub(crate) struct Shared(pub(crate) Scratch);

impl Shared {
    pub(crate) fn new() -> Self {
        let scratch = Scratch::new();
        let copies = [
            ("flom", env!("CARGO_BIN_EXE_flom")),
            ("flomd", env!("CARGO_BIN_EXE_flomd")),
        ];
        for (name, program) in copies {
            // Not by this process: a test beside this one may start a program meanwhile, and that
            // would have the copy open for a moment, which keeps it from being run.
            let words = [program, scratch.file(name).to_str().unwrap()].map(str::to_string);
            Program::new("cp").args(words).run().expect_code(0);
        }
        fs::set_permissions(scratch.path(), Permissions::from_mode(0o1777)).unwrap();
        Self(scratch)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.0.file("socket")
    }

    /// One of the programs at the socket, as this user, in the group of the same number alone.
    pub(crate) fn program(&self, uid: u32, name: &str, words: &[&str]) -> Program {
        self.program_of(uid, uid, "", name, words)
    }

    /// The same, in this group and the `others`, which stand between commas.
    pub(crate) fn program_of(
        &self,
        uid: u32,
        gid: u32,
        others: &str,
        name: &str,
        words: &[&str],
    ) -> Program {
        let (program, socket, flomd) = (self.0.file(name), self.socket(), self.0.file("flomd"));
        let groups = match others {
            "" => "--clear-groups".to_string(),
            others => format!("--groups={others}"),
        };
        Program::new("setpriv")
            .args([format!("--reuid={uid}"), format!("--regid={gid}")])
            .args([&groups, program.to_str().unwrap()])
            .args(["-s", socket.to_str().unwrap()])
            .args(words)
            .env("FLOMD", flomd.to_str().unwrap())
            .directory(Path::new("/"))
    }

    pub(crate) fn flom(&self, uid: u32, words: &[&str]) -> Finished {
        self.program(uid, "flom", words).run()
    }

    /// Waits until somebody listens at the socket.
    pub(crate) fn wait_for_daemon(&self) {
        wait_until("a daemon", || UnixStream::connect(self.socket()).is_ok());
    }
}
