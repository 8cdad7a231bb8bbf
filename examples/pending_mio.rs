//! Many locks in one thread: a thousand requests wait in one loop.
//!
//! Try: `cargo run --example pending_mio 5000`, with `ulimit -n` as high.

use std::env;
use std::error::Error;
use std::os::fd::AsRawFd;

use flom_client::{Client, Pending, Progress, Wait};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

fn main() -> Result<(), Box<dyn Error>> {
    let count = env::args().nth(1).map_or(Ok(1000), |word| word.parse())?;
    let client = Client::from_config()?;
    let mut poll = Poll::new()?;
    let mut waiting: Vec<Option<Pending>> = Vec::new();
    for number in 0..count {
        let request = client.request(&format!("work{}", number % 10))?; // a hundred for each
        let pending = request.start(Wait::Forever)?;
        let descriptor = pending.as_raw_fd();
        let (token, what) = (Token(number), Interest::READABLE);
        poll.registry()
            .register(&mut SourceFd(&descriptor), token, what)?;
        waiting.push(Some(pending));
    }
    let (mut events, mut done) = (Events::with_capacity(256), 0);
    while done < count {
        poll.poll(&mut events, None)?; // with limits: until the next of `next_deadline`
        for event in &events {
            let slot = &mut waiting[event.token().0];
            let Some(mut pending) = slot.take() else {
                continue;
            };
            match pending.drive()? {
                Progress::Granted => {
                    // The lock is ours; closing it lets the next one in, which is in this loop too.
                    drop(pending.finish());
                    done += 1;
                }
                _ => *slot = Some(pending),
            }
        }
    }
    println!("{done} locks, one after the other");
    Ok(())
}
