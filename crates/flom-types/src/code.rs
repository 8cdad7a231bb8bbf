//! The numbers by which FLoM names what happened, for users and scripts that know them.

use std::fmt;

/// A return code of FLoM 1.7.2 (`spec/client-library.md` §4): 0 success, below 0 an error, above 0
/// a refusal or a warning.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ReturnCode(pub i32);

impl ReturnCode {
    /// The daemon refuses the lock.
    pub const CANT_LOCK: Self = Self(3);
    /// Somebody else holds the lock, and the request was not to wait.
    pub const LOCK_BUSY: Self = Self(4);
    /// The resource does not exist, and the request may neither create it nor wait.
    pub const CANT_WAIT: Self = Self(5);
    /// More is asked for than the resource will ever have.
    pub const LOCK_IMPOSSIBLE: Self = Self(6);
    /// A connection was refused; of a discovery: the daemon just started does not answer.
    pub const CONNECTION_REFUSED: Self = Self(7);
    /// No answer within the time limit.
    pub const NETWORK_TIMEOUT: Self = Self(9);
    /// The resource is no transactional sequence: released, and nothing to be taken back.
    pub const NOT_TRANSACTIONAL: Self = Self(12);
    /// Something that cannot be.
    pub const INTERNAL_ERROR: Self = Self(-1);
    /// There was no daemon, and none could be started.
    pub const DAEMON_NOT_STARTED: Self = Self(-2);
    /// Something is missing, such as the id of this host.
    pub const NULL_OBJECT: Self = Self(-4);
    /// The configuration is not valid.
    pub const INVALID_OPTION: Self = Self(-5);
    /// A text is longer than what has to hold it.
    pub const BUFFER_OVERFLOW: Self = Self(-9);
    /// The request does not fit a message.
    pub const CONTAINER_FULL: Self = Self(-12);
    /// A message came out of turn.
    pub const PROTOCOL_ERROR: Self = Self(-13);
    /// No resource has such a name.
    pub const INVALID_RESOURCE_NAME: Self = Self(-14);
    /// The peer speaks another level of the protocol.
    pub const LEVEL_MISMATCH: Self = Self(-15);
    /// A message could not be read.
    pub const MESSAGE_UNREADABLE: Self = Self(-16);
    /// The call is not for this state.
    pub const INVALID_SEQUENCE: Self = Self(-17);
    /// There is no such network interface.
    pub const INVALID_INTERFACE: Self = Self(-20);
    /// The peer is not the host that its certificate was made for.
    pub const PEER_ID_MISMATCH: Self = Self(-23);
    /// The socket could not be bound.
    pub const BIND: Self = Self(-101);
    /// The daemon could not be reached.
    pub const CONNECT: Self = Self(-105);
    /// A process could not be started.
    pub const FORK: Self = Self(-109);
    /// A name or address could not be resolved.
    pub const GETADDRINFO: Self = Self(-110);
    /// The socket could not listen.
    pub const LISTEN: Self = Self(-117);
    /// A file could not be opened.
    pub const OPEN: Self = Self(-120);
    /// A directory could not be opened.
    pub const OPENDIR: Self = Self(-121);
    /// A path could not be resolved.
    pub const REALPATH: Self = Self(-125);
    /// The daemon went away, or refused by closing the connection.
    pub const RECV: Self = Self(-126);
    /// The daemon was gone when something was sent to it.
    pub const SEND: Self = Self(-130);
    /// A datagram could not be sent.
    pub const SENDTO: Self = Self(-131);
    /// A file could not be removed.
    pub const UNLINK: Self = Self(-141);
    /// A process could not be waited for.
    pub const WAIT: Self = Self(-142);
    /// A configuration file could not be read.
    pub const CONFIG_FILE: Self = Self(-203);
    /// The certificates of those to trust could not be read.
    pub const TLS_CA_CERTIFICATE: Self = Self(-401);
    /// The own certificate could not be read.
    pub const TLS_CERTIFICATE: Self = Self(-403);
    /// The private key could not be read, or is not that of the certificate.
    pub const TLS_PRIVATE_KEY: Self = Self(-404);
    /// The TLS handshake failed.
    pub const TLS_HANDSHAKE: Self = Self(-406);
    /// The peer's certificate is not trusted.
    pub const TLS_CHAIN: Self = Self(-407);
    /// The peer ended the connection where something should have been read through TLS.
    pub const TLS_READ: Self = Self(-409);

    /// The sentence that FLoM 1.7.2 prints for this code.
    pub fn describe(self) -> &'static str {
        match self.0 {
            0 => "OK",
            3 => "INFO: the lock was refused",
            4 => "INFO: the resource is locked by somebody else",
            5 => "INFO: the resource does not exist and the request cannot wait",
            6 => "INFO: the resource can never satisfy the request",
            7 => "WARNING: peer is not ready to accept a connection",
            8 => "WARNING: peer has closed socket connection",
            9 => "WARNING: no message arrived within the time limit",
            12 => "WARNING: the resource is not transactional, the lock was released",
            -1 => "ERROR: internal error / unexpected condition / code bug",
            -2 => "ERROR: flom command was not able to start a new daemon and/or connect to it",
            -4 => "ERROR: something that is needed is missing",
            -5 => "ERROR: the configuration is not valid",
            -9 => "ERROR: the process has been stopped to avoid a buffer overflow",
            -12 => "ERROR: the container is full and cannot store more elements",
            -13 => "ERROR: client/server protocol error, an unexpected packet of data was received",
            -14 => "ERROR: invalid resource name",
            -15 => "ERROR: the peer speaks another protocol level",
            -16 => "ERROR: a message could not be parsed",
            -17 => "ERROR: the operation is not allowed in this state",
            -20 => "ERROR: the network interface is unknown or has no IPv6 address",
            -23 => "ERROR: the peer's id is not the name in its certificate",
            -101 => "ERROR: 'bind' function returned an error condition",
            -105 => "ERROR: 'connect' function returned an error condition",
            -109 => "ERROR: 'fork' function returned an error condition",
            -110 => "ERROR: 'getaddrinfo' function returned an error condition",
            -117 => "ERROR: 'listen' function returned an error condition",
            -120 => "ERROR: 'open' function returned an error condition",
            -121 => "ERROR: 'opendir' function returned an error condition",
            -125 => "ERROR: 'realpath' function returned an error condition",
            -126 => "ERROR: 'recv' function returned an error condition",
            -130 => "ERROR: 'send' function returned an error condition",
            -131 => "ERROR: 'sendto' function returned an error condition",
            -141 => "ERROR: 'unlink' function returned an error condition",
            -142 => "ERROR: 'wait' function returned an error condition",
            -203 => "ERROR: the configuration file could not be read",
            -401 => "ERROR: the CA certificate could not be read",
            -403 => "ERROR: the TLS certificate could not be read",
            -404 => "ERROR: the TLS private key could not be used",
            -406 => "ERROR: the TLS handshake failed",
            -407 => "ERROR: the certificate of the peer is not trusted",
            -409 => "ERROR: the peer closed the TLS connection",
            _ => "ERROR: unknown return code",
        }
    }
}

impl fmt::Display for ReturnCode {
    /// As in `ret_cod=-105 (ERROR: ...)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ret_cod={} ({})", self.0, self.describe())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_prints_as_scripts_know_it() {
        assert_eq!(
            ReturnCode::CONNECT.to_string(),
            "ret_cod=-105 (ERROR: 'connect' function returned an error condition)"
        );
        assert_eq!(
            ReturnCode(-999).to_string(),
            "ret_cod=-999 (ERROR: unknown return code)"
        );
    }
}
