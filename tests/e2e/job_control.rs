//! A command that leads a group of its own has the terminal, and is one job of the shell with flom.

use crate::harness::{Daemon, Program};

/// Types at an interactive shell on a terminal of its own: of each pair of words, the first is
/// typed, which the terminal shows too, and then the second has to be shown.
const TYPIST: &str = r#"
import os, pty, select, sys, time
pid, terminal = pty.fork()
if pid == 0:
    os.environ["PS1"] = "$ "
    os.execvp("bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"])
shown = ""
for typed, wanted in zip(sys.argv[1::2], sys.argv[2::2]):
    shown = ""
    deadline = time.monotonic() + 15
    # A key for a job is pressed when there is one in the foreground.
    while typed < " " and os.tcgetpgrp(terminal) == pid and time.monotonic() < deadline:
        time.sleep(0.01)
    os.write(terminal, typed.encode())
    while wanted not in shown:
        if not select.select([terminal], [], [], max(0, deadline - time.monotonic()))[0]:
            sys.exit(f"typed {typed!r}, and {wanted!r} is not shown, but {shown!r}")
        shown += os.read(terminal, 4096).decode(errors="replace")
"#;

/// What is typed at a shell in which `$lock` is a flom that holds `db`, and what is shown then.
#[track_caller]
fn type_at_shell(daemon: &Daemon, pairs: &[(&str, &str)]) {
    let [option, place] = daemon.place_words();
    let lock = format!("lock=\"$FLOM {option} {place} -d 0 --on-lost=term -r db --\"\n");
    let pairs = pairs.iter().flat_map(|(typed, shown)| [*typed, *shown]);
    Program::new("python3")
        .args(["-c", TYPIST, &lock, "$ "])
        .args(pairs)
        .run()
        .expect(0, "", "");
}

#[test]
fn what_is_typed_goes_to_the_command_and_ctrl_c_ends_it() {
    let daemon = Daemon::start();
    type_at_shell(
        &daemon,
        &[
            (
                "$lock sh -c 'echo ru$1ns; read word; echo got $word; read on'\n",
                "runs",
            ),
            ("hello\n", "got hello"),
            ("\x03", "$ "),
            ("echo status $?\n", "status 130"),
        ],
    );
    assert_eq!(daemon.probe("db"), 0);
}

#[test]
fn ctrl_z_stops_both_and_fg_has_them_go_on() {
    let daemon = Daemon::start();
    type_at_shell(
        &daemon,
        &[
            (
                "$lock sh -c 'echo ru$1ns; while read word; do echo got $word; done; exit 5'\n",
                "runs",
            ),
            ("\x1a", "Stopped"),
            ("${lock%--} -o 0 -- true; echo status $?\n", "status 98"),
            ("fg\n", "while read"),
            ("hello\n", "got hello"),
            ("\x04", "$ "),
            ("echo status $?\n", "status 5"),
        ],
    );
    assert_eq!(daemon.probe("db"), 0);
}

#[test]
fn in_the_background_the_terminal_is_left_alone() {
    let daemon = Daemon::start();
    type_at_shell(
        &daemon,
        &[
            ("$lock sh -c 'echo ru$1ns; sleep 1000; exit 5' &\n", "runs"),
            ("echo the $1shell\n", "the shell"),
            ("fg\n", "ns; sleep 1000"),
            ("\x1a", "Stopped"),
            ("bg; echo once $1more\n", "once more"),
            ("${lock%--} -o 0 -- true; echo status $?\n", "status 98"),
            ("kill %1; wait; echo ov$1er\n", "over"),
        ],
    );
    assert_eq!(daemon.probe("db"), 0);
}

#[test]
fn a_command_in_the_background_that_wants_to_read_stops_until_it_is_in_the_foreground() {
    let daemon = Daemon::start();
    type_at_shell(
        &daemon,
        &[
            (
                "$lock sh -c 'read word; echo got $word' & wait; jobs; echo the $1shell\n",
                "the shell",
            ),
            ("jobs\n", "Stopped"),
            ("fg\n", "echo got"),
            ("hello\n", "got hello"),
            ("echo status $?\n", "status 0"),
        ],
    );
    // Where it has come to the foreground before it wants to read, nobody tells flom.
    type_at_shell(
        &daemon,
        &[
            (
                "$lock sh -c 'echo ru$1ns; until set -- $(cat /proc/$$/stat); now=$8; \
                 set -- $(cat /proc/$PPID/stat); [ $now = $5 -o $now = $$ ]; do :; done; \
                 read word; echo got $word' &\n",
                "runs",
            ),
            ("fg\n", "echo got"),
            ("hello\n", "got hello"),
        ],
    );
}
