//! `[smart]` and `[[smart.ehrs]]`: what is accepted, and the messages for what is rejected.

use std::sync::Arc;

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use sij_cds::clock::FixedClock;
use sij_cds::config::{Config, Layers, SmartAuthentication};
use sij_cds::smart::launch::{LaunchMemory, SmartApp};
use tempfile::NamedTempFile;

use crate::support::day_of_the_fixtures;

const AROUND: &str =
    "[server]\npublic_url = \"https://cds.plan.example\"\n[[fhir_servers]]\nname = \"main\"\nbase_url = \"https://ehr.example/fhir\"\n";

fn file(text: &str) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn read(text: &str) -> Result<Config, String> {
    let file = file(text);
    let name = format!(" in file `{}`", file.path().display());
    let layers = Layers { file: Some(file.path().to_path_buf()), ..Layers::default() };
    Config::layered(layers).map_err(|error| error.to_string().replace(&name, ""))
}

/// A valid entry with additional keys.
fn entry(more: &str) -> String {
    ehr(&format!("authentication = \"public\"\n{more}"))
}

fn ehr(more: &str) -> String {
    format!("[[smart.ehrs]]\nname = \"main\"\nfhir_server = \"main\"\nclient_id = \"sij\"\n{more}\n")
}

#[test]
fn an_ehr_is_read_with_its_defaults() {
    let config = read(&[AROUND, &entry("")].concat()).unwrap();
    let ehr = &config.smart.ehrs[0];
    assert_eq!((ehr.id(), read(&[AROUND, &entry("id = \"north\"")].concat()).unwrap().smart.ehrs[0].id()), ("main", "north"));
    assert_eq!((ehr.authentication, ehr.client(), ehr.scopes.len()), (SmartAuthentication::Public, "main", 13));
    assert!(ehr.frame_ancestors.is_empty() && ehr.hosts.is_empty() && ehr.plan.is_none());
    assert_eq!((config.smart.session_lifetime.as_secs(), config.smart.launch_lifetime.as_secs()), (1_800, 300));
    assert_eq!(config.smart.max_session_lifetime.as_secs(), 28_800);
    assert_eq!((config.smart.max_sessions.get(), config.smart.timeout.as_secs()), (1_000, 4));
}

#[test]
fn ehrs_that_cannot_be_are_refused_with_the_reason() {
    let table = [
        (
            ehr("authentication = \"private-key-jwt\""),
            "`smart.ehrs.authentication`: entry 1: `private-key-jwt` needs `smart.signing_key_file`",
        ),
        (ehr("authentication = \"client-secret\""), "`smart.ehrs.client_secret_file`: entry 1: must be there with `client-secret`"),
        (entry("client_secret_file = \"x\""), "`smart.ehrs.client_secret_file`: entry 1: needs `authentication = \"client-secret\"`"),
        (
            format!("[smart]\nsession_lifetime = \"2h\"\nmax_session_lifetime = \"1h\"\n{}", entry("")),
            "`smart.max_session_lifetime`: must not be shorter than `smart.session_lifetime`",
        ),
        (entry("scopes = []"), "`smart.ehrs.scopes`: entry 1: must name at least one"),
        (entry("scopes = [\"two words\"]"), "`smart.ehrs.scopes`: entry 1: `two words` is not a scope such as `patient/Condition.rs`"),
        (entry("frame_ancestors = [\"*\"]"), "`smart.ehrs.frame_ancestors`: entry 1: `*` is not an origin such as `https://ehr.example`"),
        (
            entry("frame_ancestors = [\"https://ehr.example/; script-src *\"]"),
            "`smart.ehrs.frame_ancestors`: entry 1: `https://ehr.example/; script-src *` is not an origin such as `https://ehr.example`",
        ),
        (
            entry("hosts = [\"10.0.0.1\"]"),
            "`smart.ehrs.hosts`: entry 1: is a private address; it needs `allow_private_addresses` of the FHIR server",
        ),
        (entry("plan = \"gold\""), "`smart.ehrs.plan`: entry 1: no plan has the id `gold`"),
        (
            entry("id = \"north/hospital\""),
            "`smart.ehrs.id`: entry 1: must be 1 to 64 letters, digits, hyphens and underscores; absent, it is the name",
        ),
        (
            entry("").replace("name = \"main\"", "name = \"North Hospital\""),
            "`smart.ehrs.id`: entry 1: must be 1 to 64 letters, digits, hyphens and underscores; absent, it is the name",
        ),
        (
            [entry("").replace("name = \"main\"", "name = \"other\"\nid = \"Main\""), entry("")].concat().replacen(
                "= \"main\"",
                "= \"second\"",
                1,
            ),
            "`smart.ehrs.fhir_server`: entry 1: no `[[fhir_servers]]` is named `second`\n`smart.ehrs.id`: entry 2: is that of another entry, so their redirect URIs could not be told apart",
        ),
        (entry("client = \" \""), "`smart.ehrs.client`: entry 1: must not be empty"),
        (entry("").replace("\"sij\"", "\"\""), "`smart.ehrs.client_id`: entry 1: must be plain text, and not empty"),
        (
            entry("").replace("fhir_server = \"main\"", "fhir_server = \"other\""),
            "`smart.ehrs.fhir_server`: entry 1: no `[[fhir_servers]]` is named `other`",
        ),
        (
            [entry(""), entry("")].concat(),
            "`smart.ehrs.name`: entry 2: must be there, and only once\n`smart.ehrs.fhir_server`: entry 2: is that of another entry, so their launches could not be told apart",
        ),
    ];
    for (text, expected) in table {
        assert_eq!(read(&[AROUND, &text].concat()).unwrap_err(), expected, "{text}");
    }
}

#[test]
fn without_a_public_url_no_ehr_could_send_its_users_back() {
    let around = AROUND.replace("public_url = \"https://cds.plan.example\"", "");
    let refused = read(&[around, entry("")].concat()).unwrap_err();
    assert_eq!(refused, "`smart.ehrs`: needs `server.public_url`, where EHRs send their users back to");
}

#[test]
fn what_no_ehr_has_is_named_with_its_place() {
    let refused = read(&[AROUND, &entry("hosts = [\"https://login.ehr.example\"]")].concat()).unwrap_err();
    assert!(refused.starts_with("`smart.ehrs.0.hosts"), "{refused}");
    assert!(
        refused.ends_with("`https://login.ehr.example` is not a host such as `login.ehr.example` or `login.ehr.example:8443`"),
        "{refused}"
    );
    let refused = read(&[AROUND, &ehr("authentication = \"password\"")].concat()).unwrap_err();
    assert!(refused.contains("unknown value `password`; known here are `public`, `private-key-jwt`, `client-secret`"), "{refused}");
}

#[test]
fn files_of_keys_and_secrets_that_cannot_be_used_are_named() {
    let small = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap().serialize_pem();
    let (empty, small) = (file(" \n"), file(&small));
    let secret = |path: &str| ehr(&format!("authentication = \"client-secret\"\nclient_secret_file = \"{path}\""));
    let key = |path: &str| format!("[smart]\nsigning_key_file = \"{path}\"\n{}", ehr("authentication = \"private-key-jwt\""));
    let path = |file: &NamedTempFile| file.path().display().to_string();
    let table = [
        (secret(&path(&empty)), format!("`smart.ehrs.client_secret_file` of `main`: `{}` is empty", path(&empty))),
        (secret("/nowhere"), "`smart.ehrs.client_secret_file` of `main`: cannot read `/nowhere`: ".to_owned()),
        (key("/nowhere"), "`smart.signing_key_file`: cannot use `/nowhere`: it cannot be read".to_owned()),
        (key(&path(&empty)), format!("`smart.signing_key_file`: cannot use `{}`: it has no PEM private key in PKCS #8", path(&empty))),
        (
            key(&path(&small)),
            format!("`smart.signing_key_file`: cannot use `{}`: its key is neither EC on P-384 nor RSA of 2048 to 8192 bits", path(&small)),
        ),
    ];
    for (text, expected) in table {
        let config = read(&[AROUND, &text].concat()).unwrap();
        let clock = Arc::new(FixedClock::at(day_of_the_fixtures()));
        let refused = SmartApp::build(&config, Arc::new(LaunchMemory::default()), clock).unwrap_err().to_string();
        assert!(refused.starts_with(&expected), "{refused}");
    }
}
