//! From settings to a daemon that has its sockets open and knows whom to tell.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use flom_core::LockManager;
use flom_settings::{HttpAddress, Settings};
use jiff::tz::TimeZone;
use mio::{Events, Poll};

use super::{Daemon, EVENTS, GROUP, HTTP, SHARE_BYTES, SIGNALS};
use crate::access::Access;
use crate::answers::Answers;
use crate::authority::Authority;
use crate::clock::Clock;
use crate::conns::Conns;
use crate::door::Door;
use crate::ending::Ending;
use crate::entrances::Entrances;
use crate::http::Http;
use crate::lifespan::Lifespan;
use crate::observers::Observers;
use crate::passed::PassedSocket;
use crate::records::{GROUP_JOINED, HTTP_DOOR, HTTP_FAILED, READY, TCP_DOOR, UNIX_DOOR};
use crate::signals::Watchman;
use crate::start::{self, Membership, Opened, StartError};
use crate::state::{Fences, Marks};
use crate::system_log::SystemLog;

impl Daemon {
    /// Opens the sockets that `settings` name. With a multicast group and no address, this includes
    /// making sure that the group has no other daemon, which takes some 200 ms.
    ///
    /// # Errors
    ///
    /// [`StartError`]; if [it says so](StartError::is_busy), there is another daemon that will do.
    pub fn open(settings: &Settings) -> Result<Self, StartError> {
        Self::open_passed(settings, Vec::new())
    }

    /// The same, but serves these sockets instead, if there are any. They stay with whoever has
    /// passed them when the daemon ends.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    pub fn open_passed(settings: &Settings, passed: Vec<PassedSocket>) -> Result<Self, StartError> {
        let opened = start::open(settings, passed)?;
        let unwatched = |source| StartError::System {
            what: "watch sockets",
            source,
        };
        Self::watch(opened, settings).map_err(unwatched)
    }

    /// Has TERM and INT end the daemon in order, and HUP call `on_hangup`, between two turns.
    ///
    /// # Errors
    ///
    /// [`StartError::System`].
    pub fn heed_signals(
        mut self,
        on_hangup: impl FnMut() + Send + 'static,
    ) -> Result<Self, StartError> {
        match Watchman::new(Box::new(on_hangup), SIGNALS, self.poll.registry()) {
            Ok(watchman) => self.signals = Some(watchman),
            Err(source) => {
                let what = "watch signals";
                return Err(StartError::System { what, source });
            }
        }
        Ok(self)
    }

    /// Tells `system_log` what happens from now on.
    #[must_use]
    pub fn log_to(mut self, system_log: SystemLog) -> Self {
        if let Some(discovery) = &mut self.discovery {
            discovery.log_to(system_log.clone());
        }
        self.conns.log_to(system_log.clone());
        self.system_log = system_log;
        self
    }

    /// Whoever has started the daemon is going to connect: it does not end before, unless nobody
    /// comes for 10 s.
    pub fn await_starter(&mut self) {
        self.ending.lifespan.await_starter(self.clock.time());
    }

    /// Where clients reach the daemon, for people.
    pub fn place(&self) -> impl fmt::Display {
        let doors = &self.entrances;
        match &self.discovery {
            Some(discovery) => format!("{doors}, found through {discovery}"),
            None => doors.to_string(),
        }
    }

    /// Where clients reach the daemon over TCP; `None` if they do over a UNIX socket.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        self.entrances.tcp_address()
    }

    fn watch(opened: Opened, settings: &Settings) -> io::Result<Self> {
        let poll = Poll::new()?;
        let clock = Clock::start();
        let (discovery, claim) = match opened.group {
            Some(Membership { discovery, claim }) => (Some(discovery), claim),
            None => (None, None),
        };
        if let Some(discovery) = &discovery {
            discovery.register(GROUP, poll.registry())?;
        }
        let local = opened.doors.iter().all(Door::is_local);
        let proven = opened.wrapper.is_some();
        let authority = Authority::new(settings.daemon.remote_shutdown, local || proven);
        let http = settings
            .daemon
            .http
            .map(|HttpAddress(address)| Http::open(address, HTTP, poll.registry()));
        let (http, http_failure) = match http.transpose() {
            Ok(http) => (http, None),
            Err(error) => (None, Some(error)),
        };
        let mut conns = Conns::new(Answers::of(flom_settings::peer_id()));
        conns.wrap_by(opened.wrapper);
        conns.miss_after(settings.network.miss_after());
        Ok(Self {
            exhibition: None,
            entrances: Entrances::new(opened.doors, poll.registry())?,
            discovery,
            _claim: claim,
            conns,
            observers: Observers::default(),
            http,
            http_failure,
            manager: LockManager::with_zone_on_demand(settings.daemon.fairness, TimeZone::system),
            ending: Ending::new(Lifespan::new(settings.daemon.lifespan_ms, clock.time())),
            fences: Fences::default(),
            marks: Marks::default(),
            authority,
            access: Access::new(&settings.access),
            signals: None,
            ready: Vec::new(),
            unfinished: Vec::new(),
            handshakes: 0,
            buffer: vec![0; SHARE_BYTES],
            clock,
            poll,
            events: Events::with_capacity(EVENTS),
            system_log: SystemLog::none(),
        })
    }

    /// Says where clients can come.
    pub(super) fn announce(&self) {
        let log = &self.system_log;
        for door in self.entrances.doors() {
            let kind = match door.tcp_address() {
                Some(_) => TCP_DOOR,
                None => UNIX_DOOR,
            };
            log.tell(kind, format_args!("listening on {door}"));
        }
        if let Some(discovery) = &self.discovery {
            log.tell(GROUP_JOINED, format_args!("joined {discovery}"));
        }
        if let Some(http) = &self.http {
            log.tell(
                HTTP_DOOR,
                format_args!("to be seen at http://{}", http.address()),
            );
        }
        if let Some(error) = &self.http_failure {
            log.tell(
                HTTP_FAILED,
                format_args!("not to be seen over HTTP: {error}"),
            );
        }
        log.tell(READY, "ready");
    }
}
