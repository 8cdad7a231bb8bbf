//! Numbers that must not be mixed up.

use std::fmt;

/// One conversation of a client with the daemon: on the wire, one connection.
///
/// A daemon never uses a number twice, so a message that is late can never meet a newcomer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SessionId(pub u64);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
