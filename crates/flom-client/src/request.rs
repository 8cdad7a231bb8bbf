//! What to lock, and how; as bytes for the daemon.

use std::fmt;
use std::time::Duration;

use flom_proto::{Lock, Message, Session, Unlock, encode};
use flom_types::limits::OLD_DAEMON_MESSAGE_BYTES;
use flom_types::{LockMode, Patience, ResourceKind, ResourceName, target};
use log::trace;

use crate::client::Client;
use crate::connect::connect;
use crate::error::LockError;
use crate::locate::Purpose;
use crate::notice::Notice;
use crate::pending::Pending;

/// A resource that nobody has, or if so not for long.
const PROBE: &[u8] = b"flomAsksWhoYouAre";

/// What to lock and how. Reusable, and cheap to clone.
///
/// Two requests of one process compete with each other like those of strangers.
#[derive(Clone, Debug)]
#[must_use]
pub struct Request {
    client: Client,
    ask: Ask,
}

/// The request proper.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) resource: ResourceName,
    pub(crate) mode: LockMode,
    pub(crate) quantity: u32,
    pub(crate) create: bool,
    pub(crate) idle_lifespan_ms: u32,
}

impl Request {
    pub(crate) fn new(client: Client, resource: ResourceName) -> Self {
        let ask = Ask {
            resource,
            mode: LockMode::Exclusive,
            quantity: 1,
            create: true,
            idle_lifespan_ms: 0,
        };
        Self { client, ask }
    }

    /// The mode of a simple or hierarchical resource; others are always locked exclusively.
    pub fn mode(mut self, mode: LockMode) -> Self {
        self.ask.mode = mode;
        self
    }

    /// How many units of a numeric resource.
    pub fn quantity(mut self, units: u32) -> Self {
        self.ask.quantity = units;
        self
    }

    /// Whether the resource may be created; else the request waits until somebody does.
    pub fn create(mut self, create: bool) -> Self {
        self.ask.create = create;
        self
    }

    /// How long the resource outlives its last user if this request creates it, in whole ms.
    pub fn idle_lifespan(mut self, lifespan: Duration) -> Self {
        self.ask.idle_lifespan_ms = u32::try_from(lifespan.as_millis()).unwrap_or(u32::MAX);
        self
    }

    /// The resource to be locked.
    pub fn resource(&self) -> &ResourceName {
        &self.ask.resource
    }

    /// Finds a daemon (or starts one, if the settings say so), sends the request and returns; the
    /// caller waits. `patience` counts from here on and does not cover the way to the daemon.
    ///
    /// Finding a daemon blocks; `tell` hears about it.
    ///
    /// # Errors
    ///
    /// [`LockError::Connect`] if there is no daemon; [`LockError::NameTooLong`] if it is one of FLoM
    /// 1.7.2, which ends a connection that says so much, without having been asked;
    /// [`LockError::Disconnected`] if it goes away at once.
    pub fn start(
        &self,
        patience: Patience,
        tell: &mut dyn FnMut(Notice<'_>),
    ) -> Result<Pending, LockError> {
        let resource = &self.ask.resource;
        trace!(target: target::RESOURCE, "resource={resource} is {:?}", resource.kind());
        let message = self.ask.message(flom_settings::peer_id(), patience);
        if message.len() > OLD_DAEMON_MESSAGE_BYTES {
            self.make_sure_of_room(tell)?;
        }
        let line = connect(self.client.settings(), Purpose::Lock, tell)?;
        Pending::send(line, self.ask.clone(), &message, patience)
    }

    /// Learns who the daemon is by a question that leaves nothing behind: for a resource that is not
    /// to be created, without waiting, in the mode that disturbs nobody.
    fn make_sure_of_room(&self, tell: &mut dyn FnMut(Notice<'_>)) -> Result<(), LockError> {
        let question = Ask {
            resource: ResourceName::parse(PROBE).expect("it is a word"),
            mode: LockMode::NullLock,
            quantity: 1,
            create: false,
            idle_lifespan_ms: 0,
        };
        let message = question.message(flom_settings::peer_id(), Patience::Refuse);
        let line = connect(self.client.settings(), Purpose::Lock, tell)?;
        let peer = line.peer().to_string();
        let asked = Pending::send(line, question, &message, Patience::Refuse)?;
        match asked.learn_whether_extended()? {
            true => Ok(()),
            false => Err(LockError::NameTooLong {
                bytes: self.ask.resource.as_bytes().len(),
                peer,
            }),
        }
    }

    /// Whether there is anything to be gained by asking again after `error`: a daemon that was
    /// about to end took the connection with it, and another one may be there by now.
    pub fn is_worth_asking_again(error: &LockError) -> bool {
        matches!(
            error,
            LockError::Disconnected {
                unanswered: true,
                ..
            }
        )
    }
}

/// `resource=NAME mode=EX quantity=1 ...`, for the log.
impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            resource,
            mode,
            quantity,
            create,
            idle_lifespan_ms,
        } = self;
        write!(
            f,
            "resource={resource} mode={mode} quantity={quantity} create={create} \
             idle_lifespan={idle_lifespan_ms} ms"
        )
    }
}

impl Ask {
    /// The request as bytes. It says that we understand more than FLoM 1.7.2, unless only that
    /// makes it too long for an old daemon.
    pub(crate) fn message(&self, peer_id: String, patience: Patience) -> Vec<u8> {
        let mut session = Session {
            peer_id,
            ext: true,
            who: None,
        };
        let message = self.encoded(&session, patience);
        if message.len() <= OLD_DAEMON_MESSAGE_BYTES {
            return message;
        }
        session.ext = false;
        let plain = self.encoded(&session, patience);
        match plain.len() <= OLD_DAEMON_MESSAGE_BYTES {
            true => plain,
            false => message,
        }
    }

    /// The end of the lock as bytes.
    pub(crate) fn unlock_message(&self, rollback: bool) -> Vec<u8> {
        let unlock = Unlock {
            name: self.resource.as_bytes().to_vec(),
            rollback,
        };
        let mut bytes = Vec::new();
        encode(&Message::Unlock(unlock), &mut bytes);
        bytes
    }

    fn encoded(&self, session: &Session, patience: Patience) -> Vec<u8> {
        let kind = self.resource.kind();
        let numeric = matches!(kind, ResourceKind::Numeric { .. });
        let lock = Lock {
            session: Some(session.clone()),
            name: self.resource.as_bytes().to_vec(),
            mode: kind.has_modes().then(|| self.mode.number().into()),
            wait: patience.waits(),
            quantity: numeric.then(|| self.quantity.into()),
            create: self.create,
            lifespan: self.idle_lifespan_ms.into(),
        };
        let mut bytes = Vec::new();
        encode(&Message::Lock(lock), &mut bytes);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "0123456789abcdef0123456789abcdef";

    fn ask(name: &str) -> Ask {
        Ask {
            resource: ResourceName::parse(name.as_bytes()).unwrap(),
            mode: LockMode::Exclusive,
            quantity: 4,
            create: true,
            idle_lifespan_ms: 0,
        }
    }

    fn body(ask: &Ask, patience: Patience) -> String {
        let message = ask.message(PEER.into(), patience);
        let text = String::from_utf8(message).unwrap();
        let start = text.find("<resource").unwrap();
        text[start..].trim_end_matches("</msg>").to_string()
    }

    #[test]
    fn the_kind_of_resource_decides_what_is_said_about_it() {
        let table = [
            (
                "A",
                r#"<resource name="QQ==" mode="5" wait="1" create="1" lifespan="0"/>"#,
            ),
            (
                "/a/b",
                r#"<resource name="L2EvYg==" mode="5" wait="1" create="1" lifespan="0"/>"#,
            ),
            (
                "N[10]",
                r#"<resource name="TlsxMF0=" wait="1" quantity="4" create="1" lifespan="0"/>"#,
            ),
            (
                "red.green.blue",
                r#"<resource name="cmVkLmdyZWVuLmJsdWU=" wait="1" create="1" lifespan="0"/>"#,
            ),
        ];
        for (name, expected) in table {
            assert_eq!(body(&ask(name), Patience::Forever), expected);
        }
    }

    #[test]
    fn what_the_caller_wants_is_said() {
        let mut ask = ask("A");
        ask.mode = LockMode::ConcurrentRead;
        ask.create = false;
        ask.idle_lifespan_ms = 1500;
        assert_eq!(
            body(&ask, Patience::Forever),
            r#"<resource name="QQ==" mode="1" wait="1" create="0" lifespan="1500"/>"#
        );
    }

    #[test]
    fn only_a_request_that_must_not_wait_says_so() {
        for (patience, wait) in [
            (Patience::Refuse, "wait=\"0\""),
            (Patience::UpTo(Duration::from_millis(1)), "wait=\"1\""),
            (Patience::Forever, "wait=\"1\""),
        ] {
            assert!(body(&ask("A"), patience).contains(wait), "{patience:?}");
        }
    }

    #[test]
    fn a_request_stays_as_short_as_an_old_daemon_needs_it_if_its_name_does() {
        for bytes in [1, 234, 235, 240, 241, 4096] {
            let message = ask(&"a".repeat(bytes)).message(PEER.into(), Patience::Forever);
            let says_ext = String::from_utf8_lossy(&message).contains("ext=\"1\"");
            assert_eq!(
                message.len() <= 511,
                bytes <= 240,
                "{bytes}: {}",
                message.len()
            );
            assert_eq!(says_ext, !(235..=240).contains(&bytes), "{bytes}");
        }
    }
}
