//! The builder of a criterion: its verdict, what was found, what is missing, and the evidence.

use chrono::NaiveDate;

use crate::policy::case::OrderCase;
use crate::policy::definition::CriterionDefinition;
use crate::policy::evaluation::{Criterion, Evidence};
use crate::policy::form::Question;
use crate::policy::phrases::Phrase;
use crate::policy::prose::{capitalised, each_once};
use crate::policy::response::InjectionResponse;
use crate::policy::rule::Remedy;
use crate::policy::verdict::Verdict;

/// The maximum number of resources cited for one criterion. It bounds the result for a chart of any size.
pub(crate) const MAX_EVIDENCE: usize = 200;

/// A verdict under construction, together with its evidence and what is missing.
#[derive(Debug)]
pub(crate) struct Assessment<'a> {
    pub verdict: Verdict,
    pub found: Vec<String>,
    pub missing: Vec<Question>,
    pub evidence: Vec<Evidence<'a>>,
    /// The day from which it would be met, if only time is needed.
    pub met_from: Option<NaiveDate>,
    /// The number of missing treatment weeks, if a form states how many were completed.
    pub lacking_weeks: Option<u32>,
}

impl<'a> Assessment<'a> {
    /// Creates an assessment with no findings yet.
    pub(crate) fn new(verdict: Verdict) -> Self {
        Self { verdict, found: Vec::new(), missing: Vec::new(), evidence: Vec::new(), met_from: None, lacking_weeks: None }
    }

    /// Adds what was found.
    pub(crate) fn found(mut self, phrase: impl Into<Option<String>>) -> Self {
        self.found.extend(phrase.into());
        self
    }

    /// Adds the resources that the verdict rests on.
    pub(crate) fn resting_on(mut self, evidence: impl IntoIterator<Item = Evidence<'a>>) -> Self {
        let room = MAX_EVIDENCE.saturating_sub(self.evidence.len());
        self.evidence.extend(evidence.into_iter().take(room));
        self
    }

    /// Adds the questions that would settle an unknown verdict.
    pub(crate) fn settled_by(mut self, questions: &[Question]) -> Self {
        if self.verdict.is_unknown() {
            self.missing.extend(questions.iter().filter(|question| !self.missing.contains(question)).copied().collect::<Vec<_>>());
        }
        self
    }

    /// Adds the question whose answer could justify an exception to a criterion that is not met.
    pub(crate) fn excepted_by(mut self, question: Question) -> Self {
        if self.verdict.is_not_met() {
            self.missing.push(question);
        }
        self
    }

    /// Marks it as met from `date` on, without further action.
    pub(crate) fn met_from(self, date: NaiveDate) -> Self {
        Self { met_from: self.verdict.is_not_met().then_some(date), ..self }
    }

    /// Converts the response to an injection.
    pub(crate) fn from_response(response: InjectionResponse<'a>) -> Self {
        let whole = Self::new(response.verdict).settled_by(&response.missing).resting_on(response.evidence);
        response.found.into_iter().fold(whole, Self::found)
    }

    /// Appends the findings and missing questions of a part; the verdict is unchanged.
    pub(crate) fn with_part(self, part: Self) -> Self {
        self.joined_by(part.found, part.evidence, &part.missing)
    }

    /// Appends the findings and missing questions of an injection's response; the verdict is unchanged.
    pub(crate) fn with_response(self, response: InjectionResponse<'a>) -> Self {
        self.joined_by(response.found, response.evidence, &response.missing)
    }

    fn joined_by(mut self, found: Vec<String>, evidence: Vec<Evidence<'a>>, missing: &[Question]) -> Self {
        self.found.extend(found.into_iter().filter(|phrase| !self.found.contains(phrase)).collect::<Vec<_>>());
        let new: Vec<_> = evidence.into_iter().filter(|item| !self.evidence.contains(item)).collect();
        self.resting_on(new).settled_by(missing)
    }

    /// Builds the criterion and composes its statement from what was found and what is missing.
    pub(crate) fn into_criterion(self, definition: &CriterionDefinition, case: &OrderCase<'_, 'a>) -> Criterion<'a> {
        let wording = &case.policy.wording;
        let not_read = if self.verdict.is_unknown() { not_read(definition, case) } else { Vec::new() };
        let found = sentence(&each_once(self.found.into_iter().chain(not_read)).join("; "));
        let needed = self.missing.iter().filter(|_| self.verdict.is_unknown());
        let asks: Vec<_> = needed.map(|question| wording.ask(*question)).collect();
        let statement = match (found.is_empty(), asks.is_empty()) {
            (_, true) => found.clone(),
            (true, false) => sentence(&case.say(Phrase::NotDocumented, &[])),
            (false, false) => format!("{found} {}", sentence(&case.say(Phrase::StillNeeded, &[&asks.join(", ")]))),
        };
        let remediable = match definition.remedy {
            Remedy::None => false,
            Remedy::Time => self.met_from.is_some(),
            Remedy::Therapy | Remedy::Order => true,
        };
        Criterion {
            id: definition.id.clone(),
            role: definition.rule.role(),
            verdict: self.verdict,
            statement,
            found,
            evidence: self.evidence,
            missing: self.missing,
            met_from: self.met_from,
            remediable,
            lacking_weeks: self.lacking_weeks,
        }
    }
}

/// The unavailable lists that could have settled a criterion, each with the reason.
fn not_read(definition: &CriterionDefinition, case: &OrderCase<'_, '_>) -> Vec<String> {
    let lists = case.facts.unavailable.iter().filter(|(list, _)| definition.lists.contains(list));
    lists.map(|(list, reason)| case.say(Phrase::ListUnavailable, &[&case.policy.wording.source(list), reason])).collect()
}

/// Adds a leading capital and a full stop.
fn sentence(text: &str) -> String {
    let stop = if text.is_empty() || text.ends_with('.') { "" } else { "." };
    format!("{}{stop}", capitalised(text))
}
