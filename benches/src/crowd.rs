//! Any number of clients in one thread.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};

use crate::client::{Address, Client};
use crate::vocabulary::{Said, Vocabulary};

/// Clients, known by the order in which they have come, from 0.
pub struct Crowd {
    epoll: OwnedFd,
    events: Vec<Event>,
    clients: Vec<Option<Client>>,
    vocabulary: Vocabulary,
}

/// What a client has heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum News {
    /// An answer.
    Said(Said),
    /// The server has closed the connection; so has the client now.
    Closed,
}

const EVENTS: usize = 1024;

/// How long nothing may happen before a load is given up.
const STANDSTILL: Duration = Duration::from_secs(30);

impl Crowd {
    /// Nobody yet.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            events: Vec::with_capacity(EVENTS),
            clients: Vec::new(),
            vocabulary: Vocabulary::default(),
        })
    }

    /// Room for `size` clients, none of which is connected yet.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn of(size: usize) -> io::Result<Self> {
        let mut crowd = Self::new()?;
        crowd.clients.resize_with(size, || None);
        Ok(crowd)
    }

    /// One more client; its number.
    ///
    /// # Errors
    ///
    /// It cannot connect.
    pub fn connect(&mut self, to: &Address) -> io::Result<usize> {
        self.clients.push(None);
        let number = self.clients.len() - 1;
        self.reconnect(number, to)?;
        Ok(number)
    }

    /// A connection in a place where there is none, or one that has ended.
    ///
    /// # Errors
    ///
    /// It cannot connect.
    pub fn reconnect(&mut self, number: usize, to: &Address) -> io::Result<()> {
        let client = Client::connect(to)?;
        let data = EventData::new_u64(number as u64);
        epoll::add(&self.epoll, &client, data, EventFlags::IN)?;
        self.clients[number] = Some(client);
        Ok(())
    }

    /// How many have come, those who have left included.
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// Whether nobody has come.
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// Client `number` says `bytes`.
    ///
    /// # Errors
    ///
    /// It has gone, or the server has.
    pub fn say(&self, number: usize, bytes: &[u8]) -> io::Result<()> {
        self.client(number)?.say(bytes)
    }

    /// Client `number` says no more.
    ///
    /// # Errors
    ///
    /// It has gone, or the server has.
    pub fn half_close(&self, number: usize) -> io::Result<()> {
        self.client(number)?.half_close()
    }

    /// Client `number` goes without a word.
    pub fn drop_client(&mut self, number: usize) {
        self.clients[number] = None;
    }

    /// Waits until somebody hears something, and puts all that is heard into `news`.
    ///
    /// # Errors
    ///
    /// Nobody hears anything for half a minute.
    pub fn listen(&mut self, news: &mut Vec<(usize, News)>) -> io::Result<()> {
        match self.listen_until(Instant::now() + STANDSTILL, news)? {
            true => Ok(()),
            false => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "nobody hears anything any more",
            )),
        }
    }

    /// Waits until somebody hears something, at most until `end`; `false` if nobody has.
    ///
    /// # Errors
    ///
    /// As the system says, or an answer is none.
    pub fn listen_until(
        &mut self,
        end: Instant,
        news: &mut Vec<(usize, News)>,
    ) -> io::Result<bool> {
        news.clear();
        let left = end.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(io::Error::other)?;
        self.events.clear();
        let events = rustix::buffer::spare_capacity(&mut self.events);
        epoll::wait(&self.epoll, events, Some(&left))?;
        for event in self.events.drain(..) {
            let number = usize::try_from(event.data.u64()).expect("numbers come from usize");
            let Some(client) = &mut self.clients[number] else {
                continue;
            };
            let open = client.receive();
            while let Some(said) = client.next_said(&mut self.vocabulary)? {
                news.push((number, News::Said(said)));
            }
            if !open {
                self.clients[number] = None;
                news.push((number, News::Closed));
            }
        }
        Ok(!news.is_empty())
    }

    fn client(&self, number: usize) -> io::Result<&Client> {
        self.clients[number]
            .as_ref()
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl fmt::Debug for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crowd")
            .field("clients", &self.clients)
            .finish_non_exhaustive()
    }
}
