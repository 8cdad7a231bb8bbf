//! Integers as C reads them: blanks, a sign, `0x` for base 16, `0` for base 8, else base 10. And
//! as files have them: decimal.

use std::ffi::OsStr;
use std::num::{IntErrorKind, ParseIntError};
use std::os::unix::ffi::OsStrExt;

/// The number at the start of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scanned<'a> {
    /// Whether a minus sign stands before it.
    pub negative: bool,
    /// Its size without sign; `None` if that does not fit 64 bits.
    pub magnitude: Option<u64>,
    /// What follows the last digit.
    pub rest: &'a [u8],
}

/// Reads the number at the start of `text`; `None` if there is none.
pub fn scan(text: &[u8]) -> Option<Scanned<'_>> {
    let text = skip_blanks(text);
    let (negative, text) = match text.first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let (base, digits) = match text {
        [b'0', b'x' | b'X', first, ..] if first.is_ascii_hexdigit() => (16, &text[2..]),
        [b'0', ..] => (8, text),
        _ => (10, text),
    };
    let end = digits
        .iter()
        .position(|byte| digit(*byte, base).is_none())
        .unwrap_or(digits.len());
    (end > 0).then(|| Scanned {
        negative,
        magnitude: magnitude(&digits[..end], base),
        rest: &digits[end..],
    })
}

/// Reads `word`, all of it, as a signed decimal integer of 32 bits.
///
/// # Errors
///
/// [`IntegerError`] if it is something else.
pub(crate) fn decimal(word: &OsStr) -> Result<i32, IntegerError> {
    let word = word.to_str().ok_or(IntegerError::NotANumber)?;
    word.parse()
        .map_err(|error: ParseIntError| match error.kind() {
            IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => IntegerError::OutOfRange,
            _ => IntegerError::NotANumber,
        })
}

/// Why a word is no integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntegerError {
    /// It is no number, or something follows the number.
    NotANumber,
    /// It does not fit 32 bits.
    OutOfRange,
}

/// Reads `word`, all of it, as a signed integer of 32 bits.
///
/// # Errors
///
/// [`IntegerError`] if it is something else.
pub fn integer(word: &OsStr) -> Result<i32, IntegerError> {
    let scanned = scan(word.as_bytes())
        .filter(|scanned| scanned.rest.is_empty())
        .ok_or(IntegerError::NotANumber)?;
    let number = scanned
        .magnitude
        .and_then(|magnitude| i64::try_from(magnitude).ok())
        .map(|magnitude| {
            if scanned.negative {
                -magnitude
            } else {
                magnitude
            }
        });
    number
        .and_then(|number| i32::try_from(number).ok())
        .ok_or(IntegerError::OutOfRange)
}

fn skip_blanks(text: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let start = text.iter().position(|byte| !blank(byte));
    start.map_or(&[], |start| &text[start..])
}

fn magnitude(digits: &[u8], base: u32) -> Option<u64> {
    digits.iter().try_fold(0_u64, |number, byte| {
        number
            .checked_mul(base.into())?
            .checked_add(digit(*byte, base)?.into())
    })
}

fn digit(byte: u8, base: u32) -> Option<u32> {
    char::from(byte).to_digit(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_as_c_reads_them() {
        let table = [
            ("300", 300),
            ("0x12c", 300),
            ("0X12C", 300),
            ("0454", 300),
            ("+300", 300),
            (" \t\n300", 300),
            ("-1", -1),
            ("-0x10", -16),
            ("0", 0),
            ("2147483647", i32::MAX),
            ("-2147483648", i32::MIN),
        ];
        for (word, number) in table {
            assert_eq!(integer(OsStr::new(word)), Ok(number), "{word:?}");
        }
    }

    #[test]
    fn a_number_must_fill_its_word() {
        let words = [
            "", " ", "abc", "12abc", "12 ", "0x", "08", "--1", "- 1", "1.5", "0xg", "é",
        ];
        for word in words {
            let read = integer(OsStr::new(word));
            assert_eq!(read, Err(IntegerError::NotANumber), "{word:?}");
        }
    }

    #[test]
    fn a_number_must_fit_32_bits() {
        let words = [
            "2147483648",
            "-2147483649",
            "9999999999",
            "9223372036854775808",
            "99999999999999999999",
        ];
        for word in words {
            let read = integer(OsStr::new(word));
            assert_eq!(read, Err(IntegerError::OutOfRange), "{word:?}");
        }
    }

    #[test]
    fn files_have_decimal_numbers() {
        for (word, number) in [("010", 10), ("-7", -7), ("+7", 7), ("2147483647", i32::MAX)] {
            assert_eq!(decimal(OsStr::new(word)), Ok(number), "{word}");
        }
        for word in ["", "0x10", "7.5", "abc", "12 34", "1_000", "- 1"] {
            let read = decimal(OsStr::new(word));
            assert_eq!(read, Err(IntegerError::NotANumber), "{word}");
        }
        let read = decimal(OsStr::new("2147483648"));
        assert_eq!(read, Err(IntegerError::OutOfRange));
    }

    #[test]
    fn a_scan_stops_behind_the_number() {
        let scanned = scan(b"4abc").unwrap();
        assert_eq!((scanned.magnitude, scanned.rest), (Some(4), &b"abc"[..]));
        assert_eq!(scan(b"0x").unwrap().rest, b"x");
        assert_eq!(scan(b"99999999999999999999").unwrap().magnitude, None);
    }
}
