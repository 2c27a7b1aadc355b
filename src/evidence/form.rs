//! Reading a QuestionnaireResponse to the documentation form: its answers by linkId, at any depth.
//! An answer of the wrong type is as if absent.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::chart::{Chart, id, text};
use super::text::Text;
use super::views::{AnswerView, ItemView, ResponseView};
use crate::policy::{Answers, DateInterval, FORM_ID, Form, PROVOCATION_TESTS, PriorInjectionAnswer, Question, Reference, Side, TestAnswer};

impl<'a> Chart<'_, 'a> {
    pub(crate) fn forms(&self) -> Vec<Form<'a>> {
        self.record.responses.iter().filter_map(|response| self.form(response)).collect()
    }

    fn form(&self, response: &ResponseView<'a>) -> Option<Form<'a>> {
        let counts = matches!(text(response.status.as_ref()), "completed" | "amended")
            && is_the_form(text(response.questionnaire.as_ref()))
            && self.subject.is(response.subject.as_ref());
        if !counts {
            return None;
        }
        let authored = text(response.authored.as_ref());
        let authored_on = DateInterval::parse(authored)?.full()?;
        let mut answers = Answers::default();
        read_items(response.item.as_deref().unwrap_or_default(), &mut answers);
        let reference = Reference::new("QuestionnaireResponse", id(response.id.as_ref()));
        Some(Form { reference, authored: instant(authored, authored_on), authored_on, answers })
    }
}

/// Whether a canonical URL, with or without a version, names the form.
fn is_the_form(canonical: &str) -> bool {
    let unversioned = canonical.split('|').next().unwrap_or(canonical);
    unversioned.rsplit('/').next() == Some(FORM_ID)
}

/// The instant of a dateTime; a bare date is its first instant in UTC.
fn instant(authored: &str, day: NaiveDate) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(authored).map_or_else(|_| day.and_time(NaiveTime::MIN).and_utc(), |instant| instant.to_utc())
}

fn read_items(items: &[ItemView<'_>], answers: &mut Answers) {
    for item in items {
        match Question::of_link_id(text(item.link_id.as_ref())) {
            Some(Question::PriorInjection) => {
                let mut injection = PriorInjectionAnswer::default();
                let mut answered = false;
                each_below(item, &mut |below| {
                    answered |= below.answer.as_ref().is_some_and(|answers| !answers.is_empty());
                    read_prior_injection(below, &mut injection);
                });
                // A repetition in which nothing is answered says nothing, not even that there was an injection.
                if answered {
                    answers.prior_injections.push(injection);
                }
            }
            Some(question) => {
                read_answer(question, item, answers);
                below(item).for_each(|items| read_items(items, answers));
            }
            None => below(item).for_each(|items| read_items(items, answers)),
        }
    }
}

/// The items below an item, its own and its answers'.
fn below<'i, 'a>(item: &'i ItemView<'a>) -> impl Iterator<Item = &'i [ItemView<'a>]> {
    let own = item.item.as_deref();
    own.into_iter().chain(item.answer.iter().flatten().filter_map(|answer| answer.item.as_deref()))
}

fn each_below<'i, 'a>(item: &'i ItemView<'a>, read: &mut impl FnMut(&'i ItemView<'a>)) {
    for items in below(item) {
        for item in items {
            read(item);
            each_below(item, read);
        }
    }
}

/// The first answer of the right type stands.
fn read_answer(question: Question, item: &ItemView<'_>, answers: &mut Answers) {
    match question {
        Question::PainOnsetDate => keep(&mut answers.pain_onset, day(item)),
        Question::PainInterferesAdls => keep(&mut answers.pain_interferes_adls, boolean(item)),
        Question::PainBelowL5Nonradicular => keep(&mut answers.pain_below_l5_nonradicular, boolean(item)),
        Question::SijTenderness => keep(&mut answers.sij_tenderness, boolean(item)),
        Question::TestDistraction
        | Question::TestCompression
        | Question::TestThighThrust
        | Question::TestGaenslen
        | Question::TestSacralThrust => {
            let place = PROVOCATION_TESTS.iter().position(|test| *test == question);
            if let Some(answer) = place.and_then(|place| answers.tests.get_mut(place)) {
                keep(answer, test(item));
            }
        }
        Question::ExerciseTherapyWeeks => keep(&mut answers.exercise_therapy_weeks, number(item)),
        Question::NsaidWeeks => keep(&mut answers.nsaid_weeks, number(item)),
        Question::NsaidContraindicated => keep(&mut answers.nsaid_contraindicated, boolean(item)),
        Question::ActivityModificationWeeks => keep(&mut answers.activity_modification_weeks, number(item)),
        Question::DiscOrFacetEvidence => keep(&mut answers.disc_or_facet_evidence, boolean(item)),
        Question::OtherDiagnosisMoreLikely => keep(&mut answers.other_diagnosis_more_likely, boolean(item)),
        Question::AdjunctNoninvasiveTreatment => keep(&mut answers.adjunct_noninvasive_treatment, boolean(item)),
        Question::DefinitiveTherapyNotAvailable => keep(&mut answers.definitive_therapy_not_available, boolean(item)),
        // These count only inside the group `prior-injection`.
        Question::PriorInjection
        | Question::InjectionDate
        | Question::InjectionSide
        | Question::ReliefPercent
        | Question::ReliefDurationMonths
        | Question::FunctionalImprovement => {}
    }
}

fn read_prior_injection(item: &ItemView<'_>, injection: &mut PriorInjectionAnswer) {
    match text(item.link_id.as_ref()) {
        "injection-date" => keep(&mut injection.date, day(item)),
        "injection-side" if injection.side == Side::Unspecified => injection.side = side(item),
        "relief-percent" => keep(&mut injection.relief_percent, number(item)),
        "relief-duration-months" => keep(&mut injection.relief_months, number(item)),
        "functional-improvement" => keep(&mut injection.functional_improvement, boolean(item)),
        _ => {}
    }
}

fn keep<T>(answer: &mut Option<T>, read: Option<T>) {
    if answer.is_none() {
        *answer = read;
    }
}

fn first<'i, T>(item: &'i ItemView<'_>, read: impl Fn(&'i AnswerView<'_>) -> Option<T>) -> Option<T> {
    item.answer.iter().flatten().find_map(read)
}

fn value<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

fn boolean(item: &ItemView<'_>) -> Option<bool> {
    first(item, |answer| value(answer.value_boolean))
}

fn number(item: &ItemView<'_>) -> Option<f64> {
    first(item, |answer| value(answer.value_integer).or_else(|| value(answer.value_decimal)))
}

fn day(item: &ItemView<'_>) -> Option<DateInterval> {
    first(item, |answer| DateInterval::parse(value::<Text<'_>>(answer.value_date)?.as_str()))
}

#[derive(Deserialize)]
struct ChosenCoding<'a> {
    #[serde(borrow)]
    code: Text<'a>,
}

fn test(item: &ItemView<'_>) -> Option<TestAnswer> {
    first(item, |answer| match value::<ChosenCoding<'_>>(answer.value_coding)?.code.as_str() {
        "positive" => Some(TestAnswer::Positive),
        "negative" => Some(TestAnswer::Negative),
        "not-done" => Some(TestAnswer::NotDone),
        _ => None,
    })
}

fn side(item: &ItemView<'_>) -> Side {
    let chosen = first(item, |answer| match value::<ChosenCoding<'_>>(answer.value_coding)?.code.as_str() {
        "left" => Some(Side::Left),
        "right" => Some(Side::Right),
        "both" => Some(Side::Both),
        _ => None,
    });
    chosen.unwrap_or_default()
}
