//! A client's settings for reading its charts: its map of local codes, and its own canonical URLs of the documentation form.

use std::path::PathBuf;
use std::process::Command;

use assert_cmd::assert::OutputAssertExt;
use serde_json::{Value, json};
use sij_cds::app::App;
use sij_cds::config::Config;
use sij_cds::ledger::EntryKind;
use sij_cds::service::ReplayError;
use tempfile::TempDir;

use crate::support::call::{concept, condition, cpt, form, hcpcs, icd10, item, order, procedure};
use crate::support::callers::{client, good_token, let_in_the_ehr};
use crate::support::fhir_server::{FhirServer, register, registered};
use crate::support::keeping::{Keeping, content, summary};
use crate::support::opened_app::{AppAtWork, context_of, surfer};
use crate::support::{Call, Evaluator, SERVICE, TestApp, bearing, post, story};

const LOCAL: &str = "urn:oid:1.2.840.114350.1.13.999";

/// What the local codes of these tests map to.
const MAP: &str = "\
system,code,standard_system,standard_code,side,value_set
urn:oid:1.2.840.114350.1.13.999,SIJ-INJ,http://www.ama-assn.org/go/cpt,27096,,
urn:oid:1.2.840.114350.1.13.999,SIJ-INJ-L,http://www.ama-assn.org/go/cpt,27096,left,
urn:oid:1.2.840.114350.1.13.999,SIJ-INJ-SET,,,,sij-injection
urn:oid:1.2.840.114350.1.13.999,PT,http://www.ama-assn.org/go/cpt,97110,,
urn:oid:1.2.840.114350.1.13.999,THIGH,,,,test-thigh-thrust
urn:oid:1.2.840.114350.1.13.999,TENDER,urn:sij-cds:findings,sij-tenderness,,
urn:oid:1.2.840.114350.1.13.999,DX,http://hl7.org/fhir/sid/icd-10-cm,M46.1,,
urn:oid:1.2.840.114350.1.13.999,NAPROXEN,http://www.nlm.nih.gov/research/umls/rxnorm,7258,,
urn:oid:1.2.840.114350.1.13.999,LEFT,,,left,
";

/// The call with a code in the place under test.
type CallWith<'c> = &'c dyn Fn(&Value) -> Call;

fn local(code: &str) -> Value {
    concept(LOCAL, code)
}

/// A directory with a code map.
fn map_of(text: &str) -> (TempDir, PathBuf) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("codes.csv");
    std::fs::write(&path, text).unwrap();
    (directory, path)
}

/// The application in development mode with the code map of these tests.
fn mapping() -> Evaluator {
    let (_directory, path) = map_of(MAP);
    Evaluator::with(|config| config.development.code_map = Some(path))
}

/// An order for the left joint.
fn left_order() -> Value {
    order("o1", &cpt("27096:LT"), "2026-12-01")
}

fn ordering(code: &Value) -> Call {
    Call::ordering([order("o1", code, "2026-12-01")])
}

fn observation(code: &Value) -> Value {
    json!({"resourceType": "Observation", "id": "f1", "status": "final", "subject": {"reference": "Patient/p1"}, "code": code,
        "effectiveDateTime": "2026-11-20", "valueBoolean": true})
}

/// The resources that support each criterion, with the verdicts: the decision without the display texts of codes.
fn decided(evaluation: &Value) -> Value {
    let orders = evaluation["orders"].as_array().into_iter().flatten().map(|order| {
        let sites = order["sites"].as_array().into_iter().flatten().map(|site| {
            let criteria = site["criteria"].as_array().into_iter().flatten().map(|criterion| {
                let evidence: Vec<_> =
                    criterion["evidence"].as_array().into_iter().flatten().map(|item| item["resource"].clone()).collect();
                json!([criterion["id"], criterion["verdict"], evidence])
            });
            json!([site["site"], site["priorInjections"], criteria.collect::<Vec<_>>()])
        });
        json!([order["order"], order["kind"], order["determination"], order["diagnosis"], sites.collect::<Vec<_>>()])
    });
    orders.collect()
}

#[test]
fn a_local_code_counts_as_the_standard_coding_the_side_or_the_value_set_it_stands_for() {
    let therapy = |code: &Value| {
        let sessions = (0..7).map(|week| {
            procedure(
                &format!("t{week}"),
                code,
                ["2026-08-03", "2026-08-10", "2026-08-17", "2026-08-24", "2026-08-31", "2026-09-07", "2026-09-14"][week],
            )
        });
        Call::ordering([left_order()]).with("procedures", sessions)
    };
    let earlier = |code: &Value| Call::ordering([left_order()]).with("procedures", [procedure("i1", code, "2026-11-20")]);
    let finding = |code: &Value| Call::ordering([left_order()]).with("observations", [observation(code)]);
    let diagnosis = |code: &Value| Call::ordering([left_order()]).with("conditions", [condition("c1", code)]);
    let on_order = |code: &Value| Call::ordering([left_order()]).with_order_member(0, "reasonCode", &json!([code]));
    let drug = |code: &Value| {
        let statement = json!({"resourceType": "MedicationStatement", "id": "m1", "status": "completed", "subject": {"reference": "Patient/p1"},
            "medicationCodeableConcept": code, "effectivePeriod": {"start": "2026-08-01", "end": "2026-08-28"}});
        Call::ordering([left_order()]).with("medicationStatements", [statement])
    };
    let side = |site: &Value| ordering(&cpt("27096")).with_order_member(0, "bodySite", &json!([site]));
    let snomed = |code: &str| concept("http://snomed.info/sct", code);
    let table: [(&str, CallWith<'_>, Value, Value); 11] = [
        ("an injection ordered", &ordering, local("SIJ-INJ"), cpt("27096")),
        ("an injection with its side", &ordering, local("SIJ-INJ-L"), cpt("27096:LT")),
        ("an injection by its value set", &ordering, local("sij-inj-set"), hcpcs("G0260")),
        ("an earlier injection", &earlier, local("SIJ-INJ-L"), cpt("27096:LT")),
        ("a therapy", &therapy, local("PT"), cpt("97110")),
        ("a finding by its value set", &finding, local("THIGH"), concept("urn:sij-cds:findings", "test-thigh-thrust")),
        ("a finding by its code", &finding, local("TENDER"), concept("urn:sij-cds:findings", "sij-tenderness")),
        ("a diagnosis", &diagnosis, local("DX"), icd10("M46.1")),
        ("a diagnosis of the order", &on_order, local("DX"), icd10("M46.1")),
        ("a drug", &drug, local("NAPROXEN"), concept("http://www.nlm.nih.gov/research/umls/rxnorm", "7258")),
        ("a side", &side, local("LEFT"), snomed("7771000")),
    ];
    let (mapping, plain) = (mapping(), Evaluator::new());
    for (what, call, local, standard) in table {
        let by_map = decided(&mapping.evaluate(&call(&local).text()));
        let expected = decided(&plain.evaluate(&call(&standard).text()));
        assert_eq!(by_map, expected, "{what}");
        assert_ne!(decided(&plain.evaluate(&call(&local).text())), expected, "{what} without the map");
    }
}

#[test]
fn codes_that_are_passed_over_or_billed_stay_the_clients_own() {
    let evaluation = mapping().evaluate(&ordering(&local("PT")).text());
    assert_eq!(evaluation["passedOver"], json!([{"order": "ServiceRequest/o1", "why": "not-in-scope", "codes": [format!("{LOCAL}|PT")]}]));
    let coverage = json!({"resourceType": "Coverage", "id": "c1", "status": "active", "beneficiary": {"reference": "Patient/p1"},
        "payor": [{"display": "Health plan"}]});
    let both = json!({"coding": [local("SIJ-INJ-L")["coding"][0], cpt("27096")["coding"][0]]});
    for (code, billed) in [(local("SIJ-INJ-L"), Value::Null), (both, json!("27096"))] {
        let answer: Value =
            serde_json::from_str(&mapping().answer(&ordering(&code).with("coverage", [coverage.clone()]).text()).unwrap()).unwrap();
        let extension = &answer["systemActions"][0]["resource"]["extension"][0]["extension"];
        let parts = extension.as_array().unwrap_or_else(|| panic!("{answer}"));
        let billing = parts.iter().find(|part| part["url"] == "billingCode").map_or(&Value::Null, |part| &part["valueCoding"]["code"]);
        assert_eq!(*billing, billed, "{code}");
    }
}

/// A form as stored by an EHR with its own questionnaire: yes and no as its codings, weeks as quantities, dates as texts.
fn form_of_the_ehr() -> Value {
    let yes = json!({"valueCoding": {"system": "https://fhir.ehr.example/nomenclature", "code": "960439", "display": "Yes"}});
    let weeks = |count: u32| json!({"valueQuantity": {"value": count, "unit": "wk"}});
    let positive = json!({"valueCoding": {"code": "positive"}});
    let mut form = form(
        "r1",
        [
            item("pain-below-l5-nonradicular", &yes),
            item("pain-interferes-adls", &yes),
            item("adls-limited-since", &json!({"valueString": "2026-05-04"})),
            item("examined-side", &json!({"valueCoding": {"code": "left"}})),
            item("sij-tenderness", &yes),
            item("test-distraction", &positive),
            item("test-compression", &positive),
            item("test-thigh-thrust", &positive),
            item("exercise-therapy-weeks", &weeks(8)),
        ],
    );
    form["questionnaire"] = json!("https://ehr.example.org/fhir/R4/Questionnaire/SH-12508041");
    form
}

#[test]
fn a_form_under_a_canonical_that_the_configuration_names_counts() {
    let call = |questionnaire: &str| {
        let mut form = form_of_the_ehr();
        form["questionnaire"] = json!(questionnaire);
        Call::ordering([left_order()]).with("questionnaireResponses", [form])
    };
    let own = "https://ehr.example.org/fhir/R4/Questionnaire/SH-12508041";
    let naming = Evaluator::with(|config| config.development.form_canonicals = Some(vec![own.to_owned()]));
    let verdict = |evaluation: &Value, id: &str| {
        let criteria = evaluation["orders"][0]["sites"][0]["criteria"].as_array().unwrap().clone();
        criteria.into_iter().find(|criterion| criterion["id"] == id).map(|criterion| criterion["verdict"].clone())
    };
    let notes = |evaluation: &Value| {
        let notes = evaluation["orders"][0]["notes"].as_array().cloned().unwrap_or_default();
        notes.into_iter().filter(|note| note["kind"] == "form-not-counted").count()
    };
    for (evaluator, questionnaire, counts) in [
        (&Evaluator::new(), own.to_owned(), false),
        (&naming, own.to_owned(), true),
        (&naming, format!("{own}|3"), true),
        (&naming, "https://ehr.example.org/fhir/R4/Questionnaire/other".to_owned(), false),
    ] {
        let evaluation = evaluator.evaluate(&call(&questionnaire).text());
        let expected = if counts { "met" } else { "unknown" };
        assert_eq!(verdict(&evaluation, "I.A.3"), Some(json!(expected)), "{questionnaire}");
        assert_eq!(notes(&evaluation), usize::from(!counts), "{questionnaire}: {}", evaluation["orders"][0]["notes"]);
    }
}

/// Two clients, each with a FHIR server; the second maps local codes.
fn two_clients(config: &mut Config, map: &PathBuf) {
    let_in_the_ehr(config);
    for name in ["first", "second"] {
        let mut server = registered(&format!("https://{name}.example/fhir"));
        name.clone_into(&mut server.name);
        config.fhir_servers.push(server);
    }
    config.clients[0].fhir_servers = vec!["first".to_owned()];
    let keys = config.clients[0].jwks_file.clone();
    config.clients.push(client(json!({"name": "mapping", "iss": "https://second.example", "jwks_file": keys, "fhir_servers": ["second"],
        "code_map": map})));
}

#[test]
fn a_request_is_evaluated_as_of_the_client_that_its_fhir_server_is_registered_for() {
    let (_directory, path) = map_of(MAP);
    let evaluator = Evaluator::with(|config| two_clients(config, &path));
    let is_decided = |evaluator: &Evaluator, server: Option<&str>| {
        let mut call = ordering(&local("SIJ-INJ-L")).0;
        if let Some(server) = server {
            call["fhirServer"] = json!(server);
        }
        evaluator.evaluate(&call.to_string())["orders"].as_array().unwrap().len() == 1
    };
    for (server, decided) in [
        (Some("https://second.example/fhir/"), true),
        (Some("https://first.example/fhir"), false),
        (Some("https://third.example/fhir"), false),
        (None, false),
    ] {
        assert_eq!(is_decided(&evaluator, server), decided, "{server:?}");
    }
    let only = Evaluator::with(|config| {
        two_clients(config, &path);
        config.clients.remove(0);
    });
    for server in [Some("https://second.example/fhir"), Some("https://third.example/fhir"), None] {
        assert!(is_decided(&only, server), "{server:?}");
    }
}

#[tokio::test]
async fn each_client_is_answered_by_its_own_map() {
    let (_directory, path) = map_of(MAP);
    let call = ordering(&local("SIJ-INJ-L")).text();
    for (map, cards) in [(Some(path), 1), (None, 0)] {
        let app = TestApp::on_the_day_of_the_fixtures_with(|config| {
            let_in_the_ehr(config);
            config.clients[0].code_map = map;
        });
        let answer = app.send(bearing(&good_token(), post(SERVICE, call.clone()))).await;
        assert_eq!(answer.json()["cards"].as_array().map(Vec::len), Some(cards), "{}", answer.text());
    }
}

#[tokio::test]
async fn what_is_fetched_is_read_by_the_map_too() {
    let (_directory, path) = map_of(MAP);
    let mut ordered = order("o1", &local("SIJ-INJ-L"), "2026-12-01");
    ordered["status"] = json!("active");
    let server = FhirServer::without_entries().await.holding(ordered);
    let mut call = Call::ordering([]).0;
    call["hook"] = json!("order-dispatch");
    call["context"] = json!({"patientId": "p1", "dispatchedOrders": ["ServiceRequest/o1"], "performer": "Organization/o"});
    call["fhirServer"] = json!(server.base());
    for (map, cards) in [(Some(path), 1), (None, 0)] {
        let app = TestApp::on_the_day_of_the_fixtures_with(|config| {
            register(config, &server.base());
            config.development.code_map = map;
        });
        let answer = app.sign(&call).await;
        assert_eq!(answer.json()["cards"].as_array().map(Vec::len), Some(cards), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_package_is_given_for_an_order_with_a_local_code() {
    let (_directory, path) = map_of(MAP);
    let coverage = json!({"resourceType": "Coverage", "id": "c1", "status": "active", "beneficiary": {"reference": "Patient/p1"},
        "payor": [{"display": "Health plan"}]});
    let order = order("o1", &local("SIJ-INJ-L"), "2026-12-01");
    let input = json!({"resourceType": "Parameters",
        "parameter": [{"name": "coverage", "resource": coverage}, {"name": "order", "resource": order}]});
    for (map, is_given) in [(Some(path), true), (None, false)] {
        let app = TestApp::on_the_day_of_the_fixtures_with(|config| config.development.code_map = map);
        let answer = app.send(post("/fhir/Questionnaire/$questionnaire-package", input.to_string())).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.text().contains(r#""resourceType":"Questionnaire""#), is_given, "{}", answer.text());
    }
}

#[tokio::test]
async fn the_app_judges_an_order_with_a_local_code() {
    let (_directory, path) = map_of(MAP);
    let mut case = story("nothing-documented");
    let mut call: Value = serde_json::from_str(&case.request).unwrap();
    call["context"]["draftOrders"]["entry"][0]["resource"]["code"] = local("SIJ-INJ");
    case.request = call.to_string();
    let work = AppAtWork::with(&case, |config| config.development.code_map = Some(path), |_| {}).await;
    let mut surfer = surfer();
    let address = work.open(&mut surfer, &context_of(&work.sign().await)).await;
    work.get(&surfer, &address).await;
    work.app.ports.close().await;
    let records = work.keeping.records().await;
    let shown = records.iter().find(|record| record.kind == EntryKind::AppOpened).expect("it was opened");
    assert_eq!(summary(shown)["orders"][0]["order"], "ServiceRequest/order-1");
}

/// Every error in a configuration's code maps.
fn faults(change: impl FnOnce(&mut Config)) -> String {
    let keeping = Keeping::new();
    let mut config = keeping.config.clone();
    change(&mut config);
    let ports = keeping.ports();
    App::build(&config, ports).err().expect("a fault").to_string()
}

#[test]
fn faults_of_code_maps_are_named_with_client_file_and_line() {
    let (_directory, path) = map_of("system,code,side\nurn:l,a,up\nurn:l,b,left\n");
    let shown = path.display();
    let told = faults(|config| config.development.code_map = Some(path.clone()));
    assert_eq!(told, format!("`development.code_map`: `{shown}`, line 2: `up` is not a side (left, right, both)"));
    let told = faults(|config| {
        two_clients(config, &path);
        config.clients[0].code_map = Some("/nowhere/codes.csv".into());
    });
    let expected = format!(
        "`clients.code_map` of `ehr`: `/nowhere/codes.csv`: cannot be read: No such file or directory (os error 2)\n\
         `clients.code_map` of `mapping`: `{shown}`, line 2: `up` is not a side (left, right, both)"
    );
    assert_eq!(told, expected);
}

#[test]
fn a_file_that_is_too_large_or_no_text_is_refused() {
    for (bytes, problem) in [(vec![b' '; 4 * 1024 * 1024 + 1], "is larger than 4 MiB"), (vec![0xff], "is not UTF-8")] {
        let (_directory, path) = map_of("");
        std::fs::write(&path, bytes).unwrap();
        let told = faults(|config| config.development.code_map = Some(path.clone()));
        assert_eq!(told, format!("`development.code_map`: `{}`: {problem}", path.display()));
    }
}

#[test]
fn config_check_reads_code_maps() {
    for (map, code, told) in
        [(MAP, 0, "configuration is valid"), ("system,code\nurn:l,a\n", 1, "line 2: no standard code, side or value set")]
    {
        let (directory, path) = map_of(map);
        let file = directory.path().join("sij-cds.toml");
        std::fs::write(&file, format!("[ledger]\nurl = \"off\"\n[development]\ncode_map = \"{}\"\n", path.display())).unwrap();
        let outcome = Command::new(env!("CARGO_BIN_EXE_sij-cds")).args(["config", "check", "--config"]).arg(&file).assert().code(code);
        let output = outcome.get_output();
        let text = String::from_utf8([output.stdout.as_slice(), output.stderr.as_slice()].concat()).unwrap();
        assert!(text.contains(told), "{text}");
    }
}

#[tokio::test]
async fn a_call_is_replayed_with_the_code_map_and_the_forms_of_its_day() {
    let (_directory, path) = map_of(MAP);
    let mut keeping = Keeping::new();
    keeping.config.development.code_map = Some(path.clone());
    keeping.config.development.form_canonicals = Some(vec!["https://ehr.example.org/fhir/R4/Questionnaire/SH-12508041".to_owned()]);
    let app = keeping.app().await;
    for code in ["SIJ-INJ-L", "PT"] {
        let call = ordering(&local(code)).with("questionnaireResponses", [form_of_the_ehr()]);
        assert_eq!(app.http.sign(&call.0).await.status, 200);
    }
    app.ports.close().await;
    let calls: Vec<_> = keeping.records().await.into_iter().filter(|record| record.kind == EntryKind::Call).collect();
    assert_eq!(content(&calls[0])["reading"]["codeMap"].as_str().map(str::len), Some(64));

    // The entries matter, not the file; and the call's record includes the forms.
    let mut lines: Vec<&str> = MAP.lines().collect();
    lines[1..].reverse();
    std::fs::write(&path, lines.join("\r\n")).unwrap();
    keeping.config.development.form_canonicals = None;
    for call in &calls {
        assert_eq!(keeping.replaying().hooks.replay(call).unwrap().differences, []);
    }
    std::fs::write(&path, MAP.replace("PT,", "PHYSIO,")).unwrap();
    for call in &calls {
        let error = keeping.replaying().hooks.replay(call).unwrap_err();
        assert!(matches!(error, ReplayError::NoCodeMap), "{error}");
    }
    keeping.config.development.code_map = None;
    assert!(matches!(keeping.replaying().hooks.replay(&calls[0]), Err(ReplayError::NoCodeMap)));
}

#[tokio::test]
async fn orders_that_are_passed_over_are_kept_with_their_reason_whether_or_not_others_are_decided() {
    let keeping = Keeping::new();
    let app = keeping.app().await;
    let mut ended = order("o2", &cpt("27096:LT"), "2026-12-01");
    ended["status"] = json!("revoked");
    let other = order("o3", &cpt("97110"), "2026-12-01");
    app.http.sign(&Call::ordering([ended.clone(), other.clone()]).0).await;
    app.http.sign(&Call::ordering([left_order(), ended, other]).0).await;
    app.ports.close().await;
    let calls: Vec<_> = keeping.records().await.into_iter().filter(|record| record.kind == EntryKind::Call).collect();
    let expected = json!([
        {"order": "ServiceRequest/o2", "why": "status", "codes": ["http://www.ama-assn.org/go/cpt|27096:LT"]},
        {"order": "ServiceRequest/o3", "why": "not-in-scope", "codes": ["http://www.ama-assn.org/go/cpt|97110"]},
    ]);
    assert_eq!(content(&calls[0])["passedOver"], expected);
    assert_eq!(content(&calls[1])["evaluation"]["passedOver"], expected);
    for call in &calls {
        assert_eq!(summary(call)["passedOver"], json!({"not-in-scope": 1, "status": 1}));
        assert_eq!(keeping.replaying().hooks.replay(call).unwrap().differences, []);
    }
}

#[tokio::test]
async fn a_byte_order_mark_before_the_body_is_ignored_wherever_json_is_read() {
    let app = TestApp::on_the_day_of_the_fixtures();
    let call = Call::ordering([left_order()]).text();
    let coverage = json!({"resourceType": "Coverage", "id": "c1", "status": "active", "beneficiary": {"reference": "Patient/p1"}});
    let input = json!({"resourceType": "Parameters",
        "parameter": [{"name": "coverage", "resource": coverage}, {"name": "order", "resource": left_order()}]});
    let feedback = json!({"feedback": [{"card": "0b8e5fe1-5d2c-4b3f-8e3e-1a7d1f2c9e55", "outcome": "accepted"}]});
    for (path, body) in [
        (SERVICE.to_owned(), call.clone()),
        (format!("{SERVICE}/feedback"), feedback.to_string()),
        ("/fhir/Questionnaire/$questionnaire-package".to_owned(), input.to_string()),
    ] {
        let answer = app.send(post(&path, format!("\u{feff}{body}"))).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let twice = app.send(post(&path, format!("\u{feff}\u{feff}{body}"))).await;
        assert_eq!(twice.status, 400, "{path}: {}", twice.text());
    }
    let evaluator = Evaluator::new();
    assert_eq!(evaluator.evaluate(&format!("\u{feff}{call}")), evaluator.evaluate(&call));
}
