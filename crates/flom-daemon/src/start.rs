//! From the settings to open sockets, or to the reason why there are none.

use std::error::Error;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::time::Duration;

use flom_discovery::Responder;
use flom_net::{
    DoorError, Group, Interface, InterfaceError, Keepalive, ResolveError, UnixDoor, listen_tcp,
    resolve,
};
use flom_settings::{Settings, Transport};
use flom_types::{ReturnCode, target};
use log::debug;

use crate::discovery::Discovery;
use crate::door::Door;
use crate::joining;

/// Clients that may wait to be accepted. The system lowers it to what it allows.
pub(crate) const BACKLOG: i32 = 4096;

/// Why a daemon cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The UNIX socket cannot be had.
    #[error(transparent)]
    Socket(#[from] DoorError),
    /// The network interface cannot be used.
    #[error(transparent)]
    Interface(#[from] InterfaceError),
    /// The address or the group leads nowhere.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The TCP port cannot be had; the text of the error names the address.
    #[error(transparent)]
    Tcp(io::Error),
    /// Address and group are of different families: who hears of the daemon by the one could not
    /// reach it by the other.
    #[error("address {address} and group {group} are not of the same family")]
    Families {
        /// Where TCP connections would be taken.
        address: SocketAddr,
        /// Where queries would be answered.
        group: SocketAddr,
    },
    /// Nothing sent to the group would be heard.
    #[error("cannot join group {group}")]
    Group {
        /// The group.
        group: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// This host has a daemon for the group.
    #[error("group {group} is served by another process of this host")]
    GroupTaken {
        /// The group.
        group: SocketAddr,
    },
    /// Another host has a daemon for the group.
    #[error("group {group} is served from {other}")]
    GroupServed {
        /// The group.
        group: SocketAddr,
        /// Where its daemon has answered from.
        other: SocketAddr,
    },
    /// Something that every daemon needs is refused.
    #[error("cannot {what}")]
    System {
        /// What was to be done.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl StartError {
    /// Whether there is another daemon that will do: nothing has failed.
    pub fn is_busy(&self) -> bool {
        match self {
            Self::Socket(DoorError::Busy { .. }) => true,
            Self::Tcp(error) => error.kind() == io::ErrorKind::AddrInUse,
            Self::GroupTaken { .. } | Self::GroupServed { .. } => true,
            _ => false,
        }
    }

    /// The number by which FLoM 1.7.2 names this to its users.
    pub fn code(&self) -> ReturnCode {
        match self {
            Self::Socket(error) => error.code(),
            Self::Interface(_) => ReturnCode::INVALID_INTERFACE,
            Self::Resolve(_) => ReturnCode::GETADDRINFO,
            Self::Tcp(_) => ReturnCode::BIND,
            Self::Families { .. } | Self::Group { .. } => ReturnCode::CONNECT,
            Self::GroupTaken { .. } | Self::GroupServed { .. } => ReturnCode::BIND,
            Self::System { .. } => ReturnCode::INTERNAL_ERROR,
        }
    }

    /// The error and its causes in one line.
    pub(crate) fn sentence(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text.replace('\n', " ")
    }
}

/// The sockets of a daemon that is ready for clients.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) door: Door,
    pub(crate) discovery: Option<Discovery>,
    /// Keeps other daemons of this host out of the group.
    pub(crate) claim: Option<UnixListener>,
}

/// Opens what the settings say.
pub(crate) fn open(settings: &Settings) -> Result<Opened, StartError> {
    let opened = match settings.transport() {
        Transport::Unix(path) => Ok(Opened {
            door: Door::Unix(UnixDoor::open(&path, BACKLOG)?),
            discovery: None,
            claim: None,
        }),
        Transport::Tcp => open_tcp(settings),
        Transport::Multicast => open_group(settings),
    };
    match &opened {
        Ok(opened) => debug!(target: target::DAEMON, "{} is open", opened.door),
        Err(error) => debug!(target: target::DAEMON, "cannot start: {}", error.sentence()),
    }
    opened
}

/// At an address that clients know; who does not, can ask the group for it, if there is one.
fn open_tcp(settings: &Settings) -> Result<Opened, StartError> {
    let daemon = &settings.daemon;
    let given = daemon.unicast_address.as_deref().unwrap_or_default();
    let interface = interface(settings)?;
    let addresses = resolve(given, daemon.unicast_port, interface.as_ref())?;
    let group = group(settings, interface.as_ref())?;
    let (listener, address) = listen(&addresses)?;
    let discovery = match group {
        None => None,
        Some(group) if group.address().is_ipv4() != address.is_ipv4() => {
            let group = group.address();
            return Err(StartError::Families { address, group });
        }
        Some(group) => Some(discovery(&group, Responder::new(Some(given), address))?),
    };
    Ok(Opened {
        door: Door::Tcp(listener, keepalive(settings)),
        discovery,
        claim: None,
    })
}

/// At any port, which clients ask the group for: nobody else may answer them.
fn open_group(settings: &Settings) -> Result<Opened, StartError> {
    let interface = interface(settings)?;
    let group = group(settings, interface.as_ref())?.expect("the transport says that there is one");
    let claim = claim(settings, &group)?;
    let wildcard = match group.address() {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let (listener, address) = listen(&[SocketAddr::new(wildcard, 0)])?;
    let mut discovery = discovery(&group, Responder::new(None, address))?;
    match joining::join(&group, settings.network.discovery_ttl, &mut discovery) {
        Ok(None) => Ok(Opened {
            door: Door::Tcp(listener, keepalive(settings)),
            discovery: Some(discovery),
            claim: Some(claim),
        }),
        Ok(Some(other)) => Err(StartError::GroupServed {
            group: group.address(),
            other,
        }),
        Err(source) => Err(StartError::Group {
            group: group.address(),
            source,
        }),
    }
}

fn interface(settings: &Settings) -> Result<Option<Interface>, StartError> {
    let name = settings.network.interface.as_deref();
    Ok(name.map(Interface::find).transpose()?)
}

fn group(settings: &Settings, interface: Option<&Interface>) -> Result<Option<Group>, StartError> {
    let daemon = &settings.daemon;
    let text = daemon.multicast_address.as_deref();
    let resolve = |text| Group::resolve(text, daemon.multicast_port, interface);
    Ok(text.map(resolve).transpose()?)
}

fn claim(settings: &Settings, group: &Group) -> Result<UnixListener, StartError> {
    let named = settings.network.interface.as_deref();
    let text = settings.daemon.multicast_address.as_deref();
    let zone = || Some(text?.split_once('%')?.1);
    let address = group.address();
    joining::claim(group, named.or_else(zone)).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => StartError::GroupTaken { group: address },
        _ => StartError::Group {
            group: address,
            source,
        },
    })
}

fn listen(addresses: &[SocketAddr]) -> Result<(TcpListener, SocketAddr), StartError> {
    let listener = listen_tcp(addresses, BACKLOG).map_err(StartError::Tcp)?;
    let address = listener.local_addr().map_err(StartError::Tcp)?;
    Ok((listener, address))
}

fn discovery(group: &Group, responder: Responder) -> Result<Discovery, StartError> {
    let socket = group.listen();
    socket
        .and_then(|socket| Discovery::new(socket, group.address(), responder))
        .map_err(|source| StartError::Group {
            group: group.address(),
            source,
        })
}

fn keepalive(settings: &Settings) -> Keepalive {
    let network = &settings.network;
    Keepalive {
        time: Duration::from_secs(network.keepalive_time_s.into()),
        interval: Duration::from_secs(network.keepalive_interval_s.into()),
        probes: network.keepalive_probes,
    }
}
