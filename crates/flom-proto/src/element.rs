//! What the elements of a message say, collected until it ends.

use std::borrow::Cow;

use flom_types::{Previous, Who};
use quick_xml::escape::unescape;
use quick_xml::events::BytesStart;

use crate::error::DecodeError;
use crate::message::{
    Answer, AnswerStep, Here, LEVEL, Lock, Message, Session, Shutdown, Ties, Unlock,
};
use crate::observe::{About, Observe, Report};
use crate::value::{base64, integer};

/// A message that is being read: everything its elements have said so far, the last word counting.
///
/// Elements and attributes that nobody knows, or that belong to another message, have no say.
#[derive(Default, Debug)]
pub(crate) struct Draft {
    /// Whether `msg` has been there; what comes before it counts for nothing.
    open: bool,
    level: Option<i64>,
    verb: i64,
    step: i64,
    session: Option<Session>,
    name: Option<Vec<u8>>,
    mode: Option<i64>,
    wait: bool,
    quantity: Option<i64>,
    create: bool,
    lifespan: i64,
    rollback: bool,
    ended: Option<Previous>,
    /// Whether `answer` has been there.
    answered: bool,
    rc: i64,
    element: Option<String>,
    fence: Option<u64>,
    previous: Option<Previous>,
    address: Option<String>,
    port: Option<i64>,
    immediate: Option<bool>,
    about: i64,
    json: bool,
    text: Option<Vec<u8>>,
}

impl Draft {
    /// Takes in an element from its start tag.
    ///
    /// # Errors
    ///
    /// If the tag is no XML, or a `msg` of another level: nothing more is understood then.
    pub(crate) fn take(&mut self, tag: &BytesStart<'_>) -> Result<(), DecodeError> {
        let name = tag.name();
        let element = name.as_ref();
        match element {
            "msg" => self.open = true,
            "session" if self.open => _ = self.session(),
            "answer" if self.open => self.answered = true,
            _ => {}
        }
        // Of attributes that are there twice the last counts, so they are not checked for.
        for attribute in tag.attributes().with_checks(false) {
            let attribute = attribute.map_err(|_| unreadable(BAD_ATTRIBUTE))?;
            let value = unescape(&attribute.value).map_err(|_| unreadable(BAD_ENTITY))?;
            if self.open {
                self.set(element, attribute.key.as_ref(), value);
            }
        }
        match self.level {
            Some(theirs) if theirs != i64::from(LEVEL) => Err(DecodeError::OtherLevel { theirs }),
            _ => Ok(()),
        }
    }

    fn set(&mut self, element: &str, attribute: &str, value: Cow<'_, str>) {
        match (element, attribute) {
            ("msg", "level") => self.level = Some(integer(&value)),
            ("msg", "verb") => self.verb = integer(&value),
            ("msg", "step") => self.step = integer(&value),
            ("session", "peerid") => self.session().peer_id = value.into_owned(),
            ("session", "ext") => self.session().ext = integer(&value) != 0,
            // What is no lineage says nothing.
            ("session", "lineage") => self.ties().lineage = value.parse().ok(),
            ("session", "reentrant") => self.ties().reentrant = integer(&value) != 0,
            ("session", "beat") => self.ties().beat_ms = milliseconds(&value),
            ("session", "grace") => self.ties().grace_ms = milliseconds(&value),
            ("session", "resume") => self.ties().resume = integer(&value) != 0,
            ("session", "host") => self.who().host = Some(value.into_owned()),
            ("session", "user") => self.who().user = Some(value.into_owned()),
            ("session", "pid") => self.who().pid = u32::try_from(integer(&value)).ok(),
            ("session", "label") => self.who().label = Some(value.into_owned()),
            ("session", "command") => self.who().command = Some(value.into_owned()),
            ("observe", "about") => self.about = integer(&value),
            ("observe", "name") => self.name = Some(base64(&value)),
            ("observe", "mode") => self.mode = Some(integer(&value)),
            ("observe", "quantity") => self.quantity = Some(integer(&value)),
            ("observe", "create") => self.create = integer(&value) != 0,
            ("observe", "json") => self.json = integer(&value) != 0,
            ("report", "rc") => self.rc = integer(&value),
            ("report", "text") => self.text = Some(base64(&value)),
            ("resource", "name") => self.name = Some(base64(&value)),
            ("resource", "mode") => self.mode = Some(integer(&value)),
            ("resource", "wait") => self.wait = integer(&value) != 0,
            ("resource", "quantity") => self.quantity = Some(integer(&value)),
            ("resource", "create") => self.create = integer(&value) != 0,
            ("resource", "lifespan") => self.lifespan = integer(&value),
            ("resource", "rollback") => self.rollback = integer(&value) != 0,
            ("resource", "ended") => self.ended = value.parse().ok(),
            ("answer", "rc") => self.rc = integer(&value),
            ("answer", "element") => self.element = Some(value.into_owned()),
            ("answer", "fence") => self.fence = value.parse().ok(),
            ("answer", "previous") => self.previous = value.parse().ok(),
            ("network", "address") => self.address = Some(value.into_owned()),
            ("network", "port") => self.port = Some(integer(&value)),
            ("shutdown", "immediate") => self.immediate = Some(integer(&value) != 0),
            _ => {}
        }
    }

    /// The session, there from now on.
    fn session(&mut self) -> &mut Session {
        self.session.get_or_insert_with(|| Session {
            peer_id: String::new(),
            ext: false,
            ties: None,
            who: None,
        })
    }

    /// Who the session says it is; nobody yet, unless it has said something.
    fn who(&mut self) -> &mut Who {
        self.session().who.get_or_insert_default()
    }

    /// What ties the session to others; nothing yet, unless it has said something.
    fn ties(&mut self) -> &mut Ties {
        self.session().ties.get_or_insert_default()
    }

    /// The message, now that its last byte has been read.
    pub(crate) fn finish(self) -> Result<Message, DecodeError> {
        Ok(match (self.verb, self.step) {
            (1, 8) => Message::Lock(self.lock()?),
            (1, 16) => Message::Answer(self.answer(AnswerStep::First)?),
            (1, 24) => Message::Answer(self.answer(AnswerStep::Later)?),
            (1, 32) => Message::Answer(self.answer(AnswerStep::Last)?),
            (2, 8) => Message::Unlock(self.unlock()?),
            (3, 8) => Message::Ping,
            (3, 16) => Message::Pong,
            (4, 8) => Message::Discover,
            (4, 16) => Message::Here(self.here()?),
            (5, 8) => Message::Shutdown(self.shutdown()?),
            (OBSERVE, 8) => Message::Observe(self.observe()?),
            (OBSERVE, 16) => Message::Report(self.report(false)?),
            (OBSERVE, 24) => Message::Report(self.report(true)?),
            (verb, step) => return Err(DecodeError::UnknownMessage { verb, step }),
        })
    }

    fn lock(self) -> Result<Lock, DecodeError> {
        Ok(Lock {
            session: self.session,
            name: self.name.ok_or(missing("resource", "name"))?,
            mode: self.mode,
            wait: self.wait,
            quantity: self.quantity,
            create: self.create,
            lifespan: self.lifespan,
        })
    }

    fn answer(self, step: AnswerStep) -> Result<Answer, DecodeError> {
        if !self.answered {
            return Err(missing("answer", "rc"));
        }
        Ok(Answer {
            session: self.session,
            step,
            rc: clamped(self.rc),
            element: self.element,
            fence: self.fence,
            previous: self.previous,
        })
    }

    fn unlock(self) -> Result<Unlock, DecodeError> {
        Ok(Unlock {
            name: self.name.ok_or(missing("resource", "name"))?,
            rollback: self.rollback,
            ended: self.ended,
        })
    }

    fn here(self) -> Result<Here, DecodeError> {
        let value = self.port.ok_or(missing("network", "port"))?;
        let port = u16::try_from(value).ok().filter(|port| *port != 0);
        Ok(Here {
            address: self.address.ok_or(missing("network", "address"))?,
            port: port.ok_or(DecodeError::OutOfRange {
                element: "network",
                attribute: "port",
                value,
            })?,
        })
    }

    fn observe(self) -> Result<Observe, DecodeError> {
        Ok(Observe {
            session: self.session,
            about: About::from_number(self.about).ok_or(DecodeError::OutOfRange {
                element: "observe",
                attribute: "about",
                value: self.about,
            })?,
            name: self.name.unwrap_or_default(),
            mode: self.mode,
            quantity: self.quantity,
            create: self.create,
            json: self.json,
        })
    }

    fn report(self, last: bool) -> Result<Report, DecodeError> {
        Ok(Report {
            rc: clamped(self.rc),
            last,
            text: self.text.ok_or(missing("report", "text"))?,
        })
    }

    fn shutdown(self) -> Result<Shutdown, DecodeError> {
        Ok(Shutdown {
            session: self.session,
            immediate: self.immediate.ok_or(missing("shutdown", "immediate"))?,
        })
    }
}

const OBSERVE: i64 = crate::encode::OBSERVE as i64;

/// No number from afar turns into one that means something.
fn clamped(rc: i64) -> i32 {
    rc.clamp(i32::MIN.into(), i32::MAX.into()) as i32
}

/// A time; none, where it makes no sense.
fn milliseconds(text: &str) -> u32 {
    u32::try_from(integer(text)).unwrap_or(0)
}

const BAD_ATTRIBUTE: &str = "an attribute is not of the form name=\"value\"";
const BAD_ENTITY: &str = "a value has an entity that does not exist";

fn unreadable(problem: &'static str) -> DecodeError {
    DecodeError::Unreadable { problem }
}

fn missing(element: &'static str, attribute: &'static str) -> DecodeError {
    DecodeError::Missing { element, attribute }
}
