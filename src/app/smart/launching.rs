//! Runs a launch, from the EHR's request to a session.
//! Not here: the steps in between; see [`crate::auth::smart`].

use tracing::info;

use super::browser::Browser;
use super::sessions::Opening;
use super::shown::BrowserAnswer;
use crate::app::App;
use crate::auth::smart::{CallbackRequest, LaunchError, LaunchRequest, random_text};

/// The result of starting a launch, successful or not.
#[derive(Clone, Debug)]
pub struct Launched {
    /// The response for the browser.
    pub next: BrowserAnswer,
    /// The value of the cookie to set, if the browser sent none.
    pub cookie: Option<String>,
}

/// The parameters of the EHR's redirect.
#[derive(Clone, Copy, Debug, Default)]
pub struct Returned<'r> {
    /// `state`
    pub state: &'r str,
    /// `code`
    pub code: Option<&'r str>,
    /// `error`
    pub error: Option<&'r str>,
}

impl App {
    /// Starts a launch.
    pub async fn smart_launch(&self, iss: &str, launch: Option<&str>, browser: Browser<'_>) -> Launched {
        let cookie = if browser.has_cookie() { None } else { random_text().ok() };
        let binding = browser.at_launch(cookie.as_deref());
        let next = match self.smart.launch(LaunchRequest { iss, launch, browser: &binding }).await {
            Ok(redirect) => BrowserAnswer::To(redirect.url.into()),
            Err(error) => self.told_anybody(error.into()),
        };
        Launched { next, cookie }
    }

    /// Completes a launch.
    pub async fn smart_callback(&self, returned: Returned<'_>, browser: Browser<'_>) -> BrowserAnswer {
        match self.open_session(returned, browser).await {
            Ok(address) => BrowserAnswer::To(address),
            Err(error) => self.told_anybody(error.into()),
        }
    }

    /// Opens a session for the grant and returns its address. Without a cookie in a frame, request headers identify the launch's browser.
    async fn open_session(&self, returned: Returned<'_>, browser: Browser<'_>) -> Result<String, LaunchError> {
        let Returned { state, code, error } = returned;
        let known_by = browser.at_callback();
        let known_by: Vec<&str> = known_by.iter().map(String::as_str).collect();
        let grant = self.smart.callback(CallbackRequest { state, code, error, browsers: &known_by }).await?;
        let now = self.ports().clock.now();
        info!(ehr = grant.ehr.name(), may_save = grant.may_write_responses, "app opened");
        let end = now.checked_add_signed(self.place.lifetime).unwrap_or(now);
        let opening = Opening { grant, browser: &browser, now, end, most: self.place.most_sessions };
        Ok(self.place.of_session(&self.ports().sessions.open(opening)?))
    }
}
