//! The multicast group: on each interface, whether a query goes out and who answers it.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use flom_discovery::{Found, query};
use flom_net::{Group, Interface};
use flom_settings::{Settings, shown};
use flom_types::limits::DATAGRAM_BYTES;

use super::finding::Finding;

const CHECK: &str = "multicast";

/// What `--debug-feature=ipv6.multicast.server` answers.
const WELCOME: &[u8] = b"WELCOME";

/// What has come of a query on one interface.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Facts {
    interface: String,
    loopback: bool,
    /// Or why it could not be sent.
    sent: Result<(), String>,
    /// Whether this host has heard itself; `None` if it could not listen.
    heard: Option<bool>,
    /// Who has answered.
    answers: Vec<String>,
}

/// Asks the group of the settings, if there is one, on every interface that can carry it.
pub(crate) fn check(settings: &Settings) -> Vec<Finding> {
    let daemon = &settings.daemon;
    let Some(text) = daemon.multicast_address.as_deref() else {
        return Vec::new();
    };
    let port = daemon.multicast_port;
    let named = settings.network.interface.as_deref();
    let interface = named.and_then(|name| Interface::find(name).ok());
    let group = match Group::resolve(text, port, interface.as_ref()) {
        Ok(group) => group,
        Err(error) => {
            let hint = match interface {
                Some(_) => "with -n it must be a group of IPv6, such as ff02::1; or leave -n out",
                None => "choose a group such as 239.255.0.1 or ff02::1",
            };
            return vec![Finding::failed(CHECK, format!("{text}: {error}"), hint)];
        }
    };
    if !group.address().ip().is_multicast() {
        let text = format!("{text}: that is a host and no group: a daemon cannot join it");
        let hint = "choose a group such as 239.255.0.1 or ff02::1, or give the host with -a";
        return vec![Finding::warning(CHECK, text, hint)];
    }
    if group.interfaces().is_empty() {
        let text = format!("{text}: no interface is up, has an address and carries multicast");
        let hint = "`ip address` shows the interfaces; one of the group's family is needed";
        return vec![Finding::failed(CHECK, text, hint)];
    }
    // All at once: a host can have dozens, and each takes its time where nobody answers.
    let facts: Vec<_> = thread::scope(|scope| {
        let group = &group;
        let ask = |interface| scope.spawn(move || ask(settings, group, interface));
        let asked: Vec<_> = group.interfaces().iter().map(ask).collect();
        let join = |one: thread::ScopedJoinHandle<'_, _>| one.join().expect("asking never panics");
        asked.into_iter().map(join).collect()
    });
    judge(&facts, port)
}

/// Asks on one interface alone, as often and for as long as `flom` does.
fn ask(settings: &Settings, group: &Group, interface: &Interface) -> Facts {
    let mut facts = Facts {
        interface: interface.name.clone(),
        loopback: interface.loopback,
        sent: Ok(()),
        heard: None,
        answers: Vec::new(),
    };
    facts.sent = try_ask(settings, group, interface, &mut facts).map_err(|error| error.to_string());
    facts
}

fn try_ask(
    settings: &Settings,
    group: &Group,
    interface: &Interface,
    facts: &mut Facts,
) -> io::Result<()> {
    let address = group.address();
    let text = format!("{}%{}", address.ip(), interface.name);
    let group = Group::resolve(&text, address.port(), None).map_err(io::Error::other)?;
    let listener = group.listen().ok();
    let sender = group.sender(settings.network.discovery_ttl)?;
    let own_port = sender.local_addr()?.port();
    for _ in 0..settings.network.discovery_attempts {
        sender.send(query())?;
        let until = Instant::now() + settings.network.discovery_timeout();
        let mut buffer = [0; DATAGRAM_BYTES];
        while let Some(left) = until.checked_duration_since(Instant::now())
            && let Some((bytes, from)) = sender.receive(&mut buffer, left)?
        {
            facts.answers.extend(answer(from, &buffer[..bytes]));
        }
        if !facts.answers.is_empty() {
            break;
        }
    }
    facts.answers.sort();
    facts.answers.dedup();
    facts.heard = listener.map(|listener| has_heard(&listener, own_port));
    Ok(())
}

/// Who has answered with `datagram`, if that is an answer.
fn answer(from: SocketAddr, datagram: &[u8]) -> Option<String> {
    if datagram == WELCOME {
        return Some(format!("{} (debug feature)", from.ip()));
    }
    match Found::read(from, datagram)? {
        Found::At(address) => Some(address.to_string()),
        Found::Named { host, port, .. } => Some(format!("{} port {port}", shown(host.as_ref()))),
    }
}

/// Whether something that was sent from our port is there.
fn has_heard(listener: &UdpSocket, own_port: u16) -> bool {
    let mut buffer = [0; DATAGRAM_BYTES];
    if listener
        .set_read_timeout(Some(Duration::from_millis(100)))
        .is_err()
    {
        return false;
    }
    while let Ok((_, from)) = listener.recv_from(&mut buffer) {
        if from.port() == own_port {
            return true;
        }
    }
    false
}

fn judge(facts: &[Facts], port: u16) -> Vec<Finding> {
    let answered = facts.iter().any(|one| !one.answers.is_empty());
    facts
        .iter()
        .map(|one| judge_one(one, answered, port))
        .collect()
}

/// `answered` is whether somebody has answered on any interface.
fn judge_one(facts: &Facts, answered: bool, port: u16) -> Finding {
    let name = &facts.interface;
    if let Err(error) = &facts.sent {
        let hint = "`ip address` shows whether it is up; -n NAME uses another one alone";
        return Finding::failed(
            CHECK,
            format!("{name}: cannot ask the group: {error}"),
            hint,
        );
    }
    if !facts.answers.is_empty() {
        return Finding::ok(
            CHECK,
            format!("{name}: answered by {}", facts.answers.join(", ")),
        );
    }
    match facts.heard {
        _ if facts.loopback || answered => {
            Finding::ok(CHECK, format!("{name}: asked, nobody answers there"))
        }
        Some(false) => Finding::warning(
            CHECK,
            format!("{name}: this host does not even hear itself"),
            format!("a firewall of this host drops UDP to port {port}"),
        ),
        Some(true) | None => Finding::warning(
            CHECK,
            format!("{name}: asked, nobody answers"),
            format!(
                "well if no daemon runs; else a firewall drops UDP to port {port} on the daemon's \
                 host or the answer from it on this one, or switches drop multicast"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict::{self, Failed, Ok, Warning};
    use super::*;

    fn facts(interface: &str) -> Facts {
        Facts {
            interface: interface.to_string(),
            loopback: interface == "lo",
            sent: Result::Ok(()),
            heard: Some(true),
            answers: Vec::new(),
        }
    }

    fn verdicts(facts: &[Facts]) -> Vec<Verdict> {
        judge(facts, 1)
            .iter()
            .map(|finding| finding.verdict)
            .collect()
    }

    #[test]
    fn silence_is_well_where_somebody_answers_elsewhere_or_on_loopback() {
        let answered = Facts {
            answers: vec!["10.1.0.2:4".to_string()],
            ..facts("eth1")
        };
        let deaf = Facts {
            heard: Some(false),
            ..facts("eth0")
        };
        assert_eq!(verdicts(&[facts("eth0"), answered.clone()]), [Ok, Ok]);
        assert_eq!(verdicts(&[facts("lo"), facts("eth0")]), [Ok, Warning]);
        assert_eq!(verdicts(&[facts("lo")]), [Ok]);
        assert_eq!(verdicts(std::slice::from_ref(&deaf)), [Warning]);
        let down = Facts {
            sent: Err("it is down".to_string()),
            ..facts("eth2")
        };
        assert_eq!(verdicts(&[answered, down]), [Ok, Failed]);
        assert!(
            judge(&[deaf], 7)[0]
                .to_string()
                .contains("drops UDP to port 7")
        );
    }
}
