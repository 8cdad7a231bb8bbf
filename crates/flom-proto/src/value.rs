//! Numbers and names in attributes, read as leniently as old peers read them
//! (`spec/protocol.md` §2.2, §3).

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;

/// Reads `text` as C's `strtol` in base 10 does: leading white space, a sign, digits, and whatever
/// follows is ignored. No digits are 0; what 64 bits cannot hold is the closest that they can.
pub(crate) fn integer(text: &str) -> i64 {
    // Vertical tab is white space to C.
    let text = text.trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    let (negative, digits) = match text.as_bytes() {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    // Counted downwards, as there is one negative number more.
    let value = digits
        .iter()
        .take_while(|digit| digit.is_ascii_digit())
        .fold(0_i64, |value, digit| {
            value
                .saturating_mul(10)
                .saturating_sub(i64::from(digit - b'0'))
        });
    if negative {
        value
    } else {
        value.saturating_neg()
    }
}

/// Reads `text` as base64. Characters that are none of it are skipped, a last group of less than
/// four is dropped.
pub(crate) fn base64(text: &str) -> Vec<u8> {
    // What is sound, as it nearly always is, the library reads, and faster.
    STANDARD
        .decode(text)
        .unwrap_or_else(|_| lenient_base64(text))
}

fn lenient_base64(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len().div_ceil(4) * 3);
    let mut group = [0; 4];
    let mut filled = 0;
    for character in text.bytes() {
        if sextet(character).is_none() {
            continue;
        }
        group[filled] = character;
        filled += 1;
        if filled == 4 {
            decode_group(group, &mut bytes);
            filled = 0;
        }
    }
    bytes
}

/// Appends the three bytes of a group, or less if it ends with padding.
fn decode_group(group: [u8; 4], bytes: &mut Vec<u8>) {
    let [first, second, third, fourth] = group.map(|character| sextet(character).unwrap_or(0));
    bytes.push(first << 2 | second >> 4);
    if group[2] != b'=' {
        bytes.push(second << 4 | third >> 2);
    }
    if group[3] != b'=' {
        bytes.push(third << 6 | fourth);
    }
}

/// The six bits that a character of base64 stands for; padding stands for none set.
fn sextet(character: u8) -> Option<u8> {
    Some(match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        b'=' => 0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn integers_are_read_as_by_strtol() {
        let cases = [
            ("", 0),
            ("x", 0),
            ("-", 0),
            ("0", 0),
            ("42", 42),
            (" \t\n\x0b\x0c\r-7 apples", -7),
            ("+8", 8),
            ("+-8", 0),
            ("0x10", 0),
            ("010", 10),
            ("3.9", 3),
            ("9223372036854775807", i64::MAX),
            ("9223372036854775808", i64::MAX),
            ("99999999999999999999", i64::MAX),
            ("-9223372036854775808", i64::MIN),
            ("-99999999999999999999", i64::MIN),
        ];
        for (text, value) in cases {
            assert_eq!(integer(text), value, "{text:?}");
        }
    }

    #[test]
    fn base64_is_read_leniently() {
        let cases: [(&str, &[u8]); 12] = [
            ("", b""),
            ("QQ==", b"A"),
            ("MWFiYw==", b"1abc"),
            ("TlsxMF0=", b"N[10]"),
            ("cmVkLmdyZWVuLmJsdWU=", b"red.green.blue"),
            ("QQ", b""),
            ("QUFBQQ", b"AAA"),
            ("Q\n Q-=ü=", b"A"),
            ("QQ==QQ==", b"AA"),
            ("QQA=", b"A\0"),
            ("Q", b""),
            ("====", b"\0"),
        ];
        for (text, bytes) in cases {
            assert_eq!(base64(text), bytes, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn integers_come_back(value: i64) {
            prop_assert_eq!(integer(&value.to_string()), value);
        }

        #[test]
        fn base64_comes_back(bytes: Vec<u8>) {
            let encoded = STANDARD.encode(&bytes);
            prop_assert_eq!(&lenient_base64(&encoded), &bytes);
            prop_assert_eq!(base64(&encoded), bytes);
        }
    }
}
