//! Criteria on other treatment that goes along with the injection.

use chrono::NaiveDate;

use super::Assessment;
use crate::policy::case::{SiteCase, evidence};
use crate::policy::dates::{DateInterval, minus_days};
use crate::policy::facts::{Label, Span, Therapy};
use crate::policy::order_facts::{ActiveOrder, Order, Standing};
use crate::policy::phrases::Phrase;
use crate::policy::reference::Reference;
use crate::policy::rule::OtherTreatmentRule;
use crate::policy::value_sets::ValueSet;
use crate::policy::verdict::Verdict;

/// The form, another order, an active order in the record, or recent therapy.
pub(super) fn other_treatment<'a>(case: &SiteCase<'_, 'a>, rule: &OtherTreatmentRule) -> Assessment<'a> {
    let OtherTreatmentRule { question, therapy, .. } = *rule;
    let answer = case.answered(|answers| answers.yes_no(question));
    let drafted = drafted_treatment(case, therapy);
    match (answer, drafted.or_else(|| charted_treatment(case, therapy).filter(|_| answer.is_none()))) {
        (Some(answer), _) if answer.value => {
            let evidence = case.yes_no_evidence(question, answer);
            Assessment::new(Verdict::Met).found(case.say(Phrase::OtherTreatmentByForm, &[])).resting_on([evidence])
        }
        (_, Some(met)) => met,
        (None, None) => Assessment::new(Verdict::Unknown).settled_by(&[question]),
        (Some(answer), None) => {
            let evidence = case.yes_no_evidence(question, answer);
            let denied = Assessment::new(Verdict::NotMet).found(case.say(Phrase::NoOtherTreatmentByForm, &[])).resting_on([evidence]);
            match charted_treatment(case, therapy) {
                None => denied,
                Some(charted) => {
                    let found: Vec<_> = charted.found.iter().map(|found| case.say(Phrase::ChartSaysOtherwise, &[found])).collect();
                    let open = Assessment { verdict: Verdict::Unknown, ..denied };
                    found.into_iter().fold(open, Assessment::found).resting_on(charted.evidence).settled_by(&[question])
                }
            }
        }
    }
}

/// Other treatment that the call or the chart shows, regardless of the form.
pub(crate) fn charted_other_treatment<'a>(case: &SiteCase<'_, 'a>, therapy: ValueSet) -> Option<Assessment<'a>> {
    drafted_treatment(case, therapy).or_else(|| charted_treatment(case, therapy))
}

/// Another draft order for conservative therapy.
fn drafted_treatment<'a>(case: &SiteCase<'_, 'a>, therapy: ValueSet) -> Option<Assessment<'a>> {
    let is_one = |order: &&Order<'_>| {
        order.standing == Standing::Stands && order.position != case.order.position && order.sets.has(therapy) && !order.is_elsewhere
    };
    let order = case.facts.orders.iter().filter(is_one).min_by_key(|order| &order.reference)?;
    Some(ordered(case, &order.reference, &order.label, None))
}

/// An active order in the record for conservative therapy, or recent conservative therapy.
fn charted_treatment<'a>(case: &SiteCase<'_, 'a>, therapy: ValueSet) -> Option<Assessment<'a>> {
    let is_one = |order: &&ActiveOrder<'_>| order.sets.has(therapy) && case.dates.charted(order.authored) && !order.is_elsewhere;
    let order = case.facts.active_orders.iter().filter(is_one).min_by_key(|order| &order.reference);
    order.map(|order| ordered(case, &order.reference, &order.label, order.authored)).or_else(|| recent_treatment(case, therapy))
}

fn ordered<'a>(case: &SiteCase<'_, 'a>, reference: &Reference<'a>, label: &Label<'a>, date: Option<DateInterval>) -> Assessment<'a> {
    let what = case.say(Phrase::EvidenceOrder, &[label]);
    let evidence = evidence(reference, date.map(|date| date.to_string()), what);
    Assessment::new(Verdict::Met).found(case.say(Phrase::OtherTreatmentOrdered, &[label])).resting_on([evidence])
}

fn recent_treatment<'a>(case: &SiteCase<'_, 'a>, set: ValueSet) -> Option<Assessment<'a>> {
    let cutoff = case.dates.cutoff;
    let oldest = minus_days(cutoff, case.policy.parameters.adjunct_window_days);
    let recent = |therapy: &Therapy<'a>| match therapy.span {
        Span::Days(first, last) => first <= last && first <= cutoff && last >= oldest,
        Span::Since(first) => first <= cutoff,
        Span::Unproven => false,
    };
    let therapies = case.facts.therapies.iter().filter(|therapy| therapy.sets.has(set) && recent(therapy));
    let therapy = therapies.max_by_key(|therapy| (last_day(therapy.span), &therapy.reference))?;
    let date = last_day(therapy.span).map(|date| date.to_string());
    let found = case.say(Phrase::OtherTreatmentGiven, &[&therapy.label, &date.as_deref().unwrap_or_default()]);
    Some(Assessment::new(Verdict::Met).found(found).resting_on([evidence(&therapy.reference, date, therapy.label.to_string())]))
}

fn last_day(span: Span) -> Option<NaiveDate> {
    match span {
        Span::Days(_, last) => Some(last),
        Span::Since(first) => Some(first),
        Span::Unproven => None,
    }
}
