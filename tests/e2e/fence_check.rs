//! `flom --fence-check FILE N`: the largest number stays, whoever comes and however they end.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::{Program, Scratch, flom};

/// So many check at once.
const CROWD: u64 = 300;

/// The numbers from 1 to [`CROWD`], in an order that rises and falls.
fn shuffled() -> impl Iterator<Item = u64> {
    const COPRIME: u64 = 77;
    (0..CROWD).map(|place| place * COPRIME % CROWD + 1)
}

/// The names in a directory.
fn names(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn of_hundreds_that_check_at_once_the_largest_stays() {
    let scratch = Scratch::new();
    let file = scratch.file("fence");
    // All wait for the end of the same input.
    let script = r#"
        exec 3<&0; file=$1; shift
        for number; do
            (read gate <&3; "$FLOM" --fence-check "$file" $number 2>/dev/null; echo $number $?) &
        done
        echo ready; wait"#;
    let words = [file.to_str().unwrap().to_owned()]
        .into_iter()
        .chain(shuffled().map(|number| number.to_string()));
    let mut crowd = Program::sh(script, words).spawn();
    crowd.wait_for_stdout("ready\n");
    crowd.close_stdin();
    let said = crowd.wait().expect_code(0).stdout;
    let mut ended = said
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(number, code)| (number.parse::<u64>().unwrap(), code))
        .collect::<Vec<_>>();
    ended.sort_unstable();
    assert_eq!(ended.len() as u64, CROWD, "{said}");
    assert_eq!(ended.pop(), Some((CROWD, "0")));
    assert!(ended.iter().all(|(_, code)| ["0", "98"].contains(code)));
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("{CROWD}\n"));
    assert_eq!(names(scratch.path()), ["fence".to_owned()].into());
}

/// A check that has ended.
struct Check {
    number: u64,
    passed: bool,
    began: Instant,
    ended: Instant,
}

#[test]
fn nobody_passes_after_a_larger_one_and_nobody_is_refused_without_one() {
    let scratch = Scratch::new();
    let file = scratch.file("fence");
    let file = file.to_str().unwrap();
    let numbers: Vec<u64> = shuffled().collect();
    let next = AtomicU64::new(0);
    let work = || {
        let mut checks = Vec::new();
        while let Some(number) = numbers.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
            let began = Instant::now();
            let ended = flom(["--fence-check", file, &number.to_string()]).run();
            let passed = ended.code() == 0;
            if !passed {
                let ended = ended.expect_code(98);
                assert!(ended.stderr.contains(" comes too late, "), "{ended:?}");
            }
            let (number, ended) = (*number, Instant::now());
            checks.push(Check {
                number,
                passed,
                began,
                ended,
            });
        }
        checks
    };
    let checks: Vec<Check> = thread::scope(|scope| {
        let workers = [(); 8].map(|()| scope.spawn(work));
        let done = workers.into_iter().map(|worker| worker.join().unwrap());
        done.flatten().collect()
    });
    assert_eq!(checks.len() as u64, CROWD);
    for check in &checks {
        let mut larger = checks
            .iter()
            .filter(|other| other.passed && other.number > check.number);
        if check.passed {
            let before = larger.find(|other| other.ended < check.began);
            let before = before.map(|other| other.number);
            assert_eq!(before, None, "{} passed after it", check.number);
        } else {
            let reason = larger.any(|other| other.began < check.ended);
            assert!(reason, "{} was refused by nobody", check.number);
        }
    }
}

#[test]
fn equal_numbers_pass_and_smaller_ones_are_refused_with_both_named() {
    let scratch = Scratch::new();
    let path = scratch.file("fence");
    let file = path.to_str().unwrap();
    let check = |number| flom(["--fence-check", file, number]).run();
    check("0").expect(0, "", "");
    check("7").expect(0, "", "");
    check("7").expect(0, "", "");
    let said = format!("flom: {file}: 6 comes too late, 7 has been here\n");
    check("6").expect(98, "", &said);
    check("18446744073709551615").expect(0, "", "");
    check("18446744073709551614").expect_code(98);
    assert_eq!(fs::read_to_string(&path).unwrap(), "18446744073709551615\n");
}

#[test]
fn a_check_that_dies_while_it_writes_leaves_the_old_number() {
    let scratch = Scratch::new();
    let path = scratch.file("fence");
    let file = path.to_str().unwrap();
    flom(["--fence-check", file, "5"]).run().expect(0, "", "");
    // Who writes beyond the limit is killed by the system in the middle of it.
    let script = "ulimit -f 0; exec \"$FLOM\" --fence-check \"$1\" 7";
    let killed = Program::sh(script, [file]).run();
    killed.expect_code(-Signal::XFSZ.as_raw());
    assert_eq!(fs::read_to_string(&path).unwrap(), "5\n");
    // Who is only told that it cannot write cleans up.
    let script = "ulimit -f 0; trap '' XFSZ; exec \"$FLOM\" --fence-check \"$1\" 7";
    Program::sh(script, [file]).run().expect_code(99);
    assert_eq!(fs::read_to_string(&path).unwrap(), "5\n");
    assert_eq!(names(scratch.path()), ["fence".to_owned()].into());
    // What the dead one has left is in nobody's way.
    flom(["--fence-check", file, "6"]).run().expect(0, "", "");
    assert_eq!(fs::read_to_string(&path).unwrap(), "6\n");
}

#[test]
fn a_check_that_is_killed_at_any_moment_leaves_a_whole_number() {
    const ENOUGH: u64 = 20;
    let scratch = Scratch::new();
    let path = scratch.file("fence");
    let file = path.to_str().unwrap();
    let (mut kept, mut killed, mut passed) = (0, 0, 0);
    // Those that live get less time, and those that are killed more: so most are killed close to
    // their end.
    let (mut given, step) = (Duration::from_millis(2), Duration::from_micros(100));
    for number in 1.. {
        let check = flom(["--fence-check", file, &number.to_string()]).spawn();
        let end = Instant::now() + given;
        while Instant::now() < end {
            thread::yield_now();
        }
        check.signal(Signal::KILL);
        let lived = check.wait().code() == 0;
        let text = fs::read_to_string(&path).unwrap_or_default();
        let found = text.strip_suffix('\n').and_then(|text| text.parse().ok());
        match lived {
            true => {
                assert_eq!(found, Some(number), "{text:?}");
                (passed, given) = (passed + 1, given.saturating_sub(step));
            }
            false => {
                let found = found.unwrap_or_else(|| {
                    assert_eq!((&*text, kept), ("", 0), "less than a number");
                    0
                });
                assert!(found == kept || found == number, "{found} after {kept}");
                (killed, given) = (killed + 1, given + step);
            }
        }
        kept = found.unwrap_or(0);
        if killed >= ENOUGH && passed >= ENOUGH {
            return;
        }
    }
}

#[test]
fn what_is_no_number_changes_nothing() {
    let scratch = Scratch::new();
    let path = scratch.file("fence");
    let file = path.to_str().unwrap();
    for kept in [
        "seven\n",
        "-1\n",
        "1 2\n",
        "0x1\n",
        "18446744073709551616\n",
    ] {
        fs::write(&path, kept).unwrap();
        let ended = flom(["--fence-check", file, "8"]).run().expect_code(99);
        assert!(ended.stderr.contains("it holds no number"), "{ended:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), kept);
    }
    fs::write(&path, "7\n").unwrap();
    for words in [
        &["--fence-check", file][..],
        &["--fence-check", file, ""],
        &["--fence-check", file, "8", "9"],
    ] {
        let ended = flom(words).run().expect_code(99);
        let said = "expected FILE and a number";
        assert!(ended.stderr.contains(said), "{ended:?}");
    }
    for number in ["-1", "+8", "8 ", "0x8", "18446744073709551616"] {
        let words = ["--fence-check", file, "--", number];
        flom(words).run().expect_code(99);
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "7\n");
}

#[test]
fn where_no_file_can_be_the_system_says_why() {
    let scratch = Scratch::new();
    fs::write(scratch.file("file"), "").unwrap();
    let made = Command::new("mkfifo").arg(scratch.file("fifo")).status();
    assert!(made.unwrap().success());
    for (name, reason) in [
        ("", "it is no regular file"),
        ("fifo", "it is no regular file"),
        ("none/fence", "No such file or directory"),
        ("file/fence", "Not a directory"),
    ] {
        let path = scratch.file(name);
        let words = ["--fence-check", path.to_str().unwrap(), "8"];
        let ended = flom(words).run().expect_code(99);
        assert!(ended.stderr.contains(reason), "{ended:?}");
    }
    assert_eq!(
        names(scratch.path()),
        ["fifo", "file"].map(str::to_owned).into()
    );
}
