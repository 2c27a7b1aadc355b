//! Derives the determination of one joint, then of the whole order, from the verdicts.

use chrono::NaiveDate;

use super::case::SiteCase;
use super::criteria;
use super::evaluation::{Criterion, Determination, SiteEvaluation};
use super::rule::{ContinuationRule, CriterionRole, CriterionRule};

/// A determination with the first day on which it would be supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DatedDetermination {
    pub determination: Determination,
    pub earliest_date: Option<NaiveDate>,
    /// The day from which it would be supported, if that were not beyond the limit after the first injection.
    pub too_late: Option<NaiveDate>,
}

impl From<Determination> for DatedDetermination {
    fn from(determination: Determination) -> Self {
        Self { determination, earliest_date: None, too_late: None }
    }
}

/// The determination of a joint from its criteria.
pub(crate) fn for_site(case: &SiteCase<'_, '_>, criteria: &[Criterion<'_>]) -> DatedDetermination {
    // The section that applies is unknown, so its criteria cannot decide.
    if criteria.iter().any(|criterion| criterion.role == CriterionRole::History && criterion.verdict.is_unknown()) {
        return Determination::NeedsDocumentation.into();
    }
    let not_met: Vec<_> = criteria.iter().filter(|criterion| criterion.verdict.is_not_met()).collect();
    if not_met.is_empty() {
        let open = criteria.iter().any(|criterion| criterion.verdict.is_unknown());
        return if open { Determination::NeedsDocumentation } else { Determination::Supported }.into();
    }
    if let Some(limit) = not_met.iter().find_map(|criterion| continuation_of(case, criterion)) {
        let claimed = case.answered(|answers| answers.yes_no(limit.exception)).is_some_and(|answer| answer.value);
        let alone = not_met.len() == 1;
        return if claimed && alone { Determination::IndividualConsideration } else { Determination::NotSupported }.into();
    }
    if not_met.iter().all(|criterion| criterion.remediable) {
        not_yet(case, criteria, &not_met)
    } else {
        Determination::NotSupported.into()
    }
}

/// The limit of time after the first injection, if the criterion is one.
fn continuation_of<'e>(case: &SiteCase<'e, '_>, criterion: &Criterion<'_>) -> Option<&'e ContinuationRule> {
    if criterion.role != CriterionRole::Continuation {
        return None;
    }
    let definition = case.policy.criterion(&criterion.id)?;
    if let CriterionRule::Continuation(rule) = &definition.rule { Some(rule) } else { None }
}

/// Not yet, with an earliest date if only dates decide. Not supported if that date is beyond the limit after the first injection.
fn not_yet(case: &SiteCase<'_, '_>, criteria: &[Criterion<'_>], not_met: &[&Criterion<'_>]) -> DatedDetermination {
    let dates: Option<Vec<_>> = not_met.iter().map(|criterion| criterion.met_from).collect();
    let earliest_date = dates.and_then(|dates| dates.into_iter().max());
    let limit = criteria.iter().find_map(|criterion| continuation_of(case, criterion));
    let is_beyond =
        |date| limit.zip(case.injections.first()).is_some_and(|(limit, first)| criteria::continuation(limit, first, date).is_not_met());
    let too_late = earliest_date.is_some_and(is_beyond);
    if too_late {
        DatedDetermination { determination: Determination::NotSupported, earliest_date: None, too_late: earliest_date }
    } else {
        DatedDetermination { determination: Determination::NotYet, earliest_date, too_late: None }
    }
}

/// The most severe determination of the sites; it has a date only if every site with that determination has one.
pub(crate) fn for_order(sites: &[SiteEvaluation<'_>]) -> DatedDetermination {
    let determination = sites.iter().map(|site| site.determination).max().unwrap_or(Determination::Indeterminate);
    let deciding = || sites.iter().filter(|site| site.determination == determination);
    let latest = |dates: Option<Vec<NaiveDate>>| dates.and_then(|dates| dates.into_iter().max());
    DatedDetermination {
        determination,
        earliest_date: latest(deciding().map(|site| site.earliest_date).collect()),
        too_late: latest(deciding().map(|site| site.too_late).collect()),
    }
}
