//! Whole sessions: several clients say anything, in any pieces, and go at any time; time passes.
//! The daemon's conversation and its lock manager keep their promises to all, and in the end
//! nothing is left.

#![no_main]

use flom_core::{Event, Fairness, Footprint};
use flom_proto::{About, Lock, Message, Observe, Session, Shutdown, Ties, Unlock, encode};
use flom_sim::daemon::{Daemon, Deed};
use flom_sim::judge::Judge;
use flom_sim::pipe::Piece;
use flom_types::{Lineage, Now, Previous, SessionId, Time, Token};
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;

const CLIENTS: u64 = 4;

/// What clients ask for most; anything else they have to make up.
const NAMES: [&str; 12] = [
    "foo",
    "pool[3]",
    "a.b",
    "/h",
    "/h/a",
    "/h/a/x",
    "/g",
    "_s_a[1]",
    "_S_a[2]",
    "_t_%F.%T#f[2]",
    "_t_%F[1]",
    "1f",
];

fuzz_target!(|bytes: &[u8]| {
    let mut world = World::new();
    let mut rest = bytes;
    while let Some(choice) = byte(&mut rest) {
        world.step(choice, &mut rest);
    }
    world.end();
});

struct World {
    daemon: Daemon,
    judge: Judge,
    /// The connection of each client, and what is on its way from it.
    clients: [Option<(SessionId, Vec<u8>)>; CLIENTS as usize],
    opened: u64,
    now: Now,
}

impl World {
    fn new() -> Self {
        Self {
            daemon: Daemon::new(Fairness::Bounded(1), TimeZone::UTC),
            judge: Judge::new(Some(1), false),
            clients: Default::default(),
            opened: 0,
            now: Now {
                time: Time(1_000_000),
                wall_us: 1_795_356_309_250_000,
            },
        }
    }

    fn step(&mut self, choice: u8, rest: &mut &[u8]) {
        let who = usize::from(choice) % self.clients.len();
        match choice / 4 % 16 {
            0..=7 => {
                self.say(who, |own, bytes| encode(&message(own, rest), bytes));
            }
            8 | 9 => {
                let count = usize::from(byte(rest).unwrap_or(0)).min(rest.len());
                let (some, others) = rest.split_at(count);
                *rest = others;
                self.say(who, |_, bytes| bytes.extend_from_slice(some));
            }
            10 | 11 => {
                let part = usize::from(byte(rest).unwrap_or(0));
                self.arrive(who, part, false);
            }
            12 => {
                let part = usize::from(byte(rest).unwrap_or(0));
                self.arrive(who, part, true);
            }
            13 => self.pass(u64::from(byte(rest).unwrap_or(0)) * 10),
            14 => {
                self.now.wall_us += i64::from(byte(rest).unwrap_or(0)) * 100_000 - 12_800_000;
            }
            _ => self.turn(),
        }
    }

    fn say(&mut self, who: usize, words: impl FnOnce(SessionId, &mut Vec<u8>)) {
        let (session, bytes) = self.clients[who].get_or_insert_with(|| {
            self.opened += 1;
            self.daemon.admit(SessionId(self.opened));
            (SessionId(self.opened), Vec::new())
        });
        words(*session, bytes);
    }

    /// All but the last `part` bytes arrive, and if nothing follows, the end.
    fn arrive(&mut self, who: usize, part: usize, ends: bool) {
        let Some((session, bytes)) = &mut self.clients[who] else {
            return;
        };
        let count = bytes.len().saturating_sub(part);
        let bytes = bytes.drain(..count).collect();
        self.daemon.receive(*session, &Piece { bytes, ends });
        if ends {
            self.clients[who] = None;
        }
    }

    fn pass(&mut self, ms: u64) {
        self.now.time = self.now.time.after_ms(ms);
        self.now.wall_us += 1000 * i64::try_from(ms).unwrap();
        self.turn();
    }

    fn turn(&mut self) {
        for deed in self.daemon.turn(self.now) {
            match deed {
                Deed::Heard(event) => {
                    if let Event::Lock { request, .. } = &event {
                        assert!(request.quantity > 0, "{request:?}");
                    }
                    self.judge.heard(&event);
                }
                Deed::Told(action) => self.judge.told(&action).unwrap(),
                Deed::Sent(_, bytes) => assert!(!bytes.is_empty()),
                Deed::Ended(_) => {}
            }
        }
    }

    fn end(mut self) {
        for who in 0..self.clients.len() {
            self.arrive(who, 0, true);
        }
        self.turn();
        assert!(self.judge.is_over());
        while let Some(time) = self.daemon.next_deadline() {
            let ms = time.since(self.now.time).as_millis();
            self.pass(u64::try_from(ms).unwrap());
        }
        assert_eq!(self.daemon.manager.footprint(), Footprint::default());
        assert!(self.daemon.is_empty());
    }
}

fn byte(rest: &mut &[u8]) -> Option<u8> {
    let (first, others) = rest.split_first()?;
    *rest = others;
    Some(*first)
}

/// Some run inside of each other.
fn ties(own: SessionId, number: u8) -> Ties {
    let own = Token(own.0);
    let outer = Lineage::outermost(Token(u64::from(number % 8)));
    Ties {
        lineage: Some(match number & 8 {
            0 => Lineage::outermost(own),
            _ => outer.inner(own),
        }),
        reentrant: number & 16 != 0,
        beat_ms: u32::from(number & 32),
        grace_ms: u32::from(number & 64),
        resume: number > 200,
    }
}

/// A sound message, made of the next few bytes; its values need not be.
fn message(own: SessionId, rest: &mut &[u8]) -> Message {
    let mut next = || byte(rest).unwrap_or(0);
    let (what, which, flags, number) = (next(), next(), next(), next());
    let flag = |bit: u8| flags >> bit & 1 == 1;
    let session = flag(0).then(|| Session {
        peer_id: if flag(1) {
            "0123456789abcdef0123456789abcdef"
        } else {
            "x"
        }
        .into(),
        ext: flag(2),
        ties: flag(7).then(|| Box::new(ties(own, number))),
        who: None,
    });
    let name = NAMES[usize::from(which) % NAMES.len()].as_bytes().to_vec();
    let value = i64::from(number % 8) - 1;
    match what % 16 {
        0..=9 => Message::Lock(Lock {
            session,
            name,
            mode: (!flag(3)).then_some(value),
            wait: flag(4),
            quantity: (!flag(5)).then_some(value),
            create: !flag(6),
            lifespan: i64::from(number) - 10,
        }),
        10..=13 => Message::Unlock(Unlock {
            name,
            rollback: flag(3),
            ended: flag(4).then_some(Previous::Failed(number)),
        }),
        14 if number == 0 => Message::Shutdown(Shutdown {
            session,
            immediate: flag(3),
        }),
        15 if number != 0 => Message::Observe(Observe {
            session,
            about: [About::Status, About::Why, About::Wait][usize::from(number) % 3],
            name,
            mode: (!flag(3)).then_some(value),
            quantity: (!flag(5)).then_some(value),
            create: flag(6),
            json: flag(7),
        }),
        _ => Message::Ping,
    }
}
