//! Where the app is reached, and what is answered to a browser: a page, or where to go.
//! Not here: what a page says ([`crate::page`]); headers and statuses ([`crate::http`]).

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

/// Where this service is reached, and how long its sessions last.
#[derive(Clone, Debug)]
pub(in crate::app) struct AppAddress {
    /// What stands before `/smart` in addresses of this service, without a slash at its end.
    base: String,
    /// What cards link to, where EHRs may open the app.
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

/// How a page came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageCategory {
    /// As it should.
    Fine,
    /// Answers need correcting.
    Faulty,
    /// The request cannot be used.
    Malformed,
    /// It is refused.
    Forbidden,
    /// There is nothing to decide.
    NotFound,
    /// The session or the grant is over.
    Over,
    /// The EHR cannot be used at present, or did not do what was asked.
    EhrFailed,
    /// A fault of ours.
    Ours,
    /// A fault of ours that passes.
    Unready,
}

/// A page for a browser.
#[derive(Clone, Debug)]
pub struct RenderedPage {
    /// How it came about.
    pub category: PageCategory,
    /// The page.
    pub html: String,
    /// What its style and script bear: for its policy.
    pub nonce: String,
    /// The origins of pages that may show it in a frame.
    pub ancestors: Vec<String>,
}

/// What is answered.
#[derive(Clone, Debug)]
pub enum BrowserAnswer {
    /// A page.
    Page(RenderedPage),
    /// Where to go: an address of this service without its origin, or one of an EHR.
    To(String),
}

/// What a page is written for.
#[derive(Clone, Copy)]
pub(super) struct PageContext<'l> {
    /// The address of its session; empty where there is none.
    pub(super) action: &'l str,
    pub(super) csrf: &'l str,
    pub(super) ancestors: &'l [String],
}

impl App {
    /// Whether any EHR may open the app.
    #[must_use]
    pub fn has_smart_app(&self) -> bool {
        self.smart.is_on()
    }

    /// Where a client's EHR launches the app, if one of those that its calls may name is registered for that.
    pub(in crate::app) fn launch_address(&self, client: &VerifiedClient) -> Option<&str> {
        let is_registered = self.smart.ehrs().iter().any(|ehr| client.may_name(ehr.fhir_server()));
        self.place.launch.as_deref().filter(|_| is_registered)
    }

    /// A file of the app's page.
    #[must_use]
    pub fn smart_asset(name: &str) -> Option<crate::page::Asset> {
        crate::page::Asset::of_name(name)
    }

    /// The app's public keys (RFC 7517), as JSON.
    #[must_use]
    pub fn smart_keys(&self) -> Vec<u8> {
        self.smart.jwks().to_string().into_bytes()
    }

    /// What is in front of `/smart` where this service is reached.
    #[must_use]
    pub fn smart_base(&self) -> &str {
        &self.place.base
    }

    /// A page, written with a nonce of its own.
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

    /// The page that says why there is no other.
    pub(super) fn told(&self, leaf: PageContext<'_>, fault: AppError) -> BrowserAnswer {
        info!(cause = fault.cause, "app page without an order");
        self.page(leaf, fault.category, |frame| html::notice(frame, fault.notice, None)).unwrap_or_else(|_| {
            let (html, nonce) = (String::new(), String::new());
            BrowserAnswer::Page(RenderedPage { category: PageCategory::Ours, html, nonce, ancestors: Vec::new() })
        })
    }

    /// The same where no session is known: pages of every registered EHR may show it.
    pub(super) fn told_anybody(&self, fault: AppError) -> BrowserAnswer {
        let ancestors: Vec<String> = self.smart.ehrs().iter().flat_map(|ehr| ehr.frame_ancestors().to_vec()).collect();
        self.told(PageContext { action: "", csrf: "", ancestors: &ancestors }, fault)
    }
}
