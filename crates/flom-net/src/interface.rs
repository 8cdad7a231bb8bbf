//! The network interfaces of this host.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::net::if_::{InterfaceFlags, if_nametoindex};

/// A network interface, as it was when the system was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Name, as in `eth0`.
    pub name: String,
    /// The number by which the system knows it; also the scope id of its link-local addresses.
    pub index: u32,
    /// Its IPv4 addresses, in the system's order.
    pub ipv4: Vec<Ipv4Addr>,
    /// Its IPv6 addresses, in the system's order.
    pub ipv6: Vec<Ipv6Addr>,
    /// Whether it is switched on.
    pub up: bool,
    /// Whether it only leads back to this host.
    pub loopback: bool,
    /// Whether it says that it can carry multicast.
    pub multicast: bool,
}

/// Why an interface that somebody asked for cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InterfaceError {
    /// The system does not tell.
    #[error("cannot list the network interfaces of this host")]
    Unlisted(#[source] io::Error),
    /// None has this name or number.
    #[error("there is no network interface '{name}' (there are: {known})")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The names there are, separated by commas.
        known: String,
    },
    /// It exists, but IPv6 cannot be spoken there.
    #[error("network interface '{name}' has no IPv6 address")]
    NoIpv6 {
        /// What was asked for.
        name: String,
    },
}

impl Interface {
    /// The interface called `name`, to be used for IPv6.
    ///
    /// # Errors
    ///
    /// [`InterfaceError::Unknown`] if there is none, [`InterfaceError::NoIpv6`] if it has no
    /// address of that family.
    pub fn find(name: &str) -> Result<Self, InterfaceError> {
        let interface = choose(name, |interface| interface.name == name)?;
        if interface.ipv6.is_empty() {
            return Err(InterfaceError::NoIpv6 {
                name: interface.name,
            });
        }
        Ok(interface)
    }

    /// The interface that an address names behind its `%`: by name, or by number.
    pub(crate) fn of_zone(zone: &str) -> Result<Self, InterfaceError> {
        let index = zone.parse().unwrap_or(0); // no interface has the number 0
        choose(zone, |interface| {
            interface.name == zone || interface.index == index
        })
    }

    /// Whether multicast of one family can go through it: an address to send from is needed.
    pub(crate) fn carries_multicast(&self, ipv6: bool) -> bool {
        let has_address = if ipv6 {
            !self.ipv6.is_empty()
        } else {
            !self.ipv4.is_empty()
        };
        self.up && (self.multicast || self.loopback) && has_address
    }
}

/// The interfaces of this host, each once, by ascending index.
///
/// # Errors
///
/// What the system says if it cannot list them.
pub fn interfaces() -> io::Result<Vec<Interface>> {
    let mut found: Vec<Interface> = Vec::new();
    for entry in getifaddrs()? {
        // An IPv4 address can have a label such as `eth0:1`, which is no interface of its own.
        let name = entry.interface_name.split(':').next().unwrap_or_default();
        if let Some(known) = found.iter_mut().find(|known| known.name == name) {
            add_address(known, &entry);
        } else if let Ok(index) = if_nametoindex(name) {
            let mut interface = without_addresses(name, index, entry.flags);
            add_address(&mut interface, &entry);
            found.push(interface);
        } // else it went away meanwhile
    }
    found.sort_by_key(|interface| interface.index);
    Ok(found)
}

fn choose(wanted: &str, matches: impl Fn(&Interface) -> bool) -> Result<Interface, InterfaceError> {
    let mut all = interfaces().map_err(InterfaceError::Unlisted)?;
    match all.iter().position(matches) {
        Some(position) => Ok(all.swap_remove(position)),
        None => Err(InterfaceError::Unknown {
            name: wanted.to_owned(),
            known: all
                .into_iter()
                .map(|one| one.name)
                .collect::<Vec<_>>()
                .join(", "),
        }),
    }
}

fn without_addresses(name: &str, index: u32, flags: InterfaceFlags) -> Interface {
    Interface {
        name: name.to_owned(),
        index,
        ipv4: Vec::new(),
        ipv6: Vec::new(),
        up: flags.contains(InterfaceFlags::IFF_UP),
        loopback: flags.contains(InterfaceFlags::IFF_LOOPBACK),
        multicast: flags.contains(InterfaceFlags::IFF_MULTICAST),
    }
}

fn add_address(interface: &mut Interface, entry: &InterfaceAddress) {
    let Some(address) = &entry.address else {
        return;
    };
    if let Some(ipv4) = address.as_sockaddr_in() {
        interface.ipv4.push(ipv4.ip());
    } else if let Some(ipv6) = address.as_sockaddr_in6() {
        interface.ipv6.push(ipv6.ip());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_is_listed_once_with_its_addresses() {
        let all = interfaces().unwrap();
        let loopback: Vec<_> = all.iter().filter(|one| one.name == "lo").collect();
        assert_eq!(loopback.len(), 1, "{all:?}");
        assert!(loopback[0].up && loopback[0].loopback);
        assert!(loopback[0].index > 0);
        assert!(loopback[0].ipv4.contains(&Ipv4Addr::LOCALHOST), "{all:?}");
    }

    #[test]
    fn an_unknown_interface_is_an_error_that_names_the_known_ones() {
        let error = Interface::find("nosuch0").unwrap_err().to_string();
        assert!(
            error.starts_with("there is no network interface 'nosuch0' (there are: "),
            "{error}"
        );
        assert!(error.contains("lo"), "{error}");
        Interface::of_zone("0").unwrap_err();
    }

    #[test]
    fn a_zone_is_a_name_or_a_number() {
        let by_name = Interface::of_zone("lo").unwrap();
        assert_eq!(
            Interface::of_zone(&by_name.index.to_string()).unwrap(),
            by_name
        );
    }

    #[test]
    fn multicast_needs_an_interface_that_is_up_with_an_address_of_the_family() {
        let good = Interface {
            ipv4: vec![Ipv4Addr::new(10, 1, 0, 1)],
            up: true,
            multicast: true,
            ..without_addresses("eth0", 2, InterfaceFlags::empty())
        };
        assert!(good.carries_multicast(false));
        assert!(!good.carries_multicast(true));
        assert!(
            !Interface {
                up: false,
                ..good.clone()
            }
            .carries_multicast(false)
        );
        assert!(
            !Interface {
                multicast: false,
                ..good.clone()
            }
            .carries_multicast(false)
        );
        assert!(
            Interface {
                multicast: false,
                loopback: true,
                ..good
            }
            .carries_multicast(false)
        );
    }
}
