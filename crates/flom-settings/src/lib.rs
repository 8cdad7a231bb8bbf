//! What can be set in flom: one table of settings, their values and defaults.

#![forbid(unsafe_code)]

mod settings;
mod text;

pub use settings::{Daemon, Monitor, Network, Resource, Settings, Tls, Trace};
pub use text::shown;
