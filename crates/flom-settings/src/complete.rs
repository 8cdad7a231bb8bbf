//! What is done to settings once every source has had its say: checks, and what follows from them.

use std::path::PathBuf;

use nix::unistd::{User, getuid};

use flom_types::{LockMode, ResourceKind};

use crate::Settings;
use crate::signal::{can_be_ignored, signal_name};

/// Settings that contradict each other; the text is that of FLoM 1.7.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConflictError {
    /// A socket and an address.
    #[error(
        "ERROR: flom can not be configured for local (UNIX socket) and network (TCP-UDP/IP) \
         communication at the same time."
    )]
    Transports,
    /// A check of peers without the files that say who they are.
    #[error("ERROR: TLS check peer id can not be specified without full TLS configuration.")]
    PeerCheckWithoutTls,
    /// One or two of the files of TLS. FLoM 1.7.2 takes that for none, and speaks in clear text.
    #[error(
        "ERROR: TLS needs --tls-certificate, --tls-private-key and --tls-ca-certificate together; \
         only some of them are given."
    )]
    PartialTls,
}

/// Where the daemon is looked for, by the settings alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// At this UNIX socket.
    Unix(PathBuf),
    /// At the unicast address and port.
    Tcp,
    /// Wherever the multicast group says.
    Multicast,
}

/// The UNIX socket where no transport is set: `/tmp/flom-LOGIN`, by the login of the real user, or
/// `nobody` for a user without one.
///
/// The environment is not asked: a command must find the same daemon whatever `USER` says.
pub fn default_socket() -> PathBuf {
    let user = User::from_uid(getuid()).ok().flatten();
    let login = user.map_or_else(|| "nobody".to_string(), |user| user.name);
    format!("/tmp/flom-{login}").into()
}

impl Settings {
    /// Checks the settings against each other.
    ///
    /// # Errors
    ///
    /// [`ConflictError`] if they cannot all be meant.
    pub fn check(&self) -> Result<(), ConflictError> {
        let (daemon, tls) = (&self.daemon, &self.tls);
        let network = daemon.unicast_address.is_some() || daemon.multicast_address.is_some();
        let files = [&tls.certificate, &tls.private_key, &tls.ca_certificate];
        if daemon.socket_name.is_some() && network {
            Err(ConflictError::Transports)
        } else if tls.check_peer_id && !tls.is_on() {
            Err(ConflictError::PeerCheckWithoutTls)
        } else if !tls.is_on() && files.into_iter().any(Option::is_some) {
            Err(ConflictError::PartialTls)
        } else {
            Ok(())
        }
    }

    /// The transport to use.
    pub fn transport(&self) -> Transport {
        let daemon = &self.daemon;
        match (
            &daemon.socket_name,
            &daemon.unicast_address,
            &daemon.multicast_address,
        ) {
            (Some(path), _, _) => Transport::Unix(path.clone()),
            (None, Some(_), _) => Transport::Tcp,
            (None, None, Some(_)) => Transport::Multicast,
            (None, None, None) => Transport::Unix(default_socket()),
        }
    }

    /// Writes down the default socket where no transport is set.
    pub fn fill_in_socket(&mut self) {
        if let Transport::Unix(path) = self.transport() {
            self.daemon.socket_name = Some(path);
        }
    }

    /// Puts back to their defaults a lock mode and a quantity that mean nothing to the resource,
    /// and says so: one sentence each.
    pub fn drop_meaningless(&mut self) -> Vec<String> {
        let (kind, mut dropped) = (self.resource.name.kind(), Vec::new());
        let (mode, quantity) = (self.resource.mode, self.resource.quantity);
        if mode != LockMode::Exclusive && !kind.has_modes() {
            self.resource.mode = LockMode::Exclusive;
            dropped.push(format!(
                "This resource type ({}) support only exclusive lock mode; \
                 specified value ({}) will be ignored",
                kind.number(),
                mode.number()
            ));
        }
        if quantity != 1 && !matches!(kind, ResourceKind::Numeric { .. }) {
            self.resource.quantity = 1;
            dropped.push(format!(
                "This resource type ({}) does not support quantity lock option; \
                 specified value ({quantity}) will be ignored",
                kind.number()
            ));
        }
        dropped
    }

    /// Takes the signals that no process can ignore off the list, and says so: one line each.
    pub fn drop_unignorable(&mut self) -> Vec<String> {
        let list = std::mem::take(&mut self.monitor.ignored_signals);
        let (kept, dropped): (Vec<_>, Vec<_>) =
            list.into_iter().partition(|number| can_be_ignored(*number));
        self.monitor.ignored_signals = kept;
        let warning = |number| {
            let name = signal_name(number).unwrap_or_default();
            format!("Warning: couldn't ignore signal {number}:{name}")
        };
        dropped.into_iter().map(warning).collect()
    }
}

#[cfg(test)]
mod tests {
    use flom_types::ResourceName;

    use super::*;

    fn settings(socket: bool, unicast: bool, multicast: bool) -> Settings {
        let mut settings = Settings::default();
        settings.daemon.socket_name = socket.then(|| "/tmp/s".into());
        settings.daemon.unicast_address = unicast.then(|| "::1".to_string());
        settings.daemon.multicast_address = multicast.then(|| "ff02::1".to_string());
        settings
    }

    #[test]
    fn a_socket_and_an_address_conflict_and_two_addresses_do_not() {
        for (unicast, multicast) in [(true, false), (false, true), (true, true)] {
            let both = settings(true, unicast, multicast);
            assert_eq!(both.check(), Err(ConflictError::Transports));
            assert_eq!(settings(false, unicast, multicast).check(), Ok(()));
        }
        assert_eq!(settings(true, false, false).check(), Ok(()));
        assert_eq!(settings(false, false, false).check(), Ok(()));
    }

    #[test]
    fn a_check_of_peers_needs_all_three_files() {
        let mut settings = Settings::default();
        settings.tls.check_peer_id = true;
        settings.tls.certificate = Some("/c".into());
        settings.tls.private_key = Some("/k".into());
        assert_eq!(settings.check(), Err(ConflictError::PeerCheckWithoutTls));
        settings.tls.ca_certificate = Some("/ca".into());
        assert_eq!(settings.check(), Ok(()));
    }

    #[test]
    fn a_part_of_tls_is_not_taken_for_none() {
        for given in 0..8 {
            let mut settings = Settings::default();
            let file = |bit| (given & bit != 0).then(|| "/f".into());
            settings.tls.certificate = file(1);
            settings.tls.private_key = file(2);
            settings.tls.ca_certificate = file(4);
            let expected = match given {
                0 | 7 => Ok(()),
                _ => Err(ConflictError::PartialTls),
            };
            assert_eq!(settings.check(), expected, "{given:b}");
            assert_eq!(settings.tls.is_on(), given == 7);
        }
    }

    #[test]
    fn the_first_transport_that_is_set_is_used() {
        assert_eq!(
            settings(true, false, false).transport(),
            Transport::Unix("/tmp/s".into())
        );
        assert_eq!(settings(false, true, true).transport(), Transport::Tcp);
        assert_eq!(
            settings(false, false, true).transport(),
            Transport::Multicast
        );
        let default = Transport::Unix(default_socket());
        assert_eq!(settings(false, false, false).transport(), default);
    }

    #[test]
    fn the_default_socket_is_filled_in_only_where_no_transport_is_set() {
        let mut none = settings(false, false, false);
        none.fill_in_socket();
        assert_eq!(none.daemon.socket_name, Some(default_socket()));
        let mut group = settings(false, false, true);
        group.fill_in_socket();
        assert_eq!(group.daemon.socket_name, None);
    }

    #[test]
    fn the_default_socket_carries_the_login_of_the_real_user() {
        let user = User::from_uid(getuid()).unwrap();
        let login = user.map_or("nobody".to_string(), |user| user.name);
        assert_eq!(
            default_socket(),
            PathBuf::from(format!("/tmp/flom-{login}"))
        );
    }

    #[test]
    fn mode_and_quantity_are_dropped_where_they_mean_nothing() {
        let only_exclusive = |kind| {
            format!(
                "This resource type ({kind}) support only exclusive lock mode; \
                 specified value (3) will be ignored"
            )
        };
        let no_quantity = |kind| {
            format!(
                "This resource type ({kind}) does not support quantity lock option; \
                 specified value (7) will be ignored"
            )
        };
        let table = [
            ("foo", vec![no_quantity(1)]),
            ("foo[9]", vec![only_exclusive(2)]),
            ("a.b", vec![only_exclusive(3), no_quantity(3)]),
            ("/a/b", vec![no_quantity(4)]),
            ("_s_a[1]", vec![only_exclusive(5), no_quantity(5)]),
            ("_t_%S[1]", vec![only_exclusive(6), no_quantity(6)]),
        ];
        for (name, sentences) in table {
            let mut settings = Settings::default();
            settings.resource.name = ResourceName::parse(name.as_bytes()).unwrap();
            settings.resource.mode = LockMode::ProtectedRead;
            settings.resource.quantity = 7;
            assert_eq!(settings.drop_meaningless(), sentences, "{name}");
            assert_eq!(settings.drop_meaningless(), Vec::<String>::new());
        }
    }

    #[test]
    fn kill_and_stop_are_dropped_with_a_warning() {
        let mut settings = Settings::default();
        settings.monitor.ignored_signals = vec![2, 9, 15, 19];
        assert_eq!(
            settings.drop_unignorable(),
            [
                "Warning: couldn't ignore signal 9:SIGKILL",
                "Warning: couldn't ignore signal 19:SIGSTOP",
            ]
        );
        assert_eq!(settings.monitor.ignored_signals, [2, 15]);
    }
}
