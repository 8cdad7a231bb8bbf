//! Commands under locks within commands under locks: who runs inside of whom.

use std::fmt;
use std::str::FromStr;

use crate::limits::LINEAGE_TOKENS;

/// What tells one run of `flom` from every other; drawn at random by the client.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Token(pub u64);

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A run of `flom` and those it runs inside of, as `FLOM_SESSION` hands it down:
/// `0123456789abcdef.89abcdef01234567`, the outermost first, the run itself last.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Lineage {
    outer: Vec<Token>,
    own: Token,
}

impl Lineage {
    /// A run inside of no other.
    pub fn outermost(own: Token) -> Self {
        let outer = Vec::new();
        Self { outer, own }
    }

    /// A run directly inside of this one. Of very deep ones the innermost are kept:
    /// [`LINEAGE_TOKENS`] with the run itself.
    #[must_use]
    pub fn inner(&self, own: Token) -> Self {
        let mut outer = self.outer.clone();
        outer.push(self.own);
        let surplus = outer.len().saturating_sub(LINEAGE_TOKENS - 1);
        outer.drain(..surplus);
        Self { outer, own }
    }

    /// The run itself.
    pub fn own(&self) -> Token {
        self.own
    }

    /// Those it runs inside of, the outermost first.
    pub fn outer(&self) -> &[Token] {
        &self.outer
    }
}

impl fmt::Display for Lineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for token in &self.outer {
            write!(f, "{token}.")?;
        }
        self.own.fmt(f)
    }
}

/// The text is no lineage.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("expected up to {LINEAGE_TOKENS} groups of 16 hexadecimal digits with dots between them")]
pub struct ParseLineageError;

impl FromStr for Lineage {
    type Err = ParseLineageError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut outer = Vec::new();
        for word in text.split('.').take(LINEAGE_TOKENS + 1) {
            outer.push(token(word).ok_or(ParseLineageError)?);
        }
        let own = outer.pop().ok_or(ParseLineageError)?;
        match outer.len() < LINEAGE_TOKENS {
            true => Ok(Self { outer, own }),
            false => Err(ParseLineageError),
        }
    }
}

fn token(word: &str) -> Option<Token> {
    let is_hex = word.len() == 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u64::from_str_radix(word, 16).ok().filter(|_| is_hex)?;
    Some(Token(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lineage_comes_back_from_its_text() {
        let one = Lineage::outermost(Token(0xab));
        assert_eq!(one.to_string(), "00000000000000ab");
        let two = one.inner(Token(u64::MAX));
        assert_eq!(two.to_string(), "00000000000000ab.ffffffffffffffff");
        for lineage in [one, two] {
            assert_eq!(lineage.to_string().parse(), Ok(lineage));
        }
    }

    #[test]
    fn of_very_deep_ones_the_innermost_are_kept() {
        let mut lineage = Lineage::outermost(Token(0));
        for number in 1..100 {
            lineage = lineage.inner(Token(number));
            assert_eq!(lineage.to_string().parse(), Ok(lineage.clone()));
        }
        let kept: Vec<u64> = lineage.outer().iter().map(|token| token.0).collect();
        assert_eq!(kept, (84..99).collect::<Vec<_>>());
        assert_eq!(lineage.own(), Token(99));
    }

    #[test]
    fn whatever_looks_different_is_none() {
        let word = "0123456789abcdef";
        let deep = [word; LINEAGE_TOKENS + 1].join(".");
        for text in [
            "",
            ".",
            "0",
            "0123456789abcdef.",
            "+123456789abcdef",
            "0123456789abcdeg",
            &deep,
        ] {
            assert_eq!(text.parse::<Lineage>(), Err(ParseLineageError), "{text}");
        }
        assert!(deep[17..].parse::<Lineage>().is_ok());
    }
}
