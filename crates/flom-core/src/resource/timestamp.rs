//! Timestamps: unique times (`spec/resources.md` §8.2).
//!
//! At most one text for each tick of the local time that the texts show, and never one from a tick
//! that is not after the last. So no text comes twice where it shows the whole time:
//!
//! - A clock that is set back is not followed: from the last text on, time goes on at the pace of
//!   the clock that only goes forward, until the wall clock has caught up.
//! - When daylight saving ends, local time repeats an hour; who waits, waits until it is over,
//!   unless the texts show the offset too and so differ.

use flom_types::{Now, ResourceName, SessionId, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp as Moment, Zoned};

use super::format::Format;
use super::{Grant, Hold, Unusable, Verdict};
use crate::queue::{Line, Ticket};

/// Texts of the time, each for one holder, at most so many holders at a time.
#[derive(Debug)]
pub(crate) struct Timestamp {
    format: Format,
    zone: TimeZone,
    /// How many it can have at a time.
    holders: u32,
    free: u32,
    last: Option<Stamp>,
    line: Line,
}

/// What a text was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    wall_us: i64,
    at: Time,
    offset_s: i32,
    /// Number of the tick in local time.
    tick: i64,
}

/// A waiter looks again at least so often, in ms, in case the wall clock was set.
const LOOK_AGAIN_MS: u64 = 60_000;

const HOUR_S: i32 = 3600;

impl Timestamp {
    pub(crate) fn new(name: &ResourceName, holders: u32, zone: TimeZone) -> Result<Self, Unusable> {
        let format = Format::parse(name.format(), &zone)?;
        Ok(Self {
            format,
            zone,
            holders,
            free: holders,
            last: None,
            line: Line::default(),
        })
    }

    pub(crate) fn ask(&mut self, now: Now) -> Verdict {
        if !self.line.is_empty() {
            return Verdict::NotNow;
        }
        match self.take(now) {
            Some((hold, text)) => Verdict::Granted(hold, Some(text)),
            None => Verdict::NotNow,
        }
    }

    fn take(&mut self, now: Now) -> Option<(Hold, String)> {
        if self.free == 0 {
            return None;
        }
        let (moment, stamp) = self.moment(now)?;
        if self.last.is_some_and(|last| !self.is_new(stamp, last)) {
            return None;
        }
        let text = self.format.write(&moment)?;
        self.free -= 1;
        self.last = Some(stamp);
        let wall_us = stamp.wall_us;
        Some((Hold::Time { wall_us }, text))
    }

    fn is_new(&self, stamp: Stamp, last: Stamp) -> bool {
        match self.format.shows_offset {
            false => stamp.tick > last.tick,
            true => {
                stamp.wall_us > last.wall_us
                    && (stamp.tick, stamp.offset_s) != (last.tick, last.offset_s)
            }
        }
    }

    /// The time to print, which never goes back.
    fn moment(&self, now: Now) -> Option<(Zoned, Stamp)> {
        let wall_us = match self.last {
            Some(last) if now.wall_us < last.wall_us => {
                let since = i64::try_from(now.time.since(last.at).as_micros()).ok()?;
                last.wall_us.saturating_add(since)
            }
            _ => now.wall_us,
        };
        let moment = Moment::from_microsecond(wall_us)
            .ok()?
            .to_zoned(self.zone.clone());
        let offset_s = match self.format.shows_hour {
            true => moment.offset().seconds(),
            false => moment.offset().seconds().rem_euclid(HOUR_S),
        };
        let tick = (wall_us + i64::from(offset_s) * 1_000_000).div_euclid(self.format.tick_us);
        Some((
            moment,
            Stamp {
                wall_us,
                at: now.time,
                offset_s,
                tick,
            },
        ))
    }

    pub(crate) fn enqueue(&mut self, ticket: Ticket, session: SessionId) {
        self.line.push(ticket, session);
    }

    pub(crate) fn withdraw(&mut self, ticket: Ticket) {
        self.line.remove(ticket);
    }

    pub(crate) fn places(&self) -> usize {
        self.holders as usize
    }

    pub(crate) fn free(&self) -> u32 {
        self.free
    }

    pub(crate) fn tickets(&self) -> impl Iterator<Item = Ticket> {
        self.line.tickets()
    }

    /// The text that was made at that moment.
    pub(crate) fn text(&self, wall_us: i64) -> String {
        let moment = Moment::from_microsecond(wall_us).ok();
        let text = moment.and_then(|moment| self.format.write(&moment.to_zoned(self.zone.clone())));
        text.expect("it was made once")
    }

    pub(crate) fn release(&mut self) {
        self.free += 1;
    }

    pub(crate) fn settle(&mut self, now: Now, grants: &mut Vec<Grant>) {
        while let Some((ticket, session)) = self.line.head()
            && let Some((hold, text)) = self.take(now)
        {
            self.line.remove(ticket);
            grants.push(Grant {
                session,
                hold,
                element: Some(text),
            });
        }
    }

    /// When the first waiter's tick begins; never now.
    pub(crate) fn next_tick(&self, now: Now) -> Option<Time> {
        if self.line.is_empty() || self.free == 0 {
            return None;
        }
        self.begin_of_tick(now)
    }

    /// When the next text can be made, if that is not now.
    pub(crate) fn tick_awaited(&self, now: Now) -> Option<Time> {
        let last = self.last?;
        let (_, stamp) = self.moment(now)?;
        match self.is_new(stamp, last) {
            true => None,
            false => self.begin_of_tick(now),
        }
    }

    /// When the tick after the last text begins, as far as can be told; never now.
    fn begin_of_tick(&self, now: Now) -> Option<Time> {
        let (_, stamp) = self.moment(now)?;
        let local_us = stamp.wall_us + i64::from(stamp.offset_s) * 1_000_000;
        let due_us = self
            .last
            .map_or(local_us, |last| (last.tick + 1) * self.format.tick_us);
        let wait_ms = u64::try_from((due_us - local_us).max(0))
            .unwrap_or(0)
            .div_ceil(1000);
        Some(now.time.after_ms(wait_ms.clamp(1, LOOK_AGAIN_MS)))
    }
}
