//! Signals while the command runs: they are the command's, and the lock stays until it has ended.

use rustix::process::Signal;

use crate::harness::{Daemon, Program, Running, Terminal, is_alive, send, state, wait_until};

/// Says which signals come, and ends with 5 when told so.
const WATCHER: &str = r#"
    for signal in HUP INT QUIT USR1 USR2 TERM; do trap "echo got $signal; got=1" $signal; done
    echo pid $$
    while got=; read line || [ "$got" ]; do [ "$line" = end ] && exit 5; done"#;

/// `flom` with these options and the watcher, which holds `db` already.
fn watcher<'a>(daemon: &Daemon, options: impl IntoIterator<Item = &'a str>) -> Running {
    let flom = daemon
        .flom(["-r", "db"])
        .args(options)
        .args(["--", "sh", "-c", WATCHER])
        .spawn();
    flom.wait_for_stdout("pid ");
    flom
}

/// Looks until the watcher has said this. Each look types a line first: a signal that comes just
/// before the shell begins to read waits for the end of a line.
#[track_caller]
fn await_watcher(text: &str, mut type_and_look: impl FnMut() -> String) {
    wait_until(text, || type_and_look().contains(text));
}

#[test]
fn signals_are_passed_on_and_the_lock_stays_until_the_command_has_ended() {
    let daemon = Daemon::start();
    for (signal, name) in [
        (Signal::HUP, "HUP"),
        (Signal::INT, "INT"),
        (Signal::QUIT, "QUIT"),
        (Signal::USR1, "USR1"),
        (Signal::USR2, "USR2"),
        (Signal::TERM, "TERM"),
    ] {
        let mut flom = watcher(&daemon, []);
        flom.signal(signal);
        await_watcher(&format!("got {name}\n"), || {
            flom.type_line("");
            flom.stdout_so_far()
        });
        assert!(flom.is_running(), "{name}");
        assert_eq!(daemon.probe("db"), 4, "{name}");
        flom.type_line("end");
        flom.wait().expect_code(5);
        assert_eq!(daemon.probe("db"), 0, "{name}");
    }
}

#[test]
fn a_command_that_dies_of_what_was_passed_on_is_told_as_shells_do() {
    let daemon = Daemon::start();
    for signal in [
        Signal::HUP,
        Signal::INT,
        Signal::USR1,
        Signal::USR2,
        Signal::TERM,
    ] {
        let flom = daemon.holder("db");
        flom.signal(signal);
        flom.wait().expect(128 + signal.as_raw(), "held\n", "");
        assert_eq!(daemon.probe("db"), 0);
    }
}

#[test]
fn an_ignored_signal_does_nothing_to_flom_and_nothing_to_the_command() {
    let daemon = Daemon::start();
    let ignored = ["--ignore-signal=SIGTERM", "--ignore-signal", "2"];
    let mut flom = watcher(&daemon, ignored);
    flom.signal(Signal::TERM);
    flom.signal(Signal::INT);
    flom.signal(Signal::USR1);
    // USR1 is passed on after whatever would have been before it.
    await_watcher("got USR1\n", || {
        flom.type_line("");
        flom.stdout_so_far()
    });
    flom.type_line("end");
    let ended = flom.wait().expect_code(5);
    assert!(
        !ended.stdout.contains("TERM") && !ended.stdout.contains("INT"),
        "{ended:?}"
    );
}

#[test]
fn the_command_does_not_inherit_what_flom_ignores() {
    let daemon = Daemon::start();
    let script = "grep SigIgn /proc/self/status";
    let plain = Program::sh(script, [""; 0]).run().stdout;
    let words = ["SIGTERM", "SIGALRM", "SIGWINCH"].map(|name| format!("--ignore-signal={name}"));
    let locked = daemon
        .flom([])
        .args(words)
        .args(["--", "sh", "-c", script])
        .run();
    locked.expect(0, &plain, "");
}

#[test]
fn signals_that_nobody_can_ignore_are_named() {
    let daemon = Daemon::start();
    let words = [
        "--ignore-signal=SIGKILL",
        "--ignore-signal=19",
        "--",
        "echo",
        "ran",
    ];
    let warnings = "Warning: couldn't ignore signal 9:SIGKILL\n\
                    Warning: couldn't ignore signal 19:SIGSTOP\n";
    daemon.flom(words).run().expect(0, "ran\n", warnings);
}

#[test]
fn ctrl_c_reaches_the_command_once_and_the_lock_stays_until_it_has_ended() {
    let daemon = Daemon::start();
    let terminal = Terminal::new();
    let script = "exec \"$FLOM\" -s \"$1\" -d 0 -r db -- sh -c \"$2\"";
    let socket = daemon.socket().to_str().unwrap();
    let flom = terminal.run_in_foreground(script, [socket, WATCHER]);
    flom.wait_for_stdout("pid ");
    let watcher_says = |text: &str| {
        await_watcher(text, || {
            terminal.type_line("");
            flom.stdout_so_far()
        });
    };
    // Flom knows by then that its command runs: what comes before may get there twice.
    flom.signal(Signal::USR1);
    watcher_says("got USR1\n");
    terminal.press_ctrl_c();
    watcher_says("got INT\n");
    assert_eq!(daemon.probe("db"), 4);
    // Had flom passed it on, that would have come before this.
    flom.signal(Signal::USR2);
    watcher_says("got USR2\n");
    let output = flom.stdout_so_far();
    assert_eq!(output.matches("got INT").count(), 1, "{output}");
    terminal.type_line("end");
    flom.wait().expect_code(5);
}

#[test]
fn ctrl_c_ends_a_command_that_does_not_mind_it() {
    let daemon = Daemon::start();
    let terminal = Terminal::new();
    let script = "exec \"$FLOM\" -s \"$1\" -d 0 -r db -- sh -c 'echo held; exec cat'";
    let flom = terminal.run_in_foreground(script, [daemon.socket().to_str().unwrap()]);
    flom.wait_for_stdout("held\n");
    terminal.press_ctrl_c();
    flom.wait().expect(130, "held\n", "");
}

#[test]
fn ctrl_c_while_waiting_takes_the_request_back() {
    let daemon = Daemon::start();
    let holder = daemon.holder("db");
    let terminal = Terminal::new();
    let tap = daemon.tap();
    let script = "exec \"$FLOM\" -s \"$1\" -d 0 -r db -- echo no";
    let waiter = terminal.run_in_foreground(script, [tap.socket().to_str().unwrap()]);
    tap.wait_for_answer("rc=\"1\"");
    terminal.press_ctrl_c();
    waiter.wait().expect(-2, "", "");
    tap.wait_for_end();
    drop(holder);
}

#[test]
fn flom_waits_for_a_command_that_has_been_stopped() {
    let daemon = Daemon::start();
    let mut flom = watcher(&daemon, []);
    let output = flom.wait_for_stdout("\n");
    let command = output.trim().trim_start_matches("pid ").parse().unwrap();
    send(command, Signal::STOP);
    wait_until("a stopped command", || {
        state(command).as_deref() == Some("T")
    });
    flom.type_line("end");
    assert_eq!(daemon.probe("db"), 4);
    assert!(flom.is_running());
    send(command, Signal::CONT);
    flom.wait().expect_code(5);
}

#[test]
fn a_stopped_flom_keeps_the_lock() {
    let daemon = Daemon::start();
    let mut flom = daemon.holder("db");
    flom.signal(Signal::STOP);
    wait_until("a stopped flom", || {
        state(flom.pid()).as_deref() == Some("T")
    });
    flom.close_stdin();
    assert_eq!(daemon.probe("db"), 4);
    flom.signal(Signal::CONT);
    flom.wait().expect(0, "held\n", "");
}

#[test]
fn a_killed_flom_cannot_keep_the_lock_though_the_command_goes_on() {
    let daemon = Daemon::start();
    let flom = watcher(&daemon, []);
    let output = flom.wait_for_stdout("\n");
    let command = output.trim().trim_start_matches("pid ").parse().unwrap();
    let waiter = daemon.waiter(["-r", "db", "--", "echo", "mine"]);
    flom.signal(Signal::KILL);
    waiter.wait().expect(0, "mine\n", "");
    assert!(is_alive(command));
    drop(flom);
    wait_until("the end of the command", || !is_alive(command));
}

#[test]
fn an_ignored_sigchld_does_not_hide_the_end_of_the_command() {
    let daemon = Daemon::start();
    // `env` of coreutils is the way to make somebody ignore a signal.
    let script = "exec env --ignore-signal=CHLD \"$FLOM\" -s \"$1\" -d 0 -- sh -c 'exit 7'";
    let words = [daemon.socket().to_str().unwrap()];
    Program::sh(script, words).run().expect(7, "", "");
}
