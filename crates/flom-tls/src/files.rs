//! Certificate, private key and authorities, as they stand in files (PEM).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use flom_types::ReturnCode;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use crate::certificate::{Certificate, CertificateError};
use crate::chain::{Authority, ChainError, Purpose, verify};

/// Bytes of the longest file that is read; some hundred certificates have room in it.
const FILE_BYTES: u64 = 1024 * 1024;

/// Where the three files are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Files {
    /// The own certificate, then those between it and the authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub private_key: PathBuf,
    /// The authorities that are trusted.
    pub ca_certificate: PathBuf,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", file.display())]
pub struct FileError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub problem: FileProblem,
}

/// What can be wrong with a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileProblem {
    /// It cannot be read, by this number of FLoM 1.7.2.
    #[error("cannot read it: {1}")]
    Unreadable(ReturnCode, io::Error),
    /// There is no certificate in it.
    #[error("there is no certificate in it (PEM, BEGIN CERTIFICATE)")]
    NoCertificate,
    /// A certificate in it is damaged.
    #[error("the certificate in it cannot be read: {0}")]
    Certificate(String),
    /// There is no certificate of an authority in it.
    #[error("there is no certificate of a CA in it (PEM, BEGIN CERTIFICATE)")]
    NoAuthority,
    /// A certificate of an authority in it is damaged.
    #[error("certificate number {number} in it cannot be read: {reason}")]
    Authority {
        /// Which one, from 1.
        number: usize,
        /// Why not.
        reason: String,
    },
    /// There is no private key in it.
    #[error("there is no private key in it (PEM, BEGIN PRIVATE KEY)")]
    NoKey,
    /// The private key in it needs a pass phrase.
    #[error(
        "the private key in it is encrypted, and nobody is there to say the pass phrase: decrypt it \
         with `openssl pkey -in FILE -out FILE.new`, and protect the file by its permissions"
    )]
    EncryptedKey,
    /// The private key in it is of no use.
    #[error("the private key in it cannot be used: {0}")]
    Key(String),
    /// The private key in it is another one.
    #[error("the private key in it is not that of the certificate in {}", .0.display())]
    OtherKey(PathBuf),
}

impl FileError {
    /// The number by which FLoM 1.7.2 names this.
    pub fn code(&self) -> ReturnCode {
        match self.problem {
            FileProblem::Unreadable(code, _) => code,
            FileProblem::NoCertificate | FileProblem::Certificate(_) => ReturnCode::TLS_CERTIFICATE,
            FileProblem::NoAuthority | FileProblem::Authority { .. } => {
                ReturnCode::TLS_CA_CERTIFICATE
            }
            FileProblem::NoKey
            | FileProblem::EncryptedKey
            | FileProblem::Key(_)
            | FileProblem::OtherKey(_) => ReturnCode::TLS_PRIVATE_KEY,
        }
    }
}

/// The bytes of the three files.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Contents {
    certificate: Vec<u8>,
    private_key: Vec<u8>,
    ca_certificate: Vec<u8>,
}

/// What is in the files: a certificate, the key that belongs to it, and whom to trust.
#[derive(Debug)]
pub struct Material {
    pub(crate) key: Arc<CertifiedKey>,
    pub(crate) authorities: Arc<[Authority]>,
    certificate: Certificate,
}

impl Files {
    /// Reads them. The key is that of the certificate then; whether the certificate is of use is
    /// for [`Material::check_chain`].
    ///
    /// # Errors
    ///
    /// What is wrong with which file.
    pub fn read(&self) -> Result<Material, FileError> {
        self.material(&self.contents()?)
    }

    pub(crate) fn contents(&self) -> Result<Contents, FileError> {
        Ok(Contents {
            certificate: contents(&self.certificate, ReturnCode::TLS_CERTIFICATE)?,
            private_key: contents(&self.private_key, ReturnCode::TLS_PRIVATE_KEY)?,
            ca_certificate: contents(&self.ca_certificate, ReturnCode::TLS_CA_CERTIFICATE)?,
        })
    }

    pub(crate) fn material(&self, contents: &Contents) -> Result<Material, FileError> {
        let wrong = |file: &Path, problem| FileError {
            file: file.to_owned(),
            problem,
        };
        let chain = chain(&contents.certificate);
        let chain = chain.map_err(|problem| wrong(&self.certificate, problem))?;
        let certificate = Certificate::parse(&chain[0]).map_err(|error: CertificateError| {
            wrong(
                &self.certificate,
                FileProblem::Certificate(error.to_string()),
            )
        })?;
        let authorities = authorities(&contents.ca_certificate)
            .map_err(|problem| wrong(&self.ca_certificate, problem))?;
        let key = key(&contents.private_key)
            .and_then(|key| self.belonging(chain, key))
            .map_err(|problem| wrong(&self.private_key, problem))?;
        Ok(Material {
            key: Arc::new(key),
            authorities: authorities.into(),
            certificate,
        })
    }

    fn belonging(
        &self,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<CertifiedKey, FileProblem> {
        let provider = default_provider().key_provider;
        let key = provider
            .load_private_key(key)
            .map_err(|error| FileProblem::Key(error.to_string()))?;
        let key = CertifiedKey::new(chain, key);
        match key.keys_match() {
            Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
                Err(FileProblem::OtherKey(self.certificate.clone()))
            }
            // That certificates of version 1 cannot be compared is left to the chain.
            _ => Ok(key),
        }
    }
}

impl Material {
    /// The own certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The authorities that are trusted; there is at least one.
    pub fn authorities(&self) -> impl Iterator<Item = &Certificate> {
        self.authorities
            .iter()
            .map(|authority| &authority.certificate)
    }

    /// Checks that a peer with the same authorities would trust the own certificate for `purpose`
    /// at `now`: chain, dates, extended key usage.
    ///
    /// # Errors
    ///
    /// Why it would not.
    pub fn check_chain(&self, purpose: Purpose, now: SystemTime) -> Result<(), ChainError> {
        verify(&self.key.cert, &self.authorities, purpose, now)
    }
}

fn contents(file: &Path, code: ReturnCode) -> Result<Vec<u8>, FileError> {
    let read = || {
        // A FIFO or a device could hold the reader up for ever.
        let metadata = fs::metadata(file)?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        if metadata.len() > FILE_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        fs::read(file)
    };
    read().map_err(|error| FileError {
        file: file.to_owned(),
        problem: FileProblem::Unreadable(code, error),
    })
}

fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, FileProblem> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let all = all.map_err(|error| FileProblem::Certificate(error.to_string()))?;
    if all.is_empty() {
        return Err(FileProblem::NoCertificate);
    }
    Ok(all)
}

fn authorities(pem: &[u8]) -> Result<Vec<Authority>, FileProblem> {
    let mut all = Vec::new();
    for (number, der) in (1..).zip(CertificateDer::pem_slice_iter(pem)) {
        let damaged = |reason: String| FileProblem::Authority { number, reason };
        let der = der.map_err(|error| damaged(error.to_string()))?;
        all.push(Authority::new(&der).map_err(|error| damaged(error.to_string()))?);
    }
    if all.is_empty() {
        return Err(FileProblem::NoAuthority);
    }
    Ok(all)
}

fn key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, FileProblem> {
    use rustls::pki_types::pem::Error;
    let key = PrivateKeyDer::from_pem_slice(pem);
    key.map_err(|error| match error {
        _ if is_encrypted(pem) => FileProblem::EncryptedKey,
        Error::NoItemsFound => FileProblem::NoKey,
        error => FileProblem::Key(error.to_string()),
    })
}

/// Whether a key in `pem` is encrypted, in the form of PKCS #8 or that from before.
fn is_encrypted(pem: &[u8]) -> bool {
    let text = String::from_utf8_lossy(pem);
    text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED")
}
