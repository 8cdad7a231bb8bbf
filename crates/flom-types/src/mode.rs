//! The six lock modes and which of them go together.

use std::fmt;
use std::str::FromStr;

/// How a simple or hierarchical resource is locked: the modes of the VMS lock manager.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum LockMode {
    /// NL: interest only; goes with everything.
    NullLock = 0,
    /// CR: reads while others may write.
    ConcurrentRead = 1,
    /// CW: writes while others may write.
    ConcurrentWrite = 2,
    /// PR: reads while nobody writes.
    ProtectedRead = 3,
    /// PW: writes while others may read unprotected.
    ProtectedWrite = 4,
    /// EX: alone, but for NL.
    #[default]
    Exclusive = 5,
}

/// Row: mode held. Column: mode asked for. (`spec/resources.md` §5)
#[rustfmt::skip]
const COMPATIBLE: [[bool; 6]; 6] = {
    const Y: bool = true;
    const N: bool = false;
    [
        //        NL CR CW PR PW EX
        /* NL */ [Y, Y, Y, Y, Y, Y],
        /* CR */ [Y, Y, Y, Y, Y, N],
        /* CW */ [Y, Y, Y, N, N, N],
        /* PR */ [Y, Y, N, Y, N, N],
        /* PW */ [Y, Y, N, N, N, N],
        /* EX */ [Y, N, N, N, N, N],
    ]
};

/// Short word and long word, by number.
const WORDS: [(&str, &str); 6] = [
    ("NL", "NullLock"),
    ("CR", "ConcurrentRead"),
    ("CW", "ConcurrentWrite"),
    ("PR", "ProtectedRead"),
    ("PW", "ProtectedWrite"),
    ("EX", "Exclusive"),
];

impl LockMode {
    /// All modes, by number.
    pub const ALL: [Self; 6] = [
        Self::NullLock,
        Self::ConcurrentRead,
        Self::ConcurrentWrite,
        Self::ProtectedRead,
        Self::ProtectedWrite,
        Self::Exclusive,
    ];

    /// Whether a lock in mode `asked` can be granted while one in this mode is held.
    pub const fn admits(self, asked: Self) -> bool {
        COMPATIBLE[self as usize][asked as usize]
    }

    /// The mode's number on the wire, 0 (NL) to 5 (EX).
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The mode with this number on the wire.
    pub fn from_number(number: i64) -> Option<Self> {
        usize::try_from(number)
            .ok()
            .and_then(|number| Self::ALL.get(number))
            .copied()
    }

    /// The two letters: `NL`, `CR`, `CW`, `PR`, `PW`, `EX`.
    pub fn short_name(self) -> &'static str {
        WORDS[self as usize].0
    }

    /// The long word, such as `ProtectedRead`.
    pub fn long_name(self) -> &'static str {
        WORDS[self as usize].1
    }
}

impl fmt::Display for LockMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short_name())
    }
}

/// The word names no lock mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected NL, CR, CW, PR, PW or EX, or the long name of one of them")]
pub struct ParseModeError;

impl FromStr for LockMode {
    type Err = ParseModeError;

    /// Takes the short or the long word, in any letter case.
    fn from_str(word: &str) -> Result<Self, ParseModeError> {
        Self::ALL
            .into_iter()
            .find(|mode| {
                word.eq_ignore_ascii_case(mode.short_name())
                    || word.eq_ignore_ascii_case(mode.long_name())
            })
            .ok_or(ParseModeError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_equals_its_transpose() {
        for held in LockMode::ALL {
            for asked in LockMode::ALL {
                assert_eq!(held.admits(asked), asked.admits(held), "{held} and {asked}");
            }
        }
    }

    #[test]
    fn nl_goes_with_all_and_ex_with_nl_alone() {
        for mode in LockMode::ALL {
            assert!(LockMode::NullLock.admits(mode));
            assert_eq!(LockMode::Exclusive.admits(mode), mode == LockMode::NullLock);
        }
    }

    #[test]
    fn a_stronger_mode_never_admits_what_a_weaker_one_refuses() {
        use LockMode::{ConcurrentRead, ConcurrentWrite, ProtectedRead, ProtectedWrite};
        let weaker_and_stronger = [
            (ConcurrentRead, ProtectedRead),
            (ConcurrentRead, ConcurrentWrite),
            (ProtectedRead, ProtectedWrite),
            (ConcurrentWrite, ProtectedWrite),
            (ProtectedWrite, LockMode::Exclusive),
        ];
        for (weaker, stronger) in weaker_and_stronger {
            for asked in LockMode::ALL {
                assert!(
                    weaker.admits(asked) || !stronger.admits(asked),
                    "{weaker} {stronger}"
                );
            }
        }
    }

    #[test]
    fn words_and_numbers_name_the_same_mode() {
        for mode in LockMode::ALL {
            assert_eq!(LockMode::from_number(i64::from(mode.number())), Some(mode));
            assert_eq!(mode.short_name().to_lowercase().parse(), Ok(mode));
            assert_eq!(mode.long_name().to_uppercase().parse(), Ok(mode));
        }
        for word in ["", "SH", "5", "EXPR", "EX "] {
            assert_eq!(word.parse::<LockMode>(), Err(ParseModeError), "{word:?}");
        }
        assert_eq!(LockMode::from_number(-1), None);
        assert_eq!(LockMode::from_number(6), None);
    }
}
