//! TLS with peers that are not ours: the tools of OpenSSL as client and as daemon.

use std::net::TcpListener;

use crate::harness::{Daemon, Lab, Program, ask, flom, loopback, message, refs, unlock};

fn openssl(lab: &Lab, words: &[&str]) -> Program {
    let files = [
        "-cert", "good.pem", "-key", "good.key", "-CAfile", "good.ca",
    ];
    Program::new("openssl")
        .args(words)
        .args(files)
        .directory(lab.scratch.path())
}

#[test]
fn a_client_of_openssl_locks_and_unlocks() {
    let lab = Lab::new();
    let good = lab.words("good");
    let daemon = Daemon::start_tcp_with(&refs(&good));
    let address = daemon.tcp_address().to_string();
    for version in ["-tls1_2", "-tls1_3"] {
        let words = ["s_client", "-quiet", "-verify_return_error", "-connect"];
        let words = [&words[..], &[&address, version]].concat();
        let mut client = openssl(&lab, &words).spawn();
        client.type_line(&ask("db").message());
        client.wait_for_stdout("rc=\"0\"");
        let taken = ["-o", "0", "-r", "db", "--", "true"];
        daemon
            .flom(refs(&good).into_iter().chain(taken))
            .run()
            .expect_code(98);
        client.type_line(&unlock("db"));
        crate::harness::wait_until("the lock is free again", || {
            daemon
                .flom(refs(&good).into_iter().chain(taken))
                .run()
                .code()
                == 0
        });
    }
}

#[test]
fn a_client_of_openssl_without_a_certificate_gets_nothing() {
    let lab = Lab::new();
    let daemon = Daemon::start_tcp_with(&refs(&lab.words("good")));
    let address = daemon.tcp_address().to_string();
    for version in ["-tls1_2", "-tls1_3", "-tls1_1"] {
        let mut client = Program::new("openssl")
            .args(["s_client", "-quiet", "-connect", &address, version])
            .spawn();
        // It may have gone by now.
        client.close_stdin();
        let ran = client.wait();
        assert!(
            ran.code() != 0 && ran.stdout.is_empty(),
            "{version}: {ran:?}"
        );
    }
}

#[test]
fn a_daemon_of_openssl_is_asked_told_and_left_in_order() {
    let lab = Lab::new();
    for version in ["-tls1_2", "-tls1_3"] {
        let host = loopback();
        // A port that is free at this address, which nobody else uses.
        let probe = TcpListener::bind((host, 0)).unwrap();
        let port = probe.local_addr().unwrap().port().to_string();
        drop(probe);
        let place = format!("{host}:{port}");
        let words = [
            "s_server", "-naccept", "1", "-Verify", "2", "-accept", &place, version,
        ];
        let mut server = openssl(&lab, &words).spawn();
        server.wait_for_stdout("ACCEPT");
        let host = host.to_string();
        let words = lab.checking("good");
        let place = ["-a", &host, "-p", &port, "-d", "0", "--", "echo", "ran"];
        let client = flom(refs(&words).into_iter().chain(place)).spawn();
        server.wait_for_stdout("verb=\"1\" step=\"8\"");
        let body = format!("<session peerid=\"{}\"/><answer rc=\"0\"/>", lab.id);
        server.type_line(&message(1, 16, &body));
        client.wait_for_stdout("ran\n");
        server.wait_for_stdout("verb=\"2\" step=\"8\"");
        client.wait().expect_code(0);
    }
}
