//! The least that a server can do: one thread that finds where messages end and answers with the
//! same bytes each time. It knows no names, no modes and no mistakes.
//!
//! What flomd needs more than this is what locks cost; what it needs less is noise.

use std::collections::VecDeque;
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::str::FromStr;

use flom_proto::{Answer, AnswerStep, Message, Session, encode};
use flom_types::Outcome;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::sockopt::set_tcp_nodelay;
use rustix::net::{RecvFlags, SendFlags, SocketFlags, accept_with, recv, send};

use crate::client::Address;

/// Whom a lock request is granted to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rule {
    /// Everybody, at once.
    Echo,
    /// One after the other, in the order in which they asked.
    Turns,
    /// One; when that one unlocks, all who wait at once.
    Crowd,
}

impl FromStr for Rule {
    type Err = io::Error;

    fn from_str(word: &str) -> Result<Self, io::Error> {
        match word {
            "echo" => Ok(Self::Echo),
            "turns" => Ok(Self::Turns),
            "crowd" => Ok(Self::Crowd),
            _ => Err(io::Error::other(format!("there is no rule {word}"))),
        }
    }
}

/// What all messages have in common up to the digit that says whether it is a lock or an unlock.
const HEAD: &[u8] = br#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb=""#;
const END: &[u8] = b"</msg>";

/// Token of the socket that clients connect to.
const DOOR: u64 = u64::MAX;

const EVENTS: usize = 1024;
const READ_BYTES: usize = 64 * 1024;
const BACKLOG: i32 = 4096;

/// Serves clients at `address` by `rule`, for ever.
///
/// # Errors
///
/// It cannot listen there, or the system does not tell about its sockets any more.
pub fn serve(rule: Rule, address: &Address, ready: impl FnOnce()) -> io::Result<()> {
    let door = listen(address)?;
    let mut floor = Floor::new(rule, matches!(address, Address::Tcp(_)))?;
    floor.watch(&door, DOOR)?;
    ready();
    let mut events: Vec<Event> = Vec::with_capacity(EVENTS);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        events.clear();
        epoll::wait(
            &floor.epoll,
            rustix::buffer::spare_capacity(&mut events),
            None,
        )?;
        for event in &events {
            match event.data.u64() {
                DOOR => floor.accept(&door)?,
                slot => floor.read(slot, &mut buffer),
            }
        }
    }
}

fn listen(address: &Address) -> io::Result<OwnedFd> {
    let door = match address {
        Address::Unix(path) => OwnedFd::from(UnixListener::bind(path)?),
        Address::Tcp(address) => OwnedFd::from(TcpListener::bind(address)?),
    };
    // std listens with a backlog of 128; the last word counts.
    rustix::net::listen(&door, BACKLOG)?;
    rustix::io::ioctl_fionbio(&door, true)?;
    Ok(door)
}

struct Floor {
    rule: Rule,
    is_tcp: bool,
    epoll: OwnedFd,
    clients: Vec<Option<Client>>,
    free: Vec<u64>,
    holder: Option<u64>,
    /// Those who have gone are passed over when their turn comes.
    waiting: VecDeque<(u64, u64)>,
    asked: u64,
    answers: Answers,
}

struct Client {
    socket: OwnedFd,
    inbox: Vec<u8>,
    /// Number of its request, if it waits.
    waits: Option<u64>,
}

struct Answers {
    granted: Vec<u8>,
    queued: Vec<u8>,
    granted_later: Vec<u8>,
}

impl Floor {
    fn new(rule: Rule, is_tcp: bool) -> io::Result<Self> {
        Ok(Self {
            rule,
            is_tcp,
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            clients: Vec::new(),
            free: Vec::new(),
            holder: None,
            waiting: VecDeque::new(),
            asked: 0,
            answers: Answers {
                granted: answer(AnswerStep::First, Outcome::Granted),
                queued: answer(AnswerStep::First, Outcome::Queued),
                granted_later: answer(AnswerStep::Later, Outcome::Granted),
            },
        })
    }

    fn watch(&self, socket: impl AsFd, token: u64) -> io::Result<()> {
        let data = EventData::new_u64(token);
        Ok(epoll::add(&self.epoll, socket, data, EventFlags::IN)?)
    }

    fn accept(&mut self, door: &OwnedFd) -> io::Result<()> {
        loop {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let socket = match accept_with(door, flags) {
                Ok(socket) => socket,
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            if self.is_tcp {
                set_tcp_nodelay(&socket, true)?;
            }
            let slot = self.free.pop().unwrap_or(self.clients.len() as u64);
            self.watch(&socket, slot)?;
            let client = Some(Client {
                socket,
                inbox: Vec::new(),
                waits: None,
            });
            match self.clients.get_mut(slot as usize) {
                Some(place) => *place = client,
                None => self.clients.push(client),
            }
        }
    }

    fn read(&mut self, slot: u64, buffer: &mut [u8]) {
        let Some(client) = &mut self.clients[slot as usize] else {
            return;
        };
        let bytes = match recv(&client.socket, &mut *buffer, RecvFlags::empty()) {
            Err(Errno::AGAIN) => return,
            Ok((bytes, _)) => bytes,
            Err(_) => 0,
        };
        if bytes == 0 {
            self.clients[slot as usize] = None;
            self.free.push(slot);
            return self.unlock(slot);
        }
        let mut inbox = std::mem::take(&mut client.inbox);
        inbox.extend_from_slice(&buffer[..bytes]);
        let mut rest = &inbox[..];
        while let Some(end) = rest.windows(END.len()).position(|part| part == END) {
            match rest.get(HEAD.len()) {
                Some(b'1') => self.lock(slot),
                Some(b'2') => self.unlock(slot),
                _ => {}
            }
            rest = &rest[end + END.len()..];
        }
        let taken = inbox.len() - rest.len();
        inbox.drain(..taken);
        if let Some(client) = &mut self.clients[slot as usize] {
            client.inbox = inbox;
        }
    }

    fn lock(&mut self, slot: u64) {
        if self.rule == Rule::Echo {
            return self.tell(slot, &self.answers.granted);
        }
        if self.holder.is_none() {
            self.holder = Some(slot);
            return self.tell(slot, &self.answers.granted);
        }
        self.asked += 1;
        self.waiting.push_back((slot, self.asked));
        if let Some(client) = &mut self.clients[slot as usize] {
            client.waits = Some(self.asked);
        }
        self.tell(slot, &self.answers.queued);
    }

    fn unlock(&mut self, slot: u64) {
        if self.holder != Some(slot) {
            return;
        }
        self.holder = None;
        while let Some((next, request)) = self.waiting.pop_front() {
            let Some(client) = &mut self.clients[next as usize] else {
                continue;
            };
            if client.waits.take_if(|waits| *waits == request).is_none() {
                continue;
            }
            self.tell(next, &self.answers.granted_later);
            if self.rule == Rule::Turns {
                self.holder = Some(next);
                return;
            }
        }
    }

    fn tell(&self, slot: u64, answer: &[u8]) {
        if let Some(client) = &self.clients[slot as usize] {
            // Who has gone will be seen to have gone.
            let _ = send(&client.socket, answer, SendFlags::NOSIGNAL);
        }
    }
}

fn answer(step: AnswerStep, outcome: Outcome) -> Vec<u8> {
    let session = (step == AnswerStep::First).then(|| Session {
        ties: None,
        peer_id: "00112233445566778899aabbccddeeff".to_owned(),
        ext: false,
        who: None,
    });
    let mut bytes = Vec::new();
    let answer = Answer {
        fence: None,
        previous: None,
        session,
        step,
        rc: outcome.number(),
        element: None,
    };
    encode(&Message::Answer(answer), &mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use flom_types::LockMode;

    use super::*;
    use crate::words;

    #[test]
    fn lock_and_unlock_are_told_apart_by_one_digit() {
        for (message, digit) in [
            (words::lock("db", LockMode::Exclusive), b'1'),
            (words::unlock("db"), b'2'),
        ] {
            assert!(message.starts_with(HEAD));
            assert_eq!(message[HEAD.len()], digit);
            assert!(message.ends_with(END));
        }
    }
}
