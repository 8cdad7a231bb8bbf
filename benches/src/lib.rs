//! What flom costs, and whether that changes.
//!
//! ```text
//!   benches/micro.rs      one message, one lock: criterion                     cargo bench -p flom-bench
//!   benches/whole.rs      flomd under load, beside a floor that does nothing
//!   benches/look.rs       what looking costs those who lock
//!   benches/tls.rs        what TLS costs, beside clear text
//!   tests/instructions.rs instructions of the hot paths against a budget       cargo test -p flom-bench
//!   tests/crowd.rs        20,000 connections to one daemon
//!   tests/soak.rs         a mixed load with clients killed at random
//! ```
//!
//! Here is what they share: [`Server`] runs a daemon or the floor as a process of its own, [`Crowd`]
//! is any number of clients in one thread, [`workload`] are the loads, [`Table`] the result. Times
//! mean something only beside those of the floor in the same run; `docs/performance.md` says more.

#![forbid(unsafe_code)]

mod client;
mod crowd;
pub mod floor;
pub mod paths;
mod programs;
mod scratch;
mod server;
mod table;
mod vocabulary;
pub mod words;
pub mod workload;

pub use client::{Address, Client};
pub use crowd::{Crowd, News};
pub use programs::Programs;
pub use scratch::Scratch;
pub use server::{Server, Transport, lower_descriptor_limit, raise_descriptor_limit};
pub use table::Table;
pub use vocabulary::{Said, Vocabulary};
