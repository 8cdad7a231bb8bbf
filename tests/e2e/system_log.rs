//! What a daemon that `flom` has started writes to `/dev/log`.

use std::os::unix::net::UnixDatagram;

use crate::harness::{Program, Scratch, Started, privilege, wait_until};

/// Runs the words where `/dev` has the system log of the test and nothing else that matters.
const BEHIND_A_LOG_OF_ITS_OWN: &str = "
    set -e
    mkdir \"$1/dev\"
    mount --bind /dev \"$1/dev\"
    mount -t tmpfs none /dev
    for name in null zero urandom; do
        touch /dev/$name
        mount --bind \"$1/dev/$name\" /dev/$name
    done
    ln -s \"$1/log\" /dev/log
    shift
    set +e
    \"$@\"
";

/// A system log, and a place where programs write to it.
struct Machine {
    scratch: Scratch,
    log: UnixDatagram,
}

impl Machine {
    fn new() -> Self {
        let scratch = Scratch::new();
        let log = UnixDatagram::bind(scratch.file("log")).unwrap();
        log.set_nonblocking(true).unwrap();
        Self { scratch, log }
    }

    fn socket(&self) -> String {
        self.scratch.file("socket").to_str().unwrap().to_string()
    }

    /// Runs this script for `sh`; `$1` is a socket, `$2` a directory.
    fn run(&self, script: &str) -> i32 {
        let directory = self.scratch.path().to_str().unwrap();
        let program = Program::new("unshare").args(["--mount", "sh", "-c"]);
        let program = program.args([BEHIND_A_LOG_OF_ITS_OWN, "sh", directory]);
        let words = ["sh", "-c", script, "sh", &self.socket(), directory];
        program.args(words).run().code()
    }

    /// What has been logged, without the number of the process, which is the same everywhere.
    #[track_caller]
    fn records(&self) -> Vec<String> {
        let (mut buffer, mut records, mut pids) = ([0; 2048], Vec::new(), Vec::new());
        while let Ok(length) = self.log.recv(&mut buffer) {
            let record = String::from_utf8(buffer[..length].to_vec()).unwrap();
            let (head, text) = record.split_once("]: ").unwrap();
            let (priority, pid) = head.split_once("flom[").unwrap();
            pids.push(pid.parse::<u32>().unwrap());
            records.push(format!("{priority} {text}"));
        }
        assert!(pids.windows(2).all(|pair| pair[0] == pair[1]), "{pids:?}");
        records
    }
}

#[test]
fn the_life_of_a_daemon_is_in_the_system_log() {
    if !privilege() {
        return;
    }
    let machine = Machine::new();
    let socket = machine.socket();
    let started = Started::with(&socket);
    let script = "\"$FLOM\" -s \"$1\" -d 60000 -- true && \"$FLOM\" -s \"$1\" -x";
    assert_eq!(machine.run(script), 0);
    wait_until("the end of the daemon", || started.daemons().is_empty());
    let records = machine.records();
    let quiesce = "<29> FLM008N to end when idle: told to by uid 0 (pid ";
    assert!(records[2].starts_with(quiesce), "{records:?}");
    let others = [&records[..2], &records[3..]].concat();
    let expected = [
        &format!("<29> FLM000I listening on {socket}"),
        "<29> FLM003N ready",
        "<29> FLM004N ends: idle, as it was told to",
    ];
    assert_eq!(others, expected);
}

#[test]
fn who_asks_is_in_the_system_log_where_connections_are_traced() {
    if !privilege() {
        return;
    }
    let machine = Machine::new();
    let started = Started::with(machine.socket());
    let script = "FLOM_TRACE_MASK=0x20 \"$FLOM\" -s \"$1\" -t \"$2/trace\" -d 60000 -- true
                  \"$FLOM\" -s \"$1\" -X";
    assert_eq!(machine.run(script), 0);
    wait_until("the end of the daemon", || started.daemons().is_empty());
    let records = machine.records();
    let told = |id| records.iter().filter(|record| record.contains(id)).count();
    assert_eq!(
        (told("<30> FLM015I session="), told("FLM007N")),
        (2, 1),
        "{records:?}"
    );
}

#[test]
fn the_reason_of_a_failed_start_is_in_the_system_log() {
    if !privilege() {
        return;
    }
    let machine = Machine::new();
    let directory = machine.scratch.path().display().to_string();
    assert_eq!(machine.run("\"$FLOM\" -s \"$2/no/socket\" -- true"), 99);
    let reason = format!(
        "<27> FLM026E cannot start: cannot open lock file {directory}/no/socket.lock: No such file \
         or directory (os error 2)"
    );
    assert_eq!(machine.records(), [reason]);
    let machine = Machine::new();
    assert_eq!(machine.run("\"$FLOM\" -a 192.0.2.77 -- true"), 99);
    let records = machine.records();
    let reason = "<27> FLM019E cannot start: cannot listen on 192.0.2.77:28015: ";
    assert!(records[0].starts_with(reason), "{records:?}");
    assert_eq!(records.len(), 1);
}
