//! What can be set in flom: one table of settings, their values and defaults.

#![forbid(unsafe_code)]
