//! `crowd SOCKET COUNT hold|wait NAME`: that many clients of a daemon, which hold a resource each or
//! ask for the same one. Says `standing` when all have been answered, and goes, with all of them,
//! when its standard input ends.

#![forbid(unsafe_code)]

use std::env;
use std::io::{self, Read};

use flom_bench::{Address, Crowd, News, Said, raise_descriptor_limit, words};
use flom_types::LockMode;

/// How many may have asked and not been answered yet.
const AT_ONCE: usize = 64;

fn main() -> io::Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [socket, count, what, name] = &words[..] else {
        return Err(io::Error::other("usage: crowd SOCKET COUNT hold|wait NAME"));
    };
    let count: usize = count.parse().map_err(io::Error::other)?;
    raise_descriptor_limit();
    let crowd = gather(&Address::Unix(socket.into()), count, |number| {
        match what.as_str() {
            "hold" => format!("{name}{number}"),
            _ => name.clone(),
        }
    })?;
    println!("standing");
    io::stdin().read_to_end(&mut Vec::new())?;
    drop(crowd);
    Ok(())
}

fn gather(to: &Address, count: usize, name: impl Fn(usize) -> String) -> io::Result<Crowd> {
    let mut crowd = Crowd::new()?;
    let mut news = Vec::new();
    let mut answered = 0;
    while answered < count {
        while crowd.len() < count && crowd.len() - answered < AT_ONCE {
            let number = crowd.connect(to)?;
            crowd.say(number, &words::lock(&name(number), LockMode::Exclusive))?;
        }
        crowd.listen(&mut news)?;
        for (number, news) in &news {
            match news {
                News::Said(Said::Granted { waited: false } | Said::Queued) => answered += 1,
                other => return Err(io::Error::other(format!("client {number}: {other:?}"))),
            }
        }
    }
    Ok(crowd)
}
