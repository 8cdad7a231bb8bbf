//! `--debug-feature=tls.server` and `tls.client`: whether two hosts trust each other
//! (`spec/discovery.md` §11.2).
//!
//! Both say nothing if all is well, and why not if it is not.

use flom_cli::{Failure, exit};
use flom_settings::Settings;

/// Waits for one client and tells it who we are, after it has said who it is.
pub(crate) fn serve(settings: &Settings) -> Result<(), Failure> {
    part::serve(settings).map_err(|reason| failure("tls.server", &reason))
}

/// Tells a server who we are and hears who it is.
pub(crate) fn call(settings: &Settings) -> Result<(), Failure> {
    part::call(settings).map_err(|reason| failure("tls.client", &reason))
}

fn failure(name: &str, reason: &str) -> Failure {
    Failure::sentence(
        exit::DEBUG_FAILED,
        format!("debug-feature {name}: {reason}"),
    )
}

#[cfg(not(feature = "tls"))]
mod part {
    use super::Settings;

    const MISSING: &str = "this program was built without TLS (cargo feature `tls`)";

    pub(super) fn serve(_: &Settings) -> Result<(), String> {
        Err(MISSING.to_owned())
    }

    pub(super) fn call(_: &Settings) -> Result<(), String> {
        Err(MISSING.to_owned())
    }
}

#[cfg(feature = "tls")]
mod part {
    use std::io::{ErrorKind, Read, Write};
    use std::net::{Shutdown, SocketAddr};
    use std::sync::Arc;
    use std::time::Duration;

    use flom_net::{
        Interface, Layer, LayerError, LayerFault, PeerName, Stream, connect_tcp, listen_tcp,
        resolve,
    };
    use flom_tls::{Files, Server};

    use super::Settings;

    /// What ends a message.
    const END: &str = "</msg>";

    /// Bytes of the longest message.
    const MESSAGE_BYTES: usize = 511;

    /// A connection under test.
    struct Line {
        stream: Stream,
        layer: Box<dyn Layer>,
        plain: Vec<u8>,
    }

    pub(super) fn serve(settings: &Settings) -> Result<(), String> {
        let files = files(settings)?;
        files.read().map_err(|error| error.to_string())?;
        let listener = listen_tcp(&addresses(settings, "")?, 1)
            .map_err(|error| format!("cannot listen: {error}"))?;
        let (stream, _) = listener
            .set_nonblocking(false)
            .and_then(|()| listener.accept())
            .map_err(|error| format!("cannot take a connection: {error}"))?;
        let layer = Arc::new(Server::new(files)).layer();
        let mut line = Line::new(Stream::Tcp(stream), Box::new(layer), settings)?;
        let claimed = line.hear()?;
        line.check(&claimed, settings)?;
        line.introduce()?;
        line.close();
        Ok(())
    }

    pub(super) fn call(settings: &Settings) -> Result<(), String> {
        let mut hello = Vec::new();
        let layer =
            flom_tls::client(&files(settings)?, &mut hello).map_err(|error| error.to_string())?;
        let given = settings.daemon.unicast_address.as_deref();
        let given = given.ok_or("say with -a where the server is")?;
        let stream = connect_tcp(&addresses(settings, given)?, limit(settings))
            .map_err(|error| format!("cannot reach the server: {error}"))?;
        let mut line = Line::new(stream, Box::new(layer), settings)?;
        line.send(&hello)?;
        while !line.layer.is_ready() {
            line.advance()?;
        }
        line.introduce()?;
        let claimed = line.hear()?;
        line.check(&claimed, settings)
    }

    impl Line {
        fn new(stream: Stream, layer: Box<dyn Layer>, settings: &Settings) -> Result<Self, String> {
            stream
                .set_read_timeout(Some(limit(settings)))
                .map_err(|error| error.to_string())?;
            let plain = Vec::new();
            Ok(Self {
                stream,
                layer,
                plain,
            })
        }

        fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
            match self.stream.write_all(bytes) {
                Ok(()) => Ok(()),
                // Whoever ends the connection has said why, if anybody has.
                Err(error) => loop {
                    self.advance()
                        .map_err(|reason| format!("{reason} ({error})"))?;
                },
            }
        }

        /// Takes what comes next.
        fn advance(&mut self) -> Result<(), String> {
            let mut received = [0; 4096];
            let bytes = match self.stream.read(&mut received) {
                Ok(0) if self.layer.is_ready() => {
                    return Err("the peer has closed the connection: it may not trust our \
                                certificate, or our id"
                        .to_owned());
                }
                Ok(0) => {
                    return Err(
                        "the peer has closed the connection during the handshake: it may \
                                not use TLS"
                            .to_owned(),
                    );
                }
                Ok(bytes) => bytes,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Err("the peer is silent".to_owned());
                }
                Err(error) => return Err(format!("the connection broke: {error}")),
            };
            let mut wire = Vec::new();
            let opened = self
                .layer
                .open(&received[..bytes], &mut self.plain, &mut wire);
            // What it is told if that has failed is the reason.
            let sent = self.stream.write_all(&wire);
            opened.map_err(|error| explain(&error))?;
            sent.map_err(|error| format!("the connection broke: {error}"))
        }

        /// What the peer says, up to the end of the message.
        fn hear(&mut self) -> Result<String, String> {
            loop {
                let text = String::from_utf8_lossy(&self.plain);
                match text.split_once(END) {
                    Some((said, _)) => return Ok(said.to_owned()),
                    None if self.plain.len() >= MESSAGE_BYTES => {
                        return Err(format!("the peer says more than {MESSAGE_BYTES} bytes"));
                    }
                    None => self.advance()?,
                }
            }
        }

        /// Says who we are.
        fn introduce(&mut self) -> Result<(), String> {
            let id = flom_settings::peer_id();
            for piece in [id.as_str(), END] {
                let mut wire = Vec::new();
                self.layer
                    .seal(piece.as_bytes(), &mut wire)
                    .map_err(|error| explain(&error))?;
                self.send(&wire)?;
            }
            Ok(())
        }

        fn check(&self, claimed: &str, settings: &Settings) -> Result<(), String> {
            let proven = self.layer.peer_name().map_or("", PeerName::as_str);
            if settings.tls.check_peer_id && claimed != proven {
                return Err(format!(
                    "the id of the peer is '{claimed}', but its certificate is that of '{proven}'"
                ));
            }
            Ok(())
        }

        /// Waits until the peer has read what was said.
        fn close(&mut self) {
            let _ = self.stream.shutdown(Shutdown::Write);
            while matches!(self.stream.read(&mut [0; 1024]), Ok(1..)) {}
        }
    }

    fn explain(error: &LayerError) -> String {
        match error.fault() {
            LayerFault::Files(_) => error.to_string(),
            _ => format!("the peer: {error}"),
        }
    }

    fn files(settings: &Settings) -> Result<Files, String> {
        let tls = &settings.tls;
        let (Some(certificate), Some(private_key), Some(ca_certificate)) =
            (&tls.certificate, &tls.private_key, &tls.ca_certificate)
        else {
            return Err(
                "it needs --tls-certificate, --tls-private-key and --tls-ca-certificate".to_owned(),
            );
        };
        Ok(Files {
            certificate: certificate.clone(),
            private_key: private_key.clone(),
            ca_certificate: ca_certificate.clone(),
        })
    }

    fn addresses(settings: &Settings, default: &str) -> Result<Vec<SocketAddr>, String> {
        let name = settings.network.interface.as_deref();
        let interface = name.map(Interface::find).transpose();
        let interface = interface.map_err(|error| error.to_string())?;
        let given = settings.daemon.unicast_address.as_deref();
        let host = given.unwrap_or(default);
        let host = if host.is_empty() { "::" } else { host };
        resolve(host, settings.daemon.unicast_port, interface.as_ref())
            .map_err(|error| error.to_string())
    }

    fn limit(settings: &Settings) -> Duration {
        Duration::from_millis(settings.tls.handshake_timeout_ms.into())
    }
}
