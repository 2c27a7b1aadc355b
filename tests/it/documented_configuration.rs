//! Every TOML block of the documents passes `config check` together with the settings that the documents require everywhere.

use std::path::Path;

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P384_SHA384};
use sij_cds::ledger::new_key_line;
use tempfile::TempDir;
use toml::Table;

use crate::support::callers::{EC_KEY, key_set};
use crate::support::keeping::write_secret;
use crate::support::markdown::{blocks, document};

/// Where the documented installation stores its files.
const FILES: &str = "/etc/sij-cds";

/// The settings every installation with clients needs, from `docs/configuration.md`, "Clients".
const COMMON: &str = r#"
[server]
public_url = "https://cds.plan.example"

[tls]
certificate_file = "/etc/sij-cds/tls.crt"
private_key_file = "/etc/sij-cds/tls.key"

[[clients]]
name = "north-hospital"
iss = "https://ehr.example/fhir"
jwks_uri = "https://ehr.example/jwks.json"

[ledger]
keys_file = "/etc/sij-cds/ledger.keys"
"#;

/// The files that the documents mention, with usable content.
fn files() -> TempDir {
    let directory = TempDir::new().unwrap();
    let write = |name: &str, text: &str| write_secret(&directory.path().join(name), text);
    let key = KeyPair::generate().unwrap();
    write("tls.crt", &CertificateParams::new(["cds.plan.example".to_owned()]).unwrap().self_signed(&key).unwrap().pem());
    write("tls.key", &key.serialize_pem());
    write("smart.key", &KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap().serialize_pem());
    write("ledger.keys", &new_key_line("first").unwrap());
    for name in ["br-provider", "request-generator"] {
        write(&format!("{name}.jwks.json"), &key_set([EC_KEY.jwk("1")]).to_string());
    }
    directory
}

/// The block's own values, completed by the common ones.
fn completed(block: &str, directory: &Path) -> String {
    let read = |text: &str| text.replace(FILES, directory.to_str().unwrap()).parse::<Table>().unwrap();
    let mut whole = read(COMMON);
    for (name, value) in read(block) {
        match (whole.get_mut(&name).and_then(toml::Value::as_table_mut), value) {
            (Some(section), toml::Value::Table(own)) => section.extend(own),
            (_, value) => drop(whole.insert(name, value)),
        }
    }
    whole.to_string()
}

fn check(directory: &TempDir, text: &str) -> (Option<i32>, String) {
    let file = directory.path().join("config.toml");
    std::fs::write(&file, text).unwrap();
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_sij-cds"));
    let outcome = command.args(["config", "check", "--config"]).arg(&file).current_dir(directory.path()).output().unwrap();
    (outcome.status.code(), String::from_utf8_lossy(&outcome.stderr).into_owned())
}

#[test]
fn every_toml_block_of_the_documents_passes_config_check() {
    let directory = files();
    let mut checked = 0;
    for name in ["README.md", "cds-hooks/README.md", "docs/configuration.md", "docs/integration.md", "docs/operations.md"] {
        for block in blocks(&document(name)).into_iter().filter(|block| block.language == "toml") {
            let (code, told) = check(&directory, &completed(&block.text, directory.path()));
            assert_eq!(code, Some(0), "{name}: {told}\n{}", block.text);
            checked += 1;
        }
    }
    assert!(checked >= 10, "only {checked} blocks");
}

#[test]
fn a_block_with_a_fault_is_found() {
    let directory = files();
    for fault in ["[server]\nlisten = \"nowhere\"", "[[clients]]\nname = \"a\"", "[ledger]\npatience = \"1s\""] {
        assert_eq!(check(&directory, &completed(fault, directory.path())).0, Some(2), "{fault}");
    }
}
