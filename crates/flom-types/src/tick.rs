//! How long a text of a timestamp stands.

/// Digits of a second that a timestamp can show: `#ffffff`.
pub const FRACTION_DIGITS: usize = 6;

const SECOND_US: i64 = 1_000_000;

/// How long a text of this format of a timestamp stands, in µs; `None` if it has no time of day, which
/// daemons do not take.
///
/// The first line of the table of `spec/resources.md` §8.2 that applies; the search is for the letters
/// alone, so `%%S` counts as `%S`.
pub fn tick_us(format: &str) -> Option<i64> {
    let fraction = (1..=FRACTION_DIGITS)
        .rev()
        .find(|digits| format.contains(&format!("#{}", "f".repeat(*digits))));
    if let Some(digits) = fraction {
        return Some(10_i64.pow(u32::try_from(FRACTION_DIGITS - digits).ok()?));
    }
    [
        ("crsSTX", SECOND_US),
        ("MR", 60 * SECOND_US),
        ("HI", 3600 * SECOND_US),
    ]
    .into_iter()
    .find(|(letters, _)| has_any(format, letters))
    .map(|(_, tick)| tick)
}

fn has_any(format: &str, letters: &str) -> bool {
    letters
        .chars()
        .any(|letter| format.contains(&format!("%{letter}")))
}
