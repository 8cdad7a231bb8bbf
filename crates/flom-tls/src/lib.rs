//! TLS between a flom client and its daemon: both present a certificate, both verify.
//!
//! ```text
//!   three files ── Files::read ──► Material ── check ──► sound, or why not
//!                                     │
//!                  Context::client, server: a TlsLayer for one connection
//!                                     │
//!   socket bytes ◄──── open, seal ────┴────► message bytes, and the peer's proven name
//! ```
//!
//! | file | what |
//! |---|---|
//! | `files.rs` | certificate, key and authorities as they stand in files |
//! | `certificate.rs` | what a certificate says: name, dates |
//! | `chain.rs` | whether a certificate leads to an authority, for a purpose, at a moment |
//! | `verifier.rs` | the same, as rustls asks for it |
//! | `context.rs` | the files of a program, read anew for every connection |
//! | `layer.rs` | the [`Layer`](flom_net::Layer) |
//!
//! Names are never checked against addresses: who wants to know who the peer is compares its proven
//! name with the id that it says it has (`spec/tls.md` §5). There is no revocation.

#![forbid(unsafe_code)]

mod certificate;
mod chain;
mod context;
mod files;
mod layer;
mod verifier;

pub use certificate::{Certificate, CertificateError};
pub use chain::{ChainError, Purpose};
pub use context::{Server, client};
pub use files::{FileError, FileProblem, Files, Material};
pub use layer::{TlsLayer, is_tls};
