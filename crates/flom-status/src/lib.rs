//! Who holds what, who waits, and for whom; no I/O.
//!
//! ```text
//!   LockManager ── snapshot ──► Snapshot ─┐
//!                                         ├─► View ── Document ──► text │ JSON, in pieces
//!   connections ── who is who ──► Peer ───┘    │
//!                                              ├─ why, why_waits ──► Judgement ──► text │ JSON
//!                                              │
//!   what happens ─── counted ───► Metrics ─────┴─ write ──► text for Prometheus
//! ```
//!
//! A [`View`] is owned and can be read at leisure, in another thread too. A [`Document`] is made in
//! pieces of any size, and so are [`Reasons`], so that nobody has to wait until a long one is complete.

#![forbid(unsafe_code)]

mod document;
mod json;
mod judge;
mod judgement;
pub mod metrics;
mod numbered;
mod reasons;
mod text;
mod view;
mod words;

pub use document::{Document, Format};
pub use judge::{Judgement, Question, Rule, why, why_waits};
pub use numbered::Numbered;
pub use reasons::Reasons;
pub use view::{Counts, Peer, View};
