//! The open apps, held in this process's memory for a limited time, each bound to the browser that opened it.
//! Not here: their use; see [`super::working`].

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::browser::{Browser, BrowserBinding, SecretDigest};
use super::chart::SessionChart;
use super::error::AppError;
use crate::auth::smart::{Grant, LaunchError, random_text};

/// All open apps, in opening order.
#[derive(Debug, Default)]
pub(in crate::app) struct Sessions(Mutex<VecDeque<StoredSession>>);

#[derive(Debug)]
struct StoredSession {
    id: SecretDigest,
    session: Arc<Session>,
}

/// An open app.
#[derive(Debug)]
pub(super) struct Session {
    /// The CSRF token in every form of the session.
    pub(super) csrf: String,
    /// The origins that may frame the app.
    pub(super) ancestors: Vec<String>,
    /// The session's state; the mutex serializes requests.
    pub(super) work: tokio::sync::Mutex<Work>,
    browser: Mutex<BrowserBinding>,
    end: DateTime<Utc>,
}

/// The state of an open app.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) grant: Grant,
    /// The chart read for the patient.
    pub(super) chart: Option<SessionChart>,
    /// The last saved answers.
    pub(super) saved: Option<Saved>,
}

/// Answers saved in the EHR.
#[derive(Clone, Debug)]
pub(super) struct Saved {
    /// The response's id, if the EHR returned it.
    pub(super) id: Option<String>,
    /// The response's version, if the EHR returned it.
    pub(super) version: Option<String>,
    /// The response.
    pub(super) response: Value,
    pub(super) at: DateTime<Utc>,
    /// Whether the save is recorded in the ledger.
    pub(super) is_recorded: bool,
}

/// The data of a session to open.
pub(super) struct Opening<'o> {
    pub(super) grant: Grant,
    pub(super) browser: &'o Browser<'o>,
    pub(super) now: DateTime<Utc>,
    pub(super) end: DateTime<Utc>,
    /// Maximum number of open sessions.
    pub(super) most: NonZeroUsize,
}

impl Sessions {
    /// Opens a session and returns its id for the address. At the limit, the oldest session ends.
    pub(super) fn open(&self, opening: Opening<'_>) -> Result<String, LaunchError> {
        let (id, csrf) = (random_text()?, random_text()?);
        let Opening { grant, browser, now, end, most } = opening;
        let ancestors = grant.ehr.frame_ancestors().to_vec();
        let work = tokio::sync::Mutex::new(Work { grant, chart: None, saved: None });
        let session = Arc::new(Session { csrf, ancestors, work, browser: Mutex::new(BrowserBinding::from_browser(browser)), end });
        let mut kept = self.lock();
        kept.retain(|kept| now < kept.session.end);
        while kept.len() >= most.get() {
            kept.pop_front();
        }
        kept.push_back(StoredSession { id: SecretDigest::new(&id), session });
        Ok(id)
    }

    /// The session with this id, if the request comes from its browser.
    pub(super) fn find(&self, id: &str, browser: &Browser<'_>, now: DateTime<Utc>) -> Result<Arc<Session>, AppError> {
        let id = SecretDigest::new(id);
        let mut kept = self.lock();
        kept.retain(|kept| now < kept.session.end);
        let session = kept.iter().find(|kept| kept.id == id).map(|kept| Arc::clone(&kept.session)).ok_or(AppError::OVER)?;
        drop(kept);
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
