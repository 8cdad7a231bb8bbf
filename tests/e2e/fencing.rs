//! Numbers of grants, what else a command finds in its environment, and the recipes of
//! `docs/fencing.md`, run as they stand there.

use std::fs;
use std::path::PathBuf;

use crate::harness::{Daemon, Program, Scratch, flom};

/// The recipe in the documentation that begins with this comment.
fn recipe(name: &str, scratch: &Scratch) -> PathBuf {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/fencing.md");
    let text = fs::read_to_string(docs).unwrap();
    let start = text.find(&format!("# {name} ")).expect("it is there");
    let (recipe, _) = text[start..].split_once("```").unwrap();
    let file = scratch.file(name);
    fs::write(&file, recipe).unwrap();
    file
}

/// Runs a script with a token that is not from a lock: that of somebody who comes late, or early.
fn as_fence(fence: u64, interpreter: &str, words: &[&str]) -> Program {
    let path = format!(
        "{}:{}",
        PathBuf::from(env!("CARGO_BIN_EXE_flom"))
            .parent()
            .unwrap()
            .display(),
        std::env::var("PATH").unwrap()
    );
    Program::new(interpreter)
        .args(words)
        .env("FLOM_FENCE", &fence.to_string())
        .env("PATH", &path)
}

#[test]
fn a_late_writer_to_a_shared_directory_is_refused() {
    let scratch = Scratch::new();
    let script = recipe("publish.sh", &scratch);
    let report = scratch.file("report");
    let [script, report] = [script, report].map(|path| path.to_str().unwrap().to_owned());
    let publish = |fence, text: &str| {
        let mut running = as_fence(fence, "sh", &[&script, &report]).spawn();
        running.type_line(text);
        running.close_stdin();
        running.wait()
    };
    publish(5, "of five").expect(0, "", "");
    publish(7, "of seven").expect(0, "", "");
    let late = publish(6, "of six").expect_code(98);
    assert!(
        late.stderr.contains("6 comes too late, 7 has been here"),
        "{late:?}"
    );
    assert_eq!(fs::read_to_string(&report).unwrap(), "of seven\n");
    publish(7, "of seven, again").expect(0, "", "");
    assert_eq!(fs::read_to_string(&report).unwrap(), "of seven, again\n");
    let left: Vec<_> = fs::read_dir(scratch.path()).unwrap().collect();
    assert_eq!(left.len(), 3, "script, report and fence: {left:?}");
}

#[test]
fn a_late_writer_to_a_database_is_refused() {
    let scratch = Scratch::new();
    let script = recipe("transfer.py", &scratch);
    let database = scratch.file("database");
    let [script, database] = [script, database].map(|path| path.to_str().unwrap().to_owned());
    let write = |fence, text: &str| as_fence(fence, "python3", &[&script, &database, text]).run();
    write(5, "of five").expect(0, "", "");
    write(7, "of seven").expect(0, "", "");
    let late = write(6, "of six").expect_code(1);
    assert!(late.stderr.contains("too late"), "{late:?}");
    let look = "import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute('SELECT text, fence FROM account'))";
    let kept = Program::new("python3").args(["-c", look, &database]).run();
    kept.expect(0, "('of seven', 7)\n", "");
}

/// A page that is replaced only by who has seen it as it is.
const SERVER: &str = r#"
import http.server
class Page(http.server.BaseHTTPRequestHandler):
    version, content = 1, b"0\n"
    def log_message(self, *words): pass
    def do_GET(self):
        self.send_response(200)
        self.send_header("ETag", f'"{Page.version}"')
        self.end_headers()
        self.wfile.write(Page.content)
    def do_PUT(self):
        matches = self.headers["If-Match"] == f'"{Page.version}"'
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if matches: Page.version, Page.content = Page.version + 1, body
        self.send_response(204 if matches else 412)
        self.end_headers()
server = http.server.HTTPServer(("127.0.0.1", 0), Page)
print(server.server_port, "\n", end="", flush=True)
server.serve_forever()
"#;

#[test]
fn a_late_writer_over_http_is_refused() {
    let scratch = Scratch::new();
    let script = recipe("put.py", &scratch);
    let script = script.to_str().unwrap();
    let server = Program::new("python3").args(["-c", SERVER]).spawn();
    let port = server.wait_for_stdout(" \n");
    let url = format!("http://127.0.0.1:{}/", port.trim());
    let put = |fence, text: &str| as_fence(fence, "python3", &[script, &url, text]).run();
    put(5, "of five").expect(0, "", "");
    put(7, "of seven").expect(0, "", "");
    let late = put(6, "of six").expect_code(1);
    assert!(late.stderr.contains("too late"), "{late:?}");
    // Who has read before somebody else wrote does not match.
    let hasty = fs::read_to_string(script).unwrap().replace(
        "request = ",
        "import subprocess; subprocess.run([sys.executable, __file__ + '.other', url, 'between'], check=True)\nrequest = ",
    );
    fs::copy(script, format!("{script}.hasty.other")).unwrap();
    fs::write(format!("{script}.hasty"), hasty).unwrap();
    let refused = as_fence(
        8,
        "python3",
        &[&format!("{script}.hasty"), &url, "of eight"],
    )
    .run();
    let refused = refused.expect_code(1);
    assert!(refused.stderr.contains("412"), "{refused:?}");
}

#[test]
fn of_many_that_check_at_once_the_largest_stays_and_nobody_smaller_comes_after_it() {
    let scratch = Scratch::new();
    let file = scratch.file("fence");
    // Each that is let through writes its number down; what is written down rises.
    let script = r#"
        for number in 7 3 9 1 8 2 6 4 5; do for tens in 4 1 5 0 3 2; do
            ("$FLOM" --fence-check "$1" $tens$number 2>/dev/null; test $? = 0 -o $? = 1) &
        done; done; wait; cat "$1"; ls "${1%/*}""#;
    let file = file.to_str().unwrap();
    Program::sh(script, [file])
        .run()
        .expect(0, "59\nfence\n", "");
    for (number, code) in [("58", 98), ("59", 0), ("60", 0), ("59", 98)] {
        flom(["--fence-check", file, number])
            .run()
            .expect_code(code);
    }
}

#[test]
fn what_is_no_number_changes_nothing() {
    let scratch = Scratch::new();
    let file = scratch.file("fence");
    fs::write(&file, "seven\n").unwrap();
    let file = file.to_str().unwrap();
    let ended = flom(["--fence-check", file, "8"]).run().expect_code(99);
    assert!(ended.stderr.contains("it holds no number"), "{ended:?}");
    assert_eq!(fs::read_to_string(file).unwrap(), "seven\n");
    for words in [&["--fence-check", file][..], &["--fence-check", file, ""]] {
        let ended = flom(words).run().expect_code(99);
        assert!(
            ended.stderr.contains("expected FILE and a number"),
            "{ended:?}"
        );
    }
    for number in ["-1", "+1", "1 ", "0x1", "18446744073709551616"] {
        flom(["--fence-check", file, "--", number])
            .run()
            .expect_code(99);
    }
}

/// The variables about the lock, in order, but for the number of the grant and the session.
const SHOW: &str = "env | grep ^FLOM_ | grep -v -e FENCE -e SESSION | sort; \
                    test $FLOM_FENCE -gt 0 && test ${#FLOM_SESSION} -ge 16";

#[test]
fn a_command_is_told_about_its_lock() {
    for daemon in [Daemon::start(), Daemon::start_tcp()] {
        for (words, told) in [
            (
                &["-r", "db", "-l", "PW"][..],
                "FLOM_MODE=PW\nFLOM_PREVIOUS=none\nFLOM_RESOURCE=db\n",
            ),
            (
                &["-r", "/a/b"],
                "FLOM_MODE=EX\nFLOM_PREVIOUS=none\nFLOM_RESOURCE=/a/b\n",
            ),
            (
                &["-r", "p[3]", "-q", "2"],
                "FLOM_PREVIOUS=none\nFLOM_RESOURCE=p[3]\n",
            ),
            (
                &["-r", "red.green"],
                "FLOM_ELEMENT=red\nFLOM_PREVIOUS=none\nFLOM_RESOURCE=red.green\n",
            ),
            (
                &["-r", "_s_n[1]"],
                "FLOM_ELEMENT=1\nFLOM_PREVIOUS=none\nFLOM_RESOURCE=_s_n[1]\n",
            ),
        ] {
            let words = words.iter().copied().chain(["--", "sh", "-c", SHOW]);
            daemon.flom(words).run().expect(0, told, "");
        }
    }
}

#[test]
fn a_nested_command_is_told_about_its_own_lock_and_nothing_of_the_outer_one() {
    let daemon = Daemon::start();
    let [option, place] = daemon.place_words();
    let inner = format!("exec \"$FLOM\" {option} {place} -d 0 -r p[3] -- sh -c '{SHOW}'");
    let words = ["-r", "red.green", "--", "sh", "-c", &inner];
    daemon
        .flom(words)
        .run()
        .expect(0, "FLOM_PREVIOUS=none\nFLOM_RESOURCE=p[3]\n", "");
}

#[test]
fn every_grant_has_a_larger_number_than_those_before_it() {
    let daemon = Daemon::start();
    let mut last = 0;
    for name in ["a", "b", "a", "p[2]", "_s_n[1]", "b"] {
        let words = ["-r", name, "--", "sh", "-c", "echo $FLOM_FENCE"];
        let said = daemon.flom(words).run().expect_code(0).stdout;
        let fence: u64 = said.trim().parse().unwrap();
        assert!(fence > last, "{fence} {last}");
        last = fence;
    }
}

#[test]
fn the_next_holder_learns_how_the_last_exclusive_one_ended() {
    for daemon in [Daemon::start(), Daemon::start_tcp()] {
        // Of a path that nobody uses any more, only bad ends are remembered.
        for (name, well) in [("db", "released\n"), ("/a/b", "none\n")] {
            let run = |mode: &str, script: &str| {
                let script = format!("echo $FLOM_PREVIOUS; {script}");
                daemon
                    .flom(["-r", name, "-l", mode, "--", "sh", "-c", &script])
                    .run()
                    .stdout
            };
            assert_eq!(run("EX", "exit 3"), "none\n");
            assert_eq!(run("PR", "exit 4"), "failed:3\n");
            assert_eq!(run("EX", "kill -9 $$"), "failed:3\n");
            assert_eq!(run("EX", "true"), "killed:9\n");
            assert_eq!(run("EX", "true"), well);
            let mut holder = daemon.holder(name);
            holder.signal(rustix::process::Signal::KILL);
            crate::harness::wait_until("a lock that is free", || daemon.probe(name) != 4);
            assert_eq!(run("CR", "true"), "lost\n");
            holder.close_stdin();
        }
    }
}
