//! When a daemon that nobody uses ends.
//!
//! FLoM 1.7.2 knows neither a minimum nor a maximum (`spec/daemon.md` §5, D10). Ours: at least the
//! lifespan after the last connection, message or hang-up, and never before its starter has come. A
//! connection that says nothing counts like one that has just hung up, so it cannot keep a daemon
//! for ever. Resources that are alive do, but that is for the lock manager to say.

use flom_types::Time;

/// How long a client may take between connecting, or hearing of us by discovery, and saying what it
/// wants, in ms. A shorter lifespan would end the daemon under its hands.
const NEWCOMER_MS: u64 = 1000;

/// How long a daemon waits for the one that has started it, in ms.
const STARTER_MS: u64 = 10_000;

/// Knows how long the daemon lives on without use.
#[derive(Debug)]
pub(crate) struct Lifespan {
    /// In ms; `None` for ever.
    limit_ms: Option<u64>,
    /// Not before this moment.
    end: Time,
    starter_awaited: bool,
}

impl Lifespan {
    /// A daemon that lives `lifespan_ms` without use; for ever if that is not above 0.
    pub(crate) fn new(lifespan_ms: i32, now: Time) -> Self {
        let limit_ms = u64::try_from(lifespan_ms).ok().filter(|ms| *ms > 0);
        let mut lifespan = Self {
            limit_ms,
            end: now,
            starter_awaited: false,
        };
        lifespan.query(now);
        lifespan
    }

    /// Somebody has started the daemon and is about to connect.
    pub(crate) fn await_starter(&mut self, now: Time) {
        self.starter_awaited = true;
        self.postpone(now, STARTER_MS);
    }

    /// A client has connected.
    pub(crate) fn newcomer(&mut self, now: Time) {
        if self.starter_awaited {
            self.starter_awaited = false;
            self.end = now;
        }
        self.query(now);
    }

    /// Somebody asked where we are, and will come.
    pub(crate) fn query(&mut self, now: Time) {
        self.postpone(now, self.limit_ms.unwrap_or(0).max(NEWCOMER_MS));
    }

    /// A client has said something, or has left.
    pub(crate) fn activity(&mut self, now: Time) {
        self.postpone(now, self.limit_ms.unwrap_or(0));
    }

    /// The moment at which the daemon ends if nothing happens until then; `None` if never.
    pub(crate) fn end(&self) -> Option<Time> {
        self.limit_ms.map(|_| self.end)
    }

    fn postpone(&mut self, now: Time, ms: u64) {
        self.end = self.end.max(now.after_ms(ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lifespan_counts_from_the_last_activity() {
        let mut lifespan = Lifespan::new(5000, Time(0));
        assert_eq!(lifespan.end(), Some(Time(5000)));
        lifespan.newcomer(Time(100));
        lifespan.activity(Time(700));
        assert_eq!(lifespan.end(), Some(Time(5700)));
    }

    #[test]
    fn without_a_lifespan_the_daemon_stays() {
        for lifespan_ms in [-1, 0] {
            assert_eq!(Lifespan::new(lifespan_ms, Time(0)).end(), None);
        }
    }

    #[test]
    fn the_starter_is_waited_for() {
        let mut lifespan = Lifespan::new(1, Time(0));
        lifespan.await_starter(Time(3));
        assert_eq!(lifespan.end(), Some(Time(10_003)));
        lifespan.newcomer(Time(50));
        assert_eq!(lifespan.end(), Some(Time(1050)));
    }

    #[test]
    fn whoever_asks_where_we_are_finds_us_but_is_not_the_starter() {
        let mut lifespan = Lifespan::new(1, Time(0));
        lifespan.query(Time(500));
        assert_eq!(lifespan.end(), Some(Time(1500)));
        lifespan.await_starter(Time(500));
        lifespan.query(Time(600));
        assert_eq!(lifespan.end(), Some(Time(10_500)));
    }
}
