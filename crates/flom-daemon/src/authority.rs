//! Who may end the daemon.
//!
//! Anybody may lock who reaches the socket (mode 0777, as in FLoM 1.7.2). But to end the daemon is
//! to take the locks of others away: over a UNIX socket its own user may, and root; over the network
//! everybody or nobody. A list of those who may takes the place of all that (`access.rs`).

use flom_net::Peer;
use rustix::process::geteuid;

use crate::access::{Access, Identity, KeptOut, Right};
use crate::wrapped::OtherPeer;

/// The rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Authority {
    /// Whose daemon it is.
    uid: u32,
    /// Whether the network may.
    remote: bool,
    /// Whether it was said that the network may not, whoever that is.
    never_remote: bool,
}

/// Why somebody may not end the daemon.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("only root may end it")]
    OnlyRoot,
    #[error("only uid {uid} and root may end it")]
    OnlyOwner { uid: u32 },
    #[error("it is not to be ended over the network (RemoteShutdown)")]
    Remote,
    #[error(transparent)]
    KeptOut(#[from] KeptOut),
    #[error(transparent)]
    OtherPeer(#[from] OtherPeer),
}

impl Authority {
    /// For a daemon of this process's user; `remote` says whether the network may end it. If nothing
    /// is said, it may where only this host can come (`local`). An encrypted network would be as
    /// good, but there is none yet.
    pub(crate) fn new(remote: Option<bool>, local: bool) -> Self {
        Self {
            uid: geteuid().as_raw(),
            remote: remote.unwrap_or(local),
            never_remote: remote == Some(false),
        }
    }

    /// Whether `peer` may end the daemon; `None` is somebody of whom nothing is known. If `access`
    /// lists those who may, they may and nobody else, by what `identify` tells; but over the network
    /// nobody may if that was said.
    ///
    /// # Errors
    ///
    /// Who may.
    pub(crate) fn check(
        &self,
        peer: Option<Peer>,
        access: &Access,
        identify: impl FnOnce() -> Identity,
    ) -> Result<(), Refusal> {
        if access.is_limited(Right::Shutdown) {
            return match peer {
                Some(Peer::Remote(_)) if self.never_remote => Err(Refusal::Remote),
                _ => Ok(access.check(Right::Shutdown, identify)?),
            };
        }
        match peer {
            Some(Peer::Local { uid, .. }) if uid == self.uid || uid == 0 => Ok(()),
            Some(Peer::Remote(_)) if self.remote => Ok(()),
            Some(Peer::Remote(_)) => Err(Refusal::Remote),
            Some(Peer::Local { .. }) | None if self.uid == 0 => Err(Refusal::OnlyRoot),
            Some(Peer::Local { .. }) | None => Err(Refusal::OnlyOwner { uid: self.uid }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(uid: u32) -> Option<Peer> {
        Some(Peer::Local { uid, pid: None })
    }

    /// Where there is no list.
    fn check(authority: Authority, peer: Option<Peer>) -> Result<(), Refusal> {
        authority.check(peer, &Access::default(), || panic!("that does not matter"))
    }

    #[test]
    fn the_owner_and_root_may_and_nobody_else_who_is_local() {
        let refused = Err(Refusal::OnlyOwner { uid: 1000 });
        let table = [
            (1000, local(1000), Ok(())),
            (1000, local(0), Ok(())),
            (1000, local(1001), refused.clone()),
            (1000, None, refused),
            (0, local(0), Ok(())),
            (0, local(1000), Err(Refusal::OnlyRoot)),
        ];
        for (uid, peer, expected) in table {
            let authority = Authority {
                uid,
                remote: true,
                never_remote: false,
            };
            assert_eq!(check(authority, peer), expected, "{authority:?} {peer:?}");
        }
    }

    #[test]
    fn over_the_network_all_or_none_may() {
        let peer = Some(Peer::Remote("192.0.2.1:4711".parse().unwrap()));
        let table = [
            (Some(true), false, Ok(())),
            (Some(false), true, Err(Refusal::Remote)),
            (None, true, Ok(())),
            (None, false, Err(Refusal::Remote)),
        ];
        for (setting, local, expected) in table {
            let authority = Authority::new(setting, local);
            assert_eq!(check(authority, peer), expected, "{setting:?} {local}");
        }
    }

    #[test]
    fn a_list_decides_alone_but_for_a_network_that_is_shut_out() {
        let lists = flom_settings::Access {
            shutdown: vec!["uid:7".parse().unwrap(), "host".parse().unwrap()],
            ..flom_settings::Access::default()
        };
        let access = Access::new(&lists);
        let who = |uid, name: Option<&str>| Identity {
            uid,
            name: name.map(str::to_string),
            ..Identity::default()
        };
        let remote = Some(Peer::Remote("192.0.2.1:4711".parse().unwrap()));
        let table = [
            (None, local(7), who(Some(7), None), true),
            (None, local(0), who(Some(0), None), false),
            (Some(false), local(7), who(Some(7), None), true),
            (None, remote, who(None, Some("host")), true),
            (None, remote, who(None, Some("other")), false),
            (Some(true), remote, who(None, None), false),
            (Some(true), remote, who(None, Some("host")), true),
            (Some(false), remote, who(None, Some("host")), false),
            (None, None, who(None, None), false),
        ];
        for (setting, peer, who, may) in table {
            let authority = Authority::new(setting, true);
            let checked = authority.check(peer, &access, || who.clone());
            assert_eq!(checked.is_ok(), may, "{setting:?} {peer:?} {who:?}");
        }
    }
}
