//! The system action as a whole: what is added to the order and where, what is preserved, and when there is no action.

use crate::support::showing::presenting;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sij_cds::cds_hooks::Action;
use sij_cds::crd::{
    COVERAGE_INFORMATION, CardCase, CoverageAssertion, CoverageState, CrdVersion, Presentation, PriorAuthorization, coverage_information,
};
use sij_cds::decision::Policies;
use sij_cds::policy::{Determination, Evaluation};

use crate::support::coverage_information::{
    CONTACT, COVERAGE, Decided, POLICY, assertion, codes, details, draft, ours, parts, unknown, unmet, values,
};
use crate::support::coverage_rules::coverage_violations;
use crate::support::{Evaluator, all_cases};

const FOREIGN: &str = r#"{"url":"https://ehr.example.org/x",  "valueDecimal":1.50}"#;

fn of_other_coverage() -> Value {
    let coverage = json!({"url": "coverage", "valueReference": {"reference": "Coverage/c2"}});
    json!({"url": COVERAGE_INFORMATION, "extension": [coverage, {"url": "covered", "valueCode": "covered"}]})
}

fn supported() -> Decided {
    Decided::as_(Determination::Supported)
}

/// The order's coverage information after it was signed once.
fn signed(decided: &Decided) -> Vec<Value> {
    decided.extensions()
}

#[test]
fn the_action_is_written_in_the_guides_form() {
    let decided = supported().stance(Some(PriorAuthorization::Satisfied)).asserted(|assertion| {
        assertion.authorization_number = Some("PA-1");
        assertion.contact = Some(&CONTACT);
        assertion.policy_url = Some("https://plan.example/policy#{section}");
    });
    insta::assert_json_snapshot!(decided.extensions()[0]);
}

#[test]
fn the_same_is_written_in_the_form_of_2_0() {
    let decided = Decided::as_(Determination::NeedsDocumentation).version(CrdVersion::V2_0).asserted(|assertion| {
        assertion.contact = Some(&CONTACT);
        assertion.policy_url = Some("https://plan.example/policy#{section}");
    });
    insta::assert_json_snapshot!(decided.extensions()[0]);
}

#[test]
fn nothing_is_sent_where_the_order_says_it_already() {
    for determination in Determination::ALL {
        let first = Decided::as_(determination).stance(Some(PriorAuthorization::Satisfied));
        let again = first.clone().asserted(|assertion| assertion.assertion_id = "another").bearing(&json!(signed(&first)));
        assert_eq!(again.sent_back(), None, "{determination:?}");
    }
}

#[test]
fn another_day_base_or_order_of_parts_is_nothing_new_and_a_number_only_for_the_same() {
    let numbered = |number| {
        supported().stance(Some(PriorAuthorization::Satisfied)).asserted(|assertion| {
            assertion.authorization_number = Some(number);
            assertion.policy_url = Some("https://plan.example/policy");
        })
    };
    let mut borne = signed(&numbered("PA-1-00A7"));
    let parts = borne[0]["extension"].as_array_mut().unwrap();
    parts.iter_mut().find(|part| part["url"] == "date").unwrap()["valueDate"] = json!("2026-11-01");
    parts.iter_mut().find(|part| part["url"] == "coverage").unwrap()["valueReference"] =
        json!({"reference": "https://ehr.example.org/fhir/Coverage/c1/_history/3", "display": "Coverage"});
    parts.iter_mut().find(|part| part["url"] == "detail").unwrap()["extension"].as_array_mut().unwrap().reverse();
    for part in parts.iter_mut() {
        part["id"] = json!("e1");
    }
    parts.reverse();
    assert_eq!(numbered("PA-2-00A7").bearing(&json!(borne)).sent_back(), None);
    for other in ["PA-1-00A8", "PB-1-00A7", "PA-1"] {
        assert!(
            numbered(other).bearing(&json!(borne)).sent_back().is_some(),
            "{other}: silence would confirm whatever number stands there"
        );
    }
}

#[test]
fn what_is_new_takes_the_place_of_what_was_said_of_the_same_coverage() {
    let old = signed(&Decided::from("2026-12-13"));
    let other = of_other_coverage();
    let borne = format!("[{},{FOREIGN},{},{other}]", old[0], old[1]);
    let order = draft().to_string().replacen('{', &format!("{{\"x\":1.0,\"extension\":{borne},"), 1);
    let back = supported().written(&order).sent_back().unwrap();
    let new = supported().extensions()[0].to_string();
    assert_eq!(back, order.replace(&borne, &format!("[{new},{FOREIGN},{other}]")));
}

#[test]
fn an_order_without_coverage_information_gets_it_behind_its_other_extensions() {
    let order = draft().to_string().replacen('{', &format!("{{\"extension\":[{FOREIGN}],"), 1);
    let back = supported().written(&order).sent_back().unwrap();
    assert!(back.starts_with(&format!("{{\"extension\":[{FOREIGN},{{")), "{back}");
    let bare = draft().to_string();
    let back = supported().written(&bare).sent_back().unwrap();
    assert!(back.starts_with(bare.trim_end_matches('}')), "{back}");
    assert_eq!(ours(&back), supported().extensions());
}

#[test]
fn an_order_that_cannot_be_changed_safely_is_left_alone() {
    let twice = draft().to_string().replacen('{', "{\"extension\":[],\"extension\":[],", 1);
    for order in [r#"{"id":"o1","extension":{}}"#, r#"{"id":"o1","extension":"x"}"#, "[]", "1", twice.as_str()] {
        assert_eq!(supported().written(order).sent_back(), None, "{order}");
    }
    assert_eq!(supported().asserted(|assertion| assertion.coverage = " ").sent_back(), None);
}

#[test]
fn billing_codes_are_the_orders_own_as_the_client_wrote_them() {
    let cpt = json!({"system": "urn:oid:2.16.840.1.113883.6.12", "code": "27096:LT", "display": "Injection"});
    assert_eq!(values(&supported().extensions()[0], "billingCode"), [&cpt]);
    let hcpcs = json!({"system": "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "code": "G0260"});
    let appointment = json!({"resourceType": "Appointment", "id": "a1", "serviceType": [{"text": "x"}, {"coding": [hcpcs.clone()]}]});
    assert_eq!(values(&supported().written(&appointment.to_string()).extensions()[0], "billingCode"), [&hcpcs]);
    for code in [json!("27096"), json!({"coding": {}}), json!({"coding": [1, null, {"system": 3, "code": []}]})] {
        let order = json!({"resourceType": "ServiceRequest", "id": "o1", "code": code}).to_string();
        assert!(parts(&supported().written(&order).extensions()[0], "billingCode").is_empty(), "{order}");
    }
}

#[test]
fn links_lead_to_the_sections_that_decided() {
    let links = |url: &'static str, decided: Decided| -> Vec<String> {
        let extensions = decided.asserted(|assertion| assertion.policy_url = Some(url)).extensions();
        details(&extensions[0], "policy-link", "Policy").into_iter().map(|link| link.as_str().unwrap().to_owned()).collect()
    };
    let many = Decided::as_(Determination::NeedsDocumentation).with(unknown("I.A.3")).with(unknown("I.A.6"));
    let deep = "https://plan.example/policy#{section}";
    let expected = ["I.A.2", "I.A.4.b", "I.A.3"].map(|section| format!("https://plan.example/policy#{section}"));
    assert_eq!(links(deep, many.clone()), expected);
    assert_eq!(links("https://plan.example/policy", many), ["https://plan.example/policy"]);
    assert_eq!(links(deep, supported()), ["https://plan.example/policy"]);
    assert_eq!(links(deep, Decided::from("2026-12-13")), ["https://plan.example/policy#I.C.3"]);
}

#[test]
fn a_reasons_code_is_said_once_more_for_clients_that_read_only_that() {
    let again = |state, version| {
        let decided = supported().version(version).asserted(|assertion| {
            assertion.state = state;
            assertion.with_reason_code = true;
        });
        values(&decided.extensions()[0], "reasonCode").iter().map(|coding| coding["code"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(again(CoverageState::Inactive, CrdVersion::V2_2), ["no-active-coverage"]);
    assert_eq!(again(CoverageState::Inactive, CrdVersion::V2_0), Vec::<Value>::new());
    assert_eq!(again(CoverageState::Active, CrdVersion::V2_2), Vec::<Value>::new());
}

#[test]
fn a_long_or_wild_statement_is_cut_and_tamed() {
    let mut criterion = unmet("V");
    criterion.statement = format!("also <b>ordered</b>\n[here](https://x.example) {}", "x".repeat(900));
    let decided = Decided::as_(Determination::NotSupported).with(criterion);
    let extension = &decided.extensions()[0];
    assert_eq!(coverage_violations(extension, CrdVersion::V2_2), Vec::<String>::new());
    assert!(!extension["extension"].to_string().contains("<b>") && !extension.to_string().contains("https://x.example"));
}

#[test]
fn the_rules_find_what_goes_against_them() {
    let extension = Decided::as_(Determination::NeedsDocumentation).stance(Some(PriorAuthorization::NoAuth)).extensions()[0].clone();
    let without = |url: &str| {
        let mut changed = extension.clone();
        changed["extension"].as_array_mut().unwrap().retain(|part| part["url"] != url);
        coverage_violations(&changed, CrdVersion::V2_2)
    };
    assert_eq!(coverage_violations(&extension, CrdVersion::V2_2), Vec::<String>::new());
    assert!(without("doc-needed").contains(&"q1".to_owned()));
    assert!(without("info-needed").contains(&"q3".to_owned()));
    assert!(without("reason").contains(&"q6".to_owned()) && without("reason").contains(&"q8".to_owned()));
    assert!(without("coverage").contains(&"`coverage` stands 0 times".to_owned()));
    assert!(without("detail").contains(&"nothing says what to do".to_owned()));
    let not_covered = Decided::as_(Determination::NotSupported).version(CrdVersion::V2_0).extensions()[0].clone();
    assert_eq!(coverage_violations(&not_covered, CrdVersion::V2_2), ["q2"]);
}

/// The coverage information for each order of an evaluation, by version.
fn borne(evaluation: &Evaluation<'_>, orders: &[(usize, &RawValue)], assertion: &CoverageAssertion<'_>) -> Vec<Value> {
    let unavailable = [("not requested", vec!["procedures"])];
    let presentation = Presentation { unavailable: &unavailable, ..presenting(orders) };
    let mut found = Vec::new();
    for order in &evaluation.orders {
        let case = CardCase { policy: &POLICY, evaluation, order, presentation: &presentation };
        let Some(Action::Update { resource, .. }) = coverage_information(&case, assertion) else { panic!("{order:?}") };
        found.extend(ours(&serde_json::to_string(&resource).unwrap()));
    }
    found
}

#[test]
fn every_known_request_gets_coverage_information_that_holds_to_the_guide() {
    let evaluator = Evaluator::new();
    let mut seen = 0;
    for case in all_cases() {
        let call: Value = serde_json::from_str(&case.request).unwrap();
        let entries = call["context"]["draftOrders"]["entry"].as_array().cloned().unwrap_or_default();
        let texts: Vec<_> = entries.iter().map(|entry| serde_json::value::to_raw_value(&entry["resource"]).unwrap()).collect();
        for version in [CrdVersion::V2_0, CrdVersion::V2_2] {
            let assertion = CoverageAssertion { version, prior_authorization: Some(PriorAuthorization::Satisfied), ..assertion() };
            let extensions = evaluator.with_evaluation(&case.request, |evaluation| {
                let orders: Vec<_> = texts.iter().enumerate().map(|(place, text)| (place, &**text)).collect();
                borne(evaluation, &orders, &assertion)
            });
            for extension in &extensions {
                assert_eq!(coverage_violations(extension, version), Vec::<String>::new(), "{}: {extension:#}", case.name);
            }
            seen += extensions.len();
        }
    }
    assert!(seen > 400, "only {seen} repetitions seen");
}

fn config() -> Config {
    Config { cases: 512, rng_seed: RngSeed::Fixed(20_261_122), failure_persistence: None, ..Config::default() }
}

prop_compose! {
    fn any_assertion()(
        version in prop::sample::select(vec![CrdVersion::V2_0, CrdVersion::V2_2]),
        state in prop::sample::select(vec![CoverageState::Active, CoverageState::Active, CoverageState::Inactive, CoverageState::NotFound]),
        stance in prop::option::of(prop::sample::select(vec![
            PriorAuthorization::NoAuth, PriorAuthorization::AuthNeeded, PriorAuthorization::Satisfied, PriorAuthorization::Performpa,
        ])),
        number in prop::option::of(prop::sample::select(vec!["PA-1", " "])),
        policy_url in prop::option::of(Just("https://plan.example/policy#{section}")),
        has_contact in any::<bool>(),
        with_reason_code in any::<bool>(),
        end in prop::option::of(-3_i64..3),
    ) -> CoverageAssertion<'static> {
        let period_end = end.map(|days| "2026-11-22".parse::<chrono::NaiveDate>().unwrap() + chrono::Duration::days(days));
        CoverageAssertion {
            version, state, period_end, prior_authorization: stance, authorization_number: number, policy_url, with_reason_code,
            contact: has_contact.then_some(&*CONTACT), ..assertion()
        }
    }
}

/// The ids of the policy's criteria.
fn criterion_ids() -> Vec<String> {
    let policies = Policies::load(None).unwrap();
    policies.newest().criteria().iter().map(|criterion| criterion.id.to_string()).collect()
}

prop_compose! {
    fn any_decided()(
        determination in prop::sample::select(Determination::ALL.to_vec()),
        is_dated in any::<bool>(),
        more in prop::collection::vec(prop::sample::select(criterion_ids()), 0..6),
        other_joint in any::<bool>(),
        assertion in any_assertion(),
    ) -> Decided {
        let mut decided = if is_dated && determination == Determination::NotYet { Decided::from("2026-12-13") } else { Decided::as_(determination) };
        if determination != Determination::Supported {
            decided = more.into_iter().fold(decided, |decided, id| decided.with(unknown(&id)));
        }
        if other_joint {
            decided = decided.with_site(determination, unmet("I.B.2"));
        }
        decided.asserted(|changed| *changed = assertion)
    }
}

/// What an order may already contain: other extensions, and coverage information from another answer.
fn any_borne() -> impl Strategy<Value = Vec<String>> {
    let element = prop_oneof![
        Just(FOREIGN.to_owned()),
        Just(of_other_coverage().to_string()),
        Just("null".to_owned()),
        Just(format!("{{\"url\": \"{COVERAGE_INFORMATION}\"}}")),
        any_decided().prop_map(|decided| decided.extensions()[0].to_string()),
    ];
    prop::collection::vec(element, 0..5)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_is_decided_holds_to_the_guide_and_is_said_once(decided in any_decided(), borne in any_borne()) {
        let list = format!("[{}]", borne.join(","));
        let decided = decided.written(&draft().to_string().replacen('{', &format!("{{\"extension\":{list},"), 1));
        let is_ours = |element: &str| element.contains(COVERAGE_INFORMATION) && element.contains(&format!("\"{COVERAGE}\""));
        if let Some(back) = decided.sent_back() {
            let order: Value = serde_json::from_str(&back).unwrap();
            let (new, others): (Vec<_>, Vec<_>) =
                order["extension"].as_array().unwrap().iter().cloned().partition(|element| is_ours(&element.to_string()));
            for extension in &new {
                prop_assert_eq!(coverage_violations(extension, decided.assertion.version), Vec::<String>::new(), "{:#}", extension);
            }
            let kept: Vec<Value> = borne.iter().filter(|element| !is_ours(element)).map(|element| serde_json::from_str(element).unwrap()).collect();
            prop_assert_eq!(others, kept);
            for element in borne.iter().filter(|element| !is_ours(element)) {
                prop_assert!(back.contains(element.as_str()), "{} lost in {}", element, back);
            }
            let again = decided.clone().written(&back);
            prop_assert_eq!(again.sent_back(), None);
        }
    }

    #[test]
    fn covered_is_never_said_without_proof(decided in any_decided()) {
        let order = &decided.evaluation.orders[0];
        let open = order.sites.iter().flat_map(|site| &site.criteria).any(|criterion| criterion.verdict.is_unknown());
        let may_be = order.determination == Determination::Supported || order.earliest_date.is_some();
        for extension in decided.extensions() {
            let is_covered = codes(&extension, "covered") == ["covered"];
            prop_assert!(!is_covered || (may_be && !open && decided.assertion.state == CoverageState::Active), "{extension:#}");
        }
    }
}
