//! The criteria that decide an order, each with the questions that would settle it. Unmet criteria come first, then unknown ones, of which
//! the one that can settle the determination soonest is the first. A question appears only with the first criterion that asks it.
//! Not here: the criteria that are met ([`super::decision`]), and a question's own view ([`super::form`]).

use std::collections::BTreeSet;

use super::decision::{AskView, CriterionView, DecisionText};
use super::form::Asking;
use super::form_view::PartView;
use super::messages::Text;
use crate::policy::{Criterion, CriterionId, CriterionRole, CriterionRule, Question, Site, SiteEvaluation, UNDETERMINED, Verdict};

/// The deciding criteria of one joint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SiteBlocks {
    /// The joint's name; empty if the order is for only one.
    pub name: String,
    /// Its determination, in short.
    pub determination: String,
    /// The determination's name, used as a CSS class.
    pub class: &'static str,
    /// The indication that applies.
    pub pathway: String,
    /// One per criterion.
    pub blocks: Vec<BlockView>,
}

/// A deciding criterion with its questions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockView {
    /// Its element id.
    pub id: String,
    /// The criterion; `None` for questions that no criterion asks any more.
    pub criterion: Option<CriterionView>,
    /// What was found, excluding what the questions below ask for.
    pub found: String,
    /// What the clinician can do about it.
    pub act: String,
    /// Its questions.
    pub parts: Vec<PartView>,
    /// Links to questions elsewhere on the page.
    pub elsewhere: Vec<AskView>,
}

/// The input for the blocks.
pub(super) struct Blocks<'b, 't> {
    pub telling: &'b DecisionText<'t>,
    pub asking: &'b Asking<'b>,
    /// Whether the form is collapsed, with all questions elsewhere.
    pub is_closed: bool,
    /// The linkIds of the questions already placed, in page order.
    pub placed: Vec<String>,
}

impl Blocks<'_, '_> {
    /// The blocks of all joints, plus the questions that were open on record and that the answers have settled.
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
        let soonest = self.soonest(site);
        deciding.sort_by_key(|criterion| (self.rank(site.site, criterion), Some(&criterion.id) != soonest));
        let mut blocks: Vec<_> = deciding.into_iter().map(|criterion| self.block(site, criterion)).collect();
        if site.pathway.as_str() == UNDETERMINED {
            blocks.push(self.unread_history(site.site));
        }
        SiteBlocks { name, determination, class: site.determination.as_str(), pathway: telling.pathway(site), blocks }
    }

    /// The same criterion in the evaluation of the record.
    fn recorded(&self, site: Site, id: &CriterionId) -> Option<&Criterion<'_>> {
        let recorded = self.telling.recorded?.sites.iter().find(|known| known.site == site)?;
        recorded.criteria.iter().find(|known| known.id == *id)
    }

    /// Whether a criterion was open on record. If it is met now, it stays in place while the user answers.
    fn was_open(&self, site: Site, criterion: &Criterion<'_>) -> bool {
        self.recorded(site, &criterion.id).is_some_and(|known| known.verdict != Verdict::Met)
    }

    /// A criterion as it is on record, so that nothing moves while the user answers.
    fn as_recorded<'c>(&'c self, site: Site, criterion: &'c Criterion<'c>) -> &'c Criterion<'c> {
        self.recorded(site, &criterion.id).unwrap_or(criterion)
    }

    /// Sort order: an exception that can be claimed; unmet criteria, first those that nothing can still meet; then unknown ones, first the
    /// history, which says what section applies.
    fn rank(&self, site: Site, criterion: &Criterion<'_>) -> u8 {
        let known = self.as_recorded(site, criterion);
        match (known.verdict, known.role) {
            (Verdict::NotMet, CriterionRole::Continuation) if !known.missing.is_empty() => 0,
            (Verdict::NotMet, _) if !known.remediable => 1,
            (Verdict::NotMet, _) => 2,
            (Verdict::Unknown, CriterionRole::History) => 3,
            (Verdict::Unknown, _) => 4,
            (Verdict::Met, _) => 5,
        }
    }

    /// The unknown criterion that can settle the determination with the fewest answers: nothing can meet it any more once it is denied,
    /// and it has the fewest open questions. The others keep the policy's order.
    fn soonest<'e>(&self, site: &'e SiteEvaluation<'_>) -> Option<&'e CriterionId> {
        let recorded = |criterion: &Criterion<'_>| {
            let known = self.as_recorded(site.site, criterion);
            (known.verdict.is_unknown() && !known.missing.is_empty()).then(|| (known.remediable, asks(&known.missing).len()))
        };
        let open = site.criteria.iter().filter_map(|criterion| Some((recorded(criterion)?, &criterion.id)));
        open.min_by_key(|(effort, _)| *effort).map(|(_, id)| id)
    }

    fn block(&mut self, site: &SiteEvaluation<'_>, criterion: &Criterion<'_>) -> BlockView {
        let telling = self.telling;
        let before = self.recorded(site.site, &criterion.id).map(|known| known.missing.clone()).unwrap_or_default();
        let asks = asks(before.iter().chain(&criterion.missing));
        let view = telling.criterion(site.site, criterion);
        let is_listed = criterion.role == CriterionRole::History && self.lists_all_possible(site);
        let found = if self.is_closed {
            view.statement.clone()
        } else if is_listed && criterion.verdict.is_unknown() {
            String::new()
        } else {
            criterion.found.clone()
        };
        let parts = self.parts(&asks);
        BlockView {
            id: block_id(site.site, criterion.id.as_str()),
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

    /// Whether the form lists every possible injection for confirmation.
    fn lists_all_possible(&self, site: &SiteEvaluation<'_>) -> bool {
        self.asking.possible_count() >= site.possible_injections.len()
    }

    /// A link to a question placed with another criterion or, for an unmet criterion, to the question that corrects its basis.
    fn elsewhere(&self, criterion: &Criterion<'_>, asks: &BTreeSet<Question>, parts: &[PartView]) -> Vec<AskView> {
        if !parts.is_empty() {
            return Vec::new();
        }
        let (text, question) = match (asks.first(), self.correctable(&criterion.id)) {
            (Some(question), _) if !criterion.verdict.is_met() && !self.is_closed => (Text::AnsweredAbove, *question),
            (None, Some(question)) if criterion.verdict.is_not_met() => (Text::Correct, question),
            (Some(_) | None, _) => return Vec::new(),
        };
        vec![self.telling.ask(text, question)]
    }

    /// What the clinician can do about an unmet criterion.
    fn act(&self, site: &SiteEvaluation<'_>, criterion: &Criterion<'_>) -> String {
        let words = self.telling.words;
        let exception = criterion.role == CriterionRole::Continuation && !criterion.missing.is_empty() && is_only_fault(site);
        let act = if exception { Some(Text::TellException) } else { self.act_on(&criterion.id) };
        let from = criterion.met_from.filter(|date| !criterion.found.contains(&date.to_string()));
        act.map(|act| words.say(act)).or_else(|| Some(words.fill(Text::ActFrom, &[&from?]))).unwrap_or_default()
    }

    /// The question that corrects the basis of a criterion.
    fn correctable(&self, id: &CriterionId) -> Option<Question> {
        self.telling.policy.criterion(id)?.corrected_by
    }

    /// What a clinician can do about an unmet criterion besides waiting and correcting the record.
    fn act_on(&self, id: &CriterionId) -> Option<Text> {
        self.telling.policy.criterion(id)?.rule.leaves().into_iter().find_map(|rule| match rule {
            CriterionRule::TherapyCourse(_) | CriterionRule::MedicationCourse(_) => Some(Text::ActWeeks),
            CriterionRule::OtherTreatment(_) => Some(Text::ActAdjunct),
            CriterionRule::OneProcedureAVisit => Some(Text::ActOneProcedure),
            CriterionRule::Performer => Some(Text::ActPhysician),
            _ => None,
        })
    }

    /// A block for a joint whose history could not be read; the form can supply it.
    fn unread_history(&mut self, site: Site) -> BlockView {
        let words = self.telling.words;
        let criterion = self.telling.unread_history();
        let asks = BTreeSet::from([Question::PriorInjection, Question::InjectionHistoryComplete]);
        BlockView {
            id: block_id(site, &criterion.id),
            found: words.say(Text::TellHistoryUnread),
            parts: self.parts(&asks),
            criterion: Some(criterion),
            ..BlockView::default()
        }
    }

    /// Questions that are open on record, but that no criterion asks once the answers count.
    fn asked_before(&mut self) -> Option<SiteBlocks> {
        let recorded = self.telling.recorded?;
        let criteria = recorded.sites.iter().flat_map(|site| &site.criteria);
        let asked: BTreeSet<Question> = criteria.flat_map(|criterion| asks(&criterion.missing)).collect();
        let unread = recorded.sites.iter().any(|site| site.pathway.as_str() == UNDETERMINED);
        let history = [Question::PriorInjection, Question::InjectionHistoryComplete];
        let asked = asked.into_iter().chain(history.into_iter().filter(|_| unread)).collect();
        let parts = self.parts(&asked);
        let block = BlockView { id: "c-before".to_owned(), parts, ..BlockView::default() };
        (!block.parts.is_empty()).then(|| SiteBlocks { blocks: vec![block], ..SiteBlocks::default() })
    }
}

/// The questions of a criterion, with their companion questions.
fn asks<'q>(missing: impl IntoIterator<Item = &'q Question>) -> BTreeSet<Question> {
    missing.into_iter().flat_map(|question| [Some(*question), question.companion()]).flatten().collect()
}

/// Whether the limit after the first injection is the only unmet criterion.
fn is_only_fault(site: &SiteEvaluation<'_>) -> bool {
    site.criteria.iter().filter(|criterion| criterion.verdict.is_not_met()).all(|criterion| criterion.role == CriterionRole::Continuation)
}

fn block_id(site: Site, id: &str) -> String {
    format!("c-{}-{id}", site.as_str())
}
