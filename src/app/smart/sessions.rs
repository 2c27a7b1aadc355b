//! The apps that are open: each in the memory of this process, for a while, in the browser it was opened in.
//! Not here: what is done with them; see [`super::working`].

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::browser::{Browser, BrowserBinding, CookieDigest};
use super::chart::SessionChart;
use super::error::AppError;
use crate::auth::smart::{Grant, LaunchError, random_text};

/// Every app that is open, in the order in which they were opened.
#[derive(Debug, Default)]
pub(in crate::app) struct Sessions(Mutex<VecDeque<StoredSession>>);

#[derive(Debug)]
struct StoredSession {
    id: CookieDigest,
    session: Arc<Session>,
}

/// An app that is open.
#[derive(Debug)]
pub(super) struct Session {
    /// The token that every form of it bears.
    pub(super) csrf: String,
    /// The origins of pages that may show it in a frame.
    pub(super) ancestors: Vec<String>,
    /// What it knows; one request at a time.
    pub(super) work: tokio::sync::Mutex<Work>,
    browser: Mutex<BrowserBinding>,
    end: DateTime<Utc>,
}

/// What an open app knows.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) grant: Grant,
    /// What was read of the patient.
    pub(super) chart: Option<SessionChart>,
    /// What was saved last.
    pub(super) saved: Option<Saved>,
}

/// Answers that the EHR has.
#[derive(Clone, Debug)]
pub(super) struct Saved {
    /// The response's id, where the EHR says it.
    pub(super) id: Option<String>,
    /// Its version, where the EHR says it.
    pub(super) version: Option<String>,
    /// The response.
    pub(super) response: Value,
    pub(super) at: DateTime<Utc>,
    /// Whether the ledger has it.
    pub(super) is_recorded: bool,
}

/// A session that is to be opened.
pub(super) struct Opening<'o> {
    pub(super) grant: Grant,
    pub(super) browser: &'o Browser<'o>,
    pub(super) now: DateTime<Utc>,
    pub(super) end: DateTime<Utc>,
    /// How many there may be.
    pub(super) most: NonZeroUsize,
}

impl Sessions {
    /// Opens a session; what it is called in its address. If there are as many already, the oldest ends.
    pub(super) fn open(&self, opening: Opening<'_>) -> Result<String, LaunchError> {
        let (id, csrf) = (random_text()?, random_text()?);
        let Opening { grant, browser, now, end, most } = opening;
        let ancestors = grant.ehr.frame_ancestors().to_vec();
        let work = tokio::sync::Mutex::new(Work { grant, chart: None, saved: None });
        let session = Arc::new(Session { csrf, ancestors, work, browser: Mutex::new(BrowserBinding::to(browser)), end });
        let mut kept = self.lock();
        kept.retain(|kept| now < kept.session.end);
        while kept.len() >= most.get() {
            kept.pop_front();
        }
        kept.push_back(StoredSession { id: CookieDigest::new(&id), session });
        Ok(id)
    }

    /// The session of an address, in its own browser.
    pub(super) fn find(&self, id: &str, browser: &Browser<'_>, now: DateTime<Utc>) -> Result<Arc<Session>, AppError> {
        let id = CookieDigest::new(id);
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
    /// Whether a form is of this session.
    pub(super) fn is_own_form(&self, csrf: &str) -> bool {
        CookieDigest::new(csrf) == CookieDigest::new(&self.csrf)
    }
}
