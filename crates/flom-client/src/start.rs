//! Starting a daemon: the one place of this crate that touches a process.
//!
//! `flomd --detach` starts the daemon proper and ends at once. The daemon says on the pipe that is
//! its stdout, in one line, what became of it, and keeps nothing of ours.

use std::env;
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use flom_settings::Settings;
use flom_types::{ReturnCode, target};
use log::debug;

use crate::error::StartError;
use crate::in_time::left;
use crate::line::{READABLE, wait_for};

/// How long a daemon may take to open its sockets.
const READY_LIMIT: Duration = Duration::from_secs(10);

/// The longest report that is read: a sentence with a path in it.
const REPORT_BYTES: usize = 8 * 1024;

/// What has become of the daemon to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Report {
    /// It listens.
    Ready {
        /// What it does not do though it is told to, and why not.
        but: Option<String>,
    },
    /// Somebody else holds its place, and may be the daemon that is looked for.
    Busy(String),
    /// It cannot be.
    Failed { code: ReturnCode, reason: String },
}

/// Starts a daemon with `settings` and returns when it says what has become of it, at the latest
/// `until` then.
pub(crate) fn start(settings: &Settings, until: Option<Instant>) -> Result<Report, StartError> {
    run(Command::new(program()), settings, left(until, READY_LIMIT))
}

fn run(mut command: Command, settings: &Settings, limit: Duration) -> Result<Report, StartError> {
    let program = PathBuf::from(command.get_program());
    debug!(target: target::DAEMON, "starts {} {:?}", program.display(), settings.daemon_arguments());
    let child = command
        .arg("--detach")
        .args(settings.daemon_arguments())
        // Of the service that we may run in, which the daemon does not belong to.
        .env_remove("STATE_DIRECTORY")
        .current_dir("/")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(source) => return Err(StartError::Spawn { program, source }),
    };
    let stdout = child.stdout.take().expect("stdout is a pipe");
    let line = read_line(stdout, Instant::now() + limit);
    reap(child, &line);
    debug!(target: target::DAEMON, "the daemon reports {line:?}");
    match line.map(|line| line.as_deref().map(parse)) {
        Ok(Some(Some(report))) => Ok(report),
        Ok(None) => Err(StartError::TooSlow {
            program,
            after: limit,
        }),
        Ok(Some(None)) | Err(_) => Err(StartError::NoReport { program }),
    }
}

/// Where `flomd` is: named by `FLOMD`, else beside this program, else somewhere in `PATH`.
fn program() -> PathBuf {
    if let Some(named) = env::var_os("FLOMD").filter(|named| !named.is_empty()) {
        // The daemon starts in `/`; the name was meant for the directory of the caller. A mere
        // word is looked for in PATH.
        let named = PathBuf::from(named);
        return match named.components().nth(1) {
            Some(_) => std::path::absolute(&named).unwrap_or(named),
            None => named,
        };
    }
    env::current_exe()
        .map(|own| own.with_file_name("flomd"))
        .ok()
        .filter(|beside| beside.is_file())
        .unwrap_or_else(|| "flomd".into())
}

/// The first line that comes out of the pipe; `None` if there is none by then.
fn read_line(mut stdout: ChildStdout, until: Instant) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let mut buffer = [0; 512];
    while line.len() < REPORT_BYTES {
        if !wait_for(stdout.as_fd(), READABLE, until)? {
            return Ok(None);
        }
        let bytes = io::Read::read(&mut stdout, &mut buffer)?;
        line.extend_from_slice(&buffer[..bytes]);
        if let Some(end) = line.iter().position(|byte| *byte == b'\n') {
            line.truncate(end);
            return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
        }
        if bytes == 0 {
            break;
        }
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

/// Waits for the child, which ends as soon as the daemon proper is started: for it and nobody else,
/// whatever children this process has inherited.
fn reap(mut child: Child, line: &io::Result<Option<String>>) {
    if matches!(line, Ok(None)) {
        // It hangs. Should it have ended just now, there is nobody to be killed.
        let _ = child.kill();
    }
    // No status is of interest, and where SIGCHLD is ignored there is none.
    let _ = child.wait();
}

/// `ready`, `ready SENTENCE` if something is missing, `busy SENTENCE` or `failed CODE SENTENCE`.
fn parse(line: &str) -> Option<Report> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    match word {
        "ready" => {
            let but = (!rest.is_empty()).then(|| rest.to_string());
            Some(Report::Ready { but })
        }
        "busy" => Some(Report::Busy(rest.to_string())),
        "failed" => {
            let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
            Some(Report::Failed {
                code: ReturnCode(code.parse().ok()?),
                reason: reason.to_string(),
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AMPLE: Duration = Duration::from_secs(60);

    /// What becomes of a start if the daemon does what `script` says.
    fn play(script: &str, limit: Duration) -> Result<Report, StartError> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script, "flomd"]);
        run(command, &Settings::default(), limit)
    }

    #[test]
    fn a_report_is_one_of_three() {
        let ready = |but: Option<&str>| Report::Ready {
            but: but.map(str::to_string),
        };
        let failed = |code, reason: &str| Report::Failed {
            code: ReturnCode(code),
            reason: reason.to_string(),
        };
        let table = [
            ("ready", Some(ready(None))),
            ("ready but blind", Some(ready(Some("but blind")))),
            ("busy", Some(Report::Busy(String::new()))),
            (
                "busy port 1 is taken",
                Some(Report::Busy("port 1 is taken".into())),
            ),
            (
                "failed -120 cannot open '/x/y.lock'",
                Some(failed(-120, "cannot open '/x/y.lock'")),
            ),
            ("failed -101", Some(failed(-101, ""))),
            ("failed", None),
            ("failed because", None),
            ("", None),
            ("Ready", None),
        ];
        for (line, report) in table {
            assert_eq!(parse(line), report, "{line:?}");
        }
    }

    #[test]
    fn the_daemon_may_outlive_the_one_who_started_it() {
        // The report comes from a grandchild, once the child has ended.
        let script = "(until grep -q ') Z' /proc/$$/stat; do :; done; echo ready) & exit 0";
        let ready = Report::Ready { but: None };
        assert_eq!(play(script, AMPLE).unwrap(), ready);
    }

    #[test]
    fn a_daemon_starts_in_the_root_directory_with_nothing_to_read_or_complain_to() {
        let script = "read line && exit 1; echo lost >&2; echo busy $(pwd) $1";
        assert_eq!(
            play(script, AMPLE).unwrap(),
            Report::Busy("/ --detach".into())
        );
    }

    #[test]
    fn an_end_without_report_is_a_failure() {
        for script in ["exit 0", "echo nonsense", "printf ready"] {
            let result = play(script, AMPLE);
            assert!(
                matches!(result, Err(StartError::NoReport { .. })),
                "{script}"
            );
        }
    }

    #[test]
    fn a_daemon_that_never_gets_ready_is_not_waited_for_for_ever() {
        let result = play("exec sleep 1000", Duration::from_millis(20));
        assert!(matches!(result, Err(StartError::TooSlow { .. })));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let command = Command::new("/no/such/flomd");
        let error = run(command, &Settings::default(), AMPLE).unwrap_err();
        assert!(error.to_string().contains("/no/such/flomd"), "{error}");
    }
}
