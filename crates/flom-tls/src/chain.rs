//! Whether a certificate leads to an authority, for a purpose, at a moment.

use std::time::SystemTime;

use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage, anchor_from_trusted_cert};

use crate::certificate::{Certificate, CertificateError};

/// What a certificate is presented for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// Being a daemon.
    Server,
    /// Being a client.
    Client,
}

/// Why a certificate is not trusted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// No authority that is trusted has signed it, nor any that was sent along with it.
    #[error(
        "no trusted authority has signed it: the CA file must have the certificate of the CA that \
         did, and those between the two must be in one of the files"
    )]
    UnknownIssuer,
    /// It, or one between it and the authority, is too old.
    #[error("it has expired")]
    Expired,
    /// It, or one between it and the authority, is for later; or a clock is wrong.
    #[error("it is not valid yet (or the clock of this host is wrong)")]
    NotYetValid,
    /// The authority itself is too old, or for later.
    #[error("the certificate of the authority that has signed it has expired, or is not valid yet")]
    AuthorityOutOfDate,
    /// Its extended key usage does not allow what it is presented for.
    #[error(
        "its extended key usage does not allow {}: make it with \
         extendedKeyUsage=serverAuth,clientAuth",
        match .0 { Purpose::Server => "a server", Purpose::Client => "a client" }
    )]
    Purpose(Purpose),
    /// It is of a version from before extensions.
    #[error(
        "it is of version 1: make one of version 3, as `openssl x509 -req` does with \
         -extfile and a line basicConstraints=CA:FALSE"
    )]
    Version1,
    /// It is that of an authority.
    #[error(
        "it is the certificate of a CA (CA:TRUE), which cannot be that of a host: have the CA sign \
         one of the host, with basicConstraints=CA:FALSE"
    )]
    IsAuthority,
    /// One between it and the authority may not sign others.
    #[error("a certificate between it and the authority is not that of a CA (CA:TRUE)")]
    NotAuthority,
    /// A signature is wrong.
    #[error(
        "its signature is not that of the authority it names: another CA of the same name made it"
    )]
    Signature,
    /// A signature or a key is of a kind that is not trusted any more, or unknown here.
    #[error(
        "a signature is of a kind that is not accepted: make RSA keys of 2048 bits or more, EC keys \
         P-256 or P-384, and sign with SHA-256 or better"
    )]
    Algorithm,
    /// Anything else.
    #[error("it is not sound: {0}")]
    Other(String),
}

/// An authority that is trusted.
#[derive(Clone, Debug)]
pub(crate) struct Authority {
    pub(crate) certificate: Certificate,
    anchor: TrustAnchor<'static>,
}

impl Authority {
    /// That of this certificate.
    pub(crate) fn new(der: &CertificateDer<'_>) -> Result<Self, AuthorityError> {
        let certificate = Certificate::parse(der)?;
        let anchor = anchor_from_trusted_cert(der)?.to_owned();
        Ok(Self {
            certificate,
            anchor,
        })
    }
}

/// Why a certificate is none of an authority.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthorityError {
    #[error(transparent)]
    Form(#[from] CertificateError),
    #[error("it is not sound: {0:?}")]
    Content(#[from] Error),
}

/// Checks that the first certificate of `chain` leads to one of the `authorities`, by way of the
/// others, and may be used for `purpose` at `now`.
pub(crate) fn verify(
    chain: &[CertificateDer<'_>],
    authorities: &[Authority],
    purpose: Purpose,
    now: SystemTime,
) -> Result<(), ChainError> {
    let Some((leaf, others)) = chain.split_first() else {
        return Err(ChainError::Other("it is not there".to_owned()));
    };
    let current = |authority: &&Authority| authority.certificate.is_current(now);
    let anchors = |chosen: &mut dyn Iterator<Item = &Authority>| {
        chosen.map(|authority| authority.anchor.clone()).collect()
    };
    let valid: Vec<_> = anchors(&mut authorities.iter().filter(current));
    match verify_to(leaf, others, &valid, purpose, now) {
        Err(ChainError::UnknownIssuer) if valid.len() < authorities.len() => {
            let all: Vec<_> = anchors(&mut authorities.iter());
            match verify_to(leaf, others, &all, purpose, now) {
                Ok(()) => Err(ChainError::AuthorityOutOfDate),
                Err(error) => Err(error),
            }
        }
        result => result,
    }
}

fn verify_to(
    leaf: &CertificateDer<'_>,
    others: &[CertificateDer<'_>],
    anchors: &[TrustAnchor<'_>],
    purpose: Purpose,
    now: SystemTime,
) -> Result<(), ChainError> {
    let since_epoch = now.duration_since(SystemTime::UNIX_EPOCH);
    let now = UnixTime::since_unix_epoch(since_epoch.unwrap_or_default());
    let usage = match purpose {
        Purpose::Server => KeyUsage::server_auth(),
        Purpose::Client => KeyUsage::client_auth(),
    };
    EndEntityCert::try_from(leaf)
        .and_then(|leaf| {
            let algorithms = webpki::ALL_VERIFICATION_ALGS;
            leaf.verify_for_usage(algorithms, anchors, others, now, usage, None, None)
                .map(|_| ())
        })
        .map_err(|error| explain(error, purpose))
}

#[expect(
    deprecated,
    reason = "kinds that are not made any more belong to the same sentences"
)]
fn explain(error: Error, purpose: Purpose) -> ChainError {
    match error {
        Error::UnknownIssuer => ChainError::UnknownIssuer,
        Error::CertExpired { .. } => ChainError::Expired,
        Error::CertNotValidYet { .. } => ChainError::NotYetValid,
        Error::RequiredEkuNotFoundContext(_)
        | Error::RequiredEkuNotFound
        | Error::EmptyEkuExtension => ChainError::Purpose(purpose),
        Error::UnsupportedCertVersion => ChainError::Version1,
        Error::CaUsedAsEndEntity => ChainError::IsAuthority,
        Error::EndEntityUsedAsCa => ChainError::NotAuthority,
        Error::InvalidSignatureForPublicKey => ChainError::Signature,
        Error::UnsupportedSignatureAlgorithm
        | Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKey
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)
        | Error::SignatureAlgorithmMismatch => ChainError::Algorithm,
        other => ChainError::Other(format!("{other:?}")),
    }
}
