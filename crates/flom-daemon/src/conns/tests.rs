//! Who is who, and who is told what, over pairs of sockets.

use std::os::unix::net::UnixStream;

use flom_core::CloseReason;
use mio::Poll;

use super::*;

const NOW: Time = Time(0);

struct Scene {
    conns: Conns,
    poll: Poll,
    peers: Vec<UnixStream>,
}

impl Scene {
    fn set() -> Self {
        Self {
            conns: Conns::new(Answers::of("id".to_owned())),
            poll: Poll::new().unwrap(),
            peers: Vec::new(),
        }
    }

    fn admit(&mut self) -> SessionId {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        self.peers.push(theirs);
        self.conns
            .admit(Time(0), ours.into(), self.poll.registry())
            .unwrap();
        SessionId(self.conns.serial << SLOT_BITS | self.slot_of_last())
    }

    fn slot_of_last(&self) -> u64 {
        let newest = |conn: &&Option<Conn>| {
            conn.as_ref()
                .is_some_and(|conn| number(conn.id()) == self.conns.serial)
        };
        let slot = self
            .conns
            .slots
            .iter()
            .position(|conn| newest(&conn))
            .unwrap();
        u64::try_from(slot).unwrap()
    }
}

fn answer(session: SessionId, outcome: Outcome) -> Action {
    Action::Answer {
        session,
        step: Step::First,
        outcome,
        element: None,
        granted: None,
    }
}

#[test]
fn what_is_late_for_one_that_has_gone_never_meets_a_newcomer() {
    let mut scene = Scene::set();
    let old = scene.admit();
    scene.conns.lose(old);
    let new = scene.admit();
    assert_eq!(slot(old), slot(new));
    assert_ne!(token(old), token(new));
    assert!(scene.conns.get_mut(old).is_none());
    scene.conns.act(NOW, answer(old, Outcome::Granted));
    let reason = CloseReason::AskedOther;
    scene.conns.act(
        NOW,
        Action::Close {
            session: old,
            reason,
        },
    );
    assert!(!scene.conns.is_due());
    assert_eq!(scene.conns.get_mut(new).unwrap().id(), new);
    assert_eq!(scene.conns.len(), 1);
}

#[test]
fn the_manager_is_told_once_of_each_that_has_gone() {
    let mut scene = Scene::set();
    let [lost, refused, expelled] = [(); 3].map(|()| scene.admit());
    scene.conns.lose(lost);
    scene.conns.lose(lost);
    scene.conns.act(NOW, answer(refused, Outcome::Refused));
    scene.conns.lose(refused);
    let reason = CloseReason::AskedOther;
    scene.conns.act(
        NOW,
        Action::Close {
            session: expelled,
            reason,
        },
    ); // it knows
    assert_eq!(scene.conns.next_gone(), Some(lost));
    assert_eq!(scene.conns.next_gone(), Some(refused));
    assert_eq!(scene.conns.next_gone(), None);
    assert_eq!(scene.conns.len(), 0);
}

#[test]
fn who_cannot_be_told_has_gone() {
    let mut scene = Scene::set();
    let [gone, other] = [(); 2].map(|()| scene.admit());
    scene.peers.remove(0);
    for session in [gone, other] {
        scene.conns.act(NOW, answer(session, Outcome::Granted));
    }
    scene.conns.flush(scene.poll.registry());
    assert_eq!(scene.conns.next_gone(), Some(gone));
    assert_eq!(scene.conns.next_gone(), None);
}

#[test]
fn who_has_had_the_last_answer_is_given_time_to_close_but_not_for_ever() {
    let mut scene = Scene::set();
    let session = scene.admit();
    scene.conns.act(NOW, answer(session, Outcome::InvalidName));
    scene.conns.flush(scene.poll.registry());
    scene.conns.expire(Time(LINGER_MS - 1));
    assert_eq!(scene.conns.len(), 1);
    assert_eq!(scene.conns.next_deadline(), Some(Time(LINGER_MS)));
    scene.conns.expire(Time(LINGER_MS));
    assert_eq!(scene.conns.len(), 0);
    assert_eq!(scene.conns.next_deadline(), None);
}
