//! TLS as a layer on a connection: bytes of the socket to bytes of messages and back.

use std::fmt;
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::SystemTime;

use flom_net::{Layer, LayerError, LayerFault, PeerName};
use log::debug;
use rustls::{AlertDescription, Connection, Error};

use flom_types::target;

use crate::certificate::Certificate;
use crate::chain::{ChainError, Purpose};
use crate::context::Server;
use crate::files::Material;
use crate::verifier::chain_error;

/// First byte of a record of the handshake.
const HANDSHAKE: u8 = 22;

/// First byte of an alert.
const ALERT: u8 = 21;

/// A fatal alert in clear text, of this description.
const fn alert(description: u8) -> [u8; 7] {
    [ALERT, 3, 3, 0, 2, 2, description]
}

const UNEXPECTED_MESSAGE: u8 = 10;
const INTERNAL_ERROR: u8 = 80;

/// Whether a peer whose very first byte is this one begins, or refuses, a TLS handshake. No message
/// of flom begins so.
pub fn is_tls(first: u8) -> bool {
    matches!(first, HANDSHAKE | ALERT)
}

/// One end of a TLS connection.
pub struct TlsLayer {
    state: State,
    /// What the peer has to be good for.
    peer: Purpose,
    /// A client's own files, for the case that its certificate is refused. A daemon looks at its
    /// own before it listens.
    own: Option<Material>,
    /// Nothing has come yet.
    is_fresh: bool,
    is_closed: bool,
    peer_name: Option<PeerName>,
}

enum State {
    /// The client has yet to begin.
    Waiting(Arc<Server>),
    Open(Box<Connection>),
}

impl TlsLayer {
    pub(crate) fn client(connection: Connection, own: Material, wire: &mut Vec<u8>) -> Self {
        let mut layer = Self::new(State::Open(Box::new(connection)), Purpose::Server);
        layer.own = Some(own);
        if let State::Open(connection) = &mut layer.state {
            flush(connection, wire);
        }
        layer
    }

    pub(crate) fn server(server: Arc<Server>) -> Self {
        Self::new(State::Waiting(server), Purpose::Client)
    }

    fn new(mut state: State, peer: Purpose) -> Self {
        if let State::Open(connection) = &mut state {
            connection.set_buffer_limit(None);
        }
        Self {
            state,
            peer,
            own: None,
            is_fresh: true,
            is_closed: false,
            peer_name: None,
        }
    }

    /// Looks at the first byte of all: whoever does not speak TLS is told so at once.
    fn begin(&mut self, first: u8, wire: &mut Vec<u8>) -> Result<(), LayerError> {
        self.is_fresh = false;
        let begins = match self.peer {
            Purpose::Client => first == HANDSHAKE,
            Purpose::Server => is_tls(first),
        };
        if !begins {
            if self.peer == Purpose::Client {
                wire.extend(alert(UNEXPECTED_MESSAGE));
            }
            return Err(LayerError::new(LayerFault::Clear, "it does not speak TLS"));
        }
        if let State::Waiting(server) = &self.state {
            match server.connect() {
                Ok(mut connection) => {
                    // Whoever has something to say has it in memory anyway.
                    connection.set_buffer_limit(None);
                    self.state = State::Open(Box::new(connection));
                }
                Err(error) => {
                    wire.extend(alert(INTERNAL_ERROR));
                    let fault = LayerFault::Files(error.code());
                    return Err(LayerError::new(fault, format!("our TLS files: {error}")));
                }
            }
        }
        Ok(())
    }

    fn explain(&self, error: &Error) -> LayerError {
        match error {
            Error::InvalidCertificate(error) => {
                let reason = chain_error(error, self.peer);
                let text = format!("its certificate is not trusted: {reason}");
                LayerError::new(LayerFault::Untrusted, text)
            }
            Error::NoCertificatesPresented => {
                LayerError::new(LayerFault::Untrusted, "it presents no certificate")
            }
            Error::AlertReceived(alert) => {
                LayerError::new(LayerFault::Refused, self.refusal(*alert))
            }
            error => LayerError::new(LayerFault::Broken, format!("TLS fails: {error}")),
        }
    }

    /// What a peer means by an alert.
    fn refusal(&self, alert: AlertDescription) -> String {
        let Some(reason) = distrust(alert) else {
            return format!("{} (alert {alert:?})", meaning(alert));
        };
        let mut text = format!("it does not trust our certificate{reason} (alert {alert:?})");
        if let Some(fault) = self.own_fault() {
            text += &format!(": {fault}");
        }
        text
    }

    /// What we see ourselves that is wrong with our certificate. Whom the peer trusts we do not know.
    fn own_fault(&self) -> Option<ChainError> {
        let own = self.own.as_ref()?;
        let fault = own.check_chain(Purpose::Client, SystemTime::now()).err()?;
        let is_of_peer = matches!(fault, ChainError::UnknownIssuer | ChainError::Signature);
        (!is_of_peer).then_some(fault)
    }

    fn learn_name(&mut self) {
        let State::Open(connection) = &self.state else {
            return;
        };
        let leaf = connection.peer_certificates().and_then(<[_]>::first);
        let parsed = leaf.and_then(|leaf| Certificate::parse(leaf).ok());
        self.peer_name = parsed.and_then(|certificate| certificate.common_name);
        debug!(
            target: target::TLS,
            "{:?} with {:?}, the peer is {:?}",
            connection.protocol_version(),
            connection.negotiated_cipher_suite().map(|suite| suite.suite()),
            self.peer_name
        );
    }
}

impl Layer for TlsLayer {
    fn open(
        &mut self,
        mut received: &[u8],
        plain: &mut Vec<u8>,
        wire: &mut Vec<u8>,
    ) -> Result<(), LayerError> {
        if self.is_fresh
            && let Some(first) = received.first()
        {
            self.begin(*first, wire)?;
        }
        let was_ready = self.is_ready();
        let State::Open(connection) = &mut self.state else {
            return Ok(());
        };
        while !received.is_empty() && !self.is_closed {
            let taken = connection.read_tls(&mut received);
            taken.map_err(|error| LayerError::new(LayerFault::Broken, error.to_string()))?;
            match connection.process_new_packets() {
                Ok(state) => {
                    drain(connection, state.plaintext_bytes_to_read(), plain);
                    self.is_closed = state.peer_has_closed();
                }
                Err(error) => {
                    flush(connection, wire); // with the alert that says why
                    return Err(self.explain(&error));
                }
            }
        }
        flush(connection, wire);
        if !was_ready && self.is_ready() {
            self.learn_name();
        }
        Ok(())
    }

    fn seal(&mut self, plain: &[u8], wire: &mut Vec<u8>) -> Result<(), LayerError> {
        let broken = |reason: &str| Err(LayerError::new(LayerFault::Broken, reason));
        let State::Open(connection) = &mut self.state else {
            return broken("nothing can be said before the client has begun");
        };
        // Messages of old are shorter than a record: each goes in one of its own.
        match connection.writer().write(plain) {
            Ok(bytes) if bytes == plain.len() => {}
            _ => return broken("more is to be said than is kept until the handshake is done"),
        }
        flush(connection, wire);
        Ok(())
    }

    fn is_ready(&self) -> bool {
        matches!(&self.state, State::Open(connection) if !connection.is_handshaking())
    }

    fn is_closed(&self) -> bool {
        self.is_closed
    }

    fn peer_name(&self) -> Option<&PeerName> {
        self.peer_name.as_ref()
    }
}

impl fmt::Debug for TlsLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsLayer")
            .field("peer", &self.peer)
            .field("is_ready", &self.is_ready())
            .field("peer_name", &self.peer_name)
            .finish_non_exhaustive()
    }
}

fn drain(connection: &mut Connection, bytes: usize, plain: &mut Vec<u8>) {
    let before = plain.len();
    plain.resize(before + bytes, 0);
    let read = connection.reader().read(&mut plain[before..]);
    plain.truncate(before + read.unwrap_or(0));
}

fn flush(connection: &mut Connection, wire: &mut Vec<u8>) {
    while connection.wants_write() {
        connection
            .write_tls(wire)
            .expect("memory takes whatever is written");
    }
}

/// What a peer that does not trust our certificate says of the reason by an alert, which may be
/// nothing; `None` for other alerts.
fn distrust(alert: AlertDescription) -> Option<&'static str> {
    Some(match alert {
        AlertDescription::UnknownCA => ": none of its authorities has signed it",
        AlertDescription::CertificateExpired => ": it has expired, or is not valid yet",
        AlertDescription::UnsupportedCertificate => {
            ": it is not made for this purpose (extended key usage)"
        }
        AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::CertificateRevoked
        | AlertDescription::DecryptError
        | AlertDescription::AccessDenied => "",
        _ => return None,
    })
}

/// What a peer means by another alert.
fn meaning(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::CertificateRequired => "it wants a certificate of ours",
        AlertDescription::InternalError => "it cannot do TLS for now, its log says why",
        AlertDescription::ProtocolVersion => "it speaks neither TLS 1.2 nor TLS 1.3",
        AlertDescription::HandshakeFailure => "it has no cipher in common with us",
        _ => "it ends the TLS connection",
    }
}
