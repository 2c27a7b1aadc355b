//! A response to a browser: a page or a redirect.
//! Not here: rendering a page ([`super::render`]), and headers and statuses ([`crate::http`]).

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
