//! A criterion while it is being worked out: verdict, what was found, what is missing, the evidence.

use chrono::NaiveDate;

use crate::policy::case::OrderCase;
use crate::policy::criterion_id::CriterionId;
use crate::policy::evaluation::{Criterion, Evidence};
use crate::policy::form::Question;
use crate::policy::phrases::Phrase;
use crate::policy::prose::{capitalised, each_once};
use crate::policy::response::InjectionResponse;
use crate::policy::verdict::Verdict;

/// More resources than anybody reads for one criterion; a chart of any size yields a result of bounded size.
pub(crate) const MAX_EVIDENCE: usize = 200;

/// A verdict in the making; it never stands without what it rests on and what is missing.
#[derive(Debug)]
pub(crate) struct Assessment<'a> {
    pub verdict: Verdict,
    pub found: Vec<String>,
    pub missing: Vec<Question>,
    pub evidence: Vec<Evidence<'a>>,
    /// The day from which it would be met, when time alone settles it.
    pub met_from: Option<NaiveDate>,
    /// Whether, being not met, it can become met.
    pub remediable: bool,
    /// How many weeks of a treatment are lacking, where a form says how many there were.
    pub lacking_weeks: Option<u32>,
}

impl<'a> Assessment<'a> {
    /// A verdict on which nothing has been found yet.
    pub(crate) fn new(verdict: Verdict) -> Self {
        Self {
            verdict,
            found: Vec::new(),
            missing: Vec::new(),
            evidence: Vec::new(),
            met_from: None,
            remediable: false,
            lacking_weeks: None,
        }
    }

    /// Says what was found.
    pub(crate) fn found(mut self, phrase: impl Into<Option<String>>) -> Self {
        self.found.extend(phrase.into());
        self
    }

    /// Names the resources it rests on.
    pub(crate) fn resting_on(mut self, evidence: impl IntoIterator<Item = Evidence<'a>>) -> Self {
        let room = MAX_EVIDENCE.saturating_sub(self.evidence.len());
        self.evidence.extend(evidence.into_iter().take(room));
        self
    }

    /// Names what would settle it, if it is open.
    pub(crate) fn settled_by(mut self, questions: &[Question]) -> Self {
        if self.verdict.is_unknown() {
            self.missing.extend(questions.iter().filter(|question| !self.missing.contains(question)).copied().collect::<Vec<_>>());
        }
        self
    }

    /// Names the question whose answer could make an exception of what is not met.
    pub(crate) fn excepted_by(mut self, question: Question) -> Self {
        if self.verdict.is_not_met() {
            self.missing.push(question);
        }
        self
    }

    /// Marks it as one that can become met.
    pub(crate) fn remediable(self, remediable: bool) -> Self {
        Self { remediable, ..self }
    }

    /// Marks it as one that time settles from that day.
    pub(crate) fn met_from(self, date: NaiveDate) -> Self {
        Self { met_from: self.verdict.is_not_met().then_some(date), remediable: true, ..self }
    }

    /// What an injection did, as an assessment of it.
    pub(crate) fn from_response(response: InjectionResponse<'a>) -> Self {
        let whole = Self::new(response.verdict).settled_by(&response.missing).resting_on(response.evidence);
        response.found.into_iter().fold(whole, Self::found)
    }

    /// Puts what a part found and lacks behind its own; its verdict stands.
    pub(crate) fn with_part(self, part: Self) -> Self {
        self.joined_by(part.found, part.evidence, &part.missing)
    }

    /// Puts what another injection's response found and lacks behind its own; its verdict stands.
    pub(crate) fn with_response(self, response: InjectionResponse<'a>) -> Self {
        self.joined_by(response.found, response.evidence, &response.missing)
    }

    fn joined_by(mut self, found: Vec<String>, evidence: Vec<Evidence<'a>>, missing: &[Question]) -> Self {
        self.found.extend(found.into_iter().filter(|phrase| !self.found.contains(phrase)).collect::<Vec<_>>());
        let new: Vec<_> = evidence.into_iter().filter(|item| !self.evidence.contains(item)).collect();
        self.resting_on(new).settled_by(missing)
    }

    /// The finished criterion, its statement put together from what was found and what is missing.
    pub(crate) fn into_criterion(self, id: CriterionId, case: &OrderCase<'_, 'a>) -> Criterion<'a> {
        let wording = &case.policy.wording;
        let not_read = if self.verdict.is_unknown() { not_read(id, case) } else { Vec::new() };
        let found = sentence(&each_once(self.found.into_iter().chain(not_read)).join("; "));
        let needed = self.missing.iter().filter(|_| self.verdict.is_unknown());
        let asks: Vec<_> = needed.map(|question| wording.ask(*question)).collect();
        let statement = match (found.is_empty(), asks.is_empty()) {
            (_, true) => found.clone(),
            (true, false) => sentence(&case.say(Phrase::NotDocumented, &[])),
            (false, false) => format!("{found} {}", sentence(&case.say(Phrase::StillNeeded, &[&asks.join(", ")]))),
        };
        Criterion {
            id,
            verdict: self.verdict,
            statement,
            found,
            evidence: self.evidence,
            missing: self.missing,
            met_from: self.met_from,
            remediable: self.remediable,
            lacking_weeks: self.lacking_weeks,
        }
    }
}

/// The lists that could have settled a criterion and were not read, and why.
fn not_read(id: CriterionId, case: &OrderCase<'_, '_>) -> Vec<String> {
    let lists = case.facts.unavailable.iter().filter(|(list, _)| lists_of(id).contains(list));
    lists.map(|(list, reason)| case.say(Phrase::ListUnavailable, &[&case.policy.wording.source(list), reason])).collect()
}

/// The lists beside the form that a criterion is settled by, by their names in an evaluation's `sources`.
fn lists_of(id: CriterionId) -> &'static [&'static str] {
    match id {
        CriterionId::PainDuration | CriterionId::NoDiscOrFacetPain => &["conditions"],
        CriterionId::Tenderness
        | CriterionId::ProvocationTests
        | CriterionId::FirstDidNotHelp
        | CriterionId::SustainedRelief
        | CriterionId::PainRecurred
        | CriterionId::DiagnosticResponse => &["observations"],
        CriterionId::Nsaids => &["conditions", "medicationStatements", "medicationRequests", "allergies"],
        CriterionId::WithOtherTreatment => &["procedures", "serviceRequests"],
        CriterionId::ConservativeCareFailed | CriterionId::NoLikelierDiagnosis => &["questionnaireResponses"],
        CriterionId::ExerciseTherapy
        | CriterionId::ActivityModification
        | CriterionId::HistoryKnown
        | CriterionId::TwoWeeksPassed
        | CriterionId::TwoMonthsApart
        | CriterionId::FewerThanFour
        | CriterionId::WithinTwelveMonths
        | CriterionId::OneProcedurePerVisit => &["procedures"],
        CriterionId::Neurotomy | CriterionId::PerformedByPhysician => &[],
    }
}

/// A capital at the beginning and a full stop at the end.
fn sentence(text: &str) -> String {
    let stop = if text.is_empty() || text.ends_with('.') { "" } else { "." };
    format!("{}{stop}", capitalised(text))
}
