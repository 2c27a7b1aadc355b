//! Why the app cannot show an order: the notice for the user, the category of the cause, and a fixed name for the log.
//! Not here: the texts ([`super::page`]) and statuses ([`crate::http`]).

use super::browser_answer::PageCategory;
use super::launch::{ExchangeError, LaunchCategory, LaunchError};
use super::page::{FailedLaunch, Notice, RenderError};
use crate::cds_hooks::RequestError;
use crate::decision::DecisionError;

/// Why the app cannot show an order.
#[derive(Clone, Copy, Debug)]
pub(super) struct AppError {
    pub(super) notice: Notice,
    pub(super) category: PageCategory,
    /// For the log.
    pub(super) cause: &'static str,
}

impl AppError {
    /// The session has ended or never existed.
    pub(super) const OVER: Self = Self { notice: Notice::Expired, category: PageCategory::Over, cause: "session_over" };
    /// Another browser requests the session's page.
    pub(super) const OTHER_BROWSER: Self = Self { notice: Notice::Expired, category: PageCategory::Forbidden, cause: "other_browser" };
    /// The submitted form does not come from the session's page.
    pub(super) const FOREIGN_FORM: Self = Self { notice: Notice::Expired, category: PageCategory::Forbidden, cause: "foreign_form" };
    /// There is nothing to decide.
    pub(super) const NO_ORDER: Self = Self { notice: Notice::NoOrder, category: PageCategory::NotFound, cause: "no_order" };
    /// The EHR does not provide the data that a decision needs.
    pub(super) const UNREAD: Self = Self { notice: Notice::Unread, category: PageCategory::EhrFailed, cause: "chart_unread" };
    /// An error of this service.
    pub(super) const OURS: Self = Self { notice: Notice::Failed, category: PageCategory::Ours, cause: "service_failed" };
    /// The ledger cannot be written or read.
    pub(super) const NOT_RECORDED: Self = Self { notice: Notice::Failed, category: PageCategory::Unready, cause: "not_recorded" };
    /// The user returns to the order.
    pub(super) const CLOSED: Self = Self { notice: Notice::Closed, category: PageCategory::Fine, cause: "closed" };
}

impl From<LaunchError> for AppError {
    fn from(error: LaunchError) -> Self {
        let category = match error.category() {
            LaunchCategory::Caller if error == LaunchError::Over => PageCategory::Over,
            LaunchCategory::Caller => PageCategory::Malformed,
            LaunchCategory::Forbidden => PageCategory::Forbidden,
            LaunchCategory::Unavailable => PageCategory::EhrFailed,
            LaunchCategory::Ours => PageCategory::Ours,
        };
        Self { notice: notice(error), category, cause: error.key() }
    }
}

impl From<DecisionError> for AppError {
    fn from(error: DecisionError) -> Self {
        match error {
            DecisionError::NoData(_) | DecisionError::OrdersNotFound(_) => Self::UNREAD,
            DecisionError::Request(_) => Self::OURS,
        }
    }
}

impl From<RequestError> for AppError {
    fn from(_: RequestError) -> Self {
        Self::OURS
    }
}

impl From<serde_json::Error> for AppError {
    fn from(_: serde_json::Error) -> Self {
        Self::OURS
    }
}

impl From<RenderError> for AppError {
    fn from(_: RenderError) -> Self {
        Self::OURS
    }
}

fn notice(error: LaunchError) -> Notice {
    Notice::Launch(match error {
        LaunchError::Denied | LaunchError::AuthorizationFailed => return Notice::Refused,
        LaunchError::Over => return Notice::Expired,
        LaunchError::ClientRefused => return Notice::NotRegistered,
        LaunchError::Ours => return Notice::Failed,
        LaunchError::UnknownEhr => FailedLaunch::UnknownEhr,
        LaunchError::Malformed => FailedLaunch::Incomplete,
        LaunchError::Description(error) | LaunchError::Token(error) | LaunchError::Keys(error) => failed_exchange(error),
        LaunchError::UnknownState | LaunchError::Expired | LaunchError::CodeRefused => FailedLaunch::Stale,
        LaunchError::OtherBrowser | LaunchError::OtherEhr | LaunchError::WrongIssuer => FailedLaunch::Foreign,
        LaunchError::UntrustedIdentity(_) => FailedLaunch::Unproven,
        LaunchError::NoPatient => FailedLaunch::NoPatient,
        LaunchError::OtherPatient => FailedLaunch::OtherPatient,
    })
}

/// Maps an error. An EHR whose endpoints are on a foreign address is not the registered one.
fn failed_exchange(error: ExchangeError) -> FailedLaunch {
    match error {
        ExchangeError::ForeignAddress => FailedLaunch::UnknownEhr,
        ExchangeError::Unreachable
        | ExchangeError::TooSlow
        | ExchangeError::Status(_)
        | ExchangeError::TooLarge
        | ExchangeError::Unreadable
        | ExchangeError::NoCodeChallenge
        | ExchangeError::Refused => FailedLaunch::Unreachable,
    }
}
