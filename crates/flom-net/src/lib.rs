//! Sockets as flom wants them.

#![forbid(unsafe_code)]
