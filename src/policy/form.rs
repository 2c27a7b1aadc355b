//! The documentation form `sij-injection-documentation`: its questions by linkId, and the answers of one response.
//! Not here: its wording (`questionnaire.json`) and reading a QuestionnaireResponse ([`crate::evidence`]).

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Serialize, Serializer};

use super::dates::DateInterval;
use super::evaluation::Reference;
use super::facts::Side;

/// The last path segment of the form's canonical URL.
pub const FORM_ID: &str = "sij-injection-documentation";

/// The five provocation tests, in the policy's order.
pub const PROVOCATION_TESTS: [Question; 5] =
    [Question::TestDistraction, Question::TestCompression, Question::TestThighThrust, Question::TestGaenslen, Question::TestSacralThrust];

macro_rules! questions {
    ($($variant:ident = $link_id:literal,)*) => {
        /// A question of the form, named by its linkId.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Question {
            $(#[doc = concat!("`", $link_id, "`")] $variant,)*
        }

        impl Question {
            /// Every question, in the form's order.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The question's linkId.
            #[must_use]
            pub fn link_id(self) -> &'static str {
                match self {
                    $(Self::$variant => $link_id,)*
                }
            }

            /// The question of a linkId.
            #[must_use]
            pub fn of_link_id(link_id: &str) -> Option<Self> {
                match link_id {
                    $($link_id => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

questions! {
    PainOnsetDate = "pain-onset-date",
    PainInterferesAdls = "pain-interferes-adls",
    PainBelowL5Nonradicular = "pain-below-l5-nonradicular",
    SijTenderness = "sij-tenderness",
    TestDistraction = "test-distraction",
    TestCompression = "test-compression",
    TestThighThrust = "test-thigh-thrust",
    TestGaenslen = "test-gaenslen",
    TestSacralThrust = "test-sacral-thrust",
    ExerciseTherapyWeeks = "exercise-therapy-weeks",
    NsaidWeeks = "nsaid-weeks",
    NsaidContraindicated = "nsaid-contraindicated",
    ActivityModificationWeeks = "activity-modification-weeks",
    DiscOrFacetEvidence = "disc-or-facet-evidence",
    OtherDiagnosisMoreLikely = "other-diagnosis-more-likely",
    PriorInjection = "prior-injection",
    InjectionDate = "injection-date",
    InjectionSide = "injection-side",
    ReliefPercent = "relief-percent",
    ReliefDurationMonths = "relief-duration-months",
    FunctionalImprovement = "functional-improvement",
    AdjunctNoninvasiveTreatment = "adjunct-noninvasive-treatment",
    DefinitiveTherapyNotAvailable = "definitive-therapy-not-available",
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
    /// When it was authored; a bare date is its first instant in UTC.
    pub authored: DateTime<Utc>,
    /// The day it was authored, as written.
    pub authored_on: NaiveDate,
    /// What it says.
    pub answers: Answers,
}

/// The answers of one response; an answer of the wrong type is as if absent.
#[derive(Debug, Default, PartialEq)]
pub struct Answers {
    /// `pain-onset-date`
    pub pain_onset: Option<DateInterval>,
    /// `pain-interferes-adls`
    pub pain_interferes_adls: Option<bool>,
    /// `pain-below-l5-nonradicular`
    pub pain_below_l5_nonradicular: Option<bool>,
    /// `sij-tenderness`
    pub sij_tenderness: Option<bool>,
    /// The provocation tests, in the order of [`PROVOCATION_TESTS`].
    pub tests: [Option<TestAnswer>; 5],
    /// `exercise-therapy-weeks`
    pub exercise_therapy_weeks: Option<f64>,
    /// `nsaid-weeks`
    pub nsaid_weeks: Option<f64>,
    /// `nsaid-contraindicated`
    pub nsaid_contraindicated: Option<bool>,
    /// `activity-modification-weeks`
    pub activity_modification_weeks: Option<f64>,
    /// `disc-or-facet-evidence`
    pub disc_or_facet_evidence: Option<bool>,
    /// `other-diagnosis-more-likely`
    pub other_diagnosis_more_likely: Option<bool>,
    /// Each repetition of `prior-injection`, in the form's order.
    pub prior_injections: Vec<PriorInjection>,
    /// `adjunct-noninvasive-treatment`
    pub adjunct_noninvasive_treatment: Option<bool>,
    /// `definitive-therapy-not-available`
    pub definitive_therapy_not_available: Option<bool>,
}

/// One repetition of the group `prior-injection`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PriorInjection {
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
