//! Asking a daemon to end (`spec/protocol.md` §10).

use std::io;
use std::time::{Duration, Instant};

use flom_proto::{Decoder, Message, Session, Shutdown, encode};
use flom_types::{Printable, target};
use log::debug;

use crate::client::Client;
use crate::error::ShutdownError;
use crate::line::{Heard, Line, READABLE};
use crate::locate::Purpose;
use crate::notice::Notice;
use crate::pending::SEND_LIMIT;
use crate::tls::TlsError;

/// How long to wait for the daemon to close the connection. One of FLoM 1.7.2 does not when it is
/// to end quietly, and needs the connection open until it has read the order.
const CLOSE_LIMIT: Duration = Duration::from_millis(1000);

/// How long to wait for a daemon that has said nothing to close after us.
const HANG_UP_LIMIT: Duration = Duration::from_millis(500);

pub(crate) fn shutdown(
    client: &Client,
    immediate: bool,
    tell: &mut dyn FnMut(Notice<'_>),
) -> Result<(), ShutdownError> {
    let line = client.line(Purpose::Shutdown, None, tell)?;
    debug!(target: target::SHUTDOWN, "tells {} to end, immediate={immediate}", line.peer());
    order(&line, immediate, CLOSE_LIMIT)
}

fn order(line: &Line, immediate: bool, limit: Duration) -> Result<(), ShutdownError> {
    if let Err(source) = line.send(&message(immediate), SEND_LIMIT) {
        let source = line.last_word().unwrap_or(source);
        let peer = line.peer().to_string();
        return Err(ShutdownError::Send { peer, source });
    }
    match reply(line, Instant::now() + limit) {
        Reply::Closed => Ok(()),
        Reply::None => {
            line.hang_up(HANG_UP_LIMIT);
            Ok(())
        }
        Reply::Failed(source) => {
            let peer = line.peer().to_string();
            Err(ShutdownError::Send { peer, source })
        }
        Reply::Refused(reason) => {
            let peer = line.peer().to_string();
            Err(ShutdownError::Refused { peer, reason })
        }
    }
}

fn message(immediate: bool) -> Vec<u8> {
    let session = Some(Session {
        ties: None,
        peer_id: flom_settings::peer_id(),
        ext: true, // we understand an answer
        who: None,
    });
    let mut bytes = Vec::new();
    encode(
        &Message::Shutdown(Shutdown { session, immediate }),
        &mut bytes,
    );
    bytes
}

/// What a daemon does about the order.
enum Reply {
    /// It closes the connection: it obeys.
    Closed,
    /// It does not, and says why.
    Refused(String),
    /// Nothing, so far.
    None,
    /// It could not even read it, for want of TLS.
    Failed(io::Error),
}

/// What the daemon does by then. What it says but for a refusal does not matter.
fn reply(line: &Line, until: Instant) -> Reply {
    let (mut buffer, mut decoder) = ([0; 1024], Decoder::new());
    loop {
        match line.hear(&mut buffer) {
            Heard::End(Some(error)) if TlsError::within(&error).is_some() => {
                return Reply::Failed(error);
            }
            Heard::End(_) => return Reply::Closed,
            Heard::Bytes(_) if Instant::now() >= until => return Reply::None,
            Heard::Bytes(length) => decoder.feed(&buffer[..length]),
            Heard::Nothing if matches!(line.wait(READABLE, until), Ok(true)) => {}
            Heard::Nothing => return Reply::None,
        }
        if let Some(reason) = refusal(&mut decoder) {
            return Reply::Refused(reason);
        }
    }
}

/// Why the daemon refuses, if that is among what it has said.
fn refusal(decoder: &mut Decoder) -> Option<String> {
    loop {
        match decoder.next_message() {
            Ok(Some(Message::Answer(answer))) if answer.rc > 0 => {
                let reason = answer.element.as_deref().unwrap_or("it does not say why");
                return Some(Printable(reason.as_bytes()).to_string());
            }
            Ok(Some(_)) => {}
            Ok(None) => return None,
            Err(_) => *decoder = Decoder::new(), // whatever that was, it is no refusal
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::thread;

    use flom_net::Stream;

    use super::*;

    fn pair() -> (Line, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let line = Line::new(Stream::Unix(ours), "test".into()).unwrap();
        (line, theirs)
    }

    #[test]
    fn the_order_is_one_message_and_the_close_of_the_daemon_ends_the_wait() {
        let (line, mut theirs) = pair();
        let daemon = thread::spawn(move || {
            let mut heard = [0; 1024];
            let bytes = theirs.read(&mut heard).unwrap();
            // The client stays: an old daemon loses an order that is followed by an end.
            let moment = Some(Duration::from_millis(20));
            theirs.set_read_timeout(moment).unwrap();
            let error = theirs.read(&mut [0]).unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
            String::from_utf8_lossy(&heard[..bytes]).into_owned()
        });
        order(&line, true, Duration::from_secs(60)).unwrap();
        let heard = daemon.join().unwrap();
        assert!(heard.contains("verb=\"5\" step=\"8\""), "{heard}");
        assert!(
            heard.ends_with("<shutdown immediate=\"1\"/></msg>"),
            "{heard}"
        );
    }

    #[test]
    fn a_daemon_that_stays_is_not_waited_for_for_ever() {
        let (line, mut theirs) = pair();
        let daemon = thread::spawn(move || {
            let mut heard = Vec::new();
            theirs.read_to_end(&mut heard).unwrap(); // until the client hangs up
        });
        order(&line, false, Duration::from_millis(20)).unwrap();
        daemon.join().unwrap();
    }

    #[test]
    fn a_daemon_that_refuses_says_why() {
        let (line, mut theirs) = pair();
        let answer = "<msg level=\"3\" verb=\"1\" step=\"16\"><session peerid=\"x\" ext=\"1\"/>\
                      <answer rc=\"3\" element=\"only root&#10; may\"/></msg>";
        theirs.write_all(answer.as_bytes()).unwrap();
        let error = order(&line, false, Duration::from_secs(60)).unwrap_err();
        let expected = "the daemon at test refuses: only root  may";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_daemon_that_is_gone_was_not_told() {
        let (line, theirs) = pair();
        drop(theirs);
        assert!(matches!(
            order(&line, false, Duration::ZERO),
            Err(ShutdownError::Send { .. })
        ));
    }
}
