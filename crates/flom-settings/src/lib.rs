//! What can be set in flom: one table of settings, their values and defaults.
//!
//! A source (a file, or a command line as [`Given`]) brings words, the [`TABLE`] makes checked
//! values of them, a [`Configuration`] puts one source over the other and remembers where each
//! value comes from, [`Settings`] holds the result. [`Settings::check`] and its neighbours are for
//! the end, when every source has had its say.

#![forbid(unsafe_code)]

mod complete;
mod configuration;
mod file;
mod given;
mod http;
mod key_file;
mod killed_status;
mod mount_table;
mod number;
mod on_lost;
mod origin;
mod principal;
mod print;
mod problem;
mod rows;
mod seconds;
mod settings;
mod signal;
mod table;
mod text;
mod unique_id;
mod value;
mod who;

pub use complete::{ConflictError, Transport, default_socket};
pub use configuration::{Complaint, Configuration, system_file, user_file};
pub use file::{FileError, Unknown};
pub use given::Given;
pub use http::{HttpAddress, ParseHttpAddressError};
pub use key_file::SyntaxError;
pub use killed_status::{KilledStatus, ParseKilledStatusError};
pub use number::{IntegerError, Scanned, integer, scan};
pub use on_lost::{OnLost, ParseOnLostError};
pub use origin::{Origin, Place};
pub use principal::{ParsePrincipalError, Principal};
pub use problem::{Problem, ValueError};
pub use rows::TABLE;
pub use seconds::{ParseSecondsError, Seconds};
pub use settings::{Access, Daemon, Monitor, Network, Resource, Settings, Tls, Trace};
pub use signal::{can_be_ignored, signal_name, signals};
pub use table::{Kind, Setting};
pub use text::shown;
pub use unique_id::{UniqueIdError, peer_id, unique_id};
pub use who::who;
