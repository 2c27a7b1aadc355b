//! The decision on one order as the page shows it: in words, joint by joint and criterion by criterion.
//! The words are the policy's. Not here: the questions ([`super::form`]).

use super::words::{Text, Words};
use crate::policy::{
    CardText, Criterion, Determination, DiagnosisSupport, Evaluation, Evidence, OrderEvaluation, OrderWords, Policy, PriorInjection, Site,
    SiteEvaluation, Verdict,
};

/// Of a criterion's evidence, this many are shown and the rest is counted.
const EVIDENCE_LIMIT: usize = 8;

/// A decision in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecisionView {
    /// The order with its side.
    pub order: String,
    /// The service date.
    pub service: String,
    /// The determination's name, as in the contract; a class of the stylesheet.
    pub class: &'static str,
    /// The determination in a few words.
    pub determination: String,
    /// One sentence.
    pub lead: String,
    /// What to do next.
    pub next: String,
    /// The earliest date, when there is one.
    pub earliest: Option<String>,
    /// Whether every criterion is met.
    pub is_supported: bool,
    /// One for each joint.
    pub sites: Vec<SiteView>,
    /// Diagnosis, plan, codes, what could not be read, what was assumed.
    pub notes: Vec<String>,
}

/// One joint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SiteView {
    /// The joint's name; empty where the order is for one alone.
    pub name: String,
    /// The indication that applies.
    pub pathway: String,
    /// Its determination in a few words.
    pub determination: String,
    /// The determination's name.
    pub class: &'static str,
    /// How many are met, not known and not met.
    pub tally: String,
    /// What stands above the earlier injections.
    pub earlier_heading: String,
    /// The injections of the episode.
    pub earlier: Vec<String>,
    /// The criteria in the policy's order.
    pub criteria: Vec<CriterionView>,
}

/// One criterion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CriterionView {
    /// Its section.
    pub id: &'static str,
    /// Its title.
    pub title: String,
    /// `met`, `not-met` or `unknown`; names the icon and the class.
    pub class: &'static str,
    /// The verdict as a word.
    pub verdict: String,
    /// What was found and what is missing.
    pub statement: String,
    /// That the answers changed the verdict, and what it is on record.
    pub change: Option<String>,
    /// What it rests on.
    pub evidence: Vec<EvidenceView>,
    /// The words that open evidence and rule.
    pub evidence_words: String,
    /// How many more there are.
    pub more: Option<String>,
    /// The policy's sentence.
    pub citation: String,
    /// The questions that would settle it.
    pub asks: Vec<AskView>,
}

/// One resource a verdict rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EvidenceView {
    /// Its date as written, or that there is none.
    pub date: String,
    /// What it shows.
    pub what: String,
    /// The list it is from, and its id.
    pub source: String,
}

/// A question of the form, by its words in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AskView {
    /// Its linkId.
    pub link_id: &'static str,
    /// Where it stands on the page.
    pub href: String,
    /// What it asks for.
    pub text: String,
}

/// What could not be had of the chart.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unread<'u> {
    /// The lists, by the reason.
    pub lists: &'u [(&'static str, Vec<&'static str>)],
    /// How many entries.
    pub entries: usize,
}

/// One order of an evaluation, to be told.
pub(super) struct Telling<'t> {
    pub words: &'t Words,
    pub policy: &'t Policy,
    pub evaluation: &'t Evaluation<'t>,
    pub order: &'t OrderEvaluation<'t>,
    /// The same order as it is on record, where the answers of the form are counted in.
    pub recorded: Option<&'t OrderEvaluation<'t>>,
    /// The id of the response whose answers are not saved.
    pub draft_id: Option<&'t str>,
    pub unread: Unread<'t>,
}

impl<'t> Telling<'t> {
    fn names(&self) -> OrderWords<'t, 't, 't> {
        OrderWords { policy: self.policy, order: self.order, is_one_of_several: false }
    }

    pub(super) fn decision(&self) -> DecisionView {
        let (names, order) = (self.names(), self.order);
        let (arguments, texts) = (names.arguments(), names.texts());
        DecisionView {
            order: names.order(),
            service: self.words.fill(Text::Service, &[&order.service_date]),
            class: order.determination.as_str(),
            determination: capitalised(&names.determination(order.determination, order.earliest_date)),
            lead: texts.map(|texts| texts.lead(&arguments)).unwrap_or_default(),
            next: texts.map(|texts| texts.next(&arguments)).unwrap_or_default(),
            earliest: order.earliest_date.map(|date| self.words.fill(Text::Earliest, &[&date])),
            is_supported: order.determination == Determination::Supported,
            sites: order.sites.iter().map(|site| self.site(site)).collect(),
            notes: self.notes(),
        }
    }

    fn site(&self, site: &SiteEvaluation<'_>) -> SiteView {
        let names = self.names();
        let count = |verdict| site.criteria.iter().filter(|criterion| criterion.verdict == verdict).count();
        let [met, unknown, not_met] = [Verdict::Met, Verdict::Unknown, Verdict::NotMet].map(count);
        let is_one_of_two = self.order.sites.len() > 1;
        SiteView {
            name: if is_one_of_two { capitalised(&names.site(site.site)) } else { String::new() },
            pathway: capitalised(&names.pathway(site.pathway)),
            determination: names.site_determination(site),
            class: site.determination.as_str(),
            tally: if site.criteria.is_empty() { String::new() } else { self.words.fill(Text::Tally, &[&met, &unknown, &not_met]) },
            earlier_heading: names.say(CardText::Earlier, &[]),
            earlier: site.prior_injections.iter().map(|injection| self.earlier(injection)).collect(),
            criteria: site.criteria.iter().map(|criterion| self.criterion(site.site, criterion)).collect(),
        }
    }

    fn earlier(&self, injection: &PriorInjection<'_>) -> String {
        let names = self.names();
        let date = injection.date.clone().unwrap_or_else(|| names.say(CardText::UndatedInjection, &[]));
        let (improved, sustained) = (names.improved(injection), names.sustained(injection));
        names.say(CardText::EarlierInjection, &[&date, &injection.resource, &improved, &sustained])
    }

    fn criterion(&self, site: Site, criterion: &Criterion<'_>) -> CriterionView {
        let text = self.policy.criterion(criterion.id);
        let evidence: Vec<_> = criterion.evidence.iter().map(|evidence| self.evidence(evidence)).collect();
        let more = evidence.len().saturating_sub(EVIDENCE_LIMIT);
        let opens =
            if evidence.is_empty() { self.words.say(Text::NoEvidence) } else { self.words.fill(Text::Evidence, &[&evidence.len()]) };
        CriterionView {
            id: criterion.id.as_str(),
            title: self.names().title(criterion.id).to_owned(),
            class: class(criterion.verdict),
            verdict: self.words.say(word(criterion.verdict)),
            statement: capitalised(&criterion.statement),
            change: self.change(site, criterion),
            evidence_words: opens,
            evidence: evidence.into_iter().take(EVIDENCE_LIMIT).collect(),
            more: (more > 0).then(|| self.words.fill(Text::AndMore, &[&more])),
            citation: text.map(|text| text.citation.clone()).unwrap_or_default(),
            asks: self.asks(criterion),
        }
    }

    fn change(&self, site: Site, criterion: &Criterion<'_>) -> Option<String> {
        let recorded = self.recorded?.sites.iter().find(|known| known.site == site)?;
        let known = recorded.criteria.iter().find(|known| known.id == criterion.id)?;
        (known.verdict != criterion.verdict).then(|| self.words.fill(Text::Changed, &[&self.words.say(word(known.verdict))]))
    }

    fn asks(&self, criterion: &Criterion<'_>) -> Vec<AskView> {
        let asks = criterion.missing.iter().map(|question| {
            let link_id = question.link_id();
            AskView { link_id, href: format!("#q-{link_id}"), text: self.policy.wording.ask(*question).to_owned() }
        });
        asks.collect()
    }

    fn evidence(&self, evidence: &Evidence<'_>) -> EvidenceView {
        let resource = &evidence.resource;
        let source = if Some(resource.id()) == self.draft_id {
            self.words.say(Text::YourAnswers)
        } else {
            format!("{}, {resource}", self.policy.wording.source(list_of(resource.kind())))
        };
        EvidenceView {
            date: evidence.date.clone().unwrap_or_else(|| self.words.say(Text::NoDate)),
            what: capitalised(&evidence.what),
            source,
        }
    }

    fn notes(&self) -> Vec<String> {
        let (names, order) = (self.names(), self.order);
        let diagnosis = match order.diagnosis {
            DiagnosisSupport::OnOrder => names.say(CardText::DiagnosisOnOrder, &[]),
            DiagnosisSupport::OnProblemList => names.diagnosis_on_problem_list(str::to_owned),
            DiagnosisSupport::NotFound => names.say(CardText::DiagnosisNotFound, &[]),
            DiagnosisSupport::Unavailable => names.say(CardText::DiagnosisUnavailable, &[]),
        };
        let no_side = order.sites.iter().any(|site| site.site == Site::Unspecified);
        let side = no_side.then(|| names.say(CardText::SideNotStated, &[]));
        let plan = self.policy.plan_note(self.evaluation.plan).map(str::to_owned);
        let lists = self.unread.lists.iter().map(|(reason, lists)| {
            let lists: Vec<_> = lists.iter().map(|list| self.policy.wording.source(list)).collect();
            names.say(CardText::SourceUnavailable, &[&lists.join(", "), reason])
        });
        let entries = (self.unread.entries > 0).then(|| names.say(CardText::UnreadableEntries, &[&self.unread.entries]));
        let coding = order.coding_notes.iter().map(|note| format!("{note}."));
        let assumed = order
            .assumptions
            .iter()
            .map(|assumption| names.say(CardText::Assumed, &[&assumption.effect, &assumption.parameter, &assumption.value]));
        side.into_iter().chain([diagnosis]).chain(plan).chain(lists).chain(entries).chain(coding).chain(assumed).collect()
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

/// The list of the chart that holds resources of a type, by its name in an evaluation's `sources`.
fn list_of(resource_type: &str) -> &str {
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

/// The first letter in capitals.
pub(super) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
