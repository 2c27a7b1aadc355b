//! Further information for the decision-maker, in addition to the criteria.

use super::case::{OrderCase, SiteCase};
use super::criteria::{active_in, earliest_onset, medication_courses, therapy_courses};
use super::dates::DateInterval;
use super::evaluation::Criterion;
use super::evaluation_notes::{Note, NoteKind};
use super::facts::Side;
use super::form::FormProblem;
use super::history::Injection;
use super::phrases::Phrase;
use super::reference::{OrderKind, Reference};
use super::response::{best_relief, stated_relief};
use super::rule::{CriterionRule, OnsetRule};
use super::treatment_course::{TreatmentCourse, longest};
use super::value_sets::ValueSet;

/// The maximum number of items that a note names.
const MAX_NAMED: usize = 5;

/// The notes of an order and of its joints, most urgent first.
pub(crate) fn notes<'a>(case: &OrderCase<'_, 'a>, kind: OrderKind, of_sites: Vec<Note<'a>>, lacks_answer: bool) -> Vec<Note<'a>> {
    let mut notes = of_sites;
    notes.extend(contradictory_side(case));
    if kind == OrderKind::Injection {
        notes.extend(alternative_diagnoses(case));
        notes.extend(forms_not_counted(case, lacks_answer));
        notes.extend(other_active_orders(case));
        notes.extend(fusions(case));
    }
    notes.sort_by_key(|note| note.kind);
    notes
}

/// The notes of one joint.
pub(crate) fn site_notes<'a>(case: &SiteCase<'_, 'a>, criteria: &[Criterion<'a>]) -> Vec<Note<'a>> {
    let rules =
        criteria.iter().filter_map(|criterion| case.policy.criterion(&criterion.id)).flat_map(|definition| definition.rule.leaves());
    let mut onsets = rules.filter_map(|rule| if let CriterionRule::OnsetDuration(rule) = rule { Some(rule) } else { None });
    let course = onsets.next().and_then(|onset| course_before_onset(case, onset));
    [earlier_injections(case), last_response(case), course].into_iter().flatten().collect()
}

fn contradictory_side<'a>(case: &OrderCase<'_, 'a>) -> Option<Note<'a>> {
    let note = || Note { kind: NoteKind::ContradictorySide, text: case.say(Phrase::NoteContradictorySide, &[]), resources: Vec::new() };
    case.order.has_contradictory_side.then(note)
}

fn alternative_diagnoses<'a>(case: &OrderCase<'_, 'a>) -> Option<Note<'a>> {
    let named: Vec<_> = active_in(case, ValueSet::AlternativeDiagnoses).take(MAX_NAMED).collect();
    let words: Vec<_> = named.iter().map(|condition| condition.label.to_string()).collect();
    (!named.is_empty()).then(|| Note {
        kind: NoteKind::AlternativeDiagnosis,
        text: case.say(Phrase::NoteAlternativeDiagnosis, &[&words.join(", ")]),
        resources: named.iter().map(|condition| condition.reference.clone()).collect(),
    })
}

/// Whether an answer of the form would settle a criterion.
pub(crate) fn lacks_answer(criteria: &[Criterion<'_>]) -> bool {
    criteria.iter().any(|criterion| criterion.verdict.is_unknown() && !criterion.missing.is_empty())
}

/// The forms that do not count, each with the reason. Of those that are too old or dated in the future, only the newest is named, and only
/// where no form counts or an answer is missing.
fn forms_not_counted<'a>(case: &OrderCase<'_, 'a>, lacks_answer: bool) -> Vec<Note<'a>> {
    let note = |text, reference: &Reference<'a>| Note { kind: NoteKind::FormNotCounted, text, resources: vec![reference.clone()] };
    let others = case.facts.other_forms.iter().take(MAX_NAMED).map(|form| {
        let phrase = match form.problem {
            FormProblem::OtherQuestionnaire => Phrase::NoteFormOtherQuestionnaire,
            FormProblem::NotFinished => Phrase::NoteFormNotFinished,
            FormProblem::NoDate => Phrase::NoteFormNoDate,
        };
        note(case.say(phrase, &[]), &form.reference)
    });
    let is_of_interest = lacks_answer || case.forms.is_empty();
    let of_another_time = case.facts.forms.iter().filter(|form| is_of_interest && !case.dates.counts_form(form.authored_on));
    let dated = of_another_time.max_by(|left, right| left.cmp_age(right)).map(|form| {
        let phrase = if form.authored_on < case.dates.attested { Phrase::NoteFormTooOld } else { Phrase::NoteFormOfTheFuture };
        note(case.say(phrase, &[&form.authored_on]), &form.reference)
    });
    others.chain(dated).collect()
}

fn other_active_orders<'a>(case: &OrderCase<'_, 'a>) -> Option<Note<'a>> {
    let is_same = |side: Side| side.compatible(case.order.side);
    let orders = case.facts.active_orders.iter().filter(|order| order.kind == Some(OrderKind::Injection) && is_same(order.side));
    let order = orders.filter(|order| case.dates.charted(order.authored)).min_by_key(|order| &order.reference)?;
    let when = order.window.map(|window| window.first.to_string()).or_else(|| order.authored.map(|date| date.to_string()));
    let when = when.unwrap_or_else(|| case.say(Phrase::DateNotKnown, &[]));
    let text = case.say(Phrase::NoteOtherActiveOrder, &[&order.label, &when]);
    Some(Note { kind: NoteKind::OtherActiveOrder, text, resources: vec![order.reference.clone()] })
}

fn fusions<'a>(case: &OrderCase<'_, 'a>) -> Option<Note<'a>> {
    let procedures = case.facts.fusions.iter().map(|fusion| (fusion.words.clone(), &fusion.reference));
    let conditions = active_in(case, ValueSet::SijFusion).map(|condition| (condition.label.to_string(), &condition.reference));
    let found: Vec<_> = procedures.chain(conditions).take(MAX_NAMED).collect();
    let words: Vec<_> = found.iter().map(|(words, _)| words.as_str()).collect();
    (!found.is_empty()).then(|| Note {
        kind: NoteKind::SijFusion,
        text: case.say(Phrase::NoteSijFusion, &[&words.join(", ")]),
        resources: found.iter().map(|(_, reference)| (*reference).clone()).collect(),
    })
}

fn earlier_injections<'a>(case: &SiteCase<'_, 'a>) -> Option<Note<'a>> {
    let entries: Vec<&Injection<'_, 'a>> = case.earlier.iter().flatten().chain(&case.set_aside).collect();
    let dates: Vec<_> = entries.iter().map(|entry| entry.when.to_string()).collect();
    (!entries.is_empty()).then(|| Note {
        kind: NoteKind::EarlierInjectionsSetAside,
        text: case.say(Phrase::NoteEarlierInjections, &[&dates.join(", "), &case.policy.parameters.episode_gap_months]),
        resources: entries.iter().map(|entry| entry.reference.clone()).collect(),
    })
}

/// The relief from the last injection, if it was less than half of the pain.
fn last_response<'a>(case: &SiteCase<'_, 'a>) -> Option<Note<'a>> {
    let place = case.injections.len().checked_sub(1)?;
    let last = case.injections.get(place)?;
    let needed = case.policy.response.percent;
    let threshold = f64::from(needed);
    let percent = stated_relief(case, last).or_else(|| best_relief(case, place)).filter(|percent| *percent < threshold)?;
    let text = case.say(Phrase::NoteLastResponse, &[&last.when, &percent, &needed]);
    Some(Note { kind: NoteKind::LastInjectionResponse, text, resources: vec![last.reference.clone()] })
}

/// A course of therapy or medication that ended before the pain began, and so treated something else.
fn course_before_onset<'a>(case: &SiteCase<'_, 'a>, rule: &OnsetRule) -> Option<Note<'a>> {
    let stated = case.answered(|answers| answers.since(rule.question)).map(|answer| answer.value);
    let onset: DateInterval = stated.or_else(|| earliest_onset(case, &rule.diagnoses).map(|(onset, _)| onset))?;
    let therapy = longest(therapy_courses(case, ValueSet::TherapySession));
    let medication = longest(medication_courses(case));
    let ended = |course: &TreatmentCourse<_>| course.last < onset.lo();
    let course = [therapy, medication].into_iter().flatten().find(ended)?;
    let text = case.say(Phrase::NoteCourseBeforeOnset, &[&course.first, &course.last, &onset]);
    let resources = course.parts.iter().take(MAX_NAMED).map(|part| part.reference().clone()).collect();
    Some(Note { kind: NoteKind::CourseBeforeOnset, text, resources })
}
