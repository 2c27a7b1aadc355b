//! The order texts that cards, the page and the text form share: its name, the indication it is judged under, the next step.
//! Not here: the layout of these outputs ([`crate::cds_hooks`], [`crate::app`]).

use std::fmt::Display;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::criterion_id::{CriterionId, PathwayId};
use super::definition::Policy;
use super::evaluation::{Criterion, Determination, OrderEvaluation, PossibleInjection, PriorInjection, Site, SiteEvaluation};
use super::evaluation_notes::NoteKind;
use super::outcomes::{OutcomeArguments, OutcomeKind, OutcomeText};
use super::phrases::{CardText, Phrase};
use super::prose::{each_once, shortened};
use super::reference::{OrderKind, PlanKind};
use super::rule::{CriterionRole, CriterionRule};
use super::verdict::Verdict;

/// The maximum number of entries that a text lists.
const MAX_ENTRIES: usize = 3;

/// Longer entry labels are truncated; the date identifies the entry.
const MAX_ENTRY_CHARS: usize = 70;

/// An order with the policy version that decided it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OrderWords<'p, 'e, 'a> {
    pub policy: &'p Policy,
    pub order: &'e OrderEvaluation<'a>,
    /// Whether the call has similar orders, so that texts must state this one's date.
    pub is_one_of_several: bool,
    /// The day on which the texts are read; they propose no earlier one.
    pub today: NaiveDate,
}

/// How far the clocks of Hawaii are behind UTC, in hours. No US state's are further.
const HOURS_BEHIND_UTC: i64 = 10;

/// The latest day that has begun wherever in the US the texts are read. The time zone of a clinic is not known.
pub(crate) fn begun_day(now: DateTime<Utc>) -> NaiveDate {
    (now - TimeDelta::hours(HOURS_BEHIND_UTC)).date_naive()
}

impl<'p> OrderWords<'p, '_, '_> {
    /// Fills in a card text of the policy.
    pub(crate) fn say(&self, text: CardText, arguments: &[&dyn Display]) -> String {
        self.policy.wording.card(text, arguments)
    }

    /// The joint's name.
    pub(crate) fn site(&self, site: Site) -> String {
        let text = match site {
            Site::Left => CardText::SiteLeft,
            Site::Right => CardText::SiteRight,
            Site::Unspecified => CardText::SiteUnspecified,
        };
        self.say(text, &[])
    }

    /// The indication that applies, with its policy section.
    pub(crate) fn pathway(&self, id: &PathwayId) -> String {
        let known = self.policy.pathway(id).map(|pathway| pathway.title.clone());
        known.unwrap_or_else(|| self.say(CardText::PathwayUndetermined, &[]))
    }

    /// The determination of a joint in a few words.
    pub(crate) fn site_determination(&self, site: &SiteEvaluation<'_>) -> String {
        self.determination(site.determination, site.earliest_date)
    }

    /// A determination in a few words, with the first day on which it would be supported, if known.
    pub(crate) fn determination(&self, determination: Determination, earliest_date: Option<NaiveDate>) -> String {
        let text = match (determination, earliest_date) {
            (Determination::NotYet, Some(_)) if self.is_window_past() => CardText::NotYet,
            (Determination::NotYet, Some(date)) if date <= self.today => CardText::NotYetButNow,
            (Determination::NotYet, Some(date)) => return self.say(CardText::NotYetFrom, &[&date]),
            (Determination::NotYet, None) => CardText::NotYet,
            (Determination::Supported, _) => CardText::Supported,
            (Determination::NeedsDocumentation, _) => CardText::NeedsDocumentation,
            (Determination::IndividualConsideration, _) => CardText::IndividualConsideration,
            (Determination::NotSupported, _) => CardText::NotSupported,
            (Determination::Indeterminate, _) => CardText::Indeterminate,
        };
        self.say(text, &[])
    }

    /// The relief from an earlier injection.
    pub(crate) fn improved(&self, injection: &PriorInjection<'_>) -> String {
        let text = match injection.improved {
            Verdict::Met => CardText::ImprovedYes,
            Verdict::NotMet => CardText::ImprovedNo,
            Verdict::Unknown => CardText::ImprovedOpen,
        };
        self.say(text, &[])
    }

    /// Whether the relief lasted. Empty unless there was relief: without it, duration adds nothing.
    pub(crate) fn sustained(&self, injection: &PriorInjection<'_>) -> String {
        let text = match injection.sustained {
            Verdict::Met => CardText::SustainedYes,
            Verdict::NotMet => CardText::SustainedNo,
            Verdict::Unknown => CardText::SustainedOpen,
        };
        if injection.improved.is_met() { self.say(text, &[]) } else { String::new() }
    }

    /// A criterion's title.
    pub(crate) fn title(&self, id: &CriterionId) -> &'p str {
        self.policy.criterion(id).map_or("", |text| text.title.as_str())
    }

    /// The criterion's text for a verdict.
    pub(crate) fn outcome(&self, id: &CriterionId, verdict: Verdict) -> &'p str {
        let Some(criterion) = self.policy.criterion(id) else { return "" };
        match verdict {
            Verdict::NotMet => &criterion.not_met,
            Verdict::Unknown => criterion.missing.as_ref().unwrap_or(&criterion.title),
            Verdict::Met => &criterion.title,
        }
    }

    /// The order's name, with its side.
    pub(crate) fn order(&self) -> String {
        let kind = match self.order.kind {
            OrderKind::Injection => CardText::OrderInjection,
            OrderKind::Neurotomy => CardText::OrderNeurotomy,
        };
        let kind = self.say(kind, &[]);
        let site = match self.order.sites.as_slice() {
            // The side of an unreadable order is unknown.
            [] => return kind,
            [site] => self.site(site.site),
            [_, ..] => self.say(CardText::SiteBoth, &[]),
        };
        if self.is_one_of_several {
            self.say(CardText::OrderWordsDated, &[&kind, &site, &self.order.service_date])
        } else {
            self.say(CardText::OrderWords, &[&kind, &site])
        }
    }

    /// The text on a listed diagnosis that is only on the problem list. It does not name a diagnosis with a retired code.
    pub(crate) fn diagnosis_on_problem_list(&self, show: impl Fn(&str) -> String) -> String {
        match &self.order.supporting_condition {
            Some(condition) => self.say(CardText::DiagnosisOnProblemList, &[&show(&condition.words)]),
            None => self.say(CardText::DiagnosisNotBillable, &[]),
        }
    }

    /// The distinct criteria with a given verdict, across the joints that decided the order.
    pub(crate) fn criteria(&self, verdict: Verdict) -> Vec<&CriterionId> {
        let criteria = self.deciding().flat_map(|site| &site.criteria).filter(|criterion| criterion.verdict == verdict);
        each_once(criteria.map(|criterion| &criterion.id))
    }

    /// The criterion that the summary is about: the first that is not met, else the first that is unknown.
    pub(crate) fn criterion(&self) -> Option<&CriterionId> {
        [Verdict::NotMet, Verdict::Unknown].into_iter().find_map(|verdict| self.criteria(verdict).first().copied())
    }

    /// The distinct texts of the criteria with a given verdict.
    fn titles(&self, verdict: Verdict) -> Vec<&'p str> {
        each_once(self.criteria(verdict).into_iter().map(|id| self.outcome(id, verdict)))
    }

    /// The day on which the wait ends: from then on the order is supported, or would be if that were not too late.
    fn waited_for(&self) -> Option<NaiveDate> {
        self.order.earliest_date.or(self.order.too_late)
    }

    /// The policy's own notes for the member's line of business.
    pub(crate) fn plan_notes(&self, plan: PlanKind) -> Vec<&'p str> {
        let plans: &[PlanKind] = match plan {
            PlanKind::MedicareAndMedicaid => &[PlanKind::Medicare, PlanKind::Medicaid],
            PlanKind::Medicare => &[PlanKind::Medicare],
            PlanKind::Medicaid => &[PlanKind::Medicaid],
            PlanKind::Commercial => &[PlanKind::Commercial],
            PlanKind::Unknown => &[],
        };
        plans.iter().filter_map(|plan| self.policy.plan_note(*plan)).collect()
    }

    /// Whether the days on which the order would have been supported are past.
    pub(crate) fn is_window_past(&self) -> bool {
        self.order.supported_from.is_some_and(|(_, last)| last < self.today)
    }

    /// The order's outcome.
    pub(crate) fn outcome_kind(&self) -> OutcomeKind {
        let is_over = self.order.earliest_date.is_some_and(|date| date <= self.today);
        match self.order.determination {
            Determination::Supported => OutcomeKind::Supported,
            Determination::NeedsDocumentation if self.is_history_open() => OutcomeKind::HistoryOpen,
            Determination::NeedsDocumentation => OutcomeKind::NeedsDocumentation,
            Determination::NotYet if self.is_window_past() => OutcomeKind::WindowIsPast,
            Determination::NotYet if is_over => OutcomeKind::WaitIsOver,
            Determination::NotYet if self.order.earliest_date.is_none() => OutcomeKind::NotYet,
            Determination::NotYet if self.waiting_site().is_some() => OutcomeKind::OneSideReady,
            Determination::NotYet => OutcomeKind::NotYetFrom,
            Determination::IndividualConsideration => OutcomeKind::IndividualConsideration,
            Determination::NotSupported if self.order.kind == OrderKind::Neurotomy => OutcomeKind::Excluded,
            Determination::NotSupported if self.order.too_late.is_some() => OutcomeKind::NotSupportedLate,
            Determination::NotSupported if self.could_be_excepted() => OutcomeKind::BeyondContinuation,
            Determination::NotSupported => OutcomeKind::NotSupported,
            Determination::Indeterminate if self.order.notes.iter().any(|note| note.kind == NoteKind::OrderUnreadable) => {
                OutcomeKind::OrderUnreadable
            }
            Determination::Indeterminate => OutcomeKind::Indeterminate,
        }
    }

    /// The texts of the outcome.
    pub(crate) fn texts(&self) -> Option<&'p OutcomeText> {
        self.policy.wording.outcome(self.outcome_kind())
    }

    /// The arguments of the texts, with the documentation form as the place to enter answers.
    pub(crate) fn arguments(&self) -> OutcomeArguments {
        self.arguments_with(self.say(CardText::PlaceForm, &[]))
    }

    /// The arguments of the texts, with the place to enter answers.
    pub(crate) fn arguments_with(&self, place: String) -> OutcomeArguments {
        let ready = self.site_ready_now().map(|site| self.site(site)).unwrap_or_default();
        let waiting = self.waiting_site().map(|site| self.site(site)).unwrap_or_default();
        let problem = self.order.notes.iter().find(|note| note.kind == NoteKind::OrderUnreadable);
        OutcomeArguments {
            order: self.order(),
            service_date: self.order.service_date.to_string(),
            earliest_date: self.waited_for().map(|date| date.to_string()).unwrap_or_default(),
            criterion: self.titles(Verdict::NotMet).first().copied().unwrap_or_default().to_owned(),
            missing: self.missing(),
            acts: self.acts().join(". "),
            place,
            entries: self.possible_injections(),
            problem: problem.map(|note| note.text.clone()).unwrap_or_default(),
            ready,
            waiting,
        }
    }

    /// What is missing: the title if there is only one, else the count.
    fn missing(&self) -> String {
        match self.titles(Verdict::Unknown).as_slice() {
            [title] => self.say(CardText::OneMissing, &[title]),
            titles => self.say(CardText::SeveralMissing, &[&titles.len()]),
        }
    }

    /// The joints that decided the order.
    fn deciding(&self) -> impl Iterator<Item = &SiteEvaluation<'_>> {
        self.order.sites.iter().filter(|site| site.determination == self.order.determination)
    }

    /// Whether the injection history is uncertain.
    fn is_history_open(&self) -> bool {
        self.deciding().any(has_open_history)
    }

    /// Whether only the limit after the first injection blocks the order, and its exception question has no answer.
    fn could_be_excepted(&self) -> bool {
        let is_exception = |criterion: &Criterion<'_>| criterion.role == CriterionRole::Continuation && !criterion.missing.is_empty();
        self.deciding().all(|site| site.criteria.iter().filter(|criterion| criterion.verdict.is_not_met()).all(is_exception))
    }

    /// The joint of a bilateral order that has to wait while the other can go ahead.
    fn waiting_site(&self) -> Option<Site> {
        self.site_ready_now()?;
        self.order.sites.iter().find(|site| site.determination == Determination::NotYet).map(|site| site.site)
    }

    /// The joint of a bilateral order that is supported while the other is not.
    pub(crate) fn site_ready_now(&self) -> Option<Site> {
        let [left, right] = self.order.sites.as_slice() else { return None };
        let is_supported = |site: &SiteEvaluation<'_>| site.determination == Determination::Supported;
        [(left, right), (right, left)]
            .into_iter()
            .find(|(ready, other)| is_supported(ready) && !is_supported(other))
            .map(|(ready, _)| ready.site)
    }

    /// The indication that the order is judged under, for each joint if they differ.
    pub(crate) fn judged_as(&self) -> String {
        let words = |site: &SiteEvaluation<'_>| self.judged(&site.pathway);
        match self.order.sites.as_slice() {
            [left, right] if left.pathway != right.pathway => {
                let each = [left, right].map(|site| self.say(CardText::JudgedAtSite, &[&words(site), &self.site(site.site)]));
                each.join(&self.say(CardText::And, &[]))
            }
            sites => sites.first().map(words).unwrap_or_default(),
        }
    }

    fn judged(&self, id: &PathwayId) -> String {
        let known = self.policy.pathway(id).map(|pathway| pathway.judged_as.clone());
        known.unwrap_or_else(|| self.say(CardText::JudgedUndetermined, &[]))
    }

    /// The entries that make the history uncertain.
    fn possible_injections(&self) -> String {
        let open = self.deciding().filter(|site| has_open_history(site));
        let mut entries = each_once(open.flat_map(|site| &site.possible_injections).map(|entry| self.possible_injection(entry)));
        let more = entries.len().saturating_sub(MAX_ENTRIES);
        entries.truncate(MAX_ENTRIES);
        if more > 0 {
            entries.push(self.say(CardText::AndMore, &[&more]));
        }
        entries.join("; ")
    }

    fn possible_injection(&self, entry: &PossibleInjection<'_>) -> String {
        let wording = &self.policy.wording;
        let date = entry.date.clone().unwrap_or_else(|| wording.say(Phrase::DateNotKnown, &[]));
        wording.say(Phrase::PossibleEntry, &[&shortened(&entry.words, MAX_ENTRY_CHARS), &date, &entry.why])
    }

    /// The distinct actions needed before the order can be supported.
    fn acts(&self) -> Vec<String> {
        let not_met = self.deciding().flat_map(|site| &site.criteria).filter(|criterion| criterion.verdict.is_not_met());
        let not_met: Vec<_> = not_met.collect();
        // Of several waits, the longest includes the others.
        let wait = not_met.iter().filter_map(|criterion| self.wait(criterion)).max();
        each_once(not_met.into_iter().map(|criterion| match (self.wait(criterion), wait) {
            (Some(_), Some(longest)) => self.say(CardText::ActWait, &[&self.day(longest)]),
            (_, _) => self.act(criterion),
        }))
    }

    /// The policy's own words, else the therapy to order, else what is not met.
    fn act(&self, criterion: &Criterion<'_>) -> String {
        if let Some(act) = self.policy.criterion(&criterion.id).and_then(|definition| definition.act.clone()) {
            return act;
        }
        if self.asks_for_weeks_of_therapy(criterion) {
            return self.order_therapy();
        }
        self.outcome(&criterion.id, criterion.verdict).to_owned()
    }

    /// The day from which a criterion would be met, if all there is to do is wait.
    fn wait(&self, criterion: &Criterion<'_>) -> Option<NaiveDate> {
        let has_act = self.policy.criterion(&criterion.id).is_some_and(|definition| definition.act.is_some());
        criterion.met_from.filter(|_| !has_act && !self.asks_for_weeks_of_therapy(criterion))
    }

    /// A proposed day; *today* if it is not later.
    pub(crate) fn day(&self, date: NaiveDate) -> String {
        if date > self.today { date.to_string() } else { self.say(CardText::Today, &[]) }
    }

    /// Whether a criterion asks for weeks of a therapy that a card can order.
    pub(crate) fn asks_for_weeks_of_therapy(&self, criterion: &Criterion<'_>) -> bool {
        self.asks_for(criterion, |rule| matches!(rule, CriterionRule::TherapyCourse(rule) if rule.can_be_ordered))
    }

    /// Whether a criterion asks for a therapy alongside that a card can order.
    pub(crate) fn asks_for_therapy_alongside(&self, criterion: &Criterion<'_>) -> bool {
        self.asks_for(criterion, |rule| matches!(rule, CriterionRule::OtherTreatment(rule) if rule.can_be_ordered))
    }

    fn asks_for(&self, criterion: &Criterion<'_>, kind: impl Fn(&CriterionRule) -> bool) -> bool {
        self.policy.criterion(&criterion.id).is_some_and(|definition| definition.has(kind))
    }

    /// The weeks of therapy that the policy asks for, where a card can order it.
    fn needed_therapy_weeks(&self) -> Option<u32> {
        self.policy.rules().find_map(|rule| match rule {
            CriterionRule::TherapyCourse(rule) if rule.can_be_ordered => Some(rule.weeks),
            _ => None,
        })
    }

    /// The therapy to order, with the number of missing weeks if known.
    pub(crate) fn order_therapy(&self) -> String {
        match self.lacking_therapy_weeks() {
            Some(weeks) if self.needed_therapy_weeks() == Some(weeks) => self.say(CardText::OrderTherapyWhole, &[&weeks]),
            Some(1) => self.say(CardText::OrderTherapyWeek, &[]),
            Some(weeks) => self.say(CardText::OrderTherapyWeeks, &[&weeks]),
            None => self.say(CardText::SuggestTherapy, &[]),
        }
    }

    /// The weeks of therapy that are still required, if a form states how many were completed.
    pub(crate) fn lacking_therapy_weeks(&self) -> Option<u32> {
        let mut criteria = self.deciding().flat_map(|site| &site.criteria);
        criteria.find(|criterion| criterion.verdict.is_not_met() && self.asks_for_weeks_of_therapy(criterion))?.lacking_weeks
    }
}

fn has_open_history(site: &SiteEvaluation<'_>) -> bool {
    site.criteria.iter().any(|criterion| criterion.role == CriterionRole::History && criterion.verdict.is_unknown())
}
