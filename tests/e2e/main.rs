//! The programs, as a user runs them: real `flom`, real `flomd`, real sockets and hosts.
//!
//! A rule is tested at the lowest place that shows it; here it is shown that the parts are joined.

#![forbid(unsafe_code)]

mod daemon_loss;
mod discovery;
mod exclusion;
mod exit_status;
mod harness;
mod lifespan;
mod locking;
mod scenario;
mod shutdown;
mod signals;
mod start;
mod start_races;
mod waiting;
