//! Client side of flom: find a daemon, ask for a lock, hold it.
//!
//! ```text
//!   Settings ─► Client ─► Request ── start ──► Pending ── drive, finish ──► Guard ── release
//!                            │                    │
//!                            │ locate: where to look (a table)
//!                            │ search: look there, start a daemon if there is none
//!                            │ connect, discover, start: how that is done
//!                                                 │ conversation: what answers mean
//! ```
//!
//! `locate`, `search` and `conversation` do no I/O; only `start` touches a process. Every wait has
//! an end but the one for the lock, if the caller wants it so.

#![forbid(unsafe_code)]

mod ask;
mod builder;
mod call;
mod client;
#[doc(hidden)]
pub mod command;
mod connect;
mod conversation;
mod discover;
mod error;
mod guard;
mod in_time;
mod line;
mod locate;
mod notice;
mod observe;
mod pending;
mod request;
mod search;
mod secured;
mod session;
mod shutdown;
mod start;
mod tls;
mod trace;

pub use builder::{ClientBuilder, Discovery};
pub use call::Wait;
pub use client::Client;
pub use conversation::Progress;
pub use error::{ConfigError, ConnectError, LockError, LockLost, ReleaseError, StartError};
pub use flom_types::{
    LockMode, NameError as ResourceNameError, ParseModeError, ResourceKind, ResourceName,
    ReturnCode,
};
pub use guard::Guard;
pub use locate::Endpoint;
pub use pending::Pending;
pub use request::{OnDrop, Request};
pub use session::Session;
pub use tls::TlsError;
