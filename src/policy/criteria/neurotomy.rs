//! Section IV: radiofrequency neurotomy of the joint, which the policy excludes.

use super::Assessment;
use crate::policy::case::{OrderCase, evidence};
use crate::policy::criterion_id::CriterionId;
use crate::policy::evaluation::Criterion;
use crate::policy::phrases::Phrase;
use crate::policy::verdict::Verdict;

/// IV: always not met.
pub(crate) fn neurotomy<'a>(case: &OrderCase<'_, 'a>) -> Criterion<'a> {
    let order = case.order;
    Assessment::new(Verdict::NotMet)
        .found(case.say(Phrase::NeurotomyNotCovered, &[]))
        .resting_on([evidence(&order.reference, Some(case.dates.service.to_string()), case.say(Phrase::EvidenceOrder, &[&order.label]))])
        .into_criterion(CriterionId::Neurotomy, case)
}
