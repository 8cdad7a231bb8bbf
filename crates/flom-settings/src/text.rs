//! Bytes that a user has given, as text for a message.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// `word` for a message: what is no UTF-8 shows as replacement characters, and control characters
/// show escaped, so that a message stays one line.
pub fn shown(word: &OsStr) -> String {
    let mut text = String::new();
    for character in word.to_string_lossy().chars() {
        match character.is_control() {
            true => text.extend(character.escape_default()),
            false => text.push(character),
        }
    }
    text
}

/// As [`shown`], for bytes.
pub(crate) fn shown_bytes(bytes: &[u8]) -> String {
    shown(OsStr::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_cannot_break_a_line() {
        assert_eq!(shown(OsStr::new("a\nb\té")), "a\\nb\\té");
        assert_eq!(shown(OsStr::from_bytes(b"\xff")), "\u{fffd}");
    }
}
