//! The rows of `fixtures/conformance/inferno-crd-server.json`, and a check of the exchanges of their hooks.

use serde_json::Value;
use sij_cds::cds_hooks::Hook;

use super::exchanges::{Exchange, exchanges};
use super::hook_calls::CRD_VERSIONS;
use super::hook_rules::{card_faults, optional_card_faults};
use super::markdown::document;

/// What a check finds in the exchanges of a hook.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    Holds,
    /// Nothing of the kind is in any answer.
    NotShown,
    Broken(Vec<String>),
}

impl Finding {
    pub(crate) fn new(faults: Vec<String>) -> Self {
        if faults.is_empty() { Self::Holds } else { Self::Broken(faults) }
    }
}

/// The rows of the fixture.
pub(crate) fn rows() -> Vec<Value> {
    let fixture: Value = serde_json::from_str(&document("fixtures/conformance/inferno-crd-server.json")).unwrap();
    fixture["checks"].as_array().unwrap().clone()
}

pub(crate) fn rows_of(check: &str) -> Vec<Value> {
    let found: Vec<_> = rows().into_iter().filter(|row| row["check"] == check).collect();
    assert!(!found.is_empty(), "no row of {check}");
    found
}

/// The hook of a row; the kit's group for any hook is asked about signed orders.
pub(crate) fn hook_of(row: &Value) -> Hook {
    Hook::of_name(row["hook"].as_str().unwrap().trim_start_matches("any: ")).unwrap()
}

pub(crate) async fn of_hook(hook: Hook, version: &str) -> Vec<&'static Exchange> {
    let found: Vec<_> = exchanges().await.iter().filter(|exchange| exchange.hook == hook && exchange.version == version).collect();
    assert!(found.len() >= 10, "only {} calls of {hook:?} in {version}", found.len());
    found
}

/// Compares a check with its row, for each hook that has one.
pub(crate) async fn holds(check: &str, judge: impl Fn(&[&Exchange]) -> Finding) {
    let mut differences = Vec::new();
    for row in rows_of(check) {
        let expected = if row["shown"] == false { Finding::NotShown } else { Finding::Holds };
        for version in CRD_VERSIONS {
            let finding = judge(&of_hook(hook_of(&row), version).await);
            if finding != expected {
                differences.push(format!("{} {}, CRD {version}: {finding:?}", row["number"], row["hook"]));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// The faults of all exchanges.
pub(crate) fn faults(exchanges: &[&Exchange], faults_of: impl Fn(&Exchange) -> Vec<String>) -> Finding {
    let found = |exchange: &&Exchange| faults_of(exchange).iter().map(|what| exchange.about(what)).collect::<Vec<_>>();
    Finding::new(exchanges.iter().flat_map(found).collect())
}

/// The faults of what is of a kind, if there is any.
pub(crate) fn faults_of_kind<T>(
    exchanges: &[&Exchange],
    kind: impl Fn(&Exchange) -> Vec<T>,
    faults_of: impl Fn(&Exchange, &T) -> Vec<String>,
) -> Finding {
    if exchanges.iter().all(|exchange| kind(exchange).is_empty()) {
        return Finding::NotShown;
    }
    faults(exchanges, |exchange| kind(exchange).iter().flat_map(|one| faults_of(exchange, one)).collect())
}

pub(crate) fn cards_of(is_one: fn(&Value) -> bool) -> impl Fn(&Exchange) -> Vec<Value> {
    move |exchange| exchange.cards().into_iter().filter(is_one).collect()
}

pub(crate) fn card_and_optional_faults(card: &Value) -> Vec<String> {
    [card_faults(card), optional_card_faults(card)].concat()
}
