//! Where the trace goes: `-T`, `-t`, `--append-trace-file` (`spec/tracing.md` §4, §6).

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::harness::{Daemon, Program, Scratch, Started, flom, send, wait_until};
use crate::tracing::{module, text};

const MASK: &str = "FLOM_TRACE_MASK";

/// A place for files, and a daemon to be started there.
struct Scene {
    scratch: Scratch,
    started: Started,
}

impl Scene {
    fn new() -> Self {
        let scratch = Scratch::new();
        let started = Started::with(scratch.file("socket").to_str().unwrap());
        Self { scratch, started }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.scratch.file(name)
    }

    fn socket(&self) -> String {
        self.file("socket").to_str().unwrap().to_owned()
    }

    /// `flom`, run there, which starts a daemon if there is none; the mask is everything.
    fn flom<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Program {
        let program = flom(["-s", &self.socket(), "-d", "60000"]);
        let program = program.args(words).args(["--", "true"]);
        program.env(MASK, "-1").directory(self.scratch.path())
    }
}

fn mode(file: &Path) -> u32 {
    fs::metadata(file).unwrap().permissions().mode() & 0o777
}

/// Processes that have written lines, and how many each; fails if a line is not whole.
#[track_caller]
fn writers(trace: &str) -> BTreeMap<u32, usize> {
    let mut writers = BTreeMap::new();
    for line in trace.lines() {
        assert!(module(line).starts_with("flom_"), "{line}");
        let (_, rest) = line.split_once('[').unwrap();
        let pid = rest.split_once('/').unwrap().0.parse().unwrap();
        *writers.entry(pid).or_default() += 1;
    }
    writers
}

#[test]
fn command_and_daemon_write_to_their_files_and_relative_names_start_here() {
    let scene = Scene::new();
    let traced = scene.flom(["-T", "command", "-t", "./daemon"]);
    traced.run().expect(0, "", "");
    let daemon = scene.started.the_daemon();
    let command = text(&scene.file("command"));
    for part in ["flom_config: ", "flom_exec: ", "flom_wire: "] {
        assert!(command.contains(part), "{command}");
    }
    assert_eq!(writers(&command).len(), 1);
    wait_until("the end of the session", || {
        text(&scene.file("daemon")).contains("flom_locker: session=1 is gone")
    });
    let pid = u32::try_from(daemon.pid).unwrap();
    let writers = writers(&text(&scene.file("daemon")));
    assert_eq!(writers.keys().collect::<Vec<_>>(), [&pid]);
}

#[test]
fn without_a_mask_no_file_is_touched() {
    let scene = Scene::new();
    fs::write(scene.file("command"), "old").unwrap();
    for mask in ["0", "", "nothing"] {
        let untraced = scene
            .flom(["-T", "command", "-t", "daemon"])
            .env(MASK, mask);
        untraced.run().expect(0, "", "");
    }
    scene.started.the_daemon();
    assert_eq!(text(&scene.file("command")), "old");
    assert!(!scene.file("daemon").exists());
}

#[test]
fn the_umask_of_the_starter_says_who_may_read_also_of_the_daemons_file() {
    let scene = Scene::new();
    let script = "umask 027; exec \"$FLOM\" \"$@\"";
    let words = [
        "-s",
        &scene.socket(),
        "-T",
        "command",
        "-t",
        "daemon",
        "--",
        "true",
    ];
    let traced = Program::sh(script, words).env(MASK, "-1");
    traced
        .directory(scene.scratch.path())
        .run()
        .expect(0, "", "");
    let daemon = scene.started.the_daemon();
    assert_eq!(mode(&scene.file("command")), 0o640);
    assert_eq!(mode(&scene.file("daemon")), 0o640);
    let status = fs::read_to_string(daemon.file("status")).unwrap();
    assert!(status.contains("\nUmask:\t0000\n"), "{status}");
}

#[test]
fn a_file_is_emptied_unless_it_is_to_grow() {
    let scene = Scene::new();
    fs::write(scene.file("command"), "old\n").unwrap();
    for (append, runs) in [("yes", 1), ("yes", 2), ("no", 1)] {
        let word = format!("--append-trace-file={append}");
        scene.flom(["-T", "command", &word]).run().expect(0, "", "");
        let trace = text(&scene.file("command"));
        let is_old = trace.starts_with("old\n");
        assert_eq!(is_old, append == "yes");
        let trace = trace.strip_prefix("old\n").unwrap_or(&trace);
        assert_eq!(writers(trace).len(), runs, "{trace}");
    }
}

#[test]
fn a_daemons_file_is_emptied_when_it_is_ready_unless_it_is_to_grow() {
    for (append, kept) in [("no", false), ("yes", true)] {
        let scene = Scene::new();
        fs::write(scene.file("daemon"), "old\n").unwrap();
        let word = format!("--append-trace-file={append}");
        let traced = scene.flom(["-t", "daemon", &word]).env(MASK, "0x10");
        traced.run().expect_code(0);
        let trace = text(&scene.file("daemon"));
        assert_eq!(trace.starts_with("old\n"), kept, "{trace}");
        assert!(trace.contains("flom_daemon: FLM003N ready"), "{trace}");
    }
}

#[test]
fn a_daemon_that_gives_way_leaves_the_file_of_the_other_one_alone() {
    let scene = Scene::new();
    scene.flom(["-t", "daemon"]).run().expect_code(0);
    let daemon = scene.started.the_daemon();
    let words = ["-s", &scene.socket(), "-t", "daemon"];
    let second = Program::sh("exec \"$FLOMD\" \"$@\"", words).env(MASK, "0x10");
    let second = second.directory(scene.scratch.path()).run();
    second.expect_code(99);
    let trace = text(&scene.file("daemon"));
    assert!(trace.contains("FLM003N ready"), "{trace}");
    assert!(trace.contains("flom_daemon: cannot start: "), "{trace}");
    let first = trace.lines().next().unwrap();
    assert!(first.contains(&format!("[{}/", daemon.pid)), "{trace}");
    assert_eq!(writers(&trace).len(), 2);
}

#[test]
fn one_file_for_both_has_the_lines_of_both() {
    for append in ["no", "yes"] {
        let scene = Scene::new();
        let word = format!("--append-trace-file={append}");
        let traced = scene.flom(["-T", "trace", "-t", "trace", &word]);
        traced.run().expect(0, "", "");
        let trace = text(&scene.file("trace"));
        assert_eq!(writers(&trace).len(), 2, "{trace}");
        // How the command begins, before it starts the daemon.
        assert!(trace.contains("CommandTraceFile=/"), "{trace}");
        assert!(trace.contains("FLM003N ready"), "{trace}");
    }
}

#[test]
fn many_processes_share_a_file_line_by_line() {
    let daemon = Daemon::start();
    let file = daemon.scratch().file("trace");
    let name = "n".repeat(1500);
    let script = "for run in 1 2 3 4 5 6 7 8; do \"$FLOM\" \"$@\" || exit; done";
    let loops: Vec<_> = (0..4)
        .map(|_| {
            let words = [
                "-s",
                daemon.socket().to_str().unwrap(),
                "-r",
                &name,
                "-l",
                "CR",
            ];
            let trace = ["-T", file.to_str().unwrap(), "--append-trace-file=yes"];
            let commands = Program::sh(script, words).args(trace);
            commands.args(["--", "true"]).env(MASK, "-1").spawn()
        })
        .collect();
    for commands in loops {
        commands.wait().expect(0, "", "");
    }
    let trace = text(&file);
    let writers = writers(&trace);
    assert_eq!(writers.len(), 32);
    assert!(trace.ends_with('\n'));
    let ends = trace.matches("flom_exec: Done(Ended(Exited(0)))\n").count();
    assert_eq!(ends, 32);
}

#[test]
fn a_daemon_that_cannot_open_its_file_does_not_start_and_flom_says_why() {
    let scene = Scene::new();
    let refused = scene.flom(["-t", "none/daemon"]).env(MASK, "0x10000").run();
    let refused = refused.expect_code(99);
    let file = scene.file("none/daemon");
    let code = "flom_client_connect: ret_cod=-120 (";
    assert!(refused.stderr.starts_with(code), "{refused:?}");
    let reason = format!("cannot open trace file '{}': No such file", file.display());
    assert!(refused.stderr.contains(&reason), "{refused:?}");
    wait_until("its end", || scene.started.daemons().is_empty());
    assert!(!scene.file("socket").exists());

    let words = ["-s", &scene.socket(), "-t", "none/daemon"];
    let refused = Program::sh("exec \"$FLOMD\" \"$@\"", words).env(MASK, "0x10");
    let refused = refused
        .directory(scene.scratch.path())
        .run()
        .expect_code(99);
    assert!(refused.stderr.contains(&reason), "{refused:?}");
}

#[test]
fn a_command_that_cannot_open_its_file_says_so_and_traces_to_stderr() {
    let daemon = Daemon::start();
    let traced = daemon.flom(["-T", "/none/trace", "--", "true"]);
    let traced = traced.env(MASK, "0x6").run().expect_code(0);
    let (warnings, trace): (Vec<_>, Vec<_>) = traced
        .stderr
        .lines()
        .partition(|line| line.starts_with("flom: "));
    let warning = "flom: warning: cannot open trace file '/none/trace': No such file or directory \
                   (os error 2); the trace goes to standard error";
    assert_eq!(warnings, [warning]);
    assert!(module(trace[0]) == "flom_config");
    assert!(trace.iter().any(|line| module(line) == "flom_exec"));
}

#[test]
fn lines_from_before_the_file_is_known_go_there_too_also_where_the_settings_are_wrong() {
    let scene = Scene::new();
    let words = ["-l", "XX", "-T", "command"];
    let refused = scene.flom(words).env(MASK, "2").run().expect_code(99);
    assert_eq!(refused.stderr.lines().count(), 1, "{refused:?}");
    let trace = text(&scene.file("command"));
    assert!(trace.contains("LockMode=EX"), "{trace}");
    assert!(
        trace.contains("lock-mode: 'XX' is an invalid value"),
        "{trace}"
    );
}

#[test]
fn a_file_of_the_settings_is_opened_as_well() {
    let scene = Scene::new();
    let file = scene.file("command");
    let settings = format!("[Trace]\nCommandTraceFile={}\n", file.display());
    fs::write(scene.file("conf"), settings).unwrap();
    scene.flom(["-c", "conf"]).run().expect(0, "", "");
    assert!(
        text(&file).contains(&format!("{}:2", "conf")),
        "{}",
        text(&file)
    );
}

#[test]
fn a_daemon_that_runs_already_is_given_no_file() {
    let daemon = Daemon::start();
    let file = daemon.scratch().file("daemon");
    let words = ["-t", file.to_str().unwrap(), "--", "true"];
    daemon.flom(words).env(MASK, "1").run().expect(0, "", "");
    assert!(!file.exists());
}

#[test]
fn a_daemon_without_file_traces_nowhere() {
    let scene = Scene::new();
    scene.flom([]).run().expect_code(0);
    let daemon = scene.started.the_daemon();
    for number in ["1", "2"] {
        let stream = fs::read_link(daemon.file("fd").join(number)).unwrap();
        assert_eq!(stream, Path::new("/dev/null"));
    }
}

#[test]
fn a_daemon_told_to_hang_up_goes_on_in_a_new_file_like_the_old_one() {
    let scene = Scene::new();
    fs::write(scene.file("daemon"), "").unwrap();
    fs::set_permissions(scene.file("daemon"), Permissions::from_mode(0o600)).unwrap();
    scene.flom(["-t", "daemon"]).run().expect_code(0);
    let daemon = scene.started.the_daemon();
    fs::rename(scene.file("daemon"), scene.file("moved")).unwrap();
    send(daemon.pid, Signal::HUP);
    wait_until("a new file", || scene.file("daemon").exists());
    assert_eq!(mode(&scene.file("daemon")), 0o600);
    scene.flom([]).run().expect_code(0);
    let session = "flom_conn: session=2 connected\n";
    wait_until("the session", || {
        text(&scene.file("daemon")).contains(session)
    });
    assert!(!text(&scene.file("moved")).contains(session));
    assert!(text(&scene.file("moved")).contains("session=1 connected"));
}

#[test]
fn a_daemon_in_the_foreground_says_why_it_goes_on_in_the_old_file() {
    let daemon =
        Daemon::start_with("FLOM_TRACE_MASK=0x10 exec \"$FLOMD\" \"$@\" -t \"${2%/*}/daemon\"");
    daemon.wait_for_stderr("ready\n");
    let file = daemon.scratch().file("daemon");
    let moved = daemon.scratch().file("moved");
    fs::rename(&file, &moved).unwrap();
    fs::create_dir(&file).unwrap();
    daemon.signal(Signal::HUP);
    let reason = format!(
        "cannot open trace file '{}': Is a directory",
        file.display()
    );
    daemon.wait_for_stderr(&reason);
    assert!(text(&moved).contains(&reason));
}
