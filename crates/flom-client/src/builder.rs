//! A client in the making.

use std::path::{Path, PathBuf};
use std::time::Duration;

use flom_settings::{Configuration, Settings};
use flom_types::limits::SOCKET_PATH_BYTES;
use flom_types::target;
use log::warn;

use crate::call::Limits;
use crate::client::Client;
use crate::error::ConfigError;

/// Bytes of the longest id of a peer: twice that of a machine.
const PEER_ID_BYTES: usize = 64;

/// Says where daemons are, and how long anything may take.
///
/// Of [`unix`](Self::unix), [`tcp`](Self::tcp) and [`discover`](Self::discover) the last one counts.
#[derive(Clone, Debug)]
#[must_use = "it is only the way to a client"]
pub struct ClientBuilder {
    settings: Settings,
    peer_id: Option<String>,
    limits: Limits,
}

impl Default for ClientBuilder {
    fn default() -> Self {
        let mut settings = Settings::default();
        settings.daemon.lifespan_ms = 0; // none is started unless asked for
        Self {
            settings,
            peer_id: None,
            limits: Limits::LIBRARY,
        }
    }
}

impl ClientBuilder {
    /// The daemon at this UNIX socket.
    pub fn unix(mut self, path: impl AsRef<Path>) -> Self {
        self.forget_place();
        let path = path.as_ref();
        // A daemon that is to be started does not live in our directory.
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        self.settings.daemon.socket_name = Some(absolute);
        self
    }

    /// The daemon at this host, a name or an IPv4 or IPv6 address (`fe80::1%eth0` for one of a
    /// link), and TCP port; by custom 28015.
    pub fn tcp(mut self, host: impl Into<String>, port: u16) -> Self {
        self.forget_place();
        self.settings.daemon.unicast_address = Some(host.into());
        self.settings.daemon.unicast_port = port;
        self
    }

    /// Whatever daemon answers in a multicast group. It is looked for anew for each lock.
    pub fn discover(mut self, discovery: Discovery) -> Self {
        self.forget_place();
        discovery.write_to(&mut self.settings);
        self
    }

    /// Encrypts the connection, proves to the daemon who we are, and has it prove who it is.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, identity: crate::TlsIdentity) -> Self {
        identity.write_to(&mut self.settings.tls);
        self
    }

    /// What `/etc/flom.conf` and `~/.flom` say about the way to a daemon, else the user's default
    /// socket; see [`Client::from_config`].
    ///
    /// # Errors
    ///
    /// [`ConfigError::Files`] if a file cannot be read or understood, [`ConfigError::Conflict`] if
    /// what they say cannot all be meant.
    pub fn config_files(mut self) -> Result<Self, ConfigError> {
        let mut configuration = Configuration::new(Settings::default());
        configuration.read_standard_files();
        let complaints = configuration.complaints();
        if let Some(wrong) = complaints.iter().position(|c| !c.is_warning()) {
            return Err(ConfigError::files(&complaints[wrong]));
        }
        for warning in complaints {
            warn!(target: target::CONFIG, "{warning}");
        }
        let lifespan_ms = self.settings.daemon.lifespan_ms;
        self.settings = configuration.into_settings();
        self.settings.check().map_err(ConfigError::conflict)?;
        self.settings.fill_in_socket();
        self.settings.daemon.lifespan_ms = lifespan_ms;
        Ok(self)
    }

    /// Starts a daemon on this host if none answers, one that ends after so long without a client;
    /// [`Duration::MAX`] for one that stays, at least a millisecond.
    ///
    /// None is started unless this is called. The program `flomd` is looked for beside the running
    /// program and in `PATH`; the variable `FLOMD` can name it.
    pub fn start_daemon(mut self, lifespan: Duration) -> Self {
        let lifespan_ms = i32::try_from(lifespan.as_millis().max(1)).unwrap_or(-1);
        self.settings.daemon.lifespan_ms = lifespan_ms;
        self
    }

    /// The id by which daemons know this host: the machine id unless said. At most 64 printable
    /// characters.
    pub fn peer_id(mut self, id: impl Into<String>) -> Self {
        self.peer_id = Some(id.into());
        self
    }

    /// How long it may take to find a daemon and to connect to it: 10 s unless said.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.limits.connect = Some(limit);
        self
    }

    /// How long the daemon may take over the first answer to a request, which it can always give at
    /// once: 10 s unless said.
    pub fn answer_timeout(mut self, limit: Duration) -> Self {
        self.limits.answer = limit;
        self
    }

    /// How long [`Guard::unlock`](crate::Guard::unlock) waits for the daemon to let go: 5 s unless
    /// said.
    pub fn release_timeout(mut self, limit: Duration) -> Self {
        self.limits.release = limit;
        self
    }

    /// The client.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if nothing says where a daemon could be, or what says so cannot be.
    pub fn build(self) -> Result<Client, ConfigError> {
        let daemon = &self.settings.daemon;
        if let Some(path) = &daemon.socket_name {
            check_path(path)?;
        }
        let port = match (&daemon.unicast_address, &daemon.multicast_address) {
            (Some(_), _) => daemon.unicast_port,
            (None, Some(_)) => daemon.multicast_port,
            (None, None) => 1,
        };
        if port == 0 {
            return Err(ConfigError::Port);
        }
        if let Some(id) = &self.peer_id {
            check_peer_id(id)?;
        }
        Client::new(self.settings, self.peer_id, self.limits)
    }

    fn forget_place(&mut self) {
        let default = Settings::default();
        let daemon = &mut self.settings.daemon;
        daemon.socket_name = None;
        daemon.unicast_address = None;
        daemon.multicast_address = None;
        self.settings.network.interface = default.network.interface;
    }
}

fn check_path(path: &Path) -> Result<(), ConfigError> {
    match path.as_os_str().len() <= SOCKET_PATH_BYTES {
        true => Ok(()),
        false => Err(ConfigError::SocketPathTooLong {
            path: PathBuf::from(path),
        }),
    }
}

fn check_peer_id(id: &str) -> Result<(), ConfigError> {
    let printable = id.bytes().all(|byte| byte.is_ascii_graphic());
    match printable && !id.is_empty() && id.len() <= PEER_ID_BYTES {
        true => Ok(()),
        false => Err(ConfigError::PeerId { id: id.to_string() }),
    }
}

/// How to ask a multicast group for a daemon.
///
/// ```
/// use std::time::Duration;
/// use flom_client::{Client, Discovery};
///
/// let group = Discovery::new("ff02::1", 28015)
///     .interface("eth0")
///     .attempts(3)
///     .timeout(Duration::from_millis(200));
/// let client = Client::builder().discover(group).build()?;
/// # Ok::<(), flom_client::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Discovery {
    group: String,
    port: u16,
    attempts: Option<u32>,
    timeout: Option<Duration>,
    hops: Option<u8>,
    interface: Option<String>,
}

impl Discovery {
    /// The group at this address, IPv4 or IPv6, and UDP port; by custom 28015.
    pub fn new(group: impl Into<String>, port: u16) -> Self {
        Self {
            group: group.into(),
            port,
            attempts: None,
            timeout: None,
            hops: None,
            interface: None,
        }
    }

    /// How many queries are sent before giving up: 2 unless said, at least 1.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = Some(attempts.max(1));
        self
    }

    /// How long to wait after each: 500 ms unless said.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How many routers a query may pass, plus one: 1 unless said, which is none.
    #[must_use]
    pub fn hops(mut self, hops: u8) -> Self {
        self.hops = Some(hops.max(1));
        self
    }

    /// The one network interface to use; it must have an IPv6 address.
    #[must_use]
    pub fn interface(mut self, name: impl Into<String>) -> Self {
        self.interface = Some(name.into());
        self
    }

    fn write_to(self, settings: &mut Settings) {
        settings.daemon.multicast_address = Some(self.group);
        settings.daemon.multicast_port = self.port;
        let network = &mut settings.network;
        network.interface = self.interface;
        if let Some(attempts) = self.attempts {
            network.discovery_attempts = attempts;
        }
        if let Some(timeout) = self.timeout {
            let ms = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
            network.discovery_timeout_ms = ms;
        }
        if let Some(hops) = self.hops {
            network.discovery_ttl = hops;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_place_counts() {
        let builder = Client::builder()
            .discover(Discovery::new("ff02::1", 7).interface("eth0"))
            .tcp("host", 8)
            .unix("/s");
        let daemon = &builder.settings.daemon;
        assert_eq!(daemon.socket_name.as_deref(), Some(Path::new("/s")));
        assert_eq!(
            (&daemon.unicast_address, &daemon.multicast_address),
            (&None, &None)
        );
        assert_eq!(builder.settings.network.interface, None);
    }

    #[test]
    fn what_cannot_be_is_refused_when_the_client_is_made() {
        let builder = Client::builder;
        let table = [
            (builder(), -1),
            (builder().unix("/".repeat(107)), 0),
            (builder().unix(format!("/{}", "x".repeat(107))), -9),
            (builder().tcp("host", 0), -5),
            (builder().discover(Discovery::new("ff02::1", 0)), -5),
            (builder().unix("/s").peer_id(""), -4),
            (builder().unix("/s").peer_id("a b"), -4),
            (builder().unix("/s").peer_id("x".repeat(65)), -4),
            (builder().unix("/s").peer_id("x".repeat(64)), 0),
        ];
        for (builder, code) in table {
            let built = builder.clone().build();
            let found = built.err().map_or(0, |error| error.code().0);
            assert_eq!(found, code, "{builder:?}");
        }
    }

    #[test]
    fn a_daemon_is_started_only_for_who_asks_for_one() {
        let builder = Client::builder().unix("/s");
        assert!(!builder.clone().build().unwrap().may_start());
        for (lifespan, ms) in [
            (Duration::ZERO, 1),
            (Duration::from_secs(5), 5000),
            (Duration::MAX, -1),
        ] {
            let builder = builder.clone().start_daemon(lifespan);
            assert_eq!(builder.settings.daemon.lifespan_ms, ms);
            assert!(builder.build().unwrap().may_start());
        }
    }
}
