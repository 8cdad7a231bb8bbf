//! What can go wrong between a client and its daemon: one enum for each thing that can fail, each
//! with the number by which FLoM 1.7.2 names it.

mod config;
mod connect;
mod lock;
mod release;
#[cfg(test)]
mod tests;

use std::error::Error;

pub use config::ConfigError;
pub use connect::{ConnectError, StartError};
pub use lock::LockError;
pub use release::{LockLost, ReleaseError, ShutdownError};

/// A cause that comes from another crate.
type Cause = Box<dyn Error + Send + Sync>;
