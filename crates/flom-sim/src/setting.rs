//! What a history begins with, by its seed.

use std::collections::BTreeMap;

use flom_core::Fairness;
use flom_types::ResourceName;
use jiff::tz::TimeZone;

use crate::client::{Client, Wishes};
use crate::daemon::Daemon;
use crate::judge::Judge;
use crate::pipe::Delay;
use crate::random::Random;
use crate::simulation::{Listener, Simulation};
use crate::tally::Tally;

const GROUPS: [&[&str]; 12] = [
    &["foo"],
    &["bar"],
    &["pool[5]"],
    &["pool[3]"],
    &["a.b.c"],
    &["p.p.q"],
    &["/h", "/h/a", "/h/b", "/h/a/x"],
    &["_s_a[2]"],
    &["_S_a[1]"],
    &["_S_b[3]"],
    &["_t_%F.%T#ff[2]"],
    &["_t_%F.%T[3]"],
];

/// 2026-11-22 14:05:09 UTC, and some seconds before the end of daylight saving in Rome.
const MOMENTS_US: [i64; 2] = [1_795_356_309_250_000, 1_792_889_995_000_000];

impl Simulation {
    /// The history that follows from `seed`, before it begins.
    pub(crate) fn new(seed: u64, listener: Option<Listener>) -> Self {
        let mut random = Random::new(seed);
        let fairness = match random.below(8) {
            0 => Fairness::Fifo,
            1 => Fairness::FirstFit,
            2 => Fairness::default(),
            _ => Fairness::Bounded(u32::try_from(random.below(4)).expect("it is small")),
        };
        let zone = *random.pick(&["UTC", "Europe/Rome", "Asia/Kolkata"]);
        let zone = TimeZone::get(zone).expect("simulations need the time zone data of the system");
        let names = (0..=random.below(5) / 3).flat_map(|_| random.pick(&GROUPS).iter());
        let names =
            names.map(|name| ResourceName::parse(name.as_bytes()).expect("names are sound"));
        let wishes = Wishes {
            names: names.collect(),
            lifespan_ms: random.percent(40).then_some(2000),
            calm: false,
        };
        let passes = match fairness {
            Fairness::Bounded(passes) => Some(passes),
            Fairness::Fifo => Some(0),
            Fairness::FirstFit => None,
        };
        let judge = Judge::new(passes, wishes.lifespan_ms.is_none());
        let delay = *random.pick(&[0, 200, 5_000, 100_000]);
        let clients = 2 + random.below(8);
        Self {
            seed,
            now: 1_000_000,
            wall_ahead_us: *random.pick(&MOMENTS_US) - 1_000_000,
            delay: Delay(delay),
            daemon: Daemon::new(fairness, zone),
            daemon_wakes: None,
            clients: (0..clients)
                .map(|_| Client::new(1_000_000 + random.below(100_000)))
                .collect(),
            links: BTreeMap::new(),
            opened: 0,
            wishes,
            judge,
            next_mishap: 1_000_000,
            calms_at: 1_000_000 + 500_000 * (1 + random.below(8)),
            tally: Tally::default(),
            listener,
            random,
        }
    }
}
