//! A group of hosts that one datagram reaches: who it is, and how to listen to it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use flom_types::target;
use log::debug;
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};

use crate::address::{ResolveError, resolve, resolve_ipv6, split_zone};
use crate::interface::{Interface, interfaces};
use crate::sender::Sender;

/// A multicast address with a port, and the interfaces on which it is used.
///
/// These are all that can carry it, or the one that the user named. The system's own choice would
/// be a single one, taken from the routing table, and none at all on a host without a route.
///
/// The address may be that of a single host. Then it can be asked, but not listened to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    address: SocketAddr,
    interfaces: Vec<Interface>,
    /// Whether the user named the interface.
    chosen: bool,
}

impl Group {
    /// The group called `text`, a name or an address, on `interface` or, without one, on that
    /// behind the `%` of the address or on all that can carry it.
    ///
    /// With an `interface` only IPv6 counts.
    ///
    /// # Errors
    ///
    /// As [`resolve`].
    pub fn resolve(
        text: &str,
        port: u16,
        interface: Option<&Interface>,
    ) -> Result<Self, ResolveError> {
        let host = || text.to_owned();
        let Some((literal, zone)) = split_zone(text) else {
            return Self::on(resolve(text, port, interface)?[0], interface.cloned());
        };
        let zone = Interface::of_zone(zone).map_err(|source| ResolveError::Zone {
            host: host(),
            source,
        })?;
        match (literal, interface) {
            (IpAddr::V4(_), Some(_)) => Err(ResolveError::NoIpv6 { host: host() }),
            (IpAddr::V4(ipv4), None) => Self::on(SocketAddr::from((ipv4, port)), Some(zone)),
            (IpAddr::V6(_), Some(other)) if other.index != zone.index => {
                Err(ResolveError::OtherInterface {
                    host: host(),
                    interface: other.name.clone(),
                })
            }
            (IpAddr::V6(_), _) => Self::on(resolve(text, port, None)?[0], Some(zone)),
        }
    }

    /// The group called `text`, if it has an IPv6 address.
    ///
    /// # Errors
    ///
    /// As [`resolve_ipv6`].
    pub fn resolve_ipv6(text: &str, port: u16) -> Result<Self, ResolveError> {
        match split_zone(text) {
            Some((IpAddr::V6(_), _)) => Self::resolve(text, port, None),
            _ => Self::on(resolve_ipv6(text, port)?[0], None),
        }
    }

    fn on(address: SocketAddr, chosen: Option<Interface>) -> Result<Self, ResolveError> {
        let is_chosen = chosen.is_some();
        let interfaces = match chosen {
            Some(interface) => vec![interface],
            None => interfaces()
                .map_err(ResolveError::Unlisted)?
                .into_iter()
                .filter(|one| one.carries_multicast(address.is_ipv6()))
                .collect(),
        };
        Ok(Self {
            address,
            interfaces,
            chosen: is_chosen,
        })
    }

    /// The address, with the port; its scope id is that of the one interface that was named.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The interfaces that are joined and sent on.
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// A socket, blocking, that hears what is sent to the group and answers from its port.
    ///
    /// It is bound to the wildcard address, so it also hears what is sent to this host alone, but
    /// nothing that is meant for other groups. Others can listen to the same group.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] if the address is no multicast address; else as the system
    /// says if the port cannot be had, or none of the interfaces.
    pub fn listen(&self) -> io::Result<UdpSocket> {
        if !self.address.ip().is_multicast() {
            let text = format!("{} is no multicast address", self.address.ip());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let socket = self.bind_group_port().map_err(|error| {
            let text = format!("cannot listen on UDP port {}: {error}", self.address.port());
            io::Error::new(error.kind(), text)
        })?;
        self.on_each("join", |interface| self.join(&socket, interface))?;
        Ok(socket.into())
    }

    /// A socket to ask the group from, with a port of its own; `hops` is how many networks its
    /// datagrams may cross.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn sender(&self, hops: u8) -> io::Result<Sender> {
        // No SO_REUSEADDR: the system could give the same port to two of us.
        let socket = self.new_socket()?;
        match self.address {
            SocketAddr::V4(_) => socket.set_multicast_ttl_v4(hops.into())?,
            SocketAddr::V6(_) => socket.set_multicast_hops_v6(hops.into())?,
        }
        socket.bind(&self.wildcard(0).into())?;
        Sender::new(socket.into(), self.clone())
    }

    fn wildcard(&self, port: u16) -> SocketAddr {
        match self.address {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)),
        }
    }

    fn new_socket(&self) -> io::Result<Socket> {
        Socket::new(
            Domain::for_address(self.address),
            Type::DGRAM,
            Some(Protocol::UDP),
        )
    }

    fn bind_group_port(&self) -> io::Result<Socket> {
        let socket = self.new_socket()?;
        socket.set_reuse_address(true)?;
        // By default a socket hears all groups that anybody on this host has joined. Both families:
        // an IPv6 socket hears IPv4 as well.
        tolerate("hear our groups alone", socket.set_multicast_all_v4(false));
        if self.address.is_ipv6() {
            socket.set_only_v6(false)?;
            tolerate("hear our groups alone", socket.set_multicast_all_v6(false));
        }
        if let [interface] = &self.interfaces[..]
            && self.chosen
        {
            // Every host is in 224.0.0.1 and ff02::1 on all of its interfaces.
            let bound = socket.bind_device(Some(interface.name.as_bytes()));
            tolerate("hear one interface alone", bound);
        }
        socket.bind(&self.wildcard(self.address.port()).into())?;
        Ok(socket)
    }

    fn join(&self, socket: &Socket, interface: &Interface) -> io::Result<()> {
        match self.address.ip() {
            IpAddr::V4(group) => {
                let index = InterfaceIndexOrAddress::Index(interface.index);
                socket.join_multicast_v4_n(&group, &index)
            }
            IpAddr::V6(group) => socket.join_multicast_v6(&group, interface.index),
        }
    }

    /// Does `work` on each interface, and counts on how many it succeeded: one will do.
    pub(crate) fn on_each(
        &self,
        verb: &str,
        work: impl Fn(&Interface) -> io::Result<()>,
    ) -> io::Result<usize> {
        let group = self.address.ip();
        let mut refusal = io::Error::new(
            io::ErrorKind::NetworkDown,
            format!("cannot {verb} {group}: no network interface is up that could carry it"),
        );
        let mut successes = 0;
        for interface in &self.interfaces {
            match work(interface) {
                Ok(()) => {
                    debug!(target: target::WIRE, "can {verb} {group} on {}", interface.name);
                    successes += 1;
                }
                Err(error) => {
                    let text = format!("cannot {verb} {group} on {}: {error}", interface.name);
                    debug!(target: target::WIRE, "{text}");
                    refusal = io::Error::new(error.kind(), text);
                }
            }
        }
        if successes == 0 {
            Err(refusal)
        } else {
            Ok(successes)
        }
    }
}

/// Goes on if an old system cannot do it: then we hear more than we want, which is no harm.
fn tolerate(what: &str, result: io::Result<()>) {
    if let Err(error) = result {
        debug!(target: target::WIRE, "cannot {what}: {error}");
    }
}

#[cfg(test)]
mod tests {
    use socket2::SockRef;

    use super::*;

    /// On interfaces that need not exist.
    fn group(address: &str, interfaces: &[&Interface]) -> Group {
        Group {
            address: address.parse().unwrap(),
            interfaces: interfaces.iter().copied().cloned().collect(),
            chosen: false,
        }
    }

    fn loopback() -> Interface {
        Interface::find("lo").unwrap()
    }

    fn no_interface() -> Interface {
        Interface {
            name: "gone0".to_owned(),
            index: 123_456,
            ..loopback()
        }
    }

    #[test]
    fn an_interface_joined_twice_is_no_error() {
        for address in ["239.255.0.1:0", "[ff02::77]:0"] {
            group(address, &[&loopback(), &loopback()])
                .listen()
                .unwrap();
        }
    }

    #[test]
    fn an_interface_that_refuses_is_skipped_if_another_accepts() {
        for address in ["239.255.0.1:0", "[ff02::77]:0"] {
            group(address, &[&loopback(), &no_interface()])
                .listen()
                .unwrap();
            let error = group(address, &[&no_interface()]).listen().unwrap_err();
            let expected = format!(
                "cannot join {} on gone0: No such device (os error 19)",
                group(address, &[]).address().ip()
            );
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn a_query_crosses_as_many_networks_as_it_is_told() {
        let sender = group("239.255.0.1:1", &[&loopback()]).sender(7).unwrap();
        assert_eq!(SockRef::from(&sender).multicast_ttl_v4().unwrap(), 7);
        let sender = group("[ff02::77]:1", &[&loopback()]).sender(255).unwrap();
        assert_eq!(SockRef::from(&sender).multicast_hops_v6().unwrap(), 255);
    }

    #[test]
    fn a_query_has_a_port_of_its_own() {
        for (address, wildcard) in [("239.255.0.1:1", "0.0.0.0"), ("[ff02::77]:1", "::")] {
            let sender = group(address, &[&loopback()]).sender(1).unwrap();
            let local = sender.local_addr().unwrap();
            assert_eq!(local.ip().to_string(), wildcard);
            assert!(local.port() > 1, "{local}");
        }
    }

    #[test]
    fn an_interface_behind_the_address_is_the_only_one() {
        for (text, address) in [
            ("239.255.0.1%lo", "239.255.0.1:1".to_owned()),
            ("ff05::77%lo", "[ff05::77]:1".to_owned()),
            ("ff02::1%lo", format!("[ff02::1%{}]:1", loopback().index)),
        ] {
            let group = Group::resolve(text, 1, None).unwrap();
            assert_eq!(group.interfaces(), [loopback()]);
            assert_eq!(group.address().to_string(), address);
        }
    }

    #[test]
    fn a_named_interface_forces_ipv6_and_does_not_take_another_for_it() {
        let lo = loopback();
        for text in ["239.255.0.1", "239.255.0.1%lo"] {
            let error = Group::resolve(text, 1, Some(&lo)).unwrap_err();
            assert!(matches!(error, ResolveError::NoIpv6 { .. }), "{error}");
        }
        Group::resolve("ff05::77%lo", 1, Some(&lo)).unwrap();
        let error = Group::resolve("ff05::77%lo", 1, Some(&no_interface())).unwrap_err();
        let expected = "'ff05::77%lo' belongs to another network interface than 'gone0'";
        assert_eq!(error.to_string(), expected);
        Group::resolve_ipv6("239.255.0.1", 1).unwrap_err();
        Group::resolve_ipv6("239.255.0.1%lo", 1).unwrap_err();
        let group = Group::resolve_ipv6("ff02::1%lo", 1).unwrap();
        assert_eq!(group.interfaces(), [lo]);
    }
}
