//! `[plan]` and `[[plans]]`: what is accepted, and the messages for what is rejected.

use sij_cds::config::{Config, Layers, PayerIdentifier};
use sij_cds::crd::LineOfBusiness;
use sij_cds::crd::PriorAuthorization;
use tempfile::NamedTempFile;

fn read(text: &str) -> Result<Config, String> {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let layers = Layers { file: Some(file.path().to_path_buf()), ..Layers::default() };
    let name = format!(" in file `{}`", file.path().display());
    Config::layered(layers).map_err(|error| error.to_string().replace(&name, ""))
}

/// One entry of `[[plans]]`.
fn plan(id: &str, more: &str) -> String {
    format!("[[plans]]\nid = \"{id}\"\nname = \"Plan {id}\"\n{more}\n")
}

const WHOLE: &str = r#"
policy_url = "https://plan.example/sij#{section}"
payer_identifiers = ["https://plan.example/payers|12345", "urn:oid:1.2|a|b"]
payer_names = ["Health plan, Inc."]
lines_of_business = ["commercial", "medicare"]
prior_authorization = { default = "auth-needed", codes = { 27096 = "satisfied", G0260 = "performpa" } }
authorization_prefix = "HP-1"
contact = { name = "Provider services", phone = "555-0100", email = "a@plan.example", url = "https://plan.example" }
"#;

#[test]
fn both_places_take_a_whole_plan() {
    let config =
        read(&["[plan]", WHOLE, &plan("a", &WHOLE.replace("12345", "6").replace("1.2|a", "1.3|a").replace("Inc.", "Ltd."))].concat());
    let config = config.unwrap();
    for plan in [&config.plan, &config.plans[0]] {
        assert_eq!(plan.policy_url.as_ref().unwrap().as_str(), "https://plan.example/sij#{section}");
        assert_eq!(plan.lines_of_business.as_deref(), Some(&[LineOfBusiness::Commercial, LineOfBusiness::Medicare][..]));
        let prior_authorization = plan.prior_authorization.as_ref().unwrap();
        assert_eq!(prior_authorization.required(["27096:LT", "G0260"]), Some(PriorAuthorization::Performpa));
        assert_eq!(prior_authorization.required(["1"]), Some(PriorAuthorization::AuthNeeded));
        assert_eq!((plan.authorization_prefix.as_str(), plan.payer_names.len()), ("HP-1", 1));
        assert_eq!(plan.contact.as_ref().unwrap().phone.as_deref(), Some("555-0100"));
    }
    let identifiers: Vec<&str> = config.plan.payer_identifiers.iter().map(PayerIdentifier::as_str).collect();
    assert_eq!(identifiers, ["https://plan.example/payers|12345", "urn:oid:1.2|a|b"]);
}

#[test]
fn a_plan_has_defaults() {
    let config = read(&plan("a", "")).unwrap();
    for plan in [&config.plan, &config.plans[0]] {
        assert!(plan.payer_identifiers.is_empty() && plan.payer_names.is_empty());
        assert!(plan.lines_of_business.is_none() && plan.prior_authorization.is_none() && plan.contact.is_none());
        assert_eq!(plan.authorization_prefix, "SIJ");
    }
}

#[test]
fn the_environment_can_hold_lists_and_tables_of_a_plan() {
    let variables = [
        ("SIJ_CDS__PLAN__PAYER_IDENTIFIERS", r#"["https://plan.example/payers|12345"]"#),
        ("SIJ_CDS__PLAN__PRIOR_AUTHORIZATION", r#"{ default = "auth-needed", codes = { 27096 = "no-auth" } }"#),
        ("SIJ_CDS__PLAN__CONTACT", r#"{ phone = "555-0100" }"#),
    ];
    let environment = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let config = Config::layered(Layers { environment, ..Layers::default() }).unwrap();
    assert_eq!(config.plan.payer_identifiers[0].as_str(), "https://plan.example/payers|12345");
    assert_eq!(config.plan.prior_authorization.unwrap().required(["27096"]), Some(PriorAuthorization::NoAuth));
    assert_eq!(config.plan.contact.unwrap().phone.as_deref(), Some("555-0100"));
}

#[test]
fn a_fault_within_a_variable_names_the_variable() {
    let environment = vec![("SIJ_CDS__PLAN__CONTACT".to_owned(), "{ fax = \"1\" }".to_owned())];
    let message = Config::layered(Layers { environment, ..Layers::default() }).unwrap_err().to_string();
    assert!(message.starts_with("`plan.contact.fax` in environment variable `SIJ_CDS__PLAN__CONTACT`: unknown key"), "{message}");
}

#[test]
fn a_card_that_links_to_the_policy_needs_its_address() {
    assert_eq!(read("[plan]\npolicy_card = true").unwrap_err(), "`plan.policy_card`: needs `policy_url`");
    assert_eq!(read(&plan("a", "policy_card = true")).unwrap_err(), "`plans.policy_card`: entry 1: needs `policy_url`");
    let whole = read(&["[plan]", WHOLE, "policy_card = true\n"].concat()).unwrap();
    assert!(whole.plan.policy_card && !read("[plan]\nname = \"A\"").unwrap().plan.policy_card);
}

#[test]
fn plans_have_ids_and_names() {
    assert_eq!(read(&[plan("a", ""), plan("a", "")].concat()).unwrap_err(), "`plans.id`: entry 2: must be there, and only once");
    assert_eq!(read("[[plans]]\nname = \"A\"\n").unwrap_err(), "`plans.id`: entry 1: must be there, and only once");
    assert_eq!(read(&["[plan]\nid = \"a\"\n", &plan("a", "")].concat()).unwrap_err(), "`plans.id`: entry 1: must be there, and only once");
    assert_eq!(read("[[plans]]\nid = \"a\"\nname = \" \"\n").unwrap_err(), "`plans.name`: entry 1: must not be empty");
}

#[test]
fn what_a_plan_cannot_be_is_refused_with_the_reason() {
    let table = [
        ("policy_url = \"ftp://a/\"", "policy_url", "`ftp://a/` is not an http or https URL"),
        ("policy_url = \"plan.example/{section}\"", "policy_url", "`plan.example/{section}` is not an http or https URL"),
        ("policy_url = \"https://a/{page}\"", "policy_url", "`https://a/{page}` has braces around something else than `{section}`"),
        ("payer_identifiers = [\"12345\"]", "payer_identifiers.0", "`12345` is not a system and a value, as `system|value`"),
        ("payer_identifiers = [\"a|b\", \"|b\"]", "payer_identifiers.1", "`|b` is not a system and a value, as `system|value`"),
        (
            "lines_of_business = [\"dental\"]",
            "lines_of_business.0",
            "unknown value `dental`; known here are `commercial`, `medicaid`, `medicare`",
        ),
        (
            "prior_authorization = { default = \"yes\" }",
            "prior_authorization.default",
            "unknown value `yes`; known here are `no-auth`, `satisfied`, `performpa`, `auth-needed`",
        ),
        (
            "prior_authorization = { codes = { 27096 = \"no\" } }",
            "prior_authorization.codes.27096",
            "unknown value `no`; known here are `no-auth`, `satisfied`, `performpa`, `auth-needed`",
        ),
        ("contact = { fax = \"1\" }", "contact.fax", "unknown key; known here are `name`, `phone`, `email`, `url`"),
    ];
    for (text, key, expected) in table {
        assert_eq!(read(&format!("[plan]\n{text}")).unwrap_err(), format!("`plan.{key}`: {expected}"));
        assert_eq!(read(&plan("a", text)).unwrap_err(), format!("`plans.0.{key}`: {expected}"));
    }
}

#[test]
fn what_reads_well_and_cannot_be_is_refused_with_the_reason() {
    let table = [
        ("payer_names = [\" \"]", "payer_names", "must not be empty"),
        ("lines_of_business = []", "lines_of_business", "must name at least one; absent: all"),
        ("lines_of_business = [\"medicaid\", \"medicaid\"]", "lines_of_business", "one stands twice"),
        (
            "prior_authorization = { codes = { \"27096:LT\" = \"no-auth\" } }",
            "prior_authorization",
            "`27096:LT` is not a billing code without modifiers",
        ),
        ("authorization_prefix = \"\"", "authorization_prefix", "must be 1 to 12 letters, digits and hyphens"),
        ("authorization_prefix = \"A-1234567890A\"", "authorization_prefix", "must be 1 to 12 letters, digits and hyphens"),
        ("authorization_prefix = \"SIJ 1\"", "authorization_prefix", "must be 1 to 12 letters, digits and hyphens"),
        ("contact = {}", "contact", "must have a `name`, `phone`, `email` or `url`"),
        ("contact = { name = \"\" }", "contact", "must not have an empty text"),
        ("contact = { email = \"plan.example\" }", "contact", "`email` is not an e-mail address"),
        ("contact = { url = \"ftp://a/\" }", "contact", "`url` is not an http or https URL"),
    ];
    for (text, key, expected) in table {
        assert_eq!(read(&format!("[plan]\n{text}")).unwrap_err(), format!("`plan.{key}`: {expected}"));
        assert_eq!(read(&plan("a", text)).unwrap_err(), format!("`plans.{key}`: entry 1: {expected}"));
    }
}

#[test]
fn two_plans_do_not_claim_the_same_payer() {
    let (first, second) = ("payer_identifiers = [\"s|1\", \"s|2\"]", "payer_identifiers = [\"s|2\"]");
    let fault = "another plan's already";
    let message = read(&["[plan]\n", first, "\n", &plan("a", second)].concat()).unwrap_err();
    assert_eq!(message, format!("`plans.payer_identifiers`: entry 1: `s|2` is {fault}"));
    let message = read(&[plan("a", first), plan("b", second)].concat()).unwrap_err();
    assert_eq!(message, format!("`plans.payer_identifiers`: entry 2: `s|2` is {fault}"));
    let names = [plan("a", "payer_names = [\"Health  Plan\"]"), plan("b", "payer_names = [\"health plan\"]")].concat();
    assert_eq!(read(&names).unwrap_err(), format!("`plans.payer_names`: entry 2: `health plan` is {fault}"));
}
