//! Who may end the daemon.
//!
//! Anybody may lock who reaches the socket (mode 0777, as in FLoM 1.7.2). But to end the daemon is
//! to take the locks of others away: over a UNIX socket its own user may, and root; over the network
//! everybody or nobody.

use flom_net::Peer;
use rustix::process::geteuid;

/// The rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Authority {
    /// Whose daemon it is.
    uid: u32,
    /// Whether the network may.
    remote: bool,
}

/// Why somebody may not end the daemon.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("only root may end it")]
    OnlyRoot,
    #[error("only uid {uid} and root may end it")]
    OnlyOwner { uid: u32 },
    #[error("it is not to be ended over the network (RemoteShutdown)")]
    Remote,
}

impl Authority {
    /// For a daemon of this process's user; `remote` says whether the network may end it. If nothing
    /// is said, it may where only this host can come (`local`). An encrypted network would be as
    /// good, but there is none yet.
    pub(crate) fn new(remote: Option<bool>, local: bool) -> Self {
        Self {
            uid: geteuid().as_raw(),
            remote: remote.unwrap_or(local),
        }
    }

    /// Whether `peer` may end the daemon; `None` is somebody of whom nothing is known.
    ///
    /// # Errors
    ///
    /// Who may.
    pub(crate) fn check(&self, peer: Option<Peer>) -> Result<(), Refusal> {
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

    #[test]
    fn the_owner_and_root_may_and_nobody_else_who_is_local() {
        let refused = Err(Refusal::OnlyOwner { uid: 1000 });
        let table = [
            (1000, local(1000), Ok(())),
            (1000, local(0), Ok(())),
            (1000, local(1001), refused),
            (1000, None, refused),
            (0, local(0), Ok(())),
            (0, local(1000), Err(Refusal::OnlyRoot)),
        ];
        for (uid, peer, expected) in table {
            let authority = Authority { uid, remote: true };
            assert_eq!(authority.check(peer), expected, "{authority:?} {peer:?}");
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
            assert_eq!(authority.check(peer), expected, "{setting:?} {local}");
        }
    }
}
