//! Why a peer loses its connection.

use flom_net::LayerError;
use flom_proto::DecodeError;

use super::{OUTPUT_BYTES, QUESTIONS};
use crate::conversation::PeerFault;
use crate::wrapped::OtherPeer;

/// Why a peer loses its connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error(transparent)]
    Bytes(#[from] DecodeError),
    #[error(transparent)]
    Turn(#[from] PeerFault),
    #[error(transparent)]
    Slow(#[from] TooSlow),
    #[error(transparent)]
    Curious(#[from] TooCurious),
    #[error(transparent)]
    Layer(#[from] LayerError),
    #[error(transparent)]
    OtherPeer(#[from] OtherPeer),
    #[error("it speaks TLS, for which this daemon has no certificate")]
    Alien,
}

/// The peer leaves too many answers unread.
#[derive(Debug, thiserror::Error)]
#[error("it leaves more than {OUTPUT_BYTES} bytes of answers unread")]
pub(crate) struct TooSlow;

/// The peer asks faster than it can be told.
#[derive(Debug, thiserror::Error)]
#[error("it has asked more than {QUESTIONS} questions without hearing an answer")]
pub(crate) struct TooCurious;
