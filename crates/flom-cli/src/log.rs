//! The log of a daemon in the foreground: on stderr, by `env_logger`.
//!
//! Libraries write to `log`; only a program starts this.

use std::io::Write;

use env_logger::Builder;
use jiff::Zoned;
use log::{LevelFilter, Record};

/// Starts the log: what happens in a daemon's life, with `verbose` also each session and lock.
///
/// `RUST_LOG` in the environment overrides that. A second call changes nothing.
pub fn start(verbose: bool) {
    let mut builder = Builder::new();
    builder
        .filter_level(level(verbose))
        .parse_default_env()
        .format(|out, record| writeln!(out, "{}", line(&Zoned::now(), record)));
    // An error means that the log runs already.
    let _ = builder.try_init();
}

fn level(verbose: bool) -> LevelFilter {
    match verbose {
        true => LevelFilter::Debug,
        false => LevelFilter::Info,
    }
}

fn line(now: &Zoned, record: &Record) -> String {
    let level = record.level().as_str().to_lowercase();
    let time = now.strftime("%Y-%m-%d %H:%M:%S%.3f");
    format!("{time} {level} {}", record.args())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use jiff::tz::TimeZone;
    use log::Level;

    use super::*;

    #[test]
    fn a_line_says_when_and_how_grave() {
        let now = date(2015, 11, 28).at(21, 34, 15, 655_916_000);
        let now = now.to_zoned(TimeZone::UTC).unwrap();
        let record = |level| {
            Record::builder()
                .level(level)
                .args(format_args!("ready"))
                .build()
        };
        assert_eq!(
            line(&now, &record(Level::Warn)),
            "2015-11-28 21:34:15.655 warn ready"
        );
    }

    #[test]
    fn verbose_tells_of_each_lock() {
        assert!(level(false) >= Level::Info && level(false) < Level::Debug);
        assert!(level(true) >= Level::Debug && level(true) < Level::Trace);
    }
}
