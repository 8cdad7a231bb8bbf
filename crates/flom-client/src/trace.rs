//! What the trace shows of what client and daemon say to each other. With no trace wanted, each
//! function is a comparison.

use std::fmt::Display;

use flom_proto::{Message, decode, pieces};
use flom_types::{Printable, target};
use log::Level::Trace;
use log::{log_enabled, trace};

/// A message to the daemon called `peer`.
pub(crate) fn sent(peer: &str, bytes: &[u8]) {
    wire("sent to", peer, bytes);
    if log_enabled!(target: target::MESSAGE, Trace)
        && let Ok(message) = decode(bytes)
    {
        trace!(target: target::MESSAGE, "the client says {message}");
    }
}

/// Bytes from the daemon called `peer`.
pub(crate) fn received(peer: &str, bytes: &[u8]) {
    wire("received from", peer, bytes);
}

fn wire(what: &str, peer: &str, bytes: &[u8]) {
    if log_enabled!(target: target::WIRE, Trace) {
        for piece in pieces(bytes) {
            let (length, text) = (piece.len(), Printable(piece));
            trace!(target: target::WIRE, "{what} {peer}, {length} bytes: {text}");
        }
    }
}

/// What the daemon says.
pub(crate) fn message(message: &Message) {
    trace!(target: target::MESSAGE, "the daemon says {message}");
}

/// A datagram; `what` says whether it came `from` `peer` or went `to` it.
pub(crate) fn datagram(what: &str, peer: impl Display, datagram: &[u8]) {
    let (length, text) = (datagram.len(), Printable(datagram));
    trace!(target: target::WIRE, "datagram {what} {peer}, {length} bytes: {text}");
}
