//! What the words of a command line of `flom` lead to.

use flom_settings::default_socket;

use super::*;

/// Without files, and with one network interface.
const HOST: Host = Host {
    read_files: |_| {},
    find_interface: |name| match name {
        "lo" => Ok(()),
        _ => Err(format!("there is no {name}")),
    },
};

fn parse_line(line: &str) -> Result<Invocation, Failure> {
    parse_on(&HOST, line.split_whitespace().map(OsString::from))
}

fn run(line: &str) -> Run {
    match parse_line(line) {
        Ok(Invocation::Run(run)) => *run,
        other => panic!("{line}: {other:?}"),
    }
}

/// Status, and lines of stderr.
fn failure(line: &str) -> (u8, String) {
    let failure = parse_line(line).unwrap_err();
    (failure.status(), failure.messages("flom").join("\n"))
}

#[test]
fn a_command_is_run_under_the_lock_of_the_default_socket() {
    let run = run("ls /usr");
    let command = vec!["ls".into(), "/usr".into()];
    assert_eq!(run.action, Action::Lock { command });
    assert_eq!(run.settings.daemon.socket_name, Some(default_socket()));
    assert_eq!((run.output, run.warnings), (vec![], vec![]));
}

#[test]
fn the_first_wish_in_the_order_of_the_steps_wins() {
    let is_print = |line| matches!(parse_line(line), Ok(Invocation::Print(_)));
    assert!(is_print("-v -r _RESOURCE -c none --unique-id"));
    assert!(is_print("--signal-list -l XX ls"));
    assert_eq!(parse_line("--unique-id -l XX"), Ok(Invocation::UniqueId));
    assert!(matches!(parse_line("-v -h"), Ok(Invocation::Help(_))));
    assert_eq!(failure("-v -d abc").0, 99);
    let server = Action::DebugFeature(DebugFeature::MulticastServer);
    assert_eq!(
        run("--debug-feature=IPv6.Multicast.Server -X ls").action,
        server
    );
    let client = Action::DebugFeature(DebugFeature::MulticastClient);
    assert_eq!(run("--debug-feature ipv6.multicast.client").action, client);
    assert_eq!(run("-x ls").action, Action::Shutdown { immediate: false });
    assert_eq!(run("-X ls").action, Action::Shutdown { immediate: true });
    assert_eq!(run("-x -X ls").action, Action::Shutdown { immediate: true });
    assert_eq!(run("-V").action, Action::NoCommand);
}

#[test]
fn the_version_comes_before_the_signal_list() {
    let facts = Invocation::Print(version::text() + &version::signal_list());
    assert_eq!(parse_line("--signal-list -v"), Ok(facts));
}

#[test]
fn verbose_lines_are_as_given_and_printed_before_the_check() {
    let run = run("-V -l PR -q 3 -r foo[9] ls");
    assert_eq!(run.output.len(), 29);
    assert_eq!(run.output[7], "[Resource]/LockMode=3");
    assert_eq!(run.output[10], "[Daemon]/SocketName=''");

    let failure = parse_line("-V -s /tmp/s -A ff02::1 ls").unwrap_err();
    assert_eq!(failure.output().len(), 29);
    assert!(
        parse_line("-s /tmp/s -A ff02::1 ls")
            .unwrap_err()
            .output()
            .is_empty()
    );
}

#[test]
fn values_that_mean_nothing_are_dropped_and_said_so_only_if_verbose() {
    let loud = run("-V -q 3 -r foo ls");
    assert_eq!(
        loud.warnings,
        [
            "flom: warning: This resource type (1) does not support quantity lock option; \
          specified value (3) will be ignored"
        ]
    );
    let quiet = run("-q 3 -r foo ls");
    assert_eq!(quiet.warnings, Vec::<String>::new());
    assert_eq!(quiet.settings.resource.quantity, 1);
}

#[test]
fn an_interface_of_a_file_that_is_not_there_is_passed_over_and_said() {
    let host = Host {
        read_files: |configuration| {
            configuration.read_text(Path::new("f"), b"[Network]\nNetworkInterface=eth9\n");
        },
        ..HOST
    };
    let Ok(Invocation::Run(run)) = parse_on(&host, ["-V".into(), "ls".into()]) else {
        panic!("it was refused");
    };
    assert_eq!(run.settings.network.interface, None);
    assert_eq!(run.output[18], "[Network]/NetworkInterface=''");
    assert_eq!(
        run.warnings,
        [
            "flom: warning: file 'f', line 2: [Network]/NetworkInterface is passed over: there \
             is no eth9"
        ]
    );
    let given = ["-n".into(), "lo".into(), "ls".into()];
    let Ok(Invocation::Run(run)) = parse_on(&host, given) else {
        panic!("it was refused");
    };
    assert_eq!(run.settings.network.interface.as_deref(), Some("lo"));
    assert_eq!(run.warnings, Vec::<String>::new());
}

#[test]
fn signals_that_nobody_can_ignore_are_said_where_a_command_runs() {
    let warning = "Warning: couldn't ignore signal 9:SIGKILL";
    let locked = run("--ignore-signal KILL --ignore-signal=2 ls");
    assert_eq!(locked.warnings, [warning]);
    assert_eq!(locked.settings.monitor.ignored_signals, [2]);
    assert_eq!(
        run("--ignore-signal KILL -X").warnings,
        Vec::<String>::new()
    );
}

#[test]
fn negative_units_warn_even_in_front_of_a_failure() {
    let ignored = "Resource quantity ignored because negative values (-3) are meaningless";
    assert_eq!(run("-q -3 ls").warnings, [ignored]);
    let (status, lines) = failure("-q -3 -l XX ls");
    assert_eq!(status, 99);
    assert!(
        lines.starts_with(&format!("{ignored}\nlock-mode: 'XX' ")),
        "{lines}"
    );
}

#[test]
fn every_failure_has_its_status_and_the_words_that_scripts_know() {
    let local_or_network = "ERROR: flom can not be configured for local (UNIX socket) and \
                            network (TCP-UDP/IP) communication at the same time.\n\
                            Configuration is not valid, cannot go on!";
    let table = [
        ("-Z", 99, "option parsing failed: Unknown option -Z"),
        (
            "-r foo -d",
            99,
            "option parsing failed: Missing argument for -d",
        ),
        (
            "-r _RESOURCE ls",
            99,
            "ERROR: '_RESOURCE' is a reserved resource name and can not be set by user",
        ),
        (
            "-r _RESOURCE ls",
            99,
            "\nflom_config_set_resource_name: ret_cod=-14",
        ),
        (
            "-r foo_bar ls",
            99,
            "ERROR: 'foo_bar' is not a valid name for a resource",
        ),
        (
            "-r foo_bar ls",
            99,
            "\nflom_config_set_resource_name: ret_cod=-14",
        ),
        ("-l XX ls", 99, "lock-mode: 'XX' is an invalid value"),
        (
            "-e true ls",
            99,
            "resource-create: 'true' is an invalid value",
        ),
        (
            "-p 70000 ls",
            99,
            "unicast-port: '70000' is an invalid value",
        ),
        (
            "--ignore-signal SIGFOO ls",
            99,
            "ignore-signal: 'SIGFOO' is an invalid value",
        ),
        ("-s /tmp/s -a ::1 ls", 99, local_or_network),
        ("-s /tmp/s -A ff02::1 ls", 99, local_or_network),
        (
            "-c no/such/file ls",
            99,
            "ERROR: error while loading file 'no/such/file': No such file or directory",
        ),
        ("-c no/such/file ls", 99, "\nflom_config_init: ret_cod=-203"),
        (
            "-n eth9 ls",
            99,
            "network-interface: 'eth9' is an invalid value: there is no eth9",
        ),
        (
            "-m /no/such/directory ls",
            99,
            "mount-point-vfs: '/no/such/directory' is an invalid value",
        ),
        (
            "--tls-certificate=/no/such/file ls",
            99,
            "tls-certificate: '/no/such/file' is not a valid value",
        ),
        (
            "--tls-certificate=/etc/passwd ls",
            99,
            "ERROR: TLS needs --tls-certificate, --tls-private-key and --tls-ca-certificate together",
        ),
        (
            "--tls-check-peer-id=yes ls",
            99,
            "ERROR: TLS check peer id can not be specified without full TLS configuration.",
        ),
        (
            "--debug-feature=foo",
            1,
            "debug-feature: 'foo' is an invalid value",
        ),
        (
            "--debug-feature=",
            1,
            "debug-feature: '' is an invalid value",
        ),
        ("--debug-feature=foo -s /tmp/s -a ::1", 99, local_or_network),
    ];
    for (line, status, words) in table {
        let (theirs, lines) = failure(line);
        assert_eq!(theirs, status, "{line}");
        assert!(lines.contains(words), "{line}: {lines}");
    }
}

#[test]
fn the_doctor_gets_what_is_wrong_instead_of_a_failure() {
    let sources = |line: &str| match parse_line(line) {
        Ok(Invocation::Doctor(sources)) => *sources,
        other => panic!("{line}: {other:?}"),
    };
    let well = sources("--doctor -A ff02::1 ls");
    assert_eq!((well.errors.len(), well.warnings.len()), (0, 0));
    assert_eq!(
        well.settings.daemon.multicast_address.as_deref(),
        Some("ff02::1")
    );
    assert_eq!(
        sources("--doctor").settings.daemon.socket_name,
        Some(default_socket())
    );
    for (line, errors) in [
        ("--doctor -e maybenot -p 70000 -l XX", 2),
        ("--doctor -c /no/such/file", 1),
        ("--doctor -s /s -a ::1", 1),
        ("--doctor -n nosuch0", 1),
        ("--doctor --tls-check-peer-id=yes", 1),
    ] {
        let sources = sources(line);
        assert_eq!(sources.errors.len(), errors, "{line}: {sources:?}");
    }
    assert_eq!(sources("--doctor -q -3").warnings.len(), 1);
    assert!(matches!(
        parse_line("--doctor -v"),
        Ok(Invocation::Print(_))
    ));
    assert_eq!(failure("--doctor --nonsense").0, 99);
}
