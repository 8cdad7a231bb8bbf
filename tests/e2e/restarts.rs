//! What outlives a daemon: the order of fences, and what was left half done.

use std::fs;
use std::process::Command;

use crate::harness::{Daemon, Program, Scratch, flom, wait_until};

/// As many as the issue that asked for it says.
const RESTARTS: u32 = 1000;

/// Numbers that look like chance, and come again with the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % limit
    }
}

/// One after the other, clients come to daemons that end in order or are killed, also while a client
/// holds a lock. Done by one script, as a thousand times a few programs are many.
#[test]
fn fences_rise_over_a_thousand_restarts() {
    let scratch = Scratch::new();
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let mut random = Random(seed);
    let script = r#"
        while read end; do
            "$FLOMD" -s "$1" 2>/dev/null & daemon=$!
            until "$FLOM" -s "$1" -d 0 -r db -- sh -c 'echo $FLOM_FENCE' 2>/dev/null; do :; done
            case $end in
                orderly) kill $daemon ;;
                killed) kill -9 $daemon ;;
                held) "$FLOM" -s "$1" -d 0 -r db -- \
                          sh -c 'echo $FLOM_FENCE; kill -9 $0' $daemon 2>/dev/null ;;
            esac
            wait $daemon 2>/dev/null
        done; exit 0"#;
    let socket = scratch.file("socket");
    // Ahead of the clock, which rises by itself: what was given out before has to be remembered.
    let state = scratch.file("state");
    fs::create_dir_all(state.join("flom")).unwrap();
    const BEFORE: u64 = 1 << 60;
    let line = format!("{BEFORE:020}\n");
    fs::write(state.join("flom/fences"), format!("{line}{line}")).unwrap();
    let mut running = Program::sh(script, [socket.to_str().unwrap()])
        .env("XDG_STATE_HOME", state.to_str().unwrap())
        .spawn();
    let mut ends = Vec::new();
    for _ in 0..RESTARTS {
        ends.push(["orderly", "killed", "held"][random.below(3) as usize]);
    }
    running.type_line(&ends.join("\n"));
    running.close_stdin();
    let said = running.wait_long().expect_code(0).stdout;
    let fences: Vec<u64> = said.lines().map(|line| line.parse().unwrap()).collect();
    let held = ends.iter().filter(|end| **end == "held").count();
    assert_eq!(fences.len(), ends.len() + held);
    assert!(fences[0] > BEFORE);
    let fell = fences.windows(2).find(|pair| pair[0] >= pair[1]);
    assert_eq!(fell, None, "seed {seed}");
}

/// What the next holder of `name` is told, at a daemon that starts for it.
fn previous(socket: &str, name: &str) -> String {
    let words = ["-s", socket, "-d", "60000", "-r", name, "-l", "PR", "--"];
    let told = flom(words).args(["sh", "-c", "echo $FLOM_PREVIOUS"]).run();
    told.expect_code(0).stdout.trim().to_owned()
}

#[test]
fn what_was_left_half_done_is_known_to_the_next_daemon() {
    let scratch = Scratch::new();
    let path = scratch.file("socket");
    let socket = path.to_str().unwrap();
    let at = |name| flom(["-s", socket, "-d", "60000", "-r", name, "--"]);
    let end = || flom(["-s", socket, "-X"]).run().expect_code(0);
    at("failed")
        .args(["sh", "-c", "exit 3"])
        .run()
        .expect_code(3);
    at("/a/killed")
        .args(["sh", "-c", "kill -9 $$"])
        .run()
        .expect_code(137);
    at("well").args(["true"]).run().expect_code(0);
    let holder = at("lost").args(["sh", "-c", "echo held; exec cat"]).spawn();
    holder.wait_for_stdout("held\n");
    end();
    holder.wait_for_stderr("and with it the lock");
    assert_eq!(previous(socket, "failed"), "failed:3");
    assert_eq!(previous(socket, "/a/killed"), "killed:9");
    assert_eq!(previous(socket, "lost"), "lost");
    assert_eq!(previous(socket, "well"), "none");
    assert_eq!(previous(socket, "/a/other"), "none");
    // It is known until an exclusive holder has made it well.
    at("failed").args(["true"]).run().expect_code(0);
    assert_eq!(previous(socket, "failed"), "released");
    end();
    assert_eq!(previous(socket, "failed"), "none");
    assert_eq!(previous(socket, "/a/killed"), "killed:9");
    end();
}

#[test]
fn a_repair_that_fails_leaves_it_to_the_next() {
    let daemon = Daemon::start();
    let run = |options: &[&str], script: &str| {
        let words = ["-r", "db"].into_iter().chain(options.iter().copied());
        daemon.flom(words).args(["--", "sh", "-c", script]).run()
    };
    run(&[], "exit 3").expect_code(3);
    let repair = "--on-dirty=echo repairs $FLOM_PREVIOUS; exit 7";
    let told = "flom: the repair (--on-dirty) has failed, the command is not run\n";
    run(&[repair], "echo no").expect(7, "repairs failed:3\n", told);
    let repair = "--on-dirty=kill -9 $$";
    run(&[repair], "echo no").expect(137, "", told);
    let repair = "--on-dirty=echo repairs $FLOM_PREVIOUS $FLOM_RESOURCE";
    run(&[repair], "echo runs; exit 4").expect(4, "repairs failed:3 db\nruns\n", "");
    run(&[repair], "echo runs").expect(0, "repairs failed:4 db\nruns\n", "");
    run(&[repair], "echo runs").expect(0, "runs\n", "");
}

#[test]
fn a_daemon_that_can_keep_nothing_says_so_and_works() {
    let scratch = Scratch::new();
    fs::write(scratch.file("file"), "").unwrap();
    let state = scratch.file("file");
    let socket = scratch.file("socket");
    let daemon = Program::new(env!("CARGO_BIN_EXE_flomd"))
        .args(["-s", socket.to_str().unwrap()])
        .env("XDG_STATE_HOME", state.to_str().unwrap())
        .spawn();
    daemon.wait_for_stderr("FLM038W cannot keep state in ");
    wait_until("a daemon", || socket.exists());
    let words = [
        "-s",
        socket.to_str().unwrap(),
        "-d",
        "0",
        "--",
        "sh",
        "-c",
        "echo $FLOM_FENCE",
    ];
    let fence: u64 = flom(words)
        .run()
        .expect_code(0)
        .stdout
        .trim()
        .parse()
        .unwrap();
    let now = Command::new("date")
        .arg("+%s000000")
        .output()
        .unwrap()
        .stdout;
    let now: u64 = String::from_utf8(now).unwrap().trim().parse().unwrap();
    assert!(
        now.abs_diff(fence) < 600_000_000,
        "the clock: {now} {fence}"
    );
}
