//! The wording of the decision on one order, by joint and criterion.
//! The policy supplies the text. Not here: the questions ([`super::form`]).

use super::messages::{Messages, Text};
use crate::policy::{
    CardText, Criterion, CriterionRole, Determination, DiagnosisSupport, Evaluation, Evidence, OrderEvaluation, OrderKind, OrderWords,
    Policy, PriorInjection, Question, Site, SiteEvaluation, Verdict, begun_day, capitalised,
};

/// Maximum pieces of evidence to show per criterion; the rest is only counted.
const MAX_EVIDENCE: usize = 8;

/// A decision as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecisionView {
    /// The order and its side.
    pub order: String,
    /// The service date.
    pub service: String,
    /// The determination's name in the API contract, also used as a CSS class.
    pub class: &'static str,
    /// The determination, in short.
    pub determination: String,
    /// The reason, and the next step.
    pub tell: Vec<String>,
    /// What could change the decision, the most urgent first.
    pub notes: Vec<String>,
    /// The criteria that are met, by joint.
    pub met: Vec<MetView>,
    /// How many criteria are met; empty if there are none.
    pub tally: String,
    /// The diagnosis, unreadable data, and assumptions.
    pub about: Vec<String>,
}

/// The criteria that are met for one joint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetView {
    /// The joint's name; empty if the order is for only one.
    pub name: String,
    /// The heading of the earlier injections.
    pub earlier_heading: String,
    /// The injections of the episode.
    pub earlier: Vec<String>,
    /// The criteria in policy order.
    pub criteria: Vec<CriterionView>,
}

/// One criterion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CriterionView {
    /// Its section in the policy.
    pub id: String,
    /// Its title.
    pub title: String,
    /// `met`, `not-met` or `unknown`; selects the icon and the CSS class.
    pub class: &'static str,
    /// The verdict as text.
    pub verdict: String,
    /// What was found and what is missing.
    pub statement: String,
    /// A note that the answers changed the verdict, with the verdict on record.
    pub change: Option<String>,
    /// The evidence for the verdict.
    pub evidence: Vec<EvidenceView>,
    /// The label that expands the evidence and the rule.
    pub evidence_words: String,
    /// How many more pieces of evidence there are.
    pub more: Option<String>,
    /// The policy's text.
    pub citation: String,
}

/// One resource that supports a verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EvidenceView {
    /// Its date as written, or a text that it has none.
    pub date: String,
    /// What it shows.
    pub what: String,
    /// The chart list it comes from.
    pub source: String,
}

/// A link to a question of the form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AskView {
    /// The link's target on the page.
    pub href: String,
    /// The link's text.
    pub text: String,
}

/// Chart data that could not be read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unread<'u> {
    /// The lists, by reason.
    pub lists: &'u [(&'static str, Vec<&'static str>)],
    /// The number of entries.
    pub entries: usize,
}

/// Writes the text for one order of an evaluation.
pub(super) struct DecisionText<'t> {
    pub words: &'t Messages,
    pub policy: &'t Policy,
    pub evaluation: &'t Evaluation<'t>,
    pub order: &'t OrderEvaluation<'t>,
    /// The same order evaluated on record, if `order` includes the form's answers.
    pub recorded: Option<&'t OrderEvaluation<'t>>,
    /// The id of the response with the unsaved answers.
    pub draft_id: Option<&'t str>,
    pub unread: Unread<'t>,
}

impl<'t> DecisionText<'t> {
    fn names(&self) -> OrderWords<'t, 't, 't> {
        let today = begun_day(self.evaluation.as_of);
        OrderWords { policy: self.policy, order: self.order, is_one_of_several: false, today }
    }

    pub(super) fn decision(&self) -> DecisionView {
        let (names, order) = (self.names(), self.order);
        let criteria = || order.sites.iter().flat_map(|site| &site.criteria);
        let (met, all) = (criteria().filter(|criterion| criterion.verdict.is_met()).count(), criteria().count());
        DecisionView {
            order: names.order(),
            service: self.words.fill(Text::Service, &[&order.service_date]),
            class: order.determination.as_str(),
            determination: capitalised(&names.determination(order.determination, order.earliest_date)),
            tell: self.tell(),
            notes: self.notes(),
            met: order.sites.iter().map(|site| self.met(site)).filter(|site| !site.criteria.is_empty()).collect(),
            tally: if all > 0 { self.words.fill(Text::Tally, &[&met, &all]) } else { String::new() },
            about: self.about(),
        }
    }

    /// The reason for the determination, and the next step.
    fn tell(&self) -> Vec<String> {
        let (words, order) = (self.words, self.order);
        let first = match (order.determination, order.earliest_date) {
            (Determination::Supported, _) => words.say(Text::TellSupported),
            (Determination::NeedsDocumentation, _) if self.is_history_open() => words.say(Text::TellHistory),
            (Determination::NeedsDocumentation, _) => words.say(Text::TellNeedsDocumentation),
            (Determination::NotYet, Some(_)) if self.names().is_window_past() => words.fill(Text::TellNotYet, &[&order.service_date]),
            (Determination::NotYet, Some(date)) if date <= self.names().today => words.fill(Text::TellWaited, &[&date]),
            (Determination::NotYet, Some(date)) => words.fill(Text::TellNotYetFrom, &[&date]),
            (Determination::NotYet, None) => words.fill(Text::TellNotYet, &[&order.service_date]),
            (Determination::IndividualConsideration, _) => words.say(Text::TellByCase),
            (Determination::NotSupported, _) if order.kind == OrderKind::Neurotomy => words.say(Text::TellNotCovered),
            (Determination::NotSupported, _) => words.say(Text::TellNotSupported),
            // The next step appears with the question.
            (Determination::Indeterminate, _) if !order.sites.is_empty() => return Vec::new(),
            (Determination::Indeterminate, _) => words.say(Text::TellOrderUnread),
        };
        let late = order.too_late.map(|date| words.fill(Text::TellTooLate, &[&date]));
        [Some(first), late, self.ready_side()].into_iter().flatten().collect()
    }

    /// Whether possible injections leave the history criterion open.
    fn is_history_open(&self) -> bool {
        let criteria = self.order.sites.iter().flat_map(|site| &site.criteria);
        criteria.into_iter().any(|criterion| criterion.role == CriterionRole::History && criterion.verdict.is_unknown())
    }

    /// For an order on two joints, names the one that is supported on its own.
    fn ready_side(&self) -> Option<String> {
        let ready: Vec<_> = self.order.sites.iter().filter(|site| site.determination == Determination::Supported).collect();
        match (ready.as_slice(), self.order.sites.len()) {
            ([ready], 2) => Some(self.words.fill(Text::TellOneSide, &[&self.names().site(ready.site)])),
            _ => None,
        }
    }

    /// The joint's name and determination; the name is empty if the order is for only one.
    pub(super) fn site_heading(&self, site: &SiteEvaluation<'_>) -> (String, String) {
        let is_one_of_two = self.order.sites.len() > 1;
        let name = if is_one_of_two { capitalised(&self.names().site(site.site)) } else { String::new() };
        (name, self.names().site_determination(site))
    }

    /// The indication that applies.
    pub(super) fn pathway(&self, site: &SiteEvaluation<'_>) -> String {
        capitalised(&self.names().pathway(&site.pathway))
    }

    fn met(&self, site: &SiteEvaluation<'_>) -> MetView {
        let met = site.criteria.iter().filter(|criterion| criterion.verdict.is_met());
        MetView {
            name: self.site_heading(site).0,
            earlier_heading: self.names().say(CardText::Earlier, &[]),
            earlier: site.prior_injections.iter().map(|injection| self.earlier(injection)).collect(),
            criteria: met.map(|criterion| self.criterion(site.site, criterion)).collect(),
        }
    }

    /// The history criterion, if the history could not be read.
    pub(super) fn unread_history(&self) -> CriterionView {
        let definition = self.policy.history_criterion();
        CriterionView {
            id: definition.map(|definition| definition.id.to_string()).unwrap_or_default(),
            title: definition.map(|definition| definition.title.clone()).unwrap_or_default(),
            class: class(Verdict::Unknown),
            verdict: self.words.say(word(Verdict::Unknown)),
            evidence_words: self.words.say(Text::NoEvidence),
            citation: definition.map(|definition| definition.citation.clone()).unwrap_or_default(),
            ..CriterionView::default()
        }
    }

    /// A link to a question.
    pub(super) fn ask(&self, text: Text, question: Question) -> AskView {
        let words = self.words.fill(text, &[&self.policy.wording.ask(question)]);
        AskView { href: format!("#q-{}", question.link_id()), text: words }
    }

    fn earlier(&self, injection: &PriorInjection<'_>) -> String {
        let names = self.names();
        let date = injection.date.clone().unwrap_or_else(|| names.say(CardText::UndatedInjection, &[]));
        let (improved, sustained) = (names.improved(injection), names.sustained(injection));
        self.words.fill(Text::EarlierInjection, &[&date, &improved, &sustained])
    }

    pub(super) fn criterion(&self, site: Site, criterion: &Criterion<'_>) -> CriterionView {
        let text = self.policy.criterion(&criterion.id);
        let evidence: Vec<_> = criterion.evidence.iter().map(|evidence| self.evidence(evidence)).collect();
        let more = evidence.len().saturating_sub(MAX_EVIDENCE);
        let opens =
            if evidence.is_empty() { self.words.say(Text::NoEvidence) } else { self.words.fill(Text::Evidence, &[&evidence.len()]) };
        CriterionView {
            id: criterion.id.to_string(),
            title: self.names().title(&criterion.id).to_owned(),
            class: class(criterion.verdict),
            verdict: self.words.say(word(criterion.verdict)),
            statement: capitalised(&criterion.statement),
            change: self.change(site, criterion),
            evidence_words: opens,
            evidence: evidence.into_iter().take(MAX_EVIDENCE).collect(),
            more: (more > 0).then(|| self.words.fill(Text::AndMore, &[&more])),
            citation: text.map(|text| text.citation.clone()).unwrap_or_default(),
        }
    }

    fn change(&self, site: Site, criterion: &Criterion<'_>) -> Option<String> {
        let recorded = self.recorded?.sites.iter().find(|known| known.site == site)?;
        let known = recorded.criteria.iter().find(|known| known.id == criterion.id)?;
        (known.verdict != criterion.verdict).then(|| self.words.fill(Text::Changed, &[&self.words.say(word(known.verdict))]))
    }

    fn evidence(&self, evidence: &Evidence<'_>) -> EvidenceView {
        let resource = &evidence.resource;
        let source = if Some(resource.id()) == self.draft_id {
            self.words.say(Text::YourAnswers)
        } else {
            self.policy.wording.source(list_of(resource.kind())).to_owned()
        };
        let date = evidence.date.as_deref().map(|date| match date.split_once('/') {
            Some((first, last)) => self.words.fill(Text::Between, &[&first, &last]),
            None => date.to_owned(),
        });
        EvidenceView { date: date.unwrap_or_else(|| self.words.say(Text::NoDate)), what: capitalised(&evidence.what), source }
    }

    /// What could change the decision: the plan's rules, the policy's notes, and problems with the order.
    fn notes(&self) -> Vec<String> {
        let (names, order) = (self.names(), self.order);
        let diagnosis = match order.diagnosis {
            DiagnosisSupport::OnOrder => None,
            DiagnosisSupport::OnProblemList => Some(names.diagnosis_on_problem_list(str::to_owned)),
            // A coding note says which code to use.
            DiagnosisSupport::NotFound if !order.coding_notes.is_empty() => None,
            DiagnosisSupport::NotFound => Some(names.say(CardText::DiagnosisNotFound, &[])),
            DiagnosisSupport::Unavailable if order.sites.is_empty() => None,
            DiagnosisSupport::Unavailable => Some(names.say(CardText::DiagnosisUnavailable, &[])),
        };
        let no_side = order.sites.iter().any(|site| site.site == Site::Unspecified);
        let side = no_side.then(|| names.say(CardText::SideNotStated, &[]));
        let plan = self.policy.plan_note(self.evaluation.plan).map(str::to_owned);
        let noted = order.notes.iter().map(|note| capitalised(&note.text));
        let coding = order.coding_notes.iter().map(|note| format!("{note}."));
        plan.into_iter().chain(side).chain(noted).chain(diagnosis).chain(coding).collect()
    }

    /// What the decision depends on besides the criteria.
    fn about(&self) -> Vec<String> {
        let (names, order) = (self.names(), self.order);
        let diagnosis = (order.diagnosis == DiagnosisSupport::OnOrder).then(|| names.say(CardText::DiagnosisOnOrder, &[]));
        let lists = self.unread.lists.iter().map(|(reason, lists)| {
            let lists: Vec<_> = lists.iter().map(|list| self.policy.wording.source(list)).collect();
            names.say(CardText::SourceUnavailable, &[&lists.join(", "), reason])
        });
        let entries = (self.unread.entries > 0).then(|| names.say(CardText::UnreadableEntries, &[&self.unread.entries]));
        let assumed = order.assumptions.iter().map(|assumption| self.words.fill(Text::Assumed, &[&assumption.effect]));
        diagnosis.into_iter().chain(lists).chain(entries).chain(assumed).collect()
    }
}

fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Met => "met",
        Verdict::NotMet => "not-met",
        Verdict::Unknown => "unknown",
    }
}

fn word(verdict: Verdict) -> Text {
    match verdict {
        Verdict::Met => Text::Met,
        Verdict::NotMet => Text::NotMet,
        Verdict::Unknown => Text::Unknown,
    }
}

/// The chart list for a resource type, by its name in an evaluation's `sources`.
pub(super) fn list_of(resource_type: &str) -> &str {
    match resource_type {
        "Condition" => "conditions",
        "Procedure" => "procedures",
        "MedicationStatement" => "medicationStatements",
        "MedicationRequest" => "medicationRequests",
        "AllergyIntolerance" => "allergies",
        "Observation" => "observations",
        "QuestionnaireResponse" => "questionnaireResponses",
        "ServiceRequest" => "serviceRequests",
        other => other,
    }
}
