//! What lies between a connection's socket and its messages where there is TLS.
//!
//! ```text
//!   socket ── open ──► Decoder          socket ◄── output ◄── seal ── answer
//! ```
//!
//! Here is no word of TLS but what `flom_net::Layer` says; `tls.rs` makes the layers.

use std::fmt;

use flom_net::{Layer, LayerError, PeerName};
use flom_proto::Session;

/// How the connections of a daemon are wrapped.
pub(crate) struct Wrapper {
    /// Makes the daemon's end for a new connection.
    pub(crate) wrap: Box<dyn Fn() -> Box<dyn Layer> + Send>,
    /// How long a handshake may take, in ms.
    pub(crate) limit_ms: u64,
    /// Whether the id that a peer says it has must be its proven name.
    pub(crate) check_peer_id: bool,
}

impl fmt::Debug for Wrapper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wrapper")
            .field("limit_ms", &self.limit_ms)
            .field("check_peer_id", &self.check_peer_id)
            .finish_non_exhaustive()
    }
}

/// The wrapping of one connection.
#[derive(Debug)]
pub(crate) struct Wrapped {
    layer: Box<dyn Layer>,
    check_peer_id: bool,
    /// What was heard last, or is to be said, without its wrapping.
    plain: Vec<u8>,
    /// Why no more can be heard or said.
    failure: Option<LayerError>,
}

/// The peer is not whom its certificate was made for.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("it says that its id is '{claimed}', but its certificate is that of '{proven}'")]
pub(crate) struct OtherPeer {
    claimed: String,
    proven: String,
}

impl Wrapped {
    pub(crate) fn new(wrapper: &Wrapper) -> Self {
        Self {
            layer: (wrapper.wrap)(),
            check_peer_id: wrapper.check_peer_id,
            plain: Vec::new(),
            failure: None,
        }
    }

    /// Takes what was `received`; [`plain`](Self::plain) is what the peer says in it. What has to be
    /// sent for that goes to `output`.
    pub(crate) fn open(&mut self, received: &[u8], output: &mut Vec<u8>) {
        self.plain.clear();
        if self.failure.is_none()
            && let Err(error) = self.layer.open(received, &mut self.plain, output)
        {
            self.failure = Some(error);
        }
    }

    /// What was heard last.
    pub(crate) fn plain(&self) -> &[u8] {
        &self.plain
    }

    /// Appends to `output` what says whatever `write` puts into its buffer.
    pub(crate) fn seal(&mut self, output: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        self.plain.clear();
        write(&mut self.plain);
        if self.failure.is_none()
            && let Err(error) = self.layer.seal(&self.plain, output)
        {
            self.failure = Some(error);
        }
    }

    /// Whether the handshake is not done yet.
    pub(crate) fn is_shaking_hands(&self) -> bool {
        !self.layer.is_ready() && self.failure.is_none()
    }

    /// Whether the peer has said that it will say no more.
    pub(crate) fn is_closed(&self) -> bool {
        self.layer.is_closed()
    }

    /// Whether something went wrong of which nobody knows yet.
    pub(crate) fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Why no more can be heard.
    pub(crate) fn failure(&mut self) -> Option<LayerError> {
        self.failure.take()
    }

    /// What the peer has proven to be called.
    pub(crate) fn peer_name(&self) -> Option<&PeerName> {
        self.layer.peer_name()
    }

    /// Whether the peer is whom it says to be, if that matters.
    pub(crate) fn check(&self, session: Option<&Session>) -> Result<(), OtherPeer> {
        let claimed = session.map_or("", |session| session.peer_id.as_str());
        let proven = self.peer_name().map_or("", PeerName::as_str);
        if self.check_peer_id && (claimed.is_empty() || claimed != proven) {
            let (claimed, proven) = (claimed.to_owned(), proven.to_owned());
            return Err(OtherPeer { claimed, proven });
        }
        Ok(())
    }
}
