//! All the doors of a daemon: one of its own, or those that a service manager has opened for it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

use flom_types::Time;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

use crate::conns::Conns;
use crate::door::Door;
use crate::entrance::Entrance;

/// The token of the first door; the others have the ones below.
const FIRST: usize = usize::MAX - 2;

/// As many doors as there are tokens for, of the 16 that `conns.rs` leaves.
pub(crate) const DOORS: usize = 8;

/// The token of the claim on the files of a door; only a door of our own has one.
const CLAIM: Token = Token(FIRST - DOORS);

/// Every door, and what is known about who stands in front of it.
#[derive(Debug)]
pub(crate) struct Entrances(Vec<Entrance>);

impl Entrances {
    /// Has the system tell when somebody has come to one of `doors`, of which there are at most
    /// [`DOORS`].
    ///
    /// # Errors
    ///
    /// As the system says.
    pub(crate) fn new(doors: Vec<Door>, registry: &Registry) -> io::Result<Self> {
        let tokens = (0..DOORS).map(|index| Token(FIRST - index));
        let entrances = doors.into_iter().zip(tokens);
        let entrances = entrances.map(|(door, token)| Entrance::new(door, token, registry));
        let entrances = entrances.collect::<io::Result<_>>().map(Self)?;
        for claim in entrances.doors().filter_map(Door::claim) {
            registry.register(&mut SourceFd(&claim.as_raw_fd()), CLAIM, Interest::READABLE)?;
        }
        Ok(entrances)
    }

    /// Where clients reach the daemon over TCP, if they do.
    pub(crate) fn tcp_address(&self) -> Option<SocketAddr> {
        self.doors().find_map(Door::tcp_address)
    }

    /// Every door.
    pub(crate) fn doors(&self) -> impl Iterator<Item = &Door> {
        self.0.iter().map(Entrance::door)
    }

    /// Somebody has come to the door with this token, if one has it.
    pub(crate) fn knock(&mut self, token: Token) -> bool {
        if token == CLAIM {
            self.0.iter_mut().for_each(Entrance::look_after_files);
            return true;
        }
        let entrance = FIRST
            .checked_sub(token.0)
            .and_then(|index| self.0.get_mut(index));
        entrance.map(Entrance::knock).is_some()
    }

    /// A connection has ended.
    pub(crate) fn make_room(&mut self) {
        self.0.iter_mut().for_each(Entrance::make_room);
    }

    /// When to look, unless the system tells before.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.0.iter().filter_map(Entrance::next_deadline).min()
    }

    /// Lets in who is there, as far as a turn goes; how many they are.
    pub(crate) fn let_in(&mut self, now: Time, conns: &mut Conns, registry: &Registry) -> usize {
        let let_in = |entrance: &mut Entrance| entrance.let_in(now, conns, registry);
        self.0.iter_mut().map(let_in).sum()
    }

    /// Lets in who is there for the last time. If somebody was, the doors stay open: a door that
    /// has been closed before another one turned out to have somebody in front of it is one that
    /// was passed, and those are never closed by the daemon.
    pub(crate) fn close(&mut self, now: Time, conns: &mut Conns, registry: &Registry) -> usize {
        let close = |entrance: &mut Entrance| entrance.close(now, conns, registry);
        self.0.iter_mut().map(close).sum()
    }
}

impl fmt::Display for Entrances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, door) in self.doors().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{door}")?;
        }
        Ok(())
    }
}
