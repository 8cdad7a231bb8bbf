//! Broken configuration files: each rule of `spec/configuration.md` violated once. Each ends flom
//! with 99 and a message that names file and line.

use std::fs;

use crate::harness::{Scratch, flom};

/// A file with one wrong line.
struct Broken {
    text: Vec<u8>,
    /// Its number.
    line: usize,
    /// Part of the message.
    says: String,
    code: i32,
}

const SYNTAX: i32 = -203;
const VALUE: i32 = -5;
const NO_FILE: i32 = -125;

/// What stands around the wrong line.
const HEAD: &str = "# head\n\n[Resource]\nName=sound\n";
const TAIL: &str = "\n[Network]\n# tail";

const INTEGERS: [(&str, &str); 12] = [
    ("Resource", "Timeout"),
    ("Resource", "Quantity"),
    ("Resource", "IdleLifespan"),
    ("Daemon", "Lifespan"),
    ("Daemon", "UnicastPort"),
    ("Daemon", "MulticastPort"),
    ("Network", "DiscoveryAttempts"),
    ("Network", "DiscoveryTimeout"),
    ("Network", "DiscoveryTTL"),
    ("Network", "TcpKeepaliveTime"),
    ("Network", "TcpKeepaliveIntvl"),
    ("Network", "TcpKeepaliveProbes"),
];

const YES_OR_NO: [(&str, &str); 5] = [
    ("Trace", "AppendTraceFile"),
    ("Trace", "Verbose"),
    ("Resource", "Create"),
    ("Daemon", "RemoteShutdown"),
    ("TLS", "TlsCheckPeerId"),
];

const WORDS: [(&str, &str); 15] = [
    ("Trace", "DaemonTraceFile"),
    ("Trace", "CommandTraceFile"),
    ("Resource", "Name"),
    ("Resource", "LockMode"),
    ("Daemon", "SocketName"),
    ("Daemon", "UnicastAddress"),
    ("Daemon", "MulticastAddress"),
    ("Daemon", "MountPointVFS"),
    ("Daemon", "Fairness"),
    ("Monitor", "IgnoredSignals"),
    ("Monitor", "KilledStatus"),
    ("Network", "NetworkInterface"),
    ("TLS", "TlsCertificate"),
    ("TLS", "TlsPrivateKey"),
    ("TLS", "TlsCaCertificate"),
];

/// Values that no key of this kind can have.
const NO_INTEGER: [&str; 8] = [
    "",
    "abc",
    "0x10",
    "7.5",
    "12 34",
    "9999999999",
    "-2147483649",
    "1 # comment",
];
const NOT_YES_OR_NO: [&str; 4] = ["", "true", "1", "0"];

/// Values that one key cannot have.
const NO_VALUE: [(&str, &str, &str, i32); 36] = [
    ("Daemon", "UnicastPort", "65536", VALUE),
    ("Daemon", "UnicastPort", "-65536", VALUE),
    ("Daemon", "MulticastPort", "70000", VALUE),
    ("Network", "DiscoveryTimeout", "0", VALUE),
    ("Network", "DiscoveryTTL", "256", VALUE),
    ("Network", "DiscoveryTTL", "-256", VALUE),
    ("Network", "TcpKeepaliveTime", "0", VALUE),
    ("Network", "TcpKeepaliveTime", "32768", VALUE),
    ("Network", "TcpKeepaliveIntvl", "0", VALUE),
    ("Network", "TcpKeepaliveIntvl", "32768", VALUE),
    ("Network", "TcpKeepaliveProbes", "0", VALUE),
    ("Network", "TcpKeepaliveProbes", "128", VALUE),
    ("Resource", "Name", "", VALUE),
    ("Resource", "Name", "_RESOURCE", VALUE),
    ("Resource", "Name", "\"foo\"", VALUE),
    ("Resource", "Name", "a b", VALUE),
    ("Resource", "Name", "foo\\s", VALUE),
    ("Resource", "Name", "1a", VALUE),
    ("Resource", "Name", "foo # comment", VALUE),
    ("Resource", "Name", "foo[", VALUE),
    ("Resource", "Name", "foo[x]", VALUE),
    ("Resource", "Name", "foo[9999999999]", VALUE),
    ("Resource", "Name", "a..b", VALUE),
    ("Resource", "Name", "/a//b", VALUE),
    ("Resource", "LockMode", "", VALUE),
    ("Resource", "LockMode", "5", VALUE),
    ("Resource", "LockMode", "xEXx", VALUE),
    ("Daemon", "MountPointVFS", "/no/such/directory", VALUE),
    ("Daemon", "MountPointVFS", "/etc/passwd", VALUE),
    ("Daemon", "Fairness", "", VALUE),
    ("Daemon", "Fairness", "bounded", VALUE),
    ("Monitor", "KilledStatus", "", VALUE),
    ("Monitor", "KilledStatus", "128", VALUE),
    ("TLS", "TlsCertificate", "/no/such/file", NO_FILE),
    ("TLS", "TlsPrivateKey", "no such file", NO_FILE),
    ("TLS", "TlsCaCertificate", "\"/etc/passwd\"", NO_FILE),
];

/// Lines that belong to no such file.
const NO_LINE: [&[u8]; 12] = [
    b"Name",
    b"; comment",
    b"Name: foo",
    b"= 5",
    b"[Resource",
    b"[Resource] # comment",
    b"[Resource]=x",
    b"[]",
    b"[[Resource]]",
    b"[Resource][Daemon]",
    b"Name=fo\0o",
    b"\xff",
];

const GROUPS: [&str; 6] = ["Trace", "Resource", "Daemon", "Monitor", "Network", "TLS"];

/// A file in which `key` of `group` has this value.
fn value(group: &str, key: &str, value: &[u8], code: i32) -> Broken {
    let head = format!("{HEAD}[{group}]\n{key}=");
    let line = head.lines().count();
    Broken {
        text: [head.as_bytes(), value, TAIL.as_bytes()].concat(),
        line,
        says: format!("[{group}]/{key}: "),
        code,
    }
}

/// A file with a line in `group` that belongs to none.
fn syntax(group: &str, wrong: &[u8]) -> Broken {
    let head = format!("{HEAD}[{group}]\r\n");
    Broken {
        text: [head.as_bytes(), wrong, TAIL.as_bytes()].concat(),
        line: head.lines().count() + 1,
        says: String::new(),
        code: SYNTAX,
    }
}

fn broken_files() -> Vec<Broken> {
    let mut files = Vec::new();
    for (group, key) in INTEGERS {
        files.extend(NO_INTEGER.map(|word| value(group, key, word.as_bytes(), VALUE)));
    }
    for (group, key) in YES_OR_NO {
        files.extend(NOT_YES_OR_NO.map(|word| value(group, key, word.as_bytes(), VALUE)));
    }
    for (group, key, word, code) in NO_VALUE {
        files.push(value(group, key, word.as_bytes(), code));
    }
    for (group, key) in INTEGERS.into_iter().chain(YES_OR_NO).chain(WORDS) {
        files.push(value(group, key, b"a\\xb", VALUE));
        files.push(value(group, key, b"a\\", VALUE));
        files.push(value(group, key, b"a\xff", VALUE));
    }
    files.push(value("Daemon", "SocketName", &[b'/'; 108], VALUE));
    for group in GROUPS {
        files.extend(NO_LINE.map(|wrong| syntax(group, wrong)));
    }
    for start in ["Name=foo", "\u{feff}[Resource]"] {
        files.push(Broken {
            text: format!("{start}\n{HEAD}").into_bytes(),
            line: 1,
            says: String::new(),
            code: SYNTAX,
        });
    }
    files
}

#[test]
fn each_of_more_than_200_broken_files_is_refused_with_its_line() {
    let scratch = Scratch::new();
    let file = scratch.file("broken");
    let path = file.to_str().unwrap();
    let files = broken_files();
    assert!(files.len() > 300, "{}", files.len());
    for broken in files {
        fs::write(&file, &broken.text).unwrap();
        let ended = flom(["-c", path, "-d", "0", "--", "echo", "no"]).run();
        let text = String::from_utf8_lossy(&broken.text);
        let lines: Vec<_> = ended.stderr.lines().collect();
        let kind = match broken.code {
            SYNTAX => "error while loading",
            _ => "invalid configuration found in",
        };
        let start = format!(
            "ERROR: {kind} file '{path}', line {}: {}",
            broken.line, broken.says
        );
        let end = format!("flom_config_init: ret_cod={}", broken.code);
        assert_eq!(
            (ended.code(), &*ended.stdout),
            (99, ""),
            "{text}\n{ended:?}"
        );
        assert!(
            lines.len() == 2 && lines[0].starts_with(&start),
            "{text}\n{start}\n{ended:?}"
        );
        assert_eq!(lines[1], end, "{text}\n{ended:?}");
    }
}

#[test]
fn a_file_is_broken_wherever_it_is_named() {
    let scratch = Scratch::new();
    for (position, broken) in broken_files().into_iter().enumerate().step_by(25) {
        let user = scratch.file(".flom");
        fs::write(&user, &broken.text).unwrap();
        let home = scratch.path().to_str().unwrap();
        let ended = flom(["-d", "0", "--", "echo", "no"])
            .env("HOME", home)
            .run();
        let place = format!(" file '{}', line {}: ", user.display(), broken.line);
        assert_eq!(
            (ended.code(), &*ended.stdout),
            (99, ""),
            "{position} {ended:?}"
        );
        assert!(ended.stderr.contains(&place), "{position} {ended:?}");
    }
}
