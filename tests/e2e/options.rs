//! The command line (`spec/command-line.md` §2 to §10): the rules themselves are tested in flom-cli
//! and flom-settings, here it is shown that they are those of the program.

use std::fs;

use crate::harness::{Daemon, Scratch, flom, hosts};
use crate::lifespan::wait_for_the_life_of_another;

/// What `-V` prints of the built-in defaults.
const DEFAULTS: &str = "\
[Trace]/DaemonTraceFile=''
[Trace]/CommandTraceFile=''
[Trace]/AppendTraceFile=0
[Trace]/Verbose=1
[Resource]/Name='_RESOURCE'
[Resource]/Timeout=-1
[Resource]/Quantity=1
[Resource]/LockMode=5
[Resource]/Create=1
[Resource]/IdleLifespan=0
[Daemon]/SocketName=''
[Daemon]/Lifespan=5000
[Daemon]/UnicastAddress=''
[Daemon]/UnicastPort=28015
[Daemon]/MulticastAddress=''
[Daemon]/MulticastPort=28015
[Daemon]/MountPointVFS=''
[Monitor]/IgnoredSignals=''
[Network]/NetworkInterface=''
[Network]/DiscoveryAttempts=2
[Network]/DiscoveryTimeout=500
[Network]/DiscoveryTTL=1
[Network]/TcpKeepaliveTime=60
[Network]/TcpKeepaliveIntvl=10
[Network]/TcpKeepaliveProbes=6
[TLS]/TlsCertificate=''
[TLS]/TlsPrivateKey=''
[TLS]/TlsCaCertificate=''
[TLS]/TlsCheckPeerId=0
";

const SIGNALS: &str = "\
1) SIGHUP\t2) SIGINT\t3) SIGQUIT\t4) SIGILL\t
5) SIGTRAP\t6) SIGABRT\t7) SIGBUS\t8) SIGFPE\t
9) SIGKILL\t10) SIGUSR1\t11) SIGSEGV\t12) SIGUSR2\t
13) SIGPIPE\t14) SIGALRM\t15) SIGTERM\t16) SIGSTKFLT\t
17) SIGCHLD\t18) SIGCONT\t19) SIGSTOP\t20) SIGTSTP\t
21) SIGTTIN\t22) SIGTTOU\t23) SIGURG\t24) SIGXCPU\t
25) SIGXFSZ\t26) SIGVTALRM\t27) SIGPROF\t28) SIGWINCH\t
29) SIGIO\t30) SIGPWR\t31) SIGSYS\t
";

const NO_COMMAND: &str = "No command to execute!\n";

#[test]
fn verbose_prints_the_29_lines_before_anything_else() {
    flom(["-V"]).run().expect(97, DEFAULTS, NO_COMMAND);
    flom(["--verbose"]).run().expect(97, DEFAULTS, NO_COMMAND);
}

#[test]
fn verbose_prints_what_was_given_as_given() {
    let scratch = Scratch::new();
    let daemon = Daemon::start();
    let socket = daemon.socket().to_str().unwrap();
    let words = [
        "-V", "-o", "0x10", "-q", "3", "-l", "pr", "-e", "no", "-i", "010", "-D", "3",
    ];
    let more = [
        "--ignore-signal=SIGTERM",
        "--ignore-signal",
        "2",
        "-r",
        "db",
        "-e",
        "yes",
    ];
    let flom = daemon.flom(words).args(more).args(["--", "echo", "ran"]);
    let ended = flom.directory(scratch.path()).run().expect_code(0);
    let wanted = DEFAULTS
        .replace("Name='_RESOURCE'", "Name='db'")
        .replace("Timeout=-1", "Timeout=16")
        .replace("Quantity=1", "Quantity=3")
        .replace("LockMode=5", "LockMode=3")
        .replace("IdleLifespan=0", "IdleLifespan=8")
        .replace("SocketName=''", &format!("SocketName='{socket}'"))
        .replace("/Lifespan=5000", "/Lifespan=0")
        .replace("IgnoredSignals=''", "IgnoredSignals='SIGINT;SIGTERM'")
        .replace("DiscoveryAttempts=2", "DiscoveryAttempts=3");
    assert_eq!(ended.stdout, wanted + "ran\n");
    let line = "This resource type (1) does not support quantity lock option; specified value (3) \
                will be ignored";
    assert!(ended.stderr.contains(line), "{ended:?}");
}

#[test]
fn verbose_says_what_was_locked_of_many_things() {
    let daemon = Daemon::start();
    let last = |name| {
        let output = daemon
            .flom(["-V", "-r", name, "--", "true"])
            .run()
            .expect_code(0)
            .stdout;
        output
            .lines()
            .skip(29)
            .map(str::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(last("red.green"), ["Locked element is 'red'"]);
    assert_eq!(last("_s_n[1]"), ["Locked element is '1'"]);
    assert!(last("db").is_empty() && last("pool[2]").is_empty() && last("/a").is_empty());
}

#[test]
fn information_needs_no_daemon_and_ignores_everything_else() {
    let version = flom(["-v", "-r", "_RESOURCE", "--", "false"])
        .run()
        .expect_code(0);
    let lines: Vec<_> = version.stdout.lines().collect();
    assert_eq!(lines.len(), 7, "{version:?}");
    assert!(lines[0].starts_with("flom: "), "{version:?}");
    assert!(
        lines[3].starts_with("Package name: flom; package version: "),
        "{version:?}"
    );
    assert!(
        lines[4].starts_with("TLS supported protocol(s): "),
        "{version:?}"
    );
    flom(["--signal-list", "-l", "XX"])
        .run()
        .expect(0, SIGNALS, "");
    flom(["--signal-list", "-v"])
        .run()
        .expect(0, &(version.stdout + SIGNALS), "");
}

#[test]
fn help_is_for_reading() {
    for option in ["-h", "--help", "-?", "--help-all"] {
        let help = flom([option, "-l", "XX"]).run().expect_code(0);
        assert!(
            help.stdout
                .starts_with("Usage: flom [OPTION...] [--] [COMMAND [ARG...]]\n")
        );
        assert!(
            help.stdout.lines().all(|line| line.chars().count() <= 80),
            "{help:?}"
        );
        assert_eq!(help.stderr, "");
    }
}

#[test]
fn the_unique_id_is_that_of_the_machine() {
    let files = ["/var/lib/dbus/machine-id", "/etc/machine-id"];
    let id = files.iter().find_map(|file| fs::read_to_string(file).ok());
    let ended = flom(["--unique-id"]).run();
    match id
        .map(|id| id.trim().to_string())
        .filter(|id| id.len() == 32)
    {
        Some(id) => assert_eq!((ended.code(), &*ended.stdout), (0, &*format!("{id}\n"))),
        None => assert_eq!((ended.code(), &*ended.stdout), (99, ""), "{ended:?}"),
    }
}

#[test]
fn the_syntax_is_that_of_scripts() {
    let daemon = Daemon::start();
    for (words, printed) in [
        (&["--resource-name=db", "--", "echo", "hi"][..], "hi\n"),
        (&["--resource-name", "db", "--", "echo", "hi"], "hi\n"),
        (&["echo", "hi"], "hi\n"),
        (&["-o", "-1", "--", "echo", "hi"], "hi\n"),
        (&["-o", "-1", "-o", "100", "--", "echo", "hi"], "hi\n"),
        // Options behind the command are still options of flom.
        (&["echo", "hi", "-o", "100"], "hi\n"),
        (&["echo", "a", "--", "-b"], "a -b\n"),
        (&["--", "echo", "--", "hi"], "-- hi\n"),
        (&["--", "echo", "a", "--", "-b"], "a -- -b\n"),
        (&["echo", "-"], "-\n"),
        (&["--", "printf", "[%s]", "", "a b"], "[][a b]"),
        (&["--help=", "--version"], ""),
    ] {
        let ended = daemon.flom(words.iter().copied()).run().expect_code(0);
        if printed.is_empty() {
            assert!(ended.stdout.starts_with("Usage: "), "{ended:?}");
        } else {
            assert_eq!((&*ended.stdout, &*ended.stderr), (printed, ""), "{ended:?}");
        }
    }
}

#[test]
fn a_wrong_word_ends_it_before_anything_happens() {
    let scratch = Scratch::new();
    let socket = scratch.file("socket");
    for (words, reason) in [
        (&["-Z"][..], "option parsing failed: Unknown option -Z\n"),
        (
            &["--verb"],
            "option parsing failed: Unknown option --verb\n",
        ),
        (&["-d"], "option parsing failed: Missing argument for -d\n"),
        (
            &["ls", "-l"],
            "option parsing failed: Missing argument for -l\n",
        ),
        (&["-d", "abc"], "option parsing failed: "),
        (&["-d", "9999999999"], "option parsing failed: "),
        (&["--daemon-lifespan="], "option parsing failed: "),
        (&["-l", "XX"], "lock-mode: 'XX' is an invalid value"),
        (
            &["-e", "true"],
            "resource-create: 'true' is an invalid value",
        ),
        (
            &["-p", "70000"],
            "unicast-port: '70000' is an invalid value",
        ),
        (
            &["--ignore-signal=SIGFOO"],
            "ignore-signal: 'SIGFOO' is an invalid value",
        ),
        (
            &["-r", "_RESOURCE"],
            "ERROR: '_RESOURCE' is a reserved resource name and can not be",
        ),
        (
            &["-r", "foo_bar"],
            "ERROR: 'foo_bar' is not a valid name for a resource",
        ),
        (&["-r", ""], "ERROR: '' is not a valid name for a resource"),
    ] {
        let place = ["-s", socket.to_str().unwrap()];
        let ended = flom(place)
            .args(words)
            .args(["--", "echo", "no"])
            .run()
            .expect_code(99);
        // Without its value, the last option has taken the `--` for one.
        let ended = match reason.contains("Missing") {
            true => flom(place).args(words).run().expect_code(99),
            false => ended,
        };
        assert_eq!(ended.stdout, "", "{ended:?}");
        assert!(ended.stderr.starts_with(reason), "{ended:?}");
        assert!(!socket.exists());
    }
    let ended = flom(["-r", "1f", "--", "true"]).run().expect_code(99);
    assert!(
        ended
            .stderr
            .ends_with("flom_config_set_resource_name: ret_cod=-14\n"),
        "{ended:?}"
    );
}

#[test]
fn a_socket_does_not_go_with_the_network() {
    let conflict = "ERROR: flom can not be configured for local (UNIX socket) and network \
                    (TCP-UDP/IP) communication at the same time.\n\
                    Configuration is not valid, cannot go on!\n";
    for other in [["-a", "127.0.0.1"], ["-A", "ff02::1"]] {
        let words = ["-s", "/tmp/flom-e2e-none"];
        flom(words)
            .args(other)
            .args(["--", "true"])
            .run()
            .expect(99, "", conflict);
        let ended = flom(["-V"])
            .args(words)
            .args(other)
            .args(["--", "true"])
            .run();
        assert_eq!(
            (ended.code(), ended.stdout.lines().count()),
            (99, 29),
            "{ended:?}"
        );
        let feature = ["--debug-feature=ipv6.multicast.client"];
        flom(words)
            .args(other)
            .args(feature)
            .run()
            .expect(99, "", conflict);
    }
}

#[test]
fn a_path_that_is_no_socket_is_refused() {
    let long = format!("/tmp/{}", "x".repeat(103));
    for path in [&long, ""] {
        let ended = flom(["-s", path, "-d", "0", "--", "true"])
            .run()
            .expect_code(99);
        assert!(ended.stderr.contains("socket-name: '"), "{ended:?}");
        assert_eq!(ended.stdout, "");
    }
}

#[test]
fn units_below_one_are_not_given() {
    let daemon = Daemon::start();
    let warning = "Resource quantity ignored because negative values (-1) are meaningless\n";
    daemon
        .flom(["-r", "foo[3]", "-q", "-1", "--", "echo", "ok"])
        .run()
        .expect(0, "ok\n", warning);
    daemon
        .flom(["-r", "foo[3]", "-q", "0", "--", "echo", "ok"])
        .run()
        .expect(0, "ok\n", "");
}

#[test]
fn a_resource_is_kept_as_long_as_its_creator_said() {
    let daemon = Daemon::start();
    daemon
        .flom(["-r", "db", "-i", "60000", "--", "true"])
        .run()
        .expect(0, "", "");
    daemon
        .flom(["-r", "web", "--", "true"])
        .run()
        .expect(0, "", "");
    wait_for_the_life_of_another();
    assert_eq!(daemon.probe("web"), 5);
    assert_eq!(daemon.probe("db"), 0);
}

#[test]
fn keepalive_is_what_the_starter_of_the_daemon_said() {
    let Some([host, other]) = hosts() else { return };
    host.cable("eth0", &other, "eth0");
    host.add_ipv4("eth0", "10.1.0.1/24");
    let (ipv4, ipv6) = (
        "10.1.0.1".to_string(),
        format!("{}%eth0", host.link_local("eth0")),
    );
    for address in [ipv4, ipv6] {
        let words = ["-a", &address, "-d", "60000", "--tcp-keepalive-time", "7"];
        // The other end of a connection shows its timers to whoever may look.
        let script = "ss -Htno state established sport = :28015 || echo none";
        let ended = host
            .flom(words)
            .args(["--", "sh", "-c", script])
            .run()
            .expect_code(0);
        assert!(ended.stdout.contains("timer:(keepalive,"), "{ended:?}");
        let (_, timer) = ended.stdout.split_once("timer:(keepalive,").unwrap();
        let seconds: String = timer
            .chars()
            .take_while(|c| *c != 's' && *c != '.')
            .collect();
        let seconds: u32 = seconds.trim_end_matches("se").parse().unwrap_or(0);
        assert!(seconds <= 7, "{ended:?}");
        host.the_daemon().kill();
    }
}
