//! Where a value comes from.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Where a value comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// Nobody has said anything.
    #[default]
    BuiltIn,
    /// A line of a file.
    File(Place),
    /// An option.
    CommandLine,
}

impl Origin {
    /// Whether it is a line of a file: some values are read in another way there.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self, Self::File(_))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built-in"),
            Self::File(Place { file, line }) => write!(f, "{}:{line}", file.display()),
            Self::CommandLine => f.write_str("command line"),
        }
    }
}

/// A line of a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as it was given or built.
    pub file: Arc<Path>,
    /// The number of the line, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    /// `'FILE', line N`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}', line {}", self.file.display(), self.line)
    }
}
