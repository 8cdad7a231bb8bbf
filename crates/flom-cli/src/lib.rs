//! Command lines of flom and flomd: options, help, messages, exit statuses.
//!
//! From the words of a command line to settings and a wish ([`flom::parse`], [`flomd::parse`]), and
//! from a failure to lines and an exit status ([`Failure`]). It contacts nobody.

#![forbid(unsafe_code)]

mod command;
pub mod exit;
mod failure;
mod feature;
pub mod flom;
pub mod flomd;
mod help;
pub mod log;
mod options;
pub mod packaging;
mod sources;
pub mod trace;
mod version;

pub use failure::Failure;
