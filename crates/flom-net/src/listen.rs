//! A daemon's TCP socket.

use std::io;
use std::net::{SocketAddr, TcpListener};

use flom_types::target;
use log::debug;
use socket2::{Domain, Protocol, Socket, Type};

use crate::address::lacks_scope;
use crate::stream::unscoped;

/// Listens, without blocking, on the first of the `addresses` that this host can bind.
///
/// The IPv6 wildcard takes IPv4 clients too. An address in use ends the search: who has it is most
/// likely a daemon that was started at the same moment, and a second one beside it, on the next
/// address of the same host, would hand out the same locks once more.
///
/// # Errors
///
/// [`io::ErrorKind::AddrInUse`] as said; else the error of the last address, with the address in
/// the text.
pub fn listen_tcp(addresses: &[SocketAddr], backlog: i32) -> io::Result<TcpListener> {
    let mut refusal = io::Error::new(io::ErrorKind::InvalidInput, "no address to listen on");
    for address in addresses {
        match listen_one(address, backlog) {
            Ok(listener) => return Ok(listener),
            Err(error) => {
                let text = format!("cannot listen on {address}: {error}");
                debug!(target: target::WIRE, "{text}");
                refusal = io::Error::new(error.kind(), text);
            }
        }
        if refusal.kind() == io::ErrorKind::AddrInUse {
            break;
        }
    }
    Err(refusal)
}

fn listen_one(address: &SocketAddr, backlog: i32) -> io::Result<TcpListener> {
    if lacks_scope(address) {
        return Err(unscoped());
    }
    let socket = Socket::new(
        Domain::for_address(*address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?; // connections of an earlier daemon may linger
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.bind(&(*address).into())?;
    socket.listen(backlog)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}
