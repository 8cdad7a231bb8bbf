//! Showing what the daemon keeps over HTTP: to Prometheus, to programs, to people with a browser.
//!
//! ```text
//!   listener ─► visitor ── request.rs ──► page │ figures │ status, of which a slice a turn is made
//!                  ▲                                        │
//!                  └──────────── response.rs ◄──────────────┘
//! ```
//!
//! It is done in the turns of the daemon, but never holds them up: there are few visitors, each has
//! little time, and in one turn little is read, made and sent. Nobody can do anything here but look.
//! The sockets are watched by a poll of their own, which is one socket of the daemon's.

use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::{io, mem};

use flom_core::LockManager;
use flom_net::listen_tcp;
use flom_status::{Document, Format};
use flom_types::{Now, Time, target};
use log::debug;
use mio::net::TcpListener;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};

use crate::access::{Access, Right};
use crate::clock::Clock;
use crate::conns::Conns;
use crate::observers::Observers;
use crate::start::BACKLOG;

mod request;
mod response;
mod visitor;

use request::{Request, Wanted};
use response::{Response, Status};
use visitor::{Visitor, Went};

/// Visitors at the same time. More than browsers and collectors need, few enough to be looked
/// through in each turn.
const VISITORS: usize = 64;

/// Visitors let in in one turn.
const NEWCOMERS: usize = 16;

/// Bytes of status that are made in one turn.
const SLICE_BYTES: usize = 32 * 1024;

/// Bytes sent to one visitor, and to all of them, in one turn.
const SEND_BYTES: usize = 64 * 1024;
const SEND_ALL_BYTES: usize = 256 * 1024;

/// How old a status may be that is sent again, in ms.
const GOOD_ENOUGH_MS: u64 = 500;

/// Texts of different age that visitors may still be reading before the latest must do for all.
const TEXTS: usize = 4;

/// How long to wait for descriptors, in ms.
const RETRY_MS: u64 = 100;

const LISTENER: Token = Token(VISITORS);

/// What a look at the daemon needs.
pub(crate) struct House<'a> {
    pub(crate) clock: &'a Clock,
    pub(crate) manager: &'a LockManager,
    pub(crate) conns: &'a mut Conns,
    pub(crate) observers: &'a mut Observers,
    pub(crate) access: &'a Access,
}

/// Whoever looks over HTTP.
#[derive(Debug)]
pub(crate) struct Http {
    listener: TcpListener,
    address: SocketAddr,
    poll: Poll,
    events: Events,
    /// The poll may have something to say.
    knocked: bool,
    /// When to accept again; at once, if somebody may be there.
    accept_at: Option<Time>,
    visitors: Vec<Option<Visitor>>,
    page: Arc<[u8]>,
    /// The latest status, and when it was taken.
    status: Option<(Time, Arc<[u8]>)>,
    /// Those that are still being read.
    texts: Vec<Arc<[u8]>>,
    making: Option<Making>,
    /// When there will be another view for those who wait.
    view_at: Option<Time>,
    /// Something was left for the next turn.
    unfinished: bool,
}

/// A status that is being made.
#[derive(Debug)]
struct Making {
    since: Time,
    document: Document,
    text: String,
}

impl Http {
    /// Listens at `address`, and has the system tell under `token` when there is something to do.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub(crate) fn open(address: SocketAddr, token: Token, registry: &Registry) -> io::Result<Self> {
        let listener = listen_tcp(&[address], BACKLOG)?;
        listener.set_nonblocking(true)?;
        let mut listener = TcpListener::from_std(listener);
        let poll = Poll::new()?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        registry.register(&mut SourceFd(&poll.as_raw_fd()), token, Interest::READABLE)?;
        Ok(Self {
            address: listener.local_addr()?,
            listener,
            poll,
            events: Events::with_capacity(2 * VISITORS),
            knocked: false,
            accept_at: None,
            visitors: (0..VISITORS).map(|_| None).collect(),
            page: response::page(),
            status: None,
            texts: Vec::new(),
            making: None,
            view_at: None,
            unfinished: false,
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// There is something to do.
    pub(crate) fn knock(&mut self) {
        self.knocked = true;
    }

    /// When to [`serve`](Self::serve) next, if nothing else happens.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        if self.knocked || self.unfinished || self.making.is_some() {
            return Some(Time::default());
        }
        let accept_at = self.accept_at.filter(|_| self.place().is_some());
        let visitors = self.visitors.iter().flatten().map(Visitor::until);
        visitors.chain(accept_at).chain(self.view_at).min()
    }

    /// Does what is due: nothing that takes long.
    pub(crate) fn serve(&mut self, now: Now, house: &mut House<'_>) {
        if self.next_deadline().is_none_or(|due| due > now.time) {
            return;
        }
        self.unfinished = false;
        self.sort();
        self.accept(now.time);
        self.read(now, house);
        self.make(now, house);
        self.send(now.time);
        self.expire(now, house);
    }

    fn sort(&mut self) {
        if !mem::take(&mut self.knocked) {
            return;
        }
        let timeout = Some(std::time::Duration::ZERO);
        if self.poll.poll(&mut self.events, timeout).is_err() {
            self.knocked = true; // a signal came in between
        }
        for event in &self.events {
            if event.token() == LISTENER {
                self.accept_at = Some(Time::default());
            } else if let Some(visitor) = &mut self.visitors[event.token().0] {
                visitor.readable |= event.is_readable() || event.is_read_closed();
                visitor.writable |= event.is_writable();
            }
        }
    }

    /// A place for a newcomer: a free one, or that of whoever has been idle for longest. So a crowd
    /// that never asks for anything keeps nobody out who does.
    fn place(&self) -> Option<usize> {
        let free = self.visitors.iter().position(Option::is_none);
        free.or_else(|| {
            let idle = self
                .visitors
                .iter()
                .enumerate()
                .filter_map(|(at, visitor)| {
                    let since = visitor.as_ref()?.idle_since()?;
                    Some((since, at))
                });
            idle.min().map(|(_, at)| at)
        })
    }

    fn accept(&mut self, now: Time) {
        if self.accept_at.is_none_or(|at| at > now) {
            return;
        }
        for _ in 0..NEWCOMERS {
            let Some(place) = self.place() else {
                return; // everybody is being answered
            };
            match self.listener.accept() {
                Ok((socket, _)) => self.admit(now, place, socket),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.accept_at = None;
                    return;
                }
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(_) => {
                    self.accept_at = Some(now.after_ms(RETRY_MS));
                    return;
                }
            }
        }
        self.accept_at = Some(Time::default());
    }

    fn admit(&mut self, now: Time, place: usize, socket: mio::net::TcpStream) {
        self.visitors[place] = None; // whoever was there gives way
        let mut visitor = Visitor::new(now, socket);
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registry = self.poll.registry();
        let watched = registry.register(visitor.socket(), Token(place), interest);
        self.visitors[place] = watched.is_ok().then_some(visitor);
    }

    fn read(&mut self, now: Now, house: &mut House<'_>) {
        let local_only = self.address.ip().is_loopback();
        for place in 0..VISITORS {
            let Some(visitor) = &mut self.visitors[place] else {
                continue;
            };
            if !visitor.is_heard() {
                continue;
            }
            match visitor.receive(local_only) {
                Went::On => {}
                Went::Away => self.visitors[place] = None,
                Went::Asked(asked) => self.answer(now, place, asked, house),
            }
        }
    }

    fn answer(
        &mut self,
        now: Now,
        place: usize,
        asked: Result<Request, Status>,
        house: &mut House<'_>,
    ) {
        let Some(visitor) = &mut self.visitors[place] else {
            return;
        };
        let asked = asked.and_then(|request| {
            // Nobody can prove over HTTP who they are.
            match house.access.is_limited(Right::Observe) {
                true => Err(Status::Forbidden),
                false => Ok(request),
            }
        });
        match asked {
            Ok(request) if request.wanted == Wanted::Page => {
                let response = Response::of(Wanted::Page, Arc::clone(&self.page), now.wall_us);
                tell(visitor, house, response, request.head_only);
            }
            Ok(request) => {
                visitor.wait(request);
                self.view_at = Some(Time::default());
            }
            Err(status) => {
                tell(
                    visitor,
                    house,
                    Response::refusal(status, now.wall_us),
                    false,
                );
            }
        }
    }

    /// Makes what is waited for, or a slice of it.
    fn make(&mut self, now: Now, house: &mut House<'_>) {
        if self.view_at.is_some_and(|at| at <= now.time) {
            self.view_at = None;
            if self.waits(Wanted::Metrics) {
                self.make_figures(now, house);
            }
            if self.waits(Wanted::Status) && self.making.is_none() {
                self.begin_status(now, house);
            }
        }
        if let Some(making) = &mut self.making {
            let enough = making.text.len() + SLICE_BYTES;
            if !making.document.write(&mut making.text, enough) {
                let (since, text) = (making.since, mem::take(&mut making.text));
                self.making = None;
                let body: Arc<[u8]> = text.into_bytes().into();
                self.status = Some((since, Arc::clone(&body)));
                self.forget_texts();
                self.texts.push(Arc::clone(&body));
                self.hand_out(now, Wanted::Status, &body, house);
            }
        }
    }

    fn make_figures(&mut self, now: Now, house: &mut House<'_>) {
        let view = house
            .observers
            .view(now, house.clock, house.manager, house.conns);
        match view {
            Err(at) => self.view_at = Some(at),
            Ok(view) => {
                let process = house.conns.process();
                let text = house.conns.metrics().write(&view, process);
                self.hand_out(now, Wanted::Metrics, &text.into_bytes().into(), house);
            }
        }
    }

    fn begin_status(&mut self, now: Now, house: &mut House<'_>) {
        self.forget_texts();
        if let Some((taken, body)) = &self.status
            && (now.time < taken.after_ms(GOOD_ENOUGH_MS) || self.texts.len() > TEXTS)
        {
            let body = Arc::clone(body);
            return self.hand_out(now, Wanted::Status, &body, house);
        }
        let view = house
            .observers
            .view(now, house.clock, house.manager, house.conns);
        match view {
            Err(at) => self.view_at = Some(self.view_at.map_or(at, |other| other.min(at))),
            Ok(view) => {
                self.making = Some(Making {
                    since: now.time,
                    document: Document::new(view, Format::Json, None),
                    text: String::new(),
                });
            }
        }
    }

    /// Those that nobody reads any more.
    fn forget_texts(&mut self) {
        self.texts.retain(|text| Arc::strong_count(text) > 1);
    }

    fn waits(&self, wanted: Wanted) -> bool {
        let mut requests = self
            .visitors
            .iter()
            .flatten()
            .filter_map(Visitor::waits_for);
        requests.any(|request| request.wanted == wanted)
    }

    /// Answers everybody who waits for it.
    fn hand_out(&mut self, now: Now, wanted: Wanted, body: &Arc<[u8]>, house: &mut House<'_>) {
        for visitor in self.visitors.iter_mut().flatten() {
            if let Some(request) = visitor.waits_for()
                && request.wanted == wanted
            {
                let response = Response::of(wanted, Arc::clone(body), now.wall_us);
                tell(visitor, house, response, request.head_only);
            }
        }
    }

    fn send(&mut self, now: Time) {
        let mut share = SEND_ALL_BYTES;
        for place in 0..VISITORS {
            // Twice: a head is sent on its own.
            for _ in 0..2 {
                let Some(visitor) = self.visitors[place].as_mut().filter(|v| v.is_due()) else {
                    break;
                };
                match visitor.send(now, SEND_BYTES.min(share)) {
                    Ok(sent) => share -= sent,
                    Err(_) => self.visitors[place] = None,
                }
            }
        }
        // Who comes last in one turn does not in the next: those before are done by then.
        let is_due = |visitor: &Visitor| visitor.is_due() || visitor.is_heard();
        self.unfinished |= self.visitors.iter().flatten().any(is_due);
    }

    fn expire(&mut self, now: Now, house: &mut House<'_>) {
        for place in &mut self.visitors {
            if let Some(visitor) = place
                && visitor.until() <= now.time
            {
                if visitor.is_asking() {
                    let response = Response::refusal(Status::TimedOut, now.wall_us);
                    tell(visitor, house, response, false);
                    // It is told if it listens, and is not waited for.
                    let _ = visitor.send(now.time, SEND_BYTES);
                    let _ = visitor.send(now.time, SEND_BYTES);
                }
                *place = None;
            }
        }
    }
}

fn tell(visitor: &mut Visitor, house: &mut House<'_>, response: Response, head_only: bool) {
    let status = response.status.number();
    debug!(target: target::CONN, "answers {status} over HTTP");
    house.conns.metrics().answered_http(status);
    visitor.hear(response, head_only);
}

#[cfg(test)]
mod tests;
