//! What a flom client and its daemon say to each other, as bytes; no I/O.
//!
//! The language is that of FLoM 1.7.2, protocol level 3: small XML messages, one after the other,
//! with nothing between them (`spec/protocol.md`). [`encode`] writes each exactly as an old peer
//! would; [`Decoder`] takes everything an old peer may write, split and glued in any way, and no
//! bytes of a peer do more than end its own conversation.
//!
//! ```text
//!   Message ── encode ──► bytes ··· network ··· bytes ── Decoder::feed, next_message ──► Message
//! ```
//!
//! ```
//! use flom_proto::{Decoder, Message, Unlock, encode};
//!
//! let unlock = Message::Unlock(Unlock { name: b"db".to_vec(), rollback: false, ended: None });
//! let mut bytes = Vec::new();
//! encode(&unlock, &mut bytes);
//!
//! let mut decoder = Decoder::new();
//! decoder.feed(&bytes[..50]);
//! assert_eq!(decoder.next_message()?, None);
//! decoder.feed(&bytes[50..]);
//! assert_eq!(decoder.next_message()?, Some(unlock));
//! # Ok::<(), flom_proto::DecodeError>(())
//! ```
//!
//! Whose turn it is and whether values make sense (a mode, a quantity, the grammar of a name) is
//! left to those who hold the conversation.

#![forbid(unsafe_code)]

mod canonical;
mod decode;
mod element;
mod encode;
mod error;
mod inbox;
mod message;
mod observe;
mod show;
mod value;

pub use decode::{Decoder, decode};
pub use encode::encode;
pub use error::DecodeError;
pub use message::{
    Answer, AnswerStep, Here, LEVEL, Lock, Message, Session, Shutdown, Ties, Unlock,
};
pub use observe::{About, Observe, Report};
pub use show::pieces;
