//! The app's address, and its responses to a browser: a page or a redirect.
//! Not here: the content of a page ([`crate::page`]), and headers and statuses ([`crate::http`]).

use std::num::NonZeroUsize;
use std::time::Duration;

use chrono::TimeDelta;
use tracing::info;

use super::error::AppError;
use crate::app::App;
use crate::auth::VerifiedClient;
use crate::auth::smart::random_text;
use crate::config::Config;
use crate::page::{Frame, RenderError, html};

/// The service's public address, and the limits of its sessions.
#[derive(Clone, Debug)]
pub(in crate::app) struct AppAddress {
    /// The prefix of `/smart` in this service's addresses, without a trailing slash.
    base: String,
    /// The address that cards link to, if EHRs can launch the app.
    pub(in crate::app) launch: Option<String>,
    pub(super) lifetime: TimeDelta,
    pub(super) most_sessions: NonZeroUsize,
    /// Time limit of a step with an EHR.
    pub(super) step_timeout: Duration,
}

impl AppAddress {
    pub(in crate::app) fn from_config(config: &Config) -> Self {
        let public_url = config.server.public_url.as_ref();
        let launch = public_url.map(|url| format!("{}/smart/launch", url.as_str().trim_end_matches('/')));
        Self {
            base: public_url.map(|url| url.path().trim_end_matches('/').to_owned()).unwrap_or_default(),
            launch: launch.filter(|_| !config.smart.ehrs.is_empty()),
            lifetime: TimeDelta::from_std(config.smart.session_lifetime).unwrap_or(TimeDelta::MAX),
            most_sessions: config.smart.max_sessions,
            step_timeout: config.smart.timeout,
        }
    }

    /// The address of a session's page.
    pub(super) fn of_session(&self, id: &str) -> String {
        format!("{}/smart/app/{id}", self.base)
    }
}

/// The outcome that a page reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageCategory {
    /// Success.
    Fine,
    /// Answers need correction.
    Faulty,
    /// The request is invalid.
    Malformed,
    /// The request is refused.
    Forbidden,
    /// There is nothing to decide.
    NotFound,
    /// The session or the grant has ended.
    Over,
    /// The EHR is unavailable, or did not do what was requested.
    EhrFailed,
    /// An error of this service.
    Ours,
    /// A temporary error of this service.
    Unready,
}

/// A page for a browser.
#[derive(Clone, Debug)]
pub struct RenderedPage {
    /// The outcome that the page reports.
    pub category: PageCategory,
    /// The page.
    pub html: String,
    /// The nonce of its style and script, for the Content-Security-Policy.
    pub nonce: String,
    /// The origins that may frame the page.
    pub ancestors: Vec<String>,
}

/// A response to a browser.
#[derive(Clone, Debug)]
pub enum BrowserAnswer {
    /// A page.
    Page(RenderedPage),
    /// A redirect to a path of this service, or to a URL of an EHR.
    To(String),
}

/// The session data that a page needs.
#[derive(Clone, Copy)]
pub(super) struct PageContext<'l> {
    /// The address of the session; empty if there is none.
    pub(super) action: &'l str,
    pub(super) csrf: &'l str,
    pub(super) ancestors: &'l [String],
}

impl App {
    /// Whether any EHR can launch the app.
    #[must_use]
    pub fn has_smart_app(&self) -> bool {
        self.smart.is_on()
    }

    /// Where a client's EHR launches the app, if an EHR that the client's calls may name is registered.
    pub(in crate::app) fn launch_address(&self, client: &VerifiedClient) -> Option<&str> {
        let is_registered = self.smart.ehrs().iter().any(|ehr| client.may_name(ehr.fhir_server()));
        self.place.launch.as_deref().filter(|_| is_registered)
    }

    /// A static file of the app's page.
    #[must_use]
    pub fn smart_asset(name: &str) -> Option<crate::page::Asset> {
        crate::page::Asset::of_name(name)
    }

    /// The app's public keys (RFC 7517), as JSON.
    #[must_use]
    pub fn smart_keys(&self) -> Vec<u8> {
        self.smart.jwks().to_string().into_bytes()
    }

    /// The prefix of `/smart` in this service's addresses.
    #[must_use]
    pub fn smart_base(&self) -> &str {
        &self.place.base
    }

    /// Renders a page with a fresh nonce.
    pub(super) fn page(
        &self,
        leaf: PageContext<'_>,
        category: PageCategory,
        write: impl FnOnce(Frame<'_>) -> Result<String, RenderError>,
    ) -> Result<BrowserAnswer, AppError> {
        let nonce = random_text()?;
        let (assets, back) = (format!("{}/smart/assets", self.place.base), format!("{}?closed", leaf.action));
        let frame = Frame { words: &self.words, nonce: &nonce, assets: &assets, action: leaf.action, back: &back, csrf: leaf.csrf };
        let html = write(frame)?;
        Ok(BrowserAnswer::Page(RenderedPage { category, html, nonce, ancestors: leaf.ancestors.to_vec() }))
    }

    /// The page that says why no order is shown.
    pub(super) fn told(&self, leaf: PageContext<'_>, fault: AppError) -> BrowserAnswer {
        info!(cause = fault.cause, "app page without an order");
        self.page(leaf, fault.category, |frame| html::notice(frame, fault.notice, None)).unwrap_or_else(|_| {
            let (html, nonce) = (String::new(), String::new());
            BrowserAnswer::Page(RenderedPage { category: PageCategory::Ours, html, nonce, ancestors: Vec::new() })
        })
    }

    /// Like [`App::told`], without a known session: pages of every registered EHR may frame it.
    pub(super) fn told_anybody(&self, fault: AppError) -> BrowserAnswer {
        let ancestors: Vec<String> = self.smart.ehrs().iter().flat_map(|ehr| ehr.frame_ancestors().to_vec()).collect();
        self.told(PageContext { action: "", csrf: "", ancestors: &ancestors }, fault)
    }
}
