//! Where daemons are and who we are.

use std::sync::Arc;

use flom_settings::Settings;
use flom_types::ResourceName;

use crate::error::{ConfigError, ShutdownError};
use crate::locate::{Purpose, locate};
use crate::notice::Notice;
use crate::request::Request;
use crate::shutdown;

/// Where daemons are and who we are. Cheap to clone, immutable, contacts nobody by itself.
#[derive(Clone, Debug)]
pub struct Client {
    settings: Arc<Settings>,
}

impl Client {
    /// A client as the `flom` command would be one with these settings.
    ///
    /// # Errors
    ///
    /// [`ConfigError::NoEndpoint`] if they say nothing about where a daemon could be.
    pub fn new(settings: Settings) -> Result<Self, ConfigError> {
        locate(&settings, Purpose::Lock).ok_or(ConfigError::NoEndpoint)?;
        Ok(Self {
            settings: Arc::new(settings),
        })
    }

    /// A request for the exclusive lock on `resource`, to be refined and sent.
    pub fn request(&self, resource: &ResourceName) -> Request {
        Request::new(self.clone(), resource.clone())
    }

    /// Asks the daemon to end: at once, or as soon as nobody holds or waits for a lock.
    ///
    /// Returns when the daemon has closed the connection, which says that it has heard, or after a
    /// second: a daemon of FLoM 1.7.2 does not say. Never starts a daemon.
    ///
    /// # Errors
    ///
    /// [`ShutdownError`], if there is no daemon to be told.
    pub fn shutdown(
        &self,
        immediate: bool,
        tell: &mut dyn FnMut(Notice<'_>),
    ) -> Result<(), ShutdownError> {
        shutdown::shutdown(&self.settings, immediate, tell)
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_needs_a_place_to_look_at() {
        let mut settings = Settings::default();
        assert!(matches!(
            Client::new(settings.clone()),
            Err(ConfigError::NoEndpoint)
        ));
        settings.daemon.multicast_address = Some("ff02::1".to_string());
        Client::new(settings).unwrap();
    }
}
