//! Lock and unlock in the very form in which peers write them, read without an XML parser.
//!
//! These two are nearly all that a daemon hears, and every peer that is known writes them to the
//! letter as `encode` does. Whatever looks the least bit different is left to the parser, so this
//! file decides nothing: what it reads, the parser reads alike (a test sees to that).

use flom_types::{Previous, Who};

use crate::message::{Lock, Message, Session, Ties, Unlock};
use crate::value::base64;

/// The message, if it is a lock or an unlock written as `encode` writes them.
pub(crate) fn read(message: &[u8]) -> Option<Message> {
    let mut words = Words(message);
    words.eat(br#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb=""#)?;
    let read = match words.eat(br#"1" step="8"><session peerid=""#) {
        Some(()) => Message::Lock(words.lock()?),
        None => {
            words.eat(br#"2" step="8"><resource name=""#)?;
            Message::Unlock(words.unlock()?)
        }
    };
    words.eat(b"</msg>")?;
    words.0.is_empty().then_some(read)
}

/// What is left to be read.
struct Words<'a>(&'a [u8]);

impl Words<'_> {
    fn lock(&mut self) -> Option<Lock> {
        let peer_id = self.text()?.to_owned();
        let ext = self.eat(br#" ext="1""#).is_some();
        let ties = self.ties()?;
        let who = match self.0.first() {
            Some(b'/') => None,
            _ => Some(Box::new(self.who()?)),
        };
        self.eat(br#"/><resource name=""#)?;
        let lock = Lock {
            session: Some(Session {
                peer_id,
                ext,
                ties,
                who,
            }),
            name: base64(self.text()?),
            mode: self.optional(br#" mode=""#)?,
            wait: self.number(br#" wait=""#)? != 0,
            quantity: self.optional(br#" quantity=""#)?,
            create: self.number(br#" create=""#)? != 0,
            lifespan: self.number(br#" lifespan=""#)?,
        };
        self.eat(b"/>")?;
        Some(lock)
    }

    /// What there is of ties; the outer value is `Some` unless they look odd.
    fn ties(&mut self) -> Option<Option<Box<Ties>>> {
        let lineage = match self.eat(br#" lineage=""#) {
            Some(()) => Some(self.text()?.parse().ok()?),
            None => None,
        };
        let ties = Ties {
            lineage,
            reentrant: self.eat(br#" reentrant="1""#).is_some(),
            beat_ms: self.milliseconds(br#" beat=""#)?,
            grace_ms: self.milliseconds(br#" grace=""#)?,
            resume: self.eat(br#" resume="1""#).is_some(),
        };
        Some((ties != Ties::default()).then(|| Box::new(ties)))
    }

    /// A time above 0, or 0 where there is none.
    fn milliseconds(&mut self, attribute: &[u8]) -> Option<u32> {
        match self.optional(attribute)? {
            None => Some(0),
            Some(ms) => u32::try_from(ms).ok().filter(|ms| *ms > 0),
        }
    }

    fn who(&mut self) -> Option<Who> {
        let host = self.optional_text(br#" host=""#)?;
        let user = self.optional_text(br#" user=""#)?;
        let pid = match self.optional(br#" pid=""#)? {
            Some(pid) => Some(u32::try_from(pid).ok()?),
            None => None,
        };
        let who = Who {
            host,
            user,
            pid,
            label: self.optional_text(br#" label=""#)?,
            command: self.optional_text(br#" command=""#)?,
        };
        (!who.is_nobody()).then_some(who)
    }

    fn unlock(&mut self) -> Option<Unlock> {
        let name = base64(self.text()?);
        let rollback = self.number(br#" rollback=""#)? != 0;
        let ended = self.ended()?;
        self.eat(b" />")?;
        Some(Unlock {
            name,
            rollback,
            ended,
        })
    }

    /// How the command ended, where that is said; the outer value is `Some` unless it looks odd.
    fn ended(&mut self) -> Option<Option<Previous>> {
        match self.eat(br#" ended=""#) {
            Some(()) => self.text()?.parse().ok().map(Some),
            None => Some(None),
        }
    }

    fn eat(&mut self, word: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(word)?;
        Some(())
    }

    /// A value and the quote behind it. Only characters that mean themselves in XML.
    fn text(&mut self) -> Option<&str> {
        let plain = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'&' | b'<' | b'>');
        let end = self
            .0
            .iter()
            .position(|byte| *byte == b'"' || !plain(*byte))?;
        let (text, rest) = self.0.split_at(end);
        self.0 = rest.strip_prefix(b"\"")?;
        str::from_utf8(text).ok()
    }

    /// An attribute of any text, which may be missing.
    fn optional_text(&mut self, attribute: &[u8]) -> Option<Option<String>> {
        match self.eat(attribute) {
            Some(()) => Some(Some(self.text()?.to_owned())),
            None => Some(None),
        }
    }

    /// An attribute with a small number in plain digits.
    fn number(&mut self, attribute: &[u8]) -> Option<i64> {
        self.eat(attribute)?;
        let negative = self.eat(b"-").is_some();
        let digits = self
            .0
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if !(1..=18).contains(&digits) {
            return None;
        }
        let (number, rest) = self.0.split_at(digits);
        self.0 = rest.strip_prefix(b"\"")?;
        let value = number
            .iter()
            .fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
        Some(if negative { -value } else { value })
    }

    /// The same, where it may be missing: then the outer value is still `Some`.
    fn optional(&mut self, attribute: &[u8]) -> Option<Option<i64>> {
        match self.0.starts_with(attribute) {
            true => self.number(attribute).map(Some),
            false => Some(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use flom_types::{Lineage, Token};
    use proptest::prelude::*;

    use super::*;
    use crate::decode::parse;
    use crate::encode;

    fn who() -> impl Strategy<Value = Option<Box<Who>>> {
        let word = || prop::option::of("[ -~]{0,20}");
        let words = (word(), word(), any::<Option<u32>>(), word(), word());
        words.prop_map(|(host, user, pid, label, command)| {
            let who = Who {
                host,
                user,
                pid,
                label,
                command,
            };
            (!who.is_nobody()).then(|| Box::new(who))
        })
    }

    fn ties() -> impl Strategy<Value = Option<Box<Ties>>> {
        let lineage = prop::collection::vec(any::<u64>(), 0..4);
        let numbers = (0..3_u32, 0..3_u32);
        (lineage, any::<[bool; 2]>(), numbers).prop_map(|(tokens, [reentrant, resume], numbers)| {
            let lineage = tokens
                .into_iter()
                .fold(None, |outer: Option<Lineage>, token| {
                    Some(match outer {
                        Some(outer) => outer.inner(Token(token)),
                        None => Lineage::outermost(Token(token)),
                    })
                });
            let ties = Ties {
                lineage,
                reentrant,
                beat_ms: numbers.0,
                grace_ms: numbers.1,
                resume,
            };
            (ties != Ties::default()).then(|| Box::new(ties))
        })
    }

    fn ended() -> impl Strategy<Value = Option<Previous>> {
        prop::option::of(prop_oneof![
            Just(Previous::None),
            Just(Previous::Released),
            any::<u8>().prop_map(Previous::Failed),
            any::<u8>().prop_map(Previous::Killed),
            Just(Previous::Lost),
        ])
    }

    fn lock() -> impl Strategy<Value = Message> {
        let session =
            ("[ -~]{0,40}", any::<bool>(), ties(), who()).prop_map(|(peer_id, ext, ties, who)| {
                Session {
                    peer_id,
                    ext,
                    ties,
                    who,
                }
            });
        (
            session,
            any::<Vec<u8>>(),
            any::<Option<i64>>(),
            any::<Option<i64>>(),
            any::<i64>(),
            any::<[bool; 2]>(),
        )
            .prop_map(
                |(session, name, mode, quantity, lifespan, [wait, create])| {
                    let session = Some(session);
                    Message::Lock(Lock {
                        session,
                        name,
                        mode,
                        wait,
                        quantity,
                        create,
                        lifespan,
                    })
                },
            )
    }

    fn unlock() -> impl Strategy<Value = Message> {
        (any::<Vec<u8>>(), any::<bool>(), ended()).prop_map(|(name, rollback, ended)| {
            Message::Unlock(Unlock {
                name,
                rollback,
                ended,
            })
        })
    }

    fn encoded(message: &Message) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(message, &mut bytes);
        bytes
    }

    #[test]
    fn what_clients_send_is_read_here() {
        let name = b"nightly/backup".to_vec();
        let session = |ext| {
            Some(Session {
                ties: None,
                peer_id: "0123456789abcdef".repeat(2),
                ext,
                who: None,
            })
        };
        let lock = |ext, mode, quantity| {
            let (wait, create, lifespan) = (true, false, 1500);
            Message::Lock(Lock {
                session: session(ext),
                name: name.clone(),
                mode,
                wait,
                quantity,
                create,
                lifespan,
            })
        };
        let mut introduced = lock(true, Some(5), None);
        if let Message::Lock(Lock {
            session: Some(session),
            ..
        }) = &mut introduced
        {
            session.who = Some(Box::new(Who {
                host: Some("alpha".to_owned()),
                user: Some("ann".to_owned()),
                pid: Some(812),
                label: Some("nightly".to_owned()),
                command: Some("backup.sh --all".to_owned()),
            }));
        }
        for message in [
            lock(false, Some(5), None),
            lock(true, Some(0), None),
            lock(false, None, Some(12)),
            lock(true, None, None),
            introduced,
            Message::Unlock(Unlock {
                ended: None,
                name: name.clone(),
                rollback: true,
            }),
            Message::Unlock(Unlock {
                ended: None,
                name: name.clone(),
                rollback: false,
            }),
        ] {
            assert_eq!(read(&encoded(&message)), Some(message));
        }
    }

    #[test]
    fn what_looks_different_is_left_to_the_parser() {
        let unlock = Message::Unlock(Unlock {
            ended: None,
            name: b"a".to_vec(),
            rollback: false,
        });
        let bytes = encoded(&unlock);
        let text = str::from_utf8(&bytes).unwrap();
        for (from, to) in [
            (" />", "/>"),
            ("\"0\"", "\"+0\""),
            ("\"0\"", "\"\""),
            ("\"0\"", "\"1234567890123456789\""),
            ("level=\"3\"", "level='3'"),
            ("YQ==", "Y&amp;Q=="),
            ("YQ==", "Y\nQ=="),
            ("</msg>", " </msg>"),
            ("</msg>", "</msg> "),
            ("<?xml version=\"1.0\" encoding=\"UTF-8\" ?>", ""),
        ] {
            assert_eq!(read(text.replace(from, to).as_bytes()), None, "{to}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_here_the_parser_reads_alike(
            message in prop_oneof![lock(), unlock()],
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 0..4),
        ) {
            let mut bytes = encoded(&message);
            for (at, byte, kind) in changes {
                let at = at.index(bytes.len());
                match kind {
                    0 => bytes[at] = byte,
                    1 => bytes.insert(at, byte),
                    _ => _ = bytes.remove(at),
                }
            }
            if let Some(read) = read(&bytes) {
                prop_assert_eq!(parse(&bytes), Ok(read));
            }
        }
    }
}
