//! Connections that stay, and lock and unlock as fast as they can.

use std::io;
use std::time::{Duration, Instant};

use flom_types::LockMode;

use crate::crowd::{Crowd, News};
use crate::server::Server;
use crate::vocabulary::Said;
use crate::words;
use crate::workload::meter::{Meter, percentile};
use crate::workload::{Figures, surprise};

/// `clients` connections, each with a resource of its own. A cycle is from a request to its grant.
///
/// # Errors
///
/// The server does not behave.
pub fn own(server: &Server, clients: usize, lasting: Duration) -> io::Result<Figures> {
    let name = |number| format!("own{number}");
    Ok(cycles(server, clients, lasting, name)?.0)
}

/// `clients` connections that want the same resource. What counts is how long it takes from an
/// unlock to the next client's grant.
///
/// # Errors
///
/// The server does not behave, or two clients hold the resource at once.
pub fn contend(server: &Server, clients: usize, lasting: Duration) -> io::Result<Figures> {
    let name = |_| "contended".to_owned();
    let (mut figures, mut hand_overs, least_share) = cycles(server, clients, lasting, name)?;
    figures.truncate(2);
    hand_overs.sort_unstable();
    figures.push(("hand-over p50 us", percentile(&hand_overs, 50)));
    figures.push(("hand-over p99 us", percentile(&hand_overs, 99)));
    figures.push(("least share", least_share));
    Ok(figures)
}

struct Cycler {
    lock: Vec<u8>,
    unlock: Vec<u8>,
    asked: Instant,
    grants: u32,
}

/// Figures, times between an unlock and the grant to somebody who waited, and the grants of the
/// client that had least, over the mean.
fn cycles(
    server: &Server,
    clients: usize,
    lasting: Duration,
    name: impl Fn(usize) -> String,
) -> io::Result<(Figures, Vec<Duration>, f64)> {
    let mut crowd = Crowd::new()?;
    let mut cyclers = Vec::new();
    for number in 0..clients {
        crowd.connect(server.address())?;
        let lock = words::lock(&name(number), LockMode::Exclusive);
        crowd.say(number, &lock)?;
        cyclers.push(Cycler {
            lock,
            unlock: words::unlock(&name(number)),
            asked: Instant::now(),
            grants: 0,
        });
    }
    let mut news = Vec::new();
    let mut hand_overs = Vec::new();
    let mut unlocked = Instant::now();
    let mut meter = Meter::start(server)?;
    let mut is_warm = false;
    while !is_warm || meter.so_far() < lasting {
        if !is_warm && meter.so_far() > lasting / 4 {
            is_warm = true;
            hand_overs.clear();
            cyclers.iter_mut().for_each(|cycler| cycler.grants = 0);
            meter = Meter::start(server)?;
        }
        crowd.listen(&mut news)?;
        for (number, news) in news.iter().copied() {
            match news {
                News::Said(Said::Queued) => {}
                News::Said(Said::Granted { waited }) => {
                    let cycler = &mut cyclers[number];
                    let now = Instant::now();
                    meter.count(now - cycler.asked);
                    if waited {
                        hand_overs.push(now - unlocked);
                    }
                    cycler.grants += 1;
                    unlocked = Instant::now();
                    crowd.say(number, &cycler.unlock)?;
                    cycler.asked = Instant::now();
                    crowd.say(number, &cycler.lock)?;
                }
                other => return Err(surprise(number, other)),
            }
        }
    }
    let grants = || cyclers.iter().map(|cycler| f64::from(cycler.grants));
    let least = grants().fold(f64::INFINITY, f64::min);
    let mean = grants().sum::<f64>() / clients as f64;
    Ok((meter.figures(server)?, hand_overs, least / mean))
}
