//! From a place to a connection: look there, and start a daemon if that is called for.

use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use flom_discovery::Found;
use flom_net::{
    Interface, Keepalive, ResolveError, Stream, connect_tcp, connect_unix_within, interfaces,
    resolve, tune,
};
use flom_settings::Settings;
use flom_types::target;
use log::debug;

use crate::discover::discover;
use crate::error::{ConnectError, StartError};
use crate::in_time::{self, is_over, left};
use crate::line::Line;
use crate::locate::{Endpoint, Plan, Purpose, locate};
use crate::notice::Notice;
use crate::search::{Look, World, find};
use crate::start::{Report, start};

/// How long a host, or a daemon of this host, may take to accept a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Connects to the daemon that `settings` mean, at the latest `until` then; where there is no such
/// limit, each step has its own.
pub(crate) fn connect(
    settings: &Settings,
    purpose: Purpose,
    until: Option<Instant>,
    tell: &mut dyn FnMut(Notice<'_>),
) -> Result<Line, ConnectError> {
    let plan = locate(settings, purpose).expect("a client has a place to look at");
    let may_start = plan.start;
    let mut search = Search {
        settings,
        plan,
        purpose,
        until,
        tell,
        began: Instant::now(),
    };
    find(&mut search, may_start).map_err(|error| match is_over(until) {
        true => search.too_slow(),
        false => error,
    })
}

/// The search in the real world.
struct Search<'a> {
    settings: &'a Settings,
    plan: Plan,
    purpose: Purpose,
    until: Option<Instant>,
    tell: &'a mut dyn FnMut(Notice<'_>),
    began: Instant,
}

impl World for Search<'_> {
    type Line = Line;

    fn look(&mut self) -> Result<Look<Line>, ConnectError> {
        debug!(target: target::CLIENT, "looks for a daemon at {}", self.plan.endpoint);
        let look = self.look_there();
        match &look {
            Ok(Look::Found(line)) => debug!(target: target::CLIENT, "found {}", line.peer()),
            Ok(Look::Nobody(error)) => {
                debug!(target: target::CLIENT, "nobody is there: {}", reason(error));
            }
            Ok(Look::Gone(error)) | Err(error) => {
                debug!(target: target::CLIENT, "cannot reach it: {}", reason(error));
            }
        }
        look
    }

    fn start(&mut self) -> Result<Report, StartError> {
        let report = start(self.settings, self.until)?;
        if let Report::Ready { but: Some(text) } = &report {
            (self.tell)(Notice::Shortcoming { text });
        }
        Ok(report)
    }

    fn pause(&mut self, pause: Duration) {
        thread::sleep(left(self.until, pause));
    }

    /// Once our time is over, no search has lasted longer.
    fn elapsed(&self) -> Duration {
        match is_over(self.until) {
            true => Duration::MAX,
            false => self.began.elapsed(),
        }
    }

    fn endpoint(&self) -> Endpoint {
        self.plan.endpoint.clone()
    }
}

impl Search<'_> {
    /// Takes over a connection, encrypted if it is to be.
    fn found(&self, stream: Stream, peer: String) -> Result<Look<Line>, ConnectError> {
        let tls = &self.settings.tls;
        let limit = Duration::from_millis(tls.handshake_timeout_ms.into());
        let until = Instant::now() + left(self.until, limit);
        let secured = match Line::new(stream, peer.clone()) {
            Ok(line) => line.secure(tls, until),
            Err(source) => return Err(ConnectError::Unreachable { peer, source }),
        };
        match secured {
            Ok(line) => Ok(Look::Found(line)),
            Err(source) => {
                // A daemon that was just about to end closes the connection, too.
                let gone = source.is_end();
                let error = ConnectError::Tls { peer, source };
                if gone {
                    Ok(Look::Gone(error))
                } else {
                    Err(error)
                }
            }
        }
    }

    fn look_there(&mut self) -> Result<Look<Line>, ConnectError> {
        let endpoint = self.plan.endpoint.clone();
        match &endpoint {
            Endpoint::Unix(path) => {
                match connect_unix_within(path, left(self.until, CONNECT_LIMIT)) {
                    Ok(stream) => self.found(stream, endpoint.to_string()),
                    Err(source) if is_nobody(&source) => {
                        Ok(Look::Nobody(ConnectError::Nobody { endpoint, source }))
                    }
                    Err(source) => {
                        let peer = endpoint.to_string();
                        Err(ConnectError::Unreachable { peer, source })
                    }
                }
            }
            Endpoint::Tcp { host, port } => self.look_at_host(&endpoint, host, *port),
            Endpoint::Group { address, port } => self.look_in_group(&endpoint, address, *port),
        }
    }

    fn look_at_host(
        &self,
        endpoint: &Endpoint,
        host: &str,
        port: u16,
    ) -> Result<Look<Line>, ConnectError> {
        let interface = interface(self.settings)?;
        let given = host.to_string();
        let addresses = look_up(endpoint, host, self.until, move || {
            resolve(&given, port, interface.as_ref())
        })?;
        let endpoint = endpoint.clone();
        match self.connect_tcp(&addresses) {
            Ok(stream) => self.found(stream, endpoint.to_string()),
            // Whatever the reason, here it counts as nobody: a daemon may bind what we cannot
            // reach, and where it cannot it will say so.
            Err(source) => Ok(Look::Nobody(ConnectError::Nobody { endpoint, source })),
        }
    }

    /// Connects, and has the system notice when the daemon's host is lost, also while we wait and
    /// have nothing to say: as soon as the daemon's system may notice that ours is.
    fn connect_tcp(&self, addresses: &[SocketAddr]) -> io::Result<Stream> {
        let stream = connect_tcp(addresses, left(self.until, CONNECT_LIMIT))?;
        let network = &self.settings.network;
        let keepalive = match network.miss_after() {
            Some(limit) => Keepalive::within(limit),
            None => Keepalive {
                time: Duration::from_secs(network.keepalive_time_s.into()),
                interval: Duration::from_secs(network.keepalive_interval_s.into()),
                probes: network.keepalive_probes,
            },
        };
        tune(&stream, &keepalive)?;
        Ok(stream)
    }

    fn look_in_group(
        &mut self,
        endpoint: &Endpoint,
        address: &str,
        port: u16,
    ) -> Result<Look<Line>, ConnectError> {
        match discover(self.settings, address, port, self.until, self.tell)? {
            None => Ok(Look::Nobody(ConnectError::Silence {
                endpoint: endpoint.clone(),
                attempts: self.settings.network.discovery_attempts,
            })),
            // A daemon that answers for the whole group is there; another one would split it.
            Some(Found::At(address)) => {
                let peer = address.to_string();
                match self.connect_tcp(&[address]) {
                    Ok(stream) => self.found(stream, peer),
                    Err(source) if source.kind() == io::ErrorKind::ConnectionRefused => {
                        Ok(Look::Gone(ConnectError::Unreachable { peer, source }))
                    }
                    Err(source) => Err(ConnectError::Unreachable { peer, source }),
                }
            }
            Some(Found::Named { host, port, scope }) => {
                let settings = named(self.settings, host, port, scope);
                connect(&settings, self.purpose, self.until, self.tell).map(Look::Found)
            }
        }
    }
}

impl Search<'_> {
    fn too_slow(&self) -> ConnectError {
        ConnectError::TimedOut {
            endpoint: self.plan.endpoint.clone(),
            after: self.began.elapsed(),
        }
    }
}

/// Has `host` looked up by `work`: in a thread of its own if it is a name and our time is limited,
/// as nothing else limits the time of a resolver.
pub(crate) fn look_up<T: Send + 'static>(
    endpoint: &Endpoint,
    host: &str,
    until: Option<Instant>,
    work: impl FnOnce() -> Result<T, ResolveError> + Send + 'static,
) -> Result<T, ConnectError> {
    let is_name = || !host.contains([':', '%']) && host.parse::<IpAddr>().is_err();
    let outcome = match until {
        Some(until) if is_name() => match in_time::outcome(until, work) {
            Ok(Some(outcome)) => outcome,
            // Our time is over, which is what will be told.
            Ok(None) => {
                return Err(unresolved(
                    endpoint,
                    io::Error::from(io::ErrorKind::TimedOut),
                ));
            }
            Err(error) => return Err(unresolved(endpoint, error)),
        },
        _ => work(),
    };
    outcome.map_err(|source| unresolved(endpoint, source))
}

/// The settings as if the address in a daemon's reply had been given with `-a`, `-p` and, where the
/// reply came over a link, `-n`.
fn named(settings: &Settings, host: String, port: u16, scope: u32) -> Settings {
    let mut settings = settings.clone();
    settings.daemon.unicast_address = Some(host);
    settings.daemon.unicast_port = port;
    if settings.network.interface.is_none() && scope != 0 {
        let all = interfaces().unwrap_or_default();
        let link = all.into_iter().find(|interface| interface.index == scope);
        settings.network.interface = link.map(|interface| interface.name);
    }
    settings
}

/// The interface that the user wants used, if any.
pub(crate) fn interface(settings: &Settings) -> Result<Option<Interface>, ConnectError> {
    let find = |name| {
        Interface::find(name).map_err(|source| ConnectError::Interface {
            source: Box::new(source),
        })
    };
    settings.network.interface.as_deref().map(find).transpose()
}

fn unresolved(endpoint: &Endpoint, source: impl Error + Send + Sync + 'static) -> ConnectError {
    ConnectError::Resolve {
        endpoint: endpoint.clone(),
        source: Box::new(source),
    }
}

/// The cause of the error, or the error itself if it has none.
fn reason(error: &ConnectError) -> String {
    let cause = error.source();
    cause.map_or_else(|| error.to_string(), ToString::to_string)
}

/// Whether no daemon is there at all: no socket, or one that is left over.
fn is_nobody(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_a_reply_is_looked_up_on_the_link_it_came_over() {
        let lo = Interface::find("lo").unwrap();
        let settings = named(&Settings::default(), "host".to_string(), 7, lo.index);
        assert_eq!(settings.daemon.unicast_address.as_deref(), Some("host"));
        assert_eq!(settings.daemon.unicast_port, 7);
        assert_eq!(settings.network.interface.as_deref(), Some("lo"));
        let mut given = Settings::default();
        given.network.interface = Some("eth7".to_string());
        let settings = named(&given, "host".to_string(), 7, lo.index);
        assert_eq!(settings.network.interface.as_deref(), Some("eth7"));
        let settings = named(&Settings::default(), "host".to_string(), 7, 0);
        assert_eq!(settings.network.interface, None);
    }
}
