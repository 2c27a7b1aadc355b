//! Reads a QuestionnaireResponse to the documentation form: its answers by linkId, at any depth. An unreadable answer is treated as absent.

use chrono::{DateTime, Utc};

use super::chart::ChartReader;
use super::lenient_views::{AnswerView, ItemView};
use super::text::{Text, id, text};
use super::views::ResponseView;
use super::written::date;
use crate::policy::{
    Answers, DateInterval, FORM_ID, Form, FormProblem, PROVOCATION_TESTS, Question, Reference, ReportedInjection, Side, TestAnswer,
    UncountedForm,
};

/// A response with at least this many of the form's questions is a response to it, whatever questionnaire it names.
const MIN_KNOWN_QUESTIONS: usize = 2;

impl<'a> ChartReader<'_, 'a> {
    /// The finished forms, and the forms that do not count on any date.
    pub(crate) fn forms(&self) -> (Vec<Form<'a>>, Vec<UncountedForm<'a>>) {
        let (mut forms, mut others) = (Vec::new(), Vec::new());
        for response in self.record.responses.iter().filter(|response| self.subject.is(response.subject.as_ref())) {
            let reference = Reference::new("QuestionnaireResponse", id(response.id.as_ref()));
            match self.form(response, &reference) {
                Ok(form) => forms.extend(form),
                Err(problem) => others.push(UncountedForm { reference, problem }),
            }
        }
        (forms, others)
    }

    /// `None` for a response to another questionnaire, and for one entered in error.
    fn form(&self, response: &ResponseView<'a>, reference: &Reference<'a>) -> Result<Option<Form<'a>>, FormProblem> {
        let canonical = text(response.questionnaire.as_ref());
        let items = || response.item.iter().flatten().filter_map(|item| item.0.as_ref());
        if !self.is_form(canonical) {
            let is_ours = known_questions(items()) >= MIN_KNOWN_QUESTIONS;
            return if is_ours { Err(FormProblem::OtherQuestionnaire) } else { Ok(None) };
        }
        match text(response.status.as_ref()) {
            "completed" | "amended" => {}
            "entered-in-error" => return Ok(None),
            _ => return Err(FormProblem::NotFinished),
        }
        let authored_on = date(response.authored.as_ref()).and_then(DateInterval::full).ok_or(FormProblem::NoDate)?;
        let is_version_1 = is_version_1(canonical);
        let mut reader = FormReader { answers: Answers::default(), is_version_1 };
        reader.read_items(items());
        let instant = response.authored.as_ref().and_then(|authored| instant(authored.as_str()));
        Ok(Some(Form { reference: reference.clone(), instant, authored_on, is_version_1, answers: reader.answers }))
    }

    /// Whether a canonical URL, with or without a version, names the form.
    fn is_form(&self, canonical: &str) -> bool {
        let unversioned = canonical.split('|').next().unwrap_or(canonical);
        unversioned.rsplit('/').next() == Some(FORM_ID)
            || self.form_canonicals.iter().any(|known| known == canonical || known == unversioned)
    }
}

/// Whether a canonical URL names version 1 of the form.
fn is_version_1(canonical: &str) -> bool {
    canonical.split_once('|').is_some_and(|(_, version)| version == "1" || version.starts_with("1."))
}

/// The instant of a dateTime that has a time and a zone.
pub(super) fn instant(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|instant| instant.to_utc())
}

/// The number of distinct form questions in a response, at any depth.
fn known_questions<'i, 'a: 'i>(items: impl Iterator<Item = &'i ItemView<'a>>) -> usize {
    let mut known = Vec::new();
    for item in items {
        collect_questions(item, &mut known);
    }
    known.len()
}

fn collect_questions(item: &ItemView<'_>, known: &mut Vec<Question>) {
    if let Some(question) = Question::from_link_id(link_id(item)).filter(|question| !known.contains(question)) {
        known.push(question);
    }
    below(item).for_each(|item| collect_questions(item, known));
}

/// Reads one response.
struct FormReader {
    answers: Answers,
    is_version_1: bool,
}

impl FormReader {
    fn read_items<'i, 'a: 'i>(&mut self, items: impl Iterator<Item = &'i ItemView<'a>>) {
        for item in items {
            self.read_item(item);
        }
    }

    fn read_item(&mut self, item: &ItemView<'_>) {
        if link_id(item) == Question::PriorInjection.link_id() {
            let mut injection = ReportedInjection::default();
            let mut is_answered = false;
            each_below(item, &mut |below| {
                is_answered |= answers(below).next().is_some();
                read_prior_injection(below, &mut injection);
            });
            // A repetition without answers is not evidence of an injection.
            if is_answered {
                self.answers.prior_injections.push(injection);
            }
            return;
        }
        if self.is_version_1 && Some(link_id(item)) == Question::AdlsLimitedSince.version_1_link_id() {
            keep(&mut self.answers.adls_limited_since, day(item));
        }
        if let Some(question) = Question::from_link_id(link_id(item)) {
            self.read_answer(question, item);
        }
        self.read_items(below(item));
    }

    /// Keeps the first readable answer to each question.
    fn read_answer(&mut self, question: Question, item: &ItemView<'_>) {
        let answers = &mut self.answers;
        match question {
            Question::ExaminedSide => keep(&mut answers.examined_side, side(item)),
            Question::AdlsLimitedSince => keep(&mut answers.adls_limited_since, day(item)),
            Question::PainInterferesAdls => keep(&mut answers.pain_interferes_adls, boolean(item)),
            Question::PainBelowL5Nonradicular => keep(&mut answers.pain_below_l5_nonradicular, boolean(item)),
            Question::SijTenderness => keep(&mut answers.sij_tenderness, boolean(item)),
            Question::TestDistraction
            | Question::TestCompression
            | Question::TestThighThrust
            | Question::TestGaenslen
            | Question::TestSacralThrust
            | Question::TestFaber => {
                let place = PROVOCATION_TESTS.iter().position(|test| *test == question);
                if let Some(answer) = place.and_then(|place| answers.tests.get_mut(place)) {
                    keep(answer, test(item));
                }
            }
            Question::ExerciseTherapyWeeks => keep(&mut answers.exercise_therapy_weeks, number(item)),
            Question::NsaidWeeks => keep(&mut answers.nsaid_weeks, number(item)),
            Question::NsaidContraindicated => keep(&mut answers.nsaid_contraindicated, boolean(item)),
            Question::ActivityModificationWeeks => keep(&mut answers.activity_modification_weeks, number(item)),
            Question::ConservativeCareFailed => keep(&mut answers.conservative_care_failed, boolean(item)),
            Question::DiscOrFacetEvidence => keep(&mut answers.disc_or_facet_evidence, boolean(item)),
            Question::OtherDiagnosisMoreLikely => keep(&mut answers.other_diagnosis_more_likely, boolean(item)),
            Question::InjectionHistoryComplete => keep(&mut answers.injection_history_complete, boolean(item)),
            Question::PainRecurred => keep(&mut answers.pain_recurred, boolean(item)),
            Question::AdjunctNoninvasiveTreatment => keep(&mut answers.adjunct_noninvasive_treatment, boolean(item)),
            Question::DefinitiveTherapyNotAvailable => keep(&mut answers.definitive_therapy_not_available, boolean(item)),
            Question::DefinitiveTherapyReason => keep(&mut answers.definitive_therapy_reason, free_text(item)),
            // These count only inside the group `prior-injection`.
            Question::PriorInjection
            | Question::InjectionDate
            | Question::InjectionSide
            | Question::ReliefPercent
            | Question::ReliefDurationMonths
            | Question::FunctionalImprovement => {}
        }
    }
}

fn link_id<'i>(item: &'i ItemView<'_>) -> &'i str {
    item.link_id.0.as_ref().map_or("", Text::as_str)
}

fn answers<'i, 'a>(item: &'i ItemView<'a>) -> impl Iterator<Item = &'i AnswerView<'a>> {
    item.answer.0.iter().flatten()
}

/// The child items of an item and of its answers.
fn below<'i, 'a>(item: &'i ItemView<'a>) -> impl Iterator<Item = &'i ItemView<'a>> {
    item.item.0.iter().flatten().chain(answers(item).flat_map(|answer| answer.item.0.iter().flatten()))
}

fn each_below<'i, 'a>(item: &'i ItemView<'a>, read: &mut impl FnMut(&'i ItemView<'a>)) {
    for item in below(item) {
        read(item);
        each_below(item, read);
    }
}

fn read_prior_injection(item: &ItemView<'_>, injection: &mut ReportedInjection) {
    match link_id(item) {
        "injection-date" => keep(&mut injection.date, day(item)),
        "injection-side" if injection.side == Side::Unspecified => injection.side = side(item).unwrap_or_default(),
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

fn first<'i, 'a: 'i, T>(item: &'i ItemView<'a>, read: impl Fn(&'i AnswerView<'a>) -> Option<T>) -> Option<T> {
    answers(item).find_map(read)
}

fn string<'i>(answer: &'i AnswerView<'_>) -> Option<&'i str> {
    answer.value_string.0.as_ref().map(|text| text.as_str().trim())
}

fn code<'i>(answer: &'i AnswerView<'_>) -> Option<&'i str> {
    answer.value_coding.0.as_ref()?.code.0.as_ref().map(|code| code.as_str().trim())
}

fn boolean(item: &ItemView<'_>) -> Option<bool> {
    first(item, |answer| answer.value_boolean.0.or_else(|| code(answer).and_then(yes_or_no)).or_else(|| string(answer).and_then(yes_or_no)))
}

/// Yes and no as words, as v2-0136 codes, and as SNOMED CT codes.
fn yes_or_no(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" | "y" | "373066001" => Some(true),
        "no" | "false" | "n" | "373067005" => Some(false),
        _ => None,
    }
}

fn number(item: &ItemView<'_>) -> Option<f64> {
    first(item, |answer| {
        let quantity = || answer.value_quantity.0.as_ref().and_then(|quantity| quantity.value.0);
        let typed = answer.value_integer.0.or(answer.value_decimal.0).or_else(quantity);
        typed.or_else(|| string(answer)?.parse().ok()).filter(|number: &f64| number.is_finite())
    })
}

fn day(item: &ItemView<'_>) -> Option<DateInterval> {
    first(item, |answer| {
        let typed = [answer.value_date.0.as_ref(), answer.value_date_time.0.as_ref(), answer.value_string.0.as_ref()];
        typed.into_iter().find_map(date)
    })
}

fn free_text(item: &ItemView<'_>) -> Option<String> {
    first(item, |answer| string(answer).filter(|text| !text.is_empty()).map(str::to_owned))
}

/// The option of a choice, by its code or by a string equal to a code.
fn choice<T>(item: &ItemView<'_>, option: impl Fn(&str) -> Option<T>) -> Option<T> {
    let read = |text: &str| option(text.to_ascii_lowercase().as_str());
    first(item, |answer| code(answer).and_then(read).or_else(|| string(answer).and_then(read)))
}

fn test(item: &ItemView<'_>) -> Option<TestAnswer> {
    choice(item, |code| match code {
        "positive" => Some(TestAnswer::Positive),
        "negative" => Some(TestAnswer::Negative),
        "not-done" => Some(TestAnswer::NotDone),
        _ => None,
    })
}

fn side(item: &ItemView<'_>) -> Option<Side> {
    choice(item, Side::from_word)
}
