//! What is asked for, as bytes for the daemon.

use std::fmt;

use flom_proto::{Lock, Message, Session, Unlock, encode};
use flom_types::limits::OLD_DAEMON_MESSAGE_BYTES;
use flom_types::{LockMode, ResourceKind, ResourceName};

use crate::request::OnDrop;

/// A resource that nobody has, or if so not for long.
const PROBE: &[u8] = b"flomAsksWhoYouAre";

/// A request proper: what to lock and how.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) resource: ResourceName,
    pub(crate) mode: LockMode,
    pub(crate) quantity: u32,
    pub(crate) create: bool,
    pub(crate) idle_lifespan_ms: u32,
    pub(crate) on_drop: OnDrop,
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
            on_drop: _,
        } = self;
        write!(
            f,
            "resource={resource} mode={mode} quantity={quantity} create={create} \
             idle_lifespan={idle_lifespan_ms} ms"
        )
    }
}

impl Ask {
    /// The exclusive lock on one unit of `resource`.
    pub(crate) fn new(resource: ResourceName) -> Self {
        Self {
            resource,
            mode: LockMode::Exclusive,
            quantity: 1,
            create: true,
            idle_lifespan_ms: 0,
            on_drop: OnDrop::Rollback,
        }
    }

    /// A question that leaves nothing behind: for a resource that is not to be created, without
    /// waiting, in the mode that disturbs nobody.
    pub(crate) fn question() -> Self {
        let probe = ResourceName::parse(PROBE).expect("it is a word");
        Self {
            mode: LockMode::NullLock,
            create: false,
            ..Self::new(probe)
        }
    }

    /// Whether the end of the lock decides if what it has brought counts.
    pub(crate) fn is_transactional(&self) -> bool {
        let kind = self.resource.kind();
        matches!(
            kind,
            ResourceKind::Sequence {
                transactional: true,
                ..
            }
        )
    }

    /// Whether it is about units.
    pub(crate) fn is_numeric(&self) -> bool {
        matches!(self.resource.kind(), ResourceKind::Numeric { .. })
    }

    /// Whether it is about a number.
    pub(crate) fn is_sequence(&self) -> bool {
        matches!(self.resource.kind(), ResourceKind::Sequence { .. })
    }

    /// The request as bytes. It says that we understand more than FLoM 1.7.2, unless only that
    /// makes it too long for an old daemon.
    pub(crate) fn message(&self, peer_id: &str, waits: bool) -> Vec<u8> {
        let mut session = Session {
            peer_id: peer_id.to_string(),
            ext: true,
            who: None,
        };
        let message = self.encoded(&session, waits);
        if message.len() <= OLD_DAEMON_MESSAGE_BYTES {
            return message;
        }
        session.ext = false;
        let plain = self.encoded(&session, waits);
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

    fn encoded(&self, session: &Session, waits: bool) -> Vec<u8> {
        let kind = self.resource.kind();
        let lock = Lock {
            session: Some(session.clone()),
            name: self.resource.as_bytes().to_vec(),
            mode: kind.has_modes().then(|| self.mode.number().into()),
            wait: waits,
            quantity: self.is_numeric().then(|| self.quantity.into()),
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
        let resource = ResourceName::parse(name.as_bytes()).unwrap();
        Ask {
            quantity: 4,
            ..Ask::new(resource)
        }
    }

    fn body(ask: &Ask, waits: bool) -> String {
        let message = ask.message(PEER, waits);
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
            assert_eq!(body(&ask(name), true), expected);
        }
    }

    #[test]
    fn what_the_caller_wants_is_said() {
        let mut ask = ask("A");
        ask.mode = LockMode::ConcurrentRead;
        ask.create = false;
        ask.idle_lifespan_ms = 1500;
        assert_eq!(
            body(&ask, true),
            r#"<resource name="QQ==" mode="1" wait="1" create="0" lifespan="1500"/>"#
        );
    }

    #[test]
    fn only_a_request_that_must_not_wait_says_so() {
        for (waits, word) in [(false, "wait=\"0\""), (true, "wait=\"1\"")] {
            assert!(body(&ask("A"), waits).contains(word), "{waits}");
        }
    }

    #[test]
    fn a_request_stays_as_short_as_an_old_daemon_needs_it_if_its_name_does() {
        for bytes in [1, 234, 235, 240, 241, 4096] {
            let message = ask(&"a".repeat(bytes)).message(PEER, true);
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
