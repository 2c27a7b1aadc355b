//! Warnings and information returned with packages or in place of them (DTR 2.2, the parameter `outcome`).
//! Not here: rejected inputs; see [`super::input_error`].

use fhir_sdk::r4b::codes::{IssueSeverity, IssueType};
use fhir_sdk::r4b::resources::{OperationOutcome, OperationOutcomeIssue};
use serde_json::Value;

/// A message about the input. It repeats no value of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remark {
    /// The index of the parameter that it concerns.
    pub(super) place: Option<usize>,
    pub(super) about: OutcomeDetails,
}

/// The subject of a remark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OutcomeDetails {
    UnknownQuestionnaire,
    UnknownContext,
    ContextWithoutForm,
    OutOfScope,
    NothingToDocument,
    ForAnOrder,
    NotUnderstood,
    Unchanged,
}

impl OutcomeDetails {
    fn text(self) -> &'static str {
        match self {
            Self::UnknownQuestionnaire => "No questionnaire of this URL and version is published here.",
            Self::UnknownContext => {
                "No decision of this id is known for this client and patient. Send the order as the parameter `order`, or sign it again for \
                 a new decision."
            }
            Self::ContextWithoutForm => {
                "Nothing is to be documented for the orders of this decision any more: none of them still asks for a sacroiliac joint \
                 injection."
            }
            Self::OutOfScope => "No documentation is asked for: this order is for no procedure of the policy, or does not stand any more.",
            Self::NothingToDocument => "No documentation changes the decision on radiofrequency neurotomy of the sacroiliac joint.",
            Self::ForAnOrder => "The appointment is for an order: send that as a parameter `order`.",
            Self::NotUnderstood => "The order could not be read.",
            Self::Unchanged => "Nothing has changed since the time given.",
        }
    }

    /// Whether part of the request could not be fulfilled.
    pub(super) fn is_warning(self) -> bool {
        match self {
            Self::UnknownQuestionnaire | Self::UnknownContext | Self::ForAnOrder | Self::NotUnderstood => true,
            Self::ContextWithoutForm | Self::OutOfScope | Self::NothingToDocument | Self::Unchanged => false,
        }
    }

    fn code(self) -> IssueType {
        match self {
            Self::UnknownQuestionnaire | Self::UnknownContext => IssueType::NotFound,
            Self::NotUnderstood => IssueType::Invalid,
            Self::ForAnOrder => IssueType::Incomplete,
            Self::ContextWithoutForm | Self::OutOfScope | Self::NothingToDocument | Self::Unchanged => IssueType::Informational,
        }
    }
}

/// The OperationOutcome for the remarks; `None` if there are none.
pub(super) fn outcome(remarks: &[Remark]) -> Option<Value> {
    let issues: Option<Vec<_>> = remarks.iter().map(|remark| Some(Some(issue(remark)?))).collect();
    let issues = issues.filter(|issues| !issues.is_empty())?;
    fhir_json::to_json(&OperationOutcome::builder().issue(issues).build().ok()?.into())
}

fn issue(remark: &Remark) -> Option<OperationOutcomeIssue> {
    let path = remark.place.map(|place| Some(format!("Parameters.parameter[{place}]")));
    let severity = if remark.about.is_warning() { IssueSeverity::Warning } else { IssueSeverity::Information };
    let issue = OperationOutcomeIssue::builder().severity(severity).code(remark.about.code());
    issue.diagnostics(remark.about.text().to_owned()).expression(path.into_iter().collect()).build().ok()
}
