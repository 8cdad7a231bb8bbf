//! What may lie between the bytes of a socket and those of the messages: encryption.
//!
//! ```text
//!   socket ── received ──► open ── plain ──► messages
//!                           │ wire: what the layer itself has to say
//!                           ▼
//!   socket ◄── wire ────── seal ◄── plain ── messages
//! ```
//!
//! Without a layer the bytes of the socket are those of the messages.

use std::fmt::{self, Debug};

use flom_types::ReturnCode;

/// What the peer has proven to be called: the common name of its certificate.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PeerName(String);

impl PeerName {
    /// A name that has been proven.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name, byte for byte as in the certificate.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A layer on a connection. It owns no socket and never waits.
pub trait Layer: Debug + Send {
    /// Takes what the socket has received, in any pieces. Appends to `plain` what the peer has said,
    /// and to `wire` what has to be sent for the layer's own sake.
    ///
    /// # Errors
    ///
    /// The connection is of no use any more; `wire` may end with the reason, for the peer.
    fn open(
        &mut self,
        received: &[u8],
        plain: &mut Vec<u8>,
        wire: &mut Vec<u8>,
    ) -> Result<(), LayerError>;

    /// Appends to `wire` what says `plain`, one message, in a piece of its own. What is said before
    /// the layer is [ready](Self::is_ready) goes out with the bytes that make it so.
    ///
    /// # Errors
    ///
    /// The connection is of no use any more.
    fn seal(&mut self, plain: &[u8], wire: &mut Vec<u8>) -> Result<(), LayerError>;

    /// Whether the two ends have agreed, so that messages go through.
    fn is_ready(&self) -> bool;

    /// Whether the peer has said that it will say no more. The end of the socket says so too.
    fn is_closed(&self) -> bool;

    /// What the peer has proven to be called; `None` before the layer is ready, and if it has no
    /// name.
    fn peer_name(&self) -> Option<&PeerName>;
}

/// Why a layer has given a connection up.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct LayerError {
    fault: LayerFault,
    reason: String,
}

/// What kind of reason that is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum LayerFault {
    /// The peer does not speak through such a layer.
    Clear,
    /// Our own files are of no use, by this number.
    Files(ReturnCode),
    /// The peer is not trusted.
    Untrusted,
    /// The peer does not trust us.
    Refused,
    /// The two ends cannot agree, or the peer breaks the rules.
    Broken,
}

impl LayerError {
    /// An error of this kind; `reason` is for people.
    pub fn new(fault: LayerFault, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { fault, reason }
    }

    /// Its kind.
    pub fn fault(&self) -> LayerFault {
        self.fault
    }
}
