//! A client and daemons of every kind: those that do their work, and those that do not
//! (`spec/protocol.md` §15).

#![expect(clippy::unwrap_used, reason = "tests, also their helpers, may panic")]

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use flom_client::{
    Client, ConnectError, Guard, LockError, Request, ResourceName, ReturnCode, Wait, command,
};

/// A daemon that hears one request, says one thing and, if it is to, closes; then reads to the end.
struct Daemon {
    directory: PathBuf,
    thread: Option<JoinHandle<String>>,
}

impl Daemon {
    fn that(serve: impl FnOnce(UnixStream) -> String + Send + 'static) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("flom-odd-{}-{count}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).unwrap();
        let listener = UnixListener::bind(directory.join("socket")).unwrap();
        let thread = thread::spawn(move || serve(listener.accept().unwrap().0));
        Self {
            directory,
            thread: Some(thread),
        }
    }

    /// Says `words` to the first request; what it has heard after that is its result.
    fn that_says(words: String) -> Self {
        Self::that(move |mut stream| {
            hear_request(&mut stream);
            let _ = stream.write_all(words.as_bytes());
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest);
            String::from_utf8_lossy(&rest).into_owned()
        })
    }

    fn request(&self) -> Request {
        self.request_for(&ResourceName::parse(b"A").unwrap())
    }

    fn request_for(&self, resource: &ResourceName) -> Request {
        client(&self.directory.join("socket")).request_for(resource)
    }

    fn lock(&self, wait: Wait) -> Result<Guard, LockError> {
        self.request().start(wait)?.wait()
    }

    /// What the daemon heard after the request.
    fn heard(mut self) -> String {
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn client(socket: &Path) -> Client {
    Client::builder().unix(socket).build().unwrap()
}

fn hear_request(stream: &mut UnixStream) -> String {
    let mut heard = Vec::new();
    while !heard.ends_with(b"</msg>") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        heard.push(byte[0]);
    }
    String::from_utf8(heard).unwrap()
}

fn answer(step: u32, rc: i32) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" ?><msg level=\"3\" verb=\"1\" step=\"{step}\">\
         <session peerid=\"x\"/><answer rc=\"{rc}\"/></msg>"
    )
}

const NEVER: Duration = Duration::from_secs(600);

#[test]
fn no_odd_answer_is_taken_for_a_grant() {
    let other_level = |message: String| message.replace("level=\"3\"", "level=\"2\"");
    let ping = "<msg level=\"3\" verb=\"3\" step=\"8\"></msg>".to_string();
    let table = [
        (answer(16, 4), 4),
        (answer(16, 5), 5),
        (answer(16, 6), 6),
        (answer(16, 3), 3),
        (answer(16, -14), -14),
        (answer(16, 99), -13),
        (answer(24, 0), -13),
        (ping.clone(), -13),
        ("garbage</msg>".to_string(), -16),
        ("<foo></msg>".to_string(), -16),
        ("x".repeat(70_000), -9),
        (other_level(answer(16, 0)), -15),
        (answer(16, 1) + &answer(24, 4), 4),
        (answer(16, 1) + &answer(24, 2), 3),
        (answer(16, 2) + &answer(24, 6), 6),
        (answer(16, 1) + &answer(24, -1), 3),
        (answer(16, 1) + &answer(32, 3), 3),
        (answer(16, 1) + &answer(16, 0), -13),
        (answer(16, 1) + &other_level(answer(24, 0)), -15),
        (answer(16, 1) + &ping, -13),
        (answer(16, 1) + "garbage</msg>", -16),
    ];
    for (words, code) in table {
        let daemon = Daemon::that_says(words.clone());
        let error = daemon.lock(Wait::For(NEVER)).unwrap_err();
        assert_eq!(error.code(), ReturnCode(code), "{words:.300}: {error}");
        // It hangs up without a word.
        assert_eq!(daemon.heard(), "");
    }
}

#[test]
fn no_odd_form_of_a_grant_is_missed() {
    let bare = "<msg level='3' step='16' verb='1'><answer rc='0'/></msg>".to_string();
    let unknown = answer(16, 0).replace("<answer", "<extra a=\"1\"/><answer");
    for words in [
        answer(16, 0),
        bare,
        unknown,
        answer(16, 1) + "\n" + &answer(24, 0),
        answer(16, 2) + &answer(24, 1) + &answer(24, 0),
        answer(16, 1) + &answer(32, 0),
        answer(16, 0) + "noise",
    ] {
        let daemon = Daemon::that_says(words.clone());
        let guard = daemon.lock(Wait::For(NEVER)).expect(&words);
        guard.unlock().expect(&words);
        assert!(daemon.heard().contains("verb=\"2\" step=\"8\""));
    }
}

#[test]
fn an_old_daemon_is_never_sent_more_than_it_can_take() {
    let long = ResourceName::parse(&[b'a'; 241]).unwrap();
    let daemon = Daemon::that(|mut stream| {
        let asked = hear_request(&mut stream);
        stream.write_all(answer(16, 5).as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"");
        asked
    });
    let request = daemon.request_for(&long);
    let error = request.start(Wait::Forever).unwrap_err();
    assert_eq!(error.code(), ReturnCode::CONTAINER_FULL);
    assert!(error.to_string().contains("241 bytes"), "{error}");
    let asked = daemon.heard();
    assert!(asked.len() <= 511, "{asked}");
    for harmless in ["mode=\"0\"", "wait=\"0\"", "create=\"0\""] {
        assert!(asked.contains(harmless), "{asked}");
    }
}

#[test]
fn the_element_is_decoded() {
    let words = answer(16, 0).replace("rc=\"0\"", "rc=\"0\" element=\"a&lt;b&#39;\"");
    let daemon = Daemon::that_says(words);
    let guard = daemon.lock(Wait::Forever).unwrap();
    assert_eq!(guard.element(), Some("a<b'"));
}

#[test]
fn an_end_before_the_first_answer_is_worth_asking_again_and_a_later_one_is_not() {
    for (words, again) in [
        (String::new(), true),
        ("<msg level=\"3\" ".to_string(), true),
        (answer(16, 1), false),
    ] {
        let daemon = Daemon::that(move |mut stream| {
            hear_request(&mut stream);
            stream.write_all(words.as_bytes()).unwrap();
            words
        });
        let error = daemon.lock(Wait::For(NEVER)).unwrap_err();
        assert_eq!(error.code(), ReturnCode::RECV, "{error}");
        assert_eq!(command::is_worth_asking_again(&error), again);
    }
}

#[test]
fn a_daemon_that_only_lets_us_wait_is_left_when_the_time_is_up() {
    let limit = Duration::from_millis(30);
    for (words, was_queued) in [
        (String::new(), false),
        (answer(16, 2), false),
        (answer(16, 1), true),
        (answer(16, 2) + &answer(24, 1), true),
    ] {
        let daemon = Daemon::that_says(words);
        match daemon.lock(Wait::For(limit)).unwrap_err() {
            LockError::TimedOut { after, queued, .. } => {
                assert_eq!((after, queued), (limit, was_queued));
            }
            error => panic!("{error}"),
        }
        assert_eq!(daemon.heard(), "");
    }
}

#[test]
fn a_half_closed_daemon_has_still_answered() {
    let daemon = Daemon::that(|mut stream| {
        hear_request(&mut stream);
        stream.write_all(answer(16, 5).as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        String::new()
    });
    let error = daemon.lock(Wait::No).unwrap_err();
    assert!(matches!(error, LockError::NoSuchResource { .. }), "{error}");
}

#[test]
fn a_place_without_daemon_is_named() {
    let client = client("/no/such/socket".as_ref());
    let request = client.request("A").unwrap();
    let error = request.start(Wait::No).unwrap_err();
    assert_eq!(error.code(), ReturnCode::CONNECT);
    assert!(error.to_string().contains("/no/such/socket"), "{error}");
    assert!(command::shutdown(&client, false, &mut |_| {}).is_err());
}

#[test]
fn a_socket_that_we_may_not_use_is_no_reason_to_start_a_daemon() {
    let daemon = Daemon::that(|_| String::new());
    let file = daemon.directory.join("file");
    fs::write(&file, "").unwrap();
    let builder = Client::builder().unix(file.join("socket")); // a file is no directory
    let client = builder.start_daemon(Duration::MAX).build().unwrap();
    let request = client.request("A").unwrap();
    let error = request.start(Wait::No).unwrap_err();
    let unreachable = matches!(error, LockError::Connect(ConnectError::Unreachable { .. }));
    assert!(unreachable, "{error}");
    UnixStream::connect(daemon.directory.join("socket")).unwrap(); // lets the daemon go
}
