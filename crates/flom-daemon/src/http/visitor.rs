//! One connection over HTTP: a request, an answer, the end.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;

use flom_types::Time;
use mio::net::TcpStream;

use super::request::{REQUEST_BYTES, Request, read};
use super::response::{Response, Status};

/// How long a request may take to arrive, in ms.
const ASK_MS: u64 = 5_000;

/// How long a connection may last, in ms.
const STAY_MS: u64 = 30_000;

/// How long a peer that has been told everything may take to close its side, in ms. Closing ours
/// while there are bytes of it to be read could destroy the answer on its way.
const LINGER_MS: u64 = 1_000;

/// Bytes that are read and thrown away in one turn.
const SHARE_BYTES: usize = 16 * 1024;

/// Somebody who looks over HTTP.
#[derive(Debug)]
pub(crate) struct Visitor {
    socket: TcpStream,
    /// When the connection ends, whatever happens.
    until: Time,
    since: Time,
    state: State,
    /// The system may have something to be read, and room for something to be sent.
    pub(crate) readable: bool,
    pub(crate) writable: bool,
}

#[derive(Debug)]
enum State {
    /// What has come of the request.
    Asking(Vec<u8>),
    /// The answer is not ready.
    Waiting(Request),
    /// The answer, as far as it is not sent.
    Hearing {
        response: Response,
        head_only: bool,
        sent: usize,
    },
    /// All is said.
    Leaving,
}

/// What has become of a visitor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Went {
    /// Nothing more to be done now.
    On,
    /// A request has come, or what is to be refused with this.
    Asked(Result<Request, Status>),
    /// It has gone.
    Away,
}

impl Visitor {
    pub(crate) fn new(now: Time, socket: TcpStream) -> Self {
        Self {
            socket,
            until: now.after_ms(ASK_MS),
            since: now,
            state: State::Asking(Vec::new()),
            readable: true,
            writable: true,
        }
    }

    pub(crate) fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    /// What it waits for.
    pub(crate) fn waits_for(&self) -> Option<Request> {
        match self.state {
            State::Waiting(request) => Some(request),
            _ => None,
        }
    }

    /// Whether it may have to give way to others, and since when it is here: it has not even asked,
    /// or has heard everything.
    pub(crate) fn idle_since(&self) -> Option<Time> {
        let is_idle = matches!(self.state, State::Asking(_) | State::Leaving);
        is_idle.then_some(self.since)
    }

    /// When the connection ends, whatever happens.
    pub(crate) fn until(&self) -> Time {
        self.until
    }

    /// Whether it has taken too long to ask.
    pub(crate) fn is_asking(&self) -> bool {
        matches!(self.state, State::Asking(_))
    }

    /// Whether there is something to be read from it. While it waits for its answer it is not
    /// listened to.
    pub(crate) fn is_heard(&self) -> bool {
        self.readable && matches!(self.state, State::Asking(_) | State::Leaving)
    }

    /// Whether there is something that it could be sent now.
    pub(crate) fn is_due(&self) -> bool {
        self.writable && matches!(self.state, State::Hearing { .. })
    }

    /// Reads what is there, as far as a turn goes.
    pub(crate) fn receive(&mut self, local_only: bool) -> Went {
        let mut scrap = [0; SHARE_BYTES];
        match &mut self.state {
            State::Asking(bytes) => {
                let room = &mut scrap[..REQUEST_BYTES - bytes.len()];
                match self.socket.read(room) {
                    Ok(0) => Went::Away,
                    Ok(count) => {
                        bytes.extend_from_slice(&room[..count]);
                        match read(bytes, local_only) {
                            Ok(None) => Went::On,
                            Ok(Some(request)) => Went::Asked(Ok(request)),
                            Err(status) => Went::Asked(Err(status)),
                        }
                    }
                    Err(error) => self.not_read(&error),
                }
            }
            // What came behind the request is none of ours, but must not stay in the system.
            _ => match self.socket.read(&mut scrap) {
                Ok(0) => Went::Away,
                Ok(_) => Went::On,
                Err(error) => self.not_read(&error),
            },
        }
    }

    fn not_read(&mut self, error: &io::Error) -> Went {
        match error.kind() {
            ErrorKind::WouldBlock => {
                self.readable = false;
                Went::On
            }
            ErrorKind::Interrupted => Went::On,
            _ => Went::Away,
        }
    }

    /// It is told later.
    pub(crate) fn wait(&mut self, request: Request) {
        self.until = self.since.after_ms(STAY_MS);
        self.state = State::Waiting(request);
    }

    /// It is told this, from now on.
    pub(crate) fn hear(&mut self, response: Response, head_only: bool) {
        self.until = self.since.after_ms(STAY_MS);
        self.state = State::Hearing {
            response,
            head_only,
            sent: 0,
        };
    }

    /// Sends at most so many bytes, once; how many, or that it has gone.
    pub(crate) fn send(&mut self, now: Time, share: usize) -> Result<usize, Went> {
        let State::Hearing {
            response,
            head_only,
            sent,
        } = &mut self.state
        else {
            return Ok(0);
        };
        let head = response.head.as_bytes();
        let body: &[u8] = if *head_only { &[] } else { &response.body };
        let rest = match head.get(*sent..) {
            Some(rest) if !rest.is_empty() => rest,
            _ => &body[*sent - head.len()..],
        };
        let rest = &rest[..rest.len().min(share)];
        let count = match self.socket.write(rest) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.writable = false;
                return Ok(0);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(0),
            Err(_) => return Err(Went::Away),
        };
        *sent += count;
        if *sent == head.len() + body.len() {
            self.leave(now);
        }
        Ok(count)
    }

    /// All is said: what has been sent arrives before the end does.
    fn leave(&mut self, now: Time) {
        self.state = State::Leaving;
        self.until = self.until.min(now.after_ms(LINGER_MS));
        // If that fails the peer has gone, which shows at the next look.
        let _ = self.socket.shutdown(Shutdown::Write);
        self.readable = true;
    }
}
