//! The daemon: whether one answers where the settings say, or could be started there.
//!
//! It is asked for a time stamp, at once or not at all: that shows that it serves, and its clock.

use std::io;
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use flom_client::{ConnectError, LockError, command};
use flom_net::{interfaces, resolve};
use flom_settings::{Settings, Transport};
use flom_types::Chain;

use super::finding::Finding;

const CHECK: &str = "daemon";

/// Seconds and milliseconds by the daemon's clock, 9 times each millisecond if need be.
const TIME: &str = "_t_%s#fff[9]";

/// Two clocks at about the same moment, in ms since 1970.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct DaemonClock {
    pub(crate) local_ms: i64,
    pub(crate) daemon_ms: i64,
}

impl DaemonClock {
    /// By how much the daemon's is ahead of that of this host.
    pub(crate) fn ahead_ms(self) -> i128 {
        i128::from(self.daemon_ms) - i128::from(self.local_ms)
    }
}

/// What becomes of it if nobody is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Start {
    /// The next command starts a daemon.
    Here,
    /// None is to be started (`-d 0`).
    Never,
    /// None can be started: the address is another host's.
    Elsewhere,
}

/// Asks the daemon, and starts none.
pub(crate) fn check(settings: &Settings) -> (Finding, Option<DaemonClock>) {
    let asked = ask(settings);
    let clock = asked.as_ref().ok().copied().flatten();
    (
        judge(&place(settings), asked.map(drop), start(settings)),
        clock,
    )
}

fn ask(settings: &Settings) -> Result<Option<DaemonClock>, Box<LockError>> {
    let mut settings = settings.clone();
    settings.daemon.lifespan_ms = 0;
    let client = command::client(settings).expect("the settings say where a daemon is");
    let request = client.request(TIME).expect("a name of a time stamp");
    let before_ms = now_ms();
    let guard = request.try_lock()?;
    let local_ms = before_ms.midpoint(now_ms());
    let stamp = guard.as_ref().and_then(|guard| guard.element());
    let daemon_ms = stamp.and_then(|stamp| stamp.replace('.', "").parse().ok());
    if let Some(guard) = guard {
        // It answers; what else it does about the lock is none of our concern.
        let _ = guard.unlock();
    }
    Ok(daemon_ms.map(|daemon_ms| DaemonClock {
        local_ms,
        daemon_ms,
    }))
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

fn place(settings: &Settings) -> String {
    let daemon = &settings.daemon;
    let address = |text: &Option<String>| text.clone().unwrap_or_default();
    match settings.transport() {
        Transport::Unix(path) => path.display().to_string(),
        Transport::Tcp => {
            let host = address(&daemon.unicast_address);
            format!("{host} port {}", daemon.unicast_port)
        }
        Transport::Multicast => {
            let group = address(&daemon.multicast_address);
            format!("group {group} port {}", daemon.multicast_port)
        }
    }
}

fn start(settings: &Settings) -> Start {
    let daemon = &settings.daemon;
    if daemon.lifespan_ms == 0 {
        return Start::Never;
    }
    match (settings.transport(), &daemon.unicast_address) {
        (Transport::Tcp, Some(host)) if !is_local(host, daemon.unicast_port) => Start::Elsewhere,
        _ => Start::Here,
    }
}

/// Whether `host` is this one; if that cannot be told, it is not.
fn is_local(host: &str, port: u16) -> bool {
    let Ok(addresses) = resolve(host, port, None) else {
        return false;
    };
    let interfaces = interfaces().unwrap_or_default();
    let ours = |address: IpAddr| match address {
        address if address.is_loopback() || address.is_unspecified() => true,
        IpAddr::V4(ipv4) => interfaces.iter().any(|one| one.ipv4.contains(&ipv4)),
        IpAddr::V6(ipv6) => interfaces.iter().any(|one| one.ipv6.contains(&ipv6)),
    };
    addresses.iter().any(|address| ours(address.ip()))
}

fn judge(place: &str, asked: Result<(), Box<LockError>>, start: Start) -> Finding {
    let Err(error) = asked else {
        return Finding::ok(CHECK, format!("{place}: it answers"));
    };
    let reason = Chain(error.as_ref()).to_string();
    match (*error, start) {
        (LockError::Busy { .. }, _) => Finding::ok(CHECK, format!("{place}: it answers")),
        (
            LockError::Connect(ConnectError::Nobody { source, .. }),
            Start::Here | Start::Never | Start::Elsewhere,
        ) if is_lost(&source) => Finding::failed(
            CHECK,
            format!("{place}: cannot be reached: {source}"),
            "nothing comes back: the host is down, there is no way to it, or a firewall drops it",
        ),
        (LockError::Connect(ConnectError::Nobody { .. } | ConnectError::Silence { .. }), start) => {
            nobody(place, start)
        }
        (LockError::Connect(ConnectError::Tls { .. }), _) => Finding::failed(
            CHECK,
            format!("{place}: {reason}"),
            "both ends need certificates that the other trusts, or neither (docs/tls.md)",
        ),
        (LockError::Refused { .. }, _) => Finding::failed(
            CHECK,
            format!("{place}: it answers: {reason}"),
            "who may lock there, [Access] Lock of the daemon says: see flomd(8)",
        ),
        (LockError::NoAnswer { .. } | LockError::TimedOut { .. }, _) => Finding::failed(
            CHECK,
            format!("{place}: {reason}"),
            "somebody is there and says nothing: a daemon that hangs, or another program",
        ),
        (LockError::Protocol { .. } | LockError::Disconnected { .. }, _) => Finding::failed(
            CHECK,
            format!("{place}: {reason}"),
            "that may be another program, or a daemon with TLS where none is set up here",
        ),
        (LockError::Connect(_), _) => Finding::failed(
            CHECK,
            format!("{place}: {reason}"),
            "nobody can be asked there: another address (-a, -A) or interface (-n) is needed",
        ),
        _ => Finding::failed(CHECK, format!("{place}: {reason}"), "see its log"),
    }
}

fn nobody(place: &str, start: Start) -> Finding {
    let text = format!("{place}: nobody answers");
    match start {
        Start::Here => Finding::ok(CHECK, format!("{text}; the next flom starts one here")),
        Start::Never => Finding::failed(
            CHECK,
            format!("{text}, and none is to be started (daemon lifespan 0)"),
            "start flomd, or give -d another value than 0",
        ),
        Start::Elsewhere => Finding::failed(
            CHECK,
            format!("{text}, and that is not an address of this host"),
            "start flomd there; a firewall that rejects connections looks the same",
        ),
    }
}

/// Whether nothing has come back, not even a refusal.
fn is_lost(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::TimedOut
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::WouldBlock
    )
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict::{self, Failed, Ok};
    use super::*;
    use flom_client::Endpoint;

    fn nobody_because(kind: io::ErrorKind) -> LockError {
        LockError::Connect(ConnectError::Nobody {
            endpoint: Endpoint::Unix("/s".into()),
            source: kind.into(),
        })
    }

    #[test]
    fn nobody_is_well_only_where_somebody_can_be_started() {
        let refused = io::ErrorKind::ConnectionRefused;
        let lost = io::ErrorKind::TimedOut;
        let table: &[(io::ErrorKind, Start, Verdict, &str)] = &[
            (refused, Start::Here, Ok, "the next flom starts one here"),
            (refused, Start::Never, Failed, "none is to be started"),
            (
                refused,
                Start::Elsewhere,
                Failed,
                "not an address of this host",
            ),
            (lost, Start::Here, Failed, "cannot be reached"),
            (lost, Start::Elsewhere, Failed, "firewall"),
        ];
        for (kind, start, verdict, text) in table {
            let error = nobody_because(*kind);
            let finding = judge("x", Err(Box::new(error)), *start);
            assert_eq!(finding.verdict, *verdict, "{kind:?} {start:?}");
            assert!(finding.to_string().contains(text), "{finding}");
        }
    }

    #[test]
    fn a_daemon_that_refuses_is_told_with_its_reason() {
        let refused = LockError::Refused {
            resource: flom_types::ResourceName::default(),
            peer: "p".to_string(),
            rc: 3,
            reason: Some("uid 7 may not lock".to_string()),
        };
        let finding = judge("x", Err(Box::new(refused)), Start::Here);
        assert_eq!(finding.verdict, Failed);
        assert!(
            finding.to_string().contains("uid 7 may not lock"),
            "{finding}"
        );
        assert_eq!(judge("x", Result::Ok(()), Start::Never).verdict, Ok);
    }

    #[test]
    fn this_host_is_known_by_its_addresses() {
        assert!(is_local("127.0.0.1", 1));
        assert!(is_local("localhost", 1));
        assert!(!is_local("192.0.2.1", 1));
        assert!(!is_local("no such host", 1));
    }
}
