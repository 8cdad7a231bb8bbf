//! Who may do what: the lists of `[Access]`, held against what is proven about a peer.
//!
//! An empty list leaves things as they are without it, and costs nothing: nobody is even asked who
//! they are. Otherwise only those may whom it names, by the certificate they have shown (TLS) or by
//! the user and groups that the system vouches for (UNIX sockets). Of somebody who comes over the
//! network in clear text nothing is proven.
//!
//! Who may end the daemon if that list is empty is for `authority.rs`.

use std::collections::BTreeSet;
use std::fmt;
use std::os::fd::AsFd;

use flom_net::{Peer, peer_groups};
use flom_settings::{Access as Lists, Principal};
use flom_types::{Printable, target};
use log::debug;

/// What somebody may do or not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Right {
    /// Lock and unlock.
    Lock,
    /// End the daemon.
    Shutdown,
    /// Look at its state.
    Observe,
}

impl Right {
    /// The key of its list in a configuration file.
    fn key(self) -> &'static str {
        match self {
            Self::Lock => "Lock",
            Self::Shutdown => "Shutdown",
            Self::Observe => "Observe",
        }
    }

    fn verb(self) -> &'static str {
        match self {
            Self::Lock => "lock",
            Self::Shutdown => "end it",
            Self::Observe => "look at it",
        }
    }
}

/// The lists of a daemon.
#[derive(Debug, Default)]
pub struct Access {
    lock: List,
    shutdown: List,
    observe: List,
}

/// What is proven about a peer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Identity {
    /// The user that the system names, on a UNIX socket.
    pub uid: Option<u32>,
    /// The groups that the system names, on a UNIX socket.
    pub gids: Vec<u32>,
    /// The common name of the certificate that was shown, with TLS.
    pub name: Option<String>,
}

/// Somebody is not on a list.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{who} may not {} ([Access] {})", .right.verb(), .right.key())]
pub struct KeptOut {
    right: Right,
    who: Identity,
}

impl Access {
    /// As the settings have it.
    pub fn new(lists: &Lists) -> Self {
        Self {
            lock: List::of(&lists.lock),
            shutdown: List::of(&lists.shutdown),
            observe: List::of(&lists.observe),
        }
    }

    /// Whether it matters who somebody is.
    pub fn is_limited(&self, right: Right) -> bool {
        !self.list(right).is_empty()
    }

    /// Whether somebody may, who has proven to be who `identify` says; it is not asked for if it
    /// does not matter.
    ///
    /// # Errors
    ///
    /// [`KeptOut`], which is meant for that peer too.
    pub fn check(&self, right: Right, identify: impl FnOnce() -> Identity) -> Result<(), KeptOut> {
        let list = self.list(right);
        if list.is_empty() {
            return Ok(());
        }
        let who = identify();
        match list.has(&who) {
            true => Ok(()),
            false => Err(KeptOut { right, who }),
        }
    }

    fn list(&self, right: Right) -> &List {
        match right {
            Right::Lock => &self.lock,
            Right::Shutdown => &self.shutdown,
            Right::Observe => &self.observe,
        }
    }
}

impl Identity {
    /// Of whoever is at the other end of `socket`, who has shown a certificate with this `name`, if
    /// any.
    pub fn of(socket: &impl AsFd, name: Option<&str>) -> Self {
        let name = name.map(str::to_string);
        match Peer::of(socket) {
            Ok(Peer::Local { uid, .. }) => Self {
                uid: Some(uid),
                gids: peer_groups(socket).unwrap_or_else(|error| {
                    debug!(target: target::CONN, "cannot tell the groups of uid {uid}: {error}");
                    Vec::new()
                }),
                name,
            },
            Ok(Peer::Remote(_)) | Err(_) => Self {
                name,
                ..Self::default()
            },
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whoever had the certificate signed has chosen the name: it goes into logs.
        let name = self.name.as_ref().map(|name| Printable(name.as_bytes()));
        match (name, self.uid) {
            (Some(name), Some(uid)) => write!(f, "uid {uid} with the certificate of {name}"),
            (Some(name), None) => write!(f, "the certificate of {name}"),
            (None, Some(uid)) => write!(f, "uid {uid}"),
            (None, None) => f.write_str("somebody who has not proven who that is"),
        }
    }
}

/// Those who may.
#[derive(Debug, Default)]
struct List {
    names: BTreeSet<String>,
    uids: BTreeSet<u32>,
    gids: BTreeSet<u32>,
}

impl List {
    fn of(principals: &[Principal]) -> Self {
        let mut list = Self::default();
        for principal in principals {
            match principal {
                Principal::Name(name) => drop(list.names.insert(name.clone())),
                Principal::User(uid) => drop(list.uids.insert(*uid)),
                Principal::Group(gid) => drop(list.gids.insert(*gid)),
            }
        }
        list
    }

    fn is_empty(&self) -> bool {
        self.names.is_empty() && self.uids.is_empty() && self.gids.is_empty()
    }

    fn has(&self, who: &Identity) -> bool {
        let named = who.name.as_ref();
        named.is_some_and(|name| self.names.contains(name))
            || who.uid.is_some_and(|uid| self.uids.contains(&uid))
            || who.gids.iter().any(|gid| self.gids.contains(gid))
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;

    use rustix::process::{getegid, geteuid};

    use super::*;

    const RIGHTS: [Right; 3] = [Right::Lock, Right::Shutdown, Right::Observe];

    /// Lists of which only that for `right` names anybody.
    fn access(right: Right, words: &[&str]) -> Access {
        let list = words.iter().map(|word| word.parse().unwrap()).collect();
        let mut lists = Lists::default();
        match right {
            Right::Lock => lists.lock = list,
            Right::Shutdown => lists.shutdown = list,
            Right::Observe => lists.observe = list,
        }
        Access::new(&lists)
    }

    fn local(uid: u32, gids: &[u32]) -> Identity {
        Identity {
            uid: Some(uid),
            gids: gids.to_vec(),
            name: None,
        }
    }

    fn certified(name: &str) -> Identity {
        Identity {
            name: Some(name.to_string()),
            ..Identity::default()
        }
    }

    #[test]
    fn an_empty_list_asks_nobody_who_they_are() {
        for right in RIGHTS {
            assert!(!Access::default().is_limited(right));
            let asked = || panic!("nobody needs to know");
            assert_eq!(Access::default().check(right, asked), Ok(()));
        }
    }

    #[test]
    fn each_list_lets_in_whom_it_names_and_nobody_else() {
        let table = [
            (&["uid:7"][..], local(7, &[]), true),
            (&["uid:7"], local(8, &[7]), false),
            (&["gid:7"], local(8, &[5, 7]), true),
            (&["gid:7"], local(7, &[8]), false),
            (&["a", "uid:7"], local(7, &[]), true),
            (&["a", "b"], certified("b"), true),
            (&["a", "b"], certified("c"), false),
            (&["a"], certified("A"), false),
            (&["a"], certified("a "), false),
            (&["uid:7", "gid:7"], certified("7"), false),
            (&["cn:uid:7"], local(7, &[7]), false),
            (&["cn:uid:7"], certified("uid:7"), true),
            (&["a"], Identity::default(), false),
            (&["uid:0"], local(0, &[0]), true),
            (&["uid:7"], local(0, &[0]), false),
        ];
        for right in RIGHTS {
            for (list, who, may) in &table {
                let access = access(right, list);
                let checked = access.check(right, || who.clone());
                assert_eq!(checked.is_ok(), *may, "{right:?} {list:?} {who:?}");
            }
        }
    }

    #[test]
    fn a_list_is_for_one_right_only() {
        for limited in RIGHTS {
            let access = access(limited, &["uid:7"]);
            for right in RIGHTS {
                let checked = access.check(right, || local(8, &[]));
                assert_eq!(checked.is_err(), right == limited, "{limited:?} {right:?}");
            }
        }
    }

    #[test]
    fn whoever_is_kept_out_is_told_why() {
        let both = Identity {
            name: Some("host".to_string()),
            ..local(8, &[])
        };
        let nobody =
            "somebody who has not proven who that is may not look at it ([Access] Observe)";
        for (right, who, sentence) in [
            (
                Right::Lock,
                local(8, &[]),
                "uid 8 may not lock ([Access] Lock)",
            ),
            (
                Right::Shutdown,
                certified("x"),
                "the certificate of x may not end it ([Access] Shutdown)",
            ),
            (
                Right::Lock,
                both,
                "uid 8 with the certificate of host may not lock ([Access] Lock)",
            ),
            (Right::Observe, Identity::default(), nobody),
            (
                Right::Lock,
                certified("a\nb"),
                "the certificate of a b may not lock ([Access] Lock)",
            ),
        ] {
            let error = access(right, &["uid:7"]).check(right, || who).unwrap_err();
            assert_eq!(error.to_string(), sentence);
        }
    }

    #[test]
    fn the_system_vouches_for_local_peers_and_for_nobody_else() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let who = Identity::of(&ours, None);
        assert_eq!(who.uid, Some(geteuid().as_raw()));
        assert_eq!(who.gids[0], getegid().as_raw());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert_eq!(Identity::of(&client, None), Identity::default());
        assert_eq!(Identity::of(&client, Some("x")), certified("x"));
    }

    #[test]
    fn a_long_list_finds_the_last_one_too() {
        let words: Vec<_> = (0..10_000).map(|uid| format!("uid:{uid}")).collect();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let access = access(Right::Lock, &words);
        assert_eq!(access.check(Right::Lock, || local(9_999, &[])), Ok(()));
        assert!(access.check(Right::Lock, || local(10_000, &[])).is_err());
    }
}
