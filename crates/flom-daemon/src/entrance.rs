//! When to look who is at the door, and what to do if there is no room.

use std::io;
use std::os::fd::AsRawFd;

use flom_types::Time;
use log::warn;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::io::Errno;

use crate::conns::Conns;
use crate::door::{Door, Found};

/// Newcomers let in in one turn.
const SHARE: usize = 64;

/// How long to wait for descriptors that others than our clients must give back, in ms.
const RETRY_MS: u64 = 100;

/// The door, and what is known about who stands in front of it.
#[derive(Debug)]
pub(crate) struct Entrance {
    door: Door,
    token: Token,
    watch: Watch,
    /// That there is no room has been said since there was.
    full_logged: bool,
}

/// Whether anybody may be at the door. The system only tells that somebody has come, not that there
/// are others still.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Watch {
    /// Nobody is there; the system will tell when somebody comes.
    Quiet,
    /// Look at once.
    Knocking,
    /// Who is there stays in the system's queue until a connection ends, or until this moment.
    Full(Time),
}

impl Entrance {
    /// Has the system tell under `token` that somebody has come.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub(crate) fn new(door: Door, token: Token, registry: &Registry) -> io::Result<Self> {
        let entrance = Self {
            door,
            token,
            watch: Watch::Knocking,
            full_logged: false,
        };
        entrance.register(registry)?;
        Ok(entrance)
    }

    pub(crate) fn door(&self) -> &Door {
        &self.door
    }

    /// Somebody has come.
    pub(crate) fn knock(&mut self) {
        self.watch = Watch::Knocking;
    }

    /// A connection has ended.
    pub(crate) fn make_room(&mut self) {
        if let Watch::Full(_) = self.watch {
            self.watch = Watch::Knocking;
        }
    }

    /// When to look, unless the system tells before.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        match self.watch {
            Watch::Quiet => None,
            Watch::Knocking => Some(Time::default()),
            Watch::Full(retry) => Some(retry),
        }
    }

    /// Lets in who is there, as far as a turn goes; how many they are.
    pub(crate) fn let_in(&mut self, now: Time, conns: &mut Conns, registry: &Registry) -> usize {
        let mut newcomers = 0;
        if self.next_deadline().is_none_or(|deadline| deadline > now) {
            return newcomers;
        }
        self.watch = Watch::Knocking;
        for _ in 0..SHARE {
            if conns.is_full() {
                self.wait_for_room(now, Errno::MFILE);
                break;
            }
            match self.door.accept() {
                Found::Client(socket) => match conns.admit(socket, registry) {
                    Ok(()) => newcomers += 1,
                    Err(error) => warn!("cannot watch a new connection: {error}"),
                },
                Found::Nobody => {}
                Found::Empty => {
                    self.watch = Watch::Quiet;
                    self.full_logged = false;
                    break;
                }
                Found::Full(error) => {
                    self.wait_for_room(now, error);
                    break;
                }
            }
        }
        newcomers
    }

    /// Lets in who is there for the last time. If somebody was, the door stays open.
    pub(crate) fn close(&mut self, now: Time, conns: &mut Conns, registry: &Registry) -> usize {
        self.knock();
        let newcomers = self.let_in(now, conns, registry);
        if newcomers > 0 {
            return newcomers;
        }
        // Somebody may be coming right now. Without the name nobody can any more, so whoever is
        // found from here on is the last.
        self.door.hide();
        self.knock();
        let newcomers = self.let_in(now, conns, registry);
        if newcomers > 0 {
            self.reopen(registry);
        }
        newcomers
    }

    fn reopen(&mut self, registry: &Registry) {
        let shown = self.door.show().map_err(io::Error::other);
        if let Err(error) = shown.and_then(|()| self.register(registry)) {
            warn!("cannot listen any more, serving those who have come: {error}");
        }
    }

    fn register(&self, registry: &Registry) -> io::Result<()> {
        let socket = self.door.as_raw_fd();
        registry.register(&mut SourceFd(&socket), self.token, Interest::READABLE)
    }

    /// No descriptors, no memory, or something else that asking again at once does not cure. The
    /// system will not tell again about who is there already.
    fn wait_for_room(&mut self, now: Time, error: Errno) {
        self.watch = Watch::Full(now.after_ms(RETRY_MS));
        if !self.full_logged {
            self.full_logged = true;
            warn!("no room for more connections, those who come have to wait: {error}");
        }
    }
}
