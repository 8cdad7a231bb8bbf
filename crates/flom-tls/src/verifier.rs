//! Judging the peer's certificate when rustls asks for it: by its chain, never by a name.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};

use crate::chain::{Authority, ChainError, Purpose, verify};

/// Trusts whom the authorities have signed.
#[derive(Debug)]
pub(crate) struct Verifier {
    authorities: Arc<[Authority]>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    pub(crate) fn new(authorities: Arc<[Authority]>) -> Self {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        Self {
            authorities,
            algorithms,
        }
    }

    fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        purpose: Purpose,
        now: UnixTime,
    ) -> Result<(), Error> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now.as_secs());
        let chain: Vec<_> = [leaf].into_iter().chain(others).cloned().collect();
        verify(&chain, &self.authorities, purpose, now).map_err(told)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.judge(leaf, others, Purpose::Server, now)
            .map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, leaf, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, leaf, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for Verifier {
    /// None: a client with a certificate of another authority is to be told so, not to come
    /// without one.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.judge(leaf, others, Purpose::Client, now)
            .map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, leaf, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, leaf, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// As rustls knows it, so that the peer gets the alert that says most; [`chain_error`] is the way
/// back.
fn told(error: ChainError) -> Error {
    Error::InvalidCertificate(match error {
        ChainError::UnknownIssuer => CertificateError::UnknownIssuer,
        ChainError::Expired => CertificateError::Expired,
        ChainError::NotYetValid => CertificateError::NotValidYet,
        ChainError::Purpose(_) => CertificateError::InvalidPurpose,
        ChainError::Signature => CertificateError::BadSignature,
        other => CertificateError::Other(OtherError(Arc::new(other))),
    })
}

/// What rustls says about the certificate of a peer, in our words.
pub(crate) fn chain_error(error: &CertificateError, purpose: Purpose) -> ChainError {
    match error {
        CertificateError::UnknownIssuer => ChainError::UnknownIssuer,
        CertificateError::Expired => ChainError::Expired,
        CertificateError::NotValidYet => ChainError::NotYetValid,
        CertificateError::InvalidPurpose => ChainError::Purpose(purpose),
        CertificateError::BadSignature => ChainError::Signature,
        CertificateError::Other(OtherError(other)) => match other.downcast_ref::<ChainError>() {
            Some(own) => own.clone(),
            None => ChainError::Other(other.to_string()),
        },
        other => ChainError::Other(other.to_string()),
    }
}
