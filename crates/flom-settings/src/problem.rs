//! What can be wrong with a value.

use std::borrow::Cow;
use std::ffi::OsString;

use flom_types::NameError;

use crate::origin::Origin;
use crate::table::Setting;
use crate::text::shown;

/// Why a value cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// Something else is expected.
    Unexpected {
        /// The value as given.
        value: OsString,
        /// Completes "expected ...".
        expected: Cow<'static, str>,
    },
    /// It is no resource name.
    Name {
        /// The value as given.
        value: OsString,
        /// Why it is none.
        reason: NameError,
    },
    /// A file that must be there cannot be found.
    NoFile {
        /// The value as given.
        value: OsString,
        /// What the system said.
        reason: String,
    },
    /// In a file: an escape that means nothing.
    Escape {
        /// The value as given.
        value: OsString,
    },
    /// In a file: it is no UTF-8.
    NotText {
        /// The value as given.
        value: OsString,
    },
    /// In a file: a warning only, what is no signal is passed over.
    UnknownSignal {
        /// The item of the list.
        value: OsString,
    },
    /// Units below 0: a warning only, the number is passed over.
    NegativeUnits(i32),
    /// A word that only contains yes or no: a warning only, it is taken for that as in FLoM 1.7.2.
    Loose {
        /// The value as given.
        value: OsString,
        /// What it is taken for.
        meaning: &'static str,
    },
}

impl Problem {
    /// Whether the program can go on.
    pub fn is_warning(&self) -> bool {
        matches!(
            self,
            Self::NegativeUnits(_) | Self::Loose { .. } | Self::UnknownSignal { .. }
        )
    }
}

/// A value that cannot be taken, for which setting it was given, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.message())]
pub struct ValueError {
    /// The setting.
    pub setting: &'static Setting,
    /// Where it was given.
    pub origin: Origin,
    /// What is wrong.
    pub problem: Problem,
}

impl ValueError {
    /// The wording of FLoM 1.7.2, with what it leaves out: line, key or option, and what is
    /// expected.
    fn message(&self) -> String {
        let Setting {
            group, key, long, ..
        } = self.setting;
        match (&self.origin, &self.problem) {
            (Origin::File(place), problem) if problem.is_warning() => {
                format!("file {place}: [{group}]/{key}: {}", problem.sentence())
            }
            (Origin::File(place), problem) => format!(
                "ERROR: invalid configuration found in file {place}: [{group}]/{key}: {}",
                problem.sentence()
            ),
            (_, Problem::NegativeUnits(units)) => format!(
                "Resource quantity ignored because negative values ({units}) are meaningless"
            ),
            (_, Problem::Name { reason, .. }) if *reason == NameError::Reserved => {
                format!("ERROR: {reason} ({long})")
            }
            (_, Problem::Name { value, reason }) => format!(
                "ERROR: '{}' is not a valid name for a resource ({long}: {reason})",
                shown(value)
            ),
            (_, problem) => format!("{long}: {}", problem.sentence()),
        }
    }
}

impl Problem {
    /// What is wrong, behind the name of the setting.
    fn sentence(&self) -> String {
        match self {
            Self::Unexpected { value, expected } => {
                let value = shown(value);
                format!("'{value}' is an invalid value: expected {expected}")
            }
            Self::Name {
                reason: reserved @ NameError::Reserved,
                ..
            } => reserved.to_string(),
            Self::Name { value, reason } => {
                let value = shown(value);
                format!("'{value}' is not a valid name for a resource: {reason}")
            }
            Self::NoFile { value, reason } => {
                format!("'{}' is not a valid value: {reason}", shown(value))
            }
            Self::Escape { value } => format!(
                "'{}' has an unknown escape: expected s, n, t, r or another \\ behind \\",
                shown(value)
            ),
            Self::NotText { value } => format!("'{}' is not UTF-8", shown(value)),
            Self::UnknownSignal { value } => format!(
                "'{}' is passed over: expected a signal of --signal-list, such as SIGTERM, TERM \
                 or 15, and ; between two",
                shown(value)
            ),
            Self::NegativeUnits(units) => format!("{units} is passed over: it is negative"),
            Self::Loose { value, meaning } => {
                let value = shown(value);
                format!("'{value}' is taken for {meaning}: better write yes or no")
            }
        }
    }
}
