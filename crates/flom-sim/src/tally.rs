//! What is known of a history when it is over.

use std::fmt;

/// A promise that was broken.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed that shows it.
    pub seed: u64,
    /// How many moments had passed.
    pub step: u64,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}, step {}: {}", self.seed, self.step, self.what)
    }
}

impl std::error::Error for Failure {}

/// How often things happened: a simulation that never gets anywhere shows nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Moments at which something happened.
    pub steps: u64,
    /// Locks granted.
    pub grants: u64,
    /// Those for which somebody had waited.
    pub grants_after_waiting: u64,
    /// Waiters that were passed by others.
    pub passings: u64,
    /// Clients killed.
    pub killed: u64,
    /// Those killed between the grant and their hearing of it.
    pub killed_at_grant: u64,
    /// Connections broken.
    pub torn: u64,
    /// Times that the wall clock was set.
    pub clock_set: u64,
}

impl Tally {
    /// Adds what happened elsewhere.
    pub fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.grants += other.grants;
        self.grants_after_waiting += other.grants_after_waiting;
        self.passings += other.passings;
        self.killed += other.killed;
        self.killed_at_grant += other.killed_at_grant;
        self.torn += other.torn;
        self.clock_set += other.clock_set;
    }
}
