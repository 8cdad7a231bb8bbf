//! What a daemon keeps, as a file system (`-m`): what is to be seen there, when, and by whom.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use crate::harness::{
    Daemon, Finished, Program, Running, Scratch, Shared, Started, flom, is_alive, privilege, send,
    wait_until,
};

/// Whether file systems can be mounted. If not, that is said loudly; in CI it is a failure.
fn can_mount() -> bool {
    let opened = File::options().read(true).write(true).open("/dev/fuse");
    if let Err(error) = &opened {
        assert!(
            env::var_os("CI").is_none(),
            "these tests need /dev/fuse: {error}"
        );
        eprintln!("SKIPPED, NOT PASSED: this test needs /dev/fuse: {error}");
    }
    privilege() && opened.is_ok()
}

/// A directory to mount at. Whatever is mounted there in the end goes with it.
struct Point {
    path: PathBuf,
    scratch: Scratch,
}

impl Point {
    fn new() -> Option<Self> {
        Self::named("point")
    }

    fn named(name: &str) -> Option<Self> {
        can_mount().then(|| {
            let scratch = Scratch::new();
            let path = scratch.file(name);
            fs::create_dir(&path).unwrap();
            Self { path, scratch }
        })
    }

    fn text(&self) -> &str {
        self.path.to_str().unwrap()
    }

    fn socket(&self) -> String {
        self.scratch.file("socket").to_str().unwrap().to_string()
    }

    /// `flom` at a socket beside the directory, which starts a daemon that mounts here if there is
    /// none.
    fn flom(&self, words: &[&str]) -> Program {
        let own = ["-s", &self.socket(), "-d", "60000", "-m", self.text()].map(str::to_string);
        flom(own).args(words)
    }

    /// Ends the daemon with this order.
    #[track_caller]
    fn end(&self, order: &str) {
        let ended = flom(["-s", &self.socket(), order]).run();
        ended.expect_code(0);
    }

    /// How many file systems are mounted here.
    fn mounts(&self) -> Vec<String> {
        let table = fs::read_to_string("/proc/self/mounts").unwrap();
        let lines = table.lines();
        let text = self.text().replace(' ', "\\040");
        let here = lines.filter(|line| line.split(' ').nth(1) == Some(&text));
        here.map(str::to_string).collect()
    }

    /// Every file with its content, and every empty directory.
    fn tree(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        walk(&self.path.join("status"), "", &mut found);
        found
    }

    /// Waits until the tree has these entries and no others.
    #[track_caller]
    fn wait_for(&self, expected: &[(&str, &str)]) {
        let expected: BTreeMap<String, String> = expected
            .iter()
            .map(|(path, content)| (path.to_string(), content.to_string()))
            .collect();
        wait_until(&format!("{expected:?}"), || self.tree() == expected);
    }

    /// Waits until nothing is kept.
    #[track_caller]
    fn wait_for_empty(&self) {
        self.wait_for(&[("/incubator/", ""), ("/lockers/", "")]);
    }
}

impl Drop for Point {
    fn drop(&mut self) {
        for _ in self.mounts() {
            let _ = Command::new("umount").args(["-l", self.text()]).status();
        }
    }
}

fn walk(directory: &Path, path: &str, found: &mut BTreeMap<String, String>) {
    // It may go while it is looked at.
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    let mut is_empty = true;
    for entry in entries.flatten() {
        is_empty = false;
        let path = format!("{path}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            walk(&entry.path(), &path, found);
        } else if let Ok(content) = fs::read_to_string(entry.path()) {
            found.insert(path, content);
        }
    }
    if is_empty {
        found.insert(format!("{path}/"), String::new());
    }
}

/// A daemon in the foreground that mounts here.
fn daemon(point: &Point) -> Daemon {
    Daemon::start_tcp_with(&["-m", point.text()])
}

const LOCAL: &str = "localhost/\n";

#[test]
fn a_command_finds_its_own_lock_where_the_daemon_that_it_starts_has_mounted() {
    // Nobody reads the name as a command, and it starts at the directory of the caller.
    let name = "a b;touch ran";
    let Some(point) = Point::named(name) else {
        return;
    };
    let started = Started::with(point.socket());
    let script = "cd \"$0\"/status/lockers/2 && tail -n +1 resource_name holders/1/lock_mode";
    let words = [
        "-d", "60000", "-m", name, "-r", "bar", "-l", "pr", "--", "sh", "-c", script,
    ];
    let program = flom(["-s", &point.socket()]).args(words);
    let seen = "==> resource_name <==\nbar\n\n==> holders/1/lock_mode <==\nProtectedRead\n";
    let program = program.args([point.text()]).directory(point.scratch.path());
    program.run().expect(0, seen, "");
    started.the_daemon();
    point.end("-x");
    wait_until("the end of the daemon", || started.daemons().is_empty());
    assert_eq!(fs::read_dir(&point.path).unwrap().count(), 0);
    assert!(!point.scratch.file("ran").exists());
}

#[test]
fn what_is_held_and_waited_for_is_there_and_goes() {
    let Some(point) = Point::new() else { return };
    let started = Started::with(point.socket());
    let run = |words: &[&str]| point.flom(words).spawn();
    let mut holder = run(&["-r", "foo[4]", "-q", "3", "--", "cat"]);
    point.wait_for(&[
        ("/incubator/", ""),
        ("/lockers/2/resource_name", "foo[4]\n"),
        ("/lockers/2/resource_type", "numeric\n"),
        ("/lockers/2/holders/1/peer_name", LOCAL),
        ("/lockers/2/holders/1/quantity", "3\n"),
        ("/lockers/2/waitings/", ""),
    ]);
    let mut waiter = run(&["-r", "foo[4]", "-q", "2", "--", "cat"]);
    point.wait_for(&[
        ("/incubator/", ""),
        ("/lockers/2/resource_name", "foo[4]\n"),
        ("/lockers/2/resource_type", "numeric\n"),
        ("/lockers/2/holders/1/peer_name", LOCAL),
        ("/lockers/2/holders/1/quantity", "3\n"),
        ("/lockers/2/waitings/3/peer_name", LOCAL),
        ("/lockers/2/waitings/3/quantity", "2\n"),
    ]);
    holder.close_stdin();
    holder.wait().expect_code(0);
    point.wait_for(&[
        ("/incubator/", ""),
        ("/lockers/2/resource_name", "foo[4]\n"),
        ("/lockers/2/resource_type", "numeric\n"),
        ("/lockers/2/holders/3/peer_name", LOCAL),
        ("/lockers/2/holders/3/quantity", "2\n"),
        ("/lockers/2/waitings/", ""),
    ]);
    waiter.close_stdin();
    waiter.wait().expect_code(0);
    // It is forgotten some time after its last user has left.
    point.wait_for_empty();
    point.end("-x");
    wait_until("the end of the daemon", || started.daemons().is_empty());
}

#[test]
fn over_the_network_there_is_an_address_and_whoever_gives_up_leaves_the_incubator() {
    let Some(point) = Point::new() else { return };
    let daemon = daemon(&point);
    let parked = daemon.flom(["-r", "db", "-e", "no", "--", "true"]).spawn();
    wait_until("somebody in the incubator", || point.tree().len() > 2);
    let tree = point.tree();
    let of = |name: &str| {
        let mut found = tree.iter().filter(|(path, _)| path.ends_with(name));
        found.next().unwrap().1.clone()
    };
    let peer = of("/peer_name");
    let (address, port) = peer.trim_end().split_once('/').unwrap();
    assert!(address.starts_with("127."), "{tree:?}");
    port.parse::<u16>().unwrap();
    assert_eq!(of("/resource_name"), "db\n");
    assert_eq!(of("/resource_type"), "simple\n");
    parked.signal(Signal::KILL);
    point.wait_for_empty();
}

#[test]
fn it_is_read_only_and_belongs_to_the_user_of_the_daemon() {
    let Some(point) = Point::new() else { return };
    let daemon = daemon(&point);
    let _holder = daemon.holder("db");
    let status = point.path.join("status");
    let lockers = fs::read_dir(status.join("lockers")).unwrap();
    let locker = lockers.flatten().next().unwrap().path();
    let file = locker.join("resource_name");
    let what = |path: &Path| {
        let facts = fs::metadata(path).unwrap();
        (
            facts.mode(),
            facts.nlink(),
            facts.uid(),
            facts.gid(),
            facts.size(),
        )
    };
    assert_eq!(what(&locker), (0o040_550, 2, 0, 0, 0));
    assert_eq!(what(&file), (0o100_440, 1, 0, 0, 3));
    let refused = [
        File::create(status.join("new")).unwrap_err(),
        File::options().append(true).open(&file).unwrap_err(),
        fs::create_dir(locker.join("new")).unwrap_err(),
        fs::remove_file(&file).unwrap_err(),
        fs::rename(&file, locker.join("new")).unwrap_err(),
    ];
    for error in refused {
        assert_eq!(error.kind(), ErrorKind::ReadOnlyFilesystem, "{error}");
    }
    assert_eq!(
        fs::read_dir(&file).unwrap_err().kind(),
        ErrorKind::NotADirectory
    );
    assert_eq!(
        File::open(locker.join("x")).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    let mounts = point.mounts();
    let line = format!("flom {} fuse.flom ro,nosuid,nodev,relatime,", point.text());
    assert!(mounts[0].starts_with(&line), "{mounts:?}");
    // Another user.
    let ls = Program::new("setpriv").args(["--reuid=65533", "--regid=65533", "--clear-groups"]);
    let ended = ls.args(["ls", point.text()]).run();
    assert!(ended.stderr.contains("Permission denied"), "{ended:?}");
}

#[test]
fn however_the_daemon_ends_nothing_stays_mounted() {
    let Some(point) = Point::new() else { return };
    fs::write(point.path.join("below"), "").unwrap();
    let started = Started::with(point.socket());
    let ends: [(&str, &dyn Fn()); 5] = [
        ("-x", &|| point.end("-x")),
        ("-X", &|| point.end("-X")),
        ("TERM", &|| send(started.the_daemon().pid, Signal::TERM)),
        ("INT", &|| send(started.the_daemon().pid, Signal::INT)),
        ("not used", &|| {}),
    ];
    for (how, end) in ends {
        let words: &[&str] = if how == "not used" {
            &["-d", "100"]
        } else {
            &[]
        };
        let list = ["--", "ls", point.text()];
        let program = point.flom(&[words, &list].concat());
        program.run().expect(0, "status\n", "");
        end();
        wait_until("the end of the daemon", || started.daemons().is_empty());
        assert_eq!(point.mounts(), Vec::<String>::new(), "{how}");
        assert!(point.path.join("below").exists());
    }
}

#[test]
fn who_is_inside_does_not_hold_up_the_end() {
    let Some(point) = Point::new() else { return };
    let started = Started::with(point.socket());
    point.flom(&["--", "true"]).run().expect(0, "", "");
    let lockers = point.path.join("status/lockers");
    let inside = Program::sh("cd \"$1\" && echo inside && cat", [&lockers]).spawn();
    inside.wait_for_stdout("inside\n");
    let _open = File::open(point.path.join("status")).unwrap();
    point.end("-X");
    wait_until("the end of the daemon", || started.daemons().is_empty());
    assert_eq!(point.mounts(), Vec::<String>::new());
}

#[test]
fn what_a_killed_daemon_has_left_is_taken_away_by_the_next() {
    let Some(point) = Point::new() else { return };
    let started = Started::with(point.socket());
    for _ in 0..3 {
        let list = point.flom(&["--", "ls", point.text()]);
        list.run().expect(0, "status\n", "");
        let daemon = started.the_daemon();
        assert_eq!(point.mounts().len(), 1);
        send(daemon.pid, Signal::KILL);
        wait_until("the end of the daemon", || !is_alive(daemon.pid));
        let dead = || fs::read_dir(&point.path).is_err();
        wait_until("a dead file system", dead);
    }
}

#[test]
fn a_second_daemon_does_not_take_the_place_of_the_first() {
    let Some(point) = Point::new() else { return };
    let first = daemon(&point);
    let _holder = first.holder("mine");
    let second = daemon(&point);
    let reason = format!("'{}' belongs to another daemon", point.text());
    second.wait_for_stderr("FLM024W");
    second.wait_for_stderr(&reason);
    second
        .flom(["--", "echo", "ran"])
        .run()
        .expect(0, "ran\n", "");
    second.signal(Signal::TERM);
    drop(second);
    let tree = point.tree();
    assert!(tree.values().any(|content| content == "mine\n"), "{tree:?}");
}

#[test]
fn a_lock_does_not_need_the_file_system() {
    if !can_mount() {
        return;
    }
    let scratch = Scratch::new();
    let without_device = "
        set -e
        mkdir \"$1/dev\" \"$1/point\"
        mount --bind /dev \"$1/dev\"
        mount -t tmpfs none /dev
        for name in null urandom; do
            touch /dev/$name
            mount --bind \"$1/dev/$name\" /dev/$name
        done
        for message in once twice; do
            \"$FLOM\" -s \"$1/socket\" -m \"$1/point\" -d -1 -- echo \"$message\"
        done
        \"$FLOM\" -s \"$1/socket\" -X >\"$1/log\"
    ";
    let _started = Started::with(scratch.path().to_str().unwrap());
    let program = Program::new("unshare").args(["--mount", "sh", "-c", without_device, "sh"]);
    let seen = "once\ntwice\n";
    let warning = format!(
        "flom: the daemon that was started serves, but nothing is shown at {}: this system has no \
         FUSE (/dev/fuse)\n",
        scratch.file("point").display()
    );
    program
        .args([scratch.path()])
        .run()
        .expect(0, seen, &warning);
}

#[test]
fn a_mount_does_not_hide_the_socket() {
    let Some(point) = Point::new() else { return };
    let socket = point.path.join("socket");
    let words = ["-s", socket.to_str().unwrap(), "-m", point.text()];
    let daemon = Program::new(env!("CARGO_BIN_EXE_flomd"))
        .args(words)
        .spawn();
    let reason = format!("'{}' would hide '{}'", point.text(), socket.display());
    daemon.wait_for_stderr(&reason);
    let words = [
        "-s",
        socket.to_str().unwrap(),
        "-d",
        "0",
        "--",
        "echo",
        "ran",
    ];
    flom(words).run().expect(0, "ran\n", "");
}

#[test]
fn a_user_who_is_not_root_mounts_with_the_help_of_fusermount3() {
    if !can_mount() {
        return;
    }
    let shared = Shared::new();
    let directory = shared.0.path().to_str().unwrap().to_string();
    // Here the device may be root's alone; elsewhere it is for everybody. fusermount3 works for
    // users that have a name: this is nobody.
    let script = "
        set -e
        mknod -m 666 \"$1/fuse\" c 10 229
        mount --bind \"$1/fuse\" /dev/fuse
        cd \"$1\"
        mkdir point
        chown 65534:65534 point
        as() {
            user=$1
            shift
            setpriv --reuid=$user --regid=$user --clear-groups ./flom -s \"$PWD/socket\" \\
                -m \"$PWD/point\" -d -1 -- \"$@\" \"$PWD/point\"
        }
        export FLOMD=\"$1/flomd\"
        as 65534 ls
        ls point 2>&1 | grep -o 'Permission denied'
        as 0 echo
        as 65534 stat --format='%u %g %a'
        setpriv --reuid=65534 --regid=65534 --clear-groups ./flom -s \"$PWD/socket\" -X
        grep -c \"$1/point\" /proc/self/mounts || true
    ";
    let program = Program::new("unshare").args(["--mount", "sh", "-c", script, "sh"]);
    let ended: Finished = program.args([&directory]).run();
    let _started = Started::with(directory.clone());
    let expected = format!(
        "status\nPermission denied\n{directory}/point\n65534 65534 550\n\
         Starting FLoM daemon immediate shutdown...\n0\n"
    );
    ended.expect(0, &expected, "");
}

#[test]
fn no_reader_harms_the_daemon() {
    let Some(point) = Point::new() else { return };
    let daemon = daemon(&point);
    let script = "until [ -e \"$1/stop\" ]; do find \"$2\" -type f -exec cat {} + ; done";
    let stop = point.scratch.path().to_str().unwrap();
    let readers: Vec<Running> = (0..2)
        .map(|_| Program::sh(script, [stop, point.text()]).spawn())
        .collect();
    for round in 0..60 {
        let name = format!("r{}", round % 7);
        let locked = daemon.flom(["-r", &name, "--", "echo", "ran"]).run();
        locked.expect(0, "ran\n", "");
    }
    File::create(point.scratch.file("stop")).unwrap();
    for reader in readers {
        let seen = reader.wait();
        assert!(seen.stdout.contains("simple\n"), "{seen:?}");
    }
}

#[test]
fn a_file_that_is_open_stays_readable_when_its_lock_has_gone() {
    let Some(point) = Point::new() else { return };
    let daemon = daemon(&point);
    let mut holder = daemon.holder("db");
    let tree = point.tree();
    let path = tree
        .keys()
        .find(|path| path.ends_with("lock_mode"))
        .unwrap();
    let path = point.path.join("status").join(&path[1..]);
    let mut file = File::open(&path).unwrap();
    holder.close_stdin();
    holder.wait().expect_code(0);
    wait_until("the end of the entry", || !path.exists());
    let mut content = String::new();
    file.read_to_string(&mut content).unwrap();
    assert_eq!(
        (&*content, file.metadata().unwrap().size()),
        ("Exclusive\n", 10)
    );
}
