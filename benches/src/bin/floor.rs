//! `floor RULE unix PATH` or `floor RULE tcp ADDRESS`: a server that does as little as it can, to
//! measure flomd against. Says `ready` when clients can connect.

#![forbid(unsafe_code)]

use std::env;
use std::io;

use flom_bench::{Address, floor, raise_descriptor_limit};

fn main() -> io::Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [rule, transport, place] = &words[..] else {
        return Err(io::Error::other(
            "usage: floor echo|turns|crowd unix|tcp PLACE",
        ));
    };
    let address = match transport.as_str() {
        "unix" => Address::Unix(place.into()),
        _ => Address::Tcp(place.parse().map_err(io::Error::other)?),
    };
    raise_descriptor_limit();
    floor::serve(rule.parse()?, &address, || println!("ready"))
}
