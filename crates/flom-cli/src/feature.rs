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
    /// `tls.server`.
    TlsServer,
    /// `tls.client`.
    TlsClient,
}

/// Their names.
const FEATURES: [(&str, DebugFeature); 4] = [
    ("ipv6.multicast.server", DebugFeature::MulticastServer),
    ("ipv6.multicast.client", DebugFeature::MulticastClient),
    ("tls.server", DebugFeature::TlsServer),
    ("tls.client", DebugFeature::TlsClient),
];

impl DebugFeature {
    /// The feature with this name, in any letter case.
    pub(crate) fn parse(name: &OsStr) -> Result<Self, Failure> {
        let mut features = FEATURES.iter();
        match features.find(|(theirs, _)| name.eq_ignore_ascii_case(theirs)) {
            Some((_, feature)) => Ok(*feature),
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
