//! `hot-paths PATH TURNS`: takes a hot path that often, for counting its instructions.

#![forbid(unsafe_code)]

use std::env;
use std::io;

use flom_bench::paths::PATHS;

fn main() -> io::Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    let usage = || io::Error::other("usage: hot-paths PATH TURNS");
    let [name, turns] = &words[..] else {
        return Err(usage());
    };
    let (_, ready) = PATHS
        .iter()
        .find(|(path, _)| path == name)
        .ok_or_else(usage)?;
    let turns: u32 = turns.parse().map_err(io::Error::other)?;
    let mut turn = ready();
    (0..turns).for_each(|_| turn());
    Ok(())
}
