//! What the command finds in its environment about the lock that it runs under.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::{ffi::OsStr, fmt::Display};

use flom_client::Guard;

/// Variables to be set, or unset.
pub(crate) type Variables = Vec<(&'static str, Option<OsString>)>;

/// What is known of the lock. What is not known is unset: a value of an outer `flom` would be wrong.
pub(crate) fn of(guard: &Guard) -> Variables {
    let resource = guard.resource();
    let name = OsStr::from_bytes(resource.as_bytes());
    let has_modes = resource.kind().has_modes();
    vec![
        ("FLOM_RESOURCE", Some(name.to_owned())),
        ("FLOM_ELEMENT", text(guard.element())),
        ("FLOM_MODE", text(has_modes.then(|| guard.mode()))),
        ("FLOM_SESSION", text(guard.lineage())),
        ("FLOM_FENCE", text(guard.fence())),
        ("FLOM_PREVIOUS", text(guard.previous())),
    ]
}

fn text(value: Option<impl Display>) -> Option<OsString> {
    value.map(|value| value.to_string().into())
}
