//! Procedures that the policy never covers.

use super::Assessment;
use crate::policy::case::{OrderCase, evidence};
use crate::policy::definition::CriterionDefinition;
use crate::policy::evaluation::Criterion;
use crate::policy::phrases::Phrase;
use crate::policy::verdict::Verdict;

/// A criterion that is always not met. It needs no injection history.
pub(crate) fn excluded<'a>(case: &OrderCase<'_, 'a>, definition: &CriterionDefinition) -> Criterion<'a> {
    never_covered(case).into_criterion(definition, case)
}

pub(super) fn never_covered<'a>(case: &OrderCase<'_, 'a>) -> Assessment<'a> {
    let order = case.order;
    let date = Some(case.dates.service.to_string());
    let evidence = evidence(&order.reference, date, case.say(Phrase::EvidenceOrder, &[&order.label]));
    Assessment::new(Verdict::NotMet).found(case.say(Phrase::NeurotomyNotCovered, &[])).resting_on([evidence])
}
