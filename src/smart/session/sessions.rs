//! The open apps, held in this process's memory for a limited time, each bound to the browser that opened it.
//! Not here: their use; see [`super::actions`].

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use super::browser::{Browser, BrowserBinding, SecretDigest};
use super::cookie::{CookieKey, IssuedCookie};
use super::work::Work;
use crate::smart::error::AppError;
use crate::smart::launch::{Grant, LaunchError, random_text};
use crate::smart::page::SessionTime;

/// All open apps, in opening order, and the key of their browsers' cookies.
#[derive(Debug, Default)]
pub struct Sessions {
    open: Mutex<VecDeque<StoredSession>>,
    cookies: CookieKey,
}

#[derive(Debug)]
struct StoredSession {
    id: SecretDigest,
    session: Arc<Session>,
}

/// An open app.
#[derive(Debug)]
pub(crate) struct Session {
    /// The CSRF token in every form of the session.
    pub(super) csrf: String,
    /// The origins that may frame the app.
    pub(super) ancestors: Vec<String>,
    /// The session's state; the mutex serializes requests.
    pub(super) work: tokio::sync::Mutex<Work>,
    browser: BrowserBinding,
    lifetime: SessionLifetime,
    end: Mutex<DateTime<Utc>>,
}

/// How long a session lasts, and how far its user can extend it.
#[derive(Clone, Copy, Debug)]
pub(in crate::smart) struct SessionLifetime {
    /// How long it lasts from when it opens, and from each extension.
    pub(in crate::smart) step: TimeDelta,
    /// When it ends, however often it is extended.
    pub(in crate::smart) limit: DateTime<Utc>,
}

impl SessionLifetime {
    /// The end of a session that is opened or extended now.
    fn end_from(self, now: DateTime<Utc>) -> DateTime<Utc> {
        now.checked_add_signed(self.step).unwrap_or(self.limit).min(self.limit)
    }

    /// No extension outlasts an access that cannot be refreshed.
    fn within(self, grant: &Grant, now: DateTime<Utc>) -> Self {
        let end = grant.expires_at.filter(|_| grant.refresh_token.is_none());
        Self { limit: end.map_or(self.limit, |end| self.limit.min(end.max(self.end_from(now)))), ..self }
    }
}

/// The data of a session to open.
pub(crate) struct Opening<'o> {
    pub(crate) grant: Grant,
    pub(crate) browser: &'o Browser<'o>,
    pub(crate) now: DateTime<Utc>,
    pub(in crate::smart) lifetime: SessionLifetime,
    /// Maximum number of open sessions.
    pub(crate) max_sessions: NonZeroUsize,
}

impl Sessions {
    /// Opens a session and returns its id for the address. At the limit, the oldest session ends.
    pub(in crate::smart) fn open(&self, opening: Opening<'_>) -> Result<String, LaunchError> {
        let (id, csrf) = (random_text()?, random_text()?);
        let Opening { grant, browser, now, lifetime, max_sessions } = opening;
        let lifetime = lifetime.within(&grant, now);
        let ancestors = grant.ehr.frame_ancestors().to_vec();
        let work = tokio::sync::Mutex::new(Work::new(grant));
        let (browser, end) = (BrowserBinding::from_browser(browser), Mutex::new(lifetime.end_from(now)));
        let session = Arc::new(Session { csrf, ancestors, work, browser, lifetime, end });
        let mut stored = self.lock();
        stored.retain(|stored| now < stored.session.end());
        while stored.len() >= max_sessions.get() {
            stored.pop_front();
        }
        stored.push_back(StoredSession { id: SecretDigest::new(&id), session });
        Ok(id)
    }

    /// The session with this id, if the request comes from its browser.
    pub(in crate::smart) fn find(&self, id: &str, browser: &Browser<'_>, now: DateTime<Utc>) -> Result<Arc<Session>, AppError> {
        let id = SecretDigest::new(id);
        let mut stored = self.lock();
        stored.retain(|stored| now < stored.session.end());
        let session = stored.iter().find(|stored| stored.id == id).map(|stored| Arc::clone(&stored.session)).ok_or(AppError::OVER)?;
        drop(stored);
        if session.browser.admits(browser) { Ok(session) } else { Err(AppError::OTHER_BROWSER) }
    }

    /// The value of a new cookie.
    pub(in crate::smart) fn new_cookie(&self) -> Option<String> {
        self.cookies.issue()
    }

    /// A cookie with this value; `None` if this process did not issue it.
    pub(in crate::smart) fn issued_cookie<'c>(&self, value: &'c str) -> Option<IssuedCookie<'c>> {
        self.cookies.verify(value)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<StoredSession>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    /// When it ends, unless it is extended.
    pub(super) fn end(&self) -> DateTime<Utc> {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Extends it as if it opened now, up to its limit.
    pub(super) fn extend(&self, now: DateTime<Utc>) {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        *end = (*end).max(self.lifetime.end_from(now));
    }

    /// How long it can be used, for its page.
    pub(super) fn time(&self, now: DateTime<Utc>) -> SessionTime {
        let end = self.end();
        SessionTime { now, end, can_extend: end < self.lifetime.limit }
    }

    /// Whether a form belongs to this session.
    pub(super) fn is_own_form(&self, csrf: &str) -> bool {
        SecretDigest::new(csrf) == SecretDigest::new(&self.csrf)
    }
}
