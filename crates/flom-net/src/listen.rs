//! A daemon's TCP socket, and the connections that come in through it.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::time::Duration;

use flom_types::target;
use log::debug;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use crate::address::lacks_scope;
use crate::stream::unscoped;

/// The most that Linux takes as `TCP_KEEPIDLE` and `TCP_KEEPINTVL`, in s.
const KEEPALIVE_S_MAX: u64 = 32767;

/// The most that Linux takes as `TCP_KEEPCNT`.
const PROBES_MAX: u32 = 127;

/// The longest time that Linux waits for an acknowledgement if told to.
const USER_TIMEOUT_MAX: Duration = Duration::from_millis(i32::MAX as u64);

/// When a silent connection counts as lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keepalive {
    /// How long it is silent before the first probe, in whole seconds.
    pub time: Duration,
    /// Time between two probes, in whole seconds.
    pub interval: Duration,
    /// Probes without answer until it counts as lost.
    pub probes: u32,
}

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

/// Sets up a connection: what is written goes out at once, and a peer that vanishes without a word
/// is noticed, also if it was just told something and owes the acknowledgement: the system would
/// repeat that for a quarter of an hour. A listener passes it on to the connections that it accepts.
///
/// Values that the system would not take are moved to the nearest that it does, so that a wrong
/// setting is no reason to turn a client away.
///
/// # Errors
///
/// As the system says; on Linux only if the connection has gone already.
pub fn tune(socket: &impl AsFd, keepalive: &Keepalive) -> io::Result<()> {
    let whole_s = |time: Duration| Duration::from_secs(time.as_secs().clamp(1, KEEPALIVE_S_MAX));
    let (time, interval) = (whole_s(keepalive.time), whole_s(keepalive.interval));
    let probes = keepalive.probes.clamp(1, PROBES_MAX);
    let socket = SockRef::from(socket);
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_user_timeout(Some((time + interval * probes).min(USER_TIMEOUT_MAX)))?;
    socket.set_tcp_keepalive(
        &TcpKeepalive::new()
            .with_time(time)
            .with_interval(interval)
            .with_retries(probes),
    )
}
