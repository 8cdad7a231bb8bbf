//! Many seeds: `FLOM_SIM_SEEDS` says how many, `FLOM_SIM_SEED` plays a single one and tells it.

use std::{env, panic, thread};

use flom_sim::{Failure, Tally, play, tell};

const SEEDS: u64 = 10_000;

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable}={text} is no number")),
    )
}

/// Plays the seeds until one fails, or panics.
fn play_all(seeds: impl Iterator<Item = u64>) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    for seed in seeds {
        let played = panic::catch_unwind(|| play(seed));
        let played = played.unwrap_or_else(|_| {
            let what = "it panicked".into();
            Err(Failure {
                seed,
                step: 0,
                what,
            })
        });
        tally.add(&played?);
    }
    Ok(tally)
}

#[test]
fn no_seed_breaks_a_promise() {
    if let Some(seed) = number("FLOM_SIM_SEED") {
        let told = tell(seed, |line| println!("{line}"));
        return println!("{:?}", told.unwrap_or_else(|failure| panic!("{failure}")));
    }
    let seeds = number("FLOM_SIM_SEEDS").unwrap_or(SEEDS);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let tally = thread::scope(|scope| {
        let shares: Vec<_> = (0..threads)
            .map(|first| scope.spawn(move || play_all((0..seeds).skip(first).step_by(threads))))
            .collect();
        let mut tally = Tally::default();
        for share in shares {
            match share.join().expect("panics are caught") {
                Ok(more) => tally.add(&more),
                Err(failure) => panic!("{failure}\nFLOM_SIM_SEED={} tells it all", failure.seed),
            }
        }
        tally
    });
    println!("{seeds} seeds: {tally:?}");
    // It would show nothing if nothing ever happened.
    assert!(tally.grants_after_waiting > 5 * seeds, "{tally:?}");
    assert!(
        tally.passings > seeds && tally.killed_at_grant > seeds / 10,
        "{tally:?}"
    );
}

#[test]
fn the_same_seed_is_the_same_history() {
    let story = |seed| {
        let (sender, lines) = std::sync::mpsc::channel();
        let tally = tell(seed, move |line| {
            sender.send(line.to_owned()).expect("it is read");
        });
        (
            tally.expect("seeds keep the promises"),
            lines.iter().collect::<Vec<_>>(),
        )
    };
    let (tally, lines) = story(7);
    assert_eq!((tally, lines.clone()), story(7));
    assert_eq!(tally, play(7).expect("seeds keep the promises"));
    assert!(lines.len() > 100 && story(8).1 != lines);
}
