//! Many readers who wait for one writer.

use std::io;
use std::time::Instant;

use flom_types::LockMode;

use crate::crowd::{Crowd, News};
use crate::server::Server;
use crate::vocabulary::Said;
use crate::words;
use crate::workload::meter::micros;
use crate::workload::{Figures, surprise};

/// How many may have asked and not been answered yet.
const AT_ONCE: usize = 64;

const NAME: &str = "readers";

/// A writer holds what `readers` clients want to read; it unlocks, and all of them are granted the
/// lock at once.
///
/// # Errors
///
/// The server does not behave.
pub fn readers(server: &Server, readers: usize) -> io::Result<Figures> {
    let mut crowd = Crowd::new()?;
    let writer = crowd.connect(server.address())?;
    crowd.say(writer, &words::lock(NAME, LockMode::Exclusive))?;
    let mut news = Vec::new();
    crowd.listen(&mut news)?;
    let lock = words::lock(NAME, LockMode::ProtectedRead);
    let mut queued = 0;
    while queued < readers {
        while crowd.len() <= readers && crowd.len() - 1 - queued < AT_ONCE {
            let number = crowd.connect(server.address())?;
            crowd.say(number, &lock)?;
        }
        queued += hear(&mut crowd, &mut news, Said::Queued)?;
    }
    let worked = server.worked()?;
    let start = Instant::now();
    crowd.say(writer, &words::unlock(NAME))?;
    let mut granted = 0;
    while granted < readers {
        granted += hear(&mut crowd, &mut news, Said::Granted { waited: true })?;
    }
    let last = start.elapsed();
    let worked = server.worked()?.saturating_sub(worked);
    Ok(vec![
        ("last answered ms", micros(last) / 1000.0),
        ("processor us each", micros(worked) / readers as f64),
    ])
}

/// How many have heard what they should.
fn hear(crowd: &mut Crowd, news: &mut Vec<(usize, News)>, wanted: Said) -> io::Result<usize> {
    crowd.listen(news)?;
    match news.iter().find(|(_, news)| *news != News::Said(wanted)) {
        Some((number, other)) => Err(surprise(*number, *other)),
        None => Ok(news.len()),
    }
}
