//! Those who look at what the daemon keeps, without holding up those who lock.
//!
//! ```text
//!   question ─► asking ── a view for all who ask now ──► reports ── a slice a turn ──► connection
//! ```
//!
//! A view is taken in one turn, and it is some time until the next: what they cost together stays a
//! small part. What is told of it is made in slices, one in each turn, and only for those who have
//! read what they were sent before: who does not read costs a view's memory, of which there are few,
//! and loses the connection in the end.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use flom_core::LockManager;
use flom_proto::Report;
use flom_status::{Document, Format, Question as Wanted, Reasons, Rule, View, why_waits};
use flom_types::{Now, Outcome, ResourceName, SessionId, Time};

use crate::clock::Clock;
use crate::conns::Conns;

/// Bytes of text that are made in one turn.
const SLICE_BYTES: usize = 16 * 1024;

/// Bytes of text in one message: with a third more for its form they stay below what a peer takes.
const PIECE_BYTES: usize = 32 * 1024;

/// Bytes that may wait for a peer to read them before it is told more.
const AHEAD_BYTES: usize = 64 * 1024;

/// Reports that are being told at the same time; others have to wait until one is done.
const REPORTS: usize = 8;

/// Questions that are answered at once in one turn: each costs a walk along a queue, or a page.
const ANSWERS: usize = 16;

/// How long a peer may read nothing of its report, in ms.
const STALL_MS: u64 = 10_000;

/// The same while others wait for its place, in ms.
const HURRY_MS: u64 = 500;

/// How many times as long as it took to take a view, and to answer from it, it is until the next one.
const REST: u32 = 10;

/// How old a view may be that tells somebody why it waits, in ms.
const GOOD_ENOUGH_MS: u64 = 250;

/// Parts of a view that are forgotten in one turn.
const FORGOTTEN: usize = 256;

/// What somebody wants to know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Question {
    /// Everything, or everything about one resource.
    Status {
        /// That resource.
        only: Option<ResourceName>,
        /// As what.
        format: Format,
    },
    /// What would become of a request.
    Why {
        /// Of which.
        wanted: Wanted,
        /// As what.
        format: Format,
    },
    /// Why its own request waits.
    Wait,
    /// Figures.
    Metrics,
}

/// Everybody who looks.
#[derive(Debug, Default)]
pub(crate) struct Observers {
    /// Who has asked and is not answered yet, in that order.
    asking: VecDeque<(SessionId, Question)>,
    reports: VecDeque<Telling>,
    /// The latest view, as long as it is good enough for somebody who waits.
    recent: Option<(Time, Arc<View>)>,
    /// All views that are still there: whoever is done with one leaves it to be forgotten here,
    /// where it is done in slices.
    views: Vec<Arc<View>>,
    /// No view is taken before.
    rest_until: Time,
    /// Questions that may still be answered in this turn.
    answers: usize,
}

/// A report that is being told.
#[derive(Debug)]
struct Telling {
    session: SessionId,
    text: Text,
    outcome: Outcome,
    /// How much was unread when the peer last read something, and when that was.
    unread: (usize, Time),
}

/// What is told.
#[derive(Debug)]
enum Text {
    Status(Document),
    Why(Reasons),
}

impl Observers {
    /// `session` wants to know something.
    pub(crate) fn ask(&mut self, session: SessionId, question: Question) {
        self.asking.push_back((session, question));
    }

    /// Does what is due: nothing that takes long.
    pub(crate) fn serve(
        &mut self,
        now: Now,
        clock: &Clock,
        manager: &LockManager,
        conns: &mut Conns,
    ) {
        if self.views.is_empty() && self.asking.is_empty() {
            return;
        }
        self.answers = ANSWERS;
        self.tell_who_wait(now, conns);
        if self.next_to_answer().is_some() && self.rest_until <= now.time {
            if conns.get_acquainted() {
                let began = Instant::now();
                // Those who have gone are not to take the turn of those who are there.
                self.asking
                    .retain(|(session, _)| conns.unsent(*session).is_some());
                let view = self.take(now, manager, conns);
                self.begin(now, &view, conns);
                self.rest(clock, began);
            }
            return; // a turn for each
        }
        if !self.forget() {
            self.tell_on(now, conns);
        }
    }

    /// Takes a view.
    fn take(&mut self, now: Now, manager: &LockManager, conns: &Conns) -> Arc<View> {
        let view = Arc::new(View::new(manager.snapshot(now), conns.peers()));
        self.views.push(Arc::clone(&view));
        view
    }

    /// No other view for some time: this one has taken since `began`.
    fn rest(&mut self, clock: &Clock, began: Instant) {
        // The clock counts ms, and a part of one counts, too.
        self.rest_until = (clock.time() + REST * began.elapsed()).after_ms(1);
    }

    /// Forgets a slice of a view that nobody needs any more; whether there was one.
    fn forget(&mut self) -> bool {
        let Some(at) = self.views.iter().position(is_spent) else {
            return false;
        };
        let more = Arc::get_mut(&mut self.views[at]).is_some_and(|view| view.shed(FORGOTTEN));
        if !more {
            self.views.swap_remove(at);
        }
        true
    }

    /// What is kept, as of a moment ago at worst; if it is too early for another look, when to try
    /// again.
    pub(crate) fn view(
        &mut self,
        now: Now,
        clock: &Clock,
        manager: &LockManager,
        conns: &mut Conns,
    ) -> Result<Arc<View>, Time> {
        if let Some((taken, view)) = &self.recent
            && now.time < taken.after_ms(GOOD_ENOUGH_MS)
        {
            return Ok(Arc::clone(view));
        }
        if now.time < self.rest_until {
            return Err(self.rest_until);
        }
        if !conns.get_acquainted() {
            return Err(Time::default());
        }
        let began = Instant::now();
        let view = self.take(now, manager, conns);
        self.rest(clock, began);
        self.recent = Some((now.time, Arc::clone(&view)));
        Ok(view)
    }

    /// When to [`serve`](Self::serve) next, if nothing else happens.
    pub(crate) fn next_deadline(&self, conns: &Conns) -> Option<Time> {
        let patience = self.patience_ms();
        let reports = self.reports.iter().map(|telling| {
            let (_, since) = telling.unread;
            match conns.unsent(telling.session) {
                Some(unsent) if unsent >= AHEAD_BYTES => since.after_ms(patience),
                _ => Time::default(),
            }
        });
        // What was left for being more than a turn's may be answered from the view that there is.
        let left = self.answers == 0 && self.recent.is_some();
        let rest_until = if left {
            Time::default()
        } else {
            self.rest_until
        };
        let asking = self.next_to_answer().map(|_| rest_until);
        let recent = self.recent.as_ref();
        let recent = recent.map(|(taken, _)| taken.after_ms(GOOD_ENOUGH_MS));
        let spent = self.views.iter().any(is_spent);
        let spent = spent.then(Time::default);
        reports.chain(asking).chain(recent).chain(spent).min()
    }

    /// Where the first one is who asks and can be answered: with a report only if there is room.
    fn next_to_answer(&self) -> Option<usize> {
        let has_room = self.reports.len() < REPORTS;
        let is_short = |question: &Question| {
            matches!(
                question,
                Question::Wait
                    | Question::Metrics
                    | Question::Why {
                        format: Format::Text,
                        ..
                    }
            )
        };
        let mut asking = self.asking.iter();
        asking.position(|(_, question)| has_room || is_short(question))
    }

    /// How long a peer may read nothing of its report.
    fn patience_ms(&self) -> u64 {
        match self.reports.len() >= REPORTS && !self.asking.is_empty() {
            true => HURRY_MS,
            false => STALL_MS,
        }
    }

    /// Answers those who want to know why they wait from the latest view, if it shows them.
    fn tell_who_wait(&mut self, now: Now, conns: &mut Conns) {
        let Some((taken, view)) = &self.recent else {
            return;
        };
        if taken.after_ms(GOOD_ENOUGH_MS) <= now.time {
            self.recent = None;
            return;
        }
        self.asking.retain(|(session, question)| {
            // The view may show somebody as waiting who has been granted the lock since.
            let judgement = match question {
                Question::Wait if self.answers > 0 && conns.is_waiting(*session) => {
                    self.answers -= 1;
                    why_waits(view.snapshot(), *session)
                }
                _ => None,
            };
            let Some(judgement) = judgement else {
                return true;
            };
            tell(conns, *session, &judgement.line(view), Outcome::Queued);
            false
        });
    }

    /// Answers those who ask, or begins to.
    fn begin(&mut self, now: Now, view: &Arc<View>, conns: &mut Conns) {
        while self.answers > 0
            && let Some(place) = self.next_to_answer()
            && let Some((session, question)) = self.asking.remove(place)
        {
            self.answers -= 1;
            match question {
                Question::Status { only, format } => self.reports.push_back(Telling {
                    session,
                    text: Text::Status(Document::new(Arc::clone(view), format, only)),
                    outcome: Outcome::Granted,
                    unread: (0, now.time),
                }),
                Question::Why { wanted, format } => {
                    let mut reasons = Reasons::new(Arc::clone(view), wanted, format);
                    if format == Format::Text {
                        let mut text = String::new(); // which names but a few
                        reasons.write(&mut text, usize::MAX);
                        tell(conns, session, &text, outcome(reasons.rule()));
                        continue;
                    }
                    self.reports.push_back(Telling {
                        session,
                        outcome: outcome(reasons.rule()),
                        text: Text::Why(reasons),
                        unread: (0, now.time),
                    });
                }
                Question::Metrics => {
                    let process = conns.process();
                    let text = conns.metrics().write(view, process);
                    tell(conns, session, &text, Outcome::Granted);
                }
                Question::Wait => {
                    self.recent = Some((now.time, Arc::clone(view)));
                    let judgement = why_waits(view.snapshot(), session);
                    // Empty if it does not wait any more: it knows better then.
                    let line = judgement.map_or(String::new(), |judgement| judgement.line(view));
                    tell(conns, session, &line, Outcome::Queued);
                }
            }
        }
    }

    /// A slice of the next report whose peer has read enough.
    fn tell_on(&mut self, now: Now, conns: &mut Conns) {
        let patience = self.patience_ms();
        for _ in 0..self.reports.len() {
            let Some(mut telling) = self.reports.pop_front() else {
                return;
            };
            let Some(unsent) = conns.unsent(telling.session) else {
                continue; // it has gone
            };
            if unsent < AHEAD_BYTES {
                if telling.tell_slice(now, conns) {
                    self.reports.push_back(telling);
                }
                return;
            }
            if telling.has_stalled(now, unsent, patience) {
                conns.lose(telling.session);
            } else {
                self.reports.push_back(telling);
            }
        }
    }
}

impl Telling {
    /// Tells a slice; whether there is more.
    fn tell_slice(&mut self, now: Now, conns: &mut Conns) -> bool {
        let mut slice = String::with_capacity(SLICE_BYTES);
        let more = match &mut self.text {
            Text::Status(document) => document.write(&mut slice, SLICE_BYTES),
            Text::Why(reasons) => reasons.write(&mut slice, SLICE_BYTES),
        };
        pieces(conns, self.session, &slice, !more, self.outcome);
        self.unread = (conns.unsent(self.session).unwrap_or(0), now.time);
        more
    }

    /// Whether the peer has read nothing for longer than `patience`, in ms.
    fn has_stalled(&mut self, now: Now, unsent: usize, patience: u64) -> bool {
        let (before, since) = self.unread;
        if unsent < before {
            self.unread = (unsent, now.time);
        }
        unsent >= before && since.after_ms(patience) <= now.time
    }
}

/// Whether nobody has a use for it any more.
fn is_spent(view: &Arc<View>) -> bool {
    Arc::strong_count(view) == 1
}

/// Tells a whole answer at once.
fn tell(conns: &mut Conns, session: SessionId, text: &str, outcome: Outcome) {
    pieces(conns, session, text, true, outcome);
}

/// Sends `text` in messages, of which the last one is the last of all if `last` says so.
fn pieces(conns: &mut Conns, session: SessionId, text: &str, last: bool, outcome: Outcome) {
    let mut rest = text.as_bytes();
    loop {
        let (piece, behind) = rest.split_at(rest.len().min(PIECE_BYTES));
        rest = behind;
        let last = last && rest.is_empty();
        let rc = if last { outcome.number() } else { 0 };
        let text = piece.to_vec();
        conns.report(session, Report { rc, last, text });
        if rest.is_empty() {
            return;
        }
    }
}

/// What would become of a request by that rule.
fn outcome(rule: Rule) -> Outcome {
    match rule {
        Rule::Free | Rule::New => Outcome::Granted,
        Rule::NotCreated => Outcome::Parked,
        Rule::Impossible { .. } => Outcome::Impossible,
        Rule::Draining => Outcome::Refused,
        Rule::Mode | Rule::Units { .. } | Rule::Places { .. } | Rule::Tick { .. } | Rule::Queue => {
            Outcome::Queued
        }
    }
}
