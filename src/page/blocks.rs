//! What decides an order, criterion by criterion, each with the questions that would settle it: what is not met first, then what is not
//! known; a question stands with the first criterion that asks it.
//! Not here: the criteria that are met ([`super::decision`]), and a question's own view ([`super::form`]).

use std::collections::BTreeSet;

use super::decision::{AskView, CriterionView, DecisionText};
use super::form::Asking;
use super::form_view::PartView;
use super::messages::Text;
use crate::policy::{Criterion, CriterionId, Pathway, Question, Site, SiteEvaluation, Verdict};

/// What decides an order at one joint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SiteBlocks {
    /// The joint's name; empty where the order is for one alone.
    pub name: String,
    /// Its determination in a few words.
    pub determination: String,
    /// The determination's name; a class of the stylesheet.
    pub class: &'static str,
    /// The indication that applies.
    pub pathway: String,
    /// One for each criterion.
    pub blocks: Vec<BlockView>,
}

/// A criterion that decides, with its questions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockView {
    /// Its place on the page.
    pub id: String,
    /// The criterion; `None` for questions that no criterion asks any more.
    pub criterion: Option<CriterionView>,
    /// What was found, without what the questions below ask for.
    pub found: String,
    /// What can be done about it.
    pub act: String,
    /// Its questions.
    pub parts: Vec<PartView>,
    /// Questions that stand elsewhere on the page.
    pub elsewhere: Vec<AskView>,
}

/// What the blocks are made with.
pub(super) struct Blocks<'b, 't> {
    pub telling: &'b DecisionText<'t>,
    pub asking: &'b Asking<'b>,
    /// Whether the questions stand elsewhere: the form is folded away.
    pub is_closed: bool,
    /// The linkIds of the questions that have a place, in the page's order.
    pub placed: Vec<String>,
}

impl Blocks<'_, '_> {
    /// The blocks of all joints, and those questions that were asked before the answers and are asked no more.
    pub(super) fn sites(&mut self) -> Vec<SiteBlocks> {
        let order = self.telling.order;
        let mut sites: Vec<_> = order.sites.iter().map(|site| self.site(site)).collect();
        if !self.is_closed {
            sites.extend(self.asked_before());
        }
        sites.retain(|site| !site.blocks.is_empty() || !site.name.is_empty());
        sites
    }

    fn site(&mut self, site: &SiteEvaluation<'_>) -> SiteBlocks {
        let telling = self.telling;
        let (name, determination) = telling.site_heading(site);
        let mut deciding: Vec<_> =
            site.criteria.iter().filter(|criterion| criterion.verdict != Verdict::Met || self.was_open(site.site, criterion)).collect();
        deciding.sort_by_key(|criterion| self.rank(site.site, criterion));
        let mut blocks: Vec<_> = deciding.into_iter().map(|criterion| self.block(site, criterion)).collect();
        if site.pathway == Pathway::Undetermined {
            blocks.push(self.unread_history(site.site));
        }
        SiteBlocks { name, determination, class: site.determination.as_str(), pathway: telling.pathway(site), blocks }
    }

    /// The same criterion as it is on record.
    fn recorded(&self, site: Site, id: CriterionId) -> Option<&Criterion<'_>> {
        let recorded = self.telling.recorded?.sites.iter().find(|known| known.site == site)?;
        recorded.criteria.iter().find(|known| known.id == id)
    }

    /// Whether a criterion that is met now decided before the answers: it stays where it was while it is answered.
    fn was_open(&self, site: Site, criterion: &Criterion<'_>) -> bool {
        self.recorded(site, criterion.id).is_some_and(|known| known.verdict != Verdict::Met)
    }

    /// What is not met before what is not known, an exception that can be claimed before all; by what is on record, so that nothing
    /// moves while it is answered.
    fn rank(&self, site: Site, criterion: &Criterion<'_>) -> u8 {
        let known = self.recorded(site, criterion.id).unwrap_or(criterion);
        match (known.verdict, known.id) {
            (Verdict::NotMet, CriterionId::WithinTwelveMonths) if !known.missing.is_empty() => 0,
            (Verdict::NotMet, _) => 1,
            (Verdict::Unknown, CriterionId::HistoryKnown) => 2,
            (Verdict::Unknown, _) => 3,
            (Verdict::Met, _) => 4,
        }
    }

    fn block(&mut self, site: &SiteEvaluation<'_>, criterion: &Criterion<'_>) -> BlockView {
        let telling = self.telling;
        let before = self.recorded(site.site, criterion.id).map(|known| known.missing.clone()).unwrap_or_default();
        let asks = asks(before.iter().chain(&criterion.missing));
        let view = telling.criterion(site.site, criterion);
        let is_listed = criterion.id == CriterionId::HistoryKnown && self.lists_all_possible(site);
        let found = if self.is_closed {
            view.statement.clone()
        } else if is_listed && criterion.verdict.is_unknown() {
            String::new()
        } else {
            criterion.found.clone()
        };
        let parts = self.parts(&asks);
        BlockView {
            id: block_id(site.site, criterion.id),
            found,
            act: if criterion.verdict.is_not_met() { self.act(site, criterion) } else { String::new() },
            elsewhere: self.elsewhere(criterion, &asks, &parts),
            parts,
            criterion: Some(view),
        }
    }

    fn parts(&mut self, asks: &BTreeSet<Question>) -> Vec<PartView> {
        if self.is_closed {
            return Vec::new();
        }
        let wanted = asks.iter().map(|question| question.link_id()).collect();
        self.asking.inline(&wanted, &mut self.placed)
    }

    /// Whether every entry that may be an injection stands in the form, to be confirmed.
    fn lists_all_possible(&self, site: &SiteEvaluation<'_>) -> bool {
        self.asking.possible_count() >= site.possible_injections.len()
    }

    /// Links to questions that stand with another criterion; of what is not met, to what it rests on, so that it can be corrected.
    fn elsewhere(&self, criterion: &Criterion<'_>, asks: &BTreeSet<Question>, parts: &[PartView]) -> Vec<AskView> {
        if !parts.is_empty() {
            return Vec::new();
        }
        let (text, question) = match (asks.first(), correctable(criterion.id)) {
            (Some(question), _) if !criterion.verdict.is_met() && !self.is_closed => (Text::AnsweredAbove, *question),
            (None, Some(question)) if criterion.verdict.is_not_met() => (Text::Correct, question),
            (Some(_) | None, _) => return Vec::new(),
        };
        vec![self.telling.ask(text, question)]
    }

    /// What can be done about a criterion that is not met.
    fn act(&self, site: &SiteEvaluation<'_>, criterion: &Criterion<'_>) -> String {
        let words = self.telling.words;
        let exception = criterion.id == CriterionId::WithinTwelveMonths && !criterion.missing.is_empty() && is_only_fault(site);
        let act = if exception { Some(Text::TellException) } else { act_on(criterion.id) };
        let from = criterion.met_from.filter(|date| !criterion.found.contains(&date.to_string()));
        act.map(|act| words.say(act)).or_else(|| Some(words.fill(Text::ActFrom, &[&from?]))).unwrap_or_default()
    }

    /// The history of a joint that could not be read: the form can say it.
    fn unread_history(&mut self, site: Site) -> BlockView {
        let words = self.telling.words;
        let criterion = self.telling.unread_history();
        let asks = BTreeSet::from([Question::PriorInjection, Question::InjectionHistoryComplete]);
        BlockView {
            id: block_id(site, CriterionId::HistoryKnown),
            found: words.say(Text::TellHistoryUnread),
            parts: self.parts(&asks),
            criterion: Some(criterion),
            ..BlockView::default()
        }
    }

    /// Questions that are asked on record and, with the answers, by no criterion any more.
    fn asked_before(&mut self) -> Option<SiteBlocks> {
        let recorded = self.telling.recorded?;
        let criteria = recorded.sites.iter().flat_map(|site| &site.criteria);
        let asked: BTreeSet<Question> = criteria.flat_map(|criterion| asks(&criterion.missing)).collect();
        let unread = recorded.sites.iter().any(|site| site.pathway == Pathway::Undetermined);
        let history = [Question::PriorInjection, Question::InjectionHistoryComplete];
        let asked = asked.into_iter().chain(history.into_iter().filter(|_| unread)).collect();
        let parts = self.parts(&asked);
        let block = BlockView { id: "c-before".to_owned(), parts, ..BlockView::default() };
        (!block.parts.is_empty()).then(|| SiteBlocks { blocks: vec![block], ..SiteBlocks::default() })
    }
}

/// What a criterion asks: what it names, and what belongs to that.
fn asks<'q>(missing: impl IntoIterator<Item = &'q Question>) -> BTreeSet<Question> {
    missing.into_iter().flat_map(|question| [Some(*question), question.companion()]).flatten().collect()
}

/// The question by which what a criterion rests on can be corrected.
fn correctable(id: CriterionId) -> Option<Question> {
    match id {
        CriterionId::PainDuration => Some(Question::AdlsLimitedSince),
        CriterionId::Tenderness => Some(Question::SijTenderness),
        CriterionId::ProvocationTests => Some(Question::TestDistraction),
        CriterionId::ConservativeCareFailed => Some(Question::ConservativeCareFailed),
        CriterionId::ExerciseTherapy => Some(Question::ExerciseTherapyWeeks),
        CriterionId::Nsaids => Some(Question::NsaidWeeks),
        CriterionId::ActivityModification => Some(Question::ActivityModificationWeeks),
        CriterionId::NoDiscOrFacetPain => Some(Question::DiscOrFacetEvidence),
        CriterionId::NoLikelierDiagnosis => Some(Question::OtherDiagnosisMoreLikely),
        CriterionId::PainRecurred => Some(Question::PainRecurred),
        CriterionId::WithOtherTreatment => Some(Question::AdjunctNoninvasiveTreatment),
        CriterionId::WithinTwelveMonths => Some(Question::DefinitiveTherapyNotAvailable),
        CriterionId::FirstDidNotHelp
        | CriterionId::TwoWeeksPassed
        | CriterionId::SustainedRelief
        | CriterionId::TwoMonthsApart
        | CriterionId::FewerThanFour
        | CriterionId::DiagnosticResponse
        | CriterionId::HistoryKnown => Some(Question::PriorInjection),
        CriterionId::Neurotomy | CriterionId::OneProcedurePerVisit | CriterionId::PerformedByPhysician => None,
    }
}

/// What a clinician can do about a criterion that is not met, beside waiting and correcting the record.
fn act_on(id: CriterionId) -> Option<Text> {
    match id {
        CriterionId::ExerciseTherapy | CriterionId::Nsaids | CriterionId::ActivityModification => Some(Text::ActWeeks),
        CriterionId::WithOtherTreatment => Some(Text::ActAdjunct),
        CriterionId::OneProcedurePerVisit => Some(Text::ActOneProcedure),
        CriterionId::PerformedByPhysician => Some(Text::ActPhysician),
        CriterionId::PainDuration
        | CriterionId::Tenderness
        | CriterionId::ProvocationTests
        | CriterionId::ConservativeCareFailed
        | CriterionId::NoDiscOrFacetPain
        | CriterionId::NoLikelierDiagnosis
        | CriterionId::FirstDidNotHelp
        | CriterionId::TwoWeeksPassed
        | CriterionId::PainRecurred
        | CriterionId::SustainedRelief
        | CriterionId::TwoMonthsApart
        | CriterionId::FewerThanFour
        | CriterionId::DiagnosticResponse
        | CriterionId::WithinTwelveMonths
        | CriterionId::Neurotomy
        | CriterionId::HistoryKnown => None,
    }
}

/// Whether nothing is not met but the twelve months.
fn is_only_fault(site: &SiteEvaluation<'_>) -> bool {
    site.criteria.iter().filter(|criterion| criterion.verdict.is_not_met()).all(|criterion| criterion.id == CriterionId::WithinTwelveMonths)
}

fn block_id(site: Site, id: CriterionId) -> String {
    format!("c-{}-{}", site.as_str(), id.as_str())
}
