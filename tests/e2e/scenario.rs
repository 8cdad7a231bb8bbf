//! Two hosts that find each other, typed as people type it.

use crate::harness::{Host, Typed, hosts};

/// A host with a daemon to be, and another.
fn two_hosts() -> Option<[Host; 2]> {
    let [a, b] = hosts()?;
    a.cable("eth0", &b, "eth0");
    let address = a.link_local("eth0").to_string();
    a.call("host-a", &address);
    b.call("host-a", &address);
    Some([a, b])
}

#[track_caller]
fn expect(typed: &Typed, stdout: &str) {
    let wanted = Typed {
        status: 0,
        stdout: stdout.to_string(),
        stderr: String::new(),
    };
    assert_eq!(*typed, wanted);
}

#[test]
fn one_host_starts_a_daemon_and_both_use_it_by_address_by_name_and_by_discovery() {
    let Some([a, b]) = two_hosts() else { return };
    let (mut host_a, mut host_b) = (a.shell(), b.shell());
    let address = a.link_local("eth0");
    let usr = host_a.type_line("ls /usr").stdout;
    assert!(usr.contains("bin\n"), "{usr}");

    let nobody = host_a.type_line("pgrep flom");
    assert_eq!((nobody.status, &*nobody.stdout), (1, ""));
    let start = format!("flom -a {address} -n eth0 -A ff02::1 -d -1 -- true");
    expect(&host_a.type_line(&start), "");
    let pid = host_a.type_line("pgrep flom").stdout;
    assert_eq!(pid.lines().count(), 1, "{pid}");
    let parent = host_a.type_line(&format!("ps -o ppid= -p {}", pid.trim()));
    assert_eq!(parent.stdout.trim(), "1");

    let by_address = format!("flom -a {address} -n eth0 -d 0 -- ls /usr");
    expect(&host_a.type_line(&by_address), &usr);
    expect(&host_b.type_line(&by_address), &usr);
    for host in [&mut host_a, &mut host_b] {
        expect(
            &host.type_line("flom -a host-a -n eth0 -d 0 -- ls /usr"),
            &usr,
        );
    }
    expect(&host_b.type_line("flom -A ff02::1 -d 0 -- ls /usr"), &usr);
    expect(&host_a.type_line("flom -A ff02::1 -d 0 -- ls /usr"), &usr);

    assert_eq!(
        host_a.type_line("pgrep flom").stdout,
        pid,
        "all the same daemon"
    );
    assert_eq!(host_b.type_line("pgrep flom").status, 1);
}

#[test]
fn a_lock_taken_by_name_keeps_out_who_found_the_daemon_by_discovery() {
    let Some([a, b]) = two_hosts() else { return };
    let (mut host_a, mut host_b) = (a.shell(), b.shell());
    let start = format!(
        "flom -a {} -n eth0 -A ff02::1 -d -1 -- true",
        a.link_local("eth0")
    );
    expect(&host_a.type_line(&start), "");
    let held = "flom -a host-a -n eth0 -d 0 -- flom -A ff02::1 -d 0 -o 0 -- true";
    let refused = host_b.type_line(held);
    let line = "Resource already locked, the lock cannot be obtained\n";
    assert_eq!((refused.status, &*refused.stderr), (98, line));
}

#[test]
fn the_debug_features_show_that_datagrams_get_through() {
    let Some([a, b]) = two_hosts() else { return };
    let (mut host_a, mut host_b) = (a.shell(), b.shell());
    host_a.begin("flom --debug-feature=ipv6.multicast.server -A ff02::1");
    a.wait_for_udp(28015);
    let client = host_b.type_line("flom --debug-feature=ipv6.multicast.client -A ff02::1");
    expect(
        &client,
        "Sent datagram is 'HELLO'\nArrived datagram is 'WELCOME'\n",
    );
    expect(
        &host_a.finish(),
        "Arrived datagram is 'HELLO'\nSent datagram is 'WELCOME'\n",
    );
}

#[test]
fn what_cannot_be_a_debug_feature_says_why() {
    let Some([host]) = hosts() else { return };
    for (words, reason) in [
        (
            &["--debug-feature=ipv6.multicast.server"][..],
            "no group is given",
        ),
        (
            &["--debug-feature=ipv6.multicast.client"],
            "no group is given",
        ),
        (
            &["--debug-feature=ipv6.multicast.server", "-A", "224.0.0.1"],
            "IPv6",
        ),
        (
            &["--debug-feature=ipv6.multicast.client", "-A", "224.0.0.1"],
            "IPv6",
        ),
        (
            &["--debug-feature=ipv6.multicast.server", "-A", "::1"],
            "::1",
        ),
        (&["--debug-feature=nonsense", "-A", "ff02::1"], "nonsense"),
    ] {
        let ended = host.flom(words.iter().copied()).run().expect_code(1);
        assert_eq!(ended.stdout, "", "{ended:?}");
        assert!(ended.stderr.contains(reason), "{ended:?}");
    }
}

/// What the server traces, in order; `*` stands for anything.
const SERVER: &[&str] = &[
    "flom_debug_features",
    "flom_debug_features: name='ipv6.multicast.server'",
    "flom_debug_features_ipv6_multicast_server",
    "flom_debug_features_ipv6_multicast_server: multicast address='ff02::1', multicast port=28015",
    "flom_debug_features_ipv6_multicast_server/getaddrinfo(): *",
    "flom_debug_features_ipv6_multicast_server: addrlen=28; IPv6 address, sin6_port=28015, \
     sin6_flowinfo=0x0, sin6_addr='ff02::1', sin6_scope_id=0",
    "flom_debug_features_ipv6_multicast_server: [ai_flags=1,ai_family=10,ai_socktype=2,\
     ai_protocol=17,ai_addrlen=28,ai_canonname='{null}'] ",
    "flom_debug_features_ipv6_multicast_server: creating a new socket...",
    "flom_debug_features_ipv6_multicast_server: addrlen=28; IPv6 address, sin6_port=0, \
     sin6_flowinfo=0x0, sin6_addr='::', sin6_scope_id=0",
    "flom_debug_features_ipv6_multicast_server: setting SO_REUSEADDR socket property...",
    "flom_debug_features_ipv6_multicast_server: binding to address addrlen=28; IPv6 address, \
     sin6_port=28015, sin6_flowinfo=0x0, sin6_addr='::', sin6_scope_id=0",
    "flom_debug_features_ipv6_multicast_server: address returned by bind() addrlen=28; IPv6 \
     address, sin6_port=28015, sin6_flowinfo=0x0, sin6_addr='::', sin6_scope_id=0",
    "flom_debug_features_ipv6_multicast_server: activating multicast...",
    "flom_debug_features_ipv6_multicast_server: multicast server created, waiting datagram...",
    "flom_debug_features_ipv6_multicast_server: arrived datagram 'HELLO'",
    "flom_debug_features_ipv6_multicast_server: 48 45 4c 4c 4f ",
    "flom_debug_features_ipv6_multicast_server: address returned by recvfrom() addrlen=28; IPv6 \
     address, sin6_port=<PORT>, sin6_flowinfo=0x0, sin6_addr='<B>', sin6_scope_id=<INDEX>",
    "flom_debug_features_ipv6_multicast_server: sending 'WELCOME' to the client...",
    "flom_debug_features_ipv6_multicast_server: sent_bytes=7, welcome_msg_len=7",
    "flom_debug_features_ipv6_multicast_server/excp=*/ret_cod=0/errno=*",
    "flom_debug_features/excp=*/ret_cod=0/errno=*",
];

/// What the client traces.
const CLIENT: &[&str] = &[
    "flom_debug_features",
    "flom_debug_features: name='ipv6.multicast.client'",
    "flom_debug_features_ipv6_multicast_client",
    "flom_debug_features_ipv6_multicast_client: multicast address='ff02::1', multicast port=28015",
    "flom_debug_features_ipv6_multicast_client/getaddrinfo(): *",
    "flom_debug_features_ipv6_multicast_client: addrlen=28; IPv6 address, sin6_port=28015, \
     sin6_flowinfo=0x0, sin6_addr='ff02::1', sin6_scope_id=0",
    "flom_debug_features_ipv6_multicast_client: [ai_flags=*,ai_family=10,ai_socktype=2,\
     ai_protocol=17,ai_addrlen=28,ai_canonname='{null}'] ",
    "flom_debug_features_ipv6_multicast_client: setting IPV6_MULTICAST_HOPS to value 1",
    "flom_debug_features_ipv6_multicast_client: setting SO_REUSEADDR to value 1",
    "flom_debug_features_ipv6_multicast_client: binding to address: addrlen=28; IPv6 address, \
     sin6_port=0, sin6_flowinfo=0x0, sin6_addr='::', sin6_scope_id=0",
    "flom_debug_features_ipv6_multicast_client: address returned by bind() addrlen=28; IPv6 \
     address, sin6_port=<PORT>, sin6_flowinfo=0x0, sin6_addr='::', sin6_scope_id=0",
    "flom_debug_features_ipv6_multicast_client: sending 'HELLO' to the server...",
    "flom_debug_features_ipv6_multicast_client: destination address:*sin6_port=28015, \
     sin6_flowinfo=0x0, sin6_addr='ff02::1', sin6_scope_id=0",
    "flom_debug_features_ipv6_multicast_client: waiting an answer from the server...",
    "flom_debug_features_ipv6_multicast_client: received 'WELCOME'",
    "flom_debug_features_ipv6_multicast_client/excp=*/ret_cod=0/errno=*",
    "flom_debug_features/excp=*/ret_cod=0/errno=*",
];

#[test]
fn the_trace_of_the_debug_features_is_the_one_that_people_know() {
    let Some([a, b]) = two_hosts() else { return };
    let (mut host_a, mut host_b) = (a.shell(), b.shell());
    for mask in ["0x10000", "0x100000"] {
        let line = |part: &str| {
            format!("FLOM_TRACE_MASK={mask} flom --debug-feature=ipv6.multicast.{part} -A ff02::1")
        };
        host_a.begin(&line("server"));
        host_a.wait_for_stderr("waiting datagram...\n");
        let client = host_b.type_line(&line("client"));
        let server = host_a.finish();
        assert_eq!(
            client.stdout,
            "Sent datagram is 'HELLO'\nArrived datagram is 'WELCOME'\n"
        );
        assert_eq!(
            server.stdout,
            "Arrived datagram is 'HELLO'\nSent datagram is 'WELCOME'\n"
        );

        // The port that the client says it has is the one that the server hears from.
        let (_, port) = client.stderr.split_once("by bind() ").unwrap();
        let (_, port) = port.split_once("sin6_port=").unwrap();
        let port = port.split_once(',').unwrap().0;
        assert_ne!(port, "0");
        let known = [
            ("<PORT>", port.to_string()),
            ("<B>", b.link_local("eth0").to_string()),
            ("<INDEX>", a.index("eth0").to_string()),
        ];
        assert_trace(&server.stderr, SERVER, &known);
        assert_trace(&client.stderr, CLIENT, &known);
    }
}

/// Fails unless `trace` has these lines, each after time, process and thread.
#[track_caller]
fn assert_trace(trace: &str, wanted: &[&str], known: &[(&str, String)]) {
    let lines: Vec<_> = trace.lines().map(text_of_traced).collect();
    assert_eq!(lines.len(), wanted.len(), "{trace}");
    for (line, wanted) in lines.iter().zip(wanted) {
        let put_in = |text: String, (name, value): &(&str, String)| text.replace(name, value);
        let wanted = known.iter().fold(wanted.to_string(), put_in);
        assert!(matches(line, &wanted), "{line:?} is not {wanted:?}");
    }
}

/// What follows `2015-11-28 21:34:15.655916 [1040/0x1133000] `.
#[track_caller]
fn text_of_traced(line: &str) -> &str {
    let (head, text) = line
        .split_once("] ")
        .unwrap_or_else(|| panic!("no trace: {line}"));
    let (time, process) = head.split_once(" [").expect("a process");
    let shape: String = time
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    assert_eq!(shape, "0000-00-00 00:00:00.000000");
    let (pid, thread) = process.split_once("/0x").expect("a thread");
    assert!(pid.parse::<u32>().is_ok(), "{line}");
    assert!(u64::from_str_radix(thread, 16).is_ok(), "{line}");
    text
}

/// Whether `text` is `pattern`, in which `*` stands for anything.
fn matches(text: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => text == pattern,
        Some((head, tail)) => text.strip_prefix(head).is_some_and(|rest| {
            (0..=rest.len()).any(|at| rest.is_char_boundary(at) && matches(&rest[at..], tail))
        }),
    }
}
