//! Commands under locks within commands under locks: who would wait for himself is told so.

use crate::harness::{Daemon, Finished, Running, hosts, wait_until};

/// The line that says it.
fn never(name: &str) -> String {
    format!("flom: {name} would never be granted: whoever has it waits for who asks\n")
}

/// Runs a script for `sh` under the lock on `outer`; `$inner` is flom at the same daemon.
fn nested(daemon: &Daemon, options: &[&str], script: &str) -> Finished {
    let script = format!("inner=\"$FLOM $1 $2 $3 $4\"; {script}");
    let place = place(daemon);
    let words = options
        .iter()
        .copied()
        .chain(["--", "sh", "-c", &script, "sh"]);
    daemon.flom(words).args(place).run()
}

/// The words by which a flom finds this daemon.
fn place(daemon: &Daemon) -> Vec<String> {
    let words = daemon.place_words();
    words
        .into_iter()
        .chain(["-d", "0"].map(str::to_owned))
        .collect()
}

fn daemons() -> [fn() -> Daemon; 2] {
    [Daemon::start, Daemon::start_tcp]
}

#[test]
fn a_command_that_asks_for_what_its_own_flom_holds_is_told_so() {
    for start in daemons() {
        let daemon = start();
        for (options, inner, name) in [
            (&["-r", "a"][..], "-r a", "a"),
            (&["-r", "a", "-l", "PR"], "-r a -l PW", "a"),
            (&["-r", "/t", "-l", "EX"], "-r /t/x", "/t/x"),
            (&["-r", "p[4]", "-q", "3"], "-r p[4] -q 2", "p[4]"),
            (&["-r", "_s_n[1]"], "-r _s_n[1]", "_s_n[1]"),
        ] {
            let ended = nested(&daemon, options, &format!("$inner {inner} -- echo no"));
            let ended = ended.expect_code(95);
            assert!(ended.stderr.starts_with(&never(name)), "{ended:?}");
            assert!(ended.stderr.contains(" waits for "), "{ended:?}");
            assert!(!ended.stdout.contains("no"), "{ended:?}");
        }
        assert_eq!(daemon.probe("a"), 0);
    }
}

#[test]
fn a_command_gets_what_does_not_keep_its_own_flom_waiting() {
    let daemon = Daemon::start();
    for (options, inner) in [
        (&["-r", "a"][..], "-r b"),
        (&["-r", "a", "-l", "PR"], "-r a -l CR"),
        (&["-r", "p[4]", "-q", "3"], "-r p[4]"),
        (&["-r", "x.y"], "-r x.y"),
    ] {
        let ended = nested(&daemon, options, &format!("$inner {inner} -- echo yes"));
        assert!(ended.expect_code(0).stdout.contains("yes"));
    }
}

/// A command called `label` that holds `outer`, and asks for `inner` when it is told to go on.
#[track_caller]
fn nesting(daemon: &Daemon, label: &str, outer: &str, inner: &str) -> Running {
    let script = format!("echo held; read go; exec \"$FLOM\" \"$@\" -r {inner} -- echo mine");
    let flom = daemon
        .flom([
            "-r", outer, "--label", label, "--", "sh", "-c", &script, "sh",
        ])
        .args(place(daemon))
        .spawn();
    flom.wait_for_stdout("held\n");
    flom
}

#[test]
fn two_that_hold_what_the_other_wants_do_not_wait_for_ever() {
    for start in daemons() {
        let daemon = start();
        // Each waits until the other holds its lock, too, and the second until the first waits.
        let mut first = nesting(&daemon, "first", "a", "b");
        let mut second = nesting(&daemon, "second", "b", "a");
        first.type_line("go");
        wait_until("the first in the queue", || {
            let status = daemon.flom(["--status", "-r", "b"]).run();
            status.stdout.contains("waits 1")
        });
        second.type_line("go");
        let ended = second.wait().expect_code(95);
        assert!(ended.stderr.starts_with(&never("a")), "{ended:?}");
        let circle = &ended.stderr;
        assert!(circle.contains("waits for a (EX), which"), "{ended:?}");
        assert!(circle.contains("\"first\""), "{ended:?}");
        assert!(circle.contains("under that lock, "), "{ended:?}");
        assert!(circle.contains("waits for b (EX), which"), "{ended:?}");
        assert!(circle.contains("\"second\""), "{ended:?}");
        first.wait().expect(0, "held\nmine\n", "");
    }
}

#[test]
fn two_that_simply_wait_are_left_alone() {
    let daemon = Daemon::start();
    let mut holder = daemon.holder("b");
    let outer = daemon
        .flom([
            "-r",
            "a",
            "--",
            "sh",
            "-c",
            "exec \"$FLOM\" \"$@\" -r b -- echo mine",
            "sh",
        ])
        .args(place(&daemon))
        .spawn();
    wait_until("the inner one in the queue", || {
        let status = daemon.flom(["--status", "-r", "b"]).run();
        status.stdout.contains("waits 1")
    });
    holder.close_stdin();
    holder.wait().expect_code(0);
    outer.wait().expect(0, "mine\n", "");
}

#[test]
fn who_asks_again_and_says_so_has_it_already() {
    let daemon = Daemon::start();
    for (options, inner) in [
        (&["-r", "a"][..], "-r a"),
        (&["-r", "a"], "-r a -l PR"),
        (&["-r", "/t"], "-r /t/x/y"),
        (&["-r", "p[4]", "-q", "3"], "-r p[4] -q 2"),
    ] {
        let script = format!("$inner {inner} --reentrant -- echo yes");
        nested(&daemon, options, &script).expect(0, "yes\n", "");
    }
    // Others have to wait all the same.
    let script = "$inner -r a --reentrant -- env -u FLOM_SESSION $inner -r a -o 0 -- echo no";
    nested(&daemon, &["-r", "a"], script).expect_code(98);
    // What is not held already is not had for saying so.
    let script = "$inner -r a -l EX --reentrant -- echo no";
    nested(&daemon, &["-r", "a", "-l", "PR"], script).expect_code(95);
}

#[test]
fn who_is_told_by_an_inherited_variable_of_somebody_else_warns() {
    let daemon = Daemon::start();
    let ended = daemon
        .flom(["--", "echo", "yes"])
        .env("FLOM_SESSION", "mine")
        .run();
    let warning =
        "flom: warning: FLOM_SESSION is 'mine', which no flom has set: it is passed over\n";
    ended.expect(0, "yes\n", warning);
}

#[test]
fn a_circle_over_two_hosts_is_seen() {
    let Some([here, there]) = hosts() else {
        return;
    };
    here.cable("here", &there, "there");
    here.add_ipv4("here", "10.77.1.1/24");
    there.add_ipv4("there", "10.77.1.2/24");
    let daemon = Daemon::start_on(&here, "10.77.1.1".parse().unwrap(), &[]);
    let words = ["-a", "10.77.1.1", "-d", "0", "-r", "a", "--", "sh", "-c"];
    let ended = crate::harness::flom(words)
        .args(["exec \"$FLOM\" -a 10.77.1.1 -d 0 -r a -- echo no"])
        .on(&there)
        .run()
        .expect_code(95);
    assert!(ended.stderr.starts_with(&never("a")), "{ended:?}");
    drop(daemon);
}
