//! Who a client says it is.

/// Who a client says it is; for people to read, proven by nobody. What it does not say is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Who {
    /// Name of its host.
    pub host: Option<String>,
    /// Login name of its user.
    pub user: Option<String>,
    /// Number of its process on that host.
    pub pid: Option<u32>,
    /// What its user calls it.
    pub label: Option<String>,
    /// The start of the command that is to run under the lock.
    pub command: Option<String>,
}

impl Who {
    /// Whether nothing is said at all.
    pub fn is_nobody(&self) -> bool {
        *self == Self::default()
    }
}
