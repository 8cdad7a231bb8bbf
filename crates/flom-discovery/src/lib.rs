//! How a flom client finds a daemon on the network; no I/O.
//!
//! ```text
//!   client                                                          daemons of the group
//!   Seeker::next ──► Send ──── query(), to the group ────────────►  Responder::reply
//!                                                                        │
//!   Seeker::heard ◄─────────── "I am here", to the asker alone ◄─────────┘ or silence
//!        └──► Found, or asks once more, or gives up
//! ```
//!
//! Datagrams come from anywhere: whatever is not part of this is dropped without a word, and
//! changes nothing (`spec/discovery.md` §6 and §7).

#![forbid(unsafe_code)]

mod responder;
mod seeker;

pub use responder::Responder;
pub use seeker::{Found, Seeker, SeekerStep, query};
