//! What coverage information is made from, beside the evaluation: all that the plan and the call decide.
//! Not here: where it comes from ([`crate::app`]).

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::super::crd_version::CrdVersion;

/// What the plan asks of prior authorization for an order's codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PriorAuthorization {
    /// None.
    NoAuth,
    /// The one who orders asks for it.
    AuthNeeded,
    /// What the policy supports counts as authorized.
    Satisfied,
    /// The one who performs asks for it.
    Performpa,
}

/// Whom to ask about an assertion.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanContact {
    /// A person or department.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A telephone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// An e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// A page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// What the plan knows of the Coverage the client named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoverageState {
    /// It is a member's, and in force.
    Active,
    /// It is a member's, and not in force for the service.
    Inactive,
    /// It is no member's, or not one alone.
    NotFound,
}

/// One assertion about one Coverage.
#[derive(Clone, Copy, Debug)]
pub struct CoverageAssertion<'p> {
    /// The client's version of CRD.
    pub version: CrdVersion,
    /// The reference to the Coverage, as the client writes it.
    pub coverage: &'p str,
    /// What the plan knows of it.
    pub state: CoverageState,
    /// The day of service it was judged for, where the order does not say that day itself.
    pub judged_for: Option<NaiveDate>,
    /// The last day of the Coverage, where it tells.
    pub period_end: Option<NaiveDate>,
    /// The plan's stance for the order's codes; none where it has not published one.
    pub prior_authorization: Option<PriorAuthorization>,
    /// The authorization's number, where one is issued; used for what the policy supports alone.
    pub authorization_number: Option<&'p str>,
    /// Whom to ask.
    pub contact: Option<&'p PlanContact>,
    /// The published policy; `{section}` stands for a criterion's section.
    pub policy_url: Option<&'p str>,
    /// The documentation form, `url|version`.
    pub questionnaire: &'p str,
    /// Names the assertion in our own records.
    pub assertion_id: &'p str,
    /// Whether a reason's code is said once more as `reasonCode`, for clients that read only that.
    pub with_reason_code: bool,
}
