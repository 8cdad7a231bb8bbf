//! A daemon that runs out of descriptors. They are counted by process, so it gets one of its own:
//! this test program once more, with the socket's name in the environment.

use std::env;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use flom_daemon::Daemon;
use flom_proto::AnswerStep;
use flom_settings::Settings;
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::harness::{Client, Directory, lock, shutdown};

/// Names the socket of the limited daemon.
const SOCKET: &str = "FLOM_TEST_SOCKET";

/// How many descriptors it has.
const LIMIT: u64 = 40;

fn limited_daemon(socket: &OsStr) {
    let limit = Some(LIMIT);
    let limits = Rlimit {
        current: limit,
        maximum: limit,
    };
    setrlimit(Resource::Nofile, limits).unwrap();
    let mut settings = Settings::default();
    settings.daemon.lifespan_ms = -1;
    settings.daemon.socket_name = Some(socket.into());
    let daemon = Daemon::open(&settings).unwrap();
    println!("listening");
    daemon.run().unwrap();
}

fn start(socket: &Path) -> Child {
    let mut child = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "descriptors::out_of_descriptors_newcomers_wait_until_somebody_leaves",
            "--nocapture",
        ])
        .env(SOCKET, socket)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    lines
        .find(|line| line.as_ref().unwrap().contains("listening"))
        .unwrap()
        .unwrap();
    child
}

#[test]
fn out_of_descriptors_newcomers_wait_until_somebody_leaves() {
    if let Some(socket) = env::var_os(SOCKET) {
        return limited_daemon(&socket);
    }
    let directory = Directory::new();
    let socket = directory.join("socket");
    let mut daemon = start(&socket);
    let mut holder = Client::connect(&socket);
    holder.lock("db", 0);
    let mut silent: Vec<_> = (0..2 * LIMIT).map(|_| Client::connect(&socket)).collect();
    let mut newcomer = Client::connect(&socket);
    newcomer.say(&lock("db"));
    // Those inside are served as ever.
    for _ in 0..10 {
        holder.unlock("db").lock("db", 0);
    }
    // Each that leaves makes room for the next of those who wait, in the order in which they came.
    silent.clear();
    newcomer.expect(AnswerStep::First, 1);
    holder.unlock("db");
    newcomer.granted();
    Client::connect(&socket).say(&shutdown(true)).closed();
    assert!(daemon.wait().unwrap().success());
}
