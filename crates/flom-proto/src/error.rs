//! Why bytes of a peer are no message.

use flom_types::ReturnCode;

use crate::message::LEVEL;

/// Why bytes of a peer are no message. Whatever it is, the connection they came on is lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The peer speaks another language than we do.
    #[error("peer speaks protocol level {theirs}, this is level {LEVEL}")]
    OtherLevel {
        /// The level it states.
        theirs: i64,
    },
    /// No message ends within the bytes that one may have.
    #[error("message of the peer does not end within {limit} bytes")]
    TooLong {
        /// How many bytes that is.
        limit: usize,
    },
    /// Not XML, or not in UTF-8.
    #[error("message of the peer cannot be read: {problem}")]
    Unreadable {
        /// What is wrong with it; a text of ours, without a word of the peer's.
        problem: &'static str,
    },
    /// The datagram is over, the message is not.
    #[error("datagram of the peer holds no whole message")]
    Incomplete,
    /// The message is over, the datagram is not.
    #[error("datagram of the peer goes on for {bytes} bytes after its message")]
    Trailing {
        /// How many bytes follow the message.
        bytes: usize,
    },
    /// Nobody says such a thing.
    #[error("message of the peer has verb {verb} and step {step}, there is none such")]
    UnknownMessage {
        /// What it is about, or 0 if it does not say.
        verb: i64,
        /// Whose turn it is, or 0 if it does not say.
        step: i64,
    },
    /// The message makes no sense without this attribute.
    #[error("message of the peer has no `{attribute}` in `{element}`")]
    Missing {
        /// The element, which may be missing as a whole.
        element: &'static str,
        /// The attribute of that element.
        attribute: &'static str,
    },
    /// The number cannot be meant.
    #[error("message of the peer has {value} for `{attribute}` in `{element}`")]
    OutOfRange {
        /// The element.
        element: &'static str,
        /// The attribute of that element.
        attribute: &'static str,
        /// The number, or the closest that 64 bits can hold.
        value: i64,
    },
}

impl DecodeError {
    /// The number by which FLoM 1.7.2 names this to its users.
    pub fn code(self) -> ReturnCode {
        match self {
            Self::OtherLevel { .. } => ReturnCode::LEVEL_MISMATCH,
            Self::TooLong { .. } => ReturnCode::BUFFER_OVERFLOW,
            Self::UnknownMessage { .. } => ReturnCode::PROTOCOL_ERROR,
            Self::Unreadable { .. }
            | Self::Incomplete
            | Self::Trailing { .. }
            | Self::Missing { .. }
            | Self::OutOfRange { .. } => ReturnCode::MESSAGE_UNREADABLE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_the_peer_did_and_has_the_code_that_users_know() {
        let missing = DecodeError::Missing {
            element: "resource",
            attribute: "name",
        };
        let cases = [
            (
                DecodeError::OtherLevel { theirs: 4 },
                -15,
                "peer speaks protocol level 4, this is level 3",
            ),
            (
                DecodeError::TooLong { limit: 1023 },
                -9,
                "message of the peer does not end within 1023 bytes",
            ),
            (
                DecodeError::UnknownMessage { verb: 9, step: 8 },
                -13,
                "message of the peer has verb 9 and step 8, there is none such",
            ),
            (
                missing,
                -16,
                "message of the peer has no `name` in `resource`",
            ),
        ];
        for (error, code, text) in cases {
            assert_eq!(error.code(), ReturnCode(code));
            assert_eq!(error.to_string(), text);
        }
    }
}
