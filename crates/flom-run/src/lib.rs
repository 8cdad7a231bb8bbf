//! Runs a command under a flom lock.

#![forbid(unsafe_code)]
