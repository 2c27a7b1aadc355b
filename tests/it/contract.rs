//! The published contract, `cds-hooks/`, and the fixtures: well-formed, valid FHIR, and consistent with the page for EHR teams.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use fhir_sdk::r4b::resources::{Questionnaire, ValueSet};
use serde_json::{Value, json};
use sij_cds::crd::{Options, RequestExtension};

use crate::support::markdown::{blocks, document, rows, unquoted};

const POLICY: &str = "cds-hooks/policies/sacroiliac-joint-interventions/2019-08";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every JSON file below a project folder, with its text.
fn json_files(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found
}

fn value_sets() -> Vec<(PathBuf, Value)> {
    let files = json_files(&format!("{POLICY}/valuesets"));
    files.into_iter().map(|(path, text)| (path, serde_json::from_str(&text).unwrap())).collect()
}

fn order_sign() -> Value {
    serde_json::from_str(&document("cds-hooks/services/order-sign.json")).unwrap()
}

/// The prefetch templates of a service, by key.
fn prefetch(service: &Value) -> BTreeMap<String, String> {
    let templates = service["prefetch"].as_object().unwrap();
    templates.iter().map(|(key, query)| (key.clone(), query.as_str().unwrap().to_owned())).collect()
}

/// The section of a document from a heading to the next one of the same or a higher level.
fn section(text: &str, heading: &str) -> String {
    let (_, rest) = text.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no heading `{heading}`"));
    let level = heading.split(' ').next().unwrap();
    rest.split(&format!("\n{level} ")).next().unwrap().to_owned()
}

/// The codes of a value set, each with its system.
fn coded(value_set: &Value) -> Vec<String> {
    let of_include = |include: &Value| {
        let system = include["system"].as_str().unwrap().to_owned();
        let concepts = include["concept"].as_array().unwrap();
        concepts.iter().map(|concept| format!("{system}|{}", concept["code"].as_str().unwrap())).collect::<Vec<_>>()
    };
    value_set["compose"]["include"].as_array().unwrap().iter().flat_map(of_include).collect()
}

fn with_thousands(number: usize) -> String {
    if number < 1000 { number.to_string() } else { format!("{},{:03}", number / 1000, number % 1000) }
}

#[test]
fn every_json_file_parses() {
    for folder in ["cds-hooks", "fixtures"] {
        let files = json_files(folder);
        assert!(files.len() > 40, "only {} files below {folder}", files.len());
        for (path, text) in files {
            // One chart of the fixtures starts with a byte order mark, as one client sends.
            if let Err(error) = serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}')) {
                panic!("{}: {error}", path.display());
            }
        }
    }
}

#[test]
fn prefetch_templates_use_plain_tokens_only() {
    let plain = |token: &str| token.strip_prefix("context.").is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    for (path, text) in json_files("cds-hooks/services") {
        let service: Value = serde_json::from_str(&text).unwrap();
        for (key, query) in service.get("prefetch").map(|_| prefetch(&service)).unwrap_or_default() {
            let mut tokens = query.split("{{").skip(1).map(|rest| rest.split_once("}}").map_or(rest, |(token, _)| token));
            assert!(tokens.all(plain), "{}: {key}: {query}", path.display());
        }
    }
}

#[test]
fn every_hook_that_decides_asks_for_the_same_prefetch() {
    for hook in ["order-select", "order-dispatch", "appointment-book"] {
        let service: Value = serde_json::from_str(&document(&format!("cds-hooks/services/{hook}.json"))).unwrap();
        assert_eq!(prefetch(&service), prefetch(&order_sign()), "{hook}");
        assert_eq!(service["extension"], order_sign()["extension"], "{hook}");
    }
}

#[test]
fn every_service_says_what_it_is_and_by_which_versions() {
    let files = json_files("cds-hooks/services");
    assert_eq!(files.len(), 6);
    for (path, text) in files {
        let service: Value = serde_json::from_str(&text).unwrap();
        let hook = path.file_stem().unwrap().to_str().unwrap();
        assert_eq!(service["hook"], hook);
        let own = if hook == "order-sign" { String::new() } else { format!("-{hook}") };
        assert_eq!(service["id"], format!("sacroiliac-joint-interventions{own}"));
        for member in ["id", "title", "description", "usageRequirements", "hookVersion"] {
            assert!(service[member].as_str().is_some_and(|text| !text.trim().is_empty()), "{hook}: {member}");
        }
        assert_eq!(service["version"], "3.0.0", "{hook}");
        assert_eq!(service["extension"]["davinci-crd.version"], json!(["2.0", "2.2"]), "{hook}");
    }
}

/// The options that order-sign declares, which all deciding hooks share.
fn declared_options() -> Vec<Value> {
    order_sign()["extension"]["davinci-crd.configuration-options"].as_array().unwrap().clone()
}

#[test]
fn every_option_has_its_code_type_name_description_and_default() {
    for option in declared_options() {
        for member in ["code", "type", "name", "description"] {
            assert!(option[member].as_str().is_some_and(|text| !text.trim().is_empty()), "{option}: {member}");
        }
        let (kind, default) = (&option["type"], &option["default"]);
        assert!((kind == "boolean" && default.is_boolean()) || (kind == "integer" && default.is_u64()), "{option}");
    }
}

#[test]
fn options_differ_in_code_name_and_description() {
    let declared = declared_options();
    for member in ["code", "name", "description"] {
        let different: BTreeSet<String> = declared.iter().map(|option| option[member].to_string()).collect();
        assert_eq!(different.len(), declared.len(), "{member}");
    }
}

/// CRD 2.2.1, "Configuration options extension": a switch for each kind of answer, and two additional codes.
#[test]
fn every_kind_of_card_has_its_option_and_every_option_is_the_guides() {
    let displays = cards_toml()["topics"]["displays"].clone();
    let kinds = displays.as_table().unwrap().keys().map(String::as_str);
    let expected: BTreeSet<&str> = kinds.chain(["max-cards", "unsolicited-determ"]).collect();
    let declared = declared_options();
    assert_eq!(declared.iter().map(|option| option["code"].as_str().unwrap()).collect::<BTreeSet<_>>(), expected);
}

#[test]
fn the_page_for_ehr_teams_lists_the_prefetch_of_order_sign() {
    let listed = rows(&section(&document("cds-hooks/README.md"), "## Prefetch"));
    let listed = listed.into_iter().filter_map(|(key, cells)| Some((key, unquoted(cells.first()?)?.to_owned())));
    assert_eq!(listed.collect::<BTreeMap<_, _>>(), prefetch(&order_sign()));
}

#[test]
fn the_page_for_ehr_teams_has_the_long_query_to_copy() {
    let page = document("cds-hooks/README.md");
    let query = format!("{}\n", order_sign()["prefetch"]["observations"].as_str().unwrap());
    assert!(blocks(&page).iter().any(|block| block.text == query));
}

#[test]
fn the_page_for_ehr_teams_lists_every_value_set_with_its_size() {
    let page = document("cds-hooks/README.md");
    let listed = rows(&section(&page, "## Value sets")).into_iter().map(|(name, cells)| (name, cells[1].parse::<usize>().unwrap()));
    let shipped: BTreeMap<String, usize> =
        value_sets().iter().map(|(_, set)| (set["id"].as_str().unwrap().to_owned(), coded(set).len())).collect();
    assert_eq!(listed.collect::<BTreeMap<_, _>>(), shipped);
    let different: BTreeSet<String> = value_sets().iter().flat_map(|(_, set)| coded(set)).collect();
    let total = format!(
        "{} sets with {} codes, {} of them different",
        shipped.len(),
        with_thousands(shipped.values().sum()),
        with_thousands(different.len())
    );
    assert!(page.contains(&total), "{total}");
}

fn cards_toml() -> toml::Table {
    document(&format!("{POLICY}/cards.toml")).parse().unwrap()
}

#[test]
fn the_page_for_ehr_teams_lists_every_kind_of_card() {
    let page = section(&document("cds-hooks/README.md"), "## Kinds of cards");
    let table = page.split("\n### ").next().unwrap();
    let listed = rows(table).into_iter().map(|(code, cells)| (code, cells[0].clone()));
    let displays = cards_toml()["topics"]["displays"].clone();
    let known = displays.as_table().unwrap().iter().map(|(code, display)| (code.clone(), display.as_str().unwrap().to_owned()));
    assert_eq!(listed.collect::<BTreeMap<_, _>>(), known.collect::<BTreeMap<_, _>>());
}

#[test]
fn the_page_for_ehr_teams_lists_the_determinations_of_each_kind() {
    let listed = rows(&section(&document("cds-hooks/README.md"), "## Kinds of cards"));
    for (determination, code) in cards_toml()["topics"]["determinations"].as_table().unwrap() {
        let row = listed.iter().find(|(listed, _)| listed == code.as_str().unwrap()).unwrap();
        assert!(row.1[1].contains(determination), "{determination} is not at `{}`", row.0);
    }
}

#[test]
fn the_page_for_ehr_teams_lists_the_options_that_are_read() {
    let page = section(&document("cds-hooks/README.md"), "### What a client can ask for");
    let listed = rows(&page);
    assert_eq!(listed.len(), 8);
    for (code, cells) in listed {
        let value = if cells[0] == "integer" { "3" } else { "false" };
        let extension = format!(r#"{{"davinci-crd.configuration":{{"{code}":{value}}}}}"#);
        let read = RequestExtension::read(Some(serde_json::from_str(&extension).unwrap()));
        assert!(read.options != Options::default() && read.ignored.is_empty(), "{code}");
    }
}

/// A rule's value as written on the page.
fn shown(value: Option<&toml::Value>) -> String {
    let quoted = |text: &str| format!("`{text}`");
    match value {
        None => String::new(),
        Some(toml::Value::String(text)) => quoted(text),
        Some(toml::Value::Array(list)) => list.iter().map(|one| shown(Some(one))).collect::<Vec<_>>().join(", "),
        Some(other) => quoted(&other.to_string()),
    }
}

#[test]
fn the_page_for_ehr_teams_lists_the_rules_of_every_dialect() {
    let listed: BTreeMap<_, _> = rows(&section(&document("cds-hooks/README.md"), "## Dialects")).into_iter().collect();
    let dialects = ["standard", "epic", "br-provider", "sandbox"];
    let rules = dialects.map(|name| document(&format!("cds-hooks/dialects/{name}.toml")).parse::<toml::Table>().unwrap());
    let names: BTreeSet<&String> = rules.iter().flat_map(toml::Table::keys).collect();
    assert_eq!(listed.keys().collect::<BTreeSet<_>>(), names);
    for (name, cells) in &listed {
        assert_eq!(*cells, rules.each_ref().map(|rules| shown(rules.get(name))), "{name}");
    }
}

#[test]
fn the_page_for_ehr_teams_lists_every_question_of_the_form() {
    let form: Value = serde_json::from_str(&document(&format!("{POLICY}/questionnaire.json"))).unwrap();
    let mut asked = Vec::new();
    collect_questions(&form["item"], &mut asked);
    let mut listed: Vec<String> =
        rows(&section(&document("cds-hooks/README.md"), "## The documentation form")).into_iter().map(|(link_id, _)| link_id).collect();
    asked.sort();
    listed.sort();
    assert_eq!(listed, asked);
}

/// The linkIds of the questions: without display texts, and of groups only the repeating one.
fn collect_questions(items: &Value, found: &mut Vec<String>) {
    for item in items.as_array().into_iter().flatten() {
        let kind = item["type"].as_str().unwrap();
        if kind != "display" && (kind != "group" || item["repeats"] == true) {
            found.push(item["linkId"].as_str().unwrap().to_owned());
        }
        collect_questions(&item["item"], found);
    }
}

#[test]
fn every_value_set_is_named_for_its_file() {
    for (path, set) in value_sets() {
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert_eq!(set["id"], name);
        assert_eq!(set["url"], format!("http://payer.example.org/fhir/ValueSet/{name}"));
        assert_eq!(set["version"], "2019-08", "{name}");
    }
}

#[test]
fn every_value_set_is_a_fhir_value_set() {
    for (path, text) in json_files(&format!("{POLICY}/valuesets")) {
        if let Err(error) = serde_json::from_str::<ValueSet>(&text) {
            panic!("{}: {error}", path.display());
        }
    }
}

#[test]
fn the_form_is_a_fhir_questionnaire() {
    let form: Questionnaire = serde_json::from_str(&document(&format!("{POLICY}/questionnaire.json"))).unwrap();
    assert_eq!(form.id.as_deref(), Some("sij-injection-documentation"));
}
