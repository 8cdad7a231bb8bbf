//! Mutual exclusion, shown.

use std::fs;
use std::path::Path;

use crate::harness::{Daemon, Program, gate, hosts};

const SHELLS: usize = 20;
const COMMANDS: usize = 10;

/// What each shell does: so many commands one after the other, each under the lock.
const SHELL: &str = r#"
    list=$1 commands=$2; shift 2
    while [ $commands -gt 0 ]; do
        "$@" -r db -- sh -c 'echo begin $$ >>$0; echo end $$ >>$0' $list || exit
        commands=$((commands - 1))
    done"#;

#[test]
fn two_hundred_commands_of_twenty_shells_never_overlap() {
    let daemon = Daemon::start();
    let list = daemon.scratch().file("list");
    let flom = ["-s", daemon.socket().to_str().unwrap(), "-d", "0"];
    run_shells((0..SHELLS).map(|_| shell(&list, &flom)));
    assert_serial(&list, SHELLS * COMMANDS);
}

#[test]
fn two_hundred_commands_of_twenty_shells_on_two_hosts_never_overlap() {
    let Some([a, b]) = hosts() else { return };
    a.cable("eth0", &b, "eth0");
    a.add_ipv4("eth0", "10.1.0.1/24");
    b.add_ipv4("eth0", "10.1.0.2/24");
    let daemon = Daemon::start_on(&a, "10.1.0.1".parse().unwrap(), &[]);
    let list = daemon.scratch().file("list");
    let flom = ["-a", "10.1.0.1", "-d", "0"];
    let host = |number| if number % 4 == 0 { &a } else { &b };
    run_shells((0..SHELLS).map(|number| shell(&list, &flom).on(host(number))));
    assert_serial(&list, SHELLS * COMMANDS);
}

fn shell(list: &Path, flom: &[&str]) -> Program {
    let commands = COMMANDS.to_string();
    let words = [
        list.to_str().unwrap(),
        &commands,
        env!("CARGO_BIN_EXE_flom"),
    ];
    Program::sh(SHELL, [&words, flom].concat())
}

fn run_shells(shells: impl Iterator<Item = Program>) {
    let (gate, opener) = gate();
    let shells: Vec<_> = shells.map(|shell| shell.spawn_behind(&gate)).collect();
    drop(opener);
    for shell in shells {
        shell.wait().expect(0, "", "");
    }
}

/// Fails unless the list is that of so many commands, one after the other.
#[track_caller]
pub(crate) fn assert_serial(list: &Path, commands: usize) {
    let text = fs::read_to_string(list).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 2 * commands, "{text}");
    for pair in lines.chunks(2) {
        let began = pair[0].strip_prefix("begin ").expect("a command begins");
        assert_eq!(
            pair[1],
            format!("end {began}"),
            "another command in between"
        );
    }
}
