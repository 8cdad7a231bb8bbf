//! What clients say, as bytes.

use flom_proto::{Lock, Message, Session, Shutdown, Unlock, encode};
use flom_types::LockMode;

/// The id of the host that the clients claim to run on.
const PEER_ID: &str = "00112233445566778899aabbccddeeff";

/// A lock request that waits and creates, as `flom` sends it.
pub fn lock(name: &str, mode: LockMode) -> Vec<u8> {
    request(name, |lock| lock.mode = Some(mode as i64))
}

/// A lock request whose resource is kept for `lifespan_ms` after its last user has left.
pub fn lock_kept(name: &str, lifespan_ms: i64) -> Vec<u8> {
    request(name, |lock| lock.lifespan = lifespan_ms)
}

/// The end of a lock.
pub fn unlock(name: &str) -> Vec<u8> {
    bytes(&Message::Unlock(Unlock {
        ended: None,
        name: name.into(),
        rollback: false,
    }))
}

/// The order to end at once.
pub fn shutdown() -> Vec<u8> {
    bytes(&Message::Shutdown(Shutdown {
        session: Some(session()),
        immediate: true,
    }))
}

/// Any lock request: `change` makes it of one that waits, creates and wants all for itself.
pub fn request(name: &str, change: impl FnOnce(&mut Lock)) -> Vec<u8> {
    let mut lock = Lock {
        session: Some(session()),
        name: name.into(),
        mode: Some(LockMode::Exclusive as i64),
        wait: true,
        quantity: None,
        create: true,
        lifespan: 0,
    };
    change(&mut lock);
    bytes(&Message::Lock(lock))
}

fn session() -> Session {
    Session {
        ties: None,
        peer_id: PEER_ID.to_owned(),
        ext: false,
        who: None,
    }
}

fn bytes(message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(message, &mut bytes);
    bytes
}
