//! Asking a group: one datagram out on every interface, the answers back.

use std::io::{self, IoSlice};
use std::net::{Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrIn, SockaddrIn6, SockaddrLike, sendmsg};

use crate::interface::Interface;
use crate::multicast::Group;

/// A socket that asks a [`Group`] and hears the answers, which come to it alone. It never blocks
/// but in [`Sender::receive`].
#[derive(Debug)]
pub struct Sender {
    socket: UdpSocket,
    group: Group,
}

impl Sender {
    pub(crate) fn new(socket: UdpSocket, group: Group) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { socket, group })
    }

    /// Sends `datagram` to the group on each of its interfaces; the number of those that took it.
    ///
    /// # Errors
    ///
    /// As the system says, with the interface in the text, if none took it.
    pub fn send(&self, datagram: &[u8]) -> io::Result<usize> {
        let address = self.group.address();
        if !address.ip().is_multicast() {
            return self.send_to(datagram, address);
        }
        let sent = self
            .group
            .on_each("send to", |interface| self.send_on(datagram, interface));
        let local = self
            .group
            .interfaces()
            .iter()
            .any(|interface| interface.loopback);
        if sent.is_err() && address.is_ipv6() && local {
            // Linux carries no IPv6 multicast on the loopback interface. Who listens to the group
            // on this host also hears what is sent to its port alone.
            let here = SocketAddr::from((Ipv6Addr::LOCALHOST, address.port()));
            return self.send_to(datagram, here).or(sent);
        }
        sent
    }

    /// Waits at most `limit` for a datagram from anybody: its length and its source, with the scope
    /// id. What does not fit into `buffer` is lost. `None` if there was none in time.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn receive(
        &self,
        buffer: &mut [u8],
        limit: Duration,
    ) -> io::Result<Option<(usize, SocketAddr)>> {
        let started = Instant::now();
        loop {
            let left = limit.saturating_sub(started.elapsed());
            self.wait(left)?;
            match self.socket.recv_from(buffer) {
                Ok(received) => return Ok(Some(received)),
                // A signal, or a datagram that turned out to be damaged, is not what we wait for.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            if left.is_zero() {
                return Ok(None);
            }
        }
    }

    /// The wildcard address and the port that answers come to.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Returns once a datagram is there, or `limit` is over, or for no reason.
    fn wait(&self, limit: Duration) -> io::Result<()> {
        // Rounded up: what is left of the last millisecond is no reason to spin.
        let limit_ms = limit.as_nanos().div_ceil(1_000_000);
        let timeout = PollTimeout::try_from(limit_ms).unwrap_or(PollTimeout::MAX);
        match poll(
            &mut [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)],
            timeout,
        ) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    fn send_to(&self, datagram: &[u8], address: SocketAddr) -> io::Result<usize> {
        match self.socket.send_to(datagram, address) {
            Ok(_) => Ok(1),
            Err(error) => {
                let text = format!("cannot send to {}: {error}", address.ip());
                Err(io::Error::new(error.kind(), text))
            }
        }
    }

    /// Names the interface for this one datagram, so no route to the group is needed. The source is
    /// the system's choice: which address is the best one depends on the scope of the group.
    fn send_on(&self, datagram: &[u8], interface: &Interface) -> io::Result<()> {
        match self.group.address() {
            SocketAddr::V4(group) => self.send_with(
                datagram,
                &SockaddrIn::from(group),
                ControlMessage::Ipv4PacketInfo(&in_pktinfo {
                    ipi_ifindex: i32::try_from(interface.index).map_err(io::Error::other)?,
                    ipi_spec_dst: in_addr { s_addr: 0 },
                    ipi_addr: in_addr { s_addr: 0 },
                }),
            ),
            SocketAddr::V6(group) => self.send_with(
                datagram,
                &SockaddrIn6::from(group),
                ControlMessage::Ipv6PacketInfo(&in6_pktinfo {
                    ipi6_addr: in6_addr { s6_addr: [0; 16] },
                    ipi6_ifindex: interface.index,
                }),
            ),
        }
    }

    fn send_with(
        &self,
        datagram: &[u8],
        address: &impl SockaddrLike,
        control: ControlMessage<'_>,
    ) -> io::Result<()> {
        let parts = [IoSlice::new(datagram)];
        let fd = self.socket.as_raw_fd();
        sendmsg(fd, &parts, &[control], MsgFlags::empty(), Some(address))?;
        Ok(())
    }
}

impl AsFd for Sender {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for Sender {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender() -> Sender {
        Group::resolve("ff02::77%lo", 1, None)
            .unwrap()
            .sender(1)
            .unwrap()
    }

    #[test]
    fn waiting_for_an_answer_ends_at_the_limit() {
        let sender = sender();
        for limit in [Duration::ZERO, Duration::from_micros(1500)] {
            let started = Instant::now();
            assert_eq!(sender.receive(&mut [0; 10], limit).unwrap(), None);
            assert!(started.elapsed() >= limit);
        }
    }

    #[test]
    fn an_answer_that_is_there_is_taken_even_without_waiting() {
        let sender = sender();
        let here = SocketAddr::from((Ipv6Addr::LOCALHOST, sender.local_addr().unwrap().port()));
        let daemon = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
        daemon.send_to(b"too long", here).unwrap();
        let mut buffer = [0; 3];
        let received = sender.receive(&mut buffer, Duration::MAX).unwrap();
        assert_eq!(received, Some((3, daemon.local_addr().unwrap())));
        assert_eq!(&buffer, b"too");
        daemon.send_to(b"x", here).unwrap();
        let received = sender.receive(&mut buffer, Duration::ZERO).unwrap();
        assert_eq!(received, Some((1, daemon.local_addr().unwrap())));
    }
}
