//! What a flom client and its daemon say to each other, as bytes; no I/O.

#![forbid(unsafe_code)]
