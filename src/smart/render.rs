//! Renders a page of the app for a browser.
//! Not here: the content of a page ([`super::page`]).

use tracing::info;

use super::browser_answer::{BrowserAnswer, PageCategory, RenderedPage};
use super::context::SmartContext;
use super::error::AppError;
use super::launch::random_text;
use super::page::{Frame, RenderError, SessionTime, html};

/// The session data that a page needs.
#[derive(Clone, Copy)]
pub(super) struct PageContext<'l> {
    /// The address of the session; empty if there is none.
    pub(super) action: &'l str,
    pub(super) csrf: &'l str,
    pub(super) ancestors: &'l [String],
    /// How long the session lasts; `None` if there is none.
    pub(super) time: Option<SessionTime>,
}

impl SmartContext {
    /// Renders a page with a fresh nonce.
    pub(super) fn page(
        &self,
        page: PageContext<'_>,
        category: PageCategory,
        write: impl FnOnce(Frame<'_>) -> Result<String, RenderError>,
    ) -> Result<BrowserAnswer, AppError> {
        let nonce = random_text()?;
        let (assets, back) = (format!("{}/smart/assets", self.address.base), format!("{}?closed", page.action));
        let PageContext { action, csrf, time, .. } = page;
        let frame = Frame { words: &self.words, nonce: &nonce, assets: &assets, action, back: &back, csrf, time };
        let html = write(frame)?;
        Ok(BrowserAnswer::Page(RenderedPage { category, html, nonce, ancestors: page.ancestors.to_vec() }))
    }

    /// The page that says why no order is shown.
    pub(super) fn notice(&self, page: PageContext<'_>, error: AppError) -> BrowserAnswer {
        info!(cause = error.cause, "app page without an order");
        self.page(page, error.category, |frame| html::notice(frame, error.notice, None)).unwrap_or_else(|_| {
            let (html, nonce) = (String::new(), String::new());
            BrowserAnswer::Page(RenderedPage { category: PageCategory::Ours, html, nonce, ancestors: Vec::new() })
        })
    }

    /// Like [`SmartContext::notice`], without a known session: pages of every registered EHR may frame it.
    pub(super) fn notice_to_anybody(&self, error: AppError) -> BrowserAnswer {
        let ancestors: Vec<String> = self.launches.ehrs().iter().flat_map(|ehr| ehr.frame_ancestors().to_vec()).collect();
        self.notice(PageContext { action: "", csrf: "", ancestors: &ancestors, time: None }, error)
    }
}
