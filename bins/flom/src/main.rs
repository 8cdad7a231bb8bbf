//! The program `flom`.

#![forbid(unsafe_code)]

fn main() {}
