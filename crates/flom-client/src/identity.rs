//! Who we are to a daemon that uses TLS, and whom we trust.

use std::path::{Path, absolute};

use flom_settings::Tls;
use flom_tls::Files;

use crate::error::ConfigError;
use crate::tls::TlsError;

/// Certificate, private key and authorities: all of them or no TLS.
///
/// ```
/// use flom_client::{Client, TlsIdentity};
///
/// # let certificates = flom_testkit::Directory::with_certificates("alpha");
/// # let directory = certificates.path();
/// let identity = TlsIdentity::from_pem_files(
///     directory.join("alpha.pem"),
///     directory.join("alpha.key"),
///     directory.join("ca.pem"),
/// )?;
/// let client = Client::builder()
///     .tcp("locks.example.com", 28015)
///     .tls(identity.verify_peer_id(true))
///     .build()?;
/// # Ok::<(), flom_client::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsIdentity {
    files: Files,
    verify_peer_id: bool,
}

impl TlsIdentity {
    /// Certificate (with what leads from it to the authority), its private key, and the authorities
    /// that a daemon's certificate must come from, each in a PEM file.
    ///
    /// The files are read now, to see that they are of use, and again for each connection, so that
    /// they can be renewed.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Tls`] if a file cannot be read or is not what it should be.
    pub fn from_pem_files(
        certificate: impl AsRef<Path>,
        private_key: impl AsRef<Path>,
        ca_certificate: impl AsRef<Path>,
    ) -> Result<Self, ConfigError> {
        let path = |path: &Path| absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let files = Files {
            certificate: path(certificate.as_ref()),
            private_key: path(private_key.as_ref()),
            ca_certificate: path(ca_certificate.as_ref()),
        };
        files.read().map_err(|error| ConfigError::Tls {
            source: TlsError::files(error),
        })?;
        Ok(Self {
            files,
            verify_peer_id: false,
        })
    }

    /// Whether the id that the daemon says it has must be the name in its certificate. It need not
    /// unless said: any certificate of the authorities will do.
    #[must_use]
    pub fn verify_peer_id(mut self, verify: bool) -> Self {
        self.verify_peer_id = verify;
        self
    }

    pub(crate) fn write_to(self, tls: &mut Tls) {
        tls.certificate = Some(self.files.certificate);
        tls.private_key = Some(self.files.private_key);
        tls.ca_certificate = Some(self.files.ca_certificate);
        tls.check_peer_id = self.verify_peer_id;
    }
}
