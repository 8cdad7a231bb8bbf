//! Looking at what a daemon keeps.
//!
//! A daemon of FLoM 1.7.2 ends on a question that it does not know. So the first thing that is said
//! is a lock request that does nothing to any daemon, and only if the answer says that there is more
//! to be had, it is asked for.

use std::io;
use std::time::{Duration, Instant};

use flom_proto::{About, Answer, Decoder, Message, Observe, Session, encode};
use flom_types::{LockMode, Outcome, Printable, ResourceKind, ResourceName, target};
use log::debug;

use crate::ask::Ask;
use crate::client::Client;
use crate::error::ConnectError;
use crate::line::{Heard, Line, READABLE};
use crate::locate::Purpose;
use crate::notice::Notice;
use crate::pending::SEND_LIMIT;
use crate::tls::TlsError;
use crate::trace;

/// How long a daemon may say nothing that it could always say.
const SILENCE_LIMIT: Duration = Duration::from_secs(10);

/// What to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// Everything, or everything about one resource.
    Status {
        /// That resource.
        only: Option<ResourceName>,
    },
    /// What would become of a request.
    Why {
        /// For this resource.
        resource: ResourceName,
        /// In this mode.
        mode: LockMode,
        /// For so many units.
        quantity: u32,
        /// Whether it may be created.
        create: bool,
    },
    /// Figures, as a text for Prometheus.
    Metrics,
}

/// Why there is nothing to see.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObserveError {
    /// There is no daemon to look at.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The daemon cannot show what it keeps.
    #[error(
        "the daemon at {peer} is one of FLoM 1.7.2, which cannot show what it keeps; the flomd of \
         this program can"
    )]
    Old {
        /// The daemon.
        peer: String,
    },
    /// The daemon may not show it to us.
    #[error("the daemon at {peer} refuses: {reason}")]
    Refused {
        /// The daemon.
        peer: String,
        /// What it says.
        reason: String,
    },
    /// The daemon is not whom its certificate was made for.
    #[error("the daemon at {peer} is not to be believed")]
    OtherPeer {
        /// The daemon.
        peer: String,
        /// Why.
        source: TlsError,
    },
    /// The daemon has gone, or says nothing.
    #[error("the daemon at {peer} has not said all")]
    Ended {
        /// The daemon.
        peer: String,
        /// What the system said, if it said something.
        source: Option<io::Error>,
    },
    /// The daemon says what makes no sense.
    #[error("the daemon at {peer} cannot be understood: {problem}")]
    Protocol {
        /// The daemon.
        peer: String,
        /// What is wrong.
        problem: String,
    },
    /// What the daemon says cannot be passed on.
    #[error("cannot write what the daemon says")]
    Output {
        /// What the system said.
        source: io::Error,
    },
}

/// Looks at the daemon of `client` and passes what it says to `out`, piece by piece.
pub(crate) fn observe(
    client: &Client,
    look: &Look,
    json: bool,
    tell: &mut dyn FnMut(Notice<'_>),
    out: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> Result<Outcome, ObserveError> {
    watch(client, tell)?.look(look, json, out)
}

/// Finds the daemon of `client`, and makes sure that it can be looked at.
pub(crate) fn watch(
    client: &Client,
    tell: &mut dyn FnMut(Notice<'_>),
) -> Result<Watcher, ObserveError> {
    let line = client.line(Purpose::Observe, None, tell)?;
    debug!(target: target::CLIENT, "asks {} what it keeps", line.peer());
    let mut watcher = Watcher {
        line,
        decoder: Decoder::new(),
        peer_id: client.peer_id().to_owned(),
    };
    watcher.greet()?;
    Ok(watcher)
}

/// A connection over which only is looked, as often as one likes.
#[derive(Debug)]
pub struct Watcher {
    line: Line,
    decoder: Decoder,
    peer_id: String,
}

impl Watcher {
    /// Learns whether the daemon can show what it keeps.
    fn greet(&mut self) -> Result<(), ObserveError> {
        self.send(&Ask::question().message(&self.peer_id, false).bytes)?;
        let answer = match self.next_message()? {
            Message::Answer(answer) => answer,
            other => return Err(self.misunderstood(&other)),
        };
        self.check(&answer)
    }

    /// Passes what the daemon says to `out`, piece by piece: text, or JSON.
    ///
    /// # Errors
    ///
    /// [`ObserveError`]; the connection is of no use any more then.
    pub fn look(
        &mut self,
        look: &Look,
        json: bool,
        out: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<Outcome, ObserveError> {
        let mut message = Vec::new();
        let question = question(&self.peer_id, look, json);
        encode(&Message::Observe(question), &mut message);
        self.send(&message)?;
        let mut text = Vec::new();
        loop {
            let report = match self.next_message()? {
                Message::Report(report) => report,
                other => return Err(self.misunderstood(&other)),
            };
            let outcome = Outcome::from_number(report.rc).unwrap_or(Outcome::Refused);
            if outcome == Outcome::Refused && !matches!(look, Look::Why { .. }) {
                text.extend(report.text);
                let reason = Printable(&text).to_string();
                return Err(ObserveError::Refused {
                    peer: self.peer(),
                    reason,
                });
            }
            out(&report.text).map_err(|source| ObserveError::Output { source })?;
            if report.last {
                return Ok(outcome);
            }
        }
    }

    /// Whether the daemon is the right one, and can show what it keeps.
    fn check(&self, answer: &Answer) -> Result<(), ObserveError> {
        let peer = self.peer();
        let claimed = answer
            .session
            .as_ref()
            .map_or("", |session| &session.peer_id);
        if let Err(source) = self.line.check_peer(claimed) {
            return Err(ObserveError::OtherPeer { peer, source });
        }
        match &answer.session {
            Some(session) if session.ext => Ok(()),
            _ => Err(ObserveError::Old { peer }),
        }
    }

    fn send(&self, message: &[u8]) -> Result<(), ObserveError> {
        self.line.send(message, SEND_LIMIT).map_err(|source| {
            let source = Some(self.line.last_word().unwrap_or(source));
            let peer = self.peer();
            ObserveError::Ended { peer, source }
        })
    }

    fn next_message(&mut self) -> Result<Message, ObserveError> {
        let mut buffer = [0; 16 * 1024];
        let until = Instant::now() + SILENCE_LIMIT;
        loop {
            match self.decoder.next_message() {
                Ok(Some(message)) => {
                    trace::message(&message);
                    return Ok(message);
                }
                Ok(None) => {}
                Err(error) => {
                    let (peer, problem) = (self.peer(), error.to_string());
                    return Err(ObserveError::Protocol { peer, problem });
                }
            }
            match self.line.hear(&mut buffer) {
                Heard::Bytes(bytes) => self.decoder.feed(&buffer[..bytes]),
                Heard::Nothing if matches!(self.line.wait(READABLE, until), Ok(true)) => {}
                Heard::Nothing => {
                    let source = Some(io::ErrorKind::TimedOut.into());
                    return Err(ObserveError::Ended {
                        peer: self.peer(),
                        source,
                    });
                }
                Heard::End(source) => {
                    return Err(ObserveError::Ended {
                        peer: self.peer(),
                        source,
                    });
                }
            }
        }
    }

    fn misunderstood(&self, message: &Message) -> ObserveError {
        let problem = format!("it says '{message}'");
        ObserveError::Protocol {
            peer: self.peer(),
            problem,
        }
    }

    fn peer(&self) -> String {
        self.line.peer().to_string()
    }
}

fn question(peer_id: &str, look: &Look, json: bool) -> Observe {
    let session = Some(Session {
        ties: None,
        peer_id: peer_id.to_string(),
        ext: true,
        who: None,
    });
    match look {
        Look::Metrics => Observe {
            session,
            about: About::Metrics,
            name: Vec::new(),
            mode: None,
            quantity: None,
            create: false,
            json: false,
        },
        Look::Status { only } => Observe {
            session,
            about: About::Status,
            name: only
                .as_ref()
                .map_or(Vec::new(), |name| name.as_bytes().to_vec()),
            mode: None,
            quantity: None,
            create: false,
            json,
        },
        Look::Why {
            resource,
            mode,
            quantity,
            create,
        } => {
            let is_numeric = matches!(resource.kind(), ResourceKind::Numeric { .. });
            Observe {
                session,
                about: About::Why,
                name: resource.as_bytes().to_vec(),
                mode: resource.kind().has_modes().then(|| mode.number().into()),
                quantity: is_numeric.then(|| (*quantity).into()),
                create: *create,
                json,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::thread;

    use flom_net::Stream;
    use flom_proto::Report;

    use super::*;

    /// What `look` comes to with a daemon that gives these bytes for an answer to each message, and
    /// what it has heard.
    fn seen(answers: Vec<Vec<u8>>) -> (Result<Outcome, ObserveError>, String, Vec<Message>) {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let daemon = thread::spawn(move || {
            let (mut decoder, mut heard) = (Decoder::new(), Vec::new());
            let (mut buffer, mut answers) = ([0; 1024], answers.into_iter());
            loop {
                while let Some(message) = decoder.next_message().unwrap() {
                    heard.push(message);
                    theirs
                        .write_all(&answers.next().unwrap_or_default())
                        .unwrap();
                }
                match theirs.read(&mut buffer).unwrap() {
                    0 => return heard,
                    bytes => decoder.feed(&buffer[..bytes]),
                }
            }
        });
        let mut watcher = Watcher {
            line: Line::new(Stream::Unix(ours), "test".into()).unwrap(),
            decoder: Decoder::new(),
            peer_id: "me".to_owned(),
        };
        let mut text = Vec::new();
        let mut out = |piece: &[u8]| {
            text.extend_from_slice(piece);
            Ok(())
        };
        let greeted = watcher.greet();
        let result =
            greeted.and_then(|()| watcher.look(&Look::Status { only: None }, true, &mut out));
        drop(watcher);
        (
            result,
            String::from_utf8(text).unwrap(),
            daemon.join().unwrap(),
        )
    }

    fn answer(ext: &str) -> Vec<u8> {
        format!(
            "<msg level=\"3\" verb=\"1\" step=\"16\"><session peerid=\"x\"{ext}/>\
             <answer rc=\"5\"/></msg>"
        )
        .into_bytes()
    }

    fn report(rc: i32, last: bool, text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let text = text.as_bytes().to_vec();
        encode(&Message::Report(Report { rc, last, text }), &mut bytes);
        bytes
    }

    #[test]
    fn an_old_daemon_is_asked_nothing_but_what_does_it_no_harm() {
        let (result, text, heard) = seen(vec![answer("")]);
        assert!(
            matches!(result, Err(ObserveError::Old { .. })),
            "{result:?}"
        );
        assert_eq!((text.as_str(), heard.len()), ("", 1));
        let Message::Lock(lock) = &heard[0] else {
            panic!("{heard:?}");
        };
        assert!(
            !lock.wait && !lock.create && lock.mode == Some(0),
            "{lock:?}"
        );
    }

    #[test]
    fn all_parts_of_the_answer_are_passed_on() {
        let parts = [report(0, false, "a\n"), report(0, true, "b\n")].concat();
        let (result, text, heard) = seen(vec![answer(" ext=\"1\""), parts]);
        assert_eq!(result.unwrap(), Outcome::Granted);
        assert_eq!(text, "a\nb\n");
        assert!(matches!(
            &heard[1],
            Message::Observe(Observe {
                about: About::Status,
                json: true,
                ..
            })
        ));
    }

    #[test]
    fn a_daemon_that_refuses_or_talks_nonsense_is_quoted() {
        let refusal = report(3, true, "you may\nnot");
        let (result, text, _) = seen(vec![answer(" ext=\"1\""), refusal]);
        let error = result.unwrap_err().to_string();
        assert_eq!(
            (error.as_str(), text.as_str()),
            ("the daemon at test refuses: you may not", "")
        );
        let (result, ..) = seen(vec![answer(" ext=\"1\""), answer("")]);
        assert!(
            matches!(result, Err(ObserveError::Protocol { .. })),
            "{result:?}"
        );
        let (result, ..) = seen(vec![b"garbage</msg>".to_vec()]);
        assert!(
            matches!(result, Err(ObserveError::Protocol { .. })),
            "{result:?}"
        );
    }
}
