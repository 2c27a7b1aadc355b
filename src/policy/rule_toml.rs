//! Criteria and pathways as `policy.toml` spells them.
//! Not here: what is wrong with them, and what they mean ([`super::rule_file`]).

use serde::Deserialize;
use toml::Spanned;

use super::reference::OrderKind;
use super::rule::{CountOf, IntervalStart, Remedy, ResponseOf};

/// A threshold's name in braces.
pub(super) type Number = Spanned<String>;

/// `[response]`: when an injection counts as one that helped.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ResponseToml {
    pub(super) percent: Number,
    pub(super) months: Number,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CriterionToml {
    pub(super) id: Spanned<String>,
    pub(super) title: Spanned<String>,
    pub(super) not_met: Spanned<String>,
    pub(super) met: Spanned<String>,
    pub(super) missing: Option<Spanned<String>>,
    pub(super) citation: Spanned<String>,
    #[serde(default)]
    pub(super) remedy: Remedy,
    pub(super) act: Option<Spanned<String>>,
    pub(super) corrected_by: Option<Spanned<String>>,
    pub(super) mention: Option<MentionToml>,
    pub(super) test: RuleToml,
}

fn injection() -> OrderKind {
    OrderKind::Injection
}

impl PathwayToml {
    /// Whether it is for joints without an injection in the episode.
    pub(super) fn is_for_none(&self) -> bool {
        self.injections.map_or(self.injections_from == 0, |number| number == 0)
    }
}

impl CriterionToml {
    /// Its id as written.
    pub(super) fn id(&self) -> &str {
        self.id.get_ref()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MentionToml {
    pub(super) conditions: Spanned<String>,
    pub(super) text: Spanned<String>,
    #[serde(default)]
    pub(super) unless_met: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PathwayToml {
    pub(super) id: Spanned<String>,
    #[serde(default = "injection")]
    pub(super) order: OrderKind,
    pub(super) injections: Option<usize>,
    #[serde(default)]
    pub(super) injections_from: usize,
    pub(super) first_helped: Option<HelpedToml>,
    pub(super) title: Spanned<String>,
    pub(super) judged_as: Spanned<String>,
    pub(super) criteria: Vec<Spanned<String>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum HelpedToml {
    Yes,
    No,
    Unknown,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RuleToml {
    All(Vec<RuleToml>),
    Any(Vec<RuleToml>),
    Not(Box<RuleToml>),
    Answer(AnswerToml),
    Findings(FindingsToml),
    OnsetDuration(OnsetToml),
    TherapyCourse(CourseToml),
    MedicationCourse(CourseToml),
    ValueSetPresent(PresentToml),
    ValueSetAbsent(AbsentToml),
    Response(ResponseRuleToml),
    Recurrence(RecurrenceToml),
    OtherTreatment(OtherTreatmentToml),
    Interval(IntervalToml),
    CountInWindow(CountToml),
    Continuation(ContinuationToml),
    OneProcedureAVisit,
    Performer,
    OrderedAs(OrderedAsToml),
    Excluded,
    CompleteHistory,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AnswerToml {
    pub(super) question: Spanned<String>,
    #[serde(default = "yes")]
    pub(super) met_by: bool,
    pub(super) when_yes: Spanned<String>,
    pub(super) when_no: Spanned<String>,
}

pub(super) fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FindingsToml {
    pub(super) tests: Spanned<Vec<Spanned<String>>>,
    pub(super) at_least: Option<Number>,
    pub(super) when_positive: Option<Spanned<String>>,
    pub(super) when_negative: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OnsetToml {
    pub(super) question: Spanned<String>,
    pub(super) months: Number,
    pub(super) diagnoses: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CourseToml {
    pub(super) question: Spanned<String>,
    pub(super) of: Spanned<String>,
    pub(super) weeks: Number,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PresentToml {
    pub(super) question: Spanned<String>,
    pub(super) allergies: Spanned<String>,
    pub(super) conditions: Spanned<String>,
    pub(super) when_yes: Spanned<String>,
    pub(super) when_no: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AbsentToml {
    pub(super) question: Spanned<String>,
    pub(super) conditions: Spanned<String>,
    pub(super) words: Spanned<String>,
    pub(super) when_yes: Spanned<String>,
    pub(super) when_no: Spanned<String>,
    pub(super) when_none: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ResponseRuleToml {
    pub(super) of: ResponseOf,
    pub(super) percent: Number,
    pub(super) months: Option<Number>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecurrenceToml {
    pub(super) question: Spanned<String>,
    pub(super) percent: Number,
    pub(super) when_yes: Spanned<String>,
    pub(super) when_no: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OtherTreatmentToml {
    pub(super) question: Spanned<String>,
    pub(super) of: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IntervalToml {
    pub(super) since: Spanned<IntervalStart>,
    pub(super) days: Option<Number>,
    pub(super) months: Option<Number>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CountToml {
    pub(super) of: CountOf,
    pub(super) fewer_than: Number,
    pub(super) months: Number,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OrderedAsToml {
    pub(super) codes: Vec<Spanned<String>>,
    pub(super) when_yes: Spanned<String>,
    pub(super) when_no: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ContinuationToml {
    pub(super) months: Number,
    pub(super) exception: Spanned<String>,
}
