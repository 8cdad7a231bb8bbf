//! The logger of a program: lines for those who watch it, on stderr, and the trace.
//!
//! ```text
//!                              ┌─ bit of FLOM_TRACE_MASK ─► the trace, see `trace`
//!   log::debug!(..) ─► Logger ─┤
//!                              └─ RUST_LOG, or a default ─► stderr
//! ```
//!
//! Libraries write to `log`; only a program starts this. What both want, and would go to stderr
//! twice, goes there as a line of the trace.

use std::env;
use std::io::Write;
use std::sync::OnceLock;

use env_logger::Builder;
use jiff::Zoned;
use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::trace::Trace;

static LOGGER: OnceLock<Logger> = OnceLock::new();

/// Starts the log of a daemon in the foreground: what happens in its life, with `verbose` also each
/// session and lock.
///
/// `RUST_LOG` in the environment overrides that. A second call changes nothing.
pub fn start(verbose: bool) {
    show(level(verbose));
}

/// Starts the log of a command, if `RUST_LOG` in the environment asks for one.
pub fn start_if_asked() {
    if env::var_os("RUST_LOG").is_some_and(|filters| !filters.is_empty()) {
        show(LevelFilter::Off);
    }
}

/// Starts the trace. A second call changes nothing.
pub(crate) fn begin(trace: Trace) {
    let logger = LOGGER.get_or_init(|| Logger::new(Some(trace)));
    // An error means that it is the logger already.
    let _ = log::set_logger(logger);
    set_level();
}

/// To be called when what is wanted may have changed.
pub(crate) fn set_level() {
    if let Some(logger) = logger() {
        log::set_max_level(logger.level());
    }
}

/// The logger of this process, if there is one.
pub(crate) fn logger() -> Option<&'static Logger> {
    LOGGER.get()
}

fn show(default: LevelFilter) {
    let logger = LOGGER.get_or_init(|| Logger::new(None));
    let mut builder = Builder::new();
    builder
        .filter_level(default)
        .parse_default_env()
        .format(|out, record| writeln!(out, "{}", line(&Zoned::now(), record)));
    // Errors mean that this has been done already.
    let _ = logger.shown.set(builder.build());
    let _ = log::set_logger(logger);
    set_level();
}

/// What becomes of each record.
#[derive(Debug)]
pub(crate) struct Logger {
    trace: Option<Trace>,
    /// For those who watch.
    shown: OnceLock<env_logger::Logger>,
}

impl Logger {
    fn new(trace: Option<Trace>) -> Self {
        Self {
            trace,
            shown: OnceLock::new(),
        }
    }

    pub(crate) fn trace(&self) -> Option<&Trace> {
        self.trace.as_ref()
    }

    /// Records above this level concern nobody.
    fn level(&self) -> LevelFilter {
        let traced = self.trace().map(Trace::level);
        let shown = self.shown.get().map(env_logger::Logger::filter);
        traced.max(shown).unwrap_or(LevelFilter::Off)
    }

    fn traced(&self, target: &str) -> Option<&Trace> {
        self.trace().filter(|trace| trace.wants(target))
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata) -> bool {
        let is_shown = |shown: &env_logger::Logger| shown.enabled(metadata);
        self.traced(metadata.target()).is_some() || self.shown.get().is_some_and(is_shown)
    }

    fn log(&self, record: &Record) {
        let traced = self.traced(record.target());
        if let Some(trace) = traced {
            trace.add(record);
        }
        if let Some(shown) = self.shown.get()
            && !traced.is_some_and(Trace::is_on_stderr)
        {
            shown.log(record);
        }
    }

    fn flush(&self) {}
}

fn level(verbose: bool) -> LevelFilter {
    match verbose {
        true => LevelFilter::Debug,
        false => LevelFilter::Info,
    }
}

/// Who looks at what is not for everybody also wants to know which module it is from.
fn line(now: &Zoned, record: &Record) -> String {
    let level = record.level().as_str().to_lowercase();
    let time = now.strftime("%Y-%m-%d %H:%M:%S%.3f");
    let (target, text) = (record.target(), record.args());
    match record.level() {
        Level::Debug | Level::Trace => format!("{time} {level} {target}: {text}"),
        _ => format!("{time} {level} {text}"),
    }
}

#[cfg(test)]
mod tests {
    use flom_types::target;
    use jiff::civil::date;
    use jiff::tz::TimeZone;

    use super::*;
    use crate::trace::TraceMask;

    fn logger(mask: u64, shown: Option<&str>) -> Logger {
        let logger = Logger::new(Some(Trace::new(TraceMask(mask))));
        if let Some(filters) = shown {
            let shown = Builder::new().parse_filters(filters).build();
            logger.shown.set(shown).unwrap();
        }
        logger
    }

    fn enabled(logger: &Logger, target: &str, level: Level) -> bool {
        let metadata = Metadata::builder().target(target).level(level).build();
        level <= logger.level() && logger.enabled(&metadata)
    }

    #[test]
    fn a_line_says_when_and_how_grave_and_to_those_who_look_closer_where() {
        let now = date(2015, 11, 28).at(21, 34, 15, 655_916_000);
        let now = now.to_zoned(TimeZone::UTC).unwrap();
        for (level, text) in [
            (Level::Warn, "2015-11-28 21:34:15.655 warn ready"),
            (
                Level::Debug,
                "2015-11-28 21:34:15.655 debug flom::conn: ready",
            ),
        ] {
            let mut builder = Record::builder();
            let record = builder.level(level).target(target::CONN);
            assert_eq!(
                line(&now, &record.args(format_args!("ready")).build()),
                text
            );
        }
    }

    #[test]
    fn verbose_tells_of_each_lock() {
        assert!(level(false) >= Level::Info && level(false) < Level::Debug);
        assert!(level(true) >= Level::Debug && level(true) < Level::Trace);
    }

    #[test]
    fn without_mask_and_filters_nothing_is_looked_at() {
        assert_eq!(Logger::new(None).level(), LevelFilter::Off);
        assert_eq!(logger(0, None).level(), LevelFilter::Off);
        assert_eq!(logger(0, Some("info")).level(), LevelFilter::Info);
    }

    #[test]
    fn a_bit_of_the_mask_wants_every_level_of_its_module() {
        let logger = logger(0x40_0000, None);
        for level in [Level::Error, Level::Trace] {
            assert!(enabled(&logger, target::WIRE, level));
            assert!(!enabled(&logger, target::CONN, level));
        }
    }

    #[test]
    fn mask_and_filters_are_both_honoured() {
        let logger = logger(0x40_0000, Some("flom::conn=debug"));
        assert!(enabled(&logger, target::WIRE, Level::Trace));
        assert!(enabled(&logger, target::CONN, Level::Debug));
        assert!(!enabled(&logger, target::CONN, Level::Trace));
        assert!(!enabled(&logger, target::EXEC, Level::Error));
    }
}
