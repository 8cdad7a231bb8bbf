//! What the values of a message mean, and whether they make sense.

use flom_proto::{About, Observe, Session, Ties};
use flom_status::{Format, Question as Wanted};
use flom_types::limits::WHO_BYTES;
use flom_types::{LockMode, ResourceKind, ResourceName, Who};

use super::{Dialect, PeerFault};
use crate::observers::Question;

/// What ties the request to others and to its connection, if the peer understands what may be said
/// about that.
pub(super) fn ties(session: &mut Session) -> Option<Box<Ties>> {
    session.ties.take().filter(|_| session.ext)
}

pub(super) fn dialect(session: &Session) -> Dialect {
    let is_machine_id =
        session.peer_id.len() == 32 && session.peer_id.bytes().all(|byte| byte.is_ascii_hexdigit());
    match (session.ext, is_machine_id) {
        (true, _) => Dialect::Extended,
        (false, true) => Dialect::Old,
        (false, false) => Dialect::Plain,
    }
}

/// The mode asked for. None given means NL where there are modes, as in FLoM 1.7.2.
pub(super) fn mode(asked: Option<i64>, kind: ResourceKind) -> Result<LockMode, PeerFault> {
    match asked {
        Some(number) => LockMode::from_number(number).ok_or(PeerFault::Mode(number)),
        None if kind.has_modes() => Ok(LockMode::NullLock),
        None => Ok(LockMode::Exclusive),
    }
}

/// The units asked for; what 32 bits cannot hold is more than any resource has. None given means 0
/// where units count, and that is refused like any other that makes no sense.
pub(super) fn quantity(asked: Option<i64>, kind: ResourceKind) -> Result<u32, PeerFault> {
    match asked {
        Some(units @ ..=0) => Err(PeerFault::Quantity(units)),
        Some(units) => Ok(u32::try_from(units).unwrap_or(u32::MAX)),
        None if matches!(kind, ResourceKind::Numeric { .. }) => Err(PeerFault::Quantity(0)),
        None => Ok(1),
    }
}

/// What a peer wants to know.
pub(super) fn question(observe: &Observe) -> Result<Question, PeerFault> {
    let name = || ResourceName::parse(&observe.name).map_err(PeerFault::ObserveName);
    let format = match observe.json {
        true => Format::Json,
        false => Format::Text,
    };
    Ok(match observe.about {
        About::Wait => Question::Wait,
        About::Metrics => Question::Metrics,
        About::Status if observe.name.is_empty() => Question::Status { only: None, format },
        About::Status => Question::Status {
            only: Some(name()?),
            format,
        },
        About::Why => {
            let resource = name()?;
            let wanted = Wanted {
                mode: mode(observe.mode, resource.kind())?,
                quantity: quantity(observe.quantity, resource.kind())?,
                create: observe.create,
                resource,
            };
            Question::Why { wanted, format }
        }
    })
}

/// No more of each word than [`WHO_BYTES`]: a peer may say much, but it is kept for long.
pub(super) fn in_short(mut who: Who) -> Who {
    let words = [
        &mut who.host,
        &mut who.user,
        &mut who.label,
        &mut who.command,
    ];
    for word in words.into_iter().flatten() {
        word.truncate(word.floor_char_boundary(WHO_BYTES));
        word.shrink_to_fit();
    }
    who
}
