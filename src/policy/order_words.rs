//! What a card and the text form both say of an order: its name, and what the texts of its determination name.
//! Not here: how either is laid out ([`crate::cds_hooks`], [`crate::app`]).

use std::fmt::Display;

use chrono::NaiveDate;

use super::definition::Policy;
use super::evaluation::{CriterionId, Determination, OrderEvaluation, OrderKind, Pathway, PriorInjection, Site, SiteEvaluation};
use super::phrases::CardText;
use super::verdict::Verdict;
use super::wording::DeterminationText;

/// An order with the policy version it was decided by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OrderWords<'p, 'e, 'a> {
    pub policy: &'p Policy,
    pub order: &'e OrderEvaluation<'a>,
    /// Whether the call has other orders it could be taken for, so that its date must be said.
    pub is_one_of_several: bool,
}

impl<'p> OrderWords<'p, '_, '_> {
    /// A text of the policy's cards.
    pub(crate) fn say(&self, text: CardText, arguments: &[&dyn Display]) -> String {
        self.policy.wording.card(text, arguments)
    }

    /// What a joint is called.
    pub(crate) fn site(&self, site: Site) -> String {
        let text = match site {
            Site::Left => CardText::SiteLeft,
            Site::Right => CardText::SiteRight,
            Site::Unspecified => CardText::SiteUnspecified,
        };
        self.say(text, &[])
    }

    /// The indication that applies, with its section.
    pub(crate) fn pathway(&self, pathway: Pathway) -> String {
        let text = match pathway {
            Pathway::FirstDiagnostic => CardText::PathwayFirstDiagnostic,
            Pathway::SecondDiagnostic => CardText::PathwaySecondDiagnostic,
            Pathway::SecondOrSubsequent => CardText::PathwaySecondOrSubsequent,
            Pathway::Subsequent => CardText::PathwaySubsequent,
            Pathway::Neurotomy => CardText::PathwayNeurotomy,
            Pathway::Undetermined => CardText::PathwayUndetermined,
        };
        self.say(text, &[])
    }

    /// The determination of a joint in a few words.
    pub(crate) fn site_determination(&self, site: &SiteEvaluation<'_>) -> String {
        self.determination(site.determination, site.earliest_date)
    }

    /// A determination in a few words, with the day from which it would be supported where there is one.
    pub(crate) fn determination(&self, determination: Determination, earliest_date: Option<NaiveDate>) -> String {
        let text = match (determination, earliest_date) {
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

    /// What an earlier injection did.
    pub(crate) fn improved(&self, injection: &PriorInjection<'_>) -> String {
        let text = match injection.improved {
            Verdict::Met => CardText::ImprovedYes,
            Verdict::NotMet => CardText::ImprovedNo,
            Verdict::Unknown => CardText::ImprovedOpen,
        };
        self.say(text, &[])
    }

    /// Whether that lasted. What brought no relief did not last, and what is not on record need not be said twice.
    pub(crate) fn sustained(&self, injection: &PriorInjection<'_>) -> String {
        let text = match injection.sustained {
            Verdict::Met => CardText::SustainedYes,
            Verdict::NotMet => CardText::SustainedNo,
            Verdict::Unknown => CardText::SustainedOpen,
        };
        if injection.improved.is_met() { self.say(text, &[]) } else { String::new() }
    }

    /// A criterion's title.
    pub(crate) fn title(&self, id: CriterionId) -> &'p str {
        self.policy.criterion(id).map_or(id.as_str(), |text| text.title.as_str())
    }

    /// A criterion as it reads with its verdict.
    pub(crate) fn outcome(&self, id: CriterionId, verdict: Verdict) -> &'p str {
        match verdict {
            Verdict::NotMet => self.policy.criterion(id).map_or(id.as_str(), |text| text.not_met.as_str()),
            Verdict::Met | Verdict::Unknown => self.title(id),
        }
    }

    /// The order in words, with its side.
    pub(crate) fn order(&self) -> String {
        let kind = match self.order.kind {
            OrderKind::Injection => CardText::OrderInjection,
            OrderKind::Neurotomy => CardText::OrderNeurotomy,
        };
        let site = match self.order.sites.as_slice() {
            [site] => self.site(site.site),
            [] | [..] => self.say(CardText::SiteBoth, &[]),
        };
        let kind = self.say(kind, &[]);
        if self.is_one_of_several {
            self.say(CardText::OrderWordsDated, &[&kind, &site, &self.order.service_date])
        } else {
            self.say(CardText::OrderWords, &[&kind, &site])
        }
    }

    /// What is said of a listed diagnosis that the problem list alone has; one under a retired code is not to be named.
    pub(crate) fn diagnosis_on_problem_list(&self, show: impl Fn(&str) -> String) -> String {
        match &self.order.supporting_condition {
            Some(condition) => self.say(CardText::DiagnosisOnProblemList, &[&show(&condition.words)]),
            None => self.say(CardText::DiagnosisNotBillable, &[]),
        }
    }

    /// The criteria with one verdict of the joints that decided the order, each once.
    pub(crate) fn criteria(&self, verdict: Verdict) -> Vec<CriterionId> {
        let deciding = self.order.sites.iter().filter(|site| site.determination == self.order.determination);
        let mut criteria = Vec::new();
        for criterion in deciding.flat_map(|site| &site.criteria).filter(|criterion| criterion.verdict == verdict) {
            if !criteria.contains(&criterion.id) {
                criteria.push(criterion.id);
            }
        }
        criteria
    }

    /// The criterion the summary is about: the first that is not met, else the first that is not known.
    pub(crate) fn criterion(&self) -> Option<CriterionId> {
        [Verdict::NotMet, Verdict::Unknown].into_iter().find_map(|verdict| self.criteria(verdict).first().copied())
    }

    /// The criteria with one verdict as they read, each title once.
    fn titles(&self, verdict: Verdict) -> Vec<&'p str> {
        let mut titles = Vec::new();
        for id in self.criteria(verdict) {
            let title = self.outcome(id, verdict);
            if !titles.contains(&title) {
                titles.push(title);
            }
        }
        titles
    }

    /// The day waited for: the one from which the order is supported, or would be if that were not too late.
    fn waited_for(&self) -> Option<NaiveDate> {
        self.order.earliest_date.or(self.order.too_late)
    }

    /// The texts of the determination.
    pub(crate) fn texts(&self) -> Option<&'p DeterminationText> {
        self.policy.wording.determination(self.order.determination, self.waited_for().is_some())
    }

    /// What the determination's texts name, by position.
    pub(crate) fn arguments(&self) -> [String; 5] {
        let missing = match self.titles(Verdict::Unknown).len() {
            1 => self.say(CardText::OneMissing, &[]),
            count => self.say(CardText::SeveralMissing, &[&count]),
        };
        let earliest = self.waited_for().map(|date| date.to_string()).unwrap_or_default();
        let criterion = self.titles(Verdict::NotMet).first().copied().unwrap_or_default().to_owned();
        [self.order(), self.order.service_date.to_string(), earliest, criterion, missing]
    }
}
