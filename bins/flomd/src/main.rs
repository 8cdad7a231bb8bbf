//! The program `flomd`.

#![forbid(unsafe_code)]

fn main() {}
