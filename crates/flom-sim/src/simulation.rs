//! One seed: who is there, what happens when, and when it is over.

use std::collections::BTreeMap;

use flom_core::Footprint;
use flom_types::{Now, SessionId, Time};

use crate::client::{Client, Move, Wishes};
use crate::daemon::{Daemon, Deed};
use crate::judge::Judge;
use crate::pipe::{Delay, Pipe};
use crate::random::Random;
use crate::tally::{Failure, Tally};

/// Plays the history that follows from a seed, and says what was in it.
///
/// # Errors
///
/// A promise that was broken.
pub fn play(seed: u64) -> Result<Tally, Failure> {
    Simulation::new(seed, None).play()
}

/// Plays it and tells all that happens, line by line.
///
/// # Errors
///
/// As [`play`].
pub fn tell(seed: u64, line: impl FnMut(&str) + 'static) -> Result<Tally, Failure> {
    Simulation::new(seed, Some(Box::new(line))).play()
}

/// Whom to tell what happens.
pub(crate) type Listener = Box<dyn FnMut(&str)>;

/// Moments after which a history that is calm must have come to its end.
const STEPS: u64 = 100_000;

/// A history as it goes on.
pub(crate) struct Simulation {
    pub(crate) seed: u64,
    pub(crate) random: Random,
    pub(crate) now: u64,
    pub(crate) wall_ahead_us: i64,
    pub(crate) delay: Delay,
    pub(crate) daemon: Daemon,
    /// When the daemon takes its next turn because something has come, in µs.
    pub(crate) daemon_wakes: Option<u64>,
    pub(crate) clients: Vec<Client>,
    pub(crate) links: BTreeMap<SessionId, Link>,
    pub(crate) opened: u64,
    pub(crate) wishes: Wishes,
    pub(crate) judge: Judge,
    pub(crate) next_mishap: u64,
    /// When everybody calms down, in µs.
    pub(crate) calms_at: u64,
    pub(crate) tally: Tally,
    pub(crate) listener: Option<Listener>,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Link {
    /// Whose it is; nobody's any more if that one has left it.
    pub(crate) client: Option<usize>,
    pub(crate) up: Pipe,
    pub(crate) down: Pipe,
    /// The network has broken it: what the client hears now is worth nothing.
    pub(crate) torn: bool,
}

impl Simulation {
    fn play(mut self) -> Result<Tally, Failure> {
        self.run()?;
        Ok(Tally {
            grants: self.judge.grants,
            grants_after_waiting: self.judge.grants_after_waiting,
            passings: self.judge.passings,
            ..self.tally
        })
    }

    fn run(&mut self) -> Result<(), Failure> {
        while let Some(time) = self.next_moment() {
            self.now = self.now.max(time);
            self.tally.steps += 1;
            if let Err(what) = self.step() {
                return Err(self.failure(what));
            }
        }
        self.end().map_err(|what| self.failure(what))
    }

    fn failure(&self, what: String) -> Failure {
        Failure {
            seed: self.seed,
            step: self.tally.steps,
            what,
        }
    }

    /// When something happens next, in µs.
    fn next_moment(&self) -> Option<u64> {
        let arrivals = self
            .links
            .values()
            .flat_map(|link| [link.up.arrives(), link.down.arrives()]);
        let wakes = self.clients.iter().map(|client| client.wakes);
        let deadline = self.daemon.next_deadline().map(|time| time.0 * 1000);
        let mishap = (!self.wishes.calm).then_some(self.next_mishap);
        arrivals
            .chain(wakes)
            .chain([self.daemon_wakes, deadline, mishap])
            .flatten()
            .min()
    }

    fn step(&mut self) -> Result<(), String> {
        if self.tally.steps > STEPS {
            return Err("it never ends".into());
        }
        if !self.wishes.calm && self.calms_at <= self.now {
            self.note(|| "all calm down".into());
            self.wishes.calm = true;
            for client in &mut self.clients {
                client.calm_down(self.now);
            }
        }
        if !self.wishes.calm && self.next_mishap <= self.now {
            self.mishap();
        }
        self.deliver_up();
        let is_due = |time: Option<u64>| time.is_some_and(|time| time <= self.now);
        if is_due(self.daemon_wakes)
            || is_due(self.daemon.next_deadline().map(|time| time.0 * 1000))
        {
            self.daemon_turn()?;
        }
        self.deliver_down()?;
        for which in 0..self.clients.len() {
            if self.clients[which]
                .wakes
                .is_some_and(|time| time <= self.now)
            {
                let session = self.clients[which].link.unwrap_or(SessionId(0));
                let moves = self.clients[which].act(self.now, &self.wishes, &mut self.random);
                self.perform(which, session, moves)?;
            }
        }
        self.links.retain(|_, link| {
            link.client.is_some() || link.up.arrives().is_some() || link.down.arrives().is_some()
        });
        Ok(())
    }

    fn deliver_up(&mut self) {
        for (session, link) in &mut self.links {
            if let Some(piece) = link.up.receive(self.now, self.delay, &mut self.random) {
                self.daemon.receive(*session, &piece);
                let wakes = self.now + self.random.below(1000);
                self.daemon_wakes.get_or_insert(wakes);
            }
        }
    }

    fn daemon_turn(&mut self) -> Result<(), String> {
        self.daemon_wakes = None;
        let now = self.clock();
        for deed in self.daemon.turn(now) {
            self.note(|| format!("daemon: {}", describe(&deed)));
            match deed {
                Deed::Heard(event) => self.judge.heard(&event),
                Deed::Told(action) => {
                    self.judge.told(&action)?;
                    self.maybe_kill_at_grant(&action);
                }
                Deed::Sent(session, bytes) => {
                    if let Some(link) = self.links.get_mut(&session) {
                        link.down
                            .send(self.now, &bytes, self.delay, &mut self.random);
                    }
                }
                Deed::Ended(session) => {
                    if let Some(link) = self.links.get_mut(&session) {
                        link.down.end(self.now, self.delay, &mut self.random);
                    }
                }
            }
        }
        Ok(())
    }

    fn deliver_down(&mut self) -> Result<(), String> {
        let sessions: Vec<SessionId> = self.links.keys().copied().collect();
        for session in sessions {
            let Some(link) = self.links.get_mut(&session) else {
                continue;
            };
            let Some(piece) = link.down.receive(self.now, self.delay, &mut self.random) else {
                continue;
            };
            let (client, torn) = (link.client, link.torn);
            let Some(which) = client else {
                continue;
            };
            if torn {
                // It will find out, and has counted on nothing since.
                if piece.ends {
                    self.leave(session);
                    self.clients[which].die(self.now, &mut self.random);
                }
                continue;
            }
            let client = &mut self.clients[which];
            let moves = client
                .hear(self.now, &piece, self.wishes.calm, &mut self.random)
                .map_err(|what| format!("client {which}: {what}"))?;
            self.perform(which, session, moves)?;
        }
        Ok(())
    }

    fn perform(
        &mut self,
        which: usize,
        mut session: SessionId,
        moves: Vec<Move>,
    ) -> Result<(), String> {
        for movement in moves {
            self.note(|| format!("client {which} on {session}: {movement:?}"));
            match movement {
                Move::Connect => {
                    self.opened += 1;
                    session = SessionId(self.opened);
                    self.clients[which].link = Some(session);
                    self.daemon.admit(session);
                    let link = Link {
                        client: Some(which),
                        up: Pipe::default(),
                        down: Pipe::default(),
                        torn: false,
                    };
                    self.links.insert(session, link);
                }
                Move::Say(bytes) => {
                    if let Some(link) = self.links.get_mut(&session) {
                        link.up.send(self.now, &bytes, self.delay, &mut self.random);
                    }
                }
                Move::Hold(request, element) => self.judge.counts_on(which, request, element)?,
                Move::LetGo => self.judge.lets_go(which),
                Move::HangUp => {
                    self.leave(session);
                }
            }
        }
        Ok(())
    }

    /// The client has closed its end: what it has said still arrives, what it is told does not.
    fn leave(&mut self, session: SessionId) {
        if let Some(link) = self.links.get_mut(&session) {
            link.client = None;
            link.up.end(self.now, self.delay, &mut self.random);
        }
    }

    /// All must be as if nothing had ever been.
    fn end(&mut self) -> Result<(), String> {
        if let Some(which) = self.clients.iter().position(|client| !client.is_done()) {
            let client = &self.clients[which];
            return Err(format!("client {which} is forgotten: {client:?}"));
        }
        let left = self.daemon.manager.footprint();
        let is_clean = left == Footprint::default()
            && self.daemon.manager.is_empty()
            && self.daemon.is_empty()
            && self.judge.is_over()
            && self.judge.users() == 0;
        match is_clean {
            true => Ok(()),
            false => Err(format!("something is left: {left:?}, {:?}", self.judge)),
        }
    }

    fn clock(&self) -> Now {
        let since = i64::try_from(self.now).expect("simulations are short");
        Now {
            time: Time(self.now / 1000),
            wall_us: since + self.wall_ahead_us,
        }
    }

    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(listener) = &mut self.listener {
            listener(&format!(
                "{:>6} {:>9} µs {}",
                self.tally.steps,
                self.now,
                line()
            ));
        }
    }
}

fn describe(deed: &Deed) -> String {
    match deed {
        Deed::Sent(session, bytes) => format!("{session} is sent {} bytes", bytes.len()),
        other => format!("{other:?}"),
    }
}
