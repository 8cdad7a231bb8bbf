//! What goes wrong: clients are killed, connections break, somebody sets the clock.

use flom_core::Action;
use flom_types::{Outcome, SessionId};

use crate::simulation::Simulation;

impl Simulation {
    /// What goes wrong next, if anything.
    pub(crate) fn mishap(&mut self) {
        self.next_mishap = self.now + self.random.below(400_000);
        match self.random.below(10) {
            0..=2 => {
                let which = self.random.index(self.clients.len());
                self.kill(which);
            }
            3 | 4 => self.tear(),
            5 | 6 => {
                let by_us = match self.random.percent(80) {
                    true => 4_000_000,
                    false => 4_000_000_000,
                };
                let ahead = i64::try_from(self.random.below(2 * by_us)).expect("it is small");
                self.wall_ahead_us += ahead - i64::try_from(by_us).expect("it is small");
                self.tally.clock_set += 1;
                self.note(|| "the wall clock is set".into());
            }
            _ => {}
        }
    }

    fn kill(&mut self, which: usize) {
        self.note(|| format!("client {which} is killed"));
        self.tally.killed += 1;
        self.judge.lets_go(which);
        if let Some(session) = self.clients[which].link
            && let Some(link) = self.links.get_mut(&session)
        {
            link.client = None;
            link.up.tear(self.now, self.delay, &mut self.random);
        }
        self.clients[which].die(self.now, &mut self.random);
    }

    /// Now and then a client dies after the daemon has granted and before it hears of it.
    pub(crate) fn maybe_kill_at_grant(&mut self, action: &Action) {
        let Action::Answer {
            session,
            outcome: Outcome::Granted,
            ..
        } = action
        else {
            return;
        };
        let client = self.links.get(session).and_then(|link| link.client);
        if let Some(which) = client
            && !self.wishes.calm
            && self.random.percent(4)
        {
            self.tally.killed_at_grant += 1;
            self.kill(which);
        }
    }

    /// The network breaks a connection: both ends will find out.
    fn tear(&mut self) {
        let sessions: Vec<SessionId> = self.links.keys().copied().collect();
        if sessions.is_empty() {
            return;
        }
        let session = *self.random.pick(&sessions);
        self.note(|| format!("connection {session} breaks"));
        let Some(link) = self.links.get_mut(&session) else {
            return;
        };
        link.up.tear(self.now, self.delay, &mut self.random);
        link.down.tear(self.now, self.delay, &mut self.random);
        link.torn = true;
        self.tally.torn += 1;
        if let Some(which) = link.client {
            self.judge.lets_go(which);
            self.clients[which].wakes = None;
        }
    }
}
