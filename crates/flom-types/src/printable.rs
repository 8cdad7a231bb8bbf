//! Bytes from elsewhere, in a line for people.

use std::fmt::{self, Write};

/// Shows the printable ASCII of the bytes, and a blank for each other byte.
///
/// So whatever they are, the text stays in its line and does nothing to a terminal.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(pub &'a [u8]);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| {
            f.write_char(match byte {
                b' '..=b'~' => char::from(*byte),
                _ => ' ',
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_printable_ascii_is_a_blank() {
        assert_eq!(Printable(b"a\n\x1b\x7f\xff~").to_string(), "a    ~");
    }
}
