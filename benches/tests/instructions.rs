//! Counts the instructions of the hot paths and holds them against a budget.
//!
//! Times are noise on a machine that others use, too; what valgrind counts is the same each time.
//! Each count is the difference between many turns and half as many, so starting and stopping do
//! not count.

#![expect(clippy::unwrap_used, reason = "tests, also their helpers, may panic")]

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use flom_bench::{Address, Client, Programs, Said, Server, Transport, Vocabulary, paths, words};
use flom_types::LockMode;

/// Turns by which two runs differ.
const TURNS: u64 = 2000;

/// How much more than recorded is let through, in percent.
const SLACK: u64 = 5;

/// Set to have what is counted written down as the new budget.
const RECORD: &str = "FLOM_RECORD";

/// Much longer than anything takes here.
const AMPLE: Duration = Duration::from_secs(60);

#[test]
fn the_hot_paths_cost_no_more_instructions_than_they_may() {
    let budget = Budget::read();
    let compiler = compiler();
    if env::var_os(RECORD).is_none() && budget.compiler != compiler {
        // Another compiler makes other instructions.
        println!("nothing is compared: recorded with {}", budget.compiler);
        return;
    }
    let counted = Counter::new().count();
    if env::var_os(RECORD).is_some() {
        return Budget { compiler, counted }.write();
    }
    let table = budget.compare(&counted);
    println!("{table}");
    assert!(
        !table.contains("TOO MANY"),
        "\n{table}\nwhere they go: callgrind_annotate {}/NAME.out\nif it has to be, write it down: \
         {RECORD}=1 cargo test -p flom-bench --test instructions",
        directory().display()
    );
}

/// Runs programs under valgrind.
struct Counter {
    programs: Programs,
}

impl Counter {
    fn new() -> Self {
        let valgrind = Command::new("valgrind").arg("--version").output();
        valgrind.expect("the package valgrind is needed; scripts/test installs it");
        fs::create_dir_all(directory()).unwrap();
        Self {
            programs: Programs::build().unwrap(),
        }
    }

    /// Instructions by path.
    fn count(&self) -> BTreeMap<String, u64> {
        let mut counted = BTreeMap::new();
        for (name, _) in paths::PATHS {
            let each = per_turn(|turns| self.hot_path(name, turns));
            counted.insert((*name).to_owned(), each);
        }
        let cycle = per_turn(|turns| self.flomd("flomd-cycle", turns, cycles));
        counted.insert("flomd-cycle".to_owned(), cycle);
        let visit = per_turn(|turns| self.flomd("flomd-visit", turns, visits));
        counted.insert("flomd-visit".to_owned(), visit);
        counted.insert("flom-command".to_owned(), self.flom());
        counted
    }

    fn hot_path(&self, name: &str, turns: u64) -> u64 {
        let (mut command, out) = self.under_valgrind(name, "hot-paths");
        let status = command.arg(name).arg(turns.to_string()).status();
        assert!(status.unwrap().success(), "{command:?}");
        total(&out)
    }

    fn flomd(&self, name: &str, turns: u64, visit: fn(&Address, u64)) -> u64 {
        let (command, out) = self.under_valgrind(name, "flomd");
        let server = Server::flomd_under(command, Transport::Unix, -1).unwrap();
        visit(server.address(), turns);
        assert!(server.end().unwrap());
        total(&out)
    }

    /// All of `flom -- true` with a daemon that is up, from exec to exit.
    fn flom(&self) -> u64 {
        let flomd = self.programs.path("flomd");
        let server = Server::flomd(&flomd, Transport::Unix, -1).unwrap();
        let Address::Unix(socket) = server.address() else {
            unreachable!("it was started with a UNIX socket");
        };
        let (mut command, out) = self.under_valgrind("flom-command", "flom");
        command.arg("-s").arg(socket).args(["--", "/bin/true"]);
        assert!(command.status().unwrap().success(), "{command:?}");
        total(&out)
    }

    /// The program `program` under valgrind, and the file in which the instructions will be.
    fn under_valgrind(&self, name: &str, program: &str) -> (Command, PathBuf) {
        let out = directory().join(format!("{name}.out"));
        let mut command = Command::new("valgrind");
        command
            .args(["--quiet", "--tool=callgrind", "--trace-children=no"])
            .arg(format!("--callgrind-out-file={}", out.display()))
            // Complaints about system calls that are newer than it.
            .arg(format!(
                "--log-file={}",
                out.with_extension("log").display()
            ))
            .arg(self.programs.path(program))
            // The same for everybody: a program looks through its environment.
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", directory())
            .stdin(Stdio::null());
        (command, out)
    }
}

/// A connection that stays: unlock and the next lock in one piece, so that each turn of the loop has
/// one cycle, neither more nor less.
fn cycles(to: &Address, turns: u64) {
    let mut vocabulary = Vocabulary::default();
    let mut client = Client::connect(to).unwrap();
    let lock = words::lock("nightly", LockMode::Exclusive);
    let next = [words::unlock("nightly"), lock.clone()].concat();
    client.say(&lock).unwrap();
    for _ in 0..turns {
        let said = client.wait(&mut vocabulary, AMPLE).unwrap();
        assert_eq!(said, Said::Granted { waited: false });
        client.say(&next).unwrap();
    }
    client.wait(&mut vocabulary, AMPLE).unwrap();
}

/// One client after the other, each of which comes, locks, unlocks and goes.
fn visits(to: &Address, turns: u64) {
    let mut vocabulary = Vocabulary::default();
    for _ in 0..turns {
        let mut client = Client::connect(to).unwrap();
        client
            .say(&words::lock("nightly", LockMode::Exclusive))
            .unwrap();
        let said = client.wait(&mut vocabulary, AMPLE).unwrap();
        assert_eq!(said, Said::Granted { waited: false });
        client.say(&words::unlock("nightly")).unwrap();
        client.half_close().unwrap();
        client.wait_closed(AMPLE).unwrap();
    }
}

fn per_turn(count: impl Fn(u64) -> u64) -> u64 {
    (count(2 * TURNS) - count(TURNS)) / TURNS
}

/// What callgrind wrote at the end of its file: `totals: N`.
fn total(out: &Path) -> u64 {
    let text = fs::read_to_string(out).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("totals: "));
    line.expect("callgrind writes a total").parse().unwrap()
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("instructions")
}

fn compiler() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// What was counted when the budget was last recorded.
struct Budget {
    compiler: String,
    counted: BTreeMap<String, u64>,
}

impl Budget {
    fn file() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.txt")
    }

    fn read() -> Self {
        let text = fs::read_to_string(Self::file()).unwrap_or_default();
        let mut budget = Self {
            compiler: String::new(),
            counted: BTreeMap::new(),
        };
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            match line.split_once(' ').expect("a name and a value") {
                ("rustc", version) => budget.compiler = format!("rustc {version}"),
                (name, count) => {
                    let count = count.trim().parse().expect("a number");
                    budget.counted.insert(name.to_owned(), count);
                }
            }
        }
        budget
    }

    fn write(&self) {
        let mut text = format!(
            "# Instructions of the release build: of a turn of each path, and of a whole `flom -- true`.\n\
             # Recorded with {RECORD}=1 cargo test -p flom-bench --test instructions\n{}\n",
            self.compiler
        );
        for (name, count) in &self.counted {
            writeln!(text, "{name:<18} {count:>8}").unwrap();
        }
        fs::write(Self::file(), text).unwrap();
    }

    /// A line for each path, one of which says TOO MANY if something has to be done.
    fn compare(&self, counted: &BTreeMap<String, u64>) -> String {
        let mut table = format!(
            "{:<18} {:>9} {:>9}  change\n",
            "path", "recorded", "counted"
        );
        for (name, count) in counted {
            let recorded = self.counted.get(name).copied().unwrap_or(0);
            let change = (*count as f64 / recorded as f64 - 1.0) * 100.0;
            let verdict = match count * 100 > recorded * (100 + SLACK) {
                true => "  TOO MANY",
                false => "",
            };
            writeln!(
                table,
                "{name:<18} {recorded:>9} {count:>9}  {change:+.1} %{verdict}"
            )
            .unwrap();
        }
        table
    }
}

#[test]
fn more_than_the_slack_is_too_much() {
    let counted = |count| BTreeMap::from([("path".to_owned(), count)]);
    let budget = Budget {
        compiler: String::new(),
        counted: counted(1000),
    };
    assert!(!budget.compare(&counted(1050)).contains("TOO MANY"));
    assert!(budget.compare(&counted(1051)).contains("TOO MANY"));
    // A path that nobody has recorded has no budget.
    let other = BTreeMap::from([("other".to_owned(), 1)]);
    assert!(budget.compare(&other).contains("TOO MANY"));
}
