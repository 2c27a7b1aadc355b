//! What a criterion asks for: a tree of a few kinds, read from `policy.toml`. Numbers are resolved and texts are filled in.
//! Not here: reading the file ([`super::rule_file`]) and deciding ([`super::criteria`]).

use super::dates::{DateInterval, plus_days, plus_months};
use super::form::Question;
use super::template::Template;
use super::value_sets::ValueSet;

/// What a criterion asks for.
#[derive(Debug)]
pub enum CriterionRule {
    /// Every part is met.
    All(Vec<CriterionRule>),
    /// At least one part is met.
    Any(Vec<CriterionRule>),
    /// The part is not met.
    Not(Box<CriterionRule>),
    /// A yes-or-no answer of the form.
    Answer(AnswerRule),
    /// A number of positive examination findings.
    Findings(FindingsRule),
    /// Time since the pain began.
    OnsetDuration(OnsetRule),
    /// Weeks of therapy.
    TherapyCourse(TherapyRule),
    /// Weeks of a medication.
    MedicationCourse(MedicationRule),
    /// An allergy or a diagnosis that is on record.
    ValueSetPresent(PresentRule),
    /// A diagnosis that is not on record.
    ValueSetAbsent(AbsentRule),
    /// Relief from earlier injections.
    Response(ResponseRule),
    /// The return of the pain after relief.
    Recurrence(RecurrenceRule),
    /// Treatment that goes along with the injection.
    OtherTreatment(OtherTreatmentRule),
    /// Time since an earlier injection.
    Interval(IntervalRule),
    /// A limited number of injections in a period.
    CountInWindow(CountRule),
    /// A limit of time after the first injection, with an exception.
    Continuation(ContinuationRule),
    /// One invasive procedure in the visit.
    OneProcedureAVisit,
    /// Performed by a physician.
    Performer,
    /// Ordered under a code of one of the value sets.
    OrderedAs(OrderedAsRule),
    /// Never covered.
    Excluded,
    /// Every earlier injection is known.
    CompleteHistory,
}

/// The texts for yes and for no.
#[derive(Debug)]
pub struct YesNoText {
    pub(crate) yes: String,
    pub(crate) no: String,
}

impl YesNoText {
    pub(crate) fn text_for(&self, answer: bool) -> &str {
        if answer { &self.yes } else { &self.no }
    }
}

/// See [`CriterionRule::Answer`].
#[derive(Debug)]
pub struct AnswerRule {
    pub(crate) question: Question,
    /// The answer that meets it.
    pub(crate) met_by: bool,
    pub(crate) texts: YesNoText,
}

/// See [`CriterionRule::Findings`].
#[derive(Debug)]
pub struct FindingsRule {
    pub(crate) tests: Vec<Question>,
    pub(crate) at_least: usize,
    /// The texts of a single test; several are counted and named.
    pub(crate) texts: Option<YesNoText>,
}

/// See [`CriterionRule::OnsetDuration`].
#[derive(Debug)]
pub struct OnsetRule {
    pub(crate) question: Question,
    pub(crate) months: u32,
    /// Where the form does not say: the diagnoses whose onset counts. A later set counts only if no earlier one has an onset.
    pub(crate) diagnoses: Vec<ValueSet>,
}

/// See [`CriterionRule::TherapyCourse`].
#[derive(Debug)]
pub struct TherapyRule {
    pub(crate) question: Question,
    pub(crate) therapy: ValueSet,
    pub(crate) weeks: u32,
    /// Whether the therapy that a card can order is of this kind.
    pub(crate) can_be_ordered: bool,
}

/// See [`CriterionRule::MedicationCourse`].
#[derive(Debug)]
pub struct MedicationRule {
    pub(crate) question: Question,
    pub(crate) weeks: u32,
}

/// See [`CriterionRule::ValueSetPresent`].
#[derive(Debug)]
pub struct PresentRule {
    pub(crate) question: Question,
    pub(crate) conditions: ValueSet,
    pub(crate) texts: YesNoText,
}

/// See [`CriterionRule::ValueSetAbsent`].
#[derive(Debug)]
pub struct AbsentRule {
    pub(crate) question: Question,
    pub(crate) conditions: ValueSet,
    pub(crate) texts: YesNoText,
    /// The text where the chart has none.
    pub(crate) none: String,
}

/// Which earlier injections a response is asked of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResponseOf {
    /// The first of the episode.
    First,
    /// The first of the episode, or the second if the first is not known to have helped.
    Initial,
    /// One of the first two of this episode and of each earlier one. It applies only where an episode has two.
    Diagnostic,
    /// Each of the first two of the episode. It applies only where the episode has two.
    EachDiagnostic,
    /// The last of the episode, where more than two came before the order: the last therapeutic one.
    LastTherapeutic,
}

/// See [`CriterionRule::Response`].
#[derive(Debug)]
pub struct ResponseRule {
    pub(crate) of: ResponseOf,
    pub(crate) percent: u32,
    /// Months for which the relief lasted with better function; `None` if the relief alone decides.
    pub(crate) months: Option<u32>,
}

/// See [`CriterionRule::Recurrence`].
#[derive(Debug)]
pub struct RecurrenceRule {
    pub(crate) question: Question,
    pub(crate) percent: u32,
    pub(crate) texts: YesNoText,
}

/// See [`CriterionRule::OtherTreatment`].
#[derive(Debug)]
pub struct OtherTreatmentRule {
    pub(crate) question: Question,
    pub(crate) therapy: ValueSet,
    /// Whether the therapy that a card can order is of this kind.
    pub(crate) can_be_ordered: bool,
}

/// Which injection an interval begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IntervalStart {
    /// The first of the episode.
    First,
    /// The last of the episode.
    Last,
}

/// A length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Days.
    Days(u32),
    /// Calendar months.
    Months(u32),
}

impl Wait {
    /// The interval, later by this time.
    pub(crate) fn after(self, when: DateInterval) -> DateInterval {
        match self {
            Self::Days(days) => when.plus_days(days),
            Self::Months(months) => when.plus_months(months),
        }
    }

    /// The day on which the time is over, counted from the latest possible day.
    pub(crate) fn over_from(self, when: DateInterval) -> chrono::NaiveDate {
        match self {
            Self::Days(days) => plus_days(when.hi(), days),
            Self::Months(months) => plus_months(when.hi(), months),
        }
    }
}

/// See [`CriterionRule::Interval`].
#[derive(Debug)]
pub struct IntervalRule {
    pub(crate) since: IntervalStart,
    pub(crate) wait: Wait,
}

/// Which injections a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CountOf {
    /// The therapeutic ones: all but the first, and the second if the first did not help.
    Therapeutic,
    /// All of the episode.
    All,
    /// All days with an injection of either joint, of any episode.
    Sessions,
}

/// See [`CriterionRule::CountInWindow`].
#[derive(Debug)]
pub struct CountRule {
    pub(crate) of: CountOf,
    pub(crate) fewer_than: usize,
    pub(crate) months: u32,
}

/// See [`CriterionRule::OrderedAs`].
#[derive(Debug)]
pub struct OrderedAsRule {
    pub(crate) codes: Vec<ValueSet>,
    /// Yes for an order under one of these codes, no for another.
    pub(crate) texts: YesNoText,
}

/// See [`CriterionRule::Continuation`].
#[derive(Debug)]
pub struct ContinuationRule {
    pub(crate) months: u32,
    /// The question whose yes lets a reviewer decide.
    pub(crate) exception: Question,
}

/// What can still meet a criterion that is not met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remedy {
    /// Nothing: the order is not supported.
    #[default]
    None,
    /// Waiting, where only a date is in the way.
    Time,
    /// More treatment.
    Therapy,
    /// Another order, or a change of this one.
    Order,
}

/// Conditions that a criterion's statement names although they do not decide.
#[derive(Debug)]
pub struct Mention {
    pub(crate) conditions: ValueSet,
    /// Takes the condition.
    pub(crate) text: Template,
    /// Whether to name them only while the criterion is not met.
    pub(crate) unless_met: bool,
}

/// The criteria that decide more than themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CriterionRole {
    /// Whether all earlier injections are known, and so which pathway applies.
    History,
    /// The limit of time after the first injection, with its exception.
    Continuation,
    /// Any other.
    #[default]
    Other,
}

impl CriterionRule {
    /// The tree's kinds without `All`, `Any` and `Not`, in the file's order.
    #[must_use]
    pub fn leaves(&self) -> Vec<&Self> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::leaves).collect(),
            Self::Not(part) => part.leaves(),
            leaf => vec![leaf],
        }
    }

    /// Whether it counts the days with an injection of either joint.
    #[must_use]
    pub fn counts_sessions(&self) -> bool {
        matches!(self, Self::CountInWindow(rule) if rule.of == CountOf::Sessions)
    }

    /// The role of a criterion with this rule.
    #[must_use]
    pub fn role(&self) -> CriterionRole {
        if matches!(self, Self::CompleteHistory) {
            CriterionRole::History
        } else if matches!(self, Self::Continuation(_)) {
            CriterionRole::Continuation
        } else {
            CriterionRole::Other
        }
    }

    /// Whether it stays unknown as long as the episode has no injection.
    #[must_use]
    pub fn needs_an_injection(&self) -> bool {
        let of_first = |rule: &ResponseRule| matches!(rule.of, ResponseOf::First | ResponseOf::Initial);
        matches!(self, Self::Interval(_) | Self::Continuation(_)) || matches!(self, Self::Response(rule) if of_first(rule))
    }

    /// The least number of injections in the episode with which it applies.
    #[must_use]
    pub fn applies_from(&self) -> usize {
        let Self::Response(rule) = self else { return 0 };
        match rule.of {
            ResponseOf::First | ResponseOf::Initial | ResponseOf::Diagnostic => 0,
            ResponseOf::EachDiagnostic => 2,
            ResponseOf::LastTherapeutic => 3,
        }
    }

    /// Whether its being met can be turned into a denial: only a person's statement, or arithmetic on injections and orders, denies.
    #[must_use]
    pub fn can_be_negated(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().all(Self::can_be_negated),
            Self::Not(part) => part.can_be_negated(),
            Self::Answer(_) | Self::Findings(_) | Self::Response(_) | Self::Interval(_) | Self::CountInWindow(_) | Self::OrderedAs(_) => {
                true
            }
            Self::OnsetDuration(_)
            | Self::TherapyCourse(_)
            | Self::MedicationCourse(_)
            | Self::ValueSetPresent(_)
            | Self::ValueSetAbsent(_)
            | Self::Recurrence(_)
            | Self::OtherTreatment(_)
            | Self::Continuation(_)
            | Self::OneProcedureAVisit
            | Self::Performer
            | Self::Excluded
            | Self::CompleteHistory => false,
        }
    }

    /// Whether a day can be told from which it is met.
    #[must_use]
    pub fn has_a_date(&self) -> bool {
        matches!(self, Self::Interval(_) | Self::CountInWindow(_) | Self::OnsetDuration(_))
    }

    /// The questions of the form that it reads.
    #[must_use]
    pub fn questions(&self) -> Vec<Question> {
        match self {
            Self::All(_) | Self::Any(_) | Self::Not(_) => self.leaves().into_iter().flat_map(Self::questions).collect(),
            Self::Answer(rule) => vec![rule.question],
            Self::Findings(rule) => rule.tests.clone(),
            Self::OnsetDuration(rule) => vec![rule.question],
            Self::TherapyCourse(rule) => vec![rule.question],
            Self::MedicationCourse(rule) => vec![rule.question],
            Self::ValueSetPresent(rule) => vec![rule.question],
            Self::ValueSetAbsent(rule) => vec![rule.question],
            Self::Recurrence(rule) => vec![rule.question],
            Self::OtherTreatment(rule) => vec![rule.question],
            Self::Continuation(rule) => vec![rule.exception],
            Self::Response(_) | Self::Interval(_) | Self::CountInWindow(_) | Self::CompleteHistory => vec![Question::PriorInjection],
            Self::OneProcedureAVisit | Self::Performer | Self::OrderedAs(_) | Self::Excluded => Vec::new(),
        }
    }

    /// The lists of the chart, by their names in an evaluation's `sources`, that can settle it.
    #[must_use]
    pub fn lists(&self) -> Vec<&'static str> {
        let charted: Vec<_> = self.leaves().into_iter().flat_map(|leaf| leaf.charted_in().iter().copied()).collect();
        if charted.is_empty() && !self.questions().is_empty() { vec!["questionnaireResponses"] } else { charted }
    }

    /// The lists of the chart that can settle a rule without parts.
    pub(crate) fn charted_in(&self) -> &'static [&'static str] {
        match self {
            Self::OnsetDuration(_) | Self::ValueSetAbsent(_) => &["conditions"],
            Self::Findings(_) | Self::Response(_) | Self::Recurrence(_) => &["observations"],
            Self::MedicationCourse(_) => &["medicationStatements", "medicationRequests"],
            Self::ValueSetPresent(_) => &["conditions", "allergies"],
            Self::OtherTreatment(_) => &["procedures", "serviceRequests"],
            Self::TherapyCourse(_)
            | Self::CompleteHistory
            | Self::Interval(_)
            | Self::CountInWindow(_)
            | Self::Continuation(_)
            | Self::OneProcedureAVisit => &["procedures"],
            Self::Answer(_) | Self::Performer | Self::OrderedAs(_) | Self::Excluded | Self::All(_) | Self::Any(_) | Self::Not(_) => &[],
        }
    }
}
