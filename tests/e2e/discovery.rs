//! Daemons found in a group: by which address, on which interface, and what `-V` says of it.

use std::net::Ipv6Addr;

use crate::harness::{Daemon, Host, hosts};

const QUERY: &str =
    "<?xml version=\"1.0\" encoding=\"UTF-8\" ?><msg level=\"3\" verb=\"4\" step=\"8\"></msg>";

/// Two hosts with IPv4 addresses and no route but the one to each other.
fn two_hosts_of_ipv4() -> Option<[Host; 2]> {
    let [a, b] = hosts()?;
    a.cable("eth0", &b, "eth0");
    a.add_ipv4("eth0", "10.1.0.1/24");
    b.add_ipv4("eth0", "10.1.0.2/24");
    Some([a, b])
}

#[test]
fn two_hosts_of_ipv4_find_each_other_without_a_route_to_the_group() {
    let Some([a, b]) = two_hosts_of_ipv4() else {
        return;
    };
    for group in ["224.0.0.1", "239.255.0.1"] {
        let (mut host_a, mut host_b) = (a.shell(), b.shell());
        assert_eq!(
            host_a.type_line("ip route get 224.0.0.1").status,
            2,
            "there is no route"
        );
        let start = host_a.type_line(&format!("flom -A {group} -d -1 -- echo started"));
        assert_eq!(
            (start.status, &*start.stdout, &*start.stderr),
            (0, "started\n", "")
        );
        let pid = host_a.type_line("pgrep flom").stdout;
        assert_eq!(pid.lines().count(), 1);
        for host in [&mut host_a, &mut host_b] {
            let found = host.type_line(&format!("flom -A {group} -d 0 -- echo found"));
            assert_eq!(
                (found.status, &*found.stdout, &*found.stderr),
                (0, "found\n", "")
            );
        }
        assert_eq!(host_a.type_line("pgrep flom").stdout, pid);
        assert_eq!(host_b.type_line("pgrep flom").status, 1);
    }
}

#[test]
fn with_a_default_route_over_another_interface_both_are_asked() {
    let Some([a, b, c]) = hosts() else { return };
    a.cable("eth0", &b, "eth0");
    a.cable("eth1", &c, "eth0");
    for (interface, address) in [("eth0", "10.1.0.1/24"), ("eth1", "10.2.0.1/24")] {
        a.add_ipv4(interface, address);
    }
    b.add_ipv4("eth0", "10.1.0.2/24");
    c.add_ipv4("eth0", "10.2.0.2/24");
    a.add_default_route("10.1.0.2");
    a.flom(["-A", "239.255.0.1", "-d", "60000", "--", "true"])
        .run()
        .expect(0, "", "");
    for host in [&a, &b, &c] {
        let found = host.flom(["-A", "239.255.0.1", "-d", "0", "--", "echo", "found"]);
        found.run().expect(0, "found\n", "");
    }
}

#[test]
fn a_daemon_with_an_address_answers_with_it() {
    let Some([a, b]) = two_hosts_of_ipv4() else {
        return;
    };
    let address = "10.1.0.1".parse().unwrap();
    let words = ["-p", "4444", "-A", "224.0.0.1", "-P", "5555"];
    let _daemon = Daemon::start_on_port(&a, address, 4444, &words);
    let query = b.flom([
        "-A",
        "224.0.0.1",
        "-P",
        "5555",
        "-V",
        "-d",
        "0",
        "--",
        "echo",
        "ran",
    ]);
    let output = query.run().expect_code(0).stdout;
    let steps: Vec<_> = output.lines().skip(29).collect();
    let sending = format!("sending UDP multicast datagram to 224.0.0.1/5555 ('{QUERY}')");
    let reply = "reply from 224.0.0.1/5555 is '<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\
                 <msg level=\"3\" verb=\"4\" step=\"16\">\
                 <network address=\"10.1.0.1\" port=\"4444\"/></msg>'";
    assert_eq!(steps, [&sending, reply, "ran"]);
}

#[test]
fn a_daemon_without_an_address_is_where_its_answer_comes_from() {
    let Some([a, b]) = hosts() else { return };
    a.cable("eth0", &b, "eth0");
    a.flom(["-A", "ff02::1", "-d", "60000", "--", "true"])
        .run()
        .expect(0, "", "");
    let query = b.flom(["-A", "ff02::1", "-V", "-d", "0", "--", "echo", "ran"]);
    let output = query.run().expect_code(0).stdout;
    let steps: Vec<_> = output.lines().skip(29).collect();
    let sending = format!("sending UDP multicast datagram to ff02::1/28015 ('{QUERY}')");
    assert_eq!(
        (steps[0], steps[2], steps.len()),
        (&*sending, "ran", 3),
        "{output}"
    );
    let reply = "reply from ff02::1/28015 is '<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\
                 <msg level=\"3\" verb=\"4\" step=\"16\"><network address=\"\" port=\"";
    let port = steps[1]
        .strip_prefix(reply)
        .and_then(|rest| rest.strip_suffix("\"/></msg>'"));
    assert!(
        port.is_some_and(|port| port.parse::<u16>().is_ok()),
        "{output}"
    );
}

#[test]
fn every_query_that_nobody_answers_is_told() {
    let Some([a, b]) = hosts() else { return };
    a.cable("eth0", &b, "eth0");
    let words = [
        "-A", "ff02::1", "-D", "3", "-I", "50", "-V", "-d", "0", "--", "echo", "no",
    ];
    let ended = a.flom(words).run().expect_code(99);
    let steps: Vec<_> = ended.stdout.lines().skip(29).collect();
    let sending = format!("sending UDP multicast datagram to ff02::1/28015 ('{QUERY}')");
    let pair = [&*sending, "no reply from ff02::1/28015"];
    assert_eq!(steps, [pair, pair, pair].concat());
    assert!(
        ended.stderr.contains("no daemon answered 3 queries"),
        "{ended:?}"
    );
    assert!(
        ended.took >= std::time::Duration::from_millis(150),
        "{ended:?}"
    );
}

#[test]
fn a_command_that_starts_a_daemon_asks_before_and_after() {
    let Some([a, b]) = hosts() else { return };
    a.cable("eth0", &b, "eth0");
    let words = [
        "-A", "ff02::1", "-I", "50", "-V", "-d", "60000", "--", "echo", "ran",
    ];
    let output = a.flom(words).run().expect_code(0).stdout;
    let kinds: Vec<_> = output
        .lines()
        .skip(29)
        .map(|line| &line[..line.len().min(8)])
        .collect();
    assert_eq!(
        kinds,
        [
            "sending ", "no reply", "sending ", "no reply", "sending ", "reply fr", "ran"
        ],
        "{output}"
    );
}

#[test]
fn with_an_interface_only_those_on_its_link_are_found() {
    let Some([a, b, c]) = hosts() else { return };
    a.cable("eth0", &b, "eth0");
    a.cable("eth1", &c, "eth0");
    for host in [&b, &c] {
        host.flom(["-A", "ff02::1", "-I", "50", "-d", "60000", "--", "true"])
            .run()
            .expect_code(0);
    }
    // Without, the first who answers; with, the one on that link.
    for (interface, there, link) in [("eth0", &b, "eth0"), ("eth1", &c, "eth0")] {
        let address = there.link_local(link);
        for words in [
            &["-A", "ff02::1", "-n", interface][..],
            &["-A", &format!("ff02::1%{interface}")],
        ] {
            let command = [
                "-r",
                "db",
                "-d",
                "0",
                "--",
                "sh",
                "-c",
                "echo held; exec cat",
            ];
            let mut held = a.flom(words.iter().copied()).args(command).spawn();
            held.wait_for_stdout("held\n");
            assert_eq!(
                probe(there, Ipv6Addr::LOCALHOST),
                98,
                "{words:?} meant {address}"
            );
            held.close_stdin();
            held.wait().expect(0, "held\n", "");
        }
    }
}

/// The status of a command that wants `db` of the daemon of `host` at once.
fn probe(host: &Host, _: Ipv6Addr) -> i32 {
    let words = [
        "-A", "ff02::1", "-n", "eth0", "-d", "0", "-r", "db", "-o", "0", "--", "true",
    ];
    host.flom(words).run().code()
}

#[test]
fn a_daemon_with_an_interface_answers_only_on_its_link() {
    let Some([a, b, c]) = hosts() else { return };
    a.cable("eth0", &b, "eth0");
    a.cable("eth1", &c, "eth0");
    // Every host is in this group on all of its interfaces.
    let words = [
        "-A", "ff02::1", "-n", "eth1", "-I", "50", "-d", "60000", "--", "true",
    ];
    a.flom(words).run().expect(0, "", "");
    let query = [
        "-A", "ff02::1", "-I", "50", "-d", "0", "--", "echo", "found",
    ];
    c.flom(query).run().expect(0, "found\n", "");
    b.flom(query).run().expect_code(99);
}

#[test]
fn a_link_local_address_needs_its_interface_and_takes_it_in_either_way() {
    let Some([a, b]) = hosts() else { return };
    a.cable("eth0", &b, "eth0");
    let address = a.link_local("eth0").to_string();
    let start = ["-a", &address, "-n", "eth0", "-d", "60000", "--", "true"];
    a.flom(start).run().expect(0, "", "");
    let with_zone = format!("{address}%eth0");
    let with_index = format!("{address}%{}", b.index("eth0"));
    for words in [
        &["-a", &address, "-n", "eth0"][..],
        &["-a", &with_zone],
        &["-a", &with_index],
    ] {
        let command = b
            .flom(words.iter().copied())
            .args(["-d", "0", "--", "echo", "ran"]);
        command.run().expect(0, "ran\n", "");
    }
    let ended = b
        .flom(["-a", &address, "-d", "0", "--", "echo", "no"])
        .run()
        .expect_code(99);
    assert!(
        ended
            .stderr
            .starts_with("flom_client_connect: ret_cod=-105 ("),
        "{ended:?}"
    );
}

#[test]
fn an_interface_with_a_global_address_reaches_its_link_all_the_same() {
    let Some([a, b]) = hosts() else { return };
    a.cable("eth0", &b, "eth0");
    for (host, address) in [(&a, "fd00:1::1/64"), (&b, "fd00:1::2/64")] {
        host.add_ipv6("eth0", address);
    }
    let address = a.link_local("eth0").to_string();
    let start = [
        "-a", &address, "-n", "eth0", "-A", "ff02::1", "-d", "60000", "--", "true",
    ];
    a.flom(start).run().expect(0, "", "");
    let by_address = ["-a", &address, "-n", "eth0", "-d", "0", "--", "echo", "ran"];
    b.flom(by_address).run().expect(0, "ran\n", "");
    b.flom(["-A", "ff02::1", "-d", "0", "--", "echo", "ran"])
        .run()
        .expect(0, "ran\n", "");
}

#[test]
fn a_host_with_nothing_but_its_loopback_interface_finds_itself() {
    for group in ["ff02::1", "224.0.0.1", "239.255.0.1"] {
        let Some([host]) = hosts() else { return };
        let start = ["-A", group, "-I", "50", "-d", "60000", "--", "echo", "ran"];
        host.flom(start).run().expect(0, "ran\n", "");
        let use_it = ["-A", group, "-d", "0", "--", "echo", "found"];
        host.flom(use_it).run().expect(0, "found\n", "");
    }
}

#[test]
fn a_host_without_a_network_has_no_groups() {
    let Some([host]) = hosts() else { return };
    host.unplug("lo");
    for group in ["ff02::1", "239.255.0.1"] {
        let words = ["-A", group, "-I", "50", "-d", "0", "--", "echo", "no"];
        let ended = host.flom(words).run().expect_code(99);
        assert!(
            ended
                .stderr
                .starts_with("flom_client_connect: ret_cod=-131 ("),
            "{ended:?}"
        );
        assert!(
            ended.stderr.contains("no network interface is up"),
            "{ended:?}"
        );
        assert_eq!(ended.stdout, "");
    }
}

#[test]
fn an_interface_that_is_not_there_is_named() {
    let Some([host]) = hosts() else { return };
    for words in [["-a", "fe80::1"], ["-A", "ff02::1"]] {
        let command = host
            .flom(words)
            .args(["-n", "eth7", "-d", "0", "--", "echo", "no"]);
        let ended = command.run().expect_code(99);
        assert!(ended.stderr.contains("eth7"), "{ended:?}");
        assert_eq!(ended.stdout, "");
    }
}
