//! A history as it goes on: two lock managers, the naive one and the referee, and two clocks.

use std::fmt;

use flom_core::{Action, Event, Fairness, Footprint, LockManager};
use flom_types::{Now, Outcome, ResourceName, SessionId, Time};
use jiff::tz::TimeZone;

use crate::naive::Naive;
use crate::referee::{Objection, Referee};

/// How often the manager looks at the wall clock while somebody waits for a tick, in ms: so late
/// it may notice that the clock was set.
const LOOKS_EVERY_MS: u64 = 60_000;

/// What a world begins with.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) fairness: Fairness,
    pub(crate) zone: TimeZone,
    /// What the wall clock shows, in µs since the epoch.
    pub(crate) wall_us: i64,
}

/// The clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    now_us: u64,
    wall_ahead_us: i64,
    /// Until when a manager may not know yet that the wall clock was set.
    unsure_until: Option<Time>,
}

/// One history.
pub(crate) struct World {
    /// Is given a tick before each event.
    manager: LockManager,
    /// Is given each event straight.
    straight: LockManager,
    judges: Judges,
    clock: Clock,
}

/// Those who know what is right.
#[derive(Clone)]
pub(crate) struct Judges {
    naive: Naive,
    referee: Referee,
}

impl Setting {
    pub(crate) fn manager(&self) -> LockManager {
        LockManager::new(self.fairness, self.zone.clone())
    }

    pub(crate) fn clock(&self) -> Clock {
        Clock {
            now_us: 1_000_000,
            wall_ahead_us: self.wall_us - 1_000_000,
            unsure_until: None,
        }
    }

    pub(crate) fn judges(&self) -> Judges {
        let passes = match self.fairness {
            Fairness::Bounded(passes) => Some(passes),
            Fairness::Fifo => Some(0),
            Fairness::FirstFit => None,
        };
        Judges {
            naive: Naive::new(passes, self.zone.clone()),
            referee: Referee::new(passes),
        }
    }
}

impl Clock {
    pub(crate) fn now(&self) -> Now {
        let now_us = i64::try_from(self.now_us).expect("a history is short");
        Now {
            time: Time(self.now_us / 1000),
            wall_us: now_us + self.wall_ahead_us,
        }
    }

    fn a_ms_ago(&self) -> Now {
        let now = self.now();
        Now {
            time: Time(now.time.0 - 1),
            wall_us: now.wall_us - 1000,
        }
    }

    pub(crate) fn go_on(&mut self, us: u64) {
        self.now_us += us;
    }

    fn go_to(&mut self, time: Time) {
        self.now_us = self.now_us.max(time.0 * 1000);
    }

    fn set(&mut self, by_us: i64) {
        self.wall_ahead_us += by_us;
        self.unsure_until = Some(self.now().time.after_ms(LOOKS_EVERY_MS));
    }

    fn is_sure(&self) -> bool {
        self.unsure_until.is_none_or(|time| time < self.now().time)
    }
}

impl Judges {
    /// Compares what the manager says to `event` with what it should.
    pub(crate) fn event(&mut self, now: Now, event: &Event, said: &[Action]) -> Objection {
        same(event, &self.naive.handle(now, event, said), said)?;
        if self.naive.is_stuck() {
            return Err("somebody waits for ever".into());
        }
        self.referee.watch(now, event, said)
    }

    /// Compares what the manager says to a tick with what it should.
    pub(crate) fn tick(&mut self, clock: &Clock, said: &[Action]) -> Objection {
        let is_in = |actions: &[Action], session| {
            actions.iter().any(
                |action| matches!(action, Action::Answer { session: served, .. } if *served == session),
            )
        };
        let now = clock.now();
        let overdue = self.overdue(clock);
        let due = self.naive.pass(now, said, |session| {
            is_in(&overdue, session) || is_in(said, session)
        });
        // One resource serves at most one at a tick; which of the resources is first is free.
        let by_session = |actions: &[Action]| {
            let mut actions = actions.to_vec();
            actions.sort_by_key(|action| match action {
                Action::Answer { session, .. }
                | Action::Deadlock { session, .. }
                | Action::Close { session, .. } => *session,
            });
            for action in &mut actions {
                if let Action::Answer { granted, .. } = action {
                    granted.iter_mut().for_each(|granted| granted.fence = 0);
                }
            }
            actions
        };
        same(&Event::Tick, &by_session(&due), &by_session(said))?;
        self.naive.number_as(said);
        self.referee.watch(now, &Event::Tick, said)
    }

    /// What a manager that counts in ms, and knows the time, has had to say before this ms.
    fn overdue(&self, clock: &Clock) -> Vec<Action> {
        if !clock.is_sure() || !self.naive.waits_for_the_clock() {
            return Vec::new();
        }
        let knows = |session| {
            !self
                .naive
                .is_hard_to_know(session, clock.now(), LOOKS_EVERY_MS)
        };
        self.naive.clone().pass(clock.a_ms_ago(), &[], knows)
    }

    /// Compares what the manager keeps and waits for with what it should.
    pub(crate) fn look_around(&self, now: Now, manager: &LockManager) -> Objection {
        let due = manager.next_deadline();
        let forgets_at = self.naive.forgets_at();
        let is_right = match self.naive.waits_for_the_clock() {
            false => due == forgets_at,
            true => due.is_some_and(|due| {
                now.time < due
                    && due <= now.time.after_ms(LOOKS_EVERY_MS)
                    && forgets_at.is_none_or(|forgets| due <= forgets)
            }),
        };
        if !is_right {
            return Err(format!(
                "the next tick at {due:?}, now {now:?}, forgets at {forgets_at:?}"
            ));
        }
        if !manager.dirty().eq(self.naive.dirty().iter().cloned())
            || manager.last_fence() != self.naive.last_fence()
        {
            let dirty: Vec<_> = manager.dirty().collect();
            let fence = manager.last_fence();
            return Err(format!("{fence} grants, and these ended badly: {dirty:?}"));
        }
        let footprint = manager.footprint();
        let (held, waiting, parked) = self.naive.counts();
        let kept = Footprint {
            sessions: self.naive.sessions(),
            resources: self.naive.resources(),
            held,
            waiting,
            parked,
            deadlines: footprint.deadlines.min(self.naive.resources()),
            nested: self.naive.nested(),
        };
        let is_quiet = (held, waiting, parked) == (0, 0, 0);
        match footprint == kept && manager.is_quiet() == is_quiet {
            true => Ok(()),
            false => Err(format!("{kept:?} has become {footprint:?}")),
        }
    }
}

fn same(event: &dyn fmt::Debug, wanted: &[Action], said: &[Action]) -> Objection {
    match wanted == said {
        true => Ok(()),
        false => Err(format!("{event:?}:\nwanted {wanted:#?},\nsaid {said:#?}")),
    }
}

impl World {
    pub(crate) fn new(setting: &Setting) -> Self {
        Self {
            manager: setting.manager(),
            straight: setting.manager(),
            judges: setting.judges(),
            clock: setting.clock(),
        }
    }

    /// Lets something happen, and says who is closed because of it, or taken over.
    pub(crate) fn happen(&mut self, event: &Event) -> Result<Vec<SessionId>, String> {
        self.clock.go_on(7);
        let now = self.clock.now();
        let mut said: Vec<Action> = self.manager.handle(now, Event::Tick).collect();
        self.judges.tick(&self.clock, &said)?;
        let answers: Vec<Action> = self.manager.handle(now, event.clone()).collect();
        self.judges.event(now, event, &answers)?;
        let resumed = match event {
            Event::Resume { from, .. } => Some(*from),
            _ => None,
        };
        let closed = answers.iter().filter_map(|action| match action {
            Action::Close { session, .. } => Some(*session),
            Action::Answer {
                outcome: Outcome::Granted,
                ..
            } => resumed,
            Action::Answer { .. } | Action::Deadlock { .. } => None,
        });
        let closed = closed.collect();
        said.extend(answers);
        let straight: Vec<Action> = self.straight.handle(now, event.clone()).collect();
        same(&("without a tick", event), &said, &straight)?;
        self.look_around()?;
        Ok(closed)
    }

    /// Whether it makes sense for the session to ask for that: it does not wait, and holds nothing
    /// else.
    pub(crate) fn may_ask(&self, session: SessionId, resource: &ResourceName) -> bool {
        self.judges.naive.may_ask(session, resource)
    }

    /// Lets time pass, with a tick whenever the manager wants one.
    pub(crate) fn pass(&mut self, ms: u64) -> Objection {
        let end_us = self.clock.now_us + ms * 1000;
        while let Some(due) = self.manager.next_deadline()
            && due.0 * 1000 <= end_us
        {
            self.tick_at(due)?;
        }
        self.clock.now_us = end_us;
        Ok(())
    }

    fn tick_at(&mut self, due: Time) -> Objection {
        let before = self.clock.now().time;
        self.clock.go_to(due);
        let now = self.clock.now();
        let said: Vec<Action> = self.manager.handle(now, Event::Tick).collect();
        let straight: Vec<Action> = self.straight.handle(now, Event::Tick).collect();
        same(&"the same tick", &said, &straight)?;
        if before < due && !said.is_empty() {
            let overdue = self.judges.overdue(&self.clock);
            same(&"a tick that is due only now", &[], &overdue)?;
        }
        self.judges.tick(&self.clock, &said)?;
        self.look_around()
    }

    /// Somebody sets the wall clock.
    pub(crate) fn set_clock(&mut self, by_us: i64) {
        self.clock.set(by_us);
    }

    /// Everybody goes, then time passes until nothing is left.
    pub(crate) fn end(mut self, everybody: impl Iterator<Item = SessionId>) -> Objection {
        for session in everybody {
            self.happen(&Event::Gone { session })?;
        }
        if !self.manager.is_quiet() {
            return Err("somebody holds or waits after all have gone".into());
        }
        while let Some(due) = self.manager.next_deadline() {
            self.tick_at(due)?;
        }
        let left = self.manager.footprint();
        match self.manager.is_empty() && left == Footprint::default() {
            true => Ok(()),
            false => Err(format!("what is left of it all: {left:?}")),
        }
    }

    fn look_around(&self) -> Objection {
        let now = self.clock.now();
        self.judges.look_around(now, &self.straight)?;
        self.judges.look_around(now, &self.manager)
    }
}
