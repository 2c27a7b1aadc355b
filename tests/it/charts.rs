//! The charts of `fixtures/charts`: records as real systems write them. Each is evaluated and answered with a card and coverage
//! information, as a reviewer would decide it. Each is followed by other spellings of the same fault.
//! Not here: every member of a kind ([`super::reading_tables`]).

use std::path::Path;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::support::coverage_information::{codes, ours};
use crate::support::{Evaluator, TestApp};

/// A change to one resource.
type Change = fn(&mut Value);

/// The evaluation instant of every chart.
fn day_of_the_charts() -> DateTime<Utc> {
    "2026-11-30T10:00:00Z".parse().unwrap()
}

fn path(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/charts").join(name).join("request.json")
}

fn text(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap()
}

fn request(name: &str) -> Value {
    serde_json::from_str(&text(name)).unwrap()
}

/// One resource of a request, by the key of its list and its id.
fn resource<'r>(request: &'r mut Value, key: &str, id: &str) -> &'r mut Value {
    let bundle = if key == "draftOrders" { &mut request["context"][key] } else { &mut request["prefetch"][key] };
    let mut entries = bundle["entry"].as_array_mut().unwrap().iter_mut();
    &mut entries.find(|entry| entry["resource"]["id"] == id).unwrap_or_else(|| panic!("no {key} {id}"))["resource"]
}

/// A request's evaluation, and the service's answer.
struct Judged {
    evaluation: Value,
    answer: Value,
}

impl Judged {
    async fn new(request: &str) -> Self {
        let answer = TestApp::at(day_of_the_charts()).sign_text(request).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        Self { evaluation: Evaluator::at(day_of_the_charts()).evaluate(request), answer: answer.json() }
    }

    async fn chart(name: &str) -> Self {
        Self::new(&text(name)).await
    }

    async fn changed(name: &str, change: impl FnOnce(&mut Value)) -> Self {
        let mut request = request(name);
        change(&mut request);
        Self::new(&request.to_string()).await
    }

    /// The determination of each order.
    fn determinations(&self) -> Vec<&str> {
        self.evaluation["orders"].as_array().unwrap().iter().map(|order| order["determination"].as_str().unwrap()).collect()
    }

    /// The only site of the first order.
    #[track_caller]
    fn site(&self) -> &Value {
        assert_eq!(self.evaluation["orders"][0]["sites"].as_array().map(Vec::len), Some(1), "{:#}", self.evaluation);
        &self.evaluation["orders"][0]["sites"][0]
    }

    #[track_caller]
    fn verdict(&self, id: &str) -> &str {
        let mut criteria = self.site()["criteria"].as_array().unwrap().iter();
        criteria.find(|criterion| criterion["id"] == id).unwrap_or_else(|| panic!("no {id}: {}", self.site()))["verdict"].as_str().unwrap()
    }

    /// The unmet criteria.
    fn open(&self) -> Vec<&str> {
        let criteria = self.site()["criteria"].as_array().unwrap().iter();
        criteria.filter(|criterion| criterion["verdict"] != "met").map(|criterion| criterion["id"].as_str().unwrap()).collect()
    }

    /// The entries that may be injections.
    fn possible(&self) -> Vec<&str> {
        let found = self.site()["possibleInjections"].as_array().into_iter().flatten();
        found.map(|entry| entry["resource"].as_str().unwrap()).collect()
    }

    /// The text of the notes of one kind.
    fn notes(&self, kind: &str) -> Vec<&str> {
        let notes = self.evaluation["orders"][0]["notes"].as_array().into_iter().flatten();
        notes.filter(|note| note["kind"] == kind).map(|note| note["text"].as_str().unwrap()).collect()
    }

    /// The summary and the detail of the only card.
    #[track_caller]
    fn card(&self) -> String {
        let cards = self.answer["cards"].as_array().unwrap();
        assert_eq!(cards.len(), 1, "{:#}", self.answer);
        format!("{}\n{}", cards[0]["summary"].as_str().unwrap(), cards[0]["detail"].as_str().unwrap())
    }

    /// Whether each order is covered, according to its coverage information.
    fn covered(&self) -> Vec<String> {
        let actions = self.answer["systemActions"].as_array().into_iter().flatten();
        let extensions = actions.flat_map(|action| ours(&action["resource"].to_string()));
        extensions.flat_map(|extension| codes(&extension, "covered").into_iter().map(str::to_owned).collect::<Vec<_>>()).collect()
    }

    #[track_caller]
    fn assert_supported(&self) {
        assert!(self.determinations().iter().all(|determination| *determination == "supported"), "{:#}", self.evaluation);
        assert!(!self.covered().is_empty() && self.covered().iter().all(|covered| covered == "covered"), "{:?}", self.covered());
    }

    /// Asserts that documentation is needed for these criteria, and that the coverage information says so.
    #[track_caller]
    fn assert_needs(&self, criteria: &[&str]) {
        assert_eq!(self.determinations(), ["needs-documentation"], "{:#}", self.evaluation);
        assert_eq!(self.open(), criteria);
        assert_eq!(self.covered(), ["conditional"]);
    }

    /// Asserts that this entry makes the history uncertain, and that the card quotes its text.
    #[track_caller]
    fn assert_history_open(&self, entry: &str, named: &str) {
        self.assert_needs(&["history"]);
        assert_eq!(self.possible(), [entry]);
        assert!(self.card().contains(named), "{named} is not on the card: {}", self.card());
    }
}

#[test]
fn there_are_nineteen_charts() {
    let folder = path("x").parent().unwrap().parent().unwrap().to_owned();
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 19);
}

// 01
#[tokio::test]
async fn an_injection_in_words_alone_leaves_the_history_open_and_is_named() {
    let judged = Judged::chart("history-procedure-without-code").await;
    judged.assert_history_open("Procedure/inj-1", "2026-07-14");
    assert!(judged.card().to_lowercase().contains("injection procedure for sacroiliac joint"), "{}", judged.card());
}

// 02
#[tokio::test]
async fn an_injection_whose_date_is_an_object_leaves_the_history_open_and_is_named() {
    Judged::chart("history-procedure-unreadable").await.assert_history_open("Procedure/inj-1", "SI joint injection");
}

#[tokio::test]
async fn an_injection_with_any_other_malformed_member_leaves_the_history_open() {
    let site = json!({"coding": [{"system": "http://snomed.info/sct", "code": "7771000"}]});
    let coding = json!({"system": "http://www.ama-assn.org/go/cpt", "code": "27096"});
    let table = [
        ("bodySite", site),
        ("code", json!({"coding": coding})),
        ("code", json!({"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": 27096}]})),
        ("status", json!({"value": "completed"})),
        ("id", json!(7)),
    ];
    for (member, value) in table {
        let judged = Judged::changed("history-procedure-unreadable", |request| {
            let procedure = resource(request, "procedures", "inj-1");
            procedure["performedDateTime"] = json!("2026-07-14");
            procedure[member] = value.clone();
        });
        let judged = judged.await;
        assert_eq!(judged.determinations(), ["needs-documentation"], "{member}: {value}: {:#}", judged.evaluation);
        assert_eq!(judged.verdict("history"), "unknown", "{member}: {value}");
    }
}

// 05
#[tokio::test]
async fn an_order_with_a_hyphen_before_its_modifier_is_in_scope_and_has_its_side() {
    let judged = Judged::chart("order-cpt-with-hyphenated-modifier").await;
    judged.assert_supported();
    assert_eq!(judged.site()["site"], "left");
    assert!(judged.card().contains("left"));
}

#[tokio::test]
async fn an_order_with_its_code_in_any_other_spelling_is_in_scope() {
    for code in ["27096 LT", " 27096-LT", "27096:LT", "27096-lt", "g0260-LT"] {
        let judged = Judged::changed("order-cpt-with-hyphenated-modifier", |request| {
            resource(request, "draftOrders", "order-1")["code"]["coding"][0]["code"] = json!(code);
        });
        let judged = judged.await;
        judged.assert_supported();
        assert_eq!(judged.site()["site"], "left", "{code}");
    }
}

// 06
#[tokio::test]
async fn an_order_with_the_hcpcs_system_of_the_reference_client_is_in_scope() {
    let judged = Judged::chart("order-hcpcs-reference-ehr-system").await;
    judged.assert_supported();
    assert_eq!(judged.answer["cards"].as_array().map(Vec::len), Some(1));
}

// 08
#[tokio::test]
async fn an_order_that_cannot_be_read_gets_a_card_that_names_the_fault() {
    let judged = Judged::chart("order-with-one-bad-member").await;
    assert_eq!(judged.determinations(), ["indeterminate"]);
    assert_eq!(judged.evaluation["orders"][0]["serviceDate"], "2026-12-01");
    assert!(judged.notes("order-unreadable")[0].contains("bodySite"), "{:#}", judged.evaluation);
    assert!(judged.card().contains("bodySite"), "{}", judged.card());
    assert!(!judged.covered().contains(&"covered".to_owned()));
}

#[tokio::test]
async fn a_null_among_the_codings_of_an_injection_is_as_if_absent() {
    let judged = Judged::changed("history-procedure-unreadable", |request| {
        let procedure = resource(request, "procedures", "inj-1");
        procedure["performedDateTime"] = json!("2026-07-14");
        let coding = procedure["code"]["coding"][0].clone();
        procedure["code"]["coding"] = json!([null, coding]);
    });
    let judged = judged.await;
    assert_eq!(judged.site()["priorInjections"][0]["date"], "2026-07-14");
    assert_eq!(judged.covered(), ["conditional"]);
}

#[tokio::test]
async fn an_order_with_any_other_malformed_member_is_not_met_with_silence() {
    let coding = json!({"system": "http://www.ama-assn.org/go/cpt", "code": "27096"});
    let table = [("reasonCode", json!({})), ("code", json!({"coding": coding})), ("occurrenceDateTime", json!(20_261_201))];
    for (member, value) in table {
        let judged = Judged::changed("order-with-one-bad-member", |request| {
            let order = resource(request, "draftOrders", "order-1");
            order.as_object_mut().unwrap().remove("bodySite");
            order[member] = value.clone();
        });
        let judged = judged.await;
        assert_eq!(judged.determinations(), ["indeterminate"], "{member}: {value}");
        assert!(judged.card().contains(member), "{member}: {}", judged.card());
    }
}

#[tokio::test]
async fn a_null_among_the_codings_of_an_order_is_as_if_absent() {
    let judged = Judged::changed("order-with-one-bad-member", |request| {
        let order = resource(request, "draftOrders", "order-1");
        order["bodySite"] = json!([order["bodySite"].clone()]);
        let coding = order["code"]["coding"][0].clone();
        order["code"]["coding"] = json!([null, coding]);
    });
    judged.await.assert_supported();
}

// 09
#[tokio::test]
async fn left_and_right_as_two_orders_are_one_bilateral_procedure() {
    let judged = Judged::chart("bilateral-as-two-lines").await;
    judged.assert_supported();
    let sites = |evaluation: &Value| -> Vec<Value> {
        evaluation["orders"].as_array().unwrap().iter().flat_map(|order| order["sites"].as_array().unwrap().clone()).collect()
    };
    let one_order = Judged::changed("bilateral-as-two-lines", |request| {
        resource(request, "draftOrders", "order-1")["code"]["coding"][0]["code"] = json!("27096:50");
        request["context"]["draftOrders"]["entry"].as_array_mut().unwrap().truncate(1);
    });
    let one_order = one_order.await;
    assert_eq!(sites(&judged.evaluation), sites(&one_order.evaluation));
    assert_eq!(judged.covered(), ["covered", "covered"]);
    assert_eq!(judged.answer["cards"].to_string().matches("delete").count(), 0, "{:#}", judged.answer);
}

// 10
#[tokio::test]
async fn a_pain_score_of_the_ankle_says_nothing_of_the_joint() {
    let judged = Judged::chart("pain-score-of-another-body-site").await;
    assert_eq!(judged.site()["pathway"], "I.B-or-I.C");
    assert_eq!(judged.site()["priorInjections"][0]["improved"], "unknown");
    judged.assert_needs(&["I.B.1"]);
    assert!(judged.card().contains("2026-08-10"), "{}", judged.card());
}

// 13
#[tokio::test]
async fn injections_of_the_right_joint_in_local_words_do_not_decide_the_left() {
    let judged = Judged::chart("side-in-text-or-local-code").await;
    assert_eq!((judged.site()["site"].as_str(), judged.site()["pathway"].as_str()), (Some("left"), Some("I.A")));
    assert_eq!(judged.site()["priorInjections"], json!([]));
    assert_eq!(judged.determinations(), ["needs-documentation"]);
    assert_eq!(judged.verdict("history"), "met");
    assert_eq!(judged.covered(), ["conditional"]);
}

#[tokio::test]
async fn a_side_in_the_words_of_the_code_is_read_of_orders_and_of_injections() {
    let in_code = Judged::changed("side-in-text-or-local-code", |request| {
        for id in ["procedure-1", "procedure-2"] {
            let procedure = resource(request, "procedures", id);
            procedure.as_object_mut().unwrap().remove("bodySite");
            procedure["code"]["text"] = json!("Inj SI joint RIGHT");
        }
    });
    assert_eq!(in_code.await.site()["pathway"], "I.A");
    let of_order = Judged::changed("side-in-text-or-local-code", |request| {
        resource(request, "draftOrders", "order-1")["bodySite"] = json!([{"text": "Right SI joint"}]);
        for id in ["procedure-1", "procedure-2"] {
            resource(request, "procedures", id)["bodySite"] =
                json!([{"coding": [{"system": "http://snomed.info/sct", "code": "7771000"}]}]);
        }
    });
    let of_order = of_order.await;
    assert_eq!((of_order.site()["site"].as_str(), of_order.site()["pathway"].as_str()), (Some("right"), Some("I.A")));
}

// 14
#[tokio::test]
async fn a_disc_herniation_in_words_alone_leaves_its_criterion_open() {
    let judged = Judged::chart("problem-list-disc-without-code").await;
    judged.assert_needs(&["I.A.5"]);
    assert!(judged.card().to_lowercase().contains("lumbar disc herniation l5-s1"), "{}", judged.card());
}

#[tokio::test]
async fn a_disc_herniation_in_any_other_form_leaves_its_criterion_open() {
    let table: [(&str, Change); 4] = [
        ("a local code", |disc| {
            disc["code"] = json!({"coding": [{"system": "urn:oid:1.2.840.114350", "code": "1", "display": "Lumbar HNP"}]});
        }),
        ("ICD-9-CM", |disc| {
            disc["code"] = json!({"coding": [{"system": "http://hl7.org/fhir/sid/icd-9-cm", "code": "722.10", "display": "Lumbar disc displacement"}]});
        }),
        ("a status as text", |disc| disc["clinicalStatus"] = json!("active")),
        ("a malformed code", |disc| disc["code"] = json!("M51.26")),
    ];
    for (form, change) in table {
        let judged = Judged::changed("problem-list-disc-without-code", |request| change(resource(request, "conditions", "disc"))).await;
        assert_eq!(judged.verdict("I.A.5"), "unknown", "{form}");
        assert_eq!(judged.covered(), ["conditional"], "{form}");
    }
}

// 16
#[tokio::test]
async fn the_diagnosis_of_an_old_visit_does_not_date_the_pain() {
    let judged = Judged::chart("old-encounter-diagnosis-as-onset").await;
    judged.assert_needs(&["I.A.1"]);
    assert!(!judged.card().contains("2019-02-01"), "{}", judged.card());
}

// 17
#[tokio::test]
async fn an_injection_dated_at_birth_is_one_without_a_date() {
    let judged = Judged::chart("injection-dated-at-birth").await;
    judged.assert_history_open("Procedure/inj-1", "SI joint injection");
    assert!(!judged.card().contains("1971"), "{}", judged.card());
}

// 18
#[tokio::test]
async fn a_stopped_prescription_proves_its_first_day_alone() {
    let judged = Judged::chart("nsaid-stopped-early").await;
    judged.assert_needs(&["I.A.4.b"]);
    assert!(!judged.card().contains("30 days"), "{}", judged.card());
}

// 20
#[tokio::test]
async fn physical_therapy_of_the_knee_is_none_of_the_joint() {
    Judged::chart("physical-therapy-of-the-knee").await.assert_needs(&["I.A.4.a"]);
}

// 21
#[tokio::test]
async fn a_form_under_the_servers_own_address_is_named_with_the_reason() {
    let judged = Judged::chart("form-as-oracle-health-returns-it").await;
    assert_eq!(judged.determinations(), ["needs-documentation"]);
    let notes = judged.notes("form-not-counted");
    assert_eq!(notes.len(), 1, "{:#}", judged.evaluation);
    assert!(judged.card().contains(notes[0]), "{} is not on the card: {}", notes[0], judged.card());
    assert_eq!(judged.covered(), ["conditional"]);
}

#[tokio::test]
async fn the_answers_of_such_a_form_are_read_where_it_counts() {
    let judged = Judged::changed("form-as-oracle-health-returns-it", |request| {
        let form = resource(request, "questionnaireResponses", "questionnaire-response-1");
        form["questionnaire"] = json!("http://payer.example.org/fhir/Questionnaire/sij-injection-documentation|1.0.0");
    });
    let judged = judged.await;
    for criterion in ["I.A.3", "I.A.4.a", "I.A.4.c"] {
        assert_eq!(judged.verdict(criterion), "met", "{criterion}");
    }
    assert_eq!(judged.verdict("I.A.4"), "unknown", "version 1 does not ask whether conservative care failed");
}

#[tokio::test]
async fn a_form_that_does_not_count_for_another_reason_is_named_with_it() {
    let mut reasons = std::collections::BTreeSet::new();
    for (member, value) in [("status", json!("in-progress")), ("authored", Value::Null), ("authored", json!("2026-05-01T10:00:00Z"))] {
        let judged = Judged::changed("history-procedure-without-code", |request| {
            resource(request, "questionnaireResponses", "questionnaire-response-1")[member] = value.clone();
        });
        let judged = judged.await;
        let note = &judged.evaluation["orders"][0]["notes"][0];
        assert_eq!(note["kind"], "form-not-counted", "{member}: {value}");
        assert_eq!(note["resources"], json!(["QuestionnaireResponse/questionnaire-response-1"]), "{member}: {value}");
        reasons.insert(note["text"].to_string());
    }
    assert_eq!(reasons.len(), 3, "{reasons:?}");
}

// 23
#[tokio::test]
async fn a_medicare_coverage_in_another_code_system_gets_the_policys_note() {
    let judged = Judged::chart("medicare-coverage-in-another-code-system").await;
    assert_eq!(judged.evaluation["plan"], "medicare");
    assert_eq!(judged.determinations(), ["supported"]);
    assert!(judged.card().contains("Medicare"), "{}", judged.card());
    assert_eq!(judged.covered(), ["conditional"]);
}

#[tokio::test]
async fn a_line_of_business_is_read_from_every_code_system_and_from_words() {
    let x12 = "https://codesystem.x12.org/005010/1032";
    let table = [
        (json!({"coding": [{"system": x12, "code": "MC"}]}), "medicaid"),
        (json!({"coding": [{"system": x12, "code": "MB"}]}), "medicare"),
        (json!({"coding": [{"system": "https://nahdo.org/sopt", "code": "111"}]}), "medicare"),
        (json!({"text": "State Medicaid"}), "medicaid"),
        (json!({"text": "Medicare Advantage HMO"}), "medicare"),
        (json!({"text": "Medicare-Medicaid plan"}), "medicare-and-medicaid"),
        (json!({"text": "Commercial PPO"}), "unknown"),
    ];
    for (kind, plan) in table {
        let judged = Judged::changed("medicare-coverage-in-another-code-system", |request| {
            let coverage = resource(request, "coverage", "coverage-1");
            coverage.as_object_mut().unwrap().remove("class");
            coverage["type"] = kind.clone();
        });
        assert_eq!(judged.await.evaluation["plan"], plan, "{kind}");
    }
}

// 25
#[tokio::test]
async fn a_byte_order_mark_changes_nothing() {
    let marked = std::fs::read(path("byte-order-mark")).unwrap();
    let plain = marked.strip_prefix(b"\xef\xbb\xbf").expect("the mark is there");
    let app = || TestApp::at(day_of_the_charts());
    let answer = app().sign_text(std::str::from_utf8(&marked).unwrap()).await;
    let expected = app().sign_text(std::str::from_utf8(plain).unwrap()).await;
    assert_eq!((answer.status, answer.text()), (expected.status, expected.text()));
    assert_eq!(answer.status, 200);
}

// 26
#[tokio::test]
async fn thirty_days_of_supply_are_read_without_a_code() {
    Judged::chart("supply-duration-without-ucum-code").await.assert_supported();
}

// 27
#[tokio::test]
async fn an_order_dispatch_of_hook_version_1_0_is_answered_as_one_of_1_1() {
    let mut newer = request("order-dispatch-of-hook-version-1-0");
    let context = newer["context"].as_object_mut().unwrap();
    let (order, task) = (context.remove("order").unwrap(), context.remove("task").unwrap());
    context.insert("dispatchedOrders".to_owned(), json!([order]));
    context.insert("fulfillmentTasks".to_owned(), json!([task]));
    let app = TestApp::at(day_of_the_charts());
    let (answer, expected) = (app.sign_text(&text("order-dispatch-of-hook-version-1-0")).await, app.sign(&newer).await);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let summary = |answer: &crate::support::Answer| answer.json()["cards"][0]["summary"].clone();
    assert_eq!(summary(&answer), summary(&expected));
    assert!(summary(&answer).is_string());
}

// 28
#[tokio::test]
async fn an_injection_whose_status_is_not_known_leaves_the_history_open() {
    Judged::chart("history-procedure-status-as-converters-write-it").await.assert_history_open("Procedure/inj-1", "SI joint injection");
}
