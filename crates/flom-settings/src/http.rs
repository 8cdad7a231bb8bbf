//! Where a daemon shows itself over HTTP.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

use crate::problem::Problem;
use crate::value::Value;

/// An address and port. A port alone is one of this host only; whoever wants others to see the
/// daemon has to write down an address that they reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpAddress(pub SocketAddr);

/// A word that is no such address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected PORT, which is for this host only, or ADDRESS:PORT, as in [::]:9345")]
pub struct ParseHttpAddressError;

impl HttpAddress {
    /// What `value` says. In a file, empty is none.
    pub(crate) fn given(value: &Value) -> Result<Option<Self>, Problem> {
        match value.is_unset() {
            true => Ok(None),
            false => value.parse().map(Some),
        }
    }
}

impl FromStr for HttpAddress {
    type Err = ParseHttpAddressError;

    /// `PORT`, `:PORT`, `localhost:PORT`, `192.0.2.1:PORT`, `[::1]:PORT`.
    fn from_str(word: &str) -> Result<Self, ParseHttpAddressError> {
        let port = word.strip_prefix("localhost:").unwrap_or(word);
        let port = port.strip_prefix(':').unwrap_or(port);
        let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let address = match is_number {
            true => port
                .parse()
                .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
                .ok(),
            false => word.parse().ok(),
        };
        address.map(Self).ok_or(ParseHttpAddressError)
    }
}

impl fmt::Display for HttpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_for_this_host_only() {
        for word in ["9345", ":9345", "localhost:9345", "127.0.0.1:9345"] {
            let address: HttpAddress = word.parse().unwrap();
            assert_eq!(address.to_string(), "127.0.0.1:9345", "{word}");
        }
    }

    #[test]
    fn an_address_is_taken_as_it_is() {
        for word in ["0.0.0.0:1", "[::]:80", "[fd00::1]:9345", "192.0.2.1:0"] {
            let address: HttpAddress = word.parse().unwrap();
            assert_eq!(address.to_string(), word);
        }
    }

    #[test]
    fn nothing_else_is_an_address() {
        for word in [
            "",
            ":",
            "65536",
            "::1:80",
            "host:80",
            "127.0.0.1",
            "+80",
            "localhost:localhost:80",
            "1.2.3.4:",
            "::80",
        ] {
            assert_eq!(
                word.parse::<HttpAddress>(),
                Err(ParseHttpAddressError),
                "{word}"
            );
        }
    }
}
