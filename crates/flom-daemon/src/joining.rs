//! Being the only daemon of a multicast group.
//!
//! Nobody keeps a list of the daemons of a group, so whoever starts one because nobody answered has
//! to make sure that nobody else is doing the same (`spec/discovery.md` §9).
//!
//! - On one host a name decides that only one can have: [`claim`].
//! - Between hosts, [`join`]: a daemon asks the group itself before it serves anybody. Until it has
//!   asked, it answers nobody; from then on it does. So of two that start at the same time, the one
//!   that asks first is the one that stays. If their questions cross, both hear an answer, and both
//!   ask again after another random pause; only who hears an answer every time gives way.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{self, UnixListener};
use std::time::{Duration, Instant};

use flom_discovery::query;
use flom_net::{Group, Sender, interfaces};
use flom_proto::{Message, decode};
use flom_types::limits::DATAGRAM_BYTES;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::discovery::Discovery;

/// How often an answer has to be heard before giving way. One comes at once, so this costs little,
/// and two hosts whose questions cross so often in a row are one case in 100,000.
const ROUNDS: u32 = 3;

/// The longest pause before asking, in ms.
const PAUSE_MS: u64 = 50;

/// How long to wait for an answer.
const PATIENCE: Duration = Duration::from_millis(150);

/// Takes the name that one daemon of a host, or of one of its network namespaces, has for a group.
/// The system frees it when the value is dropped, or with the process.
///
/// # Errors
///
/// [`io::ErrorKind::AddrInUse`] if another has it.
pub(crate) fn claim(group: &Group, interface: Option<&str>) -> io::Result<UnixListener> {
    let address = group.address();
    let (ip, port) = (address.ip(), address.port());
    let name = format!("flom/{ip}%{}/{port}", interface.unwrap_or("*"));
    UnixListener::bind_addr(&net::SocketAddr::from_abstract_name(name)?)
}

/// Makes sure that no other host has a daemon in `group`; `discovery` listens to it already. If one
/// has, the answer is where it is.
///
/// # Errors
///
/// As the system says; no answer is no error.
pub(crate) fn join(
    group: &Group,
    hops: u8,
    discovery: &mut Discovery,
) -> io::Result<Option<SocketAddr>> {
    let mut applicant = Applicant::new(group.sender(hops)?, discovery)?;
    let mut other = None;
    for _ in 0..ROUNDS {
        other = applicant.ask()?;
        if other.is_none() {
            break;
        }
    }
    Ok(other)
}

/// A daemon that is not one of the group yet.
struct Applicant<'a> {
    sender: Sender,
    port: u16,
    own: Vec<IpAddr>,
    discovery: &'a mut Discovery,
}

impl<'a> Applicant<'a> {
    fn new(sender: Sender, discovery: &'a mut Discovery) -> io::Result<Self> {
        let own = interfaces()?.into_iter().flat_map(|interface| {
            let ipv4 = interface.ipv4.into_iter().map(IpAddr::V4);
            ipv4.chain(interface.ipv6.into_iter().map(IpAddr::V6))
        });
        Ok(Self {
            port: sender.local_addr()?.port(),
            own: own.collect(),
            sender,
            discovery,
        })
    }

    /// One round: a pause without answering, then the question, then answering and listening.
    fn ask(&mut self) -> io::Result<Option<SocketAddr>> {
        std::thread::sleep(random_pause());
        self.discovery.knock();
        while self.discovery.is_ready() {
            self.discovery.serve(|_| true);
        }
        self.sender.send(query())?;
        let end = Instant::now() + PATIENCE;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            self.wait(left)?;
            self.discovery.knock();
            let (port, own) = (self.port, &self.own);
            self.discovery.serve(|from| is_own(from, port, own));
            if let Some(other) = self.answer()? {
                return Ok(Some(other));
            }
        }
        Ok(None)
    }

    /// An answer that has come in.
    fn answer(&self) -> io::Result<Option<SocketAddr>> {
        let mut buffer = [0; DATAGRAM_BYTES];
        while let Some((length, from)) = self.sender.receive(&mut buffer, Duration::ZERO)? {
            if let Ok(Message::Here(_)) = decode(&buffer[..length]) {
                return Ok(Some(from));
            }
        }
        Ok(None)
    }

    /// Returns when something has come in, or `limit` is over, or for no reason.
    fn wait(&self, limit: Duration) -> io::Result<()> {
        let limit = Timespec::try_from(limit).map_err(io::Error::other)?;
        let mut sockets = [
            PollFd::new(&*self.discovery, PollFlags::IN),
            PollFd::new(&self.sender, PollFlags::IN),
        ];
        match poll(&mut sockets, Some(&limit)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether a question that came from there is our own, if we ask from `port` and have the addresses
/// `own`. Where none of them goes with the group, as on a host with nothing but its loopback
/// interface, it comes from no address.
fn is_own(from: SocketAddr, port: u16, own: &[IpAddr]) -> bool {
    let ip = from.ip();
    from.port() == port && (ip.is_unspecified() || own.contains(&ip))
}

/// Random enough to tell two hosts apart: the standard library seeds its hashers so.
fn random_pause() -> Duration {
    let number = RandomState::new().build_hasher().finish();
    Duration::from_micros(number % (PAUSE_MS * 1000))
}
