//! A launch, from the EHR's address to a session.
//! Not here: the steps between; see [`crate::auth::smart`].

use tracing::info;

use super::browser::Browser;
use super::sessions::Opening;
use super::shown::BrowserAnswer;
use crate::app::App;
use crate::auth::smart::{CallbackRequest, LaunchError, LaunchRequest, random_text};

/// A launch that was begun, or not.
#[derive(Clone, Debug)]
pub struct Launched {
    /// Where the user goes.
    pub next: BrowserAnswer,
    /// A cookie's value, for a browser that brought none.
    pub cookie: Option<String>,
}

/// The parameters of an EHR's answer.
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
    /// Begins a launch.
    pub async fn smart_launch(&self, iss: &str, launch: Option<&str>, browser: Browser<'_>) -> Launched {
        let cookie = if browser.has_cookie() { None } else { random_text().ok() };
        let binding = browser.at_launch(cookie.as_deref());
        let next = match self.smart.launch(LaunchRequest { iss, launch, browser: &binding }).await {
            Ok(redirect) => BrowserAnswer::To(redirect.url.into()),
            Err(error) => self.told_anybody(error.into()),
        };
        Launched { next, cookie }
    }

    /// Ends a launch.
    pub async fn smart_callback(&self, returned: Returned<'_>, browser: Browser<'_>) -> BrowserAnswer {
        match self.scoped_request(returned, browser).await {
            Ok(address) => BrowserAnswer::To(address),
            Err(error) => self.told_anybody(error.into()),
        }
    }

    /// A session for what was granted; its address. A launch in a frame that saw no cookie is known by what the browser says of itself.
    async fn scoped_request(&self, returned: Returned<'_>, browser: Browser<'_>) -> Result<String, LaunchError> {
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
