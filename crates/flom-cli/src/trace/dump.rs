//! Addresses and bytes as a trace shows them (`spec/tracing.md` §2).

use std::fmt::Write;
use std::net::SocketAddr;

use flom_types::Printable;

/// `addrlen=28; IPv6 address, sin6_port=28015, ...`.
pub fn dump_address(address: &SocketAddr) -> String {
    let length = address_length(address);
    match address {
        SocketAddr::V4(v4) => format!(
            "addrlen={length}; IPv4 address, sin_port={}, sin_addr='{}'",
            v4.port(),
            v4.ip()
        ),
        SocketAddr::V6(v6) => format!(
            "addrlen={length}; IPv6 address, sin6_port={}, sin6_flowinfo={:#x}, sin6_addr='{}', \
             sin6_scope_id={}",
            v6.port(),
            v6.flowinfo(),
            v6.ip(),
            v6.scope_id()
        ),
    }
}

/// `[ai_flags=1,ai_family=10,...] `: an entry of the resolver for datagrams, with its final blank.
///
/// `flags` are those of the question; the entry has no canonical name.
pub fn dump_resolved(flags: i32, address: &SocketAddr) -> String {
    const AF_INET: i32 = 2;
    const AF_INET6: i32 = 10;
    const SOCK_DGRAM: i32 = 2;
    const IPPROTO_UDP: i32 = 17;
    let family = match address {
        SocketAddr::V4(_) => AF_INET,
        SocketAddr::V6(_) => AF_INET6,
    };
    format!(
        "[ai_flags={flags},ai_family={family},ai_socktype={SOCK_DGRAM},ai_protocol={IPPROTO_UDP},\
         ai_addrlen={},ai_canonname='{}'] ",
        address_length(address),
        or_null(None)
    )
}

/// Two hexadecimal digits and a blank for each byte.
pub fn dump_bytes(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x} ").expect("a string takes any text");
        text
    })
}

/// What is printable ASCII of `bytes`, a blank for each other byte.
pub fn dump_text(bytes: &[u8]) -> String {
    Printable(bytes).to_string()
}

/// `text`, or `{null}`.
pub fn or_null(text: Option<&str>) -> &str {
    text.unwrap_or("{null}")
}

/// The size of the system's form of `address`.
fn address_length(address: &SocketAddr) -> usize {
    match address {
        SocketAddr::V4(_) => 16,
        SocketAddr::V6(_) => 28,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dumps_have_the_form_that_users_know() {
        assert_eq!(
            dump_address(&"[ff02::1]:28015".parse().unwrap()),
            "addrlen=28; IPv6 address, sin6_port=28015, sin6_flowinfo=0x0, sin6_addr='ff02::1', \
             sin6_scope_id=0"
        );
        assert_eq!(
            dump_address(&"192.0.2.1:80".parse().unwrap()),
            "addrlen=16; IPv4 address, sin_port=80, sin_addr='192.0.2.1'"
        );
        assert_eq!(
            dump_resolved(1, &"[ff02::1]:28015".parse().unwrap()),
            "[ai_flags=1,ai_family=10,ai_socktype=2,ai_protocol=17,ai_addrlen=28,\
             ai_canonname='{null}'] "
        );
        assert_eq!(dump_bytes(b"HELLO"), "48 45 4c 4c 4f ");
        assert_eq!(dump_text(b"a\x01\xffb~"), "a  b~");
    }
}
