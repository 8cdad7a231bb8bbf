//! What the keys of a terminal mean.

/// A key that was pressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Key {
    /// `q`, Ctrl-C, Ctrl-D.
    Quit,
    /// Through what does not fit.
    Move(Move),
}

/// Where to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Move {
    /// So many lines.
    Lines(isize),
    /// So many screens.
    Screens(isize),
    Top,
    Bottom,
}

/// The bytes of keys, longest first: what arrow keys send begins as Escape does.
const KEYS: [(&[u8], Key); 24] = [
    (b"\x1b[5~", Key::Move(Move::Screens(-1))),
    (b"\x1b[6~", Key::Move(Move::Screens(1))),
    (b"\x1b[1~", Key::Move(Move::Top)),
    (b"\x1b[4~", Key::Move(Move::Bottom)),
    (b"\x1b[A", Key::Move(Move::Lines(-1))),
    (b"\x1b[B", Key::Move(Move::Lines(1))),
    (b"\x1bOA", Key::Move(Move::Lines(-1))),
    (b"\x1bOB", Key::Move(Move::Lines(1))),
    (b"\x1b[H", Key::Move(Move::Top)),
    (b"\x1b[F", Key::Move(Move::Bottom)),
    (b"\x1bOH", Key::Move(Move::Top)),
    (b"\x1bOF", Key::Move(Move::Bottom)),
    (b"k", Key::Move(Move::Lines(-1))),
    (b"j", Key::Move(Move::Lines(1))),
    (b"\r", Key::Move(Move::Lines(1))),
    (b" ", Key::Move(Move::Screens(1))),
    (b"f", Key::Move(Move::Screens(1))),
    (b"b", Key::Move(Move::Screens(-1))),
    (b"g", Key::Move(Move::Top)),
    (b"G", Key::Move(Move::Bottom)),
    (b"q", Key::Quit),
    (b"Q", Key::Quit),
    (b"\x03", Key::Quit),
    (b"\x04", Key::Quit),
];

/// The keys that `bytes` come from; others are passed over.
pub(crate) fn read(mut bytes: &[u8]) -> Vec<Key> {
    let mut keys = Vec::new();
    while !bytes.is_empty() {
        let found = KEYS.iter().find(|(sent, _)| bytes.starts_with(sent));
        let length = found.map_or(1, |(sent, _)| sent.len());
        keys.extend(found.map(|(_, key)| *key));
        bytes = &bytes[length..];
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_is_known_wherever_it_stands() {
        for (sent, key) in KEYS {
            assert_eq!(read(sent), [key]);
            assert_eq!(read(&[b"x", sent, b"q"].concat()), [key, Key::Quit]);
        }
        assert_eq!(read(b"\x1b\x1b[xyz"), []);
    }
}
