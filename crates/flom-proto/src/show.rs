//! Messages for people: in words, and cut out of bytes.

use std::fmt;

use flom_types::Printable;
use memchr::memmem;

use crate::inbox::END;
use crate::message::{Answer, Here, Lock, Message, Session, Shutdown, Unlock};
use crate::observe::{Observe, Report};

/// Cuts bytes of a connection behind each end of a message, for a line each. The last piece may be
/// the start of a message, the first one the rest of one.
pub fn pieces(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let end = memmem::find(rest, END).map_or(rest.len(), |at| at + END.len());
        let (piece, behind) = rest.split_at(end);
        rest = behind;
        (!piece.is_empty()).then_some(piece)
    })
}

/// What is said, in one line: `lock 'db' mode=5 wait create by 0123456789abcdef`.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lock(lock) => lock.fmt(f),
            Self::Answer(answer) => answer.fmt(f),
            Self::Unlock(unlock) => unlock.fmt(f),
            Self::Ping => f.write_str("ping"),
            Self::Pong => f.write_str("pong"),
            Self::Discover => f.write_str("discovery query"),
            Self::Here(here) => here.fmt(f),
            Self::Shutdown(shutdown) => shutdown.fmt(f),
            Self::Observe(observe) => observe.fmt(f),
            Self::Report(report) => report.fmt(f),
        }
    }
}

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lock '{}'", Printable(&self.name))?;
        if let Some(mode) = self.mode {
            write!(f, " mode={mode}")?;
        }
        if let Some(units) = self.quantity {
            write!(f, " quantity={units}")?;
        }
        flag(f, self.wait, "wait")?;
        flag(f, self.create, "create")?;
        if self.lifespan != 0 {
            write!(f, " lifespan={} ms", self.lifespan)?;
        }
        by(f, self.session.as_ref())
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "answer {:?} rc={}", self.step, self.rc)?;
        if let Some(element) = &self.element {
            write!(f, " element='{}'", Printable(element.as_bytes()))?;
        }
        by(f, self.session.as_ref())
    }
}

impl fmt::Display for Unlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unlock '{}'", Printable(&self.name))?;
        flag(f, self.rollback, "rollback")
    }
}

impl fmt::Display for Here {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = Printable(self.address.as_bytes());
        write!(f, "discovery reply address='{address}' port={}", self.port)
    }
}

impl fmt::Display for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("shutdown")?;
        flag(f, self.immediate, "immediate")?;
        by(f, self.session.as_ref())
    }
}

impl fmt::Display for Observe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "observe {:?} '{}'", self.about, Printable(&self.name))?;
        by(f, self.session.as_ref())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "report of {} bytes rc={}", self.text.len(), self.rc)?;
        flag(f, self.last, "last")
    }
}

fn flag(f: &mut fmt::Formatter<'_>, is_set: bool, name: &str) -> fmt::Result {
    match is_set {
        true => write!(f, " {name}"),
        false => Ok(()),
    }
}

fn by(f: &mut fmt::Formatter<'_>, session: Option<&Session>) -> fmt::Result {
    let Some(session) = session else {
        return Ok(());
    };
    write!(f, " by {}", Printable(session.peer_id.as_bytes()))?;
    flag(f, session.ext, "ext")?;
    let Some(who) = &session.who else {
        return Ok(());
    };
    let pid = who.pid.map(|pid| pid.to_string());
    let words = [&who.user, &who.host, &pid, &who.label];
    for word in words.into_iter().flatten() {
        write!(f, " {}", Printable(word.as_bytes()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::AnswerStep;
    use crate::observe::About;
    use flom_types::Who;

    fn session() -> Option<Session> {
        Some(Session {
            ties: None,
            peer_id: "id".to_string(),
            ext: true,
            who: None,
        })
    }

    #[test]
    fn bytes_are_cut_behind_each_message() {
        let cut = |text: &'static str| -> Vec<&str> {
            let pieces = pieces(text.as_bytes());
            pieces.map(|piece| str::from_utf8(piece).unwrap()).collect()
        };
        assert_eq!(cut("<a></msg><b></msg>"), ["<a></msg>", "<b></msg>"]);
        assert_eq!(cut("end</msg><star"), ["end</msg>", "<star"]);
        assert_eq!(cut("part"), ["part"]);
        assert_eq!(cut(""), Vec::<&str>::new());
    }

    #[test]
    fn every_message_is_one_line_and_says_what_it_says() {
        let lock = Message::Lock(Lock {
            session: session(),
            name: b"d\nb".to_vec(),
            mode: Some(5),
            wait: true,
            quantity: Some(2),
            create: false,
            lifespan: 7,
        });
        let answer = Message::Answer(Answer {
            fence: None,
            previous: None,
            session: None,
            step: AnswerStep::Later,
            rc: 0,
            element: Some("e".to_string()),
        });
        let unlock = Message::Unlock(Unlock {
            ended: None,
            name: b"db".to_vec(),
            rollback: true,
        });
        let here = Message::Here(Here {
            address: String::new(),
            port: 7,
        });
        let shutdown = Message::Shutdown(Shutdown {
            session: session(),
            immediate: true,
        });
        let who = Who {
            host: Some("alpha".to_owned()),
            user: Some("ann".to_owned()),
            pid: Some(7),
            label: Some("nightly".to_owned()),
            command: None,
        };
        let observe = Message::Observe(Observe {
            session: session().map(|session| Session {
                who: Some(Box::new(who)),
                ..session
            }),
            about: About::Why,
            name: b"d\nb".to_vec(),
            mode: None,
            quantity: None,
            create: true,
            json: false,
        });
        let report = Message::Report(Report {
            rc: 1,
            last: true,
            text: b"ab".to_vec(),
        });
        for (message, line) in [
            (
                lock,
                "lock 'd b' mode=5 quantity=2 wait lifespan=7 ms by id ext",
            ),
            (answer, "answer Later rc=0 element='e'"),
            (unlock, "unlock 'db' rollback"),
            (observe, "observe Why 'd b' by id ext ann alpha 7 nightly"),
            (report, "report of 2 bytes rc=1 last"),
            (Message::Ping, "ping"),
            (Message::Pong, "pong"),
            (Message::Discover, "discovery query"),
            (here, "discovery reply address='' port=7"),
            (shutdown, "shutdown immediate by id ext"),
        ] {
            assert_eq!(message.to_string(), line);
        }
    }
}
