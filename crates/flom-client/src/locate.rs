//! Where to look for the daemon, in which order, and whether to start one: a table
//! (`spec/discovery.md` §8). No I/O.

use std::fmt;
use std::path::PathBuf;

use flom_settings::Settings;

/// A place where a daemon can be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Endpoint {
    /// A socket of this host.
    Unix(PathBuf),
    /// A TCP port of this host or another.
    Tcp {
        /// Host name or address, `%interface` allowed.
        host: String,
        /// The port.
        port: u16,
    },
    /// A multicast group; whoever answers there says where it is.
    Group {
        /// Host name or address of the group, `%interface` allowed.
        address: String,
        /// UDP port of the group.
        port: u16,
    },
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => path.display().fmt(f),
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Group { address, port } => write!(f, "group {address} port {port}"),
        }
    }
}

/// What the daemon is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To lock something: worth a daemon of its own.
    Lock,
    /// To end it: never worth one.
    Shutdown,
    /// To look at it: never worth one.
    Observe,
}

/// Where to look, and what to do if nobody is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) endpoint: Endpoint,
    /// Whether a daemon is started on this host if none answers.
    pub(crate) start: bool,
}

/// Looks up what `settings` mean. Without any transport there is no place to look at.
///
/// A unicast address wins over a group: then the group only matters to a daemon that gets started.
pub(crate) fn locate(settings: &Settings, purpose: Purpose) -> Option<Plan> {
    let daemon = &settings.daemon;
    let endpoint = if let Some(path) = &daemon.socket_name {
        Endpoint::Unix(path.clone())
    } else if let Some(host) = &daemon.unicast_address {
        Endpoint::Tcp {
            host: host.clone(),
            port: daemon.unicast_port,
        }
    } else {
        Endpoint::Group {
            address: daemon.multicast_address.clone()?,
            port: daemon.multicast_port,
        }
    };
    let start = purpose == Purpose::Lock && daemon.lifespan_ms != 0;
    Some(Plan { endpoint, start })
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNICAST: &str = "192.0.2.1";
    const GROUP: &str = "ff02::1";

    fn settings(socket: bool, unicast: bool, group: bool, lifespan_ms: i32) -> Settings {
        let mut settings = Settings::default();
        settings.daemon.socket_name = socket.then(|| "/tmp/flom-nobody".into());
        settings.daemon.unicast_address = unicast.then(|| UNICAST.to_string());
        settings.daemon.multicast_address = group.then(|| GROUP.to_string());
        settings.daemon.lifespan_ms = lifespan_ms;
        settings
    }

    #[test]
    fn every_row_of_the_lifespan_table_looks_where_it_says() {
        let unix = Endpoint::Unix("/tmp/flom-nobody".into());
        let tcp = Endpoint::Tcp {
            host: UNICAST.to_string(),
            port: 28015,
        };
        let group = Endpoint::Group {
            address: GROUP.to_string(),
            port: 28015,
        };
        let transports = [
            (true, false, false, unix),
            (false, false, true, group),
            (false, true, false, tcp.clone()),
            (false, true, true, tcp),
        ];
        let lifespans = [(-1, true), (0, false), (5000, true)];
        for (socket, unicast, multicast, endpoint) in transports {
            for (lifespan_ms, start) in lifespans {
                let settings = settings(socket, unicast, multicast, lifespan_ms);
                let plan = locate(&settings, Purpose::Lock).unwrap();
                assert_eq!(plan.endpoint, endpoint, "{unicast} {multicast}");
                assert_eq!(plan.start, start, "{endpoint} with lifespan {lifespan_ms}");
                let plan = locate(&settings, Purpose::Shutdown).unwrap();
                assert_eq!(plan.endpoint, endpoint);
                assert!(!plan.start, "a shutdown starts nobody");
            }
        }
    }

    #[test]
    fn without_a_transport_there_is_nowhere_to_look() {
        assert_eq!(
            locate(&settings(false, false, false, -1), Purpose::Lock),
            None
        );
    }

    #[test]
    fn a_place_reads_like_an_address() {
        let tcp = |host: &str| Endpoint::Tcp {
            host: host.to_string(),
            port: 1,
        };
        assert_eq!(tcp("host").to_string(), "host:1");
        assert_eq!(tcp("fe80::1%eth0").to_string(), "[fe80::1%eth0]:1");
        let group = Endpoint::Group {
            address: GROUP.to_string(),
            port: 2,
        };
        assert_eq!(group.to_string(), "group ff02::1 port 2");
    }
}
