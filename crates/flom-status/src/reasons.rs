//! What would become of a request, as a text that is made in pieces.

use std::sync::Arc;

use crate::document::Format;
use crate::judge::{Question, Rule, why};
use crate::view::View;

/// A judgement that is being written out.
#[derive(Debug)]
pub struct Reasons {
    view: Arc<View>,
    question: Question,
    format: Format,
    rule: Rule,
    /// The item that comes next; `None` after the last.
    next: Option<usize>,
}

impl Reasons {
    /// What would become of a newcomer that asks `question`, as `view` shows.
    pub fn new(view: Arc<View>, question: Question, format: Format) -> Self {
        let rule = why(view.snapshot(), &question).rule;
        Self {
            view,
            question,
            format,
            rule,
            next: Some(0),
        }
    }

    /// What decides.
    pub fn rule(&self) -> Rule {
        self.rule
    }

    /// Appends to `out` until it has at least `enough` bytes, or all is said; whether there is
    /// more.
    pub fn write(&mut self, out: &mut String, enough: usize) -> bool {
        let Some(at) = self.next else {
            return false;
        };
        // Judged again for each piece, which costs much less than to write one.
        let judgement = why(self.view.snapshot(), &self.question);
        self.next = judgement.write_from(&self.view, self.format, at, out, enough);
        self.next.is_some()
    }
}

#[cfg(test)]
mod tests {
    use flom_core::snapshot::{Held, Holder, Resource, Snapshot};
    use flom_types::{LockMode, ResourceName, SessionId, Time};

    use super::*;

    #[test]
    fn the_pieces_are_what_would_be_written_at_once() {
        let holder = |session| Holder {
            session: SessionId(session),
            since: Time::default(),
            fence: 1,
            held: Held::Mode(LockMode::ConcurrentRead),
        };
        let resource = Resource {
            name: ResourceName::default(),
            room: None,
            holders: (0..50).map(holder).collect(),
            waiters: Vec::new(),
            sessions: 50,
            idle_until: None,
            next_tick: None,
        };
        let snapshot = Snapshot {
            resources: vec![resource],
            ..Snapshot::default()
        };
        let view = Arc::new(View::new(snapshot, []));
        let question = Question {
            resource: ResourceName::default(),
            mode: LockMode::Exclusive,
            quantity: 1,
            create: true,
        };
        for format in [Format::Text, Format::Json] {
            let whole = why(view.snapshot(), &question).write(&view, format);
            let mut reasons = Reasons::new(Arc::clone(&view), question.clone(), format);
            let (mut all, mut pieces) = (String::new(), 0);
            let mut more = true;
            while more {
                let mut piece = String::new();
                more = reasons.write(&mut piece, 100);
                all += &piece;
                pieces += 1;
            }
            assert_eq!(all, whole);
            assert_eq!(pieces > 10, format == Format::Json);
        }
    }
}
