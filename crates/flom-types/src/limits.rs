//! Every bound, with its reason.

/// Bytes of the longest message that our daemon and our client accept, `</msg>` included.
///
/// Far above what any name needs (4 KiB are 5.5 KiB in base64), far below what would hurt.
pub const MESSAGE_BYTES: usize = 64 * 1024;

/// Bytes of the longest message that a daemon of FLoM 1.7.2 accepts (`spec/protocol.md` §1).
pub const OLD_DAEMON_MESSAGE_BYTES: usize = 511;

/// Bytes of the longest message that a client of FLoM 1.7.2 accepts (`spec/protocol.md` §1).
pub const OLD_CLIENT_MESSAGE_BYTES: usize = 1023;

/// Bytes of each word that a client says about itself (`flom_types::Who`) that a daemon keeps: all
/// of them fit a message to an old daemon, which nobody exceeds who does not have to.
pub const WHO_BYTES: usize = 255;

/// Bytes of the longest resource name.
pub const NAME_BYTES: usize = 4096;

/// Levels of the longest path: each costs the daemon memory, however short it is. FLoM 1.7.2 takes
/// 120, by the length of its messages.
pub const LEVELS: usize = 128;

/// Grants that one connection may have at the same time. Programs need one, or a few nodes of a
/// tree; without a bound one peer could use up the daemon's memory.
pub const GRANTS_PER_SESSION: usize = 256;

/// The longest idle lifespan, in ms: as much as the command can say, 24 days.
pub const IDLE_LIFESPAN_MS: u64 = i32::MAX as u64;

/// What the daemon spends on resources that are only kept for a while, in bytes; beyond it those
/// that would be forgotten first are forgotten.
pub const IDLE_BYTES: usize = 256 * 1024 * 1024;

/// What the daemon spends on remembering whose exclusive holders have ended badly, in bytes; beyond
/// it the oldest are forgotten.
pub const DIRTY_BYTES: usize = 1024 * 1024;

/// The largest count in a name, and the largest quantity: 31 bits, as far as the old program
/// counts without wrapping (`spec/resources.md` §9, defect 8).
pub const COUNT_MAX: u32 = i32::MAX as u32;

/// Bytes of the longest path of a UNIX socket (`sun_path` less its final NUL).
pub const SOCKET_PATH_BYTES: usize = 107;

/// Bytes of the longest datagram that discovery looks at; what is longer is no query of ours.
pub const DATAGRAM_BYTES: usize = 1024;

/// How long a resource without idle lifespan outlives its last user, in ms
/// (`spec/resources.md` §4.3).
pub const RETENTION_MS: u64 = 2000;

/// What is added to an idle lifespan, in ms (`spec/resources.md` §4.3).
pub const RETENTION_EXTRA_MS: u64 = 1000;

/// How often a waiter may be passed by newcomers before it holds them back, unless set otherwise
/// (design decision 5).
pub const PASSED_AT_MOST: u32 = 16;

/// Bytes of the longest text of a timestamp resource: an answer with it still fits the 511 bytes
/// of the old daemon's answers, which old clients and tools count on.
pub const TIMESTAMP_BYTES: usize = 350;

/// Runs of `flom` inside of each other that one says it belongs to, itself included: more than
/// anybody nests, and a request that says so still fits a message to an old daemon.
pub const LINEAGE_TOKENS: usize = 16;
