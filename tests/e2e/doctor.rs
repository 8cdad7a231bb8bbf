//! `flom --doctor`: each check where all is well, and where it is not.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

use crate::harness::{
    Daemon, Finished, Lab, Program, Scratch, Shared, flom, hosts, privilege, refs,
};

/// The line of `output` about `check` that has `text` in it.
#[track_caller]
fn line<'a>(output: &'a Finished, check: &str, text: &str) -> &'a str {
    let words = |line: &&str| line.split_whitespace().nth(1) == Some(check);
    let mut lines = output.stdout.lines().filter(words);
    let found = lines.find(|line| line.contains(text));
    found.unwrap_or_else(|| panic!("nothing about {check} with '{text}': {output:?}"))
}

#[track_caller]
fn expect(output: &Finished, verdict: &str, check: &str, text: &str) {
    let line = line(output, check, text);
    assert!(line.starts_with(verdict), "{line}: {output:?}");
}

#[test]
fn where_all_is_well_every_line_says_so() {
    let daemon = Daemon::start();
    let output = daemon.flom(["--doctor"]).run().expect_code(0);
    expect(&output, "ok ", "configuration", "not there");
    expect(&output, "ok ", "socket", "somebody listens");
    expect(&output, "ok ", "daemon", "it answers");
    expect(&output, "ok ", "clock", "agrees with the daemon's");
    assert_eq!(output.stdout.lines().count(), 4, "{output:?}");
    assert_eq!(output.stderr, "");
}

#[test]
fn a_configuration_with_faults_is_told_line_by_line() {
    let scratch = Scratch::new();
    let file = scratch.file("conf");
    let path = file.to_str().unwrap();
    fs::write(&file, "[Daemon]\nLifespan=x\nwait=1\n").unwrap();
    let output = flom(["--doctor", "-c", path]).run().expect_code(1);
    expect(
        &output,
        "FAILED",
        "configuration",
        "line 2: [Daemon]/Lifespan",
    );
    expect(
        &output,
        "warning",
        "configuration",
        "line 3: unknown key wait",
    );
    expect(&output, "ok ", "clock", "");
    assert!(!output.stdout.contains(" daemon "), "{output:?}");
    let output = flom(["--doctor", "-c", "/no/such/file"])
        .run()
        .expect_code(1);
    expect(&output, "FAILED", "configuration", "/no/such/file");
    let both = flom(["--doctor", "-s", "/s", "-a", "::1"])
        .run()
        .expect_code(1);
    expect(&both, "FAILED", "configuration", "at the same time");
}

#[test]
fn what_a_killed_daemon_leaves_and_what_is_in_the_way_is_told() {
    let scratch = Scratch::new();
    let socket = scratch.file("socket");
    let at = socket.to_str().unwrap();
    let doctor = || flom(["--doctor", "-s", at]).run();
    expect(&doctor().expect_code(0), "ok ", "socket", "not there");
    drop(UnixListener::bind(&socket).unwrap());
    let output = doctor().expect_code(1);
    expect(&output, "warning", "socket", "left over by a daemon");
    expect(&output, "ok ", "daemon", "the next flom starts one here");
    assert!(socket.exists(), "the doctor changes nothing");
    fs::remove_file(&socket).unwrap();
    fs::write(&socket, "").unwrap();
    let output = doctor().expect_code(1);
    expect(&output, "FAILED", "socket", "no socket");
    // There none could be started.
    assert!(!output.stdout.contains("daemon  "), "{output:?}");
    fs::remove_file(&socket).unwrap();
    let lock = fs::File::create(scratch.file("socket.lock")).unwrap();
    expect(&doctor().expect_code(0), "ok ", "socket", "not there");
    lock.try_lock().unwrap();
    expect(
        &doctor().expect_code(1),
        "warning",
        "socket",
        "somebody holds it",
    );
    let output = flom(["--doctor", "-s", "/no/such/directory/socket"]).run();
    expect(&output.expect_code(1), "FAILED", "socket", "its directory");
}

#[test]
fn what_is_left_by_another_user_has_to_be_removed_by_that_user() {
    if !privilege() {
        return;
    }
    let shared = Shared::new();
    drop(UnixListener::bind(shared.socket()).unwrap()); // of root
    fs::set_permissions(shared.socket(), Permissions::from_mode(0o777)).unwrap();
    let output = shared.flom(65534, &["--doctor"]).expect_code(1);
    expect(
        &output,
        "FAILED",
        "socket",
        "left over by a daemon of uid 0",
    );
}

#[test]
fn a_daemon_that_keeps_somebody_out_is_told_with_its_reason() {
    let script = "exec \"$FLOMD\" \"$@\" --access-lock=uid:4294967294";
    let daemon = Daemon::start_with(script);
    let output = daemon.flom(["--doctor"]).run().expect_code(1);
    expect(&output, "FAILED", "daemon", "may not lock ([Access] Lock)");
}

#[test]
fn a_daemon_is_looked_for_and_never_started() {
    let Some([here, there]) = hosts() else {
        return;
    };
    here.cable("eth0", &there, "eth0");
    here.add_ipv4("eth0", "10.1.0.1/24");
    there.add_ipv4("eth0", "10.1.0.2/24");
    let own = here
        .flom(["--doctor", "-a", "10.1.0.1"])
        .run()
        .expect_code(0);
    expect(&own, "ok ", "daemon", "the next flom starts one here");
    let never = here.flom(["--doctor", "-a", "10.1.0.1", "-d", "0"]).run();
    expect(
        &never.expect_code(1),
        "FAILED",
        "daemon",
        "none is to be started",
    );
    let other = here
        .flom(["--doctor", "-a", "10.1.0.2"])
        .run()
        .expect_code(1);
    expect(&other, "FAILED", "daemon", "not an address of this host");
    assert!(here.daemons().is_empty());
    let _daemon = Daemon::start_on(&there, "10.1.0.2".parse().unwrap(), &[]);
    let found = here
        .flom(["--doctor", "-a", "10.1.0.2"])
        .run()
        .expect_code(0);
    expect(&found, "ok ", "daemon", "it answers");
    expect(&found, "ok ", "clock", "agrees");
}

#[test]
fn a_group_is_asked_on_each_interface() {
    let Some([here, there]) = hosts() else {
        return;
    };
    for (interface, number) in [("eth0", 1), ("eth1", 2)] {
        here.cable(interface, &there, interface);
        here.add_ipv4(interface, &format!("10.{number}.0.1/24"));
    }
    there.add_ipv4("eth1", "10.2.0.2/24");
    let doctor = || {
        let words = ["--doctor", "-A", "239.255.0.1", "-D", "1"];
        here.flom(words).run()
    };
    let output = doctor().expect_code(1);
    expect(
        &output,
        "warning",
        "multicast",
        "eth0: asked, nobody answers",
    );
    expect(
        &output,
        "warning",
        "multicast",
        "eth1: asked, nobody answers",
    );
    expect(&output, "ok ", "daemon", "the next flom starts one here");
    let words = ["-A", "239.255.0.1"];
    let _daemon = Daemon::start_on(&there, "10.2.0.2".parse().unwrap(), &words);
    let output = doctor().expect_code(0);
    expect(
        &output,
        "ok ",
        "multicast",
        "eth0: asked, nobody answers there",
    );
    expect(&output, "ok ", "multicast", "eth1: answered by 10.2.0.2");
    expect(&output, "ok ", "daemon", "it answers");
    let output = here
        .flom(["--doctor", "-A", "10.2.0.2"])
        .run()
        .expect_code(1);
    expect(&output, "warning", "multicast", "a host and no group");
    let words = ["--doctor", "-A", "nonsense group"];
    let output = here.flom(words).run().expect_code(1);
    expect(&output, "FAILED", "multicast", "nonsense group");
}

#[test]
fn a_group_of_ipv4_with_an_interface_gets_a_hint_that_helps() {
    let words = ["--doctor", "-A", "239.255.0.1", "-n", "lo"];
    let output = flom(words).run().expect_code(1);
    expect(&output, "FAILED", "multicast", "has no IPv6 address");
    assert!(output.stdout.contains("or leave -n out"), "{output:?}");
}

#[test]
fn the_debug_server_answers_the_doctor() {
    let Some([here, there]) = hosts() else {
        return;
    };
    here.cable("eth0", &there, "eth0");
    let feature = "--debug-feature=ipv6.multicast.server";
    let server = there.flom(["-A", "ff02::77", feature]).spawn();
    there.wait_for_udp(28015);
    let words = ["--doctor", "-A", "ff02::77", "-D", "1", "-I", "2000"];
    let output = here.flom(words).run();
    expect(&output, "ok ", "multicast", "eth0: answered by fe80::");
    server.wait().expect_code(0);
}

/// What the programs of openssl make; false where there are none.
fn make_certificates(scratch: &Scratch, days: u32) -> bool {
    let script = format!(
        r#"cd "$1" && id=$("$FLOM" --unique-id) &&
        openssl req -x509 -newkey rsa:2048 -nodes -days 365 -keyout ca.key -out ca.pem \
            -subj /CN=ca -addext basicConstraints=critical,CA:TRUE \
            -addext keyUsage=critical,keyCertSign,cRLSign &&
        openssl req -newkey rsa:2048 -nodes -keyout host.key -out host.csr -subj "/CN=$id" &&
        printf 'basicConstraints=CA:FALSE\n' > ext &&
        openssl x509 -req -in host.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days {days} \
            -extfile ext -out host.pem &&
        openssl x509 -req -in host.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days {days} \
            -subj /CN=other -extfile ext -out other.pem && chmod 600 host.key"#
    );
    let path = scratch.path().to_str().unwrap().to_string();
    Program::sh(&script, [path]).run().code() == 0
}

#[test]
fn certificates_are_looked_at() {
    let scratch = Scratch::new();
    assert!(make_certificates(&scratch, 100), "openssl is there");
    let socket = scratch.file("socket");
    let doctor = |certificate: &str, ca: &str| {
        let option = |name: &str, file: &str| {
            format!("--tls-{name}={}", scratch.file(file).to_str().unwrap())
        };
        flom([
            "--doctor".to_string(),
            "-s".to_string(),
            socket.to_str().unwrap().to_string(),
            option("certificate", certificate),
            option("private-key", "host.key"),
            option("ca-certificate", ca),
        ])
        .run()
    };
    let output = doctor("host.pem", "ca.pem").expect_code(0);
    expect(&output, "ok ", "certificate", "valid for 99 days");
    expect(
        &output,
        "ok ",
        "certificate",
        "the own CA file leads to its issuer",
    );
    expect(
        &output,
        "ok ",
        "certificate",
        "its common name is the id of this host",
    );
    let output = doctor("other.pem", "ca.pem").expect_code(1);
    expect(
        &output,
        "warning",
        "certificate",
        "its common name is 'other'",
    );
    let output = doctor("host.pem", "host.pem").expect_code(1);
    expect(&output, "FAILED", "certificate", "has signed it");
    let output = doctor("ca.pem", "ca.pem").expect_code(1);
    expect(
        &output,
        "FAILED",
        "certificate",
        "not that of the certificate",
    );
    fs::set_permissions(scratch.file("host.key"), Permissions::from_mode(0o644)).unwrap();
    let output = doctor("host.pem", "ca.pem").expect_code(1);
    expect(
        &output,
        "warning",
        "certificate",
        "others than its owner may read it (644)",
    );
    fs::set_permissions(scratch.file("host.key"), Permissions::from_mode(0o600)).unwrap();
    assert!(make_certificates(&scratch, 10), "openssl is there");
    let output = doctor("host.pem", "ca.pem").expect_code(1);
    expect(&output, "warning", "certificate", "expires in 9 days");
    assert!(make_certificates(&scratch, 0), "openssl is there");
    let output = doctor("host.pem", "ca.pem").expect_code(1);
    expect(&output, "FAILED", "certificate", "expired");
}

#[test]
fn a_daemon_with_tls_is_asked_through_it() {
    let lab = Lab::new();
    let good = lab.words("good");
    let daemon = Daemon::start_tcp_with(&refs(&good));
    let words = refs(&good).into_iter().chain(["--doctor"]);
    let output = daemon.flom(words).run();
    expect(&output, "ok ", "daemon", "it answers");
    let output = daemon.flom(["--doctor"]).run().expect_code(1);
    expect(&output, "FAILED", "daemon", "");
    let foreign = lab.other.host(&lab.id);
    lab.add("foreign", &foreign, &[&lab.other]);
    let foreign = lab.words("foreign");
    let words = refs(&foreign).into_iter().chain(["--doctor"]);
    let output = daemon.flom(words).run().expect_code(1);
    expect(&output, "FAILED", "daemon", "TLS");
}
