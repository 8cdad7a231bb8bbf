//! Formats of timestamp resources: C `strftime` plus `#fff` (`spec/resources.md` §8.2).

use std::fmt::Write;

use flom_types::limits::TIMESTAMP_BYTES;
use flom_types::{FRACTION_DIGITS, tick_us};
use jiff::Zoned;
use jiff::civil::date;
use jiff::fmt::strtime::{BrokenDownTime, Config, PosixCustom};
use jiff::tz::TimeZone;

use super::Unusable;

/// A format, taken apart.
#[derive(Debug)]
pub(crate) struct Format {
    pieces: Vec<Piece>,
    /// How long a text stands, in µs.
    pub(crate) tick_us: i64,
    /// Whether the hour can be seen in the text, so that a change of daylight saving can, too.
    pub(crate) shows_hour: bool,
    /// Whether two moments with the same local time have different texts.
    pub(crate) shows_offset: bool,
}

#[derive(Debug)]
enum Piece {
    /// What jiff understands: text and directives.
    Calendar(String),
    /// So many digits of the second's fraction, a dot in front.
    Fraction(usize),
}

/// What C's `strftime` knows and the grammar of names lets through.
const DIRECTIVES: &str = "aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYzZ%";

/// Bytes that the end of a line takes in an answer, where it is written as `&#10;`.
const ESCAPED_BYTES: usize = 5;

impl Format {
    /// Takes a format that the grammar of names has let through, for times of `zone`.
    pub(crate) fn parse(text: &str, zone: &TimeZone) -> Result<Self, Unusable> {
        let (pieces, directives) = take_apart(text);
        let shows = |letters: &str| directives.contains(|letter| letters.contains(letter));
        let format = Self {
            pieces,
            tick_us: tick_us(text).ok_or(Unusable::NoTick)?,
            shows_hour: shows("cHIklrRTXs"),
            shows_offset: shows("szZ"),
        };
        let zone_names = directives.matches('Z').count();
        match format.longest(zone_names, zone) {
            Some(bytes) if bytes <= TIMESTAMP_BYTES => Ok(format),
            _ => Err(Unusable::TextTooLong),
        }
    }

    /// How long a text can get that names the zone so many times, in bytes of an answer.
    fn longest(&self, zone_names: usize, zone: &TimeZone) -> Option<usize> {
        let sample = self.write(&longest_day())?;
        let line_ends = sample.bytes().filter(u8::is_ascii_control).count();
        let bytes = sample.len() + line_ends * (ESCAPED_BYTES - 1);
        Some(bytes - zone_names * "UTC".len() + zone_names * longest_name(zone))
    }

    /// The text of this moment; `None` where the calendar has no word for it.
    pub(crate) fn write(&self, moment: &Zoned) -> Option<String> {
        let config = Config::new().custom(PosixCustom::new());
        let time = BrokenDownTime::from(moment);
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Calendar(format) => {
                    time.format_with_config(&config, format, &mut text).ok()?;
                }
                Piece::Fraction(digits) => {
                    let micros = format!("{:06}", moment.subsec_nanosecond() / 1000);
                    write!(text, ".{}", &micros[..*digits]).ok()?;
                }
            }
        }
        Some(text)
    }
}

/// The day with the longest English names.
fn longest_day() -> Zoned {
    let day = date(2026, 9, 30).at(23, 59, 59, 999_999_000);
    day.to_zoned(TimeZone::UTC)
        .expect("UTC has every moment once")
}

/// The length of the zone's longer name, that of winter or that of summer.
fn longest_name(zone: &TimeZone) -> usize {
    let name = |month| {
        let day = date(2026, month, 1).to_zoned(TimeZone::UTC);
        let day = day.expect("UTC has every moment once").timestamp();
        zone.to_offset_info(day).abbreviation().len()
    };
    name(1).max(name(7))
}

/// The pieces of a format, and the letters of its directives.
fn take_apart(format: &str) -> (Vec<Piece>, String) {
    let mut pieces = Vec::new();
    let mut directives = String::new();
    let mut calendar = String::new();
    let mut rest = format;
    while let Some(first) = rest.chars().next() {
        let fraction = fraction_at(rest);
        let taken = if fraction > 0 {
            pieces.push(Piece::Calendar(std::mem::take(&mut calendar)));
            pieces.push(Piece::Fraction(fraction));
            1 + fraction
        } else if first == '%' {
            directive_at(rest, &mut calendar, &mut directives)
        } else {
            calendar.push(first);
            first.len_utf8()
        };
        rest = &rest[taken..];
    }
    pieces.push(Piece::Calendar(calendar));
    (pieces, directives)
}

/// Digits of the fraction that is written here, 0 if none.
fn fraction_at(text: &str) -> usize {
    text.strip_prefix('#').map_or(0, |rest| {
        rest.bytes()
            .take(FRACTION_DIGITS)
            .take_while(|byte| *byte == b'f')
            .count()
    })
}

/// Adds the directive that begins here as jiff writes it, and its letter, and says how long it is.
/// What C does not know stays as written.
fn directive_at(text: &str, calendar: &mut String, directives: &mut String) -> usize {
    let after = &text[1..];
    // `%#f` is a lone percent sign before a fraction: those are replaced first.
    let flag = usize::from(after.starts_with('#') && fraction_at(after) == 0);
    let digits = after[flag..].bytes().take_while(u8::is_ascii_digit).count();
    let modifier = usize::from(after[flag + digits..].starts_with(['E', 'O']));
    let letter = after[flag + digits + modifier..].chars().next();
    match letter.filter(|letter| DIRECTIVES.contains(*letter)) {
        Some(letter) => {
            let width = &after[..flag + digits];
            calendar.push('%');
            calendar.push_str(width);
            calendar.push(letter);
            directives.push(letter);
            1 + flag + digits + modifier + 1
        }
        None => {
            calendar.push_str("%%");
            1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(format: &str) -> String {
        let day = date(2026, 11, 22).at(14, 5, 9, 123_987_654);
        let moment = day.to_zoned(TimeZone::UTC).unwrap();
        let format = Format {
            pieces: take_apart(format).0,
            tick_us: 1,
            shows_hour: true,
            shows_offset: true,
        };
        format.write(&moment).unwrap()
    }

    #[test]
    fn every_directive_of_the_specification_prints_what_c_prints() {
        let table = [
            ("#f", ".1"),
            ("#fff", ".123"),
            ("#ffffff", ".123987"),
            ("#fffffff", ".123987f"),
            ("%S.#f", "09..1"),
            ("%Y#f#ff", "2026.1.12"),
            ("%S#", "09#"),
            ("%S#g", "09#g"),
            ("day%d.%T", "day22.14:05:09"),
            ("%F.%T", "2026-11-22.14:05:09"),
            ("%D", "11/22/26"),
            ("%R", "14:05"),
            ("%r", "02:05:09 PM"),
            ("%s", "1795356309"),
            ("%c", "Sun Nov 22 14:05:09 2026"),
            ("%X", "14:05:09"),
            ("%x", "11/22/26"),
            ("%h", "Nov"),
            ("%b", "Nov"),
            ("%a", "Sun"),
            ("%A", "Sunday"),
            ("%B", "November"),
            ("%Z", "UTC"),
            ("%z", "+0000"),
            ("%C", "20"),
            ("%g", "26"),
            ("%G", "2026"),
            ("%V", "47"),
            ("%u", "7"),
            ("%U", "47"),
            ("%W", "46"),
            ("%w", "0"),
            ("%j", "326"),
            ("%y", "26"),
            ("%m", "11"),
            ("%e", "22"),
            ("%H", "14"),
            ("%k", "14"),
            ("%I", "02"),
            ("%l", " 2"),
            ("%M", "05"),
            ("%p", "PM"),
            ("%P", "pm"),
            ("%n%t", "\n\t"),
            ("%%S", "%S"),
            ("%q", "%q"),
            ("%N", "%N"),
            ("%f", "%f"),
            ("%Q", "%Q"),
            ("%:z", "%:z"),
            ("%.", "%."),
            ("%S%", "09%"),
            ("%10Y", "0000002026"),
            ("%OS", "09"),
            ("%Ec", "Sun Nov 22 14:05:09 2026"),
            ("%#f", "%.1"),
            ("x\\%S", "x\\09"),
        ];
        for (format, wanted) in table {
            assert_eq!(text(format), wanted, "{format}");
        }
    }

    #[test]
    fn the_tick_is_that_of_the_finest_part() {
        let table = [
            ("%Y#ffffff", Some(1)),
            ("#fffff", Some(10)),
            ("#f#fff%H", Some(1000)),
            ("%H#f", Some(100_000)),
            ("%c", Some(1_000_000)),
            ("%%S", Some(1_000_000)),
            ("%H:%M", Some(60_000_000)),
            ("%R", Some(60_000_000)),
            ("%I", Some(3_600_000_000)),
        ];
        for (format, wanted) in table {
            assert_eq!(
                Format::parse(format, &TimeZone::UTC)
                    .ok()
                    .map(|format| format.tick_us),
                wanted,
                "{format}"
            );
        }
        let never = "%a %A %b %B %d %D %e %F %G %g %h %j %m %p %P %u %U %V %w %W %x %y %Y %z %Z %k %l \
             %N %OS %Ec %3S abc #";
        for format in never.split(' ') {
            assert_eq!(
                Format::parse(format, &TimeZone::UTC).unwrap_err(),
                Unusable::NoTick,
                "{format}"
            );
        }
    }

    #[test]
    fn a_format_whose_text_may_get_too_long_is_unusable() {
        assert!(Format::parse(&"%c".repeat(14), &TimeZone::UTC).is_ok());
        assert_eq!(
            Format::parse(&"%c".repeat(15), &TimeZone::UTC).unwrap_err(),
            Unusable::TextTooLong
        );
        assert_eq!(
            Format::parse("%S%999999Y", &TimeZone::UTC).unwrap_err(),
            Unusable::TextTooLong
        );
    }
}
