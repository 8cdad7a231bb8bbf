//! The lock manager of flom: events in, actions out; no I/O, no clock.
//!
//! Deterministic: the same list of moments and events gives the same state and the same actions
//! everywhere.

#![forbid(unsafe_code)]

mod action;
mod event;
mod manager;
mod names;
mod parking;
mod queue;
mod resource;
mod sessions;
pub mod snapshot;

pub use action::{Action, CloseReason, Granted, Link, Step};
pub use event::{Event, Nesting, Request};
pub use flom_types::Fairness;
pub use manager::{Footprint, LockManager};
