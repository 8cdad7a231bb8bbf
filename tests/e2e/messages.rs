//! Exit statuses and messages as a table (`spec/command-line.md` §5 to §7, §12, §13): a row for a
//! row of the specification, with the words that scripts know where they still hold.

use std::fs;

use crate::harness::{Daemon, Finished, Scratch, flom, hosts, loopback};

/// What a command line leads to: exit status, stdout, and how each line of stderr begins.
type Row<'a> = (&'a [&'a str], i32, &'a str, &'a [&'a str]);

#[track_caller]
fn check(section: &str, ended: &Finished, (_, code, stdout, starts): Row) {
    let lines: Vec<_> = ended.stderr.lines().collect();
    assert_eq!(
        (ended.code(), &*ended.stdout),
        (code, stdout),
        "{section} {ended:?}"
    );
    assert_eq!(lines.len(), starts.len(), "{section} {ended:?}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{section} {start}\n{ended:?}");
    }
}

const NAME: &str = "flom_config_set_resource_name: ret_cod=-14";

#[test]
fn section_5_invalid_values() {
    let daemon = Daemon::start();
    let long = format!("/{}", "x".repeat(107));
    let peer_id = "tls-check-peer-id: 'x' is an invalid value: expected yes or no";
    let rows: [Row; 18] = [
        (
            &["-r", "_RESOURCE"],
            99,
            "",
            &[
                "ERROR: '_RESOURCE' is a reserved resource name and can not be set by user",
                NAME,
            ],
        ),
        (
            &["-r", "X Y"],
            99,
            "",
            &["ERROR: 'X Y' is not a valid name for a resource", NAME],
        ),
        (
            &["-r", ""],
            99,
            "",
            &["ERROR: '' is not a valid name for a resource", NAME],
        ),
        (
            &["-r", "pool[3]", "-q", "-3"],
            0,
            "ran\n",
            &["Resource quantity ignored because negative values (-3) are meaningless"],
        ),
        (
            &["-l", "XX"],
            99,
            "",
            &["lock-mode: 'XX' is an invalid value"],
        ),
        (
            &["-e", "true"],
            99,
            "",
            &["resource-create: 'true' is an invalid value"],
        ),
        (&["--tls-check-peer-id=x"], 99, "", &[peer_id]),
        (
            &["--append-trace-file=x"],
            99,
            "",
            &["append-trace-file: 'x' is an invalid value"],
        ),
        (&["-s", &long], 99, "", &["socket-name: '/x"]),
        (
            &["-m", "/no/such"],
            99,
            "",
            &["mount-point-vfs: '/no/such' is an invalid value"],
        ),
        (
            &["--tls-certificate=/no/such"],
            99,
            "",
            &["tls-certificate: '/no/such' is not a valid value"],
        ),
        (
            &["--tls-private-key=/no/such"],
            99,
            "",
            &["tls-private-key: '/no/such' is not a valid value"],
        ),
        (
            &["--tls-ca-certificate=/no/such"],
            99,
            "",
            &["tls-ca-certificate: '/no/such' is not a valid value"],
        ),
        (
            &["-c", "/no/such"],
            99,
            "",
            &[
                "ERROR: error while loading file '/no/such'",
                "flom_config_init: ret_cod=-203",
            ],
        ),
        (
            &["--debug-feature=foo"],
            1,
            "",
            &["debug-feature: 'foo' is an invalid value"],
        ),
        // What FLoM 1.7.2 takes in silence.
        (
            &["--ignore-signal=FOO"],
            99,
            "",
            &["ignore-signal: 'FOO' is an invalid value"],
        ),
        (
            &["-n", "no"],
            99,
            "",
            &["network-interface: 'no' is an invalid value: there is no"],
        ),
        (
            &["-p", "65536"],
            99,
            "",
            &["unicast-port: '65536' is an invalid value"],
        ),
    ];
    for row in rows {
        let ended = daemon
            .flom(row.0.iter().copied())
            .args(["--", "echo", "ran"])
            .run();
        check("5", &ended, row);
    }
}

#[test]
fn section_5_the_first_bad_value_in_the_order_of_section_1_is_reported() {
    let words = ["-p", "x1", "-l", "XX", "--fairness=x", "-r", "X Y"];
    let ended = flom(words).run();
    let syntax = "option parsing failed: Cannot parse integer value 'x1' for -p";
    check("5", &ended, (&[], 99, "", &[syntax]));
    let ended = flom(["-p", "-1", "-l", "XX", "--fairness=x", "-r", "X Y"]).run();
    let name = "ERROR: 'X Y' is not a valid name for a resource";
    check("5", &ended, (&[], 99, "", &[name, NAME]));
    let ended = flom(["-p", "-1", "-l", "XX", "--fairness=x"]).run();
    check(
        "5",
        &ended,
        (&[], 99, "", &["lock-mode: 'XX' is an invalid value"]),
    );
    let ended = flom(["-p", "-1", "--fairness=x"]).run();
    check(
        "5",
        &ended,
        (&[], 99, "", &["unicast-port: '-1' is an invalid value"]),
    );
}

#[test]
fn section_6_conflicts() {
    let daemon = Daemon::start();
    let invalid = "Configuration is not valid, cannot go on!";
    let transports = "ERROR: flom can not be configured for local (UNIX socket) and network \
                      (TCP-UDP/IP) communication at the same time.";
    let peer_id = "ERROR: TLS check peer id can not be specified without full TLS configuration.";
    let rows: [Row; 6] = [
        (&["-a", "::1"], 99, "", &[transports, invalid]),
        (&["-A", "ff02::1"], 99, "", &[transports, invalid]),
        (
            &["-a", "::1", "-A", "ff02::1", "-x"],
            99,
            "",
            &[transports, invalid],
        ),
        (&["--tls-check-peer-id=yes"], 99, "", &[peer_id, invalid]),
        (&["-r", "pool[3]", "-l", "PR"], 0, "ran\n", &[]),
        (&["-r", "simple", "-q", "3"], 0, "ran\n", &[]),
    ];
    for row in rows {
        let ended = daemon
            .flom(row.0.iter().copied())
            .args(["--", "echo", "ran"])
            .run();
        check("6", &ended, row);
    }
    for (words, line) in [
        (
            ["-V", "-r", "pool[3]", "-l", "PR"],
            "This resource type (2) support only exclusive lock mode; specified value (3) will be \
             ignored",
        ),
        (
            ["-V", "-r", "simple", "-q", "3"],
            "This resource type (1) does not support quantity lock option; specified value (3) \
             will be ignored",
        ),
    ] {
        let ended = daemon
            .flom(words)
            .args(["--", "echo", "ran"])
            .run()
            .expect_code(0);
        assert_eq!(
            ended.stderr,
            format!("flom: warning: {line}\n"),
            "{ended:?}"
        );
    }
}

#[test]
fn sections_7_and_13_what_becomes_of_a_request() {
    let daemon = Daemon::start();
    let _holder = daemon.holder("taken");
    let busy = "Resource already locked, the lock cannot be obtained";
    let late = "The lock was not obtained because timeout (50 milliseconds) expired";
    let missing = "The resource could be available in the future, but the requester can't wait";
    let never = "Resource will never satisfy the request, the lock cannot be obtained";
    let rows: [Row; 9] = [
        (&["-r", "taken", "-o", "0"], 98, "", &[busy]),
        (&["-r", "taken", "-o", "50"], 98, "", &[late]),
        (
            &["-r", "missing", "-e", "no", "-o", "0"],
            96,
            "",
            &[missing],
        ),
        (&["-r", "missing", "-e", "no", "-o", "50"], 98, "", &[late]),
        (&["-r", "pool[3]", "-q", "4"], 99, "", &[never]),
        (&["-r", "pool[3]", "-q", "4", "-o", "0"], 99, "", &[never]),
        (
            &["-r", "pool[3]", "-q", "4", "-e", "no", "-o", "50"],
            99,
            "",
            &[never],
        ),
        (&["-r", "taken", "-l", "NL", "-o", "0"], 0, "ran\n", &[]),
        (&["-r", "free", "-o", "0"], 0, "ran\n", &[]),
    ];
    for row in rows {
        let ended = daemon
            .flom(row.0.iter().copied())
            .args(["--", "echo", "ran"])
            .run();
        check("7, 13", &ended, row);
    }
}

#[test]
fn section_7_what_becomes_of_the_command() {
    let daemon = Daemon::start();
    let not_found = "flom: cannot execute 'no-such': No such file or directory";
    let directory = "flom: cannot execute '/': Permission denied";
    let rows: [Row; 7] = [
        (&[], 97, "", &["No command to execute!"]),
        (&["--"], 97, "", &["No command to execute!"]),
        (
            &["no-such"],
            97,
            "",
            &[not_found, "Unable to execute command 'no-such'"],
        ),
        (
            &["/"],
            97,
            "",
            &[directory, "Unable to execute command '/'"],
        ),
        (&["--", "sh", "-c", "exit 96"], 96, "", &[]),
        (&["--", "sh", "-c", "exit 255"], 255, "", &[]),
        (&["--", "sh", "-c", "kill -TERM $$"], 143, "", &[]),
    ];
    for row in rows {
        check("7", &daemon.flom(row.0.iter().copied()).run(), row);
    }
}

#[test]
fn section_7_what_becomes_of_the_way_to_a_daemon() {
    let scratch = Scratch::new();
    let path = |name: &str| scratch.file(name).to_str().unwrap().to_string();
    fs::create_dir(scratch.file("directory")).unwrap();
    let (none, missing) = (path("none"), path("missing/socket"));
    let (directory, host) = (path("directory"), loopback().to_string());
    let connect = "flom_client_connect: ret_cod=-105 (ERROR: 'connect' function returned an";
    let open = "flom_client_connect: ret_cod=-120 (ERROR: 'open' function returned an error";
    let unlink = "flom_client_connect: ret_cod=-141 (ERROR: 'unlink' function returned an error";
    let rows: [Row; 4] = [
        (&["-s", &none, "-d", "0"], 99, "", &[connect, "flom: "]),
        (&["-a", &host, "-d", "0"], 99, "", &[connect, "flom: "]),
        (&["-s", &missing, "-d", "300"], 99, "", &[open, "flom: "]),
        (
            &["-s", &directory, "-d", "300"],
            99,
            "",
            &[unlink, "flom: "],
        ),
    ];
    for row in rows {
        let ended = flom(row.0).args(["--", "echo", "no"]).run();
        check("7", &ended, row);
    }
}

#[test]
fn section_7_a_daemon_cannot_be_started_at_an_address_of_nobody() {
    let Some([host]) = hosts() else { return };
    let start = "flom_client_connect: ret_cod=-2 (ERROR: flom command was not able to start a new";
    let words = ["-a", "192.0.2.1", "-d", "300", "--", "echo", "no"];
    check(
        "7",
        &host.flom(words).run(),
        (&[], 99, "", &[start, "flom: "]),
    );
}

#[test]
fn section_12_shutdown_and_debug_features() {
    let quiesce = "Starting FLoM daemon quiesce shutdown...\n";
    let immediate = "Starting FLoM daemon immediate shutdown...\n";
    let rows: [Row; 3] = [
        (&["-x"], 0, quiesce, &[]),
        (&["-X"], 0, immediate, &[]),
        (&["-x", "-X", "--", "echo", "no"], 0, immediate, &[]),
    ];
    for row in rows {
        let mut daemon = Daemon::start();
        check("12", &daemon.flom(row.0.iter().copied()).run(), row);
        daemon.wait_for_end();
        let stdout = row.2;
        let row: Row = (row.0, 99, stdout, &["flom: no daemon at "]);
        check("12", &daemon.flom(row.0.iter().copied()).run(), row);
    }
    let unknown = "debug-feature: 'none' is an invalid value: expected ipv6.multicast.server";
    let no_group = "flom: debug-feature ipv6.multicast.server: no group is given";
    let rows: [Row; 2] = [
        (
            &["--debug-feature=none", "-x", "--", "echo", "no"],
            1,
            "",
            &[unknown],
        ),
        (
            &["--debug-feature", "IPV6.Multicast.Server"],
            1,
            "",
            &[no_group],
        ),
    ];
    for row in rows {
        check("12", &flom(row.0).run(), row);
    }
}
