//! The files of a program, read anew for every connection.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::Resumption;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{IpAddr, Ipv4Addr, ServerName};
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection,
    SupportedProtocolVersion,
};

use crate::files::{Contents, FileError, Files, Material};
use crate::layer::TlsLayer;
use crate::verifier::Verifier;

/// What both ends can speak.
const VERSIONS: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

/// A client's end of a connection. The files are read now; the bytes that begin the handshake go
/// into `wire`.
///
/// # Errors
///
/// What is wrong with which file.
pub fn client(files: &Files, wire: &mut Vec<u8>) -> Result<TlsLayer, FileError> {
    let own = files.read()?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(VERSIONS)
        .expect("the provider has cipher suites for both versions")
        .dangerous() // because names are not checked; chains are
        .with_custom_certificate_verifier(Arc::new(Verifier::new(own.authorities.clone())))
        .with_client_cert_resolver(Arc::new(single(own.key.clone())));
    config.enable_sni = false;
    config.resumption = Resumption::disabled();
    // Nobody sees or checks it.
    let name = ServerName::IpAddress(IpAddr::V4(Ipv4Addr::from([127, 0, 0, 1])));
    let connection = ClientConnection::new(Arc::new(config), name)
        .expect("a configuration without extras makes a connection");
    Ok(TlsLayer::client(Connection::Client(connection), own, wire))
}

/// A daemon's files.
#[derive(Debug)]
pub struct Server {
    files: Files,
    latest: Mutex<Option<Latest>>,
}

/// What was in the files when they were last read. As long as they do not change it need not be
/// made of them again, which takes longer than to read them.
struct Latest {
    contents: Contents,
    config: Arc<ServerConfig>,
}

impl std::fmt::Debug for Latest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Latest")
    }
}

impl Server {
    /// A daemon with these files, which need not be there yet.
    pub fn new(files: Files) -> Self {
        Self {
            files,
            latest: Mutex::new(None),
        }
    }

    /// The daemon's end of a connection. The files are read when the client has begun.
    pub fn layer(self: &Arc<Self>) -> TlsLayer {
        TlsLayer::server(self.clone())
    }

    pub(crate) fn connect(&self) -> Result<Connection, FileError> {
        let config = self.config()?;
        let connection = ServerConnection::new(config)
            .expect("a configuration without extras makes a connection");
        Ok(Connection::Server(connection))
    }

    fn config(&self) -> Result<Arc<ServerConfig>, FileError> {
        let contents = self.files.contents()?;
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(latest) = latest.as_ref().filter(|l| l.contents == contents) {
            return Ok(latest.config.clone());
        }
        let config = Arc::new(server_config(self.files.material(&contents)?));
        *latest = Some(Latest {
            contents,
            config: config.clone(),
        });
        Ok(config)
    }
}

fn server_config(material: Material) -> ServerConfig {
    let Material {
        key, authorities, ..
    } = material;
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(VERSIONS)
        .expect("the provider has cipher suites for both versions")
        .with_client_cert_verifier(Arc::new(Verifier::new(authorities)))
        .with_cert_resolver(Arc::new(single(key)));
    // Without tickets the time limit of clients of FLoM 1.7.2 works (`spec/tls.md` §8).
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config
}

fn single(key: Arc<CertifiedKey>) -> SingleCertAndKey {
    SingleCertAndKey::from(Arc::unwrap_or_clone(key))
}
