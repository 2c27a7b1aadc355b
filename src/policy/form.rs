//! The documentation form `sij-injection-documentation`: its questions by linkId, and the answers of a response.
//! Not here: its wording (`questionnaire.json`) and reading a QuestionnaireResponse ([`crate::evidence`]).

use std::cmp::{Ordering, Reverse};
use std::collections::HashSet;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Serialize, Serializer};

use super::dates::DateInterval;
use super::facts::Side;
use super::keyed_enum::keyed_enum;
use super::reference::Reference;

/// The last path segment of the form's canonical URL.
pub const FORM_ID: &str = "sij-injection-documentation";

/// The provocation tests that a policy can ask for.
pub const PROVOCATION_TESTS: [Question; 6] = [
    Question::TestDistraction,
    Question::TestCompression,
    Question::TestThighThrust,
    Question::TestGaenslen,
    Question::TestSacralThrust,
    Question::TestFaber,
];

keyed_enum! {
    /// A question of the form, identified by its linkId; in the form's order.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Question, link_id, from_link_id {
        PriorInjection = "prior-injection",
        InjectionDate = "injection-date",
        InjectionSide = "injection-side",
        ReliefPercent = "relief-percent",
        ReliefDurationMonths = "relief-duration-months",
        FunctionalImprovement = "functional-improvement",
        InjectionHistoryComplete = "injection-history-complete",
        PainRecurred = "pain-recurred",
        ExaminedSide = "examined-side",
        SijTenderness = "sij-tenderness",
        TestDistraction = "test-distraction",
        TestCompression = "test-compression",
        TestThighThrust = "test-thigh-thrust",
        TestGaenslen = "test-gaenslen",
        TestSacralThrust = "test-sacral-thrust",
        TestFaber = "test-faber",
        PainBelowL5Nonradicular = "pain-below-l5-nonradicular",
        PainInterferesAdls = "pain-interferes-adls",
        AdlsLimitedSince = "adls-limited-since",
        ExerciseTherapyWeeks = "exercise-therapy-weeks",
        NsaidContraindicated = "nsaid-contraindicated",
        NsaidWeeks = "nsaid-weeks",
        ActivityModificationWeeks = "activity-modification-weeks",
        ConservativeCareFailed = "conservative-care-failed",
        DiscOrFacetEvidence = "disc-or-facet-evidence",
        OtherDiagnosisMoreLikely = "other-diagnosis-more-likely",
        AdjunctNoninvasiveTreatment = "adjunct-noninvasive-treatment",
        DefinitiveTherapyNotAvailable = "definitive-therapy-not-available",
        DefinitiveTherapyReason = "definitive-therapy-reason",
    }
}

impl Question {
    /// The questions about earlier injections, which every policy reads.
    pub(super) const HISTORY: [Self; 7] = [
        Self::PriorInjection,
        Self::InjectionDate,
        Self::InjectionSide,
        Self::ReliefPercent,
        Self::ReliefDurationMonths,
        Self::FunctionalImprovement,
        Self::InjectionHistoryComplete,
    ];

    /// The question's linkId in version 1 of the form, if it was different.
    #[must_use]
    pub fn version_1_link_id(self) -> Option<&'static str> {
        (self == Self::AdlsLimitedSince).then_some("pain-onset-date")
    }

    /// The FHIR type of the question's item.
    #[must_use]
    pub fn answer_type(self) -> &'static str {
        match self {
            Self::AdlsLimitedSince | Self::InjectionDate => "date",
            Self::PainInterferesAdls
            | Self::PainBelowL5Nonradicular
            | Self::SijTenderness
            | Self::NsaidContraindicated
            | Self::ConservativeCareFailed
            | Self::DiscOrFacetEvidence
            | Self::OtherDiagnosisMoreLikely
            | Self::FunctionalImprovement
            | Self::InjectionHistoryComplete
            | Self::PainRecurred
            | Self::AdjunctNoninvasiveTreatment
            | Self::DefinitiveTherapyNotAvailable => "boolean",
            Self::TestDistraction
            | Self::TestCompression
            | Self::TestThighThrust
            | Self::TestGaenslen
            | Self::TestSacralThrust
            | Self::TestFaber
            | Self::ExaminedSide
            | Self::InjectionSide => "choice",
            Self::ExerciseTherapyWeeks | Self::NsaidWeeks | Self::ActivityModificationWeeks => "integer",
            Self::ReliefPercent | Self::ReliefDurationMonths => "decimal",
            Self::DefinitiveTherapyReason => "text",
            Self::PriorInjection => "group",
        }
    }

    /// Whether it asks for a finding of the examination of the joint.
    #[must_use]
    pub fn is_examination(self) -> bool {
        self == Self::SijTenderness || PROVOCATION_TESTS.contains(&self)
    }

    /// A related question that is asked together with this one.
    #[must_use]
    pub fn companion(self) -> Option<Self> {
        match self {
            Self::InjectionHistoryComplete => Some(Self::PriorInjection),
            Self::DefinitiveTherapyNotAvailable => Some(Self::DefinitiveTherapyReason),
            _ => None,
        }
    }
}

impl Serialize for Question {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.link_id())
    }
}

/// The answer to a provocation test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestAnswer {
    /// It provoked the pain.
    Positive,
    /// It did not.
    Negative,
    /// It was not done.
    NotDone,
}

/// One completed or amended response to the form.
#[derive(Debug)]
pub struct Form<'a> {
    /// `QuestionnaireResponse/{id}`.
    pub reference: Reference<'a>,
    /// The instant it was authored, if time and zone are written.
    pub instant: Option<DateTime<Utc>>,
    /// The day it was authored, as written.
    pub authored_on: NaiveDate,
    /// Whether it answers version 1 of the form, which did not ask which joint was examined.
    pub is_version_1: bool,
    /// Its answers.
    pub answers: Answers,
}

impl Form<'_> {
    /// Compares two forms by day, then by instant if both have one, then by id.
    ///
    /// This is not transitive if some forms have no instant. `sort_newest_first` gives a total order.
    #[must_use]
    pub fn cmp_age(&self, other: &Self) -> Ordering {
        let by_instant = self.instant.zip(other.instant).map_or(Ordering::Equal, |(own, other)| own.cmp(&other));
        self.authored_on.cmp(&other.authored_on).then(by_instant).then_with(|| self.reference.id().cmp(other.reference.id()))
    }
}

/// Sorts items by their form, newest first, as [`Form::cmp_age`] does. If a form of a day has no instant, forms of that day sort
/// only by id. The sort is stable: items of one form keep their order.
pub(crate) fn sort_newest_first<'f, 'a: 'f, T>(items: &mut [T], form: impl Fn(&T) -> &'f Form<'a>) {
    let without_instant = |item: &T| form(item).instant.is_none().then_some(form(item).authored_on);
    let untimed: HashSet<NaiveDate> = items.iter().filter_map(without_instant).collect();
    items.sort_by_key(|item| {
        let form = form(item);
        let instant = form.instant.filter(|_| !untimed.contains(&form.authored_on));
        Reverse((form.authored_on, instant, form.reference.id()))
    });
}

/// Why a form on record does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FormProblem {
    /// It names another questionnaire's URL, but answers questions of the form.
    OtherQuestionnaire,
    /// It is not finished.
    NotFinished,
    /// It does not state the day it was authored.
    NoDate,
}

/// A response that answers the form but does not count.
#[derive(Clone, Debug)]
pub struct UncountedForm<'a> {
    /// `QuestionnaireResponse/{id}`.
    pub reference: Reference<'a>,
    /// Why it does not count.
    pub problem: FormProblem,
}

/// The answers of one response; an answer of the wrong type counts as absent.
#[derive(Debug, Default, PartialEq)]
pub struct Answers {
    /// `examined-side`
    pub examined_side: Option<Side>,
    /// `adls-limited-since`; in version 1 `pain-onset-date`
    pub adls_limited_since: Option<DateInterval>,
    /// `pain-interferes-adls`
    pub pain_interferes_adls: Option<bool>,
    /// `pain-below-l5-nonradicular`
    pub pain_below_l5_nonradicular: Option<bool>,
    /// `sij-tenderness`
    pub sij_tenderness: Option<bool>,
    /// The provocation tests, in the order of [`PROVOCATION_TESTS`].
    pub tests: [Option<TestAnswer>; PROVOCATION_TESTS.len()],
    /// `exercise-therapy-weeks`
    pub exercise_therapy_weeks: Option<f64>,
    /// `nsaid-weeks`
    pub nsaid_weeks: Option<f64>,
    /// `nsaid-contraindicated`
    pub nsaid_contraindicated: Option<bool>,
    /// `activity-modification-weeks`
    pub activity_modification_weeks: Option<f64>,
    /// `conservative-care-failed`
    pub conservative_care_failed: Option<bool>,
    /// `disc-or-facet-evidence`
    pub disc_or_facet_evidence: Option<bool>,
    /// `other-diagnosis-more-likely`
    pub other_diagnosis_more_likely: Option<bool>,
    /// Each repetition of `prior-injection`, in the form's order.
    pub prior_injections: Vec<ReportedInjection>,
    /// `injection-history-complete`
    pub injection_history_complete: Option<bool>,
    /// `pain-recurred`
    pub pain_recurred: Option<bool>,
    /// `adjunct-noninvasive-treatment`
    pub adjunct_noninvasive_treatment: Option<bool>,
    /// `definitive-therapy-not-available`
    pub definitive_therapy_not_available: Option<bool>,
    /// `definitive-therapy-reason`: not evaluated, only shown to the reviewer
    pub definitive_therapy_reason: Option<String>,
}

impl Answers {
    /// The answer to a yes-or-no question.
    pub(super) fn yes_no(&self, question: Question) -> Option<bool> {
        match question {
            Question::PainInterferesAdls => self.pain_interferes_adls,
            Question::PainBelowL5Nonradicular => self.pain_below_l5_nonradicular,
            Question::SijTenderness => self.sij_tenderness,
            Question::NsaidContraindicated => self.nsaid_contraindicated,
            Question::ConservativeCareFailed => self.conservative_care_failed,
            Question::DiscOrFacetEvidence => self.disc_or_facet_evidence,
            Question::OtherDiagnosisMoreLikely => self.other_diagnosis_more_likely,
            Question::InjectionHistoryComplete => self.injection_history_complete,
            Question::PainRecurred => self.pain_recurred,
            Question::AdjunctNoninvasiveTreatment => self.adjunct_noninvasive_treatment,
            Question::DefinitiveTherapyNotAvailable => self.definitive_therapy_not_available,
            _ => None,
        }
    }

    /// The answer to a question for a number.
    pub(super) fn number(&self, question: Question) -> Option<f64> {
        match question {
            Question::ExerciseTherapyWeeks => self.exercise_therapy_weeks,
            Question::NsaidWeeks => self.nsaid_weeks,
            Question::ActivityModificationWeeks => self.activity_modification_weeks,
            _ => None,
        }
    }

    /// The answer to a question for a date.
    pub(super) fn since(&self, question: Question) -> Option<DateInterval> {
        self.adls_limited_since.filter(|_| question == Question::AdlsLimitedSince)
    }

    /// The result of a test. A yes-or-no question is one with two results.
    pub(super) fn test(&self, question: Question) -> Option<TestAnswer> {
        match PROVOCATION_TESTS.iter().position(|test| *test == question) {
            Some(place) => self.tests.get(place).copied().flatten(),
            None => self.yes_no(question).map(|positive| if positive { TestAnswer::Positive } else { TestAnswer::Negative }),
        }
    }
}

/// One repetition of the group `prior-injection`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReportedInjection {
    /// `injection-date`
    pub date: Option<DateInterval>,
    /// `injection-side`
    pub side: Side,
    /// `relief-percent`
    pub relief_percent: Option<f64>,
    /// `relief-duration-months`
    pub relief_months: Option<f64>,
    /// `functional-improvement`
    pub functional_improvement: Option<bool>,
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    #[test]
    fn forms_of_one_day_are_sorted_whichever_of_them_has_a_time() {
        let day = NaiveDate::from_ymd_opt(2026, 11, 20).unwrap_or_default();
        let form = |number: u32| Form {
            reference: Reference::new("QuestionnaireResponse", format!("{number:03}").into()),
            instant: (!number.is_multiple_of(3)).then(|| Utc.with_ymd_and_hms(2026, 11, 20, 23 - number % 24, 0, 0).single()).flatten(),
            authored_on: day,
            is_version_1: false,
            answers: Answers::default(),
        };
        let forms: Vec<Form<'_>> = (0..200).map(|place| form(place * 37 % 200)).collect();
        let mut sorted: Vec<&Form<'_>> = forms.iter().collect();
        sort_newest_first(&mut sorted, |form| form);
        assert!(sorted.is_sorted_by(|newer, older| newer.reference.id() >= older.reference.id()));
        let mut timed: Vec<&Form<'_>> = forms.iter().filter(|form| form.instant.is_some()).collect();
        sort_newest_first(&mut timed, |form| form);
        assert!(timed.is_sorted_by(|newer, older| newer.instant >= older.instant));
    }
}
