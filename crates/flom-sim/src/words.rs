//! What clients say, as bytes.

use flom_core::Request;
use flom_proto::{Lock, Message, Session, Shutdown, Unlock, encode};
use flom_types::ResourceKind;

use crate::random::Random;

fn said(message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(message, &mut bytes);
    bytes
}

/// A request.
pub(crate) fn lock(request: &Request, random: &mut Random) -> Vec<u8> {
    let kind = request.resource.kind();
    said(&Message::Lock(Lock {
        session: session(random),
        name: request.resource.as_bytes().to_vec(),
        mode: kind.has_modes().then(|| i64::from(request.mode.number())),
        wait: request.wait,
        quantity: matches!(kind, ResourceKind::Numeric { .. }).then(|| i64::from(request.quantity)),
        create: request.create,
        lifespan: i64::try_from(request.idle_lifespan_ms).expect("lifespans are short"),
    }))
}

/// The order to serve nobody new.
pub(crate) fn order_end(random: &mut Random) -> Vec<u8> {
    said(&Message::Shutdown(Shutdown {
        session: session(random),
        immediate: false,
    }))
}

/// Something that no client should say, or not now.
pub(crate) fn nonsense(random: &mut Random) -> Vec<u8> {
    const WORDS: [&str; 7] = [
        "<msg",
        "</msg>",
        "level=\"3\"",
        " verb=\"1\"",
        "\0",
        "<lock/>",
        "step=\"8\"",
    ];
    match random.percent(30) {
        true => said(&Message::Discover),
        false => (0..random.below(6))
            .flat_map(|_| random.pick(&WORDS).bytes())
            .collect(),
    }
}

/// The end of a lock, or of the wait for it.
pub(crate) fn unlock(request: &Request, random: &mut Random) -> Vec<u8> {
    said(&Message::Unlock(Unlock {
        ended: None,
        name: request.resource.as_bytes().to_vec(),
        rollback: random.percent(40),
    }))
}

/// Old clients, new ones, and those that say nothing about themselves.
fn session(random: &mut Random) -> Option<Session> {
    let (peer_id, ext) = match random.below(3) {
        0 => return None,
        1 => ("fedcba9876543210fedcba9876543210", false),
        _ => ("somebody", true),
    };
    Some(Session {
        ties: None,
        peer_id: peer_id.into(),
        ext,
        who: None,
    })
}
