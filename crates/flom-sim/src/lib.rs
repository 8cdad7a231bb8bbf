//! Clients, a daemon and a bad network in one process, by seed; development only.
//!
//! ```text
//!   client.rs ── bytes ──► pipe.rs ──► daemon.rs: Decoder, Conversation, LockManager, Answers
//!        ▲  ▲               delays,        │  │
//!        │  └──── bytes ─── splits,  ◄─────┘  └────┐
//!        │                  glues, breaks          │
//!        └── holds, gives back ──► judge.rs ◄── heard and told
//! ```
//!
//! Time is virtual, and every choice follows from the seed: what fails once fails again. The
//! daemon's way from bytes to locks and back is the real one, all but its sockets; clients ask,
//! wait, give up, ask again, hold, roll back, say nonsense, and are killed at any moment; somebody
//! sets the wall clock. [`play`] looks at the promises after every step, those about locks from
//! where the clients stand.

#![forbid(unsafe_code)]

mod client;
pub mod daemon;
pub mod judge;
mod mishap;
pub mod pipe;
mod random;
mod setting;
mod simulation;
mod tally;
mod words;

pub use simulation::{play, tell};
pub use tally::{Failure, Tally};
