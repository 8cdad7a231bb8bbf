//! Numbers of grants, and the recipes of `docs/fencing.md`, run as they stand there.

use std::fs;
use std::path::PathBuf;

use crate::harness::{Daemon, Program, Running, Scratch};

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

/// Where a recipe finds `flom`.
fn path() -> String {
    let flom = PathBuf::from(env!("CARGO_BIN_EXE_flom"));
    let directory = flom.parent().unwrap().display();
    format!("{directory}:{}", std::env::var("PATH").unwrap())
}

/// Runs a script with a token that is not from a lock: that of somebody who comes late, or early.
fn as_fence(fence: u64, interpreter: &str, words: &[&str]) -> Program {
    Program::new(interpreter)
        .args(words)
        .env("FLOM_FENCE", &fence.to_string())
        .env("PATH", &path())
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
    assert_eq!(left.len(), 4, "script, report, fence and lock: {left:?}");
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

/// [`SERVER`], and where it is.
fn page() -> (Running, String) {
    let server = Program::new("python3").args(["-c", SERVER]).spawn();
    let port = server.wait_for_stdout(" \n");
    (server, format!("http://127.0.0.1:{}/", port.trim()))
}

/// What the page holds.
fn content(url: &str) -> String {
    let look = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())";
    let seen = Program::new("python3").args(["-c", look, url]).run();
    seen.expect_code(0).stdout
}

#[test]
fn a_late_writer_over_http_is_refused() {
    let scratch = Scratch::new();
    let script = recipe("put.py", &scratch);
    let script = script.to_str().unwrap();
    let (_server, url) = page();
    let put = |fence, text: &str| as_fence(fence, "python3", &[script, &url, text]).run();
    put(5, "of five").expect(0, "", "");
    put(7, "of seven").expect(0, "", "");
    let late = put(6, "of six").expect_code(1);
    assert!(late.stderr.contains("too late"), "{late:?}");
    assert_eq!(content(&url), "7\nof seven\n\n");
}

#[test]
fn of_two_writers_over_http_that_have_read_the_same_the_late_one_is_refused() {
    let scratch = Scratch::new();
    let script = recipe("put.py", &scratch);
    // Once it has read, another one reads and writes before it.
    let other = r#"
    if not os.environ.get("BETWEEN"):
        import subprocess
        env = {**os.environ, "BETWEEN": "yes", "FLOM_FENCE": os.environ["OTHER"]}
        os.environ["BETWEEN"] = "yes"
        subprocess.run([sys.executable, __file__, url, "of the other"], env=env, check=True)
    request = "#;
    let text = fs::read_to_string(&script).unwrap();
    let hasty = text.replace("\n    request = ", other);
    assert_ne!(text, hasty);
    fs::write(&script, hasty).unwrap();
    let script = script.to_str().unwrap();
    for (fence, other, code, end) in [
        (6, "7", 1, "7\nof the other\n\n"),
        (9, "8", 0, "9\nof its own\n\n"),
    ] {
        let (_server, url) = page();
        let words = [script, &url, "of its own"];
        let ended = as_fence(fence, "python3", &words).env("OTHER", other).run();
        ended.expect_code(code);
        assert_eq!(content(&url), end);
    }
}

/// Under a lock: says so, and goes on with a recipe when it is told to.
const WRITER: &str = r#"echo held; read go; echo "$TEXT" | "$@""#;

#[test]
fn whoever_lost_the_lock_without_noticing_is_refused_and_the_next_holder_is_not() {
    let scratch = Scratch::new();
    let [publish, transfer, put, report, database] =
        ["publish.sh", "transfer.py", "put.py", "report", "database"]
            .map(|name| scratch.file(name).to_str().unwrap().to_owned());
    for name in ["publish.sh", "transfer.py", "put.py"] {
        recipe(name, &scratch);
    }
    let (_server, url) = page();
    for (words, code) in [
        (&["sh", &publish, &report][..], 98),
        (&["python3", &transfer, &database, "text"], 1),
        (&["python3", &put, &url, "text"], 1),
    ] {
        let writer = |daemon: &Daemon, text: &str| {
            let flom = daemon.flom(["-r", "db", "--", "sh", "-c", WRITER, "sh"]);
            let writer = flom.args(words).env("TEXT", text).env("PATH", &path());
            let writer = writer.spawn();
            writer.wait_for_stdout("held\n");
            writer
        };
        let first = Daemon::start();
        let mut late = writer(&first, "of the late one");
        drop(first);
        late.wait_for_stderr("and with it the lock");
        let second = Daemon::start();
        let mut timely = writer(&second, "of the timely one");
        timely.type_line("go");
        timely.wait().expect(0, "held\n", "");
        late.type_line("go");
        let refused = late.wait().expect_code(code);
        assert!(refused.stderr.contains("too late"), "{refused:?}");
    }
    assert_eq!(fs::read_to_string(report).unwrap(), "of the timely one\n");
}

#[test]
fn a_recipe_without_a_number_writes_nothing() {
    let scratch = Scratch::new();
    let (_server, url) = page();
    let target = scratch.file("target");
    let target = target.to_str().unwrap();
    for (interpreter, name, words) in [
        ("sh", "publish.sh", &[target][..]),
        ("python3", "transfer.py", &[target, "text"]),
        ("python3", "put.py", &[&url, "text"]),
    ] {
        let script = recipe(name, &scratch);
        let words = [&[script.to_str().unwrap()], words].concat();
        let program = Program::new("env").args(["-u", "FLOM_FENCE", interpreter]);
        let ended = program.args(words).env("PATH", &path()).run();
        assert_ne!(ended.code(), 0, "{ended:?}");
        assert!(ended.stderr.contains("FLOM_FENCE"), "{ended:?}");
    }
    assert_eq!(content(&url), "0\n\n");
    let left: Vec<_> = fs::read_dir(scratch.path()).unwrap().collect();
    assert_eq!(left.len(), 3, "the scripts: {left:?}");
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
