//! Every setting, a row each: where it stands in a file, its option, its value, its help.
//!
//! What programs accept, print, explain and hand on comes from here; nothing else lists settings.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use flom_types::LockMode;

use crate::Settings;
use crate::signal::signal_name;
use crate::text::shown;
use crate::value::{Problem, Value};

use Kind::{Flag, Integer, List, Word, YesNo};

/// One setting: a row of [`TABLE`].
pub struct Setting {
    /// Its group in a configuration file.
    pub group: &'static str,
    /// Its key there.
    pub key: &'static str,
    /// Its option of one letter, without the dash.
    pub short: Option<char>,
    /// Its long option, without the dashes; no two settings share one.
    pub long: &'static str,
    /// What kind of value it takes.
    pub kind: Kind,
    /// What it is for, in a few words.
    pub help: &'static str,
    /// Whether it concerns a daemon: an option of `flomd` too.
    pub of_daemon: bool,
    /// Whether FLoM 1.7.2 has it: then `-V` prints it.
    pub of_old: bool,
    get: fn(&Settings) -> Shape,
    /// `None` while this version does not have it.
    set: Option<Set>,
}

/// Checks a value and puts it into the settings.
type Set = fn(&mut Settings, &Value) -> Result<(), Problem>;

/// What a value looks like; the text is its placeholder in the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No value as an option, `yes` or `no` in a file.
    Flag,
    /// `yes` or `no`.
    YesNo,
    /// A whole number of 32 bits.
    Integer(&'static str),
    /// Any word.
    Word(&'static str),
    /// Any words: the option can be repeated.
    List(&'static str),
}

impl Kind {
    /// How the help names the value, if the option takes one.
    pub fn placeholder(self) -> Option<&'static str> {
        match self {
            Flag => None,
            YesNo => Some("yes|no"),
            Integer(text) | Word(text) | List(text) => Some(text),
        }
    }
}

/// All settings in the order of `-V`, which is that of configuration files
/// (`spec/configuration.md` §3), with those that FLoM 1.7.2 does not have behind their group's.
#[rustfmt::skip]
pub static TABLE: [Setting; 32] = [
    Setting { group: "Trace", key: "DaemonTraceFile", short: Some('t'), long: "daemon-trace-file",
        kind: Word("FILE"), help: "where a new daemon writes its trace", of_daemon: true, of_old: true,
        get: |s| path(s.trace.daemon_file.as_ref()),
        set: Some(|s, v| v.file().map(|file| s.trace.daemon_file = file)) },
    Setting { group: "Trace", key: "CommandTraceFile", short: Some('T'), long: "command-trace-file",
        kind: Word("FILE"), help: "where flom writes its trace", of_daemon: false, of_old: true,
        get: |s| path(s.trace.command_file.as_ref()),
        set: Some(|s, v| v.file().map(|file| s.trace.command_file = file)) },
    Setting { group: "Trace", key: "AppendTraceFile", short: None, long: "append-trace-file",
        kind: YesNo, help: "append to trace files", of_daemon: true, of_old: true,
        get: |s| Shape::YesNo(s.trace.append),
        set: Some(|s, v| v.decide(&mut s.trace.append)) },
    Setting { group: "Trace", key: "Verbose", short: Some('V'), long: "verbose",
        kind: Flag, help: "print more: settings, progress", of_daemon: true, of_old: true,
        get: |s| Shape::YesNo(s.trace.verbose),
        set: Some(|s, v| v.decide(&mut s.trace.verbose)) },

    Setting { group: "Resource", key: "Name", short: Some('r'), long: "resource-name",
        kind: Word("NAME"), help: "the lock; its name says its kind", of_daemon: false, of_old: true,
        get: |s| Shape::Text(Some(OsStr::from_bytes(s.resource.name.as_bytes()).to_os_string())),
        set: Some(|s, v| v.name().map(|name| s.resource.name = name)) },
    Setting { group: "Resource", key: "Timeout", short: Some('o'), long: "resource-timeout",
        kind: Integer("MS"), help: "wait at most MS; 0 no wait, -1 for ever", of_daemon: false, of_old: true,
        get: |s| number(s.resource.timeout_ms),
        set: Some(|s, v| v.integer().map(|ms| s.resource.timeout_ms = ms)) },
    Setting { group: "Resource", key: "Quantity", short: Some('q'), long: "resource-quantity",
        kind: Integer("N"), help: "units to take of a numeric resource", of_daemon: false, of_old: true,
        get: |s| number(s.resource.quantity),
        set: Some(|s, v| v.units().map(|n| s.resource.quantity = n.unwrap_or(s.resource.quantity))) },
    Setting { group: "Resource", key: "LockMode", short: Some('l'), long: "lock-mode",
        kind: Word("MODE"), help: "NL, CR, CW, PR, PW or EX", of_daemon: false, of_old: true,
        get: |s| Shape::Mode(s.resource.mode),
        set: Some(|s, v| v.mode().map(|mode| s.resource.mode = mode)) },
    Setting { group: "Resource", key: "Create", short: Some('e'), long: "resource-create",
        kind: YesNo, help: "no: wait until somebody creates it", of_daemon: false, of_old: true,
        get: |s| Shape::YesNo(s.resource.create),
        set: Some(|s, v| v.decide(&mut s.resource.create)) },
    Setting { group: "Resource", key: "IdleLifespan", short: Some('i'),
        long: "resource-idle-lifespan",
        kind: Integer("MS"), help: "keep it MS after its last user left", of_daemon: false, of_old: true,
        get: |s| number(s.resource.idle_lifespan_ms),
        set: Some(|s, v| v.size().map(|ms| s.resource.idle_lifespan_ms = ms)) },

    Setting { group: "Daemon", key: "SocketName", short: Some('s'), long: "socket-name",
        kind: Word("PATH"), help: "UNIX socket [/tmp/flom-LOGIN]", of_daemon: true, of_old: true,
        get: |s| path(s.daemon.socket_name.as_ref()),
        set: Some(|s, v| v.socket().map(|path| s.daemon.socket_name = Some(path))) },
    Setting { group: "Daemon", key: "Lifespan", short: Some('d'), long: "daemon-lifespan",
        kind: Integer("MS"), help: "idle life; 0 starts none, -1 for ever", of_daemon: true, of_old: true,
        get: |s| number(s.daemon.lifespan_ms),
        set: Some(|s, v| v.integer().map(|ms| s.daemon.lifespan_ms = ms)) },
    Setting { group: "Daemon", key: "UnicastAddress", short: Some('a'), long: "unicast-address",
        kind: Word("HOST"), help: "host or address (%interface allowed)", of_daemon: true, of_old: true,
        get: |s| text(s.daemon.unicast_address.as_ref()),
        set: Some(|s, v| v.text(A_HOST).map(|host| s.daemon.unicast_address = Some(host))) },
    Setting { group: "Daemon", key: "UnicastPort", short: Some('p'), long: "unicast-port",
        kind: Integer("PORT"), help: "TCP port", of_daemon: true, of_old: true,
        get: |s| number(s.daemon.unicast_port),
        set: Some(|s, v| v.port().map(|port| s.daemon.unicast_port = port)) },
    Setting { group: "Daemon", key: "MulticastAddress", short: Some('A'),
        long: "multicast-address",
        kind: Word("GROUP"), help: "group in which to discover a daemon", of_daemon: true, of_old: true,
        get: |s| text(s.daemon.multicast_address.as_ref()),
        set: Some(|s, v| v.text(A_GROUP).map(|group| s.daemon.multicast_address = Some(group))) },
    Setting { group: "Daemon", key: "MulticastPort", short: Some('P'), long: "multicast-port",
        kind: Integer("PORT"), help: "UDP port", of_daemon: true, of_old: true,
        get: |s| number(s.daemon.multicast_port),
        set: Some(|s, v| v.port().map(|port| s.daemon.multicast_port = port)) },
    Setting { group: "Daemon", key: "MountPointVFS", short: Some('m'), long: "mount-point-vfs",
        kind: Word("DIR"), help: "where a new daemon mounts its state", of_daemon: true, of_old: true,
        get: |s| path(s.daemon.mount_point_vfs.as_ref()), set: None },
    Setting { group: "Daemon", key: "Fairness", short: None, long: "fairness",
        kind: Word("KIND"), help: "bounded:N, fifo or first-fit", of_daemon: true, of_old: false,
        get: |s| word(s.daemon.fairness.to_string()),
        set: Some(|s, v| v.parse().map(|fairness| s.daemon.fairness = fairness)) },
    Setting { group: "Daemon", key: "RemoteShutdown", short: None, long: "remote-shutdown",
        kind: YesNo, help: "obey -x and -X over the network", of_daemon: true, of_old: false,
        get: |s| Shape::Text(s.daemon.remote_shutdown.map(|yes| yes_or_no(yes).into())),
        set: Some(|s, v| {
            let mut yes = false;
            let decided = v.decide(&mut yes);
            s.daemon.remote_shutdown = Some(yes);
            decided
        }) },

    Setting { group: "Monitor", key: "IgnoredSignals", short: None, long: "ignore-signal",
        kind: List("SIGNAL"), help: "flom ignores it meanwhile; repeatable", of_daemon: false, of_old: true,
        get: |s| signals(&s.monitor.ignored_signals),
        set: Some(|s, v| v.signals().map(|list| s.monitor.ignored_signals = list)) },
    Setting { group: "Monitor", key: "KilledStatus", short: None, long: "killed-status",
        kind: Word("HOW"), help: "if killed: signal (128+N) or zero", of_daemon: false, of_old: false,
        get: |s| word(s.monitor.killed_status.to_string()),
        set: Some(|s, v| v.parse().map(|status| s.monitor.killed_status = status)) },

    Setting { group: "Network", key: "NetworkInterface", short: Some('n'),
        long: "network-interface",
        kind: Word("NAME"), help: "use this interface only, with IPv6", of_daemon: true, of_old: true,
        get: |s| text(s.network.interface.as_ref()),
        set: Some(|s, v| v.text(AN_INTERFACE).map(|name| s.network.interface = Some(name))) },
    Setting { group: "Network", key: "DiscoveryAttempts", short: Some('D'),
        long: "discovery-attempts",
        kind: Integer("N"), help: "queries until giving up", of_daemon: true, of_old: true,
        get: |s| number(s.network.discovery_attempts),
        set: Some(|s, v| v.at_least(0).map(|n| s.network.discovery_attempts = n.max(1))) },
    Setting { group: "Network", key: "DiscoveryTimeout", short: Some('I'),
        long: "discovery-timeout",
        kind: Integer("MS"), help: "wait after each query", of_daemon: true, of_old: true,
        get: |s| number(s.network.discovery_timeout_ms),
        set: Some(|s, v| v.at_least(1).map(|ms| s.network.discovery_timeout_ms = ms)) },
    Setting { group: "Network", key: "DiscoveryTTL", short: None, long: "discovery-ttl",
        kind: Integer("HOPS"), help: "hop limit of the queries", of_daemon: true, of_old: true,
        get: |s| number(s.network.discovery_ttl),
        set: Some(|s, v| v.hops().map(|hops| s.network.discovery_ttl = hops)) },
    Setting { group: "Network", key: "TcpKeepaliveTime", short: None, long: "tcp-keepalive-time",
        kind: Integer("S"), help: "silence before a client is probed", of_daemon: true, of_old: true,
        get: |s| number(s.network.keepalive_time_s),
        set: Some(|s, v| v.between(1, KEEPALIVE_S_MAX).map(|n| s.network.keepalive_time_s = n)) },
    Setting { group: "Network", key: "TcpKeepaliveIntvl", short: None, long: "tcp-keepalive-intvl",
        kind: Integer("S"), help: "time between two probes", of_daemon: true, of_old: true,
        get: |s| number(s.network.keepalive_interval_s),
        set: Some(|s, v| v.between(1, KEEPALIVE_S_MAX)
            .map(|n| s.network.keepalive_interval_s = n)) },
    Setting { group: "Network", key: "TcpKeepaliveProbes", short: None,
        long: "tcp-keepalive-probes",
        kind: Integer("N"), help: "lost probes until a client is gone", of_daemon: true, of_old: true,
        get: |s| number(s.network.keepalive_probes),
        set: Some(|s, v| v.between(1, KEEPALIVE_PROBES_MAX)
            .map(|n| s.network.keepalive_probes = n)) },

    Setting { group: "TLS", key: "TlsCertificate", short: None, long: "tls-certificate",
        kind: Word("FILE"), help: "certificate of this host", of_daemon: true, of_old: true,
        get: |s| path(s.tls.certificate.as_ref()), set: None },
    Setting { group: "TLS", key: "TlsPrivateKey", short: None, long: "tls-private-key",
        kind: Word("FILE"), help: "its private key", of_daemon: true, of_old: true,
        get: |s| path(s.tls.private_key.as_ref()), set: None },
    Setting { group: "TLS", key: "TlsCaCertificate", short: None, long: "tls-ca-certificate",
        kind: Word("FILE"), help: "whom to trust", of_daemon: true, of_old: true,
        get: |s| path(s.tls.ca_certificate.as_ref()), set: None },
    Setting { group: "TLS", key: "TlsCheckPeerId", short: None, long: "tls-check-peer-id",
        kind: YesNo, help: "compare host id and certificate", of_daemon: true, of_old: true,
        get: |s| Shape::YesNo(s.tls.check_peer_id), set: None },
];

const A_HOST: &str = "the name or address of a host";
const A_GROUP: &str = "the name or address of a multicast group";
const AN_INTERFACE: &str = "the name of a network interface";

/// The longest times and the most probes that Linux takes (`tcp(7)`): above, every connection
/// would be refused its options.
const KEEPALIVE_S_MAX: u32 = 32767;
const KEEPALIVE_PROBES_MAX: u32 = 127;

impl Setting {
    /// The setting with this long option.
    pub fn by_long(long: &str) -> Option<&'static Self> {
        TABLE.iter().find(|setting| setting.long == long)
    }

    /// The setting with this option of one letter.
    pub fn by_short(short: char) -> Option<&'static Self> {
        TABLE.iter().find(|setting| setting.short == Some(short))
    }

    /// Whether this version has it.
    pub fn is_available(&self) -> bool {
        self.set.is_some()
    }

    /// Its value in `settings`, as the word after the option; `None` if it has none.
    pub fn word(&self, settings: &Settings) -> Option<OsString> {
        match (self.get)(settings) {
            Shape::Text(text) => text,
            Shape::Number(number) => Some(number.to_string().into()),
            Shape::YesNo(yes) => Some(yes_or_no(yes).into()),
            Shape::Mode(mode) => Some(mode.short_name().into()),
        }
    }

    /// The line of `-V` about it.
    pub(crate) fn verbose_line(&self, settings: &Settings) -> String {
        let value = match (self.get)(settings) {
            Shape::Text(text) => format!("'{}'", shown(&text.unwrap_or_default())),
            Shape::Number(number) => number.to_string(),
            Shape::YesNo(yes) => u8::from(yes).to_string(),
            Shape::Mode(mode) => mode.number().to_string(),
        };
        format!("[{}]/{}={value}", self.group, self.key)
    }

    pub(crate) fn set(&self, settings: &mut Settings, value: &Value) -> Result<(), Problem> {
        let set = self.set.ok_or(Problem::NotYet)?;
        set(settings, value)
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Setting({})", self.long)
    }
}

// The table has each long option once.
impl PartialEq for Setting {
    fn eq(&self, other: &Self) -> bool {
        self.long == other.long
    }
}

impl Eq for Setting {}

/// A value on its way out: how it is printed depends on where.
enum Shape {
    Text(Option<OsString>),
    Number(i64),
    YesNo(bool),
    Mode(LockMode),
}

fn number(number: impl Into<i64>) -> Shape {
    Shape::Number(number.into())
}

fn word(word: String) -> Shape {
    Shape::Text(Some(word.into()))
}

fn yes_or_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

fn text(text: Option<&String>) -> Shape {
    Shape::Text(text.map(OsString::from))
}

fn path(path: Option<&PathBuf>) -> Shape {
    Shape::Text(path.map(|path| path.clone().into_os_string()))
}

fn signals(numbers: &[i32]) -> Shape {
    let names: Vec<_> = numbers
        .iter()
        .filter_map(|number| signal_name(*number))
        .collect();
    Shape::Text((!names.is_empty()).then(|| names.join(";").into()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use flom_types::Fairness;

    use super::*;
    use crate::KilledStatus;

    #[test]
    fn no_option_and_no_key_is_there_twice() {
        let all = TABLE.len();
        let longs: BTreeSet<_> = TABLE.iter().map(|setting| setting.long).collect();
        let keys: BTreeSet<_> = TABLE.iter().map(|s| (s.group, s.key)).collect();
        assert_eq!((longs.len(), keys.len()), (all, all));
        let shorts: Vec<_> = TABLE.iter().filter_map(|setting| setting.short).collect();
        assert_eq!(shorts.iter().collect::<BTreeSet<_>>().len(), shorts.len());
    }

    #[test]
    fn every_setting_takes_what_it_prints() {
        let mut settings = Settings::default();
        settings.trace.verbose = true;
        settings.resource.mode = LockMode::ProtectedWrite;
        settings.resource.create = false;
        settings.daemon.socket_name = Some("/tmp/s".into());
        settings.daemon.unicast_address = Some("fe80::1%eth0".to_string());
        settings.daemon.unicast_port = 1;
        settings.daemon.multicast_address = Some("ff02::1".to_string());
        settings.network.interface = Some("eth0".to_string());
        settings.network.discovery_ttl = 9;
        settings.monitor.ignored_signals = vec![15];
        settings.monitor.killed_status = KilledStatus::Zero;
        settings.daemon.fairness = Fairness::Fifo;
        settings.daemon.remote_shutdown = Some(false);
        settings.trace.daemon_file = Some("/tmp/d".into());
        settings.trace.command_file = Some("/tmp/c".into());
        settings.trace.append = true;
        let mut copy = Settings::default();
        for setting in TABLE.iter().filter(|setting| setting.is_available()) {
            if let Some(word) = setting.word(&settings).filter(|word| word != "_RESOURCE") {
                assert_eq!(
                    setting.set(&mut copy, &Value::new(word)),
                    Ok(()),
                    "{setting:?}"
                );
            }
        }
        assert_eq!(copy, settings);
    }

    #[test]
    fn settings_of_later_versions_refuse_every_value() {
        let later: Vec<_> = TABLE
            .iter()
            .filter(|setting| !setting.is_available())
            .collect();
        assert_eq!(later.len(), 5);
        for setting in later {
            let refused = setting.set(&mut Settings::default(), &Value::new("no".into()));
            assert_eq!(refused, Err(Problem::NotYet), "{setting:?}");
        }
    }
}
