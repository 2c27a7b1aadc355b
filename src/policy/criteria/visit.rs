//! The one-procedure rule of the policy's opening paragraph, as criterion V.

use super::Assessment;
use crate::policy::case::{OrderCase, evidence};
use crate::policy::dates::DateInterval;
use crate::policy::evaluation::{Criterion, CriterionId};
use crate::policy::facts::Order;
use crate::policy::phrases::Phrase;
use crate::policy::value_sets::ValueSet;
use crate::policy::verdict::Verdict;

/// Another invasive pain procedure ordered for the same day.
pub(crate) fn second_procedure<'e, 'a>(case: &OrderCase<'e, 'a>) -> Option<&'e Order<'a>> {
    let service = |order: &Order<'_>| order.due.map_or(case.dates.today, DateInterval::lo);
    case.facts.orders.iter().find(|other| {
        other.position != case.order.position
            && (other.reference != case.order.reference || other.reference.id().is_empty())
            && other.stands
            && (other.sets.has(ValueSet::InvasivePainProcedure) || other.is_injection)
            && service(other) == case.dates.service
    })
}

/// V: no other invasive pain procedure planned for the same visit.
pub(crate) fn one_procedure_per_visit<'a>(case: &OrderCase<'_, 'a>) -> Criterion<'a> {
    let assessment = match second_procedure(case) {
        None if case.facts.orders_unread > 0 => {
            Assessment::new(Verdict::Unknown).found(case.say(Phrase::OrdersUnread, &[&case.facts.orders_unread]))
        }
        None => Assessment::new(Verdict::Met).found(case.say(Phrase::OneProcedure, &[])),
        Some(other) => {
            let date = Some(case.dates.service.to_string());
            let what = case.say(Phrase::EvidenceOrder, &[&other.label]);
            Assessment::new(Verdict::NotMet)
                .found(case.say(Phrase::SecondProcedure, &[&other.label]))
                .resting_on([evidence(&other.reference, date, what)])
                .remediable(true)
        }
    };
    assessment.into_criterion(CriterionId::OneProcedurePerVisit, case)
}
