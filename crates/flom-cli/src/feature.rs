//! The debug features: tests of the network for people.

use std::ffi::OsStr;

use flom_settings::shown;

use crate::exit;
use crate::failure::Failure;

/// A test of the network for people, see `spec/discovery.md` §11.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DebugFeature {
    /// `ipv6.multicast.server`.
    MulticastServer,
    /// `ipv6.multicast.client`.
    MulticastClient,
}

/// Their names; `None` while this version does not have it.
const FEATURES: [(&str, Option<DebugFeature>); 4] = [
    ("ipv6.multicast.server", Some(DebugFeature::MulticastServer)),
    ("ipv6.multicast.client", Some(DebugFeature::MulticastClient)),
    ("tls.server", None),
    ("tls.client", None),
];

impl DebugFeature {
    /// The feature with this name, in any letter case.
    pub(crate) fn parse(name: &OsStr) -> Result<Self, Failure> {
        let mut features = FEATURES.iter();
        match features.find(|(theirs, _)| name.eq_ignore_ascii_case(theirs)) {
            Some((_, Some(feature))) => Ok(*feature),
            Some((name, None)) => {
                let option = format!("debug-feature {name}");
                Err(Failure::not_yet(exit::DEBUG_FAILED, &option))
            }
            None => Err(Failure::exact(
                exit::DEBUG_FAILED,
                format!(
                    "debug-feature: '{}' is an invalid value: expected {}",
                    shown(name),
                    FEATURES.map(|(name, _)| name).join(" or ")
                ),
            )),
        }
    }
}
