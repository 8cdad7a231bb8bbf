//! Configuration files (`spec/configuration.md`): the rules are tested in flom-settings, here it is
//! shown that they are those of the program.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::process::geteuid;

use crate::harness::{Daemon, Finished, Program, Scratch, flom};

/// The program with these files: the user's, and that of `-c`.
struct Files {
    scratch: Scratch,
}

impl Files {
    fn new() -> Self {
        let scratch = Scratch::new();
        Self { scratch }
    }

    fn user(self, text: impl AsRef<[u8]>) -> Self {
        fs::write(self.scratch.file(".flom"), text).unwrap();
        self
    }

    fn given(self, text: impl AsRef<[u8]>) -> Self {
        fs::write(self.scratch.file("given"), text).unwrap();
        self
    }

    fn flom(&self, words: &[&str]) -> Program {
        let program = flom(words).env("HOME", &self.path(""));
        program.directory(self.scratch.path())
    }

    fn path(&self, name: &str) -> String {
        self.scratch.file(name).to_str().unwrap().to_string()
    }
}

/// The lines of `-V` that differ from the defaults.
fn verbose(ended: &Finished) -> Vec<&str> {
    let defaults = flom(["-V"]).run().stdout;
    let lines = ended.stdout.lines().take(29);
    lines.filter(|line| !defaults.contains(line)).collect()
}

#[test]
fn the_file_of_the_user_then_that_of_the_option_then_options() {
    let files = Files::new()
        .user("[Resource]\nName=user\nTimeout=1\nQuantity=2\nLockMode=CR\n")
        .given("[Resource]\nTimeout=3\nQuantity=4\nLockMode=PR\n[Trace]\nVerbose=yes\n");
    let ended = files
        .flom(&["-c", "given", "-q", "1"])
        .run()
        .expect_code(97);
    assert_eq!(
        verbose(&ended),
        [
            "[Resource]/Name='user'",
            "[Resource]/Timeout=3",
            "[Resource]/LockMode=3",
        ]
    );
    let ended = files
        .flom(&["-V", "-c", "given", "-c", "/no/such/file"])
        .run();
    assert_eq!(ended.code(), 99, "the last -c only: {ended:?}");
}

#[test]
fn the_file_of_the_system_comes_first() {
    if !geteuid().is_root() {
        eprintln!("SKIPPED, NOT PASSED: an /etc of our own needs root");
        return;
    }
    let files = Files::new().user("[Resource]\nName=user\n");
    // Nobody but this script sees that file.
    let script = "mount -t tmpfs none /etc && printf '[Resource]\\nName=all\\nTimeout=7\\n' \
                  >/etc/flom.conf && \"$FLOM\" --check-config && \"$FLOM\" -V";
    let words = ["--mount", "sh", "-c", script];
    let ended = Program::new("unshare")
        .args(words)
        .env("HOME", &files.path(""))
        .run()
        .expect_code(97);
    for line in [
        "# /etc/flom.conf: found",
        "[Resource]/Name=user                         ",
        "[Resource]/Timeout=7                         /etc/flom.conf:3",
        "[Resource]/Timeout=7\n",
    ] {
        assert!(ended.stdout.contains(line), "{line}: {ended:?}");
    }
}

#[test]
fn without_home_it_is_the_directory_of_the_user() {
    let ended = Program::sh("unset HOME; exec \"$FLOM\" --check-config", [""; 0]).run();
    let files: Vec<_> = ended.stdout.lines().take(2).collect();
    assert!(files[0].starts_with("# /etc/flom.conf: "), "{ended:?}");
    assert!(
        files[1].starts_with("# /") && files[1].contains("/.flom: "),
        "{ended:?}"
    );
}

/// A file with every key, and what `-V` prints of it.
fn every_key(files: &Files) -> (String, String) {
    let (directory, file) = (files.path(""), files.path("pem"));
    let directory = directory.trim_end_matches('/');
    fs::write(&file, "").unwrap();
    let real = fs::canonicalize(&file).unwrap();
    let real = real.to_str().unwrap();
    let text = format!(
        "[Trace]\nDaemonTraceFile=/d.trace\nCommandTraceFile = /tmp/c\\strace\n\
         AppendTraceFile=YES\nVerbose=y\n\
         [Resource]\nName=/à/b c\nTimeout=-250\nQuantity=-3\nLockMode=protectedread\nCreate=no\n\
         IdleLifespan=-40\n\
         [Daemon]\nSocketName=socket\nLifespan=010\nUnicastAddress=fe80::1%eth0\n\
         UnicastPort=-4444\nMulticastAddress=ff02::1\nMulticastPort=5555\n\
         MountPointVFS={directory}\nFairness=first-fit\nRemoteShutdown=no\n\
         [Monitor]\nIgnoredSignals=SIGTERM;2;hup;\nKilledStatus=zero\n\
         [Network]\nNetworkInterface=lo\nDiscoveryAttempts=0\nDiscoveryTimeout=-700\n\
         DiscoveryTTL=0\nTcpKeepaliveTime=61\nTcpKeepaliveIntvl=-11\nTcpKeepaliveProbes=7\n\
         [TLS]\nTlsCertificate={file}\nTlsPrivateKey=pem\nTlsCaCertificate=./pem\n\
         TlsCheckPeerId=yes\n"
    );
    let lines = format!(
        "[Trace]/DaemonTraceFile='/d.trace'\n\
         [Trace]/CommandTraceFile='/tmp/c trace'\n\
         [Trace]/AppendTraceFile=1\n\
         [Trace]/Verbose=1\n\
         [Resource]/Name='/à/b c'\n\
         [Resource]/Timeout=-250\n\
         [Resource]/Quantity=3\n\
         [Resource]/LockMode=3\n\
         [Resource]/Create=0\n\
         [Resource]/IdleLifespan=40\n\
         [Daemon]/SocketName='{directory}/socket'\n\
         [Daemon]/Lifespan=10\n\
         [Daemon]/UnicastAddress='fe80::1%eth0'\n\
         [Daemon]/UnicastPort=4444\n\
         [Daemon]/MulticastAddress='ff02::1'\n\
         [Daemon]/MulticastPort=5555\n\
         [Daemon]/MountPointVFS='{directory}'\n\
         [Monitor]/IgnoredSignals='SIGHUP;SIGINT;SIGTERM'\n\
         [Network]/NetworkInterface='lo'\n\
         [Network]/DiscoveryAttempts=1\n\
         [Network]/DiscoveryTimeout=700\n\
         [Network]/DiscoveryTTL=1\n\
         [Network]/TcpKeepaliveTime=61\n\
         [Network]/TcpKeepaliveIntvl=11\n\
         [Network]/TcpKeepaliveProbes=7\n\
         [TLS]/TlsCertificate='{real}'\n\
         [TLS]/TlsPrivateKey='{real}'\n\
         [TLS]/TlsCaCertificate='{real}'\n\
         [TLS]/TlsCheckPeerId=1\n"
    );
    (text, lines)
}

#[test]
fn a_file_that_sets_every_key_shows_in_the_29_lines() {
    let files = Files::new();
    let (text, lines) = every_key(&files);
    let files = files.given(text);
    // A socket does not go with an address, but the lines come before that is looked at.
    let conflict = "ERROR: flom can not be configured for local (UNIX socket) and network \
                    (TCP-UDP/IP) communication at the same time.\n\
                    Configuration is not valid, cannot go on!\n";
    let ended = files.flom(&["-c", "given", "--", "echo", "no"]).run();
    if Path::new("/proc/net/if_inet6").exists() {
        ended.expect(99, &lines, conflict);
    } else {
        let lines = lines.replace("NetworkInterface='lo'", "NetworkInterface=''");
        assert_eq!((ended.code(), &ended.stdout), (99, &lines), "{ended:?}");
    }
}

#[test]
fn a_transport_of_the_command_line_takes_the_place_of_that_of_a_file() {
    let daemon = Daemon::start();
    let files = Files::new().user("[Daemon]\nUnicastAddress=no-such-host.invalid\nUnicastPort=1\n");
    let program = daemon
        .flom(["--", "echo", "ran"])
        .env("HOME", &files.path(""));
    program.run().expect(0, "ran\n", "");

    let other = Files::new().user("[Daemon]\nSocketName=/no/such/socket\nLifespan=300\n");
    let daemon = Daemon::start_tcp();
    let program = daemon
        .flom(["--", "echo", "ran"])
        .env("HOME", &other.path(""));
    program.run().expect(0, "ran\n", "");
}

#[test]
fn an_option_that_equals_the_default_counts() {
    let files = Files::new().user("[Resource]\nTimeout=5\n[Daemon]\nLifespan=7\nUnicastPort=9\n");
    let words = ["-V", "-o", "-1", "-d", "5000", "-p", "28015"];
    let ended = files.flom(&words).run().expect_code(97);
    assert!(verbose(&ended).is_empty(), "{ended:?}");
}

#[test]
fn what_means_nothing_is_said_and_the_command_runs() {
    let daemon = Daemon::start();
    let text = "[resource]\nName=x\n[Resource]\nname=x\nWait=yes\n[Monitor]\n\
                IgnoredSignals=SIGTERM,SIGINT\n[Network]\nNetworkInterface=none\n\
                [Resource]\nCreate=yesss\n";
    let files = Files::new().user(text);
    let socket = daemon.socket().to_str().unwrap();
    let ended = files
        .flom(&["-s", socket, "-d", "0", "--", "echo", "ran"])
        .run();
    assert_eq!((ended.code(), &*ended.stdout), (0, "ran\n"), "{ended:?}");
    let user = files.path(".flom");
    let warnings: Vec<_> = ended
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix(&format!("flom: warning: file '{user}', line ")))
        .map(|line| line.split_once(" is ").unwrap().0)
        .collect();
    assert_eq!(
        warnings,
        [
            "1: unknown group [resource]",
            "4: unknown key name in group [Resource]",
            "5: unknown key Wait in group [Resource]",
            "11: [Resource]/Create: 'yesss'",
            "7: [Monitor]/IgnoredSignals: 'SIGTERM,SIGINT'",
            "9: [Network]/NetworkInterface",
        ],
        "{ended:?}"
    );
    assert_eq!(ended.stderr.lines().count(), warnings.len(), "{ended:?}");
}

#[test]
fn no_file_is_read_for_facts() {
    let files = Files::new().user("nonsense");
    for option in ["-h", "--help-all", "-v", "--signal-list"] {
        let words = [option, "-c", "/no/such/file"];
        let ended = files.flom(&words).run().expect_code(0);
        assert_eq!(ended.stderr, "");
    }
    let ended = files.flom(&["--unique-id"]).run();
    assert!(!ended.stderr.contains(".flom"), "{ended:?}");
}

#[test]
fn a_file_that_is_there_must_be_read() {
    let files = Files::new();
    let user = files.path(".flom");
    let words = ["--", "echo", "no"];
    let error = format!("ERROR: error while loading file '{user}': ");
    let code = "\nflom_config_init: ret_cod=-203\n";
    fs::create_dir(&user).unwrap();
    let ended = files.flom(&words).run().expect_code(99);
    assert!(
        ended.stderr.starts_with(&error) && ended.stderr.ends_with(code),
        "{ended:?}"
    );
    fs::remove_dir(&user).unwrap();
    for odd in ["/dev/null", "/", "no such file", ""] {
        let ended = files.flom(&["-c", odd]).args(words).run().expect_code(99);
        let error = format!("ERROR: error while loading file '{odd}': ");
        assert!(
            ended.stderr.starts_with(&error) && ended.stderr.ends_with(code),
            "{ended:?}"
        );
    }
}

/// The program as a user who is nobody, with this home.
fn as_nobody(home: &str, words: &[&str]) -> Option<Finished> {
    if !geteuid().is_root() {
        eprintln!("SKIPPED, NOT PASSED: to become another user needs root");
        return None;
    }
    let become_nobody = [
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "sh",
        "-c",
    ];
    // The program itself may be where nobody else may look.
    let scratch = Scratch::new();
    let copy = scratch.file("flom");
    fs::copy(env!("CARGO_BIN_EXE_flom"), &copy).unwrap();
    fs::set_permissions(scratch.path(), Permissions::from_mode(0o755)).unwrap();
    let program = Program::new("setpriv").args(become_nobody);
    let program = program
        .args(["exec \"$0\" \"$@\"", copy.to_str().unwrap()])
        .args(words);
    Some(program.env("HOME", home).directory(Path::new("/")).run())
}

#[test]
fn a_file_that_may_not_be_read_is_an_error_and_a_home_that_may_not_be_looked_into_is_none() {
    let files = Files::new().user("[Resource]\nName=x\n");
    let (home, user) = (files.path(""), files.path(".flom"));
    let home_path = Path::new(&home);
    fs::set_permissions(home_path, Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&user, Permissions::from_mode(0o600)).unwrap();
    let Some(ended) = as_nobody(&home, &["--check-config"]) else {
        return;
    };
    let error = format!("ERROR: error while loading file '{user}': Permission denied");
    assert!(
        ended.code() == 99 && ended.stderr.starts_with(&error),
        "{ended:?}"
    );
    fs::set_permissions(home_path, Permissions::from_mode(0o700)).unwrap();
    let ended = as_nobody(&home, &["--check-config"]).unwrap();
    assert_eq!((ended.code(), &*ended.stderr), (0, ""), "{ended:?}");
}

#[test]
fn a_check_says_where_each_value_comes_from() {
    let files = Files::new()
        .user("[Resource]\nTimeout=5\n")
        .given("[Daemon]\nFairness=fifo\n");
    let ended = files
        .flom(&["--check-config", "-c", "given", "-d", "7"])
        .run()
        .expect_code(0);
    assert_eq!(ended.stderr, "");
    let user = files.path(".flom");
    for line in [
        format!("# {user}: found"),
        "# given: found".to_string(),
        format!("[Resource]/Timeout=5                         {user}:2"),
        "[Daemon]/Fairness=fifo                       given:2".to_string(),
        "[Daemon]/Lifespan=7                          command line".to_string(),
        "[Resource]/LockMode=EX                       built-in".to_string(),
    ] {
        assert!(
            ended.stdout.lines().any(|theirs| theirs == line),
            "{line}: {ended:?}"
        );
    }
}

#[test]
fn a_check_says_everything_that_is_wrong_and_does_nothing_else() {
    let files = Files::new()
        .user("[x]\n[Resource]\nTimeout=x\nQuantity=x\n")
        .given("[Daemon]\nLifespan\nx\n");
    let words = [
        "--check-config",
        "-c",
        "given",
        "-l",
        "x",
        "--",
        "echo",
        "no",
    ];
    let ended = files.flom(&words).run().expect_code(99);
    assert!(
        !ended.stdout.contains("no\n") && ended.stdout.contains("[TLS]/"),
        "{ended:?}"
    );
    let starts = [
        "flom: warning: file '",
        "ERROR: invalid configuration found in file '",
        "ERROR: invalid configuration found in file '",
        "ERROR: error while loading file 'given', line 2: ",
        "ERROR: error while loading file 'given', line 3: ",
        "lock-mode: 'x' is an invalid value",
        "flom_config_init: ret_cod=-5",
    ];
    let lines: Vec<_> = ended.stderr.lines().collect();
    assert_eq!(lines.len(), starts.len(), "{ended:?}");
    for (line, start) in lines.into_iter().zip(starts) {
        assert!(line.starts_with(start), "{ended:?}");
    }
}

#[test]
fn a_killed_command_counts_as_the_file_says() {
    let daemon = Daemon::start();
    let files = Files::new().user("[Monitor]\nKilledStatus=zero\n");
    let socket = daemon.socket().to_str().unwrap();
    let next = |words: &[&str]| {
        let place = ["-s", socket, "-d", "0", "-r", "_S_n[1]", "-i", "60000"];
        files.flom(&place).args(words).run()
    };
    let killed = ["--", "sh", "-c", "echo $0; kill -KILL $$"];
    next(&killed).expect(0, "1\n", "");
    let as_now = [&["--killed-status=signal"][..], &killed].concat();
    next(&as_now).expect(137, "2\n", "");
    next(&["--", "echo"]).expect(0, "2\n", "");
}
