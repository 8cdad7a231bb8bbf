//! From the settings to open sockets, or to the reason why there are none.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flom_discovery::Responder;
use flom_net::{
    DoorError, Group, Interface, InterfaceError, Keepalive, ResolveError, UnixDoor, listen_tcp,
    resolve,
};
use flom_settings::{Settings, Transport};
use flom_types::{Chain, ReturnCode, target};
use log::debug;

use crate::discovery::Discovery;
use crate::door::Door;
use crate::joining;
use crate::passed::{PassedListener, PassedSocket};
use crate::tls;
use crate::wrapped::Wrapper;

/// Clients that may wait to be accepted. The system lowers it to what it allows.
pub(crate) const BACKLOG: i32 = 1024;

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
    /// Clients are to find the daemon by the group, but cannot reach it over the network.
    #[error("group {group} would lead nowhere: no TCP socket was passed")]
    NoWay {
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
    /// The trace file cannot be opened.
    #[error("cannot open trace file '{}'", path.display())]
    TraceFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of TLS is of no use.
    #[cfg(feature = "tls")]
    #[error("TLS cannot be used")]
    TlsFile(#[from] flom_tls::FileError),
    /// Nobody with the same authorities would trust the daemon.
    #[cfg(feature = "tls")]
    #[error("TLS cannot be used: {}: the certificate in it is not trusted", file.display())]
    TlsChain {
        /// The certificate.
        file: PathBuf,
        /// Why not.
        source: flom_tls::ChainError,
    },
    /// This program was built without TLS.
    #[error("TLS is asked for, but this program was built without it (cargo feature `tls`)")]
    TlsMissing,
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
            Self::Families { .. } | Self::NoWay { .. } | Self::Group { .. } => ReturnCode::CONNECT,
            Self::GroupTaken { .. } | Self::GroupServed { .. } => ReturnCode::BIND,
            Self::TraceFile { .. } => ReturnCode::OPEN,
            #[cfg(feature = "tls")]
            Self::TlsFile(error) => error.code(),
            #[cfg(feature = "tls")]
            Self::TlsChain { .. } => ReturnCode::TLS_CHAIN,
            Self::TlsMissing => ReturnCode::INVALID_OPTION,
            Self::System { .. } => ReturnCode::INTERNAL_ERROR,
        }
    }

    /// The error and its causes in one line.
    pub(crate) fn sentence(&self) -> String {
        Chain(self).to_string().replace('\n', " ")
    }
}

/// The sockets of a daemon that is ready for clients.
#[derive(Debug)]
pub(crate) struct Opened {
    /// At least one.
    pub(crate) doors: Vec<Door>,
    pub(crate) group: Option<Membership>,
    /// TLS, if there is.
    pub(crate) wrapper: Option<Wrapper>,
}

/// Being one of a group.
#[derive(Debug)]
pub(crate) struct Membership {
    pub(crate) discovery: Discovery,
    /// Keeps other daemons of this host out, if nobody knows this one but by the group.
    pub(crate) claim: Option<UnixListener>,
}

/// Opens what the settings say, but serves `passed` sockets in its place if there are any.
pub(crate) fn open(settings: &Settings, passed: Vec<PassedSocket>) -> Result<Opened, StartError> {
    let wrapper = tls::wrapper(settings)?;
    let opened = match settings.transport() {
        _ if !passed.is_empty() => open_passed(settings, passed),
        Transport::Unix(path) => open_unix(&path),
        Transport::Tcp => open_tcp(settings),
        Transport::Multicast => open_group(settings),
    };
    match &opened {
        Ok(opened) => opened
            .doors
            .iter()
            .for_each(|door| debug!(target: target::DAEMON, "{door} is open")),
        Err(error) => debug!(target: target::DAEMON, "cannot start: {}", error.sentence()),
    }
    opened.map(|opened| Opened { wrapper, ..opened })
}

fn open_unix(path: &Path) -> Result<Opened, StartError> {
    Ok(Opened {
        doors: vec![Door::Unix(UnixDoor::open(path, BACKLOG)?)],
        group: None,
        wrapper: None,
    })
}

/// At an address that clients know; who does not, can ask the group for it, if there is one.
fn open_tcp(settings: &Settings) -> Result<Opened, StartError> {
    let daemon = &settings.daemon;
    let given = daemon.unicast_address.as_deref().unwrap_or_default();
    let interface = interface(settings)?;
    let addresses = resolve(given, daemon.unicast_port, interface.as_ref())?;
    let group = group(settings, interface.as_ref())?;
    let (door, address) = listen(settings, &addresses)?;
    Ok(Opened {
        doors: vec![door],
        group: group
            .map(|group| enter(settings, &group, address))
            .transpose()?,
        wrapper: None,
    })
}

/// At any port, which clients ask the group for.
fn open_group(settings: &Settings) -> Result<Opened, StartError> {
    let interface = interface(settings)?;
    let group = group(settings, interface.as_ref())?.expect("the transport says that there is one");
    let wildcard = match group.address() {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let (door, address) = listen(settings, &[SocketAddr::new(wildcard, 0)])?;
    Ok(Opened {
        doors: vec![door],
        group: Some(enter(settings, &group, address)?),
        wrapper: None,
    })
}

/// At sockets that are open already. The group, if there is one, leads to the first that is TCP.
fn open_passed(settings: &Settings, passed: Vec<PassedSocket>) -> Result<Opened, StartError> {
    let door = |socket: PassedSocket| match socket.listener {
        PassedListener::Unix(listener) => Ok(Door::PassedUnix(listener)),
        PassedListener::Tcp(listener) => tcp(settings, listener),
    };
    let doors = passed
        .into_iter()
        .map(door)
        .collect::<Result<Vec<_>, _>>()?;
    let interface = interface(settings)?;
    let group = match group(settings, interface.as_ref())? {
        None => None,
        Some(group) => {
            let address = doors.iter().find_map(Door::tcp_address);
            let address = address.ok_or(StartError::NoWay {
                group: group.address(),
            })?;
            Some(enter(settings, &group, address)?)
        }
    };
    Ok(Opened {
        doors,
        group,
        wrapper: None,
    })
}

/// Answers the queries of `group`: it is `address` where clients have to go. If they cannot know
/// that but by the group, nobody else may answer them.
fn enter(
    settings: &Settings,
    group: &Group,
    address: SocketAddr,
) -> Result<Membership, StartError> {
    let group_address = group.address();
    // The IPv6 wildcard takes clients of both families.
    let both = address.is_ipv6() && address.ip().is_unspecified();
    if group_address.is_ipv4() == address.is_ipv6() && !both {
        return Err(StartError::Families {
            address,
            group: group_address,
        });
    }
    let given = settings.daemon.unicast_address.as_deref();
    if given.is_some() {
        return Ok(Membership {
            discovery: discovery(group, Responder::new(given, address))?,
            claim: None,
        });
    }
    let claim = claim(settings, group)?;
    let mut discovery = discovery(group, Responder::new(None, address))?;
    match joining::join(group, settings.network.discovery_ttl, &mut discovery) {
        Ok(None) => Ok(Membership {
            discovery,
            claim: Some(claim),
        }),
        Ok(Some(other)) => Err(StartError::GroupServed {
            group: group_address,
            other,
        }),
        Err(source) => Err(StartError::Group {
            group: group_address,
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

fn listen(settings: &Settings, addresses: &[SocketAddr]) -> Result<(Door, SocketAddr), StartError> {
    let listener = listen_tcp(addresses, BACKLOG).map_err(StartError::Tcp)?;
    let address = listener.local_addr().map_err(StartError::Tcp)?;
    Ok((tcp(settings, listener)?, address))
}

fn tcp(settings: &Settings, listener: TcpListener) -> Result<Door, StartError> {
    Door::tcp(listener, &keepalive(settings)).map_err(StartError::Tcp)
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
