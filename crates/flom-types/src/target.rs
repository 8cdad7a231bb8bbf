//! By which names the modules of flom go in its log and its trace: the targets of the `log` crate.
//!
//! Who traces what by a number is told in one table, `flom-cli/src/trace/modules.rs`.

use crate::ResourceKind;

/// Settings: which files were read, where each value comes from.
pub const CONFIG: &str = "flom::config";

/// The command: how it is started, what becomes of it.
pub const EXEC: &str = "flom::exec";

/// The way to a daemon, the request, the release.
pub const CLIENT: &str = "flom::client";

/// The daemon: start, sockets, end.
pub const DAEMON: &str = "flom::daemon";

/// Who connects, and who leaves.
pub const CONN: &str = "flom::conn";

/// Bytes that are no message.
pub const PARSER: &str = "flom::parser";

/// What messages say.
pub const MESSAGE: &str = "flom::msg";

/// What the lock manager is told, and what it wants done.
pub const LOCKER: &str = "flom::locker";

/// Which resource a name means.
pub const RESOURCE: &str = "flom::resource";

/// Decisions about simple resources.
pub const SIMPLE: &str = "flom::resource::simple";

/// Decisions about numeric resources.
pub const NUMERIC: &str = "flom::resource::numeric";

/// Decisions about sets.
pub const SET: &str = "flom::resource::set";

/// Decisions about nodes of trees.
pub const HIERARCHICAL: &str = "flom::resource::hier";

/// Decisions about sequences.
pub const SEQUENCE: &str = "flom::resource::sequence";

/// Decisions about timestamps.
pub const TIMESTAMP: &str = "flom::resource::timestamp";

/// Orders to end the daemon.
pub const SHUTDOWN: &str = "flom::shutdown";

/// The debug features. Their lines name the function that they are from.
pub const DEBUG_FEATURES: &str = "flom::debug_features";

/// TLS: what two ends have agreed on, and who they have proven to be.
pub const TLS: &str = "flom::tls";

/// Bytes sent and received.
pub const WIRE: &str = "flom::wire";

/// The target of decisions about a resource of this kind.
pub fn of_resource(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::Simple => SIMPLE,
        ResourceKind::Numeric { .. } => NUMERIC,
        ResourceKind::Set => SET,
        ResourceKind::Hierarchical => HIERARCHICAL,
        ResourceKind::Sequence { .. } => SEQUENCE,
        ResourceKind::Timestamp { .. } => TIMESTAMP,
    }
}
