//! What the plan says of an order's coverage, put on the order itself: the coverage-information system action.
//! Da Vinci CRD 2.2.1, "Coverage Information Response Type" and the extension's page
//! (<https://hl7.org/fhir/us/davinci-crd/STU2.2/StructureDefinition-ext-coverage-information.html>), and the same of 2.0.1.
//!
//! In three steps: the determination becomes repetitions, which know no FHIR ([`mapping`], in the words of [`reasons`]; for
//! 2.0.1 adapted by [`version_2_0`]); the repetitions become extensions ([`extension`]); these take the place of what the
//! order bears for the same Coverage ([`existing`]). Nothing else of the order changes, and where nothing is new there is no action.
//!
//! Not here: which Coverage it is, what the plan asks of prior authorization, and the naming of authorizations; all are given.

mod assertion;
mod billing_codes;
mod existing;
mod extension;
mod mapping;
mod reasons;
mod repetition;
mod version_2_0;

pub use assertion::{CoverageAssertion, CoverageState, PlanContact, PriorAuthorization};
pub use billing_codes::is_billing_system;
pub use extension::COVERAGE_INFORMATION;

use super::card::{CardCase, is_named};
use super::order_json::OrderJson;
use super::plain_text::plain;
use super::response::Action;
use crate::policy::{CardText, shortened};

/// A text on an order is no longer than this.
const TEXT_LIMIT: usize = 500;

/// The order with its coverage information; `None` where that says nothing new, where the client named no Coverage or the order has no id, and
/// where the order's JSON cannot be used.
#[must_use]
pub fn coverage_information<'a>(case: &CardCase<'_, '_, 'a>, assertion: &CoverageAssertion<'_>) -> Option<Action<'a>> {
    // What has no id cannot be updated.
    if assertion.coverage.trim().is_empty() || !is_named(&case.order.order) {
        return None;
    }
    let order = OrderJson::read(case.presentation.order(case.order.position)?)?;
    let extensions = extension::extensions(case, assertion, &order);
    let resource = existing::put_on(order, assertion.coverage, &extensions)?;
    let description = line(&case.say(CardText::CoverageAction, &[&case.words().order()]));
    Some(Action::Update { description, resource })
}

/// A text in one line, of bounded length.
fn line(text: &str) -> String {
    shortened(plain(text).trim(), TEXT_LIMIT)
}
