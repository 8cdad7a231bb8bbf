//! From the settings to TLS on every connection, or to the reason why the files are of no use.
//!
//! The daemon judges its own files before it listens: with those that nobody could trust it would
//! only be in the way of one that serves.

use flom_settings::Settings;

use crate::start::StartError;
use crate::wrapped::Wrapper;

/// How connections are to be wrapped, if they are.
#[cfg(feature = "tls")]
pub(crate) fn wrapper(settings: &Settings) -> Result<Option<Wrapper>, StartError> {
    use std::sync::Arc;
    use std::time::SystemTime;

    use flom_tls::{Files, Purpose, Server};

    let tls = &settings.tls;
    let (Some(certificate), Some(private_key), Some(ca_certificate)) =
        (&tls.certificate, &tls.private_key, &tls.ca_certificate)
    else {
        return Ok(None);
    };
    let files = Files {
        certificate: certificate.clone(),
        private_key: private_key.clone(),
        ca_certificate: ca_certificate.clone(),
    };
    let material = files.read()?;
    material
        .check_chain(Purpose::Server, SystemTime::now())
        .map_err(|source| StartError::TlsChain {
            file: certificate.clone(),
            source,
        })?;
    let server = Arc::new(Server::new(files));
    Ok(Some(Wrapper {
        wrap: Box::new(move || Box::new(server.layer())),
        limit_ms: tls.handshake_timeout_ms.into(),
        check_peer_id: tls.check_peer_id,
    }))
}

/// The same for a daemon that was built without TLS.
#[cfg(not(feature = "tls"))]
pub(crate) fn wrapper(settings: &Settings) -> Result<Option<Wrapper>, StartError> {
    match settings.tls.is_on() {
        false => Ok(None),
        true => Err(StartError::TlsMissing),
    }
}
