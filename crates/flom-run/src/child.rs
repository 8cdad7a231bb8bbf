//! The command as a process: the only file of this crate that touches one.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use flom_types::target;
use log::debug;
use rustix::fs::{Access, access};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open,
    pidfd_send_signal, waitid,
};

use crate::environment::Variables;
use crate::exit::Ended;

/// The shell of execvp(3), for files that say not what they are for.
const SHELL: &str = "/bin/sh";

/// Where execvp(3) looks if there is no `PATH`.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// The command, running or ended. It inherits whatever this process has inherited: directory,
/// environment, descriptors, group.
#[derive(Debug)]
pub(crate) struct Child {
    process: process::Child,
    /// Whether it leads a group of its own, with all that it starts.
    leads: bool,
    /// Readable once the process has ended; safe to signal, whoever may get its number later.
    pidfd: Option<OwnedFd>,
}

impl Child {
    /// Starts `command`, as execvp(3) would find it, with `element` as one more argument, and with
    /// `variables` set in its environment, or unset. It `leads` a group of its own, or is in ours.
    pub(crate) fn start(
        command: &[OsString],
        element: Option<&str>,
        variables: &Variables,
        leads: bool,
    ) -> io::Result<Self> {
        let (program, arguments) = command
            .split_first()
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let arguments: Vec<&OsStr> = arguments
            .iter()
            .map(OsString::as_os_str)
            .chain(element.map(OsStr::new))
            .collect();
        let process = match spawn(program, &arguments, variables, leads) {
            Err(error) if error.raw_os_error() == Some(Errno::NOEXEC.raw_os_error()) => {
                let file = script(program).ok_or(error)?;
                spawn(
                    SHELL.as_ref(),
                    &[&[file.as_os_str()], &arguments[..]].concat(),
                    variables,
                    leads,
                )
            }
            started => started,
        }?;
        let pidfd = pidfd_open(Pid::from_child(&process), PidfdFlags::empty()).ok();
        // No arguments: there may be passwords among them.
        debug!(
            target: target::EXEC,
            "started {} with {} arguments, pid={}",
            program.display(),
            arguments.len(),
            process.id()
        );
        Ok(Self {
            process,
            leads,
            pidfd,
        })
    }

    /// What becomes readable when the command ends; `None` on a system that has nothing of the
    /// kind (Linux before 5.3).
    pub(crate) fn pidfd(&self) -> Option<RawFd> {
        self.pidfd.as_ref().map(AsRawFd::as_raw_fd)
    }

    /// How the command has ended, if it has; stopping is not ending. Looks at this process alone,
    /// whatever other children there are.
    pub(crate) fn ended(&mut self) -> io::Result<Option<Ended>> {
        Ok(self.process.try_wait()?.map(Ended::from))
    }

    /// Waits until the command has ended.
    pub(crate) fn wait(&mut self) -> io::Result<Ended> {
        self.process.wait().map(Ended::from)
    }

    /// Sends the command a signal, or the whole group if it leads one. One that has ended cannot be
    /// reached, nor need be.
    ///
    /// Before [`ended`](Self::ended) has said that it has: until then nobody else gets its number.
    pub(crate) fn signal(&self, number: i32) {
        debug!(target: target::EXEC, "passes signal {number} on");
        let Some(signal) = Signal::from_named_raw(number) else {
            return;
        };
        if self.leads {
            let _ = kill_process_group(self.id(), signal);
        } else if let Some(pidfd) = &self.pidfd {
            let _ = pidfd_send_signal(pidfd, signal);
        }
    }

    /// The number of the process, and of the group if it leads one.
    pub(crate) fn id(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    /// Which signal has stopped it since this was asked last, if one has.
    pub(crate) fn stopped_by(&self) -> Option<i32> {
        let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG;
        let status = waitid(WaitId::Pid(self.id()), options).ok()??;
        status.stopping_signal()
    }
}

fn spawn(
    program: &OsStr,
    arguments: &[&OsStr],
    variables: &Variables,
    leads: bool,
) -> io::Result<process::Child> {
    let mut command = Command::new(program);
    command.args(arguments);
    for (name, value) in variables {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    if leads {
        command.process_group(0);
    }
    flom_start::hand_down_pipe(&mut command);
    command.spawn()
}

/// The file that the system found for `program`, and could not execute.
fn script(program: &OsStr) -> Option<PathBuf> {
    if program.as_encoded_bytes().contains(&b'/') {
        return Some(program.into());
    }
    let path = env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    find(program, &path)
}

/// The first executable file called `program` in one of the directories of `path`.
fn find(program: &OsStr, path: &OsStr) -> Option<PathBuf> {
    env::split_paths(path)
        // An empty entry is the current directory.
        .map(|directory| Path::new(".").join(directory).join(program))
        .find(|file| file.is_file() && access(file, Access::EXEC_OK).is_ok())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A directory of its own, gone at the end.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let path = env::temp_dir().join(format!("flom-child-{}-{name}", process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        /// An executable file. Another process writes it: no child of this one can have it open
        /// for writing, which would keep it from being executed.
        fn executable(&self, name: &str, text: &str) -> PathBuf {
            let file = self.0.join(name);
            let written = Command::new("/bin/sh")
                .args(["-c", "printf '%s' \"$2\" > \"$1\"; chmod 755 \"$1\"", "sh"])
                .args([file.as_os_str(), OsStr::new(text)])
                .status();
            assert!(written.unwrap().success());
            file
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const NONE: Variables = Vec::new();

    fn run(words: &[&OsStr], element: Option<&str>) -> io::Result<Ended> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        Child::start(&words, element, &NONE, false)?.wait()
    }

    fn sh(script: &str) -> Child {
        let words = ["/bin/sh", "-c", script].map(OsString::from);
        Child::start(&words, None, &NONE, false).unwrap()
    }

    #[test]
    fn the_element_is_one_more_argument_at_the_end() {
        let words = [
            "/bin/sh",
            "-c",
            "test \"$*\" = 'a b c d'; exit $?",
            "sh",
            "a",
        ];
        let words: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
        assert_eq!(run(&words, Some("b c d")).unwrap(), Ended::Exited(0));
        assert_eq!(run(&words, None).unwrap(), Ended::Exited(1));
    }

    #[test]
    fn variables_are_set_and_unset_for_the_command_alone() {
        let words = [
            "/bin/sh",
            "-c",
            "test \"${FLOM_FENCE-none} ${HOME-none}\" = '7 none'",
        ];
        let words = words.map(OsString::from);
        let variables = vec![("FLOM_FENCE", Some("7".into())), ("HOME", None)];
        let ended = Child::start(&words, None, &variables, false)
            .unwrap()
            .wait();
        assert_eq!(ended.unwrap(), Ended::Exited(0));
        assert_eq!(env::var_os("FLOM_FENCE"), None);
    }

    #[test]
    fn a_file_that_says_not_what_it_is_for_runs_under_the_shell() {
        let directory = Directory::new("noexec");
        let file = directory.executable("script", "test \"$*\" = 'a e' && exit 7");
        let words = [file.as_os_str(), OsStr::new("a")];
        assert_eq!(run(&words, Some("e")).unwrap(), Ended::Exited(7));
    }

    #[test]
    fn a_script_is_found_in_path_as_the_system_finds_it() {
        let directory = Directory::new("path");
        let file = directory.executable("script", "");
        fs::create_dir(directory.0.join("sub")).unwrap();
        fs::create_dir(directory.0.join("sub/script")).unwrap(); // no file
        fs::create_dir(directory.0.join("plain")).unwrap();
        fs::write(directory.0.join("plain/script"), "").unwrap(); // not executable
        let at = |name: &str| directory.0.join(name);
        let path = env::join_paths([at("none"), at("sub"), at("plain"), at("")]).unwrap();
        let found = find(OsStr::new("script"), &path).unwrap();
        assert_eq!(
            fs::canonicalize(found).unwrap(),
            fs::canonicalize(file).unwrap()
        );
        assert_eq!(find(OsStr::new("absent"), &path), None);
        assert_eq!(script(OsStr::new("./a/b")), Some("./a/b".into()));
    }

    #[test]
    fn what_cannot_be_executed_says_why() {
        for (program, kind) in [
            ("", io::ErrorKind::NotFound),
            ("/no/such/program", io::ErrorKind::NotFound),
            ("flom-no-such-program", io::ErrorKind::NotFound),
            ("/tmp", io::ErrorKind::PermissionDenied),
            ("/etc/passwd", io::ErrorKind::PermissionDenied),
        ] {
            let error = run(&[OsStr::new(program)], None).unwrap_err();
            assert_eq!(error.kind(), kind, "{program}");
        }
    }

    #[test]
    fn an_end_by_a_signal_is_told_apart_and_a_signal_arrives() {
        let mut child = sh("exec sleep 1000");
        assert_eq!(child.ended().unwrap(), None);
        child.signal(15);
        assert_eq!(child.wait().unwrap(), Ended::Killed(15));
        assert_eq!(child.ended().unwrap(), Some(Ended::Killed(15)));
        child.signal(15); // reaches nobody
    }

    #[test]
    fn what_has_stopped_it_is_told_once() {
        let words = ["/bin/sh", "-c", "kill -STOP $$; exit 3"].map(OsString::from);
        let mut child = Child::start(&words, None, &NONE, true).unwrap();
        let by = loop {
            if let Some(signal) = child.stopped_by() {
                break signal;
            }
            std::thread::yield_now();
        };
        assert_eq!((by, child.stopped_by()), (19, None));
        child.signal(18);
        assert_eq!(child.wait().unwrap(), Ended::Exited(3));
    }

    #[test]
    fn another_child_of_this_process_is_left_alone() {
        let mut other = Command::new("/bin/true").spawn().unwrap();
        let mut child = sh("exit 3");
        assert_eq!(child.wait().unwrap(), Ended::Exited(3));
        assert!(other.wait().unwrap().success());
    }
}
