//! Whether a connection is to be encrypted, and what can go wrong with that.

use std::error::Error;
use std::io;
use std::time::Duration;

use flom_net::{Layer, LayerError, LayerFault};
use flom_settings::Tls;
use flom_types::ReturnCode;

/// Why there is no encrypted connection to a daemon, or no longer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// One of the three files is of no use.
    #[error("{problem}")]
    Files {
        /// Which, and why: not a source, which would be said twice.
        problem: Box<dyn Error + Send + Sync>,
        /// The number of that.
        code: ReturnCode,
    },
    /// This program was built without TLS.
    #[error("this program was built without TLS (cargo feature `tls`)")]
    Missing,
    /// The daemon speaks TLS, and we do not.
    #[error(
        "the daemon uses TLS, and here it is not switched on: --tls-certificate, \
         --tls-private-key and --tls-ca-certificate are needed"
    )]
    OnlyDaemon,
    /// We speak TLS, and the daemon does not.
    #[error(
        "TLS is switched on here, and the daemon does not use it: it ended the connection as soon \
         as the handshake began, or answered in clear text"
    )]
    OnlyWe,
    /// The handshake failed. The number is for a moment at which the daemon had not agreed yet.
    #[error(transparent)]
    Handshake(TlsFault),
    /// The daemon did not come to an end with the handshake.
    #[error(
        "the daemon has not come to an end with the TLS handshake within {:.1} s: it may be one of \
         FLoM 1.7.2 that does not use TLS", after.as_secs_f64()
    )]
    TimedOut {
        /// How long we have waited.
        after: Duration,
    },
    /// The connection broke during the handshake.
    #[error("the connection broke during the TLS handshake: {0}")]
    Broken(io::Error),
    /// After the handshake the daemon found something wrong, or somebody else did.
    #[error(transparent)]
    Ended(TlsFault),
    /// The daemon has closed the connection without a word, instead of an answer.
    #[error(
        "the daemon's log may say why; it may not trust our certificate, or check that its name is \
         our id (flom --unique-id)"
    )]
    Silent,
    /// The daemon is not whom its certificate was made for.
    #[error("its id is '{claimed}', but its certificate is that of '{proven}'")]
    OtherPeer {
        /// The id that it says it has.
        claimed: String,
        /// The common name of its certificate.
        proven: String,
    },
}

/// What is wrong with what was said, or with who says it, in the words of the TLS library.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct TlsFault {
    pub(crate) error: LayerError,
}

impl TlsError {
    /// The number by which FLoM 1.7.2 names this.
    pub fn code(&self) -> ReturnCode {
        match self {
            Self::Files { code, .. } => *code,
            Self::Missing => ReturnCode::INVALID_OPTION,
            Self::OnlyDaemon => ReturnCode::RECV,
            Self::Handshake(fault) if fault.error.fault() == LayerFault::Untrusted => {
                ReturnCode::TLS_CHAIN
            }
            Self::OnlyWe | Self::Handshake(_) | Self::TimedOut { .. } | Self::Broken(_) => {
                ReturnCode::TLS_HANDSHAKE
            }
            Self::Ended(_) | Self::Silent => ReturnCode::TLS_READ,
            Self::OtherPeer { .. } => ReturnCode::PEER_ID_MISMATCH,
        }
    }

    #[cfg(feature = "tls")]
    pub(crate) fn files(error: flom_tls::FileError) -> Self {
        Self::Files {
            code: error.code(),
            problem: Box::new(error),
        }
    }

    /// Whether the daemon has gone in the middle of the handshake, without a word.
    pub(crate) fn is_end(&self) -> bool {
        matches!(self, Self::OnlyWe | Self::Broken(_))
    }

    /// As what reading and writing return.
    pub(crate) fn into_io(self) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, self)
    }

    /// The one in what reading or writing has returned, or else that again.
    pub(crate) fn out_of(error: Option<io::Error>) -> Result<Self, Option<io::Error>> {
        match error {
            Some(error) => error.downcast().map_err(Some),
            None => Err(None),
        }
    }

    /// The one in what reading or writing has returned, if there is one.
    pub(crate) fn within(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

/// Whether a daemon whose very first byte is this one speaks TLS: it begins an alert or a
/// handshake, and no message.
pub(crate) fn begins(first: u8) -> bool {
    matches!(first, 0x15 | 0x16)
}

/// The client's end of a TLS connection, and the bytes that begin it.
type Begun = (Box<dyn Layer>, Vec<u8>);

/// Begins a TLS connection; `None` if it is not to be encrypted. The files are read now.
#[cfg(feature = "tls")]
pub(crate) fn layer(tls: &Tls) -> Result<Option<Begun>, TlsError> {
    let (Some(certificate), Some(private_key), Some(ca_certificate)) =
        (&tls.certificate, &tls.private_key, &tls.ca_certificate)
    else {
        return Ok(None);
    };
    let files = flom_tls::Files {
        certificate: certificate.clone(),
        private_key: private_key.clone(),
        ca_certificate: ca_certificate.clone(),
    };
    let mut hello = Vec::new();
    let layer = flom_tls::client(&files, &mut hello).map_err(TlsError::files)?;
    Ok(Some((Box::new(layer), hello)))
}

/// The same for a program that was built without TLS.
#[cfg(not(feature = "tls"))]
pub(crate) fn layer(tls: &Tls) -> Result<Option<Begun>, TlsError> {
    match tls.is_on() {
        false => Ok(None),
        true => Err(TlsError::Missing),
    }
}
