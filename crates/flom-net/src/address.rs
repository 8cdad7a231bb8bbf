//! From what the user wrote to socket addresses.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use flom_types::target;
use log::debug;

use crate::interface::{Interface, InterfaceError};

/// Why a text leads to no address.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// It is no address, and the system knows no such name.
    #[error("cannot resolve '{host}'")]
    Unknown {
        /// What was to be resolved.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// What stands behind the `%` of an address is no interface.
    #[error("cannot use address '{host}'")]
    Zone {
        /// What was to be resolved.
        host: String,
        /// What is wrong with the interface.
        source: InterfaceError,
    },
    /// Only IPv6 will do, because an interface was named or the caller wants it.
    #[error("'{host}' has no IPv6 address, and no other goes with a named network interface")]
    NoIpv6 {
        /// What was to be resolved.
        host: String,
    },
    /// The address says itself which interface it belongs to, and it is not the one to be used.
    #[error("'{host}' belongs to another network interface than '{interface}'")]
    OtherInterface {
        /// What was to be resolved.
        host: String,
        /// The interface to be used.
        interface: String,
    },
    /// The system says that there is such a group, but not which interfaces it could be on.
    #[error("cannot list the network interfaces of this host")]
    Unlisted(#[source] io::Error),
}

/// The addresses of `host`, in the resolver's order, each with `port`.
///
/// `host` is a name or an address; an IPv6 address may name its interface behind a `%`, by name or
/// by number. With an `interface` only IPv6 addresses count, and those that are link-local are
/// taken to be on it. The list is never empty.
///
/// # Errors
///
/// [`ResolveError`], if no address is left.
pub fn resolve(
    host: &str,
    port: u16,
    interface: Option<&Interface>,
) -> Result<Vec<SocketAddr>, ResolveError> {
    let addresses = look_up(host, port)?;
    debug!(target: target::WIRE, "{host} means {addresses:?}");
    match interface {
        Some(interface) => on_interface(host, addresses, interface),
        None => Ok(addresses),
    }
}

/// The IPv6 addresses of `host`, as [`resolve`] finds them without an interface.
///
/// # Errors
///
/// As [`resolve`]; [`ResolveError::NoIpv6`] if `host` only has others.
pub fn resolve_ipv6(host: &str, port: u16) -> Result<Vec<SocketAddr>, ResolveError> {
    let mut addresses = look_up(host, port)?;
    addresses.retain(SocketAddr::is_ipv6);
    if addresses.is_empty() {
        return Err(ResolveError::NoIpv6 {
            host: host.to_owned(),
        });
    }
    Ok(addresses)
}

/// An address and the interface written behind its `%`, if `text` is of that form.
pub(crate) fn split_zone(text: &str) -> Option<(IpAddr, &str)> {
    let (address, zone) = text.split_once('%')?;
    Some((address.parse().ok()?, zone))
}

/// Whether the address means another host, or none, on each interface.
pub(crate) fn needs_scope(address: &Ipv6Addr) -> bool {
    // The scope of a group is the second half of its second byte: 1 is an interface, 2 a link.
    address.is_unicast_link_local()
        || (address.is_multicast() && matches!(address.octets()[1] & 0x0f, 1 | 2))
}

/// Whether the system must refuse the address because it does not say which interface it is on.
pub(crate) fn lacks_scope(address: &SocketAddr) -> bool {
    matches!(address, SocketAddr::V6(v6) if v6.scope_id() == 0 && v6.ip().is_unicast_link_local())
}

fn look_up(host: &str, port: u16) -> Result<Vec<SocketAddr>, ResolveError> {
    if let Some((IpAddr::V6(address), zone)) = split_zone(host) {
        let interface = Interface::of_zone(zone).map_err(|source| ResolveError::Zone {
            host: host.to_owned(),
            source,
        })?;
        let mut addresses = vec![SocketAddr::from((address, port))];
        with_scope(&mut addresses, interface.index);
        return Ok(addresses);
    }
    let unknown = |source| ResolveError::Unknown {
        host: host.to_owned(),
        source,
    };
    let addresses: Vec<_> = (host, port).to_socket_addrs().map_err(unknown)?.collect();
    if addresses.is_empty() {
        return Err(unknown(io::Error::new(
            io::ErrorKind::NotFound,
            "it has no address",
        )));
    }
    Ok(addresses)
}

fn on_interface(
    host: &str,
    mut addresses: Vec<SocketAddr>,
    interface: &Interface,
) -> Result<Vec<SocketAddr>, ResolveError> {
    addresses.retain(SocketAddr::is_ipv6);
    if addresses.is_empty() {
        return Err(ResolveError::NoIpv6 {
            host: host.to_owned(),
        });
    }
    with_scope(&mut addresses, interface.index);
    addresses.retain(|address| match address {
        SocketAddr::V6(v6) => v6.scope_id() == interface.index || !needs_scope(v6.ip()),
        SocketAddr::V4(_) => false,
    });
    if addresses.is_empty() {
        let interface = interface.name.clone();
        return Err(ResolveError::OtherInterface {
            host: host.to_owned(),
            interface,
        });
    }
    Ok(addresses)
}

/// Puts those of the `addresses` that are link-local and do not say on which interface on the one
/// with the number `scope`.
fn with_scope(addresses: &mut [SocketAddr], scope: u32) {
    for address in addresses {
        if let SocketAddr::V6(v6) = address
            && v6.scope_id() == 0
            && needs_scope(v6.ip())
        {
            v6.set_scope_id(scope);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback() -> Interface {
        Interface::find("lo").unwrap()
    }

    /// Made up, so that no test depends on what the host has.
    fn other_interface() -> Interface {
        Interface {
            name: "eth7".to_owned(),
            index: 77,
            ..loopback()
        }
    }

    fn texts(addresses: &[SocketAddr]) -> Vec<String> {
        addresses.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_address_is_taken_as_it_is() {
        for (host, expected) in [
            ("192.0.2.1", "192.0.2.1:28015"),
            ("0.0.0.0", "0.0.0.0:28015"),
            ("::", "[::]:28015"),
            ("2001:db8::1", "[2001:db8::1]:28015"),
            ("::ffff:192.0.2.1", "[::ffff:192.0.2.1]:28015"),
            ("fe80::1", "[fe80::1]:28015"),
        ] {
            assert_eq!(texts(&resolve(host, 28015, None).unwrap()), [expected]);
        }
    }

    #[test]
    fn a_name_leads_to_its_addresses() {
        let addresses = resolve("localhost", 7, None).unwrap();
        assert!(
            addresses
                .iter()
                .all(|one| one.ip().is_loopback() && one.port() == 7)
        );
    }

    #[test]
    fn the_zone_of_a_link_local_address_is_an_interface_by_name_or_number() {
        let expected = [format!("[fe80::1%{}]:1", loopback().index)];
        assert_eq!(texts(&resolve("fe80::1%lo", 1, None).unwrap()), expected);
        let by_number = format!("fe80::1%{}", loopback().index);
        assert_eq!(texts(&resolve(&by_number, 1, None).unwrap()), expected);
        // A global address is the same on every interface.
        assert_eq!(
            texts(&resolve("2001:db8::1%lo", 1, None).unwrap()),
            ["[2001:db8::1]:1"]
        );
    }

    #[test]
    fn an_unknown_zone_is_named_in_the_error() {
        let error = resolve("fe80::1%nosuch0", 1, None).unwrap_err();
        assert!(matches!(&error, ResolveError::Zone { host, source }
            if host == "fe80::1%nosuch0" && source.to_string().contains("'nosuch0'")));
    }

    #[test]
    fn an_interface_is_the_scope_of_link_local_addresses_only() {
        let eth7 = other_interface();
        assert_eq!(
            texts(&resolve("fe80::1", 1, Some(&eth7)).unwrap()),
            ["[fe80::1%77]:1"]
        );
        assert_eq!(
            texts(&resolve("2001:db8::1", 1, Some(&eth7)).unwrap()),
            ["[2001:db8::1]:1"]
        );
    }

    #[test]
    fn an_interface_forces_ipv6() {
        let error = resolve("192.0.2.1", 1, Some(&loopback())).unwrap_err();
        assert_eq!(
            error.to_string(),
            "'192.0.2.1' has no IPv6 address, and no other goes with a named network interface"
        );
        resolve_ipv6("192.0.2.1", 1).unwrap_err();
        assert_eq!(texts(&resolve_ipv6("::1", 1).unwrap()), ["[::1]:1"]);
    }

    #[test]
    fn an_address_of_another_interface_is_refused() {
        let error = resolve("fe80::1%lo", 1, Some(&other_interface())).unwrap_err();
        let expected = "'fe80::1%lo' belongs to another network interface than 'eth7'";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn what_is_no_address_and_no_name_cannot_be_resolved() {
        // None of these reaches a name server: they are no names.
        for host in ["", "192.0.2.1%lo", "a b"] {
            let error = resolve(host, 1, None).unwrap_err();
            assert!(matches!(&error, ResolveError::Unknown { host: named, .. } if named == host));
        }
    }

    #[test]
    fn a_scope_is_only_for_addresses_that_need_one_and_have_none() {
        let mut addresses: Vec<SocketAddr> = [
            "[fe80::1]:1",
            "[fe80::1%3]:1",
            "[2001:db8::1]:1",
            "192.0.2.1:1",
        ]
        .map(|text| text.parse().unwrap())
        .to_vec();
        with_scope(&mut addresses, 5);
        let expected = [
            "[fe80::1%5]:1",
            "[fe80::1%3]:1",
            "[2001:db8::1]:1",
            "192.0.2.1:1",
        ];
        assert_eq!(texts(&addresses), expected);
    }
}
