//! Bytes on their way from one end of a connection to the other.

use std::collections::VecDeque;

use crate::random::Random;

/// One direction of a connection: what was sent arrives in order, in pieces of any size, later.
#[derive(Debug, Default)]
pub(crate) struct Pipe {
    bytes: VecDeque<u8>,
    /// Nothing comes after `bytes` but the end.
    ended: bool,
    /// When the next piece arrives, in µs.
    arrives: Option<u64>,
}

/// What arrives.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece {
    /// In the order in which they were sent.
    pub bytes: Vec<u8>,
    /// Whether that was all.
    pub ends: bool,
}

/// How slow a piece is at most, in µs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delay(pub(crate) u64);

impl Pipe {
    /// Sends bytes; after the end they go nowhere.
    pub(crate) fn send(&mut self, now: u64, bytes: &[u8], delay: Delay, random: &mut Random) {
        if !self.ended && !bytes.is_empty() {
            self.bytes.extend(bytes);
            self.hurry(now, delay, random);
        }
    }

    /// Nothing more is sent.
    pub(crate) fn end(&mut self, now: u64, delay: Delay, random: &mut Random) {
        if !self.ended {
            self.ended = true;
            self.hurry(now, delay, random);
        }
    }

    /// Breaks: of what is under way only the first part arrives.
    pub(crate) fn tear(&mut self, now: u64, delay: Delay, random: &mut Random) {
        let kept = random.index(self.bytes.len() + 1);
        self.bytes.truncate(kept);
        self.end(now, delay, random);
    }

    /// When something arrives, in µs.
    pub(crate) fn arrives(&self) -> Option<u64> {
        self.arrives
    }

    /// What arrives now, if anything does.
    pub(crate) fn receive(&mut self, now: u64, delay: Delay, random: &mut Random) -> Option<Piece> {
        self.arrives.filter(|time| *time <= now)?;
        let whole = self.bytes.len();
        let part = match random.percent(60) {
            true => whole,
            false => random.index(whole + 1),
        };
        let ends = self.ended && part == whole;
        self.arrives = None;
        if part < whole || self.ended && !ends {
            self.hurry(now, delay, random);
        }
        Some(Piece {
            bytes: self.bytes.drain(..part).collect(),
            ends,
        })
    }

    fn hurry(&mut self, now: u64, delay: Delay, random: &mut Random) {
        if self.arrives.is_none() {
            self.arrives = Some(now + random.below(delay.0 + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_arrives_in_order_and_then_the_end() {
        let delay = Delay(500);
        for seed in 0..200 {
            let mut random = Random::new(seed);
            let mut pipe = Pipe::default();
            let (mut now, mut arrived, mut ended) = (0, Vec::new(), false);
            for part in ["ab", "cdefg", "h"] {
                pipe.send(now, part.as_bytes(), delay, &mut random);
                now += random.below(300);
            }
            pipe.end(now, delay, &mut random);
            while let Some(time) = pipe.arrives() {
                assert!(!ended);
                now = now.max(time);
                let piece = pipe.receive(now, delay, &mut random).unwrap();
                arrived.extend(piece.bytes);
                ended = piece.ends;
            }
            assert_eq!((&arrived[..], ended), (&b"abcdefgh"[..], true));
        }
    }

    #[test]
    fn a_torn_pipe_ends_at_any_byte() {
        let delay = Delay(500);
        let mut lengths = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let mut random = Random::new(seed);
            let mut pipe = Pipe::default();
            pipe.send(0, b"abcd", delay, &mut random);
            pipe.tear(0, delay, &mut random);
            let mut arrived = Vec::new();
            while let Some(time) = pipe.arrives() {
                arrived.extend(pipe.receive(time, delay, &mut random).unwrap().bytes);
            }
            assert!(b"abcd".starts_with(&arrived));
            lengths.insert(arrived.len());
        }
        assert_eq!(lengths.len(), 5);
    }
}
