//! What is asked for, as bytes for the daemon.

use std::fmt;

use flom_proto::{Lock, Message, Session, Ties, Unlock, encode};
use flom_types::limits::OLD_DAEMON_MESSAGE_BYTES;
use flom_types::{Lineage, LockMode, Previous, QUESTION, ResourceKind, ResourceName, Token, Who};
use rustix::rand::{GetRandomFlags, getrandom};

use crate::request::OnDrop;

/// A request proper: what to lock and how.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) resource: ResourceName,
    pub(crate) mode: LockMode,
    pub(crate) quantity: u32,
    pub(crate) create: bool,
    pub(crate) idle_lifespan_ms: u32,
    pub(crate) on_drop: OnDrop,
    /// Who asks, in the words of people.
    pub(crate) who: Option<Box<Who>>,
    /// Who holds a lock while this is asked for, and goes on only then.
    pub(crate) outer: Option<Box<Lineage>>,
    /// Whether what those hold is granted again.
    pub(crate) reentrant: bool,
    /// Who asks among them, from when it is asked.
    pub(crate) lineage: Option<Box<Lineage>>,
    /// How often the daemon will hear of who holds the lock, in ms; 0 if nothing is promised.
    pub(crate) beat_ms: u32,
    /// How long it is to keep the lock if the connection breaks, in ms.
    pub(crate) grace_ms: u32,
    /// Whether this goes on with a lock that was granted over another connection.
    pub(crate) resume: bool,
}

/// A request as bytes.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) bytes: Vec<u8>,
    /// Whether it says less than there is to say, so that an old daemon takes it.
    pub(crate) is_cut: bool,
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
            who: _,
            outer: _,
            reentrant: _,
            lineage: _,
            beat_ms: _,
            grace_ms: _,
            resume: _,
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
            who: None,
            outer: None,
            reentrant: false,
            lineage: None,
            beat_ms: 0,
            grace_ms: 0,
            resume: false,
        }
    }

    /// The same, asked for now, by somebody who differs from all others.
    pub(crate) fn begun(&self) -> Self {
        let lineage = draw().map(|own| match &self.outer {
            Some(outer) => outer.inner(own),
            None => Lineage::outermost(own),
        });
        Self {
            lineage: lineage.map(Box::new),
            ..self.clone()
        }
    }

    /// A question that leaves nothing behind: for a resource that is not to be created, without
    /// waiting, in the mode that disturbs nobody.
    pub(crate) fn question() -> Self {
        let probe = ResourceName::parse(QUESTION).expect("it is a word");
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

    /// The request as bytes. It says who we are and that we understand more than FLoM 1.7.2, as far
    /// as that does not make it too long for an old daemon: the command is cut first.
    pub(crate) fn message(&self, peer_id: &str, waits: bool) -> Said {
        let mut session = self.session(peer_id);
        let whole = self.encoded(&session, waits);
        let mut message = whole.clone();
        while message.len() > OLD_DAEMON_MESSAGE_BYTES {
            if !shorten(&mut session, message.len() - OLD_DAEMON_MESSAGE_BYTES) {
                return Said {
                    bytes: whole,
                    is_cut: false,
                };
            }
            message = self.encoded(&session, waits);
        }
        Said {
            bytes: message,
            is_cut: self.is_tied() && session.ties.is_none(),
        }
    }

    /// The request as bytes for a daemon of this program, which takes all of it.
    pub(crate) fn whole_message(&self, peer_id: &str, waits: bool) -> Vec<u8> {
        self.encoded(&self.session(peer_id), waits)
    }

    /// Whether the daemon must know of those whom the asker keeps waiting.
    fn is_tied(&self) -> bool {
        self.outer.is_some() || self.grace_ms > 0
    }

    fn session(&self, peer_id: &str) -> Session {
        let ties = self.lineage.as_deref().map(|lineage| Ties {
            lineage: Some(lineage.clone()),
            reentrant: self.reentrant,
            beat_ms: self.beat_ms,
            grace_ms: self.grace_ms,
            resume: self.resume,
        });
        Session {
            peer_id: peer_id.to_string(),
            ext: true,
            ties: ties.map(Box::new),
            who: self.who.clone(),
        }
    }

    /// The end of the lock as bytes.
    pub(crate) fn unlock_message(&self, rollback: bool, ended: Option<Previous>) -> Vec<u8> {
        let unlock = Unlock {
            name: self.resource.as_bytes().to_vec(),
            rollback,
            ended,
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

/// A number that nobody else has drawn; none where the system gives none, which it always does.
fn draw() -> Option<Token> {
    let mut bytes = [0; 8];
    getrandom(&mut bytes[..], GetRandomFlags::empty()).ok()?;
    Some(Token(u64::from_ne_bytes(bytes)))
}

/// Leaves something out, at least so many bytes of it where it can be cut; false if there is nothing
/// left that may be left out.
fn shorten(session: &mut Session, bytes: usize) -> bool {
    let Some(who) = &mut session.who else {
        return session.ties.take().is_some() || std::mem::take(&mut session.ext);
    };
    if let Some(command) = &mut who.command {
        match command.len().checked_sub(bytes) {
            Some(left) if left > 0 => command.truncate(command.floor_char_boundary(left)),
            _ => who.command = None,
        }
        return true;
    }
    let words = [&mut who.label, &mut who.user, &mut who.host];
    let first = words.into_iter().find(|word| word.is_some());
    if first.and_then(Option::take).is_none() {
        session.who = None;
    }
    true
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
        let message = ask.message(PEER, waits).bytes;
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
            let message = ask(&"a".repeat(bytes)).message(PEER, true).bytes;
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

    #[test]
    fn who_asks_inside_of_another_lock_says_so_or_says_that_it_could_not() {
        let outer = Lineage::outermost(Token(1));
        let tied = |bytes: usize| Ask {
            outer: Some(Box::new(outer.clone())),
            reentrant: true,
            ..ask(&"a".repeat(bytes))
        };
        let begun = tied(3).begun();
        let lineage = begun.lineage.clone().unwrap();
        assert_eq!(lineage.outer(), [Token(1)]);
        assert_ne!(tied(3).begun().lineage, Some(lineage.clone()));
        let said = begun.message(PEER, true);
        let words = format!(" lineage=\"{lineage}\" reentrant=\"1\"");
        assert!(String::from_utf8(said.bytes).unwrap().contains(&words));
        assert!(!said.is_cut);
        // Next to a long name there is no room; a daemon that takes more gets all of it.
        let begun = tied(220).begun();
        let said = begun.message(PEER, true);
        assert!(said.is_cut && said.bytes.len() <= OLD_DAEMON_MESSAGE_BYTES);
        let whole = String::from_utf8(begun.whole_message(PEER, true)).unwrap();
        assert!(whole.contains(" lineage=") && whole.contains(" ext=\"1\""));
        // Who holds nothing else needs no room for that.
        let said = ask(&"a".repeat(220)).begun().message(PEER, true);
        assert!(!said.is_cut && said.bytes.len() <= OLD_DAEMON_MESSAGE_BYTES);
    }

    #[test]
    fn who_asks_is_said_as_far_as_there_is_room_for_it() {
        let said = |name: usize, command: usize| {
            let mut ask = ask(&"a".repeat(name));
            ask.who = Some(Box::new(Who {
                host: Some("alpha".to_string()),
                user: Some("ann".to_string()),
                pid: Some(812),
                label: Some("nightly".to_string()),
                command: Some("\u{e4}".repeat(command)),
            }));
            let message = ask.message(PEER, true).bytes;
            let bytes = message.len();
            let mut decoder = flom_proto::Decoder::new();
            decoder.feed(&message);
            let Ok(Some(Message::Lock(lock))) = decoder.next_message() else {
                panic!("it is a lock request");
            };
            (bytes, lock.session.unwrap())
        };
        let (bytes, session) = said(2, 10);
        assert!(bytes < 400);
        assert_eq!(session.who.unwrap().command.unwrap().chars().count(), 10);
        // Cut in the middle, between two characters.
        let (bytes, session) = said(2, 1000);
        assert!((510..=511).contains(&bytes), "{bytes}");
        assert!(session.who.unwrap().command.unwrap().chars().count() > 50);
        // A longer name leaves less and less room; for 240 bytes of it there is just enough.
        let mut last = 5;
        for name in 2..=240 {
            let (bytes, session) = said(name, 1000);
            assert!(bytes <= 511, "{name}: {bytes}");
            let who = session.who.map_or(Who::default(), |who| *who);
            let words = [&who.command, &who.label, &who.user, &who.host];
            let there = words.into_iter().flatten().count() + usize::from(session.ext);
            assert!(there <= last, "{name}: {who:?}");
            last = there;
        }
        assert_eq!(last, 0);
        // Only a daemon of ours takes such a name, and it takes more beside it.
        let (bytes, session) = said(241, 1000);
        assert!(bytes > 2000);
        assert!(session.who.unwrap().command.is_some());
    }
}
