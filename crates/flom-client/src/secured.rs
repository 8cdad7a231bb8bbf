//! The wrapping of a connection that is encrypted: between its socket and its messages.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use flom_net::{Layer, LayerError, LayerFault, PeerName};

use crate::line::{Line, READABLE, Received};
use crate::tls::{TlsError, TlsFault};

/// How long what has to be said during the handshake may take to be sent; the daemon has not much
/// to read then.
const SEND_LIMIT: Duration = Duration::from_secs(10);

/// The wrapping of one connection.
#[derive(Debug)]
pub(crate) struct Secured(Mutex<State>);

#[derive(Debug)]
struct State {
    layer: Box<dyn Layer>,
    /// What the peer has said and nobody has taken yet, from `taken` on.
    plain: Vec<u8>,
    taken: usize,
    /// The peer has said something.
    is_answered: bool,
}

/// What a look at an encrypted connection finds.
#[derive(Debug)]
pub(crate) enum Opened {
    /// So many bytes of messages.
    Bytes(usize),
    /// Nothing yet.
    Nothing,
    /// The peer has said that it will say no more, or closed the connection.
    End,
    /// The connection is of no use any more.
    Failed(TlsError),
}

impl Secured {
    pub(crate) fn new(layer: Box<dyn Layer>) -> Self {
        Self(Mutex::new(State {
            layer,
            plain: Vec::new(),
            taken: 0,
            is_answered: false,
        }))
    }

    /// Agrees with the daemon at the other end of `line`; `hello` begins that.
    pub(crate) fn shake_hands(
        &self,
        line: &Line,
        hello: &[u8],
        until: Instant,
    ) -> Result<(), TlsError> {
        let began = Instant::now();
        let mut sent = line.send_raw(hello, SEND_LIMIT);
        while !self.lock().layer.is_ready() {
            // Who cannot be told anything may have said why.
            match self.advance(line)? {
                Advance::Some if sent.is_ok() => {}
                Advance::End if self.lock().is_answered => {
                    return Err(TlsError::Broken(std::io::ErrorKind::UnexpectedEof.into()));
                }
                Advance::End => return Err(TlsError::OnlyWe),
                Advance::Some | Advance::None => {
                    if let Err(error) = std::mem::replace(&mut sent, Ok(())) {
                        return Err(TlsError::Broken(error));
                    }
                    if !line.wait(READABLE, until).map_err(TlsError::Broken)? {
                        let after = began.elapsed();
                        return Err(TlsError::TimedOut { after });
                    }
                }
            }
        }
        Ok(())
    }

    /// `message` as it goes over the socket.
    pub(crate) fn seal(&self, message: &[u8]) -> Result<Vec<u8>, TlsError> {
        let mut wire = Vec::new();
        let mut state = self.lock();
        let sealed = state.layer.seal(message, &mut wire);
        sealed
            .map(|()| wire)
            .map_err(|error| TlsError::Ended(TlsFault { error }))
    }

    /// Reads what the daemon at the other end of `line` has said.
    pub(crate) fn hear(&self, line: &Line, buffer: &mut [u8]) -> Opened {
        loop {
            let bytes = self.lock().take(buffer);
            if bytes > 0 {
                return Opened::Bytes(bytes);
            }
            match self.advance(line) {
                Ok(Advance::Some) => {}
                Ok(Advance::None) => return Opened::Nothing,
                Ok(Advance::End) => return Opened::End,
                Err(TlsError::Handshake(error)) => {
                    return Opened::Failed(TlsError::Ended(error));
                }
                Err(error) => return Opened::Failed(error),
            }
        }
    }

    /// What the daemon has proven to be called.
    pub(crate) fn peer_name(&self) -> Option<PeerName> {
        self.lock().layer.peer_name().cloned()
    }

    /// Takes what the socket has, once.
    fn advance(&self, line: &Line) -> Result<Advance, TlsError> {
        let mut received = [0; 4096];
        let bytes = match line.receive(&mut received) {
            Received::Bytes(bytes) => bytes,
            Received::Nothing => return Ok(Advance::None),
            Received::End(None) => return Ok(Advance::End),
            Received::End(Some(error)) => return Err(TlsError::Broken(error)),
        };
        let mut wire = Vec::new();
        let mut state = self.lock();
        state.is_answered = true;
        let State { layer, plain, .. } = &mut *state;
        let opened = layer.open(&received[..bytes], plain, &mut wire);
        let is_closed = layer.is_closed() && plain.is_empty();
        drop(state);
        // If it cannot be sent the peer has gone, and reading says so.
        let _ = line.send_raw(&wire, SEND_LIMIT);
        match opened {
            Err(error) => Err(explain(error)),
            Ok(()) if is_closed => Ok(Advance::End),
            Ok(()) => Ok(Advance::Some),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Advance {
    Some,
    None,
    End,
}

impl State {
    fn take(&mut self, buffer: &mut [u8]) -> usize {
        let rest = &self.plain[self.taken..];
        let bytes = rest.len().min(buffer.len());
        buffer[..bytes].copy_from_slice(&rest[..bytes]);
        self.taken += bytes;
        if self.taken == self.plain.len() {
            self.taken = 0;
            self.plain.clear();
        }
        bytes
    }
}

fn explain(error: LayerError) -> TlsError {
    match error.fault() {
        LayerFault::Clear => TlsError::OnlyWe,
        _ => TlsError::Handshake(TlsFault { error }),
    }
}
