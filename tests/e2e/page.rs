//! The page of a daemon in a real browser, on a phone and on a desk.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::harness::{Daemon, PEER, Scratch, Wire, message};

/// What a client may call itself to become part of the page.
const MARKUP: &str = "</script><script>document.title=\"owned\"</script><b id=owned>";

/// Where screenshots are kept, for people to look at.
fn artefacts() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/artefacts");
    fs::create_dir_all(&path).unwrap();
    path
}

/// A client with a request, which says who it is.
fn client(daemon: &Daemon, name: &str, user: &str, command: &str) -> Wire {
    let escaped = |text: &str| {
        let pairs = [
            ("&", "&amp;"),
            ("<", "&lt;"),
            (">", "&gt;"),
            ("\"", "&quot;"),
        ];
        pairs
            .iter()
            .fold(text.to_string(), |text, (from, to)| text.replace(from, to))
    };
    let (user, command) = (escaped(user), escaped(command));
    let who = format!(
        "<session peerid=\"{PEER}\" ext=\"1\" host=\"alpha\" user=\"{user}\" pid=\"812\" \
         label=\"{command}\" command=\"{command}\"/>"
    );
    let name = STANDARD.encode(name);
    let resource = format!(
        "<resource name=\"{name}\" mode=\"5\" wait=\"1\" create=\"1\" lifespan=\"60000\"/>"
    );
    let mut wire = daemon.connect();
    wire.say(message(1, 8, &(who + &resource)));
    wire.hear().answer();
    wire
}

/// Whether there is a browser. If not, that is said loudly; in CI it is a failure.
fn has_browser() -> bool {
    let version = Command::new("chromium")
        .arg("--version")
        .stdin(Stdio::null())
        .output();
    if let Err(reason) = &version {
        assert!(
            env::var_os("CI").is_none(),
            "this test needs chromium: {reason}"
        );
        eprintln!("SKIPPED, NOT PASSED: this test needs chromium: {reason}");
    }
    version.is_ok()
}

/// What the page at this place has become after some seconds of its own time, which are over at
/// once; the picture of it goes into `picture`.
fn seen(place: &str, width: u32, picture: &Path) -> String {
    let scratch = Scratch::new();
    let profile = scratch.file("profile");
    let output = Command::new("timeout")
        .args([
            "--kill-after=5",
            "120",
            "chromium",
            "--headless",
            "--no-sandbox",
        ])
        .args([
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--hide-scrollbars",
        ])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
        ])
        .args([
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--enable-logging=stderr",
        ])
        .args(["--virtual-time-budget=5000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("--window-size={width},844"))
        .arg(format!("--screenshot={}", picture.display()))
        .arg(place)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (dom, log) = (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    );
    assert!(output.status.success(), "{log}");
    let complaints: Vec<_> = log
        .lines()
        .filter(|line| line.contains("CONSOLE"))
        .collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
    dom
}

#[test]
fn people_see_who_holds_and_who_waits_on_every_screen() {
    if !has_browser() {
        return;
    }
    let daemon = Daemon::start_with_http("");
    let place = format!("http://localhost:{}/", daemon.http_address().port());
    let mut clients = Vec::new();
    for waiters in [0, 3, 1000] {
        if waiters > 0 && clients.is_empty() {
            clients.push(client(&daemon, "db", "ann", "backup.sh --all"));
            clients.push(client(&daemon, "evil", MARKUP, MARKUP));
        }
        while clients.len() < waiters + 2 && waiters > 0 {
            clients.push(client(
                &daemon,
                "db",
                "bob",
                &format!("report {}", clients.len()),
            ));
        }
        for width in [390, 1280] {
            let picture = artefacts().join(format!("page-{waiters}-{width}.png"));
            let _ = fs::remove_file(&picture);
            let dom = seen(&place, width, &picture);
            let kept = fs::metadata(&picture).unwrap();
            assert!(kept.len() > 5_000, "{}", kept.len());
            assert!(dom.contains("<title>flom at localhost"), "{dom}");
            let figure = match waiters {
                1000 => "<b id=\"waiting\">1,000</b>".to_string(),
                _ => format!("<b id=\"waiting\">{waiters}</b>"),
            };
            assert!(dom.contains(&figure), "{dom}");
            match waiters {
                0 => assert!(
                    dom.contains("Nothing is locked, and nobody waits."),
                    "{dom}"
                ),
                3 => assert!(dom.contains("report 4"), "{dom}"),
                _ => assert!(dom.contains("and 992 more"), "{dom}"),
            }
            // Whatever a client calls itself is text.
            assert!(
                !dom.contains("<b id=\"owned\"") && !dom.contains("<title>owned"),
                "{dom}"
            );
            let as_text = waiters == 0 || dom.contains("&lt;b id=owned&gt;@alpha");
            assert!(as_text, "{dom}");
        }
    }
}

#[test]
fn the_page_asks_again_and_again() {
    if !has_browser() {
        return;
    }
    let daemon = Daemon::start_with_http("");
    let place = format!("http://localhost:{}/", daemon.http_address().port());
    let scratch = Scratch::new();
    seen(&place, 390, &scratch.file("picture.png"));
    let figures = daemon.get("/metrics").body;
    let line = figures
        .lines()
        .find(|line| line.starts_with("flom_http_responses_total{code=\"2xx\"}"));
    let count: u32 = line.unwrap().rsplit(' ').next().unwrap().parse().unwrap();
    assert!(count >= 3, "{figures}"); // the page, and the status at least twice
}

#[test]
fn whoever_may_not_look_reads_why() {
    if !has_browser() {
        return;
    }
    let daemon = Daemon::start_with_http("--access-observe=uid:0");
    let place = format!("http://localhost:{}/", daemon.http_address().port());
    let scratch = Scratch::new();
    let dom = seen(&place, 390, &scratch.file("picture.png"));
    assert!(dom.contains("[Access] Observe"), "{dom}");
}
