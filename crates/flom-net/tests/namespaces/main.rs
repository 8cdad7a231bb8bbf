//! Groups on hosts with one interface, with several, and with none: no route leads to a group.

#![expect(clippy::unwrap_used, reason = "whatever fails here fails the test")]

mod host;

use std::fs;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use flom_net::{
    Group, Interface, InterfaceError, Sender, connect_tcp, interfaces, listen_tcp, resolve,
};

use crate::host::{Host, hosts_are_possible};

const PORT: u16 = 28015;

/// Longer than any datagram takes here; nothing but a failure waits so long.
const LIMIT: Duration = Duration::from_secs(10);

/// The group on this host, on the interface called `interface` alone if that is not empty.
fn group(text: &str, interface: &str) -> Group {
    let interface = (!interface.is_empty()).then(|| Interface::find(interface).unwrap());
    Group::resolve(text, PORT, interface.as_ref()).unwrap()
}

fn listen(host: &Host, text: &str, interface: &str) -> UdpSocket {
    let socket = host.run(|| group(text, interface).listen()).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    socket
}

fn send(host: &Host, text: &str, interface: &str, datagram: &str) -> (Sender, usize) {
    let sender = host.run(|| group(text, interface).sender(1)).unwrap();
    let count = sender.send(datagram.as_bytes()).unwrap();
    (sender, count)
}

fn hear(socket: &UdpSocket) -> (String, SocketAddr) {
    let mut buffer = [0; 100];
    let (length, from) = socket.recv_from(&mut buffer).unwrap();
    (
        String::from_utf8_lossy(&buffer[..length]).into_owned(),
        from,
    )
}

/// Answers the datagram that comes next, and sees that the answer comes back to `sender`.
fn assert_answered(socket: &UdpSocket, sender: &Sender) {
    let (_, from) = hear(socket);
    assert_eq!(from.port(), sender.local_addr().unwrap().port());
    socket.send_to(b"here", from).unwrap();
    let mut buffer = [0; 100];
    let (length, replier) = sender.receive(&mut buffer, LIMIT).unwrap().unwrap();
    assert_eq!(&buffer[..length], b"here");
    assert_eq!(replier.port(), PORT);
}

#[test]
fn interfaces_are_listed_with_all_of_their_addresses() {
    if !hosts_are_possible() {
        return;
    }
    let (a, b) = (Host::new(), Host::new());
    a.connect("eth0", &b, "eth0", 1);
    a.ip("addr add 10.1.0.9/24 dev eth0 label eth0:1");
    let all = a.run(interfaces).unwrap();
    let mut named = all.iter().filter(|one| one.name.starts_with("eth0"));
    let (eth0, other) = (named.next().unwrap(), named.next());
    assert_eq!(other, None);
    assert_eq!(eth0.ipv4.len(), 2, "{eth0:?}");
    assert_eq!(eth0.ipv4[1].to_string(), "10.1.0.9");
    assert_eq!(eth0.ipv6.len(), 1, "{eth0:?}");
    assert_eq!(eth0.ipv6[0].to_string(), "fe80::1");
    assert!(eth0.up && eth0.multicast && !eth0.loopback);
}

#[test]
fn an_interface_without_ipv6_is_not_found() {
    if !hosts_are_possible() {
        return;
    }
    let (a, b) = (Host::new(), Host::new());
    a.connect("eth0", &b, "eth0", 1);
    a.ip("-6 addr flush dev eth0");
    let error = a.run(|| Interface::find("eth0").unwrap_err());
    assert!(matches!(error, InterfaceError::NoIpv6 { .. }), "{error}");
}

#[test]
fn two_hosts_find_each_other_without_a_route_to_the_group() {
    if !hosts_are_possible() {
        return;
    }
    let (a, b) = (Host::new(), Host::new());
    a.connect("eth0", &b, "eth0", 1);
    for text in [
        "224.0.0.1",
        "239.255.0.1",
        "ff02::1",
        "ff02::77",
        "ff05::77",
        "ff02::1%eth0",
    ] {
        let socket = listen(&a, text, "");
        let (sender, _) = send(&b, text, "", "where");
        assert_answered(&socket, &sender);
        let (sender, _) = send(&a, text, "", "where"); // itself
        assert_answered(&socket, &sender);
    }
}

#[test]
fn the_source_of_a_datagram_says_on_which_interface_it_came() {
    if !hosts_are_possible() {
        return;
    }
    let (a, b) = (Host::new(), Host::new());
    a.connect("eth0", &b, "eth0", 1);
    let index = a.run(|| Interface::find("eth0").unwrap()).index;
    let socket = listen(&a, "ff02::1", "");
    let (sender, _) = send(&b, "ff02::1", "", "where");
    let (_, from) = hear(&socket);
    let port = sender.local_addr().unwrap().port();
    assert_eq!(from.to_string(), format!("[fe80::2%{index}]:{port}"));
}

#[test]
fn every_interface_is_joined_and_sent_on() {
    if !hosts_are_possible() {
        return;
    }
    let (a, b, c) = (Host::new(), Host::new(), Host::new());
    a.connect("eth0", &b, "eth0", 1);
    a.connect("eth1", &c, "eth0", 2);
    for text in ["239.255.0.1", "ff02::77"] {
        let (at_b, at_c) = (listen(&b, text, ""), listen(&c, text, ""));
        let (_sender, count) = send(&a, text, "", "to all");
        assert!(count >= 2, "{count}");
        assert_eq!(hear(&at_b).0, "to all");
        assert_eq!(hear(&at_c).0, "to all");

        let socket = listen(&a, text, "");
        assert_answered(&socket, &send(&b, text, "", "from b").0);
        assert_answered(&socket, &send(&c, text, "", "from c").0);
    }
}

#[test]
fn interfaces_that_share_an_address_are_told_apart() {
    if !hosts_are_possible() {
        return;
    }
    let (a, b, c) = (Host::new(), Host::new(), Host::new());
    a.connect("eth0", &b, "eth0", 1);
    a.connect("eth1", &c, "eth0", 2);
    for name in ["eth0", "eth1"] {
        a.ip(&format!("-4 addr flush dev {name}"));
        a.ip(&format!("addr add 10.9.0.1/32 dev {name}"));
    }
    for there in [&b, &c] {
        there.ip("route add 10.9.0.1 dev eth0"); // else it may distrust the source
    }
    let (at_b, at_c) = (listen(&b, "239.255.0.1", ""), listen(&c, "239.255.0.1", ""));
    send(&a, "239.255.0.1", "", "to all");
    assert_eq!(hear(&at_b).0, "to all");
    assert_eq!(hear(&at_c).0, "to all");
}

#[test]
fn a_named_interface_is_the_only_one_sent_on() {
    if !hosts_are_possible() {
        return;
    }
    let (a, b, c) = (Host::new(), Host::new(), Host::new());
    a.connect("eth0", &b, "eth0", 1);
    a.connect("eth1", &c, "eth0", 2);
    for (eth0, eth1) in [
        (("ff02::1", "eth0"), ("ff02::1", "eth1")),
        (("ff02::1%eth0", ""), ("ff02::1%eth1", "")),
        (("239.255.0.1%eth0", ""), ("239.255.0.1%eth1", "")),
    ] {
        let text = eth0.0.split('%').next().unwrap();
        let (at_b, at_c) = (listen(&b, text, ""), listen(&c, text, ""));
        assert_eq!(send(&a, eth0.0, eth0.1, "for b").1, 1);
        assert_eq!(send(&a, eth1.0, eth1.1, "for c").1, 1);
        assert_eq!(hear(&at_b).0, "for b");
        assert_eq!(hear(&at_c).0, "for c"); // not that for b, which was sent before
    }
}

#[test]
fn a_named_interface_is_the_only_one_listened_to() {
    if !hosts_are_possible() {
        return;
    }
    let (a, b, c) = (Host::new(), Host::new(), Host::new());
    a.connect("eth0", &b, "eth0", 1);
    a.connect("eth1", &c, "eth0", 2);
    // The system has joined the second and the last of these groups on every interface.
    for (text, interface) in [
        ("ff02::77", "eth0"),
        ("ff02::1", "eth0"),
        ("239.255.0.1%eth0", ""),
        ("224.0.0.1%eth0", ""),
    ] {
        let socket = listen(&a, text, interface);
        let there = text.split('%').next().unwrap();
        send(&c, there, "", "unheard");
        let (sender, _) = send(&b, there, "", "heard");
        let (datagram, from) = hear(&socket);
        assert_eq!(datagram, "heard", "{text}");
        assert_eq!(from.port(), sender.local_addr().unwrap().port());
        // The same host, on the same interface.
        assert_answered(&socket, &send(&a, text, interface, "here").0);
    }
}

#[test]
fn other_groups_on_the_same_port_are_not_heard() {
    if !hosts_are_possible() {
        return;
    }
    let (host, other) = (Host::new(), Host::new());
    host.connect("eth0", &other, "eth0", 1);
    for (first, second) in [("239.255.0.1", "239.255.0.2"), ("ff02::77", "ff02::78")] {
        let one = listen(&host, first, "");
        let two = listen(&host, second, "");
        send(&other, second, "", "for two");
        send(&other, first, "", "for one");
        assert_eq!(hear(&one).0, "for one"); // not that for two, which was sent before
        assert_eq!(hear(&two).0, "for two");
    }
}

#[test]
fn every_listener_on_a_host_hears_the_group() {
    if !hosts_are_possible() {
        return;
    }
    let host = Host::new();
    let (one, two) = (
        listen(&host, "224.0.0.1", ""),
        listen(&host, "224.0.0.1", ""),
    );
    send(&host, "224.0.0.1", "", "for all");
    assert_eq!(hear(&one).0, "for all");
    assert_eq!(hear(&two).0, "for all");
}

#[test]
fn a_host_without_network_finds_itself() {
    if !hosts_are_possible() {
        return;
    }
    let host = Host::new();
    for text in ["224.0.0.1", "239.255.0.1", "ff02::1", "ff05::77"] {
        let socket = listen(&host, text, "");
        assert_answered(&socket, &send(&host, text, "", "where").0);
    }
}

#[test]
fn a_host_on_which_nothing_is_up_says_so() {
    if !hosts_are_possible() {
        return;
    }
    let host = Host::new();
    host.ip("link set lo down");
    let error = host.run(|| group("239.255.0.1", "").listen()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NetworkDown);
    let expected = "cannot join 239.255.0.1: no network interface is up that could carry it";
    assert_eq!(error.to_string(), expected);
    let sender = host.run(|| group("ff02::1", "").sender(1)).unwrap();
    sender.send(b"where").unwrap_err();
}

#[test]
fn a_single_host_is_asked_and_cannot_be_listened_to_as_a_group() {
    if !hosts_are_possible() {
        return;
    }
    let (a, b) = (Host::new(), Host::new());
    a.connect("eth0", &b, "eth0", 1);
    for (text, there) in [("10.1.0.1", "239.255.0.1"), ("fe80::1%eth0", "ff02::1")] {
        let socket = listen(&a, there, "");
        let (sender, count) = send(&b, text, "", "where");
        assert_eq!(count, 1);
        assert_answered(&socket, &sender);
        let error = b.run(|| group(text, "").listen()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(
            error.to_string().contains("is no multicast address"),
            "{error}"
        );
    }
}

#[test]
fn a_link_local_address_is_reached_through_the_interface_named() {
    if !hosts_are_possible() {
        return;
    }
    let (a, b) = (Host::new(), Host::new());
    a.connect("eth0", &b, "eth0", 1);
    let eth0 = |host: &Host| host.run(|| Interface::find("eth0").unwrap());
    let here = resolve("fe80::1", PORT, Some(&eth0(&a))).unwrap();
    let _listener = a.run(|| listen_tcp(&here, 100)).unwrap();

    let on_eth0 = resolve("fe80::1", PORT, Some(&eth0(&b))).unwrap();
    b.run(|| connect_tcp(&on_eth0, LIMIT)).unwrap();
    let with_zone = b.run(|| resolve("fe80::1%eth0", PORT, None)).unwrap();
    b.run(|| connect_tcp(&with_zone, LIMIT)).unwrap();

    let nowhere = resolve("fe80::1", PORT, None).unwrap();
    let error = b
        .run(|| connect_tcp(&nowhere, LIMIT))
        .unwrap_err()
        .to_string();
    assert!(error.ends_with("no network interface is named"), "{error}");
    let error = a.run(|| listen_tcp(&nowhere, 100)).unwrap_err().to_string();
    assert!(error.ends_with("no network interface is named"), "{error}");
}

#[test]
fn a_connection_to_itself_is_no_connection() {
    if !hosts_are_possible() {
        return;
    }
    let host = Host::new();
    let error = host.run(|| {
        // The only port that the system can connect from, so it connects the port to itself.
        fs::write("/proc/sys/net/ipv4/ip_local_port_range", "40000 40000").unwrap();
        connect_tcp(&resolve("127.0.0.1", 40000, None).unwrap(), LIMIT).unwrap_err()
    });
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
}

#[test]
fn the_ipv6_wildcard_takes_ipv4_clients_whatever_the_host_is_set_to() {
    if !hosts_are_possible() {
        return;
    }
    let host = Host::new();
    host.run(|| {
        fs::write("/proc/sys/net/ipv6/bindv6only", "1").unwrap();
        let listener = listen_tcp(&resolve("::", PORT, None).unwrap(), 100).unwrap();
        connect_tcp(&resolve("127.0.0.1", PORT, None).unwrap(), LIMIT).unwrap();
        connect_tcp(&resolve("::1", PORT, None).unwrap(), LIMIT).unwrap();
        drop(listener);
    });
}
