//! Resources that nobody uses, but that are kept for a while.

use std::io;

use crate::crowd::{Crowd, News};
use crate::server::Server;
use crate::vocabulary::Said;
use crate::words;
use crate::workload::surprise;

/// Longer than any of these loads takes, in ms.
const LIFESPAN_MS: i64 = 600_000;

/// How many locks may be under way.
const AT_ONCE: usize = 64;

/// Has the server keep `resources` that nobody uses.
///
/// # Errors
///
/// The server does not behave.
pub fn keep(server: &Server, resources: usize) -> io::Result<()> {
    let mut crowd = Crowd::new()?;
    let client = crowd.connect(server.address())?;
    let name = |number: usize| format!("kept{number}");
    let mut news = Vec::new();
    let (mut asked, mut granted) = (0, 0);
    while granted < resources {
        let mut said = Vec::new();
        while asked < resources && asked - granted < AT_ONCE {
            said.extend(words::lock_kept(&name(asked), LIFESPAN_MS));
            said.extend(words::unlock(&name(asked)));
            asked += 1;
        }
        crowd.say(client, &said)?;
        crowd.listen(&mut news)?;
        for (number, news) in news.iter().copied() {
            match news {
                News::Said(Said::Granted { waited: false }) => granted += 1,
                other => return Err(surprise(number, other)),
            }
        }
    }
    Ok(())
}
