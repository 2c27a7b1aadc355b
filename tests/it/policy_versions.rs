//! Two versions of the policy side by side: only an order's service date determines which one decides it, and whether any does.

use serde_json::Value;

use crate::support::call::{cpt, hcpcs, order};
use crate::support::{Answer, Call, PolicyFolder, TestApp};

/// From 2027, a version is in force that no longer recognizes an injection by its CPT code.
fn without_cpt_from_2027() -> PolicyFolder {
    let folder = PolicyFolder::new();
    folder.add_from("2027-01", "2027-01-01");
    let path = folder.version("2027-01").join("valuesets/sij-injection.json");
    let mut value_set: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    value_set["compose"]["include"].as_array_mut().unwrap().retain(|include| include["concept"][0]["code"] != "27096");
    std::fs::write(path, value_set.to_string()).unwrap();
    folder
}

async fn sign(orders: impl IntoIterator<Item = Value>) -> Answer {
    let folder = without_cpt_from_2027();
    let app = TestApp::with(|config| config.policy.directory = Some(folder.path().into()));
    app.sign(&Call::ordering(orders).0).await
}

/// The versions named on the cards of an answer.
fn versions(answer: &Answer) -> Vec<&'static str> {
    let cards = answer.json()["cards"].as_array().unwrap().clone();
    let version = |card: &Value| {
        let detail = card["detail"].as_str().unwrap();
        ["2019-08", "2027-01"].into_iter().find(|version| detail.contains(&format!("version {version}."))).unwrap()
    };
    cards.iter().map(version).collect()
}

#[tokio::test]
async fn an_order_due_under_the_old_version_is_in_scope_by_its_codes() {
    let answer = sign([order("o1", &cpt("27096:LT"), "2026-12-01")]).await;
    assert_eq!(versions(&answer), ["2019-08"]);
}

#[tokio::test]
async fn an_order_due_under_the_new_version_is_out_of_scope_by_its_codes() {
    let answer = sign([order("o1", &cpt("27096:LT"), "2027-02-01")]).await;
    assert_eq!(answer.text(), r#"{"cards":[]}"#);
}

#[tokio::test]
async fn each_order_is_decided_by_the_version_of_its_own_date() {
    let answer = sign([order("late", &hcpcs("G0260:LT"), "2027-02-01"), order("early", &cpt("27096:LT"), "2026-12-01")]).await;
    assert_eq!(versions(&answer), ["2027-01", "2019-08"]);
}

#[tokio::test]
async fn the_service_is_not_ready_before_a_version_of_its_policy_has_begun() {
    let folder = PolicyFolder::new();
    for (begins, status) in [("2026-03-02", 200), ("2026-03-03", 503)] {
        folder.change("policy.toml", "effective_from = \"", &format!("effective_from = \"{begins}\" # "));
        let app = TestApp::with(|config| config.policy.directory = Some(folder.path().into()));
        assert_eq!(app.get("/health/ready").await.status, status, "{begins}");
        assert_eq!(app.get("/health/live").await.status, 200);
    }
}

#[test]
fn an_order_out_of_scope_does_not_choose_the_version() {
    let folder = without_cpt_from_2027();
    let scan = order("mri", &cpt("72148"), "2027-02-01");
    let evaluation = Call::ordering([scan, order("o1", &cpt("27096:LT"), "2026-12-01")]).evaluation_with(folder.path());
    assert_eq!(evaluation["policy"]["version"], "2019-08");
    assert_eq!(evaluation["orders"][0]["order"], "ServiceRequest/o1");
}
