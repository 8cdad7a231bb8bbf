//! The number in `FLOM_TRACE_MASK`.

use std::env;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use flom_settings::scan;

use super::modules;

/// Which modules are traced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceMask(pub u64);

impl TraceMask {
    /// The value of `FLOM_TRACE_MASK`; nothing if it is not set.
    pub fn from_environment() -> Self {
        env::var_os("FLOM_TRACE_MASK").map_or(Self::default(), |text| Self::parse(&text))
    }

    /// Reads a number as C does, and passes over what follows it. What is no number is 0, what is
    /// too large is all bits.
    pub fn parse(text: &OsStr) -> Self {
        let bits = scan(text.as_bytes()).map_or(0, |scanned| match scanned.magnitude {
            Some(bits) if scanned.negative => bits.wrapping_neg(),
            Some(bits) => bits,
            None => u64::MAX,
        });
        Self(bits)
    }

    /// Whether nothing is traced.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Whether what has this target in the log is traced.
    pub fn has_target(self, target: &str) -> bool {
        self.0 & modules::bits_of(target) != 0
    }
}

#[cfg(test)]
mod tests {
    use flom_types::target;

    use super::*;

    #[test]
    fn a_mask_is_a_number_as_c_reads_it() {
        let table = [
            ("0x10", 16),
            ("16", 16),
            ("020", 16),
            (" 16", 16),
            ("4abc", 4),
            ("abc", 0),
            ("", 0),
            ("-1", u64::MAX),
            ("99999999999999999999", u64::MAX),
        ];
        for (text, bits) in table {
            let mask = TraceMask::parse(OsStr::new(text));
            assert_eq!(mask, TraceMask(bits), "{text:?}");
            assert_eq!(mask.is_empty(), bits == 0, "{text:?}");
        }
    }

    #[test]
    fn either_bit_traces_the_debug_features_and_no_other() {
        for (mask, on) in [
            (0x10000, true),
            (0x10_0000, true),
            (u64::MAX, true),
            (0, false),
            (!0x11_0000, false),
        ] {
            let traced = TraceMask(mask).has_target(target::DEBUG_FEATURES);
            assert_eq!(traced, on, "{mask:#x}");
        }
    }

    #[test]
    fn a_bit_traces_its_module_and_nothing_beside_it() {
        assert!(TraceMask(0x400).has_target(target::SIMPLE));
        assert!(!TraceMask(0x400).has_target(target::RESOURCE));
        assert!(!TraceMask(0x200).has_target(target::SIMPLE));
        assert!(!TraceMask(u64::MAX).has_target("mio::poll"));
    }
}
