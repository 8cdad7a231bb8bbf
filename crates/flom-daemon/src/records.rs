//! What the system log is told: a row for each kind of record.
//!
//! The ids up to 025 are those of FLoM 1.7.2 (`spec/daemon.md` §9), the others are ours. The letter
//! of an id is not always its priority; it never was.

use flom_types::target;
use log::Level;

/// How urgent a record is: severities of syslog.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Priority {
    Error = 3,
    Warning = 4,
    Notice = 5,
    Info = 6,
}

/// A kind of record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Kind {
    /// What a record begins with.
    pub(crate) id: &'static str,
    pub(crate) priority: Priority,
    /// Which module it concerns, for the log of the program.
    pub(crate) target: &'static str,
}

impl Kind {
    /// Its level in the log of the program, where what happens with each client is debugging.
    pub(crate) fn level(self) -> Level {
        match self.priority {
            Priority::Error => Level::Error,
            Priority::Warning => Level::Warn,
            Priority::Notice => Level::Info,
            Priority::Info => Level::Debug,
        }
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident: $id:literal, $priority:ident, $target:ident;)*) => {
        $(
            $(#[$doc])*
            pub(crate) const $name: Kind = Kind {
                id: $id,
                priority: Priority::$priority,
                target: target::$target,
            };
        )*

        /// All of them, in the order of their ids.
        #[cfg(test)]
        pub(crate) const ALL: &[Kind] = &[$($name),*];
    };
}

kinds! {
    /// A UNIX socket takes connections.
    UNIX_DOOR: "FLM000I", Notice, DAEMON;
    /// A TCP socket takes connections.
    TCP_DOOR: "FLM001I", Notice, DAEMON;
    /// Queries of the group are answered.
    GROUP_JOINED: "FLM002I", Notice, DAEMON;
    /// The daemon serves.
    READY: "FLM003N", Notice, DAEMON;
    /// The daemon ends in order.
    END: "FLM004N", Notice, DAEMON;
    /// Somebody asked the group who is there.
    QUERY: "FLM005I", Info, DAEMON;
    /// A peer speaks another level of the protocol, and has lost its connection.
    OTHER_LEVEL: "FLM006W", Warning, CONN;
    /// The daemon was told to end at once, and does.
    IMMEDIATE: "FLM007N", Notice, SHUTDOWN;
    /// The daemon was told to end when nobody needs it any more.
    QUIESCE: "FLM008N", Notice, SHUTDOWN;
    /// A peer unlocked what it had not locked, and has lost its connection.
    UNLOCKED_OTHER: "FLM009W", Warning, CONN;
    /// A peer says that it is another one than its certificate was made for; it has lost its
    /// connection.
    OTHER_PEER: "FLM013E", Error, CONN;
    /// A peer has said who it is.
    PEER: "FLM015I", Info, CONN;
    /// The certificate of a peer is not trusted, or it has none; it has lost its connection.
    UNTRUSTED: "FLM017E", Error, CONN;
    /// The daemon's own files of TLS are of no use: nobody can come in.
    TLS_FILES: "FLM018E", Error, CONN;
    /// A socket cannot be bound, so the daemon does not start.
    BIND_FAILED: "FLM019E", Error, DAEMON;
    /// What the daemon keeps is shown as a file system.
    MOUNTED: "FLM022I", Info, DAEMON;
    /// That ends.
    UNMOUNTING: "FLM023I", Info, DAEMON;
    /// It cannot be mounted, or not be unmounted; locks are not concerned.
    MOUNT_FAILED: "FLM024W", Warning, DAEMON;
    /// The daemon cannot start for another reason.
    START_FAILED: "FLM026E", Error, DAEMON;
    /// The daemon ends because it cannot go on.
    FAILED: "FLM027E", Error, DAEMON;
    /// Somebody who may not told the daemon to end.
    REFUSED: "FLM028W", Warning, SHUTDOWN;
    /// A peer broke the rules of the protocol, and has lost its connection.
    BROKEN_RULES: "FLM029W", Warning, CONN;
    /// Clients have to wait for want of descriptors or memory.
    NO_ROOM: "FLM030W", Warning, CONN;
    /// A socket takes no connections any more, though the daemon goes on.
    DOOR_LOST: "FLM031E", Error, DAEMON;
    /// The files of a UNIX socket were removed by somebody, and are there again.
    DOOR_RESTORED: "FLM032W", Warning, DAEMON;
    /// A peer that had never asked for anything has lost its connection, as others need its place.
    SILENT: "FLM033W", Warning, CONN;
    /// Somebody who is not on an access list wanted something.
    KEPT_OUT: "FLM034W", Warning, CONN;
    /// A TLS handshake has come to nothing for another reason.
    TLS_FAILED: "FLM035W", Warning, CONN;
    /// The daemon shows itself over HTTP.
    HTTP_DOOR: "FLM036I", Notice, DAEMON;
    /// The daemon cannot show itself over HTTP, and goes on without.
    HTTP_FAILED: "FLM037E", Error, DAEMON;
    /// What should outlive the daemon cannot be kept, and it goes on without.
    STATE_LOST: "FLM038W", Warning, DAEMON;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_ascend_so_none_is_there_twice() {
        assert!(ALL.is_sorted_by(|a, b| a.id < b.id));
    }

    #[test]
    fn the_ids_of_old_have_the_priorities_of_old() {
        let notices = ["FLM000I", "FLM001I", "FLM002I", "FLM003N", "FLM004N"];
        let table = [
            (&notices[..], Priority::Notice),
            (&["FLM007N", "FLM008N"], Priority::Notice),
            (&["FLM005I", "FLM015I"], Priority::Info),
            (&["FLM006W", "FLM009W"], Priority::Warning),
            (&["FLM013E", "FLM017E", "FLM018E"], Priority::Error),
            (&["FLM019E"], Priority::Error),
        ];
        for (ids, priority) in table {
            for id in ids {
                let kind = ALL.iter().find(|kind| kind.id == *id).unwrap();
                assert_eq!(kind.priority, priority, "{id}");
            }
        }
    }

    #[test]
    fn each_is_explained_to_administrators() {
        let page = include_str!("../../../docs/daemon.md");
        for kind in ALL {
            let row = format!("| {} | {} |", kind.id, priority_name(kind.priority));
            assert!(page.contains(&row), "docs/daemon.md has no row `{row}`");
        }
    }

    fn priority_name(priority: Priority) -> &'static str {
        match priority {
            Priority::Error => "err",
            Priority::Warning => "warning",
            Priority::Notice => "notice",
            Priority::Info => "info",
        }
    }
}
