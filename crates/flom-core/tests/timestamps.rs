//! Timestamp resources where clocks are odd: set back, in zones of half hours, and in the hour
//! that comes twice.

use flom_core::{Action, CloseReason, Event, Fairness, LockManager, Request, Step};
use flom_types::{LockMode, Now, Outcome, ResourceName, SessionId, Time};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// One resource, and somebody who asks for it again and again.
struct Clockmaker {
    manager: LockManager,
    resource: ResourceName,
    time_ms: u64,
    wall_us: i64,
}

const ASKING: SessionId = SessionId(1);

impl Clockmaker {
    fn new(zone: &str, format: &str, utc: &str) -> Self {
        let zone = TimeZone::get(zone).expect("the tests need the time zone data of the system");
        Self::in_zone(zone, format, utc)
    }

    fn in_zone(zone: TimeZone, format: &str, utc: &str) -> Self {
        let wall: Timestamp = utc.parse().expect("a moment");
        Self {
            manager: LockManager::new(Fairness::default(), zone),
            resource: ResourceName::parse(format!("_t_{format}[9]").as_bytes()).expect("a name"),
            time_ms: 5_000_000,
            wall_us: wall.as_microsecond(),
        }
    }

    fn now(&self) -> Now {
        Now {
            time: Time(self.time_ms),
            wall_us: self.wall_us,
        }
    }

    fn pass(&mut self, ms: u64) {
        self.time_ms += ms;
        self.wall_us += 1000 * i64::try_from(ms).expect("a short time");
    }

    fn set_clock(&mut self, utc: &str) {
        let wall: Timestamp = utc.parse().expect("a moment");
        self.wall_us = wall.as_microsecond();
    }

    fn handle(&mut self, event: Event) -> Vec<Action> {
        self.manager.handle(self.now(), event).collect()
    }

    fn lock(&mut self, wait: bool) -> Vec<Action> {
        let request = Request {
            resource: self.resource.clone(),
            mode: LockMode::Exclusive,
            quantity: 1,
            wait,
            create: true,
            idle_lifespan_ms: 0,
        };
        self.handle(Event::Lock {
            session: ASKING,
            request,
            nesting: None,
        })
    }

    /// The time that is granted at once and given back, if any.
    fn ask(&mut self) -> Option<String> {
        let text = match &self.lock(false)[..] {
            [
                Action::Answer {
                    outcome: Outcome::Granted,
                    element,
                    ..
                },
            ] => element.clone(),
            [
                Action::Answer {
                    outcome: Outcome::Busy,
                    ..
                },
            ] => return None,
            other => panic!("{other:?}"),
        };
        self.give_back();
        text
    }

    fn give_back(&mut self) {
        let resource = self.resource.clone();
        let said = self.handle(Event::Unlock {
            session: ASKING,
            resource,
            rollback: false,
            ended: None,
        });
        assert_eq!(said, []);
    }

    /// Waits for the next time, and says what it is and after how many ms it came.
    fn wait(&mut self) -> (String, u64) {
        let begin = self.time_ms;
        assert!(matches!(
            self.lock(true)[..],
            [Action::Answer {
                outcome: Outcome::Queued,
                ..
            }]
        ));
        loop {
            let due = self.manager.next_deadline().expect("it waits for a tick");
            assert!(due.0 > self.time_ms, "the clock goes on");
            self.pass(due.0 - self.time_ms);
            if let [
                Action::Answer {
                    step: Step::Later,
                    outcome: Outcome::Granted,
                    element: Some(text),
                    ..
                },
            ] = &self.handle(Event::Tick)[..]
            {
                let text = text.clone();
                self.give_back();
                return (text, self.time_ms - begin);
            }
        }
    }
}

fn given(text: &str, after_ms: u64) -> (String, u64) {
    (text.to_owned(), after_ms)
}

#[test]
fn a_clock_that_is_set_back_gives_no_time_twice() {
    let mut clock = Clockmaker::new("UTC", "%F.%T", "2026-11-22T14:05:09.500Z");
    assert_eq!(clock.ask().as_deref(), Some("2026-11-22.14:05:09"));
    clock.set_clock("2026-11-22T13:00:00Z");
    assert_eq!(clock.ask(), None);
    // Time goes on from where it was, at the pace of the clock that only goes forward.
    assert_eq!(clock.wait(), given("2026-11-22.14:05:10", 500));
    clock.pass(5000);
    assert_eq!(clock.ask().as_deref(), Some("2026-11-22.14:05:15"));
    // Once the clock has caught up it is followed again.
    clock.set_clock("2026-11-22T14:07:00.250Z");
    assert_eq!(clock.ask().as_deref(), Some("2026-11-22.14:07:00"));
    assert_eq!(clock.wait(), given("2026-11-22.14:07:01", 750));
}

#[test]
fn fractions_go_on_when_the_clock_is_set_back() {
    let mut clock = Clockmaker::new("UTC", "%T#fff", "2026-11-22T14:05:09.500Z");
    assert_eq!(clock.ask().as_deref(), Some("14:05:09.500"));
    clock.set_clock("2026-11-22T14:05:09.100Z");
    assert_eq!(clock.ask(), None);
    let mut before = "14:05:09.500".to_owned();
    for _ in 0..1000 {
        let (text, ms) = clock.wait();
        assert_eq!(ms, 1);
        assert!(before < text, "{before} {text}");
        before = text;
    }
    assert_eq!(before, "14:05:10.500");
}

#[test]
fn who_waits_for_a_tick_is_woken_when_the_clock_is_set_forward() {
    let mut clock = Clockmaker::new("UTC", "%F.%H", "2026-11-22T14:05:09Z");
    assert_eq!(clock.ask().as_deref(), Some("2026-11-22.14"));
    assert_eq!(clock.lock(true).len(), 1);
    clock.set_clock("2026-11-22T17:30:00Z");
    // Nobody tells the manager, so it looks once a minute.
    let due = clock.manager.next_deadline().expect("it waits");
    assert!(due.0 <= clock.time_ms + 60_000);
    clock.pass(due.0 - clock.time_ms);
    assert_eq!(clock.handle(Event::Tick).len(), 1);
}

#[test]
fn hours_are_those_of_the_zone_where_it_is_half_an_hour_ahead() {
    let mut clock = Clockmaker::new("Asia/Kolkata", "%F.%H", "2026-11-22T05:00:00Z");
    assert_eq!(clock.ask().as_deref(), Some("2026-11-22.10"));
    clock.set_clock("2026-11-22T05:29:59.999Z");
    assert_eq!(clock.ask(), None);
    assert_eq!(clock.wait(), given("2026-11-22.11", 1));
    clock.set_clock("2026-11-22T06:00:00Z");
    assert_eq!(clock.ask(), None, "a new hour of UTC only");
    assert_eq!(clock.wait(), given("2026-11-22.12", 30 * 60_000));
}

#[test]
fn the_hour_that_comes_twice_is_given_out_once() {
    // At 01:00 UTC, 03:00 of summer time becomes 02:00.
    let mut clock = Clockmaker::new("Europe/Rome", "%F.%T", "2026-10-25T00:59:59Z");
    assert_eq!(clock.ask().as_deref(), Some("2026-10-25.02:59:59"));
    clock.pass(1000);
    assert_eq!(clock.ask(), None);
    assert_eq!(clock.wait(), given("2026-10-25.03:00:00", 3_600_000));
}

#[test]
fn the_hour_that_comes_twice_is_given_out_where_it_is_not_used_up() {
    let mut clock = Clockmaker::new("Europe/Rome", "%F.%T", "2026-10-25T00:29:00Z");
    assert_eq!(clock.ask().as_deref(), Some("2026-10-25.02:29:00"));
    clock.set_clock("2026-10-25T01:29:00Z");
    assert_eq!(clock.ask(), None);
    clock.pass(1000);
    assert_eq!(clock.ask().as_deref(), Some("2026-10-25.02:29:01"));
}

#[test]
fn texts_that_show_the_offset_go_on_through_the_hour_that_comes_twice() {
    for (format, texts) in [
        (
            "%F.%T.%z",
            ["2026-10-25.02:59:59.+0200", "2026-10-25.02:00:00.+0100"],
        ),
        (
            "%F.%T.%Z",
            ["2026-10-25.02:59:59.CEST", "2026-10-25.02:00:00.CET"],
        ),
        ("%s", ["1792889999", "1792890000"]),
    ] {
        let mut clock = Clockmaker::new("Europe/Rome", format, "2026-10-25T00:59:59Z");
        assert_eq!(clock.ask().as_deref(), Some(texts[0]));
        assert_eq!(clock.wait(), given(texts[1], 1000));
    }
}

#[test]
fn an_hour_that_comes_twice_is_two_hours_where_the_offset_is_shown() {
    let mut clock = Clockmaker::new("Europe/Rome", "%F.%H.%z", "2026-10-25T00:30:00Z");
    assert_eq!(clock.ask().as_deref(), Some("2026-10-25.02.+0200"));
    assert_eq!(clock.wait(), given("2026-10-25.02.+0100", 30 * 60_000));
    assert_eq!(clock.wait(), given("2026-10-25.03.+0100", 60 * 60_000));
}

#[test]
fn a_percent_sign_before_a_letter_shows_no_offset() {
    for format in ["%F.%T.%%z", "%F.%T.%%Z", "%F.%T.%%s"] {
        let mut clock = Clockmaker::new("Europe/Rome", format, "2026-10-25T00:30:00Z");
        let first = clock.ask().expect("the first needs no tick");
        clock.set_clock("2026-10-25T01:30:00Z");
        assert_eq!(clock.ask(), None, "{first}");
    }
}

#[test]
fn hours_are_shown_whatever_stands_between_percent_sign_and_letter() {
    for format in [
        "%F.%OH:%M",
        "%F.%2H:%M",
        "%F.%03H:%M",
        "%F.%EX:%M",
        "%F.%#H:%M",
    ] {
        let mut clock = Clockmaker::new("Europe/Rome", format, "2026-10-25T00:30:00Z");
        let first = clock.ask().expect("the first needs no tick");
        clock.set_clock("2026-10-25T01:30:00Z");
        assert_eq!(clock.ask(), None, "{first}");
    }
}

#[test]
fn the_hour_that_is_left_out_is_not_waited_for() {
    // At 01:00 UTC, 02:00 becomes 03:00 of summer time.
    let mut clock = Clockmaker::new("Europe/Rome", "%F.%H", "2027-03-28T00:59:00Z");
    assert_eq!(clock.ask().as_deref(), Some("2027-03-28.01"));
    assert_eq!(clock.wait(), given("2027-03-28.03", 60_000));
}

#[test]
fn minutes_come_again_every_hour_and_do_not_wait_for_the_end_of_summer() {
    let mut clock = Clockmaker::new("Europe/Rome", "%M:%S", "2026-10-25T00:59:59Z");
    assert_eq!(clock.ask().as_deref(), Some("59:59"));
    assert_eq!(clock.wait(), given("00:00", 1000));
}

#[test]
fn a_format_without_tick_closes_the_connection() {
    let mut clock = Clockmaker::new("UTC", "%F", "2026-11-22T14:05:09Z");
    let closed = Action::Close {
        session: ASKING,
        reason: CloseReason::NoSuchResource,
    };
    assert_eq!(clock.lock(true), [closed]);
    assert!(clock.manager.is_empty());
}

fn is_refused(mut clock: Clockmaker) -> bool {
    match &clock.lock(true)[..] {
        [
            Action::Answer {
                step: Step::First,
                outcome,
                element,
                ..
            },
        ] => match (outcome, element) {
            (Outcome::InvalidName, None) => clock.manager.is_empty(),
            (Outcome::Granted, Some(_)) => false,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_text_that_may_get_too_long_is_refused_when_it_is_named() {
    let in_utc = |format: &str| Clockmaker::new("UTC", format, "2026-05-01T00:00:00Z");
    // May is short, but September comes.
    let month_and_day = format!("%S{}", "%B%A".repeat(18));
    assert!(!is_refused(in_utc(&format!("%S{}", "%B%A".repeat(19)))));
    assert!(!is_refused(in_utc(&month_and_day)));
    assert!(is_refused(in_utc(&format!("%S{}", "%B%A".repeat(20)))));
    assert!(is_refused(in_utc(&"%c".repeat(15))));
    assert!(is_refused(in_utc("%S%99999Y")));
}

#[test]
fn a_zone_with_a_long_name_makes_a_text_too_long() {
    let format = format!("%S{}", "%Z".repeat(100));
    let new = |zone: &str| {
        let zone = TimeZone::posix(zone).expect("a zone");
        Clockmaker::in_zone(zone, &format, "2026-05-01T00:00:00Z")
    };
    assert!(!is_refused(new("UTC0")));
    assert!(is_refused(new("<UTC+3>-3")));
    // In May it is `ABC`.
    assert!(is_refused(new("LONGER0ABC,M4.1.0,M9.1.0")));
}

#[test]
fn line_ends_count_as_what_they_take_in_an_answer() {
    let format = |times: usize| format!("%S{}", "%n%t".repeat(times));
    let in_utc = |format: &str| Clockmaker::new("UTC", format, "2026-05-01T00:00:00Z");
    assert!(!is_refused(in_utc(&format(30))));
    assert!(is_refused(in_utc(&format(60))));
}
