//! Timestamps, for a few formats and without any cleverness.

use flom_types::{Now, ResourceName, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// A format of timestamps that histories use.
#[derive(Debug)]
pub(crate) struct Format {
    pub(crate) text: &'static str,
    tick_us: i64,
    /// Whether its texts show the hour; else they come again every hour.
    shows_hour: bool,
    /// Whether its texts show how far local time is from UTC.
    shows_offset: bool,
    /// Whether its texts show all of the time, so that none comes twice.
    pub(crate) is_whole: bool,
    /// How many digits of the second's fraction there are at the end, after a dot.
    digits: usize,
    calendar: &'static str,
}

const SECOND_US: i64 = 1_000_000;
const HOUR_US: i64 = 3600 * SECOND_US;

#[rustfmt::skip]
const FORMATS: [Format; 8] = [
    Format { text: "%F.%T",         tick_us: SECOND_US,      shows_hour: true,  shows_offset: false, is_whole: true,  digits: 0, calendar: "%F.%T" },
    Format { text: "%F.%T.%z",      tick_us: SECOND_US,      shows_hour: true,  shows_offset: true,  is_whole: true,  digits: 0, calendar: "%F.%T.%z" },
    Format { text: "%s",            tick_us: SECOND_US,      shows_hour: true,  shows_offset: true,  is_whole: true,  digits: 0, calendar: "%s" },
    Format { text: "%F.%T#f",       tick_us: SECOND_US / 10, shows_hour: true,  shows_offset: false, is_whole: true,  digits: 1, calendar: "%F.%T" },
    Format { text: "%F.%T#ffffff",  tick_us: 1,              shows_hour: true,  shows_offset: false, is_whole: true,  digits: 6, calendar: "%F.%T" },
    Format { text: "%F.%H",         tick_us: HOUR_US,        shows_hour: true,  shows_offset: false, is_whole: true,  digits: 0, calendar: "%F.%H" },
    Format { text: "%M",            tick_us: HOUR_US / 60,   shows_hour: false, shows_offset: false, is_whole: false, digits: 0, calendar: "%M" },
    Format { text: "%S",            tick_us: SECOND_US,      shows_hour: false, shows_offset: false, is_whole: false, digits: 0, calendar: "%S" },
];

/// What becomes of a format when a resource is to be made of it.
#[derive(Debug)]
pub(crate) enum Usable {
    Yes(&'static Format),
    /// Its text would hardly ever change.
    NoTick,
    /// Its text would not fit an answer.
    TooLong,
}

/// Finds the format of a timestamp's name among those that are known here.
pub(crate) fn format_of(name: &ResourceName) -> Usable {
    let text = name.format();
    if let Some(format) = FORMATS.iter().find(|format| format.text == text) {
        return Usable::Yes(format);
    }
    match text {
        "%F" => Usable::NoTick,
        _ => {
            assert!(text.starts_with("%c%c%c"), "{text} is not known here");
            Usable::TooLong
        }
    }
}

/// What a text is made from.
#[derive(Clone, Debug)]
pub(crate) struct Stamp {
    wall_us: i64,
    at: Time,
    offset_us: i64,
    tick: i64,
    pub(crate) text: String,
}

/// The timestamp to give out now, if it is a new one after all that were given out `before`.
pub(crate) fn next_stamp(
    format: &Format,
    zone: &TimeZone,
    before: &[Stamp],
    now: Now,
) -> Option<Stamp> {
    let stamp = stamp(format, zone, before.last(), now);
    let is_new = before.iter().all(|old| match format.shows_offset {
        false => old.tick < stamp.tick,
        true => {
            old.wall_us < stamp.wall_us
                && (old.tick, old.offset_us) != (stamp.tick, stamp.offset_us)
        }
    });
    is_new.then_some(stamp)
}

/// Whether the wall clock, set back since the stamp was made, has come up to it again within the
/// last `ms`.
pub(crate) fn has_just_caught_up(stamp: &Stamp, now: Now, ms: u64) -> bool {
    let (ms, slack_us) = (i128::from(ms), 1000);
    let by_wall_us = i128::from(now.wall_us - stamp.wall_us);
    let really_us = i128::try_from(now.time.since(stamp.at).as_micros()).expect("a short time");
    (0..1000 * ms).contains(&by_wall_us) && by_wall_us + slack_us < really_us
}

fn stamp(format: &Format, zone: &TimeZone, last: Option<&Stamp>, now: Now) -> Stamp {
    // A clock that was set back is not believed until it has caught up.
    let wall_us = match last {
        Some(last) if now.wall_us < last.wall_us => {
            let since_us = now.time.since(last.at).as_micros();
            last.wall_us + i64::try_from(since_us).expect("a history is short")
        }
        _ => now.wall_us,
    };
    let moment = Timestamp::from_microsecond(wall_us)
        .expect("histories play in our days")
        .to_zoned(zone.clone());
    let local_us = local_us(&moment);
    let offset_us = match format.shows_hour {
        true => local_us - wall_us,
        false => (local_us - wall_us).rem_euclid(HOUR_US),
    };
    let fraction = moment.strftime(".%6f").to_string();
    let calendar = moment.strftime(format.calendar);
    let text = match format.digits {
        0 => calendar.to_string(),
        digits => format!("{calendar}{}", &fraction[..=digits]),
    };
    Stamp {
        wall_us,
        at: now.time,
        offset_us,
        tick: (wall_us + offset_us).div_euclid(format.tick_us),
        text,
    }
}

/// What a clock on the wall there shows, as if it showed UTC.
fn local_us(moment: &Zoned) -> i64 {
    let shown = moment.datetime().to_zoned(TimeZone::UTC);
    shown
        .expect("UTC shows every time")
        .timestamp()
        .as_microsecond()
}
