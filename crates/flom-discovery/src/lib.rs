//! How a flom client finds a daemon on the network; no I/O.

#![forbid(unsafe_code)]
