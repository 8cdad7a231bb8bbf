//! The rows of the table: every setting that there is.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::http::HttpAddress;
use crate::table::Kind::{Choice, Directory, File, Flag, Integer, List, Word, YesNo};
use crate::table::{Setting, Shape, number, path, principals, signals, text, word, yes_or_no};

const MODES: [&str; 6] = ["NL", "CR", "CW", "PR", "PW", "EX"];

const A_HOST: &str = "the name or address of a host";
const A_GROUP: &str = "the name or address of a multicast group";
const A_LABEL: &str = "a text";
const A_COMMAND: &str = "a command";
const AN_INTERFACE: &str = "the name of a network interface";

/// The longest times and the most probes that Linux takes (`tcp(7)`): above, every connection
/// would be refused its options.
const KEEPALIVE_S_MAX: u32 = 32767;
const KEEPALIVE_PROBES_MAX: u32 = 127;

/// All settings in the order of `-V`, which is that of configuration files
/// (`spec/configuration.md` §3), with those that FLoM 1.7.2 does not have behind their group's.
#[rustfmt::skip]
pub static TABLE: [Setting; 47] = [
    Setting { group: "Trace", key: "DaemonTraceFile", short: Some('t'), long: "daemon-trace-file",
        kind: File("FILE"), help: "where a new daemon writes its trace",
        of_daemon: true, of_old: true, is_common: false,
        about: "Where a daemon that this command starts writes its trace; what is traced, \
            FLOM_TRACE_MASK says. A relative name starts at the current directory.",
        get: |s| path(s.trace.daemon_file.as_ref()),
        set: |s, v| v.file().map(|file| s.trace.daemon_file = file) },
    Setting { group: "Trace", key: "CommandTraceFile", short: Some('T'), long: "command-trace-file",
        kind: File("FILE"), help: "where flom writes its trace",
        of_daemon: false, of_old: true, is_common: false,
        about: "Where flom itself writes its trace; standard error if nothing is said. A relative \
            name starts at the current directory.",
        get: |s| path(s.trace.command_file.as_ref()),
        set: |s, v| v.file().map(|file| s.trace.command_file = file) },
    Setting { group: "Trace", key: "AppendTraceFile", short: None, long: "append-trace-file",
        kind: YesNo, help: "append to trace files",
        of_daemon: true, of_old: true, is_common: false,
        about: "Whether the trace is added to what the files hold already. Otherwise they are \
            emptied first.",
        get: |s| Shape::YesNo(s.trace.append),
        set: |s, v| v.decide(&mut s.trace.append) },
    Setting { group: "Trace", key: "Verbose", short: Some('V'), long: "verbose",
        kind: Flag, help: "print more: settings, progress",
        of_daemon: true, of_old: true, is_common: true,
        about: "Prints every setting of FLoM 1.7.2, then each step of looking for a daemon, on \
            standard output in front of what the command prints.",
        get: |s| Shape::YesNo(s.trace.verbose),
        set: |s, v| v.decide(&mut s.trace.verbose) },

    Setting { group: "Resource", key: "Name", short: Some('r'), long: "resource-name",
        kind: Word("NAME"), help: "the lock; its name says its kind",
        of_daemon: false, of_old: true, is_common: true,
        about: "The resource to lock. Its name says its kind: word (simple), word[5] (numeric), \
            red.green.blue (set), /path/to/it (hierarchical), _s_word[1] (sequence), \
            _S_word[1] (transactional sequence), _t_%F.%T[1] (timestamp). _RESOURCE is \
            reserved for those who give no name.",
        get: |s| Shape::Text(Some(OsStr::from_bytes(s.resource.name.as_bytes()).to_os_string())),
        set: |s, v| v.name().map(|name| s.resource.name = name) },
    Setting { group: "Resource", key: "Timeout", short: Some('o'), long: "resource-timeout",
        kind: Integer("MS"), help: "wait at most MS; 0 no wait, -1 for ever",
        of_daemon: false, of_old: true, is_common: true,
        about: "How long to wait for the lock, in milliseconds. 0 does not wait, a negative number \
            waits for ever. Who has waited in vain ends with 98.",
        get: |s| number(s.resource.timeout_ms),
        set: |s, v| v.integer().map(|ms| s.resource.timeout_ms = ms) },
    Setting { group: "Resource", key: "Quantity", short: Some('q'), long: "resource-quantity",
        kind: Integer("N"), help: "units to take of a numeric resource",
        of_daemon: false, of_old: true, is_common: true,
        about: "How many units of a numeric resource to take. 0 changes nothing; so does, with a \
            warning, a negative number on the command line. In a file, the sign does not \
            count.",
        get: |s| number(s.resource.quantity),
        set: |s, v| v.units().map(|n| s.resource.quantity = n.unwrap_or(s.resource.quantity)) },
    Setting { group: "Resource", key: "LockMode", short: Some('l'), long: "lock-mode",
        kind: Choice("MODE", &MODES), help: "NL, CR, CW, PR, PW or EX",
        of_daemon: false, of_old: true, is_common: true,
        about: "How to lock a simple or hierarchical resource: NL (null lock), CR (concurrent \
            read), CW (concurrent write), PR (protected read), PW (protected write) or EX \
            (exclusive), or NullLock, ConcurrentRead and so on. Other resources are always \
            locked exclusively.",
        get: |s| Shape::Mode(s.resource.mode),
        set: |s, v| v.mode().map(|mode| s.resource.mode = mode) },
    Setting { group: "Resource", key: "Create", short: Some('e'), long: "resource-create",
        kind: YesNo, help: "no: wait until somebody creates it",
        of_daemon: false, of_old: true, is_common: false,
        about: "Whether the resource is created if there is none. Otherwise the command waits \
            until somebody else creates it or, with a timeout of 0, ends with 96.",
        get: |s| Shape::YesNo(s.resource.create),
        set: |s, v| v.decide(&mut s.resource.create) },
    Setting { group: "Resource", key: "IdleLifespan", short: Some('i'),
        long: "resource-idle-lifespan",
        kind: Integer("MS"), help: "keep it MS after its last user left",
        of_daemon: false, of_old: true, is_common: false,
        about: "How long the resource is kept after its last user has left, in milliseconds: how \
            long a sequence goes on counting, for instance. It counts if this request creates \
            the resource.",
        get: |s| number(s.resource.idle_lifespan_ms),
        set: |s, v| v.size().map(|ms| s.resource.idle_lifespan_ms = ms) },
    Setting { group: "Resource", key: "Reentrant", short: None, long: "reentrant",
        kind: Flag, help: "take what the flom around it holds",
        of_daemon: false, of_old: false, is_common: false,
        about: "A flom that runs under the lock of another one (it knows by FLOM_SESSION) gets at \
            once what that one holds already: the same resource, in this mode or a stronger one, \
            or so many units. Otherwise it is told that it would wait for itself, and ends with \
            95.",
        get: |s| Shape::YesNo(s.resource.reentrant),
        set: |s, v| v.decide(&mut s.resource.reentrant) },

    Setting { group: "Daemon", key: "SocketName", short: Some('s'), long: "socket-name",
        kind: File("PATH"), help: "UNIX socket [/tmp/flom-LOGIN]",
        of_daemon: true, of_old: true, is_common: true,
        about: "The UNIX socket of the daemon, at most 107 bytes. Without it and without any \
            address it is /tmp/flom-LOGIN, by the login of the user. A relative name starts at \
            the current directory.",
        get: |s| path(s.daemon.socket_name.as_ref()),
        set: |s, v| v.socket().map(|path| s.daemon.socket_name = path) },
    Setting { group: "Daemon", key: "Lifespan", short: Some('d'), long: "daemon-lifespan",
        kind: Integer("MS"), help: "idle life; 0 starts none, -1 for ever",
        of_daemon: true, of_old: true, is_common: true,
        about: "How long a daemon that this command starts goes on without any user, in \
            milliseconds. 0 never starts one; with a negative number it stays for ever. A \
            daemon that runs already is not changed. flomd started by hand stays for ever if \
            nothing is said.",
        get: |s| number(s.daemon.lifespan_ms),
        set: |s, v| v.integer().map(|ms| s.daemon.lifespan_ms = ms) },
    Setting { group: "Daemon", key: "UnicastAddress", short: Some('a'), long: "unicast-address",
        kind: Word("HOST"), help: "host or address (%interface allowed)",
        of_daemon: true, of_old: true, is_common: true,
        about: "Host name or address (IPv4, IPv6) of the daemon, and where a new one listens. \
            Link-local addresses need their interface: fe80::1%eth0, or the network interface \
            of its own.",
        get: |s| text(s.daemon.unicast_address.as_ref()),
        set: |s, v| v.text(A_HOST).map(|host| s.daemon.unicast_address = host) },
    Setting { group: "Daemon", key: "UnicastPort", short: Some('p'), long: "unicast-port",
        kind: Integer("PORT"), help: "TCP port",
        of_daemon: true, of_old: true, is_common: false,
        about: "TCP port of the daemon.",
        get: |s| number(s.daemon.unicast_port),
        set: |s, v| v.port().map(|port| s.daemon.unicast_port = port) },
    Setting { group: "Daemon", key: "MulticastAddress", short: Some('A'), long: "multicast-address",
        kind: Word("GROUP"), help: "group in which to discover a daemon",
        of_daemon: true, of_old: true, is_common: true,
        about: "The multicast group (such as 239.255.0.1 or ff02::1) in which a daemon is looked \
            for, and which a new one joins.",
        get: |s| text(s.daemon.multicast_address.as_ref()),
        set: |s, v| v.text(A_GROUP).map(|group| s.daemon.multicast_address = group) },
    Setting { group: "Daemon", key: "MulticastPort", short: Some('P'), long: "multicast-port",
        kind: Integer("PORT"), help: "UDP port",
        of_daemon: true, of_old: true, is_common: false,
        about: "UDP port of the multicast group.",
        get: |s| number(s.daemon.multicast_port),
        set: |s, v| v.port().map(|port| s.daemon.multicast_port = port) },
    Setting { group: "Daemon", key: "MountPointVFS", short: Some('m'), long: "mount-point-vfs",
        kind: Directory("DIR"), help: "where a new daemon mounts its state",
        of_daemon: true, of_old: true, is_common: false,
        about: "The directory, which must be there, where a daemon that this command starts mounts \
            a file system that shows who holds what and who waits; only its own user may look. \
            Needs FUSE (package fuse3). A daemon that cannot mount it works without it, and it is \
            said why.",
        get: |s| path(s.daemon.mount_point_vfs.as_ref()),
        set: |s, v| v.directory().map(|dir| s.daemon.mount_point_vfs = dir) },
    Setting { group: "Daemon", key: "Fairness", short: None, long: "fairness",
        kind: Choice("KIND", &["bounded:16", "fifo", "first-fit"]),
        help: "bounded:N, fifo or first-fit",
        of_daemon: true, of_old: false, is_common: false,
        about: "Who may pass whom in the queue of a daemon that this command starts. bounded:N: a \
            waiter is passed at most N times by others that fit. fifo: nobody passes anybody \
            with whom it conflicts. first-fit: whoever fits is served, as in FLoM 1.7.2, and a \
            stream of readers can starve a writer.",
        get: |s| word(s.daemon.fairness.to_string()),
        set: |s, v| v.parse().map(|fairness| s.daemon.fairness = fairness) },
    Setting { group: "Daemon", key: "RemoteShutdown", short: None, long: "remote-shutdown",
        kind: YesNo, help: "obey -x and -X over the network",
        of_daemon: true, of_old: false, is_common: false,
        about: "Whether a daemon that this command starts may be ended over the network. If \
            nothing is said: with TLS, or if it listens on a loopback address only.",
        get: |s| Shape::Text(s.daemon.remote_shutdown.map(|yes| yes_or_no(yes).into())),
        set: |s, v| v.decide(s.daemon.remote_shutdown.get_or_insert_default()) },
    Setting { group: "Daemon", key: "Http", short: None, long: "http",
        kind: Word("PORT"), help: "show itself at http://localhost:PORT",
        of_daemon: true, of_old: false, is_common: false,
        about: "Where a daemon that this command starts shows over HTTP who holds what (/, \
            /status.json) and figures for Prometheus (/metrics). PORT: for this host only. \
            ADDRESS:PORT, as in [::]:9345: for whoever reaches that address, and nobody proves \
            who they are. Nowhere if nothing is said.",
        get: |s| Shape::Text(s.daemon.http.map(|http| http.to_string().into())),
        set: |s, v| HttpAddress::given(v).map(|http| s.daemon.http = http) },

    Setting { group: "Monitor", key: "IgnoredSignals", short: None, long: "ignore-signal",
        kind: List("SIGNAL"), help: "flom ignores it meanwhile; repeatable",
        of_daemon: false, of_old: true, is_common: false,
        about: "A signal that flom ignores, instead of passing it on, while the command runs: \
            SIGTERM, TERM or 15. The option can be repeated; in a file, semicolons stand \
            between the signals. The options replace the list of a file.",
        get: |s| signals(&s.monitor.ignored_signals),
        set: |s, v| v.signals(&mut s.monitor.ignored_signals) },
    Setting { group: "Monitor", key: "KilledStatus", short: None, long: "killed-status",
        kind: Choice("HOW", &["signal", "zero"]), help: "if killed: signal (128+N) or zero",
        of_daemon: false, of_old: false, is_common: false,
        about: "How flom ends if signal N has killed the command. signal: with 128+N, and a \
            transactional sequence takes its number back. zero: with 0, and the number is used \
            up, as in FLoM 1.7.2.",
        get: |s| word(s.monitor.killed_status.to_string()),
        set: |s, v| v.parse().map(|status| s.monitor.killed_status = status) },
    Setting { group: "Monitor", key: "Label", short: None, long: "label",
        kind: Word("TEXT"), help: "what others see it called",
        of_daemon: false, of_old: false, is_common: false,
        about: "What this command is called where others see who holds a lock: --status, for \
            instance. They also see host, user, process and the start of the command line.",
        get: |s| text(s.monitor.label.as_ref()),
        set: |s, v| v.text(A_LABEL).map(|label| s.monitor.label = label) },
    Setting { group: "Monitor", key: "HideCommand", short: None, long: "hide-command",
        kind: YesNo, help: "keep the command line from others",
        of_daemon: false, of_old: false, is_common: false,
        about: "Whether flom keeps to itself what command it runs, because of a password in it, \
            for instance. Otherwise the start of the command line goes to the daemon, and whoever \
            may look sees it.",
        get: |s| Shape::YesNo(s.monitor.hide_command),
        set: |s, v| v.decide(&mut s.monitor.hide_command) },
    Setting { group: "Monitor", key: "OnDirty", short: None, long: "on-dirty",
        kind: Word("COMMAND"), help: "if the last holder failed, run this first",
        of_daemon: false, of_old: false, is_common: false,
        about: "A command for /bin/sh that is run first, under the lock, if the last exclusive \
            holder of the resource failed, was killed or lost. FLOM_PREVIOUS says which. If it \
            fails, the command is not run, its status is that of flom, and the next holder finds \
            the resource as it was.",
        get: |s| text(s.monitor.on_dirty.as_ref()),
        set: |s, v| v.text(A_COMMAND).map(|command| s.monitor.on_dirty = command) },
    Setting { group: "Monitor", key: "OnLost", short: None, long: "on-lost",
        kind: Choice("WHAT", &["continue", "term", "kill", "freeze"]),
        help: "continue, term, kill or freeze",
        of_daemon: false, of_old: false, is_common: false,
        about: "What becomes of the running command when the daemon is lost, and with it the lock. \
            continue: it goes on, and you are told. term: TERM, and KILL after kill-after. kill: \
            KILL. freeze: it is stopped while the daemon is looked for, goes on with its lock if \
            the same daemon is back within lost-grace, and is ended as by term otherwise. Who was \
            ended for that ends with 94.",
        get: |s| word(s.monitor.on_lost.to_string()),
        set: |s, v| v.parse().map(|what| s.monitor.on_lost = what) },
    Setting { group: "Monitor", key: "LostGrace", short: None, long: "lost-grace",
        kind: Word("S"), help: "how long freeze looks for the daemon",
        of_daemon: false, of_old: false, is_common: false,
        about: "For how many seconds a stopped command waits for its daemon (see on-lost). The \
            daemon keeps the lock so long for it if the connection breaks.",
        get: |s| word(s.monitor.lost_grace.to_string()),
        set: |s, v| v.parse().map(|grace| s.monitor.lost_grace = grace) },
    Setting { group: "Monitor", key: "KillAfter", short: None, long: "kill-after",
        kind: Word("S"), help: "from TERM to KILL",
        of_daemon: false, of_old: false, is_common: false,
        about: "How many seconds a command that has got TERM from flom may take to end, until it \
            gets KILL.",
        get: |s| word(s.monitor.kill_after.to_string()),
        set: |s, v| v.parse().map(|time| s.monitor.kill_after = time) },
    Setting { group: "Monitor", key: "MaxHold", short: None, long: "max-hold",
        kind: Word("S"), help: "end the command after so long",
        of_daemon: false, of_old: false, is_common: false,
        about: "How many seconds the command may hold the lock. Then it is ended: TERM, and KILL \
            after kill-after; flom ends with 94. 0: as long as it likes.",
        get: |s| word(s.monitor.max_hold.to_string()),
        set: |s, v| v.parse().map(|time| s.monitor.max_hold = time) },
    Setting { group: "Monitor", key: "MinHold", short: None, long: "min-hold",
        kind: Word("S"), help: "keep the lock so long at least",
        of_daemon: false, of_old: false, is_common: false,
        about: "For how many seconds the lock is kept at least, even if the command ends sooner: so \
            that of two hosts whose clocks differ a little only one does what is to be done once.",
        get: |s| word(s.monitor.min_hold.to_string()),
        set: |s, v| v.parse().map(|time| s.monitor.min_hold = time) },

    Setting { group: "Network", key: "NetworkInterface", short: Some('n'),
        long: "network-interface",
        kind: Word("NAME"), help: "use this interface only, with IPv6",
        of_daemon: true, of_old: true, is_common: true,
        about: "The only network interface to use, with IPv6: that of link-local addresses, for \
            instance.",
        get: |s| text(s.network.interface.as_ref()),
        set: |s, v| v.text(AN_INTERFACE).map(|name| s.network.interface = name) },
    Setting { group: "Network", key: "DiscoveryAttempts", short: Some('D'),
        long: "discovery-attempts",
        kind: Integer("N"), help: "queries until giving up",
        of_daemon: true, of_old: true, is_common: false,
        about: "How many times to ask the multicast group for a daemon before giving up; 0 is 1.",
        get: |s| number(s.network.discovery_attempts),
        set: |s, v| v.at_least(0).map(|n| s.network.discovery_attempts = n.max(1)) },
    Setting { group: "Network", key: "DiscoveryTimeout", short: Some('I'),
        long: "discovery-timeout",
        kind: Integer("MS"), help: "wait after each query",
        of_daemon: true, of_old: true, is_common: false,
        about: "How long to wait for an answer each time, in milliseconds.",
        get: |s| number(s.network.discovery_timeout_ms),
        set: |s, v| v.at_least(1).map(|ms| s.network.discovery_timeout_ms = ms) },
    Setting { group: "Network", key: "DiscoveryTTL", short: None, long: "discovery-ttl",
        kind: Integer("HOPS"), help: "hop limit of the queries",
        of_daemon: true, of_old: true, is_common: false,
        about: "How many routers the queries may pass, from 1 (none) to 255; 0 is 1.",
        get: |s| number(s.network.discovery_ttl),
        set: |s, v| v.hops().map(|hops| s.network.discovery_ttl = hops) },
    Setting { group: "Network", key: "TcpKeepaliveTime", short: None, long: "tcp-keepalive-time",
        kind: Integer("S"), help: "silence before a client is probed",
        of_daemon: true, of_old: true, is_common: false,
        about: "After how many seconds of silence a new daemon looks whether a client is still \
            there; see tcp(7).",
        get: |s| number(s.network.keepalive_time_s),
        set: |s, v| v.between(1, KEEPALIVE_S_MAX).map(|n| s.network.keepalive_time_s = n) },
    Setting { group: "Network", key: "TcpKeepaliveIntvl", short: None, long: "tcp-keepalive-intvl",
        kind: Integer("S"), help: "time between two probes",
        of_daemon: true, of_old: true, is_common: false,
        about: "Seconds between two such looks.",
        get: |s| number(s.network.keepalive_interval_s),
        set: |s, v| v.between(1, KEEPALIVE_S_MAX).map(|n| s.network.keepalive_interval_s = n) },
    Setting { group: "Network", key: "TcpKeepaliveProbes", short: None,
        long: "tcp-keepalive-probes",
        kind: Integer("N"), help: "lost probes until a client is gone",
        of_daemon: true, of_old: true, is_common: false,
        about: "After how many looks in vain a client counts as gone, and its locks are free.",
        get: |s| number(s.network.keepalive_probes),
        set: |s, v| v.between(1, KEEPALIVE_PROBES_MAX).map(|n| s.network.keepalive_probes = n) },
    Setting { group: "Network", key: "Heartbeat", short: None, long: "heartbeat",
        kind: Word("S"), help: "notice a lost peer within so long",
        of_daemon: true, of_old: false, is_common: false,
        about: "Within how many seconds flom notices that its daemon is lost while the command \
            runs, and a daemon that this command starts that the host of a client is: also if no \
            word of it comes through. 0: not before the system does. FLoM 1.7.2 knows nothing of \
            it, and is not disturbed.",
        get: |s| word(s.network.heartbeat.to_string()),
        set: |s, v| v.parse().map(|time| s.network.heartbeat = time) },

    Setting { group: "TLS", key: "TlsCertificate", short: None, long: "tls-certificate",
        kind: File("FILE"), help: "certificate of this host",
        of_daemon: true, of_old: true, is_common: false,
        about: "The certificate of this host (PEM), followed by those between it and that of the CA, if \
            there are any. The three files together switch TLS on, on UNIX sockets too.",
        get: |s| path(s.tls.certificate.as_ref()),
        set: |s, v| v.existing_file().map(|file| s.tls.certificate = file) },
    Setting { group: "TLS", key: "TlsPrivateKey", short: None, long: "tls-private-key",
        kind: File("FILE"), help: "its private key",
        of_daemon: true, of_old: true, is_common: false,
        about: "The private key of that certificate (PEM).",
        get: |s| path(s.tls.private_key.as_ref()),
        set: |s, v| v.existing_file().map(|file| s.tls.private_key = file) },
    Setting { group: "TLS", key: "TlsCaCertificate", short: None, long: "tls-ca-certificate",
        kind: File("FILE"), help: "whom to trust",
        of_daemon: true, of_old: true, is_common: false,
        about: "The certificates of those who sign the certificates of trusted hosts (PEM).",
        get: |s| path(s.tls.ca_certificate.as_ref()),
        set: |s, v| v.existing_file().map(|file| s.tls.ca_certificate = file) },
    Setting { group: "TLS", key: "TlsCheckPeerId", short: None, long: "tls-check-peer-id",
        kind: YesNo, help: "compare host id and certificate",
        of_daemon: true, of_old: true, is_common: false,
        about: "Whether the id that a peer says it has (--unique-id prints that of this host) must \
            be the common name of its certificate.",
        get: |s| Shape::YesNo(s.tls.check_peer_id),
        set: |s, v| v.decide(&mut s.tls.check_peer_id) },
    Setting { group: "TLS", key: "HandshakeTimeout", short: None, long: "tls-handshake-timeout",
        kind: Integer("MS"), help: "how long a TLS handshake may take",
        of_daemon: true, of_old: false, is_common: false,
        about: "How long a TLS handshake may take, in milliseconds. A peer that needs longer, or \
            says nothing at all, loses its connection; nobody else waits meanwhile.",
        get: |s| number(s.tls.handshake_timeout_ms),
        set: |s, v| v.at_least(1).map(|ms| s.tls.handshake_timeout_ms = ms) },

    Setting { group: "Access", key: "Lock", short: None, long: "access-lock",
        kind: List("WHO"), help: "who may lock; repeatable",
        of_daemon: true, of_old: false, is_common: false,
        about: "Who may lock at a daemon that this command starts: uid:USER or gid:GROUP, by name \
            or number, for those who come over a UNIX socket, or the common name of a certificate \
            for those who come with TLS. The option can be repeated; in a file, semicolons stand \
            between them. If nothing is said, everybody may who reaches the daemon.",
        get: |s| principals(&s.access.lock),
        set: |s, v| v.principals(&mut s.access.lock) },
    Setting { group: "Access", key: "Shutdown", short: None, long: "access-shutdown",
        kind: List("WHO"), help: "who may end the daemon; repeatable",
        of_daemon: true, of_old: false, is_common: false,
        about: "Who may end a daemon that this command starts with -x and -X, in the words of \
            access-lock: these and nobody else. If nothing is said, its own user and root over a \
            UNIX socket, and over the network who may by remote-shutdown.",
        get: |s| principals(&s.access.shutdown),
        set: |s, v| v.principals(&mut s.access.shutdown) },
    Setting { group: "Access", key: "Observe", short: None, long: "access-observe",
        kind: List("WHO"), help: "who may look at it; repeatable",
        of_daemon: true, of_old: false, is_common: false,
        about: "Who may ask a daemon that this command starts who holds what, in the words of \
            access-lock. If nothing is said, everybody may who reaches the daemon.",
        get: |s| principals(&s.access.observe),
        set: |s, v| v.principals(&mut s.access.observe) },
];
