//! The daemon of flom: one thread that keeps the locks.

#![forbid(unsafe_code)]
