//! Which bit of `FLOM_TRACE_MASK` is which module (`spec/tracing.md` §1): the one table of them.

use flom_types::target;

/// A module that can be traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Module {
    /// Its bit.
    pub bit: u64,
    /// Under which target its lines are in the log; `None` if it has no lines.
    pub target: Option<&'static str>,
    /// What its lines tell, or why there are none.
    pub tells: &'static str,
}

impl Module {
    const fn new(bit: u64, target: &'static str, tells: &'static str) -> Self {
        Self {
            bit,
            target: Some(target),
            tells,
        }
    }

    const fn without_lines(bit: u64, why: &'static str) -> Self {
        Self {
            bit,
            target: None,
            tells: why,
        }
    }
}

/// All modules, by bit.
pub static MODULES: [Module; 23] = [
    Module::without_lines(0x1, "nothing: each line has a module of its own"),
    Module::new(
        0x2,
        target::CONFIG,
        "files read, and where each setting comes from",
    ),
    Module::new(
        0x4,
        target::EXEC,
        "the command: start, signals passed on, end",
    ),
    Module::new(
        0x8,
        target::CLIENT,
        "the way to a daemon, the request, the release",
    ),
    Module::new(
        0x10,
        target::DAEMON,
        "the daemon: start, listeners, main loop",
    ),
    Module::new(
        0x20,
        target::CONN,
        "connections: who comes, who goes and why",
    ),
    Module::new(0x40, target::PARSER, "bytes that are no message"),
    Module::new(0x80, target::MESSAGE, "messages, by what they say"),
    Module::new(
        0x100,
        target::LOCKER,
        "what the lock manager hears and wants done",
    ),
    Module::new(
        0x200,
        target::RESOURCE,
        "resource names, and what they mean",
    ),
    Module::new(0x400, target::SIMPLE, "decisions about simple resources"),
    Module::new(0x800, target::NUMERIC, "decisions about numeric resources"),
    Module::new(0x1000, target::SET, "decisions about sets"),
    Module::new(
        0x2000,
        target::HIERARCHICAL,
        "decisions about hierarchical resources",
    ),
    Module::new(0x4000, target::SEQUENCE, "decisions about sequences"),
    Module::new(0x8000, target::TIMESTAMP, "decisions about timestamps"),
    Module::new(
        0x1_0000,
        target::DEBUG_FEATURES,
        "debug features, as before FLoM 1.7.2",
    ),
    Module::without_lines(0x2_0000, "nothing: no version uses it"),
    Module::new(0x4_0000, target::SHUTDOWN, "orders to end the daemon"),
    Module::without_lines(
        0x8_0000,
        "nothing: the interface for C is no part of this version",
    ),
    Module::new(0x10_0000, target::DEBUG_FEATURES, "debug features"),
    Module::new(
        0x20_0000,
        target::TLS,
        "TLS: what was agreed on, and with whom",
    ),
    Module::new(
        0x40_0000,
        target::WIRE,
        "bytes sent and received, a line for each message",
    ),
];

/// The bits of all modules with this target; 0 if it is nobody's.
pub(super) fn bits_of(target: &str) -> u64 {
    let theirs = MODULES
        .iter()
        .filter(|module| module.target == Some(target));
    theirs.fold(0, |bits, module| bits | module.bit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_is_there_in_order() {
        for (place, module) in MODULES.iter().enumerate() {
            assert_eq!(module.bit, 1 << place, "{}", module.tells);
        }
    }

    #[test]
    fn every_bit_is_in_the_documentation() {
        let page = include_str!("../../../../docs/tracing.md");
        for module in &MODULES {
            let name = module.target.map(|target| target.replace("::", "_"));
            let name = name.map_or(String::new(), |name| format!("`{name}`"));
            let start = format!("| `{:#x}` | {name}", module.bit);
            let end = format!("| {} |", module.tells);
            let listed = page
                .lines()
                .any(|line| line.starts_with(&start) && line.ends_with(&end));
            assert!(listed, "{start} ... {end}");
        }
    }

    #[test]
    fn no_two_modules_have_the_same_target_but_the_debug_features() {
        for module in &MODULES {
            let Some(target) = module.target else {
                continue;
            };
            let both = 0x11_0000;
            let bits = if target == target::DEBUG_FEATURES {
                both
            } else {
                module.bit
            };
            assert_eq!(bits_of(target), bits, "{target}");
        }
    }
}
