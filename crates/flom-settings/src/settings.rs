//! The settings as meant: every value checked, every default filled in.

use std::path::PathBuf;
use std::time::Duration;

use flom_types::{Fairness, LockMode, Patience, ResourceName};

use crate::http::HttpAddress;
use crate::killed_status::KilledStatus;
use crate::on_lost::OnLost;
use crate::principal::Principal;
use crate::seconds::Seconds;

/// Everything that can be set, complete.
///
/// [`Settings::default`] is the built-in default of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Group `[Trace]`.
    pub trace: Trace,
    /// Group `[Resource]`.
    pub resource: Resource,
    /// Group `[Daemon]`.
    pub daemon: Daemon,
    /// Group `[Monitor]`.
    pub monitor: Monitor,
    /// Group `[Network]`.
    pub network: Network,
    /// Group `[TLS]`.
    pub tls: Tls,
    /// Group `[Access]`.
    pub access: Access,
}

/// What is printed and traced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Where a daemon started by this command writes its trace; absolute.
    pub daemon_file: Option<PathBuf>,
    /// Where the command writes its trace; absolute.
    pub command_file: Option<PathBuf>,
    /// Whether trace files are appended to.
    pub append: bool,
    /// Whether configuration and progress are printed.
    pub verbose: bool,
}

/// What is locked, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The resource to lock.
    pub name: ResourceName,
    /// How long to wait for it, in ms: below 0 for ever, 0 not at all.
    pub timeout_ms: i32,
    /// Units of a numeric resource.
    pub quantity: u32,
    /// Mode of a simple or hierarchical resource.
    pub mode: LockMode,
    /// Whether the request may create the resource.
    pub create: bool,
    /// How long the resource outlives its last user, in ms, if this request creates it.
    pub idle_lifespan_ms: u32,
    /// Whether it is granted what an outer run of `flom` holds.
    pub reentrant: bool,
}

impl Resource {
    /// How long the request may wait.
    pub fn patience(&self) -> Patience {
        Patience::from_ms(self.timeout_ms.into())
    }
}

impl Default for Resource {
    fn default() -> Self {
        Self {
            name: ResourceName::default(),
            timeout_ms: -1,
            quantity: 1,
            mode: LockMode::Exclusive,
            create: true,
            idle_lifespan_ms: 0,
            reentrant: false,
        }
    }
}

/// Where the daemon is, and how one is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Daemon {
    /// UNIX socket, absolute; none where another transport is set, or none at all
    /// (then `default_socket` is used).
    pub socket_name: Option<PathBuf>,
    /// How long a daemon started by this command lives without use, in ms: 0 none is started,
    /// below 0 for ever.
    pub lifespan_ms: i32,
    /// Host or address of the daemon, `%interface` allowed.
    pub unicast_address: Option<String>,
    /// TCP port.
    pub unicast_port: u16,
    /// Group in which a daemon is looked for, and which a new one joins.
    pub multicast_address: Option<String>,
    /// UDP port.
    pub multicast_port: u16,
    /// Directory where a daemon started by this command mounts its virtual file system.
    pub mount_point_vfs: Option<PathBuf>,
    /// How far newcomers may pass waiters in a daemon started by this command.
    pub fairness: Fairness,
    /// Whether others than the daemon's own user may end it over the network; the daemon decides
    /// if nothing is said.
    pub remote_shutdown: Option<bool>,
    /// Where a daemon started by this command shows itself over HTTP.
    pub http: Option<HttpAddress>,
}

impl Default for Daemon {
    fn default() -> Self {
        Self {
            socket_name: None,
            lifespan_ms: 5000,
            unicast_address: None,
            unicast_port: 28015,
            multicast_address: None,
            multicast_port: 28015,
            mount_point_vfs: None,
            fairness: Fairness::default(),
            remote_shutdown: None,
            http: None,
        }
    }
}

/// What happens while the command runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Monitor {
    /// Numbers of the signals that flom ignores while the command runs, ascending, each once.
    pub ignored_signals: Vec<i32>,
    /// What a command counts as that a signal has killed.
    pub killed_status: KilledStatus,
    /// What others see this command called.
    pub label: Option<String>,
    /// Whether others do not see the command line.
    pub hide_command: bool,
    /// What is run first, by the shell, if the last holder has left things half done.
    pub on_dirty: Option<String>,
    /// What becomes of the command if the daemon is lost.
    pub on_lost: OnLost,
    /// How long a frozen command waits for its daemon.
    pub lost_grace: Seconds,
    /// How long a command may take to end after TERM, until it gets KILL.
    pub kill_after: Seconds,
    /// How long the command may hold the lock; 0 for ever.
    pub max_hold: Seconds,
    /// How long the lock is kept at least.
    pub min_hold: Seconds,
}

impl Default for Monitor {
    fn default() -> Self {
        Self {
            ignored_signals: Vec::new(),
            killed_status: KilledStatus::default(),
            label: None,
            hide_command: false,
            on_dirty: None,
            on_lost: OnLost::default(),
            lost_grace: Seconds::whole(60),
            kill_after: Seconds::whole(10),
            max_hold: Seconds::default(),
            min_hold: Seconds::default(),
        }
    }
}

/// The network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// The one interface to use; forces IPv6.
    pub interface: Option<String>,
    /// How many queries are sent before giving up; at least 1.
    pub discovery_attempts: u32,
    /// How long to wait after each, in ms.
    pub discovery_timeout_ms: u32,
    /// Hop limit of the queries; at least 1.
    pub discovery_ttl: u8,
    /// Keep-alive of the connections that a new daemon accepts: idle time, in s; at least 1.
    pub keepalive_time_s: u32,
    /// Time between two probes, in s; at least 1.
    pub keepalive_interval_s: u32,
    /// Probes without answer until the connection counts as lost; at least 1.
    pub keepalive_probes: u32,
    /// Within how long a peer is noticed to be lost; 0 if nothing is done about it.
    pub heartbeat: Seconds,
}

impl Network {
    /// How long to wait after each query.
    pub fn discovery_timeout(&self) -> Duration {
        Duration::from_millis(self.discovery_timeout_ms.into())
    }

    /// Within how long the system has to notice that the host of a peer is lost; `None` if
    /// keep-alive decides. Whoever says how connections are to be kept alive gets that.
    pub fn miss_after(&self) -> Option<Duration> {
        let usual = Self::default();
        let is_usual = self.keepalive_time_s == usual.keepalive_time_s
            && self.keepalive_interval_s == usual.keepalive_interval_s
            && self.keepalive_probes == usual.keepalive_probes;
        self.heartbeat.duration().filter(|_| is_usual)
    }
}

impl Default for Network {
    fn default() -> Self {
        Self {
            interface: None,
            discovery_attempts: 2,
            discovery_timeout_ms: 500,
            discovery_ttl: 1,
            keepalive_time_s: 60,
            keepalive_interval_s: 10,
            keepalive_probes: 6,
            heartbeat: Seconds::whole(15),
        }
    }
}

/// Encrypted connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Certificate file of this host.
    pub certificate: Option<PathBuf>,
    /// Its private key.
    pub private_key: Option<PathBuf>,
    /// Certificate of the authority that peers must show.
    pub ca_certificate: Option<PathBuf>,
    /// Whether a peer's id must equal the name in its certificate.
    pub check_peer_id: bool,
    /// How long a handshake may take, in ms.
    pub handshake_timeout_ms: u32,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            certificate: None,
            private_key: None,
            ca_certificate: None,
            check_peer_id: false,
            handshake_timeout_ms: 10_000,
        }
    }
}

impl Tls {
    /// Whether connections are encrypted: all three files are given.
    pub fn is_on(&self) -> bool {
        self.certificate.is_some() && self.private_key.is_some() && self.ca_certificate.is_some()
    }
}

/// Who may do what at a daemon; an empty list says nothing, see each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Who may lock; everybody if it is empty.
    pub lock: Vec<Principal>,
    /// Who may end the daemon; if it is empty, its own user and root, and who may over the network.
    pub shutdown: Vec<Principal>,
    /// Who may look at the daemon's state; everybody if it is empty.
    pub observe: Vec<Principal>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heartbeat_gives_way_to_what_is_said_of_keep_alive() {
        let usual = Network::default();
        assert_eq!(usual.miss_after(), Some(Duration::from_secs(15)));
        for said in [
            Network {
                keepalive_time_s: 61,
                ..usual.clone()
            },
            Network {
                keepalive_interval_s: 9,
                ..usual.clone()
            },
            Network {
                keepalive_probes: 5,
                ..usual.clone()
            },
            Network {
                heartbeat: Seconds::default(),
                ..usual.clone()
            },
        ] {
            assert_eq!(said.miss_after(), None, "{said:?}");
        }
    }
}
