//! A long queue in front of one resource.

use std::io;
use std::time::{Duration, Instant};

use flom_types::LockMode;

use crate::crowd::{Crowd, News};
use crate::server::Server;
use crate::vocabulary::Said;
use crate::words;
use crate::workload::meter::{micros, percentile};
use crate::workload::{Figures, surprise};

/// How many may have asked and not been answered yet.
const AT_ONCE: usize = 64;

const NAME: &str = "queue";

/// `waiters` clients queue up; then each is granted the lock, unlocks and goes. Whether they are
/// served in order is checked.
///
/// # Errors
///
/// The server does not behave.
pub fn queue(server: &Server, waiters: usize) -> io::Result<Figures> {
    let lock = words::lock(NAME, LockMode::Exclusive);
    let mut crowd = Crowd::new()?;
    let holder = crowd.connect(server.address())?;
    crowd.say(holder, &lock)?;
    let mut news = Vec::new();
    crowd.listen(&mut news)?;
    let memory = server.memory()?;
    let start = Instant::now();
    let order = line_up(server, &mut crowd, waiters, &lock)?;
    let queued = Instant::now();
    let memory = server.memory()?.saturating_sub(memory);
    let mut hand_overs = drain(&mut crowd, holder, &order)?;
    let each = waiters as f64;
    let drained = queued.elapsed();
    hand_overs.sort_unstable();
    Ok(vec![
        ("hand-over p50 us", percentile(&hand_overs, 50)),
        ("enqueue us each", micros(queued - start) / each),
        ("drain us each", micros(drained) / each),
        ("bytes each", memory as f64 / each),
    ])
}

/// The waiters in the order in which they were queued.
fn line_up(
    server: &Server,
    crowd: &mut Crowd,
    waiters: usize,
    lock: &[u8],
) -> io::Result<Vec<usize>> {
    let mut news = Vec::new();
    let mut order = Vec::with_capacity(waiters);
    while order.len() < waiters {
        while crowd.len() <= waiters && crowd.len() - 1 - order.len() < AT_ONCE {
            let number = crowd.connect(server.address())?;
            crowd.say(number, lock)?;
        }
        crowd.listen(&mut news)?;
        for (number, news) in news.iter().copied() {
            match news {
                News::Said(Said::Queued) => order.push(number),
                other => return Err(surprise(number, other)),
            }
        }
    }
    Ok(order)
}

/// How long each waiter's grant came after the unlock of the one before.
fn drain(crowd: &mut Crowd, holder: usize, order: &[usize]) -> io::Result<Vec<Duration>> {
    let unlock = words::unlock(NAME);
    let leave = |crowd: &Crowd, number| {
        crowd.say(number, &unlock)?;
        crowd.half_close(number)
    };
    let mut unlocked = Instant::now();
    leave(crowd, holder)?;
    let mut hand_overs = Vec::with_capacity(order.len());
    let mut news = Vec::new();
    let mut due = order.iter().copied();
    let mut gone = 0;
    while gone <= order.len() {
        crowd.listen(&mut news)?;
        for (number, news) in news.iter().copied() {
            match news {
                News::Said(Said::Granted { waited: true }) if due.next() == Some(number) => {
                    hand_overs.push(unlocked.elapsed());
                    unlocked = Instant::now();
                    leave(crowd, number)?;
                }
                News::Closed => gone += 1,
                other => return Err(surprise(number, other)),
            }
        }
    }
    Ok(hand_overs)
}
