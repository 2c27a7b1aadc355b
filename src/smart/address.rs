//! The app's address, and the limits of its sessions, from the configuration.
//! Not here: sessions; see [`super::session`].

use std::num::NonZeroUsize;
use std::time::Duration;

use chrono::TimeDelta;

use crate::config::Config;

/// The service's public address, and the limits of its sessions.
#[derive(Clone, Debug)]
pub(super) struct AppAddress {
    /// The prefix of `/smart` in this service's addresses, without a trailing slash.
    pub(super) base: String,
    /// Whether browsers reach it over https.
    pub(super) is_https: bool,
    /// The address that cards link to, if EHRs can launch the app.
    pub(super) launch: Option<String>,
    pub(super) lifetime: TimeDelta,
    /// How long a session lasts at most, however often it is extended.
    pub(super) max_lifetime: TimeDelta,
    pub(super) max_sessions: NonZeroUsize,
    /// Time limit of a step with an EHR.
    pub(super) step_timeout: Duration,
}

impl AppAddress {
    pub(super) fn from_config(config: &Config) -> Self {
        let public_url = config.server.public_url.as_ref();
        let launch = public_url.map(|url| format!("{}/smart/launch", url.as_str().trim_end_matches('/')));
        Self {
            base: public_url.map(|url| url.path().trim_end_matches('/').to_owned()).unwrap_or_default(),
            is_https: public_url.is_some_and(|url| url.scheme() == "https"),
            launch: launch.filter(|_| !config.smart.ehrs.is_empty()),
            lifetime: TimeDelta::from_std(config.smart.session_lifetime).unwrap_or(TimeDelta::MAX),
            max_lifetime: TimeDelta::from_std(config.smart.max_session_lifetime).unwrap_or(TimeDelta::MAX),
            max_sessions: config.smart.max_sessions,
            step_timeout: config.smart.timeout,
        }
    }

    /// The address of a session's page.
    pub(super) fn of_session(&self, id: &str) -> String {
        format!("{}/smart/app/{id}", self.base)
    }
}
