//! Ten thousand requests in one thread, through mio, against one daemon.

use std::os::fd::AsRawFd;

use flom_client::{Pending, Progress, Wait};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::{client, daemon, idle, wait_until_connected};

const REQUESTS: usize = 10_000;

/// Descriptors for everything else.
const SPARE: u64 = 500;

/// How many requests this process may have at the same time.
fn room() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    let most = limit.current.unwrap_or(u64::MAX).saturating_sub(SPARE);
    usize::try_from(most).unwrap_or(usize::MAX).min(REQUESTS)
}

#[test]
fn one_thread_waits_for_ten_thousand_locks() {
    let count = room();
    if count < REQUESTS {
        assert!(std::env::var_os("CI").is_none(), "room for {count} only");
        eprintln!("the system lets us try {count} requests only");
    }
    let daemon = daemon();
    let idle = idle(&daemon);
    let client = client(&daemon);
    let holder = client.request("A").unwrap().lock().unwrap();
    let mut poll = Poll::new().unwrap();
    let mut waiting: Vec<Option<Pending>> = Vec::new();
    for number in 0..count {
        // Half of them want what is taken; of the others each wants something else.
        let name = match number % 2 {
            0 => "A".to_string(),
            _ => format!("other{number}"),
        };
        let pending = client.request(&name).unwrap().start(Wait::Forever).unwrap();
        let descriptor = pending.as_raw_fd();
        let (token, what) = (Token(number), Interest::READABLE);
        let registry = poll.registry();
        registry
            .register(&mut SourceFd(&descriptor), token, what)
            .unwrap();
        waiting.push(Some(pending));
    }
    let (mut events, mut others, mut queued) = (Events::with_capacity(1024), 0, 0);
    let mut holder = Some(holder);
    let mut left = count;
    while left > 0 {
        poll.poll(&mut events, Some(flom_testkit::AMPLE)).unwrap();
        assert!(!events.is_empty(), "nothing happens with {left} left");
        for event in &events {
            let slot = &mut waiting[event.token().0];
            let Some(mut pending) = slot.take() else {
                continue;
            };
            match pending.drive().unwrap() {
                Progress::Granted => {
                    drop(pending.finish().unwrap());
                    others += usize::from(event.token().0 % 2 == 1);
                    left -= 1;
                }
                Progress::Waiting { queued: true } => {
                    queued += 1;
                    *slot = Some(pending);
                }
                _ => *slot = Some(pending),
            }
        }
        if holder.is_some() && queued + others == count {
            holder.take().unwrap().unlock().unwrap();
        }
    }
    assert_eq!((others, queued), (count / 2, count - count / 2));
    wait_until_connected(&daemon, idle, 0);
}
