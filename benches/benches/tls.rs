//! What TLS costs: clear text and TLS, with RSA and with EC keys, in turns, over TCP of this host.
//!
//! `cargo bench -p flom-bench --bench tls`

#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    reason = "a measurement that cannot go on has failed"
)]

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use flom_bench::{Programs, Scratch, words};
use flom_net::Layer;
use flom_tls::Files;
use flom_types::LockMode;
use rcgen::{CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

const ROUNDS: usize = 5;

/// Connections in a round that come, lock, unlock and go, or just come.
const VISITS: usize = 300;

/// Locks in a round over one connection.
const CYCLES: usize = 5000;

/// A daemon, and how to talk to it.
struct Side {
    name: &'static str,
    address: SocketAddr,
    files: Option<Files>,
    daemon: Child,
    /// Seconds for what is measured, a round each: visits, handshakes, cycles.
    took: [Vec<f64>; 3],
}

/// One connection.
struct Line {
    socket: TcpStream,
    layer: Option<Box<dyn Layer>>,
}

fn main() {
    // `cargo test` runs benches too, to see that they work.
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let programs = Programs::build().unwrap();
    let scratch = Scratch::new().unwrap();
    let mut sides = [
        Side::new(&programs, "clear", None),
        Side::new(
            &programs,
            "EC",
            Some(files(scratch.path(), "ec", &ec_key())),
        ),
        Side::new(
            &programs,
            "RSA",
            Some(files(scratch.path(), "rsa", &rsa_key())),
        ),
    ];
    for _ in 0..ROUNDS {
        sides.iter_mut().for_each(Side::round);
    }
    let per_second = [VISITS, VISITS, CYCLES];
    println!(
        "{:8}{:>12}{:>14}{:>12}  a second, the best of {ROUNDS} rounds",
        "", "visits", "handshakes", "cycles"
    );
    for side in &sides {
        let best = side
            .took
            .each_ref()
            .map(|took| took.iter().copied().fold(f64::MAX, f64::min));
        let [visits, handshakes, cycles] =
            [0, 1, 2].map(|what| per_second[what] as f64 / best[what]);
        println!(
            "{:8}{visits:>12.0}{handshakes:>14.0}{cycles:>12.0}",
            side.name
        );
    }
    for side in &sides[1..] {
        let ratio = [0, 1, 2].map(|what| {
            let ratios = side.took[what].iter().zip(&sides[0].took[what]);
            let mut ratios: Vec<_> = ratios.map(|(theirs, clear)| theirs / clear).collect();
            ratios.sort_by(f64::total_cmp);
            ratios[ROUNDS / 2]
        });
        println!(
            "{}: {:.1} times as long as in clear text, {:.1}, {:.2}",
            side.name, ratio[0], ratio[1], ratio[2]
        );
    }
}

impl Side {
    fn new(programs: &Programs, name: &'static str, files: Option<Files>) -> Self {
        // A port that is free now.
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let mut command = Command::new(programs.path("flomd"));
        command.args(["-a", "127.0.0.1", "-p", &address.port().to_string()]);
        if let Some(files) = &files {
            command.arg("--tls-certificate").arg(&files.certificate);
            command.arg("--tls-private-key").arg(&files.private_key);
            command
                .arg("--tls-ca-certificate")
                .arg(&files.ca_certificate);
        }
        let daemon = command.stderr(Stdio::null()).spawn().unwrap();
        while TcpStream::connect(address).is_err() {
            std::thread::sleep(Duration::from_millis(1));
        }
        let took = Default::default();
        Self {
            name,
            address,
            files,
            daemon,
            took,
        }
    }

    fn round(&mut self) {
        let began = Instant::now();
        for _ in 0..VISITS {
            let mut line = self.connect();
            line.cycle();
            line.hang_up();
        }
        self.took[0].push(began.elapsed().as_secs_f64());
        let began = Instant::now();
        for _ in 0..VISITS {
            self.connect().hang_up();
        }
        self.took[1].push(began.elapsed().as_secs_f64());
        let mut line = self.connect();
        let began = Instant::now();
        for _ in 0..CYCLES {
            line.cycle();
        }
        self.took[2].push(began.elapsed().as_secs_f64());
    }

    /// Connects; the handshake is done then.
    fn connect(&self) -> Line {
        let socket = TcpStream::connect(self.address).unwrap();
        socket.set_nodelay(true).unwrap();
        let mut line = Line {
            socket,
            layer: None,
        };
        if let Some(files) = &self.files {
            let mut hello = Vec::new();
            line.layer = Some(Box::new(flom_tls::client(files, &mut hello).unwrap()));
            line.socket.write_all(&hello).unwrap();
            while !line.layer.as_ref().unwrap().is_ready() {
                line.hear();
            }
        }
        line
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

impl Line {
    /// Locks and unlocks.
    fn cycle(&mut self) {
        self.say(&words::lock("db", LockMode::Exclusive));
        let mut heard = Vec::new();
        while !heard.ends_with(b"</msg>") {
            heard.extend(self.hear());
        }
        self.say(&words::unlock("db"));
    }

    fn say(&mut self, message: &[u8]) {
        match &mut self.layer {
            None => self.socket.write_all(message).unwrap(),
            Some(layer) => {
                let mut wire = Vec::new();
                layer.seal(message, &mut wire).unwrap();
                self.socket.write_all(&wire).unwrap();
            }
        }
    }

    /// What comes next; nothing is the end.
    fn hear(&mut self) -> Vec<u8> {
        let mut received = [0; 4096];
        let bytes = self.socket.read(&mut received).unwrap();
        match &mut self.layer {
            None => received[..bytes].to_vec(),
            Some(layer) => {
                let (mut plain, mut wire) = (Vec::new(), Vec::new());
                layer
                    .open(&received[..bytes], &mut plain, &mut wire)
                    .unwrap();
                self.socket.write_all(&wire).unwrap();
                plain
            }
        }
    }

    /// Says that no more comes, and waits until the daemon has gone too.
    fn hang_up(mut self) {
        self.socket.shutdown(Shutdown::Write).unwrap();
        while self.socket.read(&mut [0; 1024]).unwrap() > 0 {}
    }
}

fn ec_key() -> KeyPair {
    KeyPair::generate().unwrap()
}

/// rcgen makes none of these.
fn rsa_key() -> KeyPair {
    let words = [
        "genpkey",
        "-algorithm",
        "RSA",
        "-pkeyopt",
        "rsa_keygen_bits:2048",
    ];
    let made = Command::new("openssl").args(words).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    KeyPair::from_pem(&String::from_utf8(made.stdout).unwrap()).unwrap()
}

/// A certificate for `key`, signed by an authority with the same kind of key.
fn files(folder: &Path, name: &str, key: &KeyPair) -> Files {
    let params = |name: &str, is_ca| {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = is_ca;
        params
    };
    let ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params("CA", ca), key).unwrap();
    let host = params("host", IsCa::ExplicitNoCa)
        .signed_by(key, &authority)
        .unwrap();
    let write = |extension: &str, text: String| {
        let path = folder.join(format!("{name}.{extension}"));
        fs::write(&path, text).unwrap();
        path
    };
    Files {
        certificate: write("pem", host.pem()),
        private_key: write("key", key.serialize_pem()),
        ca_certificate: write("ca", authority.pem()),
    }
}
