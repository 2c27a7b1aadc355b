//! Rules in words, for a reviewer of the policy: one line for each part of the tree.
//! Not here: the words of statements and cards, which are the policy's own.

use super::form::Question;
use super::pathway::HistoryCondition;
use super::rule::{CountOf, CriterionRule, IntervalStart, Remedy, ResponseOf, Wait};
use super::value_sets::ValueSet;
use super::verdict::Verdict;

/// One line of an outline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutlineLine {
    /// How deep it stands in the tree; 0 for the whole.
    pub depth: usize,
    /// Its text.
    pub text: String,
}

impl CriterionRule {
    /// The rule as lines, each part below its whole.
    #[must_use]
    pub fn outline(&self) -> Vec<OutlineLine> {
        let mut lines = Vec::new();
        self.write_outline(0, &mut lines);
        lines
    }

    fn write_outline(&self, depth: usize, lines: &mut Vec<OutlineLine>) {
        let (heading, parts): (_, &[Self]) = match self {
            Self::All(parts) => ("all of", parts),
            Self::Any(parts) => ("at least one of", parts),
            Self::Not(part) => ("not", std::slice::from_ref(part)),
            leaf => {
                lines.push(OutlineLine { depth, text: leaf.words() });
                return;
            }
        };
        lines.push(OutlineLine { depth, text: heading.to_owned() });
        for part in parts {
            part.write_outline(depth + 1, lines);
        }
    }

    /// A part without parts, in words.
    fn words(&self) -> String {
        match self {
            Self::All(_) | Self::Any(_) | Self::Not(_) => String::new(),
            Self::Answer(rule) => format!("the form answers {} to {}", if rule.met_by { "yes" } else { "no" }, link_id(rule.question)),
            Self::Findings(rule) => {
                format!(
                    "at least {} positive of {}, by the form or by observations",
                    rule.at_least,
                    list(rule.tests.iter().map(|test| link_id(*test)))
                )
            }
            Self::OnsetDuration(rule) => format!(
                "at least {} since {} by the form, else since the onset of an active condition in {}",
                months(rule.months),
                link_id(rule.question),
                rule.diagnoses.iter().map(|set| set_id(*set)).collect::<Vec<_>>().join(", else in "),
            ),
            Self::TherapyCourse(rule) => {
                format!(
                    "at least {} of therapy: {} by the form, else a course of procedures in {}",
                    weeks(rule.weeks),
                    link_id(rule.question),
                    set_id(rule.therapy)
                )
            }
            Self::MedicationCourse(rule) => {
                format!(
                    "at least {} of medication: {} by the form, else a course of drugs in {}",
                    weeks(rule.weeks),
                    link_id(rule.question),
                    set_id(ValueSet::Nsaid)
                )
            }
            Self::ValueSetPresent(rule) => format!(
                "the form answers yes to {}, else an allergy in {} or an active condition in {}",
                link_id(rule.question),
                set_id(ValueSet::NsaidAllergy),
                set_id(rule.conditions),
            ),
            Self::ValueSetAbsent(rule) => format!(
                "the form answers no to {}, else no active condition and no reason of the order in {}, nor one that could be",
                link_id(rule.question),
                set_id(rule.conditions),
            ),
            Self::Response(rule) => {
                let lasting = rule.months.map(|number| format!(" for {} with better function", months(number))).unwrap_or_default();
                format!("at least {}% relief{lasting} after {}", rule.percent, response_of(rule.of))
            }
            Self::Recurrence(rule) => format!(
                "the form answers yes to {}, else pain scores show less than {}% relief again",
                link_id(rule.question),
                rule.percent,
            ),
            Self::OtherTreatment(rule) => format!(
                "treatment alongside: the form answers yes to {}, or an order or a recent procedure in {}",
                link_id(rule.question),
                set_id(rule.therapy),
            ),
            Self::Interval(rule) => {
                let since = match rule.since {
                    IntervalStart::First => "first",
                    IntervalStart::Last => "last",
                };
                format!("at least {} since the {since} injection", wait(rule.wait))
            }
            Self::CountInWindow(rule) => {
                let of = match rule.of {
                    CountOf::Therapeutic => "therapeutic injections of the joint",
                    CountOf::All => "injections of the joint",
                    CountOf::Sessions => "days with an injection of either joint",
                };
                format!("fewer than {} {of} in the {} before the service", rule.fewer_than, months(rule.months))
            }
            Self::Continuation(rule) => format!(
                "at most {} since the first injection; a reviewer decides where the form answers yes to {}",
                months(rule.months),
                link_id(rule.exception),
            ),
            Self::OneProcedureAVisit => "no other invasive pain procedure in the same visit".to_owned(),
            Self::Performer => "performed by a physician".to_owned(),
            Self::OrderedAs(rule) => format!("ordered under a code of {}", list(rule.codes.iter().map(|set| set_id(*set)))),
            Self::Excluded => "never covered".to_owned(),
            Self::CompleteHistory => "every earlier injection of the joint is known".to_owned(),
        }
    }
}

impl Remedy {
    /// What can still meet the criterion, in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::None => "not covered if it is not met",
            Self::Time => "waiting can meet it, if only a date is in the way",
            Self::Therapy => "more treatment can meet it",
            Self::Order => "another order, or a change of this one, can meet it",
        }
    }
}

impl HistoryCondition {
    /// The history in words.
    pub(crate) fn words(&self) -> String {
        let number = match (self.injections, self.injections_from) {
            (Some(0), _) => "no injection in the episode".to_owned(),
            (Some(1), _) => "1 injection in the episode".to_owned(),
            (Some(number), _) => format!("{number} injections in the episode"),
            (None, 0) => "any history".to_owned(),
            (None, least) => format!("{least} or more injections in the episode"),
        };
        let helped = match self.first_helped {
            Some(Verdict::Met) => ", of which the first helped",
            Some(Verdict::NotMet) => ", of which the first did not help",
            Some(Verdict::Unknown) => ", of which it is not known whether the first helped",
            None => "",
        };
        format!("{number}{helped}")
    }
}

fn link_id(question: Question) -> String {
    format!("`{}`", question.link_id())
}

fn set_id(set: ValueSet) -> String {
    format!("`{}`", set.id())
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

fn response_of(of: ResponseOf) -> &'static str {
    match of {
        ResponseOf::First => "the first injection",
        ResponseOf::Initial => "the first injection, or after the second where the first is not known to have helped",
        ResponseOf::EachDiagnostic => "each of the first two injections of the episode",
        ResponseOf::LastTherapeutic => "the last injection, where the episode has more than two",
        ResponseOf::Diagnostic => "one of the first two injections, of this episode and of each earlier one that had two",
    }
}

fn wait(wait: Wait) -> String {
    match wait {
        Wait::Days(number) => plural(number, "day"),
        Wait::Months(number) => months(number),
    }
}

fn months(number: u32) -> String {
    plural(number, "month")
}

fn weeks(number: u32) -> String {
    plural(number, "week")
}

fn plural(number: u32, unit: &str) -> String {
    if number == 1 { format!("1 {unit}") } else { format!("{number} {unit}s") }
}
