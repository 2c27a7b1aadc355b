//! The JSON Schema of `policy.toml`, for editors: it takes the policy in use, refuses typical slips, and knows the same kinds as the program.

use std::collections::BTreeSet;

use jsonschema::Validator;
use serde_json::Value;
use sij_cds::decision::Policies;

use crate::support::PolicyFolder;
use crate::support::markdown::document;

/// What is wrong, and what makes it so.
type Slip = (&'static str, fn(&mut Value));

const POLICY: &str = "cds-hooks/policies/sacroiliac-joint-interventions/2019-08/policy.toml";

fn schema() -> Value {
    serde_json::from_str(&document("cds-hooks/policies/policy.schema.json")).unwrap()
}

fn policy() -> Value {
    serde_json::to_value(document(POLICY).parse::<toml::Table>().unwrap()).unwrap()
}

fn validator() -> Validator {
    jsonschema::validator_for(&schema()).unwrap()
}

#[test]
fn the_policy_in_use_is_valid() {
    let (validator, policy) = (validator(), policy());
    let errors: Vec<_> = validator.iter_errors(&policy).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert_eq!(errors, Vec::<String>::new());
}

#[test]
fn a_slip_is_invalid() {
    let validator = validator();
    let table: [Slip; 8] = [
        ("an unknown kind", |policy| policy["criteria"][0]["test"] = serde_json::json!({"wish": {}})),
        ("a number that is no name in braces", |policy| policy["criteria"][2]["test"]["findings"]["at_least"] = 3.into()),
        ("a missing title", |policy| drop(policy["criteria"][0].as_object_mut().unwrap().remove("title"))),
        ("an unknown remedy", |policy| policy["criteria"][0]["remedy"] = "luck".into()),
        ("a threshold in words", |policy| policy["thresholds"]["nsaid_weeks"] = "three".into()),
        ("an unknown parameter", |policy| policy["parameters"]["patience_days"] = 3.into()),
        ("a date that is none", |policy| policy["effective_from"] = "August 2019".into()),
        ("a pathway without criteria", |policy| drop(policy["pathways"][0].as_object_mut().unwrap().remove("criteria"))),
    ];
    for (slip, make) in table {
        let mut changed = policy();
        make(&mut changed);
        assert!(!validator.is_valid(&changed), "{slip}");
    }
}

#[test]
fn the_schema_knows_the_kinds_that_the_program_reads() {
    let folder = PolicyFolder::new();
    folder.change("policy.toml", "test = \"performer\"", "test = \"surgeon\"");
    let error = Policies::load(Some(folder.0.path())).unwrap_err().to_string();
    let (_, listed) = error.split_once("known: ").unwrap();
    let read: BTreeSet<String> = listed.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    let schema = schema();
    let alternatives = schema["$defs"]["test"]["oneOf"].as_array().unwrap();
    let alone = alternatives[0]["enum"].as_array().unwrap().iter().map(|kind| kind.as_str().unwrap().to_owned());
    let with_settings = alternatives.iter().skip(1).map(|kind| kind["required"][0].as_str().unwrap().to_owned());
    assert_eq!(alone.chain(with_settings).collect::<BTreeSet<_>>(), read);
}
