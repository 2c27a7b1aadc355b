//! The open apps, held in this process's memory for a limited time, each bound to the browser that opened it.
//! Not here: their use; see [`super::actions`].

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use super::browser::{Browser, BrowserBinding, SecretDigest};
use super::work::Work;
use crate::smart::error::AppError;
use crate::smart::launch::{Grant, LaunchError, random_text};

/// All open apps, in opening order.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<VecDeque<StoredSession>>);

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
    browser: Mutex<BrowserBinding>,
    end: DateTime<Utc>,
}

/// The data of a session to open.
pub(crate) struct Opening<'o> {
    pub(crate) grant: Grant,
    pub(crate) browser: &'o Browser<'o>,
    pub(crate) now: DateTime<Utc>,
    pub(crate) end: DateTime<Utc>,
    /// Maximum number of open sessions.
    pub(crate) max_sessions: NonZeroUsize,
}

impl Sessions {
    /// Opens a session and returns its id for the address. At the limit, the oldest session ends.
    pub(in crate::smart) fn open(&self, opening: Opening<'_>) -> Result<String, LaunchError> {
        let (id, csrf) = (random_text()?, random_text()?);
        let Opening { grant, browser, now, end, max_sessions } = opening;
        let ancestors = grant.ehr.frame_ancestors().to_vec();
        let work = tokio::sync::Mutex::new(Work::new(grant));
        let session = Arc::new(Session { csrf, ancestors, work, browser: Mutex::new(BrowserBinding::from_browser(browser)), end });
        let mut stored = self.lock();
        stored.retain(|stored| now < stored.session.end);
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
        stored.retain(|stored| now < stored.session.end);
        let session = stored.iter().find(|stored| stored.id == id).map(|stored| Arc::clone(&stored.session)).ok_or(AppError::OVER)?;
        drop(stored);
        let is_own = session.browser.lock().unwrap_or_else(PoisonError::into_inner).admits(browser);
        if is_own { Ok(session) } else { Err(AppError::OTHER_BROWSER) }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<StoredSession>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    /// Whether a form belongs to this session.
    pub(super) fn is_own_form(&self, csrf: &str) -> bool {
        SecretDigest::new(csrf) == SecretDigest::new(&self.csrf)
    }
}
