//! Clients that come, lock, unlock and go, as `flom` does.

use std::io;
use std::time::{Duration, Instant};

use flom_types::LockMode;

use crate::crowd::{Crowd, News};
use crate::server::Server;
use crate::vocabulary::Said;
use crate::words;
use crate::workload::meter::Meter;
use crate::workload::{Figures, surprise};

/// `slots` clients at a time, each with a resource of its own; whoever goes makes room for the next.
/// A cycle is from connecting to the end of the connection on the server's side.
///
/// # Errors
///
/// The server does not behave.
pub fn churn(server: &Server, slots: usize, lasting: Duration) -> io::Result<Figures> {
    let requests: Vec<(Vec<u8>, Vec<u8>)> = (0..slots)
        .map(|slot| format!("churn{slot}"))
        .map(|name| {
            (
                words::lock(&name, LockMode::Exclusive),
                words::unlock(&name),
            )
        })
        .collect();
    let mut crowd = Crowd::new()?;
    let mut came = vec![Instant::now(); slots];
    for (slot, (lock, _)) in requests.iter().enumerate() {
        crowd.connect(server.address())?;
        crowd.say(slot, lock)?;
    }
    let mut news = Vec::new();
    let mut meter = Meter::start(server)?;
    let mut is_warm = false;
    while !is_warm || meter.so_far() < lasting {
        if !is_warm && meter.so_far() > lasting / 4 {
            is_warm = true;
            meter = Meter::start(server)?;
        }
        crowd.listen(&mut news)?;
        for (slot, news) in news.iter().copied() {
            let (lock, unlock) = &requests[slot];
            match news {
                // The client before this one may not be gone for the daemon yet.
                News::Said(Said::Queued) => {}
                News::Said(Said::Granted { .. }) => {
                    crowd.say(slot, unlock)?;
                    crowd.half_close(slot)?;
                }
                News::Closed => {
                    let now = Instant::now();
                    meter.count(now - came[slot]);
                    came[slot] = now;
                    crowd.reconnect(slot, server.address())?;
                    crowd.say(slot, lock)?;
                }
                other => return Err(surprise(slot, other)),
            }
        }
    }
    meter.figures(server)
}
