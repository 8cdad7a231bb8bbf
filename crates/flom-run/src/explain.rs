//! When to say why a request waits.

use std::time::{Duration, Instant};

use flom_client::{LockError, Pending, command};

use crate::Notice;

/// Between two looks: a tenth of the wait, so that many who wait for long do not ask much together,
/// but within these bounds.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(10);

/// Until the next look at a daemon that has not answered at all yet.
const SOON: Duration = Duration::from_millis(50);

/// Looks from time to time why the request waits.
#[derive(Debug)]
pub(crate) struct Explainer {
    /// How long to keep quiet at first; `None` for ever.
    after: Option<Duration>,
    /// When the wait began, and when to look next.
    waits: Option<(Instant, Instant)>,
    /// Whether something has been told of this wait.
    told: bool,
}

impl Explainer {
    pub(crate) fn new(after: Option<Duration>) -> Self {
        Self {
            after,
            waits: None,
            told: false,
        }
    }

    /// The request has been sent.
    pub(crate) fn begin(&mut self, now: Instant) {
        let first = self.after.and_then(|after| now.checked_add(after));
        self.waits = first.map(|first| (now, first));
    }

    /// When to [`look`](Self::look) next, even if nothing happens.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.waits.map(|(_, next)| next)
    }

    /// Tells what the daemon has said, and asks again if it is time.
    pub(crate) fn look(
        &mut self,
        now: Instant,
        pending: &mut Pending,
        tell: &mut dyn FnMut(Notice<'_>),
    ) {
        let Some((began, next)) = &mut self.waits else {
            return;
        };
        let since = now.saturating_duration_since(*began);
        let mut explanation = command::explanation(pending);
        if *next <= now && !command::is_answered(pending) {
            *next = now + SOON;
        } else if *next <= now {
            *next = now + (since / 10).clamp(SHORTEST, LONGEST);
            explanation = command::ask_why(pending).or(explanation);
        }
        if let Some(explanation) = &explanation {
            self.told = true;
            tell(Notice::Waits { explanation, since });
        }
    }

    /// The wait is over, this way or that.
    pub(crate) fn end(&mut self, tell: &mut dyn FnMut(Notice<'_>)) {
        self.waits = None;
        if std::mem::take(&mut self.told) {
            tell(Notice::WaitOver);
        }
    }

    /// The request has come to nothing by `error`.
    pub(crate) fn fail(
        &mut self,
        error: &LockError,
        pending: &mut Pending,
        tell: &mut dyn FnMut(Notice<'_>),
    ) {
        self.end(tell);
        if self.after.is_some()
            && let Some(lines) = command::because_of(pending, error)
        {
            tell(Notice::InVain { lines: &lines });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_looks_who_is_not_to() {
        let mut quiet = Explainer::new(None);
        quiet.begin(Instant::now());
        assert_eq!(quiet.next_deadline(), None);
        let now = Instant::now();
        let mut explainer = Explainer::new(Some(SHORTEST));
        explainer.begin(now);
        assert_eq!(explainer.next_deadline(), Some(now + SHORTEST));
        explainer.end(&mut |notice| panic!("nothing was told: {notice:?}"));
        assert_eq!(explainer.next_deadline(), None);
    }
}
