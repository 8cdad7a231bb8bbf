//! Where daemons are and who we are.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use flom_settings::Settings;
use flom_types::{NameError, ResourceName};

use crate::builder::ClientBuilder;
use crate::call::{Call, Limits, Wait};
use crate::command::Notice;
use crate::connect::connect;
use crate::error::{ConfigError, ConnectError};
use crate::line::Line;
use crate::locate::{Plan, Purpose, locate};
use crate::request::Request;
use crate::session::Session;

/// Where daemons are and who we are. Cheap to clone, immutable, contacts nobody by itself.
#[derive(Clone, Debug)]
pub struct Client {
    config: Arc<Config>,
}

#[derive(Debug)]
struct Config {
    settings: Settings,
    /// Looked up when it is first needed, unless given.
    peer_id: OnceLock<String>,
    limits: Limits,
}

impl Client {
    /// A client to be told where daemons are.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// A client that finds daemons where the `flom` command does: as `/etc/flom.conf` and `~/.flom`
    /// say, else at the user's default socket, `/tmp/flom-LOGIN`.
    ///
    /// Only what they say about the way to a daemon counts: groups `[Daemon]`, `[Network]` and
    /// `[TLS]`, without `Lifespan`, as no daemon is started. What to lock, and how, is the program's
    /// to say.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if a file cannot be read or understood, or what they say cannot all be meant.
    pub fn from_config() -> Result<Self, ConfigError> {
        Self::builder().config_files()?.build()
    }

    /// A request for the exclusive lock on `resource`, to be refined and sent. The name says what
    /// kind of resource it is:
    ///
    /// | name | kind |
    /// |---|---|
    /// | `stock` | simple: one holder, or several in modes that go together |
    /// | `seat[10]` | numeric: ten units |
    /// | `laser.inkjet` | set: one of several elements |
    /// | `/shop/orders` | hierarchical: who holds `/shop` holds all below it |
    /// | `_s_ticket[1]`, `_S_invoice[1]` | sequence: ascending numbers; `_S_` takes them back |
    /// | `_t_%F.%T[1]` | time stamp: unique times |
    ///
    /// # Errors
    ///
    /// [`ResourceNameError`](crate::ResourceNameError) if no resource can have that name.
    pub fn request(&self, resource: &str) -> Result<Request, NameError> {
        let name = ResourceName::parse_given(resource.as_bytes())?;
        Ok(self.request_for(&name))
    }

    /// A request for a name that has been checked before.
    pub fn request_for(&self, resource: &ResourceName) -> Request {
        Request::new(self.clone(), resource.clone())
    }

    /// Connects now, to lock later.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] if there is no daemon, or none that can be reached in time.
    pub fn connect(&self) -> Result<Session, ConnectError> {
        let until = self.call(Wait::Forever).connected_by();
        let line = self.line(Purpose::Lock, until, &mut |_| {})?;
        Ok(Session::new(self.clone(), line))
    }

    pub(crate) fn new(
        settings: Settings,
        peer_id: Option<String>,
        limits: Limits,
    ) -> Result<Self, ConfigError> {
        locate(&settings, Purpose::Lock).ok_or(ConfigError::NoEndpoint)?;
        let peer_id = peer_id.map_or_else(OnceLock::new, OnceLock::from);
        Ok(Self {
            config: Arc::new(Config {
                settings,
                peer_id,
                limits,
            }),
        })
    }

    /// A connection to a daemon, at the latest then.
    pub(crate) fn line(
        &self,
        purpose: Purpose,
        until: Option<Instant>,
        tell: &mut dyn FnMut(Notice<'_>),
    ) -> Result<Line, ConnectError> {
        connect(&self.config.settings, purpose, until, tell)
    }

    /// A call that begins now.
    pub(crate) fn call(&self, wait: Wait) -> Call {
        Call::new(self.config.limits, wait)
    }

    pub(crate) fn limits(&self) -> Limits {
        self.config.limits
    }

    /// Whether a daemon is started if there is none.
    pub(crate) fn may_start(&self) -> bool {
        let plan = locate(&self.config.settings, Purpose::Lock);
        matches!(plan, Some(Plan { start: true, .. }))
    }

    /// The id by which daemons know us.
    pub(crate) fn peer_id(&self) -> &str {
        self.config.peer_id.get_or_init(flom_settings::peer_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_needs_a_place_to_look_at() {
        let client = |settings| Client::new(settings, None, Limits::COMMAND);
        let mut settings = Settings::default();
        assert!(matches!(
            client(settings.clone()),
            Err(ConfigError::NoEndpoint)
        ));
        settings.daemon.multicast_address = Some("ff02::1".to_string());
        client(settings).unwrap();
    }
}
