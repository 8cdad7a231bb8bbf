//! Looks at the daemon again and again, beside whoever paints.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use flom_client::Client;
use flom_client::command::{self, Look, ObserveError, Watcher};

use super::page::Seen;

/// Between two looks, at least.
const REST: Duration = Duration::from_millis(500);

/// How many times as long as a look took it is until the next one: where there is much to be seen,
/// it is looked for less often.
const REST_TIMES: u32 = 10;

/// Between two looks for a daemon that has gone.
const RETRY: Duration = Duration::from_secs(1);

/// What it has seen last, and whether that is news.
pub(crate) struct Lookout {
    seen: Arc<Mutex<Seen>>,
    news: UnixStream,
}

impl Lookout {
    /// Looks for the first time, and then again and again in a thread that ends with the program.
    pub(crate) fn begin(
        client: Client,
        mut watcher: Watcher,
        look: Look,
    ) -> Result<Self, ObserveError> {
        let text = text(&mut watcher, &look)?;
        let seen = Arc::new(Mutex::new(Seen {
            text,
            trouble: None,
        }));
        let failed = |source| ObserveError::Output { source };
        let (news, bell) = UnixStream::pair().map_err(failed)?;
        let nonblocking = |stream: &UnixStream| stream.set_nonblocking(true).map_err(failed);
        nonblocking(&news)?;
        nonblocking(&bell)?;
        let shared = Arc::clone(&seen);
        thread::spawn(move || {
            keep_looking(&client, Some(watcher), &look, |next| {
                let mut seen = lock(&shared);
                let is_news = match next {
                    Ok(text) => {
                        let is_news = text != seen.text || seen.trouble.is_some();
                        (seen.text, seen.trouble) = (text, None);
                        is_news
                    }
                    Err(error) => {
                        let trouble = Some(error.to_string());
                        let is_news = trouble != seen.trouble;
                        seen.trouble = trouble;
                        is_news
                    }
                };
                if is_news {
                    // If there is no room, there is news that has not been heard.
                    let _ = (&bell).write(&[0]);
                }
            });
        });
        Ok(Self { seen, news })
    }

    /// What it has seen last.
    pub(crate) fn latest(&self) -> Seen {
        lock(&self.seen).clone()
    }

    /// The news is known.
    pub(crate) fn heed(&self) {
        let mut bytes = [0; 64];
        let _ = (&self.news).read(&mut bytes);
    }
}

impl AsFd for Lookout {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.news.as_fd()
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks for ever, and says what it has seen. A daemon that has gone may be followed by another.
fn keep_looking(
    client: &Client,
    mut watcher: Option<Watcher>,
    look: &Look,
    mut say: impl FnMut(Result<String, ObserveError>),
) {
    loop {
        let began = Instant::now();
        let found = watcher
            .take()
            .map_or_else(|| command::watch(client, &mut |_| {}), Ok);
        let seen = found.and_then(|mut found| Ok((text(&mut found, look)?, found)));
        let rest = match seen {
            Ok((text, found)) => {
                watcher = Some(found);
                say(Ok(text));
                REST.max(began.elapsed() * REST_TIMES)
            }
            Err(error) => {
                say(Err(error));
                RETRY
            }
        };
        thread::sleep(rest);
    }
}

/// What the daemon keeps, as text.
fn text(watcher: &mut Watcher, look: &Look) -> Result<String, ObserveError> {
    let mut bytes = Vec::new();
    let mut out = |piece: &[u8]| -> io::Result<()> {
        bytes.extend_from_slice(piece);
        Ok(())
    };
    watcher.look(look, false, &mut out)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
