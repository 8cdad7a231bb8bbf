//! Certificates in files, and connections between those who have them.

#![expect(clippy::unwrap_used, reason = "tests, also their helpers, may panic")]

mod files;
mod lab;
mod layer;
mod scratch;
