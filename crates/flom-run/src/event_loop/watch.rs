//! Where the loop sleeps.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use super::Ready;
use crate::signals::Signals;

const CONNECTION: Token = Token(0);
const SIGNALS: Token = Token(1);
const CHILD: Token = Token(2);

pub(super) struct Watch {
    poll: Poll,
    events: Events,
    pub(super) signals: Signals,
}

impl Watch {
    pub(super) fn new() -> io::Result<Self> {
        let mut signals = Signals::catch()?;
        let poll = Poll::new()?;
        let registry = poll.registry();
        registry.register(signals.source(), SIGNALS, Interest::READABLE)?;
        Ok(Self {
            poll,
            events: Events::with_capacity(4),
            signals,
        })
    }

    /// Sleeps until something happens, at most for `limit`.
    pub(super) fn sleep(&mut self, limit: Option<Duration>) -> io::Result<Ready> {
        let Self { poll, events, .. } = self;
        match poll.poll(events, limit) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => events.clear(),
            Err(error) => return Err(error),
        }
        let happened = |token| events.iter().any(|event| event.token() == token);
        Ok(Ready {
            // Also when nothing has happened: then it is time that has passed.
            connection: happened(CONNECTION) || events.is_empty(),
            signals: happened(SIGNALS),
            child: happened(CHILD),
        })
    }

    pub(super) fn add_connection(&self, connection: &impl AsFd) -> io::Result<()> {
        self.add(connection.as_fd().as_raw_fd(), CONNECTION)
    }

    pub(super) fn add_child(&self, pidfd: RawFd) -> io::Result<()> {
        self.add(pidfd, CHILD)
    }

    fn add(&self, descriptor: RawFd, token: Token) -> io::Result<()> {
        let registry = self.poll.registry();
        registry.register(&mut SourceFd(&descriptor), token, Interest::READABLE)
    }
}
