//! `cargo bench -p flom-bench --bench micro`: each hot path by itself.

use std::time::Duration;

use criterion::Criterion;
use flom_bench::paths::PATHS;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    for (name, ready) in PATHS {
        criterion.bench_function(name, |bencher| bencher.iter(ready()));
    }
    criterion.final_summary();
}
