//! The SMART app for browsers and EHRs: launches, the page of a session, and its forms.
//! Not here: the launch protocol ([`super::launch`]), and what a session does ([`super::session`]).

use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tracing::info;

use super::address::AppAddress;
use super::browser_answer::BrowserAnswer;
use super::context::SmartContext;
use super::launch::{AuthorizationResponse, CallbackRequest, LaunchError, LaunchMemory, LaunchRequest, SmartApp, SmartError};
use super::page::{Messages, MessagesError};
use super::session::{Browser, IssuedCookie, Opening, Session, SessionLifetime, SessionRequest, Sessions};
use crate::auth::Authenticator;
use crate::config::Config;
use crate::crd::Plans;
use crate::decision::DecisionEngine;
use crate::service::{AppLaunch, AuditLog};

/// The result of starting a launch, successful or not.
#[derive(Clone, Debug)]
pub struct Launched {
    /// The response for the browser.
    pub next: BrowserAnswer,
    /// The value of the cookie to set, if the browser sent none.
    pub cookie: Option<String>,
}

/// Why the SMART app cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SmartServiceError {
    /// An EHR's registration cannot be used.
    #[error(transparent)]
    Launch(#[from] SmartError),
    /// The messages of the app's page are invalid.
    #[error(transparent)]
    Messages(#[from] MessagesError),
}

/// What the SMART app is built from, besides the configuration.
pub struct SmartParts {
    /// Makes the decisions.
    pub engine: Arc<DecisionEngine>,
    /// The health plans.
    pub plans: Arc<Plans>,
    /// The ledger.
    pub audit: AuditLog,
    /// Tells which client's calls may name which FHIR server.
    pub authenticator: Arc<Authenticator>,
    /// Launches in progress; they survive a configuration reload.
    pub launches: Arc<LaunchMemory>,
    /// Open sessions; they survive a configuration reload.
    pub sessions: Arc<Sessions>,
}

/// The SMART app.
pub struct SmartService {
    context: SmartContext,
    sessions: Arc<Sessions>,
}

impl SmartService {
    /// Builds the app from the configuration.
    ///
    /// # Errors
    /// [`SmartServiceError`] for a registration or messages that cannot be used.
    pub fn build(config: &Config, parts: SmartParts) -> Result<Self, SmartServiceError> {
        let SmartParts { engine, plans, audit, authenticator, launches, sessions } = parts;
        let launches = SmartApp::build(config, launches, Arc::clone(&audit.clock))?;
        let (address, words) = (AppAddress::from_config(config), Messages::embedded()?);
        Ok(Self { context: SmartContext { engine, plans, audit, authenticator, launches, address, words }, sessions })
    }

    /// Whether any EHR can launch the app.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.context.launches.is_on()
    }

    /// Where EHRs launch the app, for the links on cards.
    #[must_use]
    pub fn launch_link(&self) -> Option<AppLaunch> {
        let fhir_servers = self.context.launches.ehrs().iter().map(|ehr| ehr.fhir_server().to_owned());
        Some(AppLaunch { url: self.context.address.launch.clone()?, fhir_servers: fhir_servers.collect() })
    }

    /// The app's public keys (RFC 7517), as JSON.
    #[must_use]
    pub fn public_keys(&self) -> Vec<u8> {
        self.context.launches.jwks().to_string().into_bytes()
    }

    /// The prefix of `/smart` in this service's addresses.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.context.address.base
    }

    /// Whether browsers reach the app over https.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.context.address.is_https
    }

    /// A cookie with this value; `None` if this process did not issue it.
    #[must_use]
    pub fn issued_cookie<'c>(&self, value: &'c str) -> Option<IssuedCookie<'c>> {
        self.sessions.issued_cookie(value)
    }

    /// Starts a launch from a browser in this network.
    pub async fn launch(&self, iss: &str, launch: Option<&str>, browser: Browser<'_>, network: Option<IpAddr>) -> Launched {
        let cookie = if browser.has_cookie() { None } else { self.sessions.new_cookie() };
        let binding = browser.launch_identity(cookie.as_deref());
        let next = match self.context.launches.launch(LaunchRequest { iss, launch, browser: &binding, network }).await {
            Ok(redirect) => BrowserAnswer::To(redirect.url.into()),
            Err(error) => self.context.notice_to_anybody(error.into()),
        };
        Launched { next, cookie }
    }

    /// Completes a launch. `query` has the EHR's response, which came to the redirect URI of `ehr`.
    pub async fn callback(&self, ehr: &str, query: &str, browser: Browser<'_>) -> BrowserAnswer {
        match self.open_session(ehr, query, browser).await {
            Ok(address) => BrowserAnswer::To(address),
            Err(error) => self.context.notice_to_anybody(error.into()),
        }
    }

    /// Opens a session for the grant and returns its address. Without a cookie in a frame, request headers identify the launch's browser.
    async fn open_session(&self, ehr: &str, query: &str, browser: Browser<'_>) -> Result<String, LaunchError> {
        let response = AuthorizationResponse::parse(query)?;
        let known_by = browser.callback_identities();
        let known_by: Vec<&str> = known_by.iter().map(String::as_str).collect();
        let request = CallbackRequest { ehr, response: &response, browsers: &known_by };
        let grant = self.context.launches.callback(request).await?;
        let (now, address) = (self.context.audit.clock.now(), &self.context.address);
        info!(ehr = grant.ehr.name(), may_save = grant.may_write_responses, "app opened");
        let limit = now.checked_add_signed(address.max_lifetime).unwrap_or(DateTime::<Utc>::MAX_UTC);
        let lifetime = SessionLifetime { step: address.lifetime, limit };
        let opening = Opening { grant, browser: &browser, now, lifetime, max_sessions: address.max_sessions };
        Ok(address.of_session(&self.sessions.open(opening)?))
    }

    /// The open session with this id, if the request comes from its browser; else the page that says why there is none.
    pub(crate) fn session(&self, id: &str, browser: Browser<'_>) -> Result<Arc<Session>, BrowserAnswer> {
        self.sessions.find(id, &browser, self.context.audit.clock.now()).map_err(|error| self.context.notice_to_anybody(error))
    }

    /// The page of a session. If the user returns to the order, a page that says the app can be closed.
    pub(crate) async fn show(&self, id: &str, session: &Session, closed: bool) -> BrowserAnswer {
        let (now, address) = (self.context.audit.clock.now(), self.context.address.of_session(id));
        SessionRequest::new(&self.context, session, &address, now).answer_show(closed).await
    }

    /// Handles a submitted form.
    pub(crate) async fn submit(&self, id: &str, session: &Session, fields: &[(String, String)]) -> BrowserAnswer {
        let (now, address) = (self.context.audit.clock.now(), self.context.address.of_session(id));
        SessionRequest::new(&self.context, session, &address, now).answer_submit(fields).await
    }
}
