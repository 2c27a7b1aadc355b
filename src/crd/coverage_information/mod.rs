//! The coverage-information system action: writes the plan's assertions about coverage onto the order itself.
//! Da Vinci CRD 2.2.1, "Coverage Information Response Type" and the extension's page
//! (<https://hl7.org/fhir/us/davinci-crd/STU2.2/StructureDefinition-ext-coverage-information.html>), and their counterparts in 2.0.1.
//!
//! Three steps: [`mapping`] turns the determination into repetitions, independent of FHIR ([`reasons`] supplies the wording and
//! [`version_2_0`] adapts them to 2.0.1); [`extension`] turns them into FHIR extensions; [`existing`] replaces the order's extensions
//! for the same Coverage. The rest of the order stays unchanged, and without new content there is no action.
//!
//! Not here: choosing the Coverage, the plan's prior authorization rules, and issuing authorization numbers; the caller supplies them.

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

use super::plain_text::plain;
use super::presentation::{CardCase, is_named};
use crate::cds_hooks::{Action, OrderJson};
use crate::evidence::BookedAppointment;
use crate::policy::{CardText, shortened};

/// The resource type of an appointment.
const APPOINTMENT: &str = "Appointment";

/// Maximum length of a text on an order.
const MAX_TEXT_CHARS: usize = 500;

/// The order with its coverage information. `None` if there is no new content, the client named no Coverage, the order has no id, or the
/// order's JSON cannot be used.
#[must_use]
pub fn coverage_information<'a>(case: &CardCase<'_, '_, 'a>, assertion: &CoverageAssertion<'_>) -> Option<Action<'a>> {
    // A resource without an id cannot be updated.
    if assertion.coverage.trim().is_empty() || !is_named(&case.order.order) {
        return None;
    }
    let order = OrderJson::read(case.presentation.order(case.order.position)?)?;
    let extensions = extension::extensions(case, assertion, &order);
    let resource = existing::put_on(order, assertion.coverage, &extensions)?;
    let text = if case.order.order.kind() == APPOINTMENT { CardText::CoverageActionBooked } else { CardText::CoverageAction };
    Some(action(case, text, resource))
}

/// An appointment for an order, with the order's coverage information. `None` as for an order, and if the Coverage
/// is contained in the order, where the appointment cannot refer to it.
#[must_use]
pub fn coverage_information_on_appointment<'a>(
    case: &CardCase<'_, '_, 'a>,
    assertion: &CoverageAssertion<'_>,
    booked: &BookedAppointment<'a>,
) -> Option<Action<'a>> {
    if assertion.coverage.trim().is_empty() || assertion.coverage.starts_with('#') {
        return None;
    }
    let appointment = OrderJson::read(booked.raw).filter(|appointment| appointment.has("id"))?;
    // What is asserted holds for the day that was judged, unless the appointment states that day itself.
    let judged_for = (!booked.has_day()).then_some(case.order.service_date);
    let assertion = CoverageAssertion { judged_for, ..*assertion };
    let order = OrderJson::read(case.presentation.order(case.order.position)?)?;
    let extensions = extension::extensions(case, &assertion, &order);
    let resource = existing::put_on(appointment, assertion.coverage, &extensions)?;
    Some(action(case, CardText::CoverageActionBooked, resource))
}

fn action<'a>(case: &CardCase<'_, '_, 'a>, text: CardText, resource: OrderJson<'a>) -> Action<'a> {
    Action::Update { description: line(&case.say(text, &[&case.words().order()])), resource }
}

/// A text on one line, of limited length.
fn line(text: &str) -> String {
    shortened(plain(text).trim(), MAX_TEXT_CHARS)
}
