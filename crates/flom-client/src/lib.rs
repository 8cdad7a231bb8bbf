//! Client side of flom: find a daemon, ask for a lock, hold it.

#![forbid(unsafe_code)]
