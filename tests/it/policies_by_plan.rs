//! Policies side by side: the plan of an order's Coverage names the policy that judges it, and the service date the version.

use std::sync::Arc;

use serde_json::{Value, json};
use sij_cds::app::{App, Ports};
use sij_cds::clock::SystemClock;
use sij_cds::config::{Config, PlanConfig};
use sij_cds::ids::SequentialIds;
use sij_cds::ledger::{EntryKind, OpenedRecord};

use crate::support::call::{cpt, hcpcs, order};
use crate::support::keeping::{Keeping, content, summary};
use crate::support::opened_app::{AppAtWork, opened, surfer};
use crate::support::running_program::{RunningProgram, configuration_file};
use crate::support::{Call, Evaluator, PolicyFolder, TestApp, changed, default_config, post, story};

const OWN: &str = "sacroiliac-joint-interventions";
const MEDICARE: &str = "sij-medicare";
const FORM: &str = "Questionnaire/sij-injection-documentation";

/// The health plan's own policy, and one for Medicare that asks for 7 days between injections and has a second version from 2027.
fn two_policies() -> PolicyFolder {
    let folder = PolicyFolder::new();
    let seven_days = |version| {
        folder.change_in(version, "policy.toml", "second_injection_days = 14", "second_injection_days = 7");
    };
    folder.add_policy("medicare", MEDICARE, "Sacroiliac Joints in Medicare");
    seven_days("medicare");
    folder.add_from("medicare-2027", "2027-01-01");
    folder.change_in("medicare-2027", "policy.toml", "version = \"medicare-2027\"", "version = \"2027-01\"");
    folder.change_in("medicare-2027", "policy.toml", &format!("id = \"{OWN}\""), &format!("id = \"{MEDICARE}\""));
    seven_days("medicare-2027");
    folder
}

fn plan(entry: Value) -> PlanConfig {
    serde_json::from_value(entry).unwrap()
}

/// A plan for the payer of its id; a policy is optional.
fn plan_of(id: &str, policy: Option<&str>) -> PlanConfig {
    plan(json!({"id": id, "name": format!("Plan {id}"), "policy": policy, "payer_identifiers": [format!("urn:payers|{id}")]}))
}

/// The policies of the folder; the plan `medicare` names its own, and the plan `commercial` none.
fn by_plan(folder: &PolicyFolder) -> impl FnOnce(&mut Config) + use<> {
    let directory = folder.path().into();
    move |config| {
        config.policy.directory = Some(directory);
        config.policy.default = Some(OWN.to_owned());
        config.plan = plan_of("main", None);
        config.plans = vec![plan_of("medicare", Some(MEDICARE)), plan_of("commercial", None)];
    }
}

fn coverage(id: &str, payer: &str) -> Value {
    json!({"resourceType": "Coverage", "id": id, "status": "active", "beneficiary": {"reference": "Patient/p1"},
        "payor": [{"identifier": {"system": "urn:payers", "value": payer}}]})
}

fn injection(service_date: &str) -> Value {
    order("o1", &cpt("27096:LT"), service_date)
}

/// A call for an injection on a day, with a Coverage of each payer.
fn call(payers: &[&str], service_date: &str) -> Call {
    Call::ordering([injection(service_date)]).with("coverage", payers.iter().map(|payer| coverage(payer, payer)))
}

/// The name of the policy version that decides a call.
fn judged_by(evaluator: &Evaluator, call: &Call) -> String {
    let evaluation = evaluator.evaluate(&call.text());
    let text = |name: &str| evaluation["policy"][name].as_str().unwrap().to_owned();
    format!("{}|{}", text("id"), text("version"))
}

#[test]
fn the_plan_of_the_coverage_names_the_policy_and_the_service_date_the_version() {
    let folder = two_policies();
    let evaluator = Evaluator::with(by_plan(&folder));
    for (payers, service_date, expected) in [
        (&["medicare"][..], "2026-12-01", "sij-medicare|2019-08"),
        (&["medicare"], "2027-02-01", "sij-medicare|2027-01"),
        (&["commercial"], "2026-12-01", "sacroiliac-joint-interventions|2019-08"),
        (&["commercial"], "2027-02-01", "sacroiliac-joint-interventions|2019-08"),
        (&["main"], "2026-12-01", "sacroiliac-joint-interventions|2019-08"),
        (&["another"], "2026-12-01", "sacroiliac-joint-interventions|2019-08"),
        (&[], "2027-02-01", "sacroiliac-joint-interventions|2019-08"),
        (&["another", "medicare"], "2026-12-01", "sij-medicare|2019-08"),
        (&["commercial", "medicare"], "2026-12-01", "sacroiliac-joint-interventions|2019-08"),
    ] {
        assert_eq!(judged_by(&evaluator, &call(payers, service_date)), expected, "{payers:?} {service_date}");
    }
}

#[test]
fn the_order_tells_which_of_several_coverages_counts() {
    let folder = two_policies();
    let evaluator = Evaluator::with(by_plan(&folder));
    for (named, expected) in [("medicare", "sij-medicare|2019-08"), ("commercial", "sacroiliac-joint-interventions|2019-08")] {
        let insurance = json!([{"reference": format!("Coverage/{named}")}]);
        let call = call(&["commercial", "medicare"], "2026-12-01").with_order_member(0, "insurance", &insurance);
        assert_eq!(judged_by(&evaluator, &call), expected, "{named}");
    }
}

#[test]
fn the_configuration_decides_which_policy_is_whose() {
    type Change = fn(&mut Config);
    let folder = two_policies();
    let table: [(&str, Change, &[&str], &str); 7] = [
        ("no plan names a policy", |config| config.plans[0].policy = None, &["medicare"], OWN),
        ("the client is tied to the plan", |config| config.development.plan = Some("medicare".to_owned()), &["commercial"], MEDICARE),
        ("the client is tied to it, without a Coverage", |config| config.development.plan = Some("medicare".to_owned()), &[], MEDICARE),
        ("the client is tied to another plan", |config| config.development.plan = Some("commercial".to_owned()), &["medicare"], OWN),
        ("[plan] names a policy", |config| config.plan.policy = Some(MEDICARE.to_owned()), &["main"], MEDICARE),
        ("[plan] names one, and no plan matches", |config| config.plan.policy = Some(MEDICARE.to_owned()), &["another"], OWN),
        ("the default is the other one", |config| config.policy.default = Some(MEDICARE.to_owned()), &["commercial"], MEDICARE),
    ];
    for (what, change, payers, expected) in table {
        let configure = by_plan(&folder);
        let evaluator = Evaluator::with(|config| {
            configure(config);
            change(config);
        });
        assert_eq!(judged_by(&evaluator, &call(payers, "2026-12-01")), format!("{expected}|2019-08"), "{what}");
    }
}

/// A second injection 10 days after the first, for a member of this payer.
fn second_injection(payer: &'static str) -> String {
    changed("second-diagnostic-day-10", move |call| {
        call["prefetch"]["coverage"]["entry"][0]["resource"]["payor"] = json!([{"identifier": {"system": "urn:payers", "value": payer}}]);
    })
    .request
}

#[tokio::test]
async fn the_decision_and_the_disclaimer_are_those_of_the_plans_policy() {
    let folder = two_policies();
    let app = TestApp::on_the_day_of_the_fixtures_with(by_plan(&folder));
    let own = app.sign_text(&second_injection("commercial")).await.json();
    let medicare = app.sign_text(&second_injection("medicare")).await.json();
    let detail = |answer: &Value| answer["cards"][0]["detail"].as_str().unwrap().to_owned();
    let has = |answer: &Value, text: &str| detail(answer).contains(text);
    assert!(has(&own, "Sacroiliac Joint Interventions, version 2019-08") && !has(&own, "Medicare, version"), "{}", detail(&own));
    assert!(has(&medicare, "Sacroiliac Joints in Medicare, version 2019-08"), "{}", detail(&medicare));
    assert!(own["cards"][0]["summary"].as_str().unwrap().contains("not before 2026-11-28"), "{own}");
    assert!(!medicare["cards"][0]["summary"].as_str().unwrap().contains("not before"), "{medicare}");
}

#[tokio::test]
async fn the_coverage_information_names_the_form_of_the_plans_policy() {
    let folder = two_policies();
    let app = TestApp::on_the_day_of_the_fixtures_with(by_plan(&folder));
    for (payer, base) in [("commercial", "http://payer.example.org/fhir"), ("medicare", "http://payer.example.org/fhir/sij-medicare")] {
        let answer = app.sign(&call(&[payer], "2026-12-01").0).await.text();
        assert!(answer.contains(&format!("{base}/{FORM}|2.0.0")), "{payer}: {answer}");
    }
}

#[tokio::test]
async fn two_orders_of_a_call_are_judged_each_by_the_policy_of_its_own_coverage() {
    let folder = two_policies();
    let app = TestApp::on_the_day_of_the_fixtures_with(by_plan(&folder));
    let insured = |id: &str, payer: &str| {
        let mut order = order(id, &cpt("27096:LT"), "2026-12-01");
        order["insurance"] = json!([{"reference": format!("Coverage/{payer}")}]);
        order
    };
    let call = Call::ordering([insured("o1", "medicare"), insured("o2", "commercial")])
        .with("coverage", ["medicare", "commercial"].map(|payer| coverage(payer, payer)));
    let cards = app.sign(&call.0).await.json()["cards"].clone();
    let titles: Vec<bool> =
        cards.as_array().unwrap().iter().map(|card| card["detail"].as_str().unwrap().contains("in Medicare, version")).collect();
    assert_eq!(titles, [true, false]);
}

/// Whether a covered first injection of a Medicare member is covered, by the coverage information on the order.
async fn covered_for_medicare(app: &TestApp) -> String {
    let call = changed("first-injection-fully-documented", |call| {
        let coverage = &mut call["prefetch"]["coverage"]["entry"][0]["resource"];
        coverage["payor"] = json!([{"identifier": {"system": "urn:payers", "value": "medicare"}}]);
        coverage["type"] = json!({"text": "Medicare"});
    });
    let answer = app.sign_text(&call.request).await.text();
    let (_, behind) = answer.split_once("{\"url\":\"covered\",\"valueCode\":\"").unwrap_or_else(|| panic!("{answer}"));
    behind.split('"').next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_policy_yields_to_medicare_only_if_its_own_note_says_so() {
    let folder = two_policies();
    let app = TestApp::on_the_day_of_the_fixtures_with(by_plan(&folder));
    assert_eq!(covered_for_medicare(&app).await, "conditional");
    let policy = folder.version("medicare").join("policy.toml");
    let text = std::fs::read_to_string(&policy).unwrap();
    let without: Vec<&str> = text.lines().filter(|line| !line.starts_with("medicare = \"")).collect();
    std::fs::write(&policy, without.join("\n")).unwrap();
    let app = TestApp::on_the_day_of_the_fixtures_with(by_plan(&folder));
    assert_eq!(covered_for_medicare(&app).await, "covered");
}

/// The Medicare policy does not recognise an injection by its CPT code, and the other one not by its HCPCS code.
fn with_unlike_codes() -> PolicyFolder {
    let folder = two_policies();
    for (version, code) in [("medicare", "27096"), ("2019-08", "G0260")] {
        let path = folder.version(version).join("valuesets/sij-injection.json");
        let mut set: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        set["compose"]["include"].as_array_mut().unwrap().retain(|include| include["concept"][0]["code"] != code);
        std::fs::write(path, set.to_string()).unwrap();
    }
    folder
}

#[tokio::test]
async fn an_order_is_in_scope_by_the_codes_of_its_own_policy() {
    let folder = with_unlike_codes();
    let app = TestApp::on_the_day_of_the_fixtures_with(by_plan(&folder));
    for (payer, code, cards) in [
        ("medicare", cpt("27096:LT"), 0),
        ("medicare", hcpcs("G0260:LT"), 1),
        ("commercial", cpt("27096:LT"), 1),
        ("commercial", hcpcs("G0260:LT"), 0),
    ] {
        let call = Call::ordering([order("o1", &code, "2026-12-01")]).with("coverage", [coverage("c1", payer)]);
        let answer = app.sign(&call.0).await.json();
        assert_eq!(answer["cards"].as_array().map(Vec::len), Some(cards), "{payer} {code}: {answer}");
    }
}

#[tokio::test]
async fn the_order_out_of_its_policys_scope_is_passed_over() {
    let folder = with_unlike_codes();
    let evaluator = Evaluator::with(by_plan(&folder));
    let evaluation = evaluator.evaluate(&call(&["medicare"], "2026-12-01").text());
    assert_eq!(evaluation["orders"], json!([]));
    assert_eq!(evaluation["passedOver"][0]["why"], "not-in-scope");
}

/// The records of these calls.
async fn recorded(keeping: &Keeping, calls: &[String]) -> Vec<OpenedRecord> {
    let app = keeping.app().await;
    for call in calls {
        assert_eq!(app.http.sign_text(call).await.status, 200);
    }
    app.ports.close().await;
    keeping.records().await.into_iter().filter(|record| record.kind == EntryKind::Call).collect()
}

#[tokio::test]
async fn a_call_is_recorded_with_its_policy_and_replayed_by_it() {
    let folder = two_policies();
    let mut keeping = Keeping::new();
    by_plan(&folder)(&mut keeping.config);
    let calls = recorded(&keeping, &[second_injection("medicare"), second_injection("commercial")]).await;
    let names = ["sij-medicare|2019-08", "sacroiliac-joint-interventions|2019-08"];
    for (call, name) in calls.iter().zip(names) {
        assert_eq!(call.policies.as_deref(), Some(name));
        assert_eq!(summary(call)["orders"][0]["policy"], name);
    }
    assert_eq!(content(&calls[0])["policyChoice"], json!({"default": OWN, "orders": {"0": MEDICARE}}));
    // What the configuration says of plans and policies today makes no difference.
    let changes: [fn(&mut Config); 3] =
        [|_| {}, |config| config.plans[0].policy = None, |config| config.policy.default = Some(MEDICARE.to_owned())];
    for change in changes {
        change(&mut keeping.config);
        for call in &calls {
            let replay = keeping.replaying().hooks.replay(call).unwrap();
            assert!(replay.differences.is_empty() && replay.changed_policies.is_empty(), "{replay:?}");
        }
    }
}

#[tokio::test]
async fn a_call_out_of_its_policys_scope_is_replayed_as_that() {
    let folder = with_unlike_codes();
    let mut keeping = Keeping::new();
    by_plan(&folder)(&mut keeping.config);
    let calls = recorded(&keeping, &[call(&["medicare"], "2026-12-01").text()]).await;
    assert_eq!((calls[0].policies.as_deref(), &content(&calls[0])["answer"]), (None, &json!({"cards": []})));
    assert!(keeping.replaying().hooks.replay(&calls[0]).unwrap().differences.is_empty());
}

#[tokio::test]
async fn a_single_policy_leaves_no_choice_to_record() {
    let keeping = Keeping::new();
    let calls = recorded(&keeping, &[story("second-diagnostic-day-10").request]).await;
    assert_eq!(content(&calls[0])["policyChoice"], Value::Null);
}

#[tokio::test]
async fn the_package_has_the_form_of_the_plans_policy() {
    let folder = two_policies();
    let app = TestApp::on_the_day_of_the_fixtures_with(by_plan(&folder));
    for (payer, base) in [("commercial", "http://payer.example.org/fhir"), ("medicare", "http://payer.example.org/fhir/sij-medicare")] {
        let parameter =
            [json!({"name": "coverage", "resource": coverage("c1", payer)}), json!({"name": "order", "resource": injection("2026-12-01")})];
        let input = json!({"resourceType": "Parameters", "parameter": parameter});
        let output = app.send(post("/fhir/Questionnaire/$questionnaire-package", input.to_string())).await.json();
        let entry = &output["parameter"][0]["resource"]["entry"];
        assert_eq!(entry[0]["resource"]["url"], format!("{base}/{FORM}"), "{output}");
        assert_eq!(entry[1]["resource"]["questionnaire"], format!("{base}/{FORM}|2.0.0"));
    }
}

#[tokio::test]
async fn the_package_for_a_decision_has_the_form_of_the_policy_that_decided() {
    let folder = two_policies();
    let mut keeping = Keeping::new();
    by_plan(&folder)(&mut keeping.config);
    let app = keeping.app().await;
    let answer = app.http.sign(&call(&["medicare"], "2026-12-01").0).await.text();
    let (_, rest) = answer.split_once("\"url\":\"coverage-assertion-id\",\"valueString\":\"").unwrap();
    let (assertion, _) = rest.split_once('"').unwrap();
    // The Coverage of the input is another plan's: the decision counts.
    let parameter =
        [json!({"name": "coverage", "resource": coverage("c1", "commercial")}), json!({"name": "context", "valueString": assertion})];
    let input = json!({"resourceType": "Parameters", "parameter": parameter});
    let output = app.http.send(post("/fhir/Questionnaire/$questionnaire-package", input.to_string())).await.json();
    let form = &output["parameter"][0]["resource"]["entry"][0]["resource"];
    assert_eq!(form["url"], format!("http://payer.example.org/fhir/sij-medicare/{FORM}"), "{output}");
}

#[tokio::test]
async fn every_policy_publishes_its_form_and_value_sets_at_its_own_address() {
    let folder = two_policies();
    folder.change_in("medicare-2027", "valuesets/nsaid.json", "\"version\": \"2019-08\"", "\"version\": \"2027-01\"");
    let configure = by_plan(&folder);
    let app = TestApp::with(|config| {
        configure(config);
        config.server.public_url = Some("https://cds.plan.example".parse().unwrap());
    });
    for (path, url) in [
        (FORM.to_owned(), format!("https://cds.plan.example/fhir/{FORM}")),
        (format!("{MEDICARE}/{FORM}"), format!("https://cds.plan.example/fhir/{MEDICARE}/{FORM}")),
        (format!("{MEDICARE}/ValueSet/nsaid"), format!("https://cds.plan.example/fhir/{MEDICARE}/ValueSet/nsaid")),
    ] {
        assert_eq!(app.get(&format!("/fhir/{path}")).await.json()["url"], url);
        let kind = if path.contains("ValueSet") { "ValueSet" } else { "Questionnaire" };
        let found = app.get(&format!("/fhir/{kind}?url={url}")).await.json();
        assert_eq!((&found["total"], &found["entry"][0]["fullUrl"]), (&json!(1), &json!(url)));
    }
    assert_eq!(app.get(&format!("/fhir/{MEDICARE}/ValueSet/nsaid")).await.json()["version"], "2027-01");
    assert_eq!(app.get("/fhir/ValueSet/nsaid").await.json()["version"], "2019-08");
    assert_eq!(app.get("/fhir/Questionnaire").await.json()["total"], 2);
    for path in [format!("no-policy/{FORM}"), format!("{MEDICARE}/Questionnaire/other")] {
        assert_eq!(app.get(&format!("/fhir/{path}")).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn the_app_shows_the_decision_of_the_plans_policy() {
    let folder = two_policies();
    let configure = by_plan(&folder);
    let work = AppAtWork::with(
        &story("nothing-documented"),
        |config| {
            configure(config);
            // Every payer is the plan's.
            config.plan.payer_identifiers.clear();
            config.plan.policy = Some(MEDICARE.to_owned());
        },
        |_| {},
    )
    .await;
    let (_, page) = opened(&work, &mut surfer()).await;
    assert!(page.text().contains("Sacroiliac Joints in Medicare"), "{}", page.text());
    work.app.ports.close().await;
    let shown = work.keeping.records().await.into_iter().find(|record| record.kind == EntryKind::AppOpened).unwrap();
    assert_eq!(shown.policies.as_deref(), Some("sij-medicare|2019-08"));
}

#[tokio::test]
async fn a_policy_in_use_that_has_not_begun_makes_the_service_unready() {
    let folder = PolicyFolder::new();
    folder.add_policy("medicare", MEDICARE, "For Medicare");
    folder.change_in("medicare", "policy.toml", "effective_from = \"2019-08-01\"", "effective_from = \"2026-03-03\"");
    for (policy, status) in [(None, 200), (Some(MEDICARE), 503)] {
        let configure = by_plan(&folder);
        let app = TestApp::with(|config| {
            configure(config);
            config.plans[0].policy = policy.map(str::to_owned);
        });
        assert_eq!(app.get("/health/ready").await.status, status, "{policy:?}");
    }
}

/// Why a configuration is refused.
fn refused(folder: &PolicyFolder, change: impl FnOnce(&mut Config)) -> String {
    let mut config = default_config();
    config.policy.directory = Some(folder.path().into());
    change(&mut config);
    let ports = Ports::new(&config, Arc::new(SystemClock), Arc::new(SequentialIds::default())).unwrap();
    App::build(&config, ports).err().expect("the configuration is refused").to_string()
}

#[tokio::test]
async fn what_does_not_fit_the_policies_is_refused_with_what_to_write() {
    let folder = two_policies();
    assert_eq!(
        refused(&folder, |_| {}),
        "`policy.default` is missing: there are several policies, `sacroiliac-joint-interventions`, `sij-medicare`; write `default = \
         \"sacroiliac-joint-interventions\"`, or another of them, under `[policy]`"
    );
    let there = "there is `sacroiliac-joint-interventions`, `sij-medicare`";
    let default = |config: &mut Config, id: &str| config.policy.default = Some(id.to_owned());
    assert_eq!(refused(&folder, |config| default(config, "x")), format!("`policy.default`: no folder has a policy `x`; {there}"));
    let own = refused(&folder, |config| {
        default(config, OWN);
        config.plan.policy = Some("x".to_owned());
    });
    assert_eq!(own, format!("`plan.policy`: no folder has a policy `x`; {there}"));
    let other = refused(&folder, |config| {
        default(config, OWN);
        config.plans = vec![plan_of("medicare", Some("x"))];
    });
    assert_eq!(other, format!("`plans.policy` of `medicare`: no folder has a policy `x`; {there}"));
}

#[test]
fn the_commands_refuse_what_does_not_fit_with_2() {
    let (folder, keeping) = (two_policies(), Keeping::new());
    let file = keeping.file("policies.toml");
    std::fs::write(&file, format!("[policy]\ndirectory = \"{}\"\n", folder.path())).unwrap();
    let file = file.to_str().unwrap();
    for arguments in [["config", "check", "--config", file], ["policy", "check", "--config", file]] {
        let (code, _) = program(&arguments);
        assert_eq!(code, 2, "{arguments:?}");
    }
}

/// The exit code and the standard output of the program.
fn program(arguments: &[&str]) -> (i32, String) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_sij-cds")).args(arguments).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_folder_that_judges_no_order_is_reported_with_its_path() {
    let folder = PolicyFolder::new();
    folder.add_policy("medicare", MEDICARE, "For Medicare");
    let directory = tempfile::tempdir().unwrap();
    let policies = format!("[policy]\ndirectory = \"{}\"\ndefault = \"{OWN}\"\n", folder.path());
    let file = configuration_file(&directory, &policies);
    let path = file.to_str().unwrap();
    let line = format!(
        "`{}`: policy `{MEDICARE}` judges no order, because no plan names it and it is not the default one\n",
        folder.version("medicare").display()
    );
    assert_eq!(program(&["config", "check", "--config", path]), (0, format!("{line}configuration is valid\n")));
    let (code, checked) = program(&["policy", "check", "--config", path]);
    assert!(code == 0 && checked.ends_with(&format!(" cases, 0 disagree\n{line}")), "{checked}");
    let mut running = RunningProgram::start(&file);
    let warning = running.line("policy judges no order: no plan names it, and it is not the default one");
    assert_eq!((&warning["policy"], &warning["level"]), (&json!(MEDICARE), &json!("WARN")));
    assert_eq!(warning["folder"], folder.version("medicare").display().to_string());
    configuration_file(&directory, &format!("{policies}[plan]\nname = \"Plan\"\npolicy = \"{MEDICARE}\"\n"));
    assert_eq!(program(&["config", "check", "--config", path]), (0, "configuration is valid\n".to_owned()));
}
