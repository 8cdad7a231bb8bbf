//! Asking a group where its daemon is: the rules are flom-discovery's, the sockets flom-net's.

use std::time::{Duration, Instant};

use flom_discovery::{Found, Seeker, SeekerStep, query};
use flom_net::{Group, Sender};
use flom_settings::Settings;
use flom_types::Time;
use flom_types::limits::DATAGRAM_BYTES;

use crate::connect::{interface, look_up};
use crate::error::ConnectError;
use crate::in_time::{is_over, left};
use crate::locate::Endpoint;
use crate::notice::Notice;
use crate::trace;

/// Asks the group `address`; `None` if nobody has answered after all attempts, or `until` then.
pub(crate) fn discover(
    settings: &Settings,
    address: &str,
    port: u16,
    until: Option<Instant>,
    tell: &mut dyn FnMut(Notice<'_>),
) -> Result<Option<Found>, ConnectError> {
    let endpoint = Endpoint::Group {
        address: address.to_string(),
        port,
    };
    let network = &settings.network;
    let (given, interface) = (address.to_string(), interface(settings)?);
    let group = look_up(&endpoint, address, until, move || {
        Group::resolve(&given, port, interface.as_ref())
    })?;
    match group.sender(network.discovery_ttl) {
        Ok(sender) => Asking {
            sender,
            group: address,
            port,
            until,
            tell,
            heard: Vec::new(),
            began: Instant::now(),
        }
        .run(Seeker::new(
            network.discovery_attempts,
            network.discovery_timeout_ms,
        )),
        Err(source) => Err(ConnectError::Group { endpoint, source }),
    }
}

/// One search.
struct Asking<'a> {
    sender: Sender,
    group: &'a str,
    port: u16,
    until: Option<Instant>,
    tell: &'a mut dyn FnMut(Notice<'_>),
    /// The last datagram that came.
    heard: Vec<u8>,
    began: Instant,
}

impl Asking<'_> {
    fn run(mut self, mut seeker: Seeker) -> Result<Option<Found>, ConnectError> {
        let mut asked = false;
        loop {
            match seeker.next(self.now()) {
                SeekerStep::Send => {
                    if asked {
                        self.tell_silence();
                    }
                    asked = true;
                    self.ask()?;
                }
                SeekerStep::WaitUntil(time) => {
                    self.listen(&mut seeker, time)?;
                    if is_over(self.until) {
                        self.tell_silence();
                        return Ok(None);
                    }
                }
                SeekerStep::Found(found) => {
                    self.tell_reply();
                    return Ok(Some(found));
                }
                SeekerStep::GiveUp => {
                    self.tell_silence();
                    return Ok(None);
                }
            }
        }
    }

    fn ask(&mut self) -> Result<(), ConnectError> {
        (self.tell)(Notice::Query {
            group: self.group,
            port: self.port,
            datagram: query(),
        });
        trace::datagram("to", format_args!("{}/{}", self.group, self.port), query());
        match self.sender.send(query()) {
            Ok(_) => Ok(()),
            Err(source) => Err(ConnectError::Query {
                endpoint: self.endpoint(),
                source,
            }),
        }
    }

    /// Waits until `time` for a datagram.
    fn listen(&mut self, seeker: &mut Seeker, time: Time) -> Result<(), ConnectError> {
        let mut buffer = [0; DATAGRAM_BYTES];
        let limit = left(self.until, time.since(self.now())).max(Duration::from_millis(1));
        match self.sender.receive(&mut buffer, limit) {
            Ok(Some((bytes, from))) => {
                self.heard = buffer[..bytes].to_vec();
                trace::datagram("from", from, &self.heard);
                seeker.heard(from, &self.heard);
                Ok(())
            }
            Ok(None) => Ok(()),
            // As ever with datagrams: something that was sent could not be delivered, for which
            // others may still answer. The time limit stands.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => Ok(()),
            Err(source) => Err(ConnectError::Group {
                endpoint: self.endpoint(),
                source,
            }),
        }
    }

    fn tell_silence(&mut self) {
        (self.tell)(Notice::NoReply {
            group: self.group,
            port: self.port,
        });
    }

    fn tell_reply(&mut self) {
        (self.tell)(Notice::Reply {
            group: self.group,
            port: self.port,
            datagram: &self.heard,
        });
    }

    fn now(&self) -> Time {
        Time(0) + self.began.elapsed()
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::Group {
            address: self.group.to_string(),
            port: self.port,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::thread;

    use super::*;

    const REPLY: &str = "<msg level=\"3\" verb=\"4\" step=\"16\">\
                         <network address=\"\" port=\"7\"/></msg>";

    /// A search for whoever answers at `socket`, and the lines that `flom -V` would print.
    fn search(socket: &UdpSocket, timeout_ms: u32) -> (Option<Found>, Vec<String>) {
        let mut settings = Settings::default();
        settings.network.discovery_timeout_ms = timeout_ms;
        let mut lines = Vec::new();
        let found = discover(
            &settings,
            "127.0.0.1",
            socket.local_addr().unwrap().port(),
            None,
            &mut |notice| lines.push(notice.to_string()),
        );
        (found.unwrap(), lines)
    }

    fn kinds(lines: &[String]) -> Vec<&str> {
        let word = |line: &'_ String| line.split(' ').next().map(str::len);
        lines
            .iter()
            .map(|line| &line[..word(line).unwrap_or(0)])
            .collect()
    }

    #[test]
    fn the_first_usable_reply_is_taken_and_told() {
        let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
        let socket = daemon.try_clone().unwrap();
        let answering = thread::spawn(move || {
            let mut buffer = [0; 100];
            let (bytes, from) = socket.recv_from(&mut buffer).unwrap();
            assert_eq!(&buffer[..bytes], query());
            for datagram in ["nonsense", "", REPLY, "too late"] {
                socket.send_to(datagram.as_bytes(), from).unwrap();
            }
        });
        let (found, lines) = search(&daemon, 60_000);
        assert_eq!(found, Some(Found::At("127.0.0.1:7".parse().unwrap())));
        assert_eq!(kinds(&lines), ["sending", "reply"]);
        assert!(lines[1].ends_with(&format!("is '{REPLY}'")), "{lines:?}");
        answering.join().unwrap();
    }

    #[test]
    fn silence_is_told_after_each_attempt() {
        let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (found, lines) = search(&daemon, 10);
        assert_eq!(found, None);
        assert_eq!(kinds(&lines), ["sending", "no", "sending", "no"]);
    }
}
