//! Criteria on allergies and diagnoses that are, or are not, on record.

use super::Assessment;
use super::onset::onset;
use crate::policy::case::{OrderCase, evidence};
use crate::policy::dates::DateInterval;
use crate::policy::definition::CriterionDefinition;
use crate::policy::evaluation::Evidence;
use crate::policy::facts::Condition;
use crate::policy::phrases::Phrase;
use crate::policy::rule::{AbsentRule, PresentRule};
use crate::policy::value_sets::ValueSet;
use crate::policy::verdict::Verdict;

/// The maximum number of Conditions that a statement names.
const MAX_NAMED: usize = 10;

/// The active Conditions that were charted by the cutoff.
fn active_conditions<'e, 'a>(case: &OrderCase<'e, 'a>) -> impl Iterator<Item = &'e Condition<'a>> {
    let dates = case.dates;
    case.facts.conditions.iter().filter(move |condition| {
        let visited = || condition.recorded.or(condition.onset).map_or(dates.cutoff, DateInterval::hi);
        let is_current = !condition.is_encounter_diagnosis || visited() >= dates.visited;
        condition.is_active && is_current && dates.charted(condition.recorded)
    })
}

/// The active Conditions in a value set that were charted by the cutoff.
pub(crate) fn active_in<'e, 'a>(case: &OrderCase<'e, 'a>, set: ValueSet) -> impl Iterator<Item = &'e Condition<'a>> {
    active_conditions(case).filter(move |condition| condition.sets.has(set))
}

/// A Condition as evidence that it is on record.
fn condition_evidence<'a>(case: &OrderCase<'_, 'a>, condition: &Condition<'a>) -> Evidence<'a> {
    let date = onset(condition).map(|onset| onset.to_string());
    evidence(&condition.reference, date, case.say(Phrase::EvidenceRecorded, &[&condition.label]))
}

/// Adds the Conditions that a criterion's statement names although they do not decide.
pub(super) fn with_mentions<'a>(case: &OrderCase<'_, 'a>, definition: &CriterionDefinition, decided: Assessment<'a>) -> Assessment<'a> {
    let is_met = decided.verdict.is_met();
    let Some(mention) = definition.mention.as_ref().filter(|mention| !(mention.unless_met && is_met)) else { return decided };
    active_in(case, mention.conditions).take(MAX_NAMED).fold(decided, |decided, condition| {
        decided.found(mention.text.fill(&[&condition.label])).resting_on([condition_evidence(case, condition)])
    })
}

/// The form takes precedence, but an entry of the chart makes its no unknown.
pub(super) fn present<'a>(case: &OrderCase<'_, 'a>, rule: &PresentRule) -> Assessment<'a> {
    let question = rule.question;
    let charted = not_tolerated(case, rule.conditions);
    match (case.answered(|answers| answers.yes_no(question)), charted) {
        (Some(answer), charted) if answer.value || charted.is_none() => {
            let evidence = case.yes_no_evidence(question, answer);
            Assessment::new(Verdict::from_bool(answer.value)).found(rule.texts.text_for(answer.value).to_owned()).resting_on([evidence])
        }
        (Some(answer), Some(charted)) => {
            let found: Vec<_> = charted.found.iter().map(|found| case.say(Phrase::ChartSaysOtherwise, &[found])).collect();
            let open = Assessment::new(Verdict::Unknown).found(rule.texts.no.clone());
            let open = found.into_iter().fold(open, Assessment::found);
            open.resting_on([case.yes_no_evidence(question, answer)]).resting_on(charted.evidence).settled_by(&[question])
        }
        (None, Some(charted)) => charted,
        (Some(_) | None, None) => Assessment::new(Verdict::Unknown).settled_by(&[question]),
    }
}

/// An allergy to the drugs, or a diagnosis that rules them out.
pub(crate) fn not_tolerated<'a>(case: &OrderCase<'_, 'a>, conditions: ValueSet) -> Option<Assessment<'a>> {
    let mut allergies: Vec<_> = case.facts.allergies.iter().filter(|allergy| case.dates.charted(allergy.recorded)).collect();
    allergies.sort_by_key(|allergy| &allergy.reference);
    let mut conditions: Vec<_> = active_in(case, conditions).collect();
    conditions.sort_by_key(|condition| &condition.reference);
    let found = allergies.first().map(|allergy| case.say(Phrase::NsaidAllergy, &[&allergy.label]));
    let found = found.or_else(|| conditions.first().map(|condition| case.say(Phrase::NsaidContraindication, &[&condition.label])))?;
    let by_allergy = allergies
        .iter()
        .map(|allergy| evidence(&allergy.reference, allergy.recorded.map(|date| date.to_string()), allergy.label.to_string()));
    let by_condition = conditions.iter().map(|condition| condition_evidence(case, condition));
    Some(Assessment::new(Verdict::Met).found(found).resting_on(by_allergy).resting_on(by_condition))
}

/// The form, else no such diagnosis on the problem list or the order, and none that could be one.
pub(super) fn absent<'a>(case: &OrderCase<'_, 'a>, rule: &AbsentRule) -> Assessment<'a> {
    let question = rule.question;
    if let Some(answer) = case.answered(|answers| answers.yes_no(question)) {
        let evidence = case.yes_no_evidence(question, answer);
        return Assessment::new(Verdict::from_bool(!answer.value))
            .found(rule.texts.text_for(answer.value).to_owned())
            .resting_on([evidence]);
    }
    let listed: Vec<_> = active_in(case, rule.conditions).take(MAX_NAMED).collect();
    let unclassified: Vec<_> = active_conditions(case).filter(|condition| condition.has_unclassified_words).take(MAX_NAMED).collect();
    let reasons = case.order.reasons.iter().filter(|reason| reason.sets.has(rule.conditions));
    let reasons: Vec<_> = reasons.map(|reason| reason.label.to_string()).chain(case.order.unclassified_reason.clone()).collect();
    let unreadable = case.facts.conditions_unreadable;
    let is_clear = listed.is_empty() && unclassified.is_empty() && reasons.is_empty() && unreadable == 0;
    if is_clear && case.facts.conditions_available {
        return Assessment::new(Verdict::Met).found(rule.none.clone());
    }
    let mut open = Assessment::new(Verdict::Unknown).settled_by(&[question]);
    for (conditions, phrase) in [(listed, Phrase::ActiveCondition), (unclassified, Phrase::ConditionWithoutCode)] {
        for condition in conditions {
            open = open.found(case.say(phrase, &[&condition.label])).resting_on([condition_evidence(case, condition)]);
        }
    }
    for reason in reasons.into_iter().take(MAX_NAMED) {
        open = open.found(case.say(Phrase::ReasonOfOrder, &[&reason]));
    }
    open.found((unreadable > 0).then(|| case.say(Phrase::ConditionsUnreadable, &[&unreadable])))
}
