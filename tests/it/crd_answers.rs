//! Coverage information as sent: by hook, version and options, by plan and Coverage, by client, and as recorded in the ledger.
//! Not here: its content for a determination ([`super::coverage_mapping`]), and its structure ([`super::coverage_information`]).

use serde_json::{Value, json};
use sij_cds::cds_hooks::{Dialect, Hook};
use sij_cds::config::Config;
use sij_cds::crd::{COVERAGE_INFORMATION, CrdVersion};
use sij_cds::ledger::EntryKind;

use crate::support::call::{bundle, cpt, order};
use crate::support::coverage_rules::coverage_violations;
use crate::support::exchanges::exchanges_under_all_settings;
use crate::support::fhir_server::{FhirServer, register};
use crate::support::keeping::{Keeping, content};
use crate::support::showing::ALL_DIALECTS;
use crate::support::{Answer, Call, Case, Json, TestApp, changed, story, violations};

/// Every criterion is met.
const SUPPORTED: &str = "therapy-from-procedures-only";

/// Nothing is documented.
const UNDOCUMENTED: &str = "nothing-documented";

fn app_with(change: impl FnOnce(&mut Config)) -> TestApp {
    TestApp::on_the_day_of_the_fixtures_with(change)
}

/// A story with a request in its extension.
fn asking(name: &str, extension: &Value) -> Case {
    changed(name, |call| call["extension"] = extension.clone())
}

fn configured(name: &str, configuration: &Value) -> Case {
    asking(name, &json!({"davinci-crd.configuration": configuration}))
}

/// The coverage information of every order of an answer.
fn information(answer: &Value) -> Vec<Value> {
    let actions = answer["systemActions"].as_array().cloned().unwrap_or_default();
    let extensions = actions.iter().flat_map(|action| action["resource"]["extension"].as_array().cloned().unwrap_or_default());
    extensions.filter(|extension| extension["url"] == COVERAGE_INFORMATION).collect()
}

/// The first value of a part.
fn part(extension: &Value, url: &str) -> Option<Value> {
    let parts = extension["extension"].as_array()?;
    let part = parts.iter().find(|part| part["url"] == url)?.as_object()?;
    part.iter().find(|(name, _)| name.starts_with("value")).map(|(_, value)| value.clone())
}

async fn answer(app: &TestApp, case: &Case) -> Value {
    let answer = app.sign_text(&case.request).await;
    assert_eq!(answer.status, 200, "{}: {}", case.name, answer.text());
    answer.json()
}

/// The only coverage information of an answer.
async fn the_information(app: &TestApp, case: &Case) -> Value {
    let answer = answer(app, case).await;
    let information = information(&answer);
    assert_eq!(information.len(), 1, "{}: {answer}", case.name);
    information[0].clone()
}

#[tokio::test]
async fn every_answer_of_every_story_hook_version_and_dialect_holds_to_the_protocol() {
    let (mut found, mut cards, mut informed) = (Vec::new(), 0, 0);
    for exchange in exchanges_under_all_settings().await {
        assert_eq!(exchange.status, 200, "{}", exchange.about(&exchange.text));
        let version = if exchange.version == "2.2" { CrdVersion::V2_2 } else { CrdVersion::V2_0 };
        let information = information(&exchange.answer);
        let violations = violations(&exchange.text, &Json::of(&exchange.request)).into_iter();
        let all = violations.chain(information.iter().flat_map(|extension| coverage_violations(extension, version)));
        found.extend(all.map(|what| exchange.about(&what)));
        let is_primary = matches!(exchange.hook, Hook::OrderSign | Hook::OrderDispatch | Hook::AppointmentBook);
        assert!(is_primary || information.is_empty(), "{}", exchange.about("coverage information"));
        cards += exchange.cards().len();
        informed += information.len();
    }
    assert!(found.is_empty(), "{} violations, the first of them:\n{}", found.len(), found[..found.len().min(20)].join("\n"));
    assert!(cards > 1_000 && informed > 500, "only {cards} cards, and {informed} with coverage information");
}

#[tokio::test]
async fn the_version_is_the_calls_else_the_configured_one() {
    let says_2_2 = |extension: &Value| part(extension, "contact").is_some_and(|contact| contact.get("telecom").is_some());
    let contact = |config: &mut Config| config.plan.contact = Some(serde_json::from_value(json!({"phone": "1-555-0100"})).unwrap());
    let by_default = app_with(contact);
    for (extension, expected) in [
        (json!({}), false),
        (json!({"davinci-crd.requestedVersion": "2.2"}), true),
        (json!({"davinci-crd.version": "2.2"}), true),
        (json!({"davinci-crd.version": ["9.9", "2.2"]}), true),
        (json!({"davinci-crd.requestedVersion": "2.0"}), false),
        (json!({"davinci-crd.requestedVersion": 7}), false),
    ] {
        assert_eq!(says_2_2(&the_information(&by_default, &asking(SUPPORTED, &extension)).await), expected, "{extension}");
    }
    let newer = app_with(|config| {
        contact(config);
        config.crd.default_version = sij_cds::crd::CrdVersion::V2_2;
    });
    assert!(says_2_2(&the_information(&newer, &story(SUPPORTED)).await));
}

#[tokio::test]
async fn a_client_that_wants_no_coverage_information_gets_none_and_its_cards() {
    let app = app_with(|_| {});
    let answer = answer(&app, &configured(SUPPORTED, &json!({"coverage-info": false}))).await;
    assert_eq!((information(&answer).len(), answer["cards"].as_array().unwrap().len()), (0, 1));
    assert_eq!(answer.get("systemActions"), None);
}

#[tokio::test]
async fn nonsense_in_the_configuration_is_ignored_and_kept() {
    let keeping = Keeping::new();
    let app = keeping.app().await;
    let nonsense = json!({"max-cards": -1, "coverage-info": "no", "guideline": null, "weather": true, "unsolicited-determ": true});
    let answered = answer(&app.http, &configured(SUPPORTED, &nonsense)).await;
    assert_eq!((information(&answered).len(), answered["cards"].as_array().unwrap().len()), (1, 1));
    let answered = answer(&app.http, &configured(SUPPORTED, &json!([1]))).await;
    assert_eq!(information(&answered).len(), 1);
    app.ports.close().await;
    let calls: Vec<_> = keeping.records().await.into_iter().filter(|record| record.kind == EntryKind::Call).collect();
    let summary: Value = serde_json::from_slice(&calls[0].summary).unwrap();
    assert_eq!(summary["ignored"], json!(["coverage-info", "guideline", "max-cards", "weather"]));
}

fn authorizing(stance: &str) -> TestApp {
    let stance = json!({"default": "auth-needed", "codes": {"27096": stance}});
    app_with(|config| config.plan.prior_authorization = Some(serde_json::from_value(stance).unwrap()))
}

#[tokio::test]
async fn prior_authorization_is_as_the_plan_has_it_for_the_orders_code() {
    for (stance, expected) in
        [("no-auth", "no-auth"), ("auth-needed", "auth-needed"), ("performpa", "performpa"), ("satisfied", "auth-needed")]
    {
        let extension = the_information(&authorizing(stance), &story(SUPPORTED)).await;
        assert_eq!(part(&extension, "pa-needed"), Some(json!(expected)), "{stance}");
        assert_eq!(part(&extension, "satisfied-pa-id"), None);
    }
}

#[tokio::test]
async fn an_authorization_is_issued_for_what_is_supported_alone_and_not_to_who_only_asks() {
    let keeping = Keeping::new();
    let app = issuing(keeping).await;
    let supported = the_information(&app, &story(SUPPORTED)).await;
    assert_eq!(part(&supported, "pa-needed"), Some(json!("satisfied")));
    assert!(part(&supported, "satisfied-pa-id").is_some());
    let undocumented = the_information(&app, &story(UNDOCUMENTED)).await;
    assert_eq!((part(&undocumented, "pa-needed"), part(&undocumented, "satisfied-pa-id")), (Some(json!("conditional")), None));
    let what_if = the_information(&app, &configured(SUPPORTED, &json!({"unsolicited-determ": false}))).await;
    assert_eq!((part(&what_if, "pa-needed"), part(&what_if, "satisfied-pa-id")), (Some(json!("auth-needed")), None));
}

#[tokio::test]
async fn an_assertion_and_an_authorization_lead_to_the_record_of_their_call() {
    let mut keeping = Keeping::new();
    keeping.config.plan.prior_authorization = Some(serde_json::from_value(json!({"default": "satisfied"})).unwrap());
    let app = keeping.app().await;
    let extension = the_information(&app.http, &story(SUPPORTED)).await;
    app.ports.close().await;
    let call = keeping.records().await.into_iter().find(|record| record.kind == EntryKind::Call).unwrap();
    for url in ["coverage-assertion-id", "satisfied-pa-id"] {
        let name = part(&extension, url).unwrap();
        assert_eq!(sij_cds::crd::record_of(name.as_str().unwrap()), Some(call.id), "{url}");
    }
    assert!(content(&call)["answer"].to_string().contains(part(&extension, "satisfied-pa-id").unwrap().as_str().unwrap()));
}

#[tokio::test]
async fn of_one_call_the_orders_of_one_coverage_share_an_assertion_and_others_have_their_own() {
    let insured = |id: &str, coverage: &str| {
        let mut order = order(id, &cpt("27096"), "2026-12-01");
        order["insurance"] = json!([{"reference": format!("Coverage/{coverage}")}]);
        order
    };
    let coverage = |id: &str| json!({"resourceType": "Coverage", "id": id, "status": "active", "beneficiary": {"reference": "Patient/p1"}, "payor": [{"display": "A plan"}]});
    let call =
        Call::ordering([insured("a", "c1"), insured("b", "c2"), insured("c", "c1")]).with("coverage", [coverage("c1"), coverage("c2")]);
    let answer = app_with(|_| {}).sign(&call.0).await.json();
    let said: Vec<_> = answer["systemActions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|action| {
            let extension = &action["resource"]["extension"][0];
            let text = |url: &str, pointer: &str| part(extension, url).and_then(|value| value.pointer(pointer).cloned()).unwrap();
            (action["resource"]["id"].clone(), text("coverage", "/reference"), text("coverage-assertion-id", ""))
        })
        .collect();
    let (orders, coverages): (Vec<_>, Vec<_>) = said.iter().map(|(order, coverage, _)| (order.clone(), coverage.clone())).unzip();
    assert_eq!((json!(orders), json!(coverages)), (json!(["a", "b", "c"]), json!(["Coverage/c1", "Coverage/c2", "Coverage/c1"])));
    assert!(said[0].2 == said[2].2 && said[0].2 != said[1].2, "{said:?}");
}

#[tokio::test]
async fn an_order_that_says_it_already_is_left_alone_and_a_copy_of_it_is_not() {
    let keeping = Keeping::new();
    let app = issuing(keeping).await;
    let first = answer(&app, &story(SUPPORTED)).await;
    let annotated = first["systemActions"][0]["resource"].clone();
    let signed_again = |change: &dyn Fn(&mut Value)| {
        let mut order = annotated.clone();
        change(&mut order);
        changed(SUPPORTED, |call| call["context"]["draftOrders"]["entry"][0]["resource"] = order)
    };
    let same = answer(&app, &signed_again(&|_| {})).await;
    assert_eq!((same.get("systemActions"), same["cards"].as_array().unwrap().len()), (None, 1));
    let copied = answer(&app, &signed_again(&|order| order["id"] = json!("a-copy"))).await;
    let number = |answer: &Value| part(&information(answer)[0], "satisfied-pa-id").unwrap();
    assert_ne!(number(&copied), number(&first));
    let forged = answer(
        &app,
        &signed_again(&|order| {
            let parts = order.pointer_mut("/extension/0/extension").unwrap().as_array_mut().unwrap();
            parts.iter_mut().find(|part| part["url"] == "satisfied-pa-id").unwrap()["valueString"] = json!("SIJ-1");
        }),
    )
    .await;
    assert!(number(&forged).as_str().unwrap().len() > 30);
}

/// A story whose Coverage has no end date.
fn unending() -> Case {
    changed("third-injection-at-seven-weeks", |call| {
        for entry in call["prefetch"]["coverage"]["entry"].as_array_mut().unwrap() {
            entry["resource"].as_object_mut().unwrap().remove("period");
        }
    })
}

#[tokio::test]
async fn covered_later_is_said_of_the_days_alone_on_which_it_would_be() {
    let app = app_with(|config| config.plan.prior_authorization = Some(serde_json::from_value(json!({"default": "no-auth"})).unwrap()));
    let answer = answer(&app, &unending()).await;
    let later = &information(&answer)[0];
    assert_eq!(part(later, "covered"), Some(json!("covered")));
    let period = later["extension"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|part| part["url"] == "detail")
        .find_map(|detail| {
            detail.pointer("/extension").and_then(|parts| parts.as_array()?.iter().find_map(|part| part.get("valuePeriod").cloned()))
        })
        .unwrap();
    let on = |day: chrono::NaiveDate| {
        let mut call: Value = serde_json::from_str(&unending().request).unwrap();
        call["context"]["draftOrders"]["entry"][0]["resource"]["occurrenceDateTime"] = json!(day);
        crate::support::Evaluator::new().evaluate(&call.to_string())["orders"][0]["determination"].clone()
    };
    let [first, last] = ["start", "end"].map(|end| period[end].as_str().unwrap().parse::<chrono::NaiveDate>().unwrap());
    let days = [first.pred_opt().unwrap(), first, last, last.succ_opt().unwrap()];
    let is_supported = days.map(|day| on(day) == "supported");
    assert_eq!(is_supported, [false, true, true, false], "{days:?}");
}

#[tokio::test]
async fn a_code_of_another_system_has_no_stance() {
    let mut keeping = Keeping::new();
    let stances = json!({"default": "auth-needed", "codes": {"27096": "satisfied"}});
    keeping.config.plan.prior_authorization = Some(serde_json::from_value(stances).unwrap());
    let app = keeping.app().await;
    let case = changed(SUPPORTED, |call| {
        let codings = json!([{"system": "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "code": "G0260"}, {"system": "urn:local", "code": "27096"}]);
        call["context"]["draftOrders"]["entry"][0]["resource"]["code"]["coding"] = codings;
    });
    let extension = the_information(&app.http, &case).await;
    assert_eq!((part(&extension, "pa-needed"), part(&extension, "satisfied-pa-id")), (Some(json!("auth-needed")), None));
}

#[tokio::test]
async fn an_order_of_the_call_that_could_not_be_read_leaves_the_others_open() {
    let dated = |id: &str| {
        let mut order = changed(SUPPORTED, |_| {})
            .json()
            .at("context.draftOrders.entry.0.resource")
            .map(|order| serde_json::from_str::<Value>(&order.to_string()).unwrap())
            .unwrap();
        order["id"] = json!(id);
        order["status"] = json!("active");
        order
    };
    let dispatched = |references: &[&str]| {
        changed(SUPPORTED, |call| {
            let patient = call["context"]["patientId"].clone();
            call["hook"] = json!("order-dispatch");
            call["context"] = json!({"patientId": patient, "dispatchedOrders": references, "performer": "Organization/o"});
            call["prefetch"]["serviceRequests"] = bundle([dated("a")]);
        })
    };
    let app = app_with(|_| {});
    let all = answer(&app, &dispatched(&["ServiceRequest/a"])).await;
    assert_eq!(part(&information(&all)[0], "covered"), Some(json!("covered")));
    let one_missing = answer(&app, &dispatched(&["ServiceRequest/a", "ServiceRequest/b"])).await;
    assert_eq!(part(&information(&one_missing)[0], "covered"), Some(json!("conditional")));
    let detail = one_missing["cards"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("Other procedures in the visit: orders that could not be read: 1"), "{detail}");
}

/// A service that records its calls and issues authorizations.
async fn issuing(mut keeping: Keeping) -> TestApp {
    keeping.config.plan.prior_authorization = Some(serde_json::from_value(json!({"default": "satisfied"})).unwrap());
    keeping.app().await.http
}

/// The story with other Coverages.
fn covered(coverages: &[Value]) -> Case {
    changed(SUPPORTED, |call| {
        call["prefetch"]["coverage"] = bundle(coverages.to_vec());
        let order = call["context"]["draftOrders"]["entry"][0]["resource"].as_object_mut().unwrap();
        order.remove("insurance");
    })
}

fn coverage(id: &str, more: &Value) -> Value {
    let patient = story(SUPPORTED).json().at("context.patientId").unwrap().text().unwrap().clone();
    let mut coverage = json!({"resourceType": "Coverage", "id": id, "status": "active",
        "beneficiary": {"reference": format!("Patient/{patient}")},
        "payor": [{"display": "Example Health Plan", "identifier": {"system": "urn:payers", "value": "1"}}]});
    for (name, value) in more.as_object().into_iter().flatten() {
        coverage[name] = value.clone();
    }
    coverage
}

fn knowing_its_payer(strict: bool) -> TestApp {
    app_with(|config| {
        config.crd.strict = strict;
        config.plan.payer_identifiers = serde_json::from_value(json!(["urn:payers|1"])).unwrap();
    })
}

#[tokio::test]
async fn without_a_coverage_that_can_be_judged_there_are_cards_and_the_reason() {
    let app = knowing_its_payer(false);
    let foreign = json!({"payor": [{"display": "Somebody else", "identifier": {"system": "urn:payers", "value": "2"}}]});
    for (coverages, note) in [
        (vec![], None),
        (vec![coverage("a", &json!({"status": "cancelled"}))], Some("not in force on the day of service")),
        (vec![coverage("a", &json!({"period": {"end": "2026-11-30"}}))], Some("not in force on the day of service")),
        (vec![coverage("a", &foreign)], Some("insured with Somebody else")),
        (vec![coverage("a", &json!({"payor": [{"display": "Rival Insurance"}]}))], Some("does not say which insurer")),
        (vec![coverage("a", &json!({})), coverage("b", &json!({}))], Some("more than one insurance")),
    ] {
        let answer = answer(&app, &covered(&coverages)).await;
        assert_eq!(answer.get("systemActions"), None, "{coverages:?}");
        let detail = answer["cards"][0]["detail"].as_str().unwrap();
        assert_eq!(detail.contains("nothing was written to the order"), note.is_some(), "{detail}");
        assert!(detail.contains(note.unwrap_or_default()), "{detail}");
    }
    let label = |answer: &Value| answer["cards"][0]["source"]["label"].as_str().unwrap().to_owned();
    assert_ne!(label(&answer(&app, &covered(&[coverage("a", &foreign)])).await), "Somebody else");
    assert_eq!(label(&answer(&app, &covered(&[coverage("a", &json!({}))])).await), "Example Health Plan");
}

#[tokio::test]
async fn of_several_coverages_the_only_one_of_the_plans_counts() {
    let foreign = coverage("b", &json!({"payor": [{"identifier": {"system": "urn:payers", "value": "2"}}]}));
    let extension = the_information(&knowing_its_payer(false), &covered(&[foreign, coverage("a", &json!({}))])).await;
    assert_eq!(part(&extension, "coverage"), Some(json!({"reference": "Coverage/a"})));
}

#[tokio::test]
async fn a_payers_identifier_is_looked_up_in_its_organization_where_a_plan_is_known_by_one() {
    let organization =
        json!({"resourceType": "Organization", "id": "o", "name": "Some plan", "identifier": [{"system": "urn:payers", "value": "1"}]});
    let server = FhirServer::without_entries().await.holding(organization);
    let app = app_with(|config| {
        register(config, &server.base());
        config.plan.payer_identifiers = serde_json::from_value(json!(["urn:payers|1"])).unwrap();
    });
    let case = covered(&[coverage("a", &json!({"payor": [{"reference": "Organization/o", "display": "Some plan"}]}))]);
    let mut call: Value = serde_json::from_str(&case.request).unwrap();
    call["fhirServer"] = json!(server.base());
    let extension = the_information(&app, &Case { request: call.to_string(), ..case }).await;
    assert_eq!(part(&extension, "coverage"), Some(json!({"reference": "Coverage/a"})));
}

#[tokio::test]
async fn a_client_that_is_answered_strictly_is_told_what_is_wrong_with_its_coverage() {
    let app = knowing_its_payer(true);
    let foreign = json!({"payor": [{"identifier": {"system": "urn:payers", "value": "2"}}]});
    for (coverages, said) in [
        (vec![], "no Coverage of the patient"),
        (vec![coverage("a", &json!({})), coverage("b", &json!({}))], "several Coverages"),
        (vec![coverage("a", &foreign)], "not one that this service answers for"),
        (vec![coverage("a", &json!({"payor": [{"reference": "Patient/x"}]}))], "names no payer"),
    ] {
        let answer: Answer = app.sign_text(&covered(&coverages).request).await;
        assert!(answer.outcome(400, "structure").contains(said), "{coverages:?}: {}", answer.text());
    }
    let untold = changed(SUPPORTED, |call| drop(call["prefetch"].as_object_mut().unwrap().remove("coverage")));
    app.sign_text(&untold.request).await.outcome(400, "structure");
    let shadowed = app_with(|config| {
        config.crd.strict = true;
        config.development.shadow = Some(true);
    });
    assert_eq!(answer(&shadowed, &untold).await, json!({"cards": []}));
    let ended = covered(&[coverage("a", &json!({"status": "cancelled"}))]);
    let ended = Case { request: ended.request.replacen('{', r#"{"extension":{"davinci-crd.requestedVersion":"2.2"},"#, 1), ..ended };
    let ended = the_information(&app, &ended).await;
    assert_eq!(part(&ended, "covered"), Some(json!("not-covered")));
    assert!(ended.to_string().contains("no-active-coverage"), "{ended}");
    let answered = answer(&app, &configured(SUPPORTED, &json!({"coverage-info": false}))).await;
    assert_eq!(answered["cards"].as_array().unwrap().len(), 1, "nobody is refused for what was not asked");
}

#[tokio::test]
async fn the_plan_is_the_one_whose_payer_the_coverage_names() {
    let app = app_with(|config| {
        let plan = |value: Value| serde_json::from_value(value).unwrap();
        config.plan = plan(json!({"name": "First plan", "payer_identifiers": ["urn:payers|9"]}));
        config.plans = vec![plan(json!({"id": "second", "name": "Second plan", "payer_identifiers": ["urn:payers|1"],
            "policy_url": "https://second.example/policy", "prior_authorization": {"default": "no-auth"}}))];
    });
    let answer = answer(&app, &covered(&[coverage("a", &json!({}))])).await;
    assert_eq!(answer["cards"][0]["source"]["url"], "https://second.example/policy");
    assert_eq!(part(&information(&answer)[0], "pa-needed"), Some(json!("no-auth")));
}

#[tokio::test]
async fn a_plan_does_not_answer_for_a_line_of_business_it_has_not() {
    let of = |strict: bool| {
        app_with(|config| {
            config.crd.strict = strict;
            config.plan.lines_of_business = Some(serde_json::from_value(json!(["medicare"])).unwrap());
        })
    };
    let commercial = json!({"type": {"coding": [{"system": "https://nahdo.org/sopt", "code": "5"}]}});
    let case = covered(&[coverage("a", &commercial)]);
    assert_eq!(answer(&of(false), &case).await.get("systemActions"), None);
    let extension = the_information(&of(true), &case).await;
    assert_eq!(part(&extension, "covered"), Some(json!("not-covered")));
}

#[tokio::test]
async fn a_client_without_system_actions_gets_cards_alone() {
    let app = app_with(|config| config.development.system_actions = Some(false));
    let answer = answer(&app, &story(SUPPORTED)).await;
    assert_eq!((answer.get("systemActions"), answer["cards"].as_array().unwrap().len()), (None, 1));
}

#[tokio::test]
async fn a_shadowed_client_sees_nothing_and_all_is_kept_and_can_be_answered_again() {
    let mut keeping = Keeping::new();
    keeping.config.development.shadow = Some(true);
    keeping.config.plan.prior_authorization = Some(serde_json::from_value(json!({"default": "satisfied"})).unwrap());
    let app = keeping.app().await;
    assert_eq!(app.http.sign_text(&story(SUPPORTED).request).await.text(), r#"{"cards":[]}"#);
    app.ports.close().await;
    let call = keeping.records().await.into_iter().find(|record| record.kind == EntryKind::Call).unwrap();
    assert_eq!(call.determination.as_deref(), Some("supported"));
    let kept = content(&call);
    assert_eq!(kept["answer"], json!({"cards": []}));
    assert_eq!(kept["withheld"]["cards"].as_array().unwrap().len(), 1);
    assert_eq!(part(&information(&kept["withheld"])[0], "satisfied-pa-id"), None, "what nobody sees is not issued");
    assert!(call.cards.is_empty(), "no card was shown");
    assert!(keeping.replaying().hooks.replay(&call).unwrap().differences.is_empty());
}

#[tokio::test]
async fn what_was_answered_by_plan_version_and_dialect_is_answered_again_after_they_changed() {
    for dialect in ALL_DIALECTS {
        let mut keeping = Keeping::new();
        keeping.config.development.dialect = Some(dialect);
        keeping.config.development.dtr = Some(false);
        keeping.config.plan.prior_authorization = Some(serde_json::from_value(json!({"default": "satisfied"})).unwrap());
        keeping.config.plan.payer_identifiers = serde_json::from_value(json!(["urn:payers|1"])).unwrap();
        let app = keeping.app().await;
        let foreign = coverage("b", &json!({"payor": [{"identifier": {"system": "urn:payers", "value": "2"}}]}));
        for case in [
            story(UNDOCUMENTED),
            asking(SUPPORTED, &json!({"davinci-crd.requestedVersion": "2.2"})),
            covered(&[coverage("a", &json!({})), foreign]),
        ] {
            assert_eq!(app.http.sign_text(&case.request).await.status, 200);
        }
        app.ports.close().await;
        keeping.config.plan.payer_identifiers.clear();
        keeping.config.plan.prior_authorization = None;
        keeping.config.development = serde_json::from_value(json!({})).unwrap();
        let replaying = keeping.replaying();
        for call in keeping.records().await.into_iter().filter(|record| record.kind == EntryKind::Call) {
            let replay = replaying.hooks.replay(&call).unwrap();
            assert!(replay.differences.is_empty(), "{dialect:?}: {:?}", replay.differences);
        }
    }
}

#[tokio::test]
async fn a_client_without_dtr_is_offered_the_form_and_asked_whether_it_has_it() {
    let created = |answer: &Value| -> Vec<String> {
        let actions = answer.pointer("/cards/0/suggestions").and_then(Value::as_array).cloned().unwrap_or_default();
        let actions = actions.iter().flat_map(|suggestion| suggestion["actions"].as_array().cloned().unwrap_or_default());
        actions
            .filter_map(|action| action.pointer("/resource/resourceType")?.as_str().map(str::to_owned))
            .filter(|name| name != "ServiceRequest")
            .collect()
    };
    assert_eq!(created(&answer(&app_with(|_| {}), &story(UNDOCUMENTED)).await), Vec::<String>::new());
    let without_server = app_with(|config| config.development.dtr = Some(false));
    assert_eq!(created(&answer(&without_server, &story(UNDOCUMENTED)).await), ["Task"]);
    let form = json!({"resourceType": "Questionnaire", "id": "f", "url": "http://payer.example.org/fhir/Questionnaire/sij-injection-documentation"});
    for (held, expected) in [(None, vec!["Questionnaire", "Task"]), (Some(form), vec!["Task"])] {
        let server = FhirServer::of(&story(UNDOCUMENTED)).await;
        let server = if let Some(form) = held { server.holding(form) } else { server };
        let app = app_with(|config| {
            register(config, &server.base());
            config.development.dtr = Some(false);
        });
        let case = changed(UNDOCUMENTED, |call| call["fhirServer"] = json!(server.base()));
        assert_eq!(created(&answer(&app, &case).await), expected);
    }
}

#[tokio::test]
async fn epics_trigger_is_kept_with_the_call() {
    let mut keeping = Keeping::new();
    keeping.config.development.dialect = Some(Dialect::Epic);
    let app = keeping.app().await;
    let case = asking(SUPPORTED, &json!({"com.epic.cdshooks.request.bpa-trigger-action": "23"}));
    let answer = answer(&app.http, &case).await;
    assert_eq!(answer["cards"][0]["source"]["topic"]["code"], "guideline");
    app.ports.close().await;
    let call = keeping.records().await.into_iter().find(|record| record.kind == EntryKind::Call).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&call.summary).unwrap()["trigger"], 23);
}

#[tokio::test]
async fn an_appointment_without_an_order_bears_the_information_itself() {
    let coverage = json!({"resourceType": "Coverage", "id": "c1", "status": "active", "beneficiary": {"reference": "Patient/p1"}, "payor": [{"display": "A plan"}]});
    let appointment = json!({"resourceType": "Appointment", "id": "t", "status": "proposed", "start": "2026-12-20T09:00:00Z",
        "serviceType": [cpt("27096")], "participant": [{"actor": {"reference": "Patient/p1"}, "status": "accepted"}]});
    let mut call = Call::ordering([]).with("coverage", [coverage]).0;
    call["hook"] = json!("appointment-book");
    call["context"] = json!({"userId": "Patient/p1", "patientId": "p1", "appointments": bundle([appointment.clone()])});
    let answer = app_with(|_| {}).sign(&call).await;
    let answer = answer.json();
    let mut written = answer["systemActions"][0]["resource"].clone();
    written.as_object_mut().unwrap().remove("extension");
    assert_eq!(written, appointment);
    assert_eq!(information(&answer).len(), 1);
    assert_eq!(answer["cards"][0].pointer("/extension/davinci-crd.associated-resource/0/reference"), Some(&json!("Appointment/t")));
}

#[tokio::test]
async fn a_dispatched_order_with_a_coverage_bears_the_information() {
    let coverage = json!({"resourceType": "Coverage", "id": "c1", "status": "active", "beneficiary": {"reference": "Patient/p1"}, "payor": [{"display": "A plan"}]});
    let mut signed = order("a", &cpt("27096"), "2026-12-01");
    signed["status"] = json!("active");
    let mut call = Call::ordering([]).with("coverage", [coverage]).with("serviceRequests", [signed.clone()]).0;
    call["hook"] = json!("order-dispatch");
    call["context"] = json!({"patientId": "p1", "dispatchedOrders": ["ServiceRequest/a"], "performer": "Organization/o1"});
    let answer = app_with(|_| {}).sign(&call).await.json();
    let mut written = answer["systemActions"][0]["resource"].clone();
    written.as_object_mut().unwrap().remove("extension");
    assert_eq!(written, signed);
    assert_eq!(information(&answer).len(), 1);
}

/// An order with an element of the wrong FHIR type still gets an answer, both on the card and on the order itself.
#[tokio::test]
async fn an_order_that_cannot_be_read_is_answered_with_its_fault() {
    let unreadable = changed(SUPPORTED, |call| {
        call["context"]["draftOrders"]["entry"][0]["resource"]["bodySite"] = json!({"text": "left"});
    });
    let answer = answer(&app_with(|config| config.crd.default_version = sij_cds::crd::CrdVersion::V2_2), &unreadable).await;
    let detail = answer["cards"][0]["detail"].as_str().unwrap();
    // Its point is no full stop, so that no client takes it for an address.
    assert!(detail.contains("'ServiceRequest․bodySite'"), "{detail}");
    let information = &information(&answer)[0];
    assert_eq!(part(information, "covered"), Some(json!("indeterminate")));
    assert_eq!(part(information, "reason").unwrap()["coding"][0]["code"], "technical");
}
