//! Whole daemons in this process, and clients that behave and misbehave.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod authority;
mod descriptors;
mod ending;
mod exhibiting;
mod harness;
mod nesting;
mod network;
mod observing;
mod passed;
mod resuming;
mod serving;
