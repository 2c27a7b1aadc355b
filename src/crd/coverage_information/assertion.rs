//! The input to coverage information besides the evaluation: everything that depends on the plan and the call.
//! Not here: where the input comes from ([`crate::app`]).

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::super::crd_version::CrdVersion;

/// What a plan requires before a service, least strict first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PriorAuthorization {
    /// No prior authorization.
    NoAuth,
    /// Prior authorization, which the response itself grants if the policy supports the service.
    Satisfied,
    /// Prior authorization if certain conditions hold at the time of the service; the performing clinician requests it.
    Performpa,
    /// Prior authorization, which the ordering clinician requests.
    AuthNeeded,
}

/// A plan's contact for questions about a response.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanContact {
    /// A person or office.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A telephone number, as people write it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// An e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// An http or https URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// What the plan knows about the Coverage in the client's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoverageState {
    /// It belongs to a member and is in force.
    Active,
    /// It belongs to a member but is not in force on the day of service.
    Inactive,
    /// It matches no member, or more than one.
    NotFound,
}

/// One assertion about one Coverage.
#[derive(Clone, Copy, Debug)]
pub struct CoverageAssertion<'p> {
    /// The client's CRD version.
    pub version: CrdVersion,
    /// The reference to the Coverage, as written by the client.
    pub coverage: &'p str,
    /// What the plan knows about the Coverage.
    pub state: CoverageState,
    /// The assumed day of service, if the order itself does not state one.
    pub judged_for: Option<NaiveDate>,
    /// The last day of the Coverage, if known.
    pub period_end: Option<NaiveDate>,
    /// The plan's rule for the order's codes; `None` if the plan has not published one.
    pub prior_authorization: Option<PriorAuthorization>,
    /// The authorization number, if one is issued; used only if the policy supports the order.
    pub authorization_number: Option<&'p str>,
    /// Contact for questions.
    pub contact: Option<&'p PlanContact>,
    /// URL of the published policy; `{section}` is replaced by the criterion's section.
    pub policy_url: Option<&'p str>,
    /// The documentation form, `url|version`.
    pub questionnaire: &'p str,
    /// Identifies the assertion in our own records.
    pub assertion_id: &'p str,
    /// Whether to repeat a reason's code as `reasonCode`, for clients that read only that.
    pub with_reason_code: bool,
}
