//! The lock manager of flom: events in, actions out; no I/O, no clock.

#![forbid(unsafe_code)]
