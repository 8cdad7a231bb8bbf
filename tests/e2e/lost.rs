//! The daemon is lost while the command runs: what becomes of it is what was asked for.

use rustix::process::Signal;

use crate::harness::{Daemon, Running, is_alive, state, wait_until};

/// Says that it runs, with its process and that of a child, and goes on until its input ends; says
/// when it is told to end.
const COMMAND: &str = r#"
    sleep 1000 & child=$!
    trap 'echo told; kill $child; exit 3' TERM
    echo "runs $$ $child "
    while read line; do [ "$line" = end ] && break; echo "on with $line"; done
    kill $child; exit 5"#;

/// Heard of often enough for a test.
const OFTEN: &str = "--heartbeat=0.6";

struct Scene {
    daemon: Daemon,
    flom: Running,
    /// The command, and what it has started.
    processes: [i32; 2],
}

impl Scene {
    #[track_caller]
    fn of(daemon: Daemon, options: &[&str]) -> Self {
        let words = ["-r", "db", OFTEN]
            .into_iter()
            .chain(options.iter().copied());
        let flom = daemon.flom(words).args(["--", "sh", "-c", COMMAND]).spawn();
        let said = flom.wait_for_stdout(" \n");
        let mut words = said.split_whitespace().skip(1);
        let processes = [(); 2].map(|()| words.next().unwrap().parse().unwrap());
        Self {
            daemon,
            flom,
            processes,
        }
    }

    #[track_caller]
    fn all_gone(&self) {
        for process in self.processes {
            wait_until("the end of the command", || !is_alive(process));
        }
    }
}

fn daemons() -> [fn() -> Daemon; 2] {
    [Daemon::start, Daemon::start_tcp]
}

#[test]
fn the_command_goes_on_without_the_lock_unless_something_else_was_asked_for() {
    for start in daemons() {
        for options in [&[][..], &["--on-lost=continue"]] {
            let mut scene = Scene::of(start(), options);
            scene.daemon.signal(Signal::KILL);
            scene.flom.wait_for_stderr("and with it the lock");
            scene
                .flom
                .wait_for_stderr("the command goes on without it\n");
            scene.flom.type_line("a");
            scene.flom.wait_for_stdout("on with a\n");
            scene.flom.type_line("end");
            scene.flom.wait().expect_code(5);
        }
    }
}

#[test]
fn the_command_is_told_to_end_and_flom_ends_with_94_after_it() {
    for start in daemons() {
        let scene = Scene::of(start(), &["--on-lost=term"]);
        scene.daemon.signal(Signal::KILL);
        scene.flom.wait_for_stdout("told\n");
        scene.all_gone();
        let ended = scene.flom.wait().expect_code(94);
        assert!(ended.stderr.contains("the command is ended\n"), "{ended:?}");
    }
}

#[test]
fn the_command_is_killed_at_once_with_all_that_it_has_started() {
    for start in daemons() {
        let scene = Scene::of(start(), &["--on-lost=kill"]);
        scene.daemon.signal(Signal::KILL);
        scene.all_gone();
        let ended = scene.flom.wait().expect_code(94);
        assert!(!ended.stdout.contains("told"), "{ended:?}");
    }
}

#[test]
fn a_command_that_does_not_end_when_told_is_killed_after_a_while() {
    let daemon = Daemon::start();
    let script = "trap '' TERM; echo runs; while :; do read line || sleep 0.1; done";
    let options = [OFTEN, "--on-lost=term", "--kill-after=0.3"];
    let flom = daemon
        .flom(options)
        .args(["--", "sh", "-c", script])
        .spawn();
    flom.wait_for_stdout("runs\n");
    daemon.signal(Signal::KILL);
    flom.wait().expect_code(94);
}

#[test]
fn what_a_command_leaves_behind_when_it_is_told_to_end_is_killed() {
    let daemon = Daemon::start();
    let script = "sh -c 'trap \"\" TERM; echo $$ runs; while :; do sleep 1000; done' & wait";
    let words = [
        "--on-lost=term",
        "--kill-after=600",
        "--",
        "sh",
        "-c",
        script,
    ];
    let flom = daemon.flom(words).spawn();
    let said = flom.wait_for_stdout("runs\n");
    let left = said.split_whitespace().next().unwrap().parse().unwrap();
    daemon.signal(Signal::KILL);
    wait_until("the end of what was left", || !is_alive(left));
    flom.wait().expect_code(94);
}

#[test]
fn a_daemon_that_says_nothing_is_lost_within_the_heartbeat() {
    for start in daemons() {
        let scene = Scene::of(start(), &["--on-lost=term"]);
        scene.daemon.signal(Signal::STOP);
        scene
            .flom
            .wait_for_stderr("it has not said a word for 0.6 s\n");
        scene.all_gone();
        scene.flom.wait().expect_code(94);
        scene.daemon.signal(Signal::CONT);
    }
}

#[test]
fn without_a_heartbeat_a_silent_daemon_is_none_of_our_business() {
    let daemon = Daemon::start();
    let options = ["--heartbeat=0", "--on-lost=kill"];
    let script = "echo runs; read line; exit 5";
    let mut flom = daemon
        .flom(options)
        .args(["--", "sh", "-c", script])
        .spawn();
    flom.wait_for_stdout("runs\n");
    daemon.signal(Signal::STOP);
    // One that asks is told long before that another has given it up.
    let mut other = Scene::of(Daemon::start(), &["--on-lost=continue"]);
    other.daemon.signal(Signal::STOP);
    other.flom.wait_for_stderr("it has not said a word");
    assert!(flom.is_running());
    flom.type_line("end");
    flom.wait().expect_code(5);
    other.daemon.signal(Signal::CONT);
    other.flom.type_line("end");
    other.flom.wait().expect_code(5);
}

#[test]
fn a_frozen_command_goes_on_when_the_daemon_does() {
    for start in daemons() {
        let mut scene = Scene::of(start(), &["--on-lost=freeze"]);
        scene.daemon.signal(Signal::STOP);
        scene.flom.wait_for_stderr("the command is stopped");
        for process in scene.processes {
            wait_until("a stopped command", || {
                state(process).as_deref() == Some("T")
            });
        }
        scene.daemon.signal(Signal::CONT);
        scene.flom.wait_for_stderr("has kept the lock\n");
        scene.flom.type_line("a");
        scene.flom.wait_for_stdout("on with a\n");
        assert_eq!(scene.daemon.probe("db"), 4);
        scene.flom.type_line("end");
        scene.flom.wait().expect_code(5);
        assert_eq!(scene.daemon.probe("db"), 0);
    }
}

#[test]
fn a_frozen_command_is_ended_when_the_daemon_does_not_come_back() {
    for signal in [Signal::KILL, Signal::STOP] {
        let scene = Scene::of(Daemon::start(), &["--on-lost=freeze", "--lost-grace=0.5"]);
        scene.daemon.signal(signal);
        scene
            .flom
            .wait_for_stderr("the lock is gone, the command is ended\n");
        scene.flom.wait_for_stdout("told\n");
        scene.all_gone();
        scene.flom.wait().expect_code(94);
    }
}

#[test]
fn another_daemon_has_not_kept_the_lock() {
    let scene = Scene::of(Daemon::start(), &["--on-lost=freeze", "--lost-grace=600"]);
    scene.daemon.signal(Signal::KILL);
    scene.flom.wait_for_stderr("the command is stopped");
    let socket = scene.daemon.socket().to_str().unwrap().to_owned();
    let _other = crate::harness::Program::new(env!("CARGO_BIN_EXE_flomd"))
        .args(["-s", &socket])
        .spawn();
    scene.flom.wait_for_stderr("the lock is gone");
    scene.all_gone();
    scene.flom.wait().expect_code(94);
}

#[test]
fn a_signal_ends_a_frozen_command() {
    let scene = Scene::of(Daemon::start(), &["--on-lost=freeze", "--lost-grace=600"]);
    scene.daemon.signal(Signal::STOP);
    scene.flom.wait_for_stderr("the command is stopped");
    scene.flom.signal(Signal::TERM);
    scene.all_gone();
    scene.flom.wait().expect_code(94);
}

#[test]
fn a_command_that_holds_for_too_long_is_ended_before_the_lock_is_given_back() {
    for daemon in daemons().map(|start| start()) {
        let script =
            "trap 'echo told; read line; exit 3' TERM; echo runs; while :; do sleep 0.05; done";
        let words = [
            "-r",
            "db",
            "--max-hold=0.3",
            "--kill-after=600",
            "--",
            "sh",
            "-c",
            script,
        ];
        let mut flom = daemon.flom(words).spawn();
        flom.wait_for_stdout("told\n");
        assert_eq!(daemon.probe("db"), 4, "it has not ended yet");
        flom.type_line("end");
        let ended = flom.wait().expect_code(94);
        assert!(
            ended
                .stderr
                .contains("--max-hold is over, the command is ended\n"),
            "{ended:?}"
        );
        assert_eq!(daemon.probe("db"), 0);
    }
}

#[test]
fn a_lock_is_kept_for_a_while_after_the_command() {
    for daemon in daemons().map(|start| start()) {
        let keeper = daemon
            .flom(["-r", "db", "--min-hold=600", "--", "sh", "-c", "echo $$ "])
            .spawn();
        let command: i32 = keeper.wait_for_stdout("\n").trim().parse().unwrap();
        wait_until("the end of the command", || !is_alive(command));
        assert_eq!(daemon.probe("db"), 4);
        keeper.signal(Signal::TERM); // who wants it to end need not wait
        keeper.wait().expect_code(0);
        assert_eq!(daemon.probe("db"), 0);
        let ended = daemon.flom(["--min-hold=0.4", "--", "true"]).run();
        assert!(ended.expect_code(0).took.as_millis() >= 400);
    }
}
