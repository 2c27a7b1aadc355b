//! Reads the assertions for packages from the ledger. A client can read only the assertions that were issued to it.
//! Not here: whether the package is for the same patient; see [`super::selection`].

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::Deserialize;
use uuid::Uuid;

use super::assertion::{AssertedOrder, Assertion, ChartAnswer, ChartAnswers};
use super::error::PackageError;
use crate::auth::VerifiedClient;
use crate::decision::RecordedPolicyChoice;
use crate::evidence::Text;
use crate::ledger::{EntryKind, Ledger, OpenedRecord};
use crate::policy::{InjectionSource, Question, Site, UNDETERMINED};
use crate::service::RecordedRequest;

/// The parts of a call's record that a package needs.
#[derive(Deserialize)]
struct RecordedContent<'a> {
    #[serde(borrow, default)]
    evaluation: EvaluationView<'a>,
    #[serde(default, rename = "policyChoice")]
    policy_choice: Option<RecordedPolicyChoice>,
}

#[derive(Default, Deserialize)]
struct EvaluationView<'a> {
    #[serde(borrow, default)]
    orders: Vec<JudgedView<'a>>,
}

#[derive(Deserialize)]
struct JudgedView<'a> {
    #[serde(borrow, default)]
    sites: Vec<SiteView<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SiteView<'a> {
    #[serde(borrow)]
    site: Text<'a>,
    #[serde(borrow, default)]
    prior_injections: Vec<InjectionView<'a>>,
    #[serde(borrow, default)]
    pathway: Option<Text<'a>>,
    #[serde(borrow, default)]
    criteria: Vec<PackageCriterion<'a>>,
}

#[derive(Deserialize)]
struct PackageCriterion<'a> {
    #[serde(borrow, default)]
    missing: Vec<Text<'a>>,
}

#[derive(Deserialize)]
struct InjectionView<'a> {
    #[serde(borrow, default)]
    date: Option<Text<'a>>,
    source: InjectionSource,
}

/// The assertion with this id, if it was issued to this client.
pub(super) async fn find_assertion(ledger: &Ledger, client: &VerifiedClient, id: Uuid) -> Result<Option<Assertion>, PackageError> {
    let record = ledger.find(id).await.map_err(|_| PackageError::LedgerUnavailable)?;
    let is_own = |record: &OpenedRecord| {
        record.kind == EntryKind::Call && record.client.as_deref() == Some(client.name()) && record.tenant.as_deref() == client.tenant()
    };
    Ok(record.filter(is_own).and_then(|record| assertion(&record)))
}

/// The patient and orders of a call, and the injections that its chart proves; `None` for a record without orders.
fn assertion(record: &OpenedRecord) -> Option<Assertion> {
    let RecordedRequest { patient_id, orders, .. } = RecordedRequest::from_record(record)?;
    let content: RecordedContent<'_> = serde_json::from_slice(record.content.as_deref()?).ok()?;
    let chart = ChartAnswers { prior_injections: charted_injections(&content.evaluation), ..ChartAnswers::default() };
    let policy = |position| content.policy_choice.as_ref().map(|choice| choice.id_at(position).to_owned());
    let orders = orders.into_iter().map(|order| AssertedOrder { policy: policy(order.position), json: order.json }).collect();
    Some(Assertion { patient_id, orders, chart, asked: asked(&content.evaluation) })
}

/// The questions that would settle the unknown criteria, and their companion questions.
fn asked(evaluation: &EvaluationView<'_>) -> BTreeSet<Question> {
    let sites = || evaluation.orders.iter().flat_map(|order| &order.sites);
    let missing = sites().flat_map(|site| &site.criteria).flat_map(|criterion| &criterion.missing);
    let mut asked: BTreeSet<Question> = missing.filter_map(|link_id| Question::from_link_id(link_id.as_str())).collect();
    let is_undetermined = |site: &SiteView<'_>| site.pathway.as_ref().is_some_and(|pathway| pathway.as_str() == UNDETERMINED);
    if sites().any(is_undetermined) {
        asked.insert(Question::InjectionHistoryComplete);
    }
    let companions: Vec<Question> = asked.iter().filter_map(|question| question.companion()).collect();
    asked.extend(companions);
    asked
}

/// Date and side of each charted injection with a known date, earliest first. The clinician documents the effect.
fn charted_injections(evaluation: &EvaluationView<'_>) -> Vec<BTreeMap<Question, ChartAnswer>> {
    let mut known: BTreeSet<(NaiveDate, &str)> = BTreeSet::new();
    for site in evaluation.orders.iter().flat_map(|order| &order.sites) {
        let charted = site.prior_injections.iter().filter(|injection| injection.source == InjectionSource::Chart);
        let days = charted.filter_map(|injection| injection.date.as_ref()?.as_str().parse().ok());
        known.extend(days.map(|day| (day, site.site.as_str())));
    }
    let side = |named: &str| [Site::Left, Site::Right].map(Site::as_str).into_iter().find(|side| *side == named);
    let answers = |(day, named): (NaiveDate, &str)| {
        let side = side(named).map(|side| (Question::InjectionSide, ChartAnswer::Choice(side)));
        side.into_iter().chain([(Question::InjectionDate, ChartAnswer::Day(day))]).collect()
    };
    known.into_iter().map(answers).collect()
}
