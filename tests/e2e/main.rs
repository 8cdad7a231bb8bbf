//! The programs, as a user runs them: real `flom`, real `flomd`, real sockets and hosts.
//!
//! A rule is tested at the lowest place that shows it; here it is shown that the parts are joined.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod authority;
mod config;
mod config_broken;
mod cut;
mod daemon_loss;
mod deadlock;
mod discovery;
mod discovery_odd;
mod doctor;
mod examples;
mod exclusion;
mod exit_status;
mod fence_check;
mod fencing;
mod harness;
mod hostile;
mod hostile_datagrams;
mod hostile_timing;
mod http;
mod interop;
mod job_control;
mod lifespan;
mod locking;
mod lost;
mod messages;
mod metrics;
mod options;
mod page;
mod restarts;
mod restarts_under_load;
mod scenario;
mod seeing;
mod service;
mod shutdown;
mod signals;
mod start;
mod start_races;
mod streams;
mod system_log;
mod tls;
mod tls_peers;
mod told;
mod trace_files;
mod tracing;
mod vfs;
mod waiting;
mod watch;
