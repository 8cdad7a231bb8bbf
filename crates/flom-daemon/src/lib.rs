//! The daemon of flom: one thread that keeps the locks.
//!
//! ```text
//!             ┌────────────────────── event_loop.rs: a turn ──────────────────────┐
//!   clients ─► entrance ─► conns ─► conn ─► conversation ─► LockManager ─► conns ─► clients
//!   group   ─► discovery ─► group
//! ```
//!
//! | file | what |
//! |---|---|
//! | `start.rs`, `joining.rs` | from settings to open sockets; being the only daemon of a group |
//! | `detach.rs` | leaving the one that starts the daemon, and telling it how that went |
//! | `event_loop.rs` | the turn |
//! | `access.rs` | who may do what |
//! | `ending.rs`, `lifespan.rs`, `authority.rs` | when the daemon ends, and who may end it |
//! | `passed.rs`, `supervisor.rs` | sockets from a service manager, and what it is told |
//! | `door.rs`, `entrance.rs`, `entrances.rs` | accepting, also when there is no room |
//! | `conns.rs`, `conn.rs` | who is connected; bytes in and out |
//! | `tls.rs`, `wrapped.rs` | what lies between those bytes and messages where there is TLS |
//! | `conversation.rs` | whose turn it is, which values are sound: message to event, outcome to answer |
//! | `answers.rs` | the answers as bytes |
//! | `observers.rs` | what is told to those who look, a slice a turn |
//! | `http.rs` and what is below it | the same over HTTP, for browsers and Prometheus |
//! | `window.rs` | what is shown to those who look from another thread |
//! | `system_log.rs`, `records.rs` | what an administrator reads about it |
//! | `clock.rs`, `signals.rs`, `discovery.rs`, `trace.rs` | what their names say |
//!
//! Who gets which lock is decided by `flom-core` alone, and how messages look by `flom-proto`.

#![forbid(unsafe_code)]

pub mod access;
pub mod answers;
mod authority;
mod clock;
mod conn;
mod conns;
pub mod conversation;
pub mod detach;
mod discovery;
mod door;
mod ending;
mod entrance;
mod entrances;
mod event_loop;
mod http;
mod joining;
mod lifespan;
mod observers;
mod passed;
mod records;
mod signals;
mod start;
mod state;
mod supervisor;
mod system_log;
mod tls;
mod trace;
mod window;
mod wrapped;

pub use event_loop::{Daemon, RunError};
pub use passed::{PassedError, PassedListener, PassedSocket, take_passed};
pub use start::StartError;
pub use state::{StateError, state_directory};
pub use supervisor::Supervisor;
pub use system_log::SystemLog;
pub use window::{NotShown, TakeDown, Window};
