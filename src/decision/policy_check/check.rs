//! Runs each policy version's worked cases against the engine and compares expected with actual results.
//! Cases are in the version's `cases/`. Only that version decides them, whatever their service date.
//! Not here: reading cases ([`super::cases`]), and printing results, which the command line does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::cases::{CaseError, PolicyCase, policy_cases};
use super::coverage::{CoverageInput, Uncovered, uncovered};
use crate::cds_hooks::{Hook, ServiceIds};
use crate::decision::policies::{Policies, PoliciesError, PolicyFolder, check_folders, folders, shown};
use crate::decision::services::{Services, ServicesError};
use crate::decision::{Call, DecisionContext, PolicyChoice, ReadScope, decide, read_request};
use crate::evidence::{PrefetchKeys, ReadingOptions};
use crate::policy::{Evaluation, OrderEvaluation, SiteEvaluation, ValueSet};

/// A policy version, its size, and the results of its cases.
#[derive(Debug)]
pub struct VersionCheck {
    /// The version's folder.
    pub folder: String,
    /// `sacroiliac-joint-interventions`
    pub id: String,
    /// `2019-08`
    pub version: String,
    /// The first service date that the version applies to.
    pub effective_from: NaiveDate,
    /// Number of value sets.
    pub value_sets: usize,
    /// Number of distinct codes in the value sets.
    pub codes: usize,
    /// Number of criteria.
    pub criteria: usize,
    /// The cases, by file name.
    pub cases: Vec<CaseCheck>,
    /// What no case covers, if that was asked for.
    pub uncovered: Vec<Uncovered>,
}

/// How much to check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckDepth {
    /// Whether the cases agree.
    Cases,
    /// Also what they do not cover. Each case is decided once more for every number of the policy.
    Coverage,
}

/// The result of one case.
#[derive(Debug)]
pub struct CaseCheck {
    /// The file, within the version's folder.
    pub file: String,
    /// The case's name; empty if the file cannot be parsed.
    pub name: String,
    /// What the case tests; empty if the file cannot be parsed.
    pub title: String,
    /// The outcome.
    pub outcome: CaseOutcome,
}

/// The outcome of a case.
#[derive(Debug, PartialEq, Eq)]
pub enum CaseOutcome {
    /// The engine's result matches the expectation.
    Agrees,
    /// The engine's result differs.
    Disagrees(Vec<Disagreement>),
    /// The case is invalid, or its request is refused.
    Unusable(String),
}

/// One difference between expectation and result.
#[derive(Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// The order, the joint and the criterion, for example `ServiceRequest/sr1 left I.A.4.b`.
    pub place: String,
    /// The expected value; `None` if nothing is expected.
    pub expected: Option<String>,
    /// The engine's value; `None` if there is none.
    pub found: Option<String>,
}

impl CaseCheck {
    /// Whether the engine's result matches the expectation.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.outcome == CaseOutcome::Agrees
    }
}

/// Why the cases cannot be decided at all.
#[derive(Debug, thiserror::Error)]
pub enum PolicyCheckError {
    /// A policy is invalid.
    #[error(transparent)]
    Policies(#[from] PoliciesError),
    /// A published service is invalid.
    #[error(transparent)]
    Services(#[from] ServicesError),
}

/// Loads every version of every policy below `directory`, or the embedded ones, and runs their cases, by policy and oldest version first.
///
/// # Errors
/// An invalid policy or service file, with the line of the error.
pub fn check_policies(directory: Option<&Path>, depth: CheckDepth) -> Result<Vec<VersionCheck>, PolicyCheckError> {
    let prefetch_keys = Services::load(&Hook::ALL, ServiceIds::PerHook)?.prefetch_keys;
    let folders = folders(directory)?;
    let root = shown(directory);
    check_folders(&folders, &root)?;
    // The cases name the form by the URL in its file, which is that of a policy on its own.
    let check = |folder| Ok(check_version(folder, &Policies::of_folder(folder)?, &prefetch_keys, depth));
    let mut versions = folders.iter().map(check).collect::<Result<Vec<_>, PolicyCheckError>>()?;
    versions.sort_by(|left, right| (&left.id, left.effective_from, &left.version).cmp(&(&right.id, right.effective_from, &right.version)));
    Ok(versions)
}

fn check_version(folder: &PolicyFolder, policies: &Policies, prefetch_keys: &PrefetchKeys, depth: CheckDepth) -> VersionCheck {
    let policy = policies.newest();
    let cases = policy_cases(&folder.files);
    let mut decided_cases = Vec::new();
    let mut checks = Vec::new();
    for case in &cases {
        checks.push(match case {
            Ok(case) => {
                let decided = decide_case(case, policies, prefetch_keys);
                let outcome = outcome(case, decided.as_ref());
                decided_cases.extend(decided.ok().map(|decided| (case, decided)));
                CaseCheck { file: case.file.clone(), name: case.name.clone(), title: case.title.clone(), outcome }
            }
            Err(CaseError { file, name, problem }) => {
                CaseCheck { file: file.clone(), name: name.clone(), title: String::new(), outcome: CaseOutcome::Unusable(problem.clone()) }
            }
        });
    }
    let uncovered = match depth {
        CheckDepth::Cases => Vec::new(),
        CheckDepth::Coverage => uncovered(&CoverageInput { folder, policy, prefetch_keys, cases: decided_cases }),
    };
    VersionCheck {
        folder: folder.name.clone(),
        id: policy.id.clone(),
        version: policy.version.clone(),
        effective_from: policy.effective_from,
        value_sets: ValueSet::ALL.len() - ValueSet::LISTED.len(),
        codes: policy.value_sets.code_count(),
        criteria: policy.criteria().len(),
        cases: checks,
        uncovered,
    }
}

/// What the engine decides in a case, or why it decides nothing.
pub(super) fn decide_case(case: &PolicyCase, policies: &Policies, prefetch_keys: &PrefetchKeys) -> Result<DecidedCase, String> {
    let context = DecisionContext { policies, prefetch_keys, hooks: &Hook::ALL, as_of: case.as_of, options: ReadingOptions::none() };
    match read_request(&context, &case.request.to_string(), ReadScope::Everything) {
        Ok(Call { scoped_request: Some(request), .. }) => {
            Ok(DecidedCase::from_evaluation(&decide(&context, request, PolicyChoice::of_default(policies)).evaluation))
        }
        Ok(Call { scoped_request: None, .. }) => Err("the request was not decided".to_owned()),
        Err(fault) => Err(format!("the request is refused: {fault}")),
    }
}

fn outcome(case: &PolicyCase, decided: Result<&DecidedCase, &String>) -> CaseOutcome {
    match (serde_json::from_value::<DecidedCase>(case.expected.clone()), decided) {
        (Err(fault), _) => CaseOutcome::Unusable(fault.to_string()),
        (Ok(_), Err(problem)) => CaseOutcome::Unusable(problem.clone()),
        (Ok(expected), Ok(decided)) => compared(&expected, decided),
    }
}

/// The decisions of an evaluation that a case compares, without texts.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(super) struct DecidedCase {
    orders: Vec<OrderOutcome>,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct OrderOutcome {
    order: String,
    kind: String,
    service_date: String,
    determination: String,
    earliest_date: Option<String>,
    diagnosis: String,
    sites: Vec<SiteOutcome>,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct SiteOutcome {
    site: String,
    pathway: String,
    determination: String,
    earliest_date: Option<String>,
    pub criteria: BTreeMap<String, String>,
}

impl DecidedCase {
    /// The joints of all orders.
    pub(super) fn sites(&self) -> impl Iterator<Item = &SiteOutcome> {
        self.orders.iter().flat_map(|order| &order.sites)
    }

    fn from_evaluation(evaluation: &Evaluation<'_>) -> Self {
        Self { orders: evaluation.orders.iter().map(OrderOutcome::from_evaluation).collect() }
    }

    /// Every decision, keyed by its place.
    fn decisions(&self) -> BTreeMap<String, String> {
        let orders: Vec<_> = self.orders.iter().map(|order| order.order.as_str()).collect();
        let mut decisions = BTreeMap::from([("orders".to_owned(), orders.join(", "))]);
        for order in &self.orders {
            let sites: Vec<_> = order.sites.iter().map(|site| site.site.as_str()).collect();
            let own = [("kind", &order.kind), ("serviceDate", &order.service_date), ("diagnosis", &order.diagnosis)];
            decisions.extend(own.map(|(what, value)| (format!("{} {what}", order.order), value.clone())));
            decisions.insert(format!("{} sites", order.order), sites.join(", "));
            decide_at(&mut decisions, &order.order, &order.determination, order.earliest_date.as_ref());
            for site in &order.sites {
                let place = format!("{} {}", order.order, site.site);
                decisions.insert(format!("{place} pathway"), site.pathway.clone());
                decide_at(&mut decisions, &place, &site.determination, site.earliest_date.as_ref());
                decisions.extend(site.criteria.iter().map(|(id, verdict)| (format!("{place} {id}"), verdict.clone())));
            }
        }
        decisions
    }
}

fn decide_at(decisions: &mut BTreeMap<String, String>, place: &str, determination: &str, earliest_date: Option<&String>) {
    decisions.insert(format!("{place} determination"), determination.to_owned());
    decisions.extend(earliest_date.map(|date| (format!("{place} earliestDate"), date.clone())));
}

impl OrderOutcome {
    fn from_evaluation(order: &OrderEvaluation<'_>) -> Self {
        Self {
            order: order.order.to_string(),
            kind: word(&order.kind),
            service_date: order.service_date.to_string(),
            determination: word(&order.determination),
            earliest_date: order.earliest_date.map(|date| date.to_string()),
            diagnosis: word(&order.diagnosis),
            sites: order.sites.iter().map(SiteOutcome::from_evaluation).collect(),
        }
    }
}

impl SiteOutcome {
    fn from_evaluation(site: &SiteEvaluation<'_>) -> Self {
        Self {
            site: word(&site.site),
            pathway: word(&site.pathway),
            determination: word(&site.determination),
            earliest_date: site.earliest_date.map(|date| date.to_string()),
            criteria: site.criteria.iter().map(|criterion| (criterion.id.as_str().to_owned(), word(&criterion.verdict))).collect(),
        }
    }
}

/// The contract's string for a value that serializes as one string.
fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn compared(expected: &DecidedCase, found: &DecidedCase) -> CaseOutcome {
    let (expected, found) = (expected.decisions(), found.decisions());
    let places: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    let disagreement = |place: &String| {
        let (expected, found) = (expected.get(place).cloned(), found.get(place).cloned());
        (expected != found).then(|| Disagreement { place: place.clone(), expected, found })
    };
    let disagreements: Vec<_> = places.into_iter().filter_map(disagreement).collect();
    if disagreements.is_empty() { CaseOutcome::Agrees } else { CaseOutcome::Disagrees(disagreements) }
}
