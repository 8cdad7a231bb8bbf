//! What can be set in flom: one table of settings, their values and defaults.
//!
//! A source ([`Given`]: a command line, later a file) brings words, the [`TABLE`] makes checked
//! values of them, [`Settings`] holds the result. [`Settings::check`] and its neighbours are for
//! the end, when every source has had its say.

#![forbid(unsafe_code)]

mod complete;
mod given;
mod killed_status;
mod number;
mod print;
mod settings;
mod signal;
mod table;
mod text;
mod unique_id;
mod value;

pub use complete::{ConflictError, Transport, default_socket};
pub use given::Given;
pub use killed_status::{KilledStatus, ParseKilledStatusError};
pub use number::{IntegerError, Scanned, integer, scan};
pub use settings::{Daemon, Monitor, Network, Resource, Settings, Tls, Trace};
pub use signal::{can_be_ignored, signal_name, signals};
pub use table::{Kind, Setting, TABLE};
pub use text::shown;
pub use unique_id::{UniqueIdError, peer_id, unique_id};
pub use value::{Problem, ValueError};
