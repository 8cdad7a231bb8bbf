//! Keeping what outlives the daemon: which numbers are given out, what was left half done.

use std::path::Path;

use flom_core::Event;
use flom_types::{Chain, Now, Time};

use super::Daemon;
use crate::records::STATE_LOST;
use crate::state::{Fences, Marks, StateError};

/// What comes of it where numbers cannot be reserved.
const BY_THE_CLOCK: &str = "the numbers of grants (FLOM_FENCE) go by the clock";

/// What comes of it where the rest cannot be kept.
const FORGOTTEN: &str = "what was left half done is forgotten with this daemon";

impl Daemon {
    /// Keeps in `directory` what outlives this daemon, and reads what those before it have kept
    /// there. What cannot be kept is told to the log, and the daemon goes on without.
    #[must_use]
    pub fn keep_state(mut self, directory: Option<&Path>) -> Self {
        if let Some(directory) = directory {
            self.fences = Fences::of(directory);
            let place = self.place().to_string();
            self.marks = Marks::of(directory, &place);
        }
        let now = self.clock.now();
        self.reserve_fences(now);
        match self.marks.read() {
            Ok(marks) => self.manager.restore(marks),
            Err(error) => {
                self.marks = Marks::default();
                self.tell_state_lost(&error, FORGOTTEN);
            }
        }
        self
    }

    /// What is to be kept is kept, a little after it has changed.
    pub(super) fn keep_up(&mut self, now: Now) {
        if self.fences.is_low(self.manager.last_fence()) {
            self.reserve_fences(now);
        }
        if self.manager.take_dirty_changed() {
            self.marks.note(now.time);
        }
        if self
            .marks
            .next_deadline()
            .is_some_and(|due| due <= now.time)
        {
            self.write_marks();
        }
    }

    /// The daemon ends. Whoever still holds a lock loses it now.
    pub(super) fn keep_for_the_next(&mut self) {
        let now = self.clock.now();
        // First those who only wait, so that nothing is given to them in passing.
        let mut sessions = self.conns.sessions();
        sessions.sort_by_key(|(_, may_hold)| *may_hold);
        for (session, _) in sessions {
            let actions = self.manager.handle(now, Event::Gone { session });
            actions.for_each(drop);
        }
        if self.manager.take_dirty_changed() {
            self.marks.note(now.time);
        }
        self.write_marks();
    }

    fn reserve_fences(&mut self, now: Now) {
        let last = self.manager.last_fence();
        let (base, reserved) = self.fences.reserve(last, now.wall_us);
        self.manager.raise_fence(base);
        if let Err(error) = reserved {
            self.tell_state_lost(&error, BY_THE_CLOCK);
        }
    }

    fn write_marks(&mut self) {
        if let Err(error) = self.marks.write(self.manager.dirty()) {
            self.tell_state_lost(&error, FORGOTTEN);
        }
    }

    fn tell_state_lost(&self, error: &StateError, so: &str) {
        let text = format_args!("{}; {so}", Chain(error));
        self.system_log.tell(STATE_LOST, text);
    }

    /// When [`keep_up`](Self::keep_up) has something to do that no event brings about.
    pub(super) fn next_keeping(&self) -> Option<Time> {
        self.marks.next_deadline()
    }
}
