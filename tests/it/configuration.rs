//! The layers of the configuration, and errors that name their key and source.

use std::path::PathBuf;
use std::time::Duration;

use sij_cds::cds_hooks::Hook;
use sij_cds::config::{Config, ConfigError, Layers, LogFormat, Overrides};
use sij_cds::crd::CrdVersion;
use tempfile::NamedTempFile;

fn file(text: &str) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn from_file(text: &str) -> Result<Config, ConfigError> {
    let file = file(text);
    Config::layered(Layers { file: Some(file.path().to_path_buf()), ..Layers::default() })
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn from_environment(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::layered(Layers { environment: variables(pairs), ..Layers::default() })
}

/// The errors of a configuration file's text, with the file name replaced.
fn faults_of_file(text: &str) -> String {
    let file = file(text);
    let layers = Layers { file: Some(file.path().to_path_buf()), ..Layers::default() };
    let message = Config::layered(layers).unwrap_err().to_string();
    message.replace(&file.path().display().to_string(), "config.toml")
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let config = Config::layered(Layers::default()).unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.server.body_limit_bytes.get(), 4 * 1024 * 1024);
    assert_eq!(config.server.max_entries.get(), 20_000);
    assert_eq!(config.server.call_memory_bytes.get(), 512 * 1024 * 1024);
    assert_eq!(config.server.deadline, Duration::from_secs(4));
    assert_eq!(config.server.shutdown_grace, Duration::from_secs(10));
    assert_eq!(config.server.max_concurrent_calls.get(), 256);
    assert_eq!(config.plan.name, "Health plan");
    assert_eq!((config.plan.policy_url, config.policy.directory), (None, None));
}

#[test]
fn a_file_replaces_single_keys() {
    let config = from_file("[server]\ndeadline = \"250ms\"\n[plan]\npolicy_url = \"https://plan.example/sij\"").unwrap();
    assert_eq!(config.server.deadline, Duration::from_millis(250));
    assert_eq!(config.plan.policy_url.unwrap().as_str(), "https://plan.example/sij");
    assert_eq!(config.server.max_concurrent_calls.get(), 256);
}

#[test]
fn the_environment_replaces_the_file_and_the_command_line_the_environment() {
    let file = file("[server]\nlisten = \"127.0.0.1:1\"\n[log]\nformat = \"text\"\n[plan]\nname = \"of the file\"");
    let config = Config::layered(Layers {
        file: Some(file.path().to_path_buf()),
        environment: variables(&[("SIJ_CDS__SERVER__LISTEN", "127.0.0.1:2"), ("SIJ_CDS__PLAN__NAME", "of the environment")]),
        overrides: Overrides { listen: Some("127.0.0.1:3".parse().unwrap()), policy_directory: None },
    });
    let config = config.unwrap();
    assert_eq!(config.server.listen.port(), 3);
    assert_eq!(config.plan.name, "of the environment");
    assert_eq!(config.log.format, LogFormat::Text);
}

#[test]
fn the_environment_can_hold_numbers_and_lists() {
    let config = from_environment(&[
        ("SIJ_CDS__SERVER__MAX_CONCURRENT_CALLS", "8"),
        ("SIJ_CDS__CORS__ALLOWED_ORIGINS", r#"["https://a.example", "https://b.example:8443"]"#),
    ]);
    let config = config.unwrap();
    assert_eq!(config.server.max_concurrent_calls.get(), 8);
    assert_eq!(config.cors.allowed_origins, ["https://a.example", "https://b.example:8443"]);
}

#[test]
fn other_variables_of_the_environment_are_ignored() {
    assert!(from_environment(&[("SIJ_CDS_HOME", "/"), ("PATH", "/bin")]).is_ok());
}

#[test]
fn an_unknown_key_is_named_with_its_file() {
    let message = faults_of_file("[cors]\norigins = []");
    assert_eq!(message, "`cors.origins` in file `config.toml`: unknown key; known here are `allowed_origins`");
}

#[test]
fn an_unknown_section_is_named_with_its_file() {
    let message = faults_of_file("[sever]\nlisten = \"127.0.0.1:1\"");
    assert_eq!(
        message,
        "`sever` in file `config.toml`: unknown key; known here are `server`, `tls`, `limits`, `auth`, \
         `clients`, `development`, `cors`, `crd`, `plan`, `plans`, `policy`, `fhir`, `fhir_servers`, `smart`, `ledger`, `log`, `metrics`, `traces`"
    );
}

#[test]
fn an_unknown_key_is_named_with_its_variable() {
    let message = from_environment(&[("SIJ_CDS__CORS__ORIGINS", "x")]).unwrap_err().to_string();
    let expected = "`cors.origins` in environment variable `SIJ_CDS__CORS__ORIGINS`: unknown key; known here are `allowed_origins`";
    assert_eq!(message, expected);
}

#[test]
fn a_file_that_is_not_toml_is_named() {
    assert!(faults_of_file("[server").starts_with("file `config.toml`: "));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let layers = Layers { file: Some(PathBuf::from("/nowhere/sij-cds.toml")), ..Layers::default() };
    assert_eq!(Config::layered(layers).unwrap_err().to_string(), "cannot read configuration file `/nowhere/sij-cds.toml`");
}

#[test]
fn values_that_cannot_be_are_refused_with_the_reason() {
    let table = [
        (
            "[server]\ndeadline = \"soon\"",
            "`server.deadline` in file `config.toml`: `soon` is not a time such as \"250ms\", \"4s\", \"2m\" or \"24h\"",
        ),
        (
            "[server]\nlisten = \"0.0.0.0:8080\"",
            "`server.listen` in file `config.toml`: `0.0.0.0:8080` is not a loopback address, and without `[[clients]]` \
             callers are not authenticated",
        ),
        ("[server]\nmax_concurrent_calls = 65537", "`server.max_concurrent_calls` in file `config.toml`: at most 65536"),
        (
            "[cors]\nallowed_origins = [\"https://ehr.example/\"]",
            "`cors.allowed_origins` in file `config.toml`: `https://ehr.example/` is not an origin such as `https://ehr.example`",
        ),
        (
            "[cors]\nallowed_origins = [\"*\", \"https://ehr.example\"]",
            "`cors.allowed_origins` in file `config.toml`: `*` allows every origin and must stand alone",
        ),
        ("[plan]\nname = \" \"", "`plan.name` in file `config.toml`: must not be empty"),
        ("[plan]\npolicy_url = \"ftp://a/\"", "`plan.policy_url` in file `config.toml`: `ftp://a/` is not an http or https URL"),
        ("[policy]\ndirectory = \"/nowhere\"", "`policy.directory` in file `config.toml`: `/nowhere` is not a directory"),
        ("[log]\nformat = \"xml\"", "`log.format` in file `config.toml`: unknown value `xml`; known here are `json`, `text`"),
    ];
    for (text, expected) in table {
        assert_eq!(faults_of_file(text), expected);
    }
}

#[test]
fn the_hooks_and_the_version_of_crd_are_chosen() {
    let config = Config::layered(Layers::default()).unwrap().crd;
    assert_eq!((config.strict, config.default_version), (false, CrdVersion::V2_0));
    let names: Vec<&str> = config.hooks.iter().map(|hook| hook.as_str()).collect();
    assert_eq!(names, ["order-sign", "order-select", "order-dispatch", "appointment-book"]);
    let config = from_file("[crd]\nstrict = true\ndefault_version = \"2.2\"\nhooks = [\"order-sign\", \"encounter-start\"]").unwrap().crd;
    assert_eq!((config.strict, config.default_version), (true, CrdVersion::V2_2));
    assert_eq!(config.hooks, [Hook::OrderSign, Hook::EncounterStart]);
}

#[test]
fn every_hook_of_the_protocol_can_be_offered_by_its_name() {
    // The last one is answered only to Epic.
    for hook in Hook::ALL.into_iter().filter(|hook| *hook != Hook::PatientView) {
        let config = from_file(&format!("[crd]\nhooks = [\"{}\"]", hook.as_str())).unwrap();
        assert_eq!(config.crd.hooks.iter().map(|hook| hook.as_str()).collect::<Vec<_>>(), [hook.as_str()]);
    }
}

#[test]
fn a_version_of_crd_may_stand_in_the_environment_without_quotes() {
    for (value, expected) in [("2.2", CrdVersion::V2_2), ("2.0", CrdVersion::V2_0), ("\"2.2\"", CrdVersion::V2_2)] {
        let config = from_environment(&[("SIJ_CDS__CRD__DEFAULT_VERSION", value)]).unwrap();
        assert_eq!(config.crd.default_version, expected, "{value}");
    }
}

#[test]
fn what_crd_cannot_be_is_refused_with_the_reason() {
    let table = [
        ("[crd]\nhooks = []", "`crd.hooks` in file `config.toml`: must name at least one"),
        ("[crd]\nhooks = [\"order-sign\", \"order-sign\"]", "`crd.hooks` in file `config.toml`: `order-sign` stands twice"),
        (
            "[crd]\nhooks = [\"patient-view\"]",
            "`crd.hooks.0` in file `config.toml`: unknown value `patient-view`; known here are `order-sign`, `order-select`, \
             `order-dispatch`, `appointment-book`, `encounter-start`, `encounter-discharge`",
        ),
        (
            "[crd]\ndefault_version = \"2.1\"",
            "`crd.default_version` in file `config.toml`: unknown value `2.1`; known here are `2.0`, `2.2`",
        ),
    ];
    for (text, expected) in table {
        assert_eq!(faults_of_file(text), expected);
    }
}

/// A server entry with that address and additional keys.
fn fhir_server(base_url: &str, more: &str) -> String {
    format!("[[fhir_servers]]\nname = \"main\"\nbase_url = \"{base_url}\"\n{more}\n")
}

#[test]
fn a_fhir_server_is_read_with_its_defaults() {
    let config = from_file(&fhir_server("https://ehr.example/fhir", "page_size = 50")).unwrap();
    let server = &config.fhir_servers[0];
    assert_eq!((server.base_url.as_str(), server.page_size.unwrap().get()), ("https://ehr.example/fhir", 50));
    assert_eq!((server.max_pages.get(), server.max_entries.get(), server.max_bytes.get()), (20, 5_000, 16 * 1024 * 1024));
    assert!(!server.allow_private_addresses && !server.plain_queries);
}

#[test]
fn a_fhir_server_that_may_not_be_contacted_is_refused_with_the_reason() {
    let table = [
        ("http://ehr.example/fhir", "must be https; http needs `allow_private_addresses`"),
        ("ftp://ehr.example/fhir", "must be https; http needs `allow_private_addresses`"),
        ("https://user@ehr.example/fhir", "must have no user, query or fragment"),
        ("https://:secret@ehr.example/fhir", "must have no user, query or fragment"),
        ("https://ehr.example/fhir?tenant=1", "must have no user, query or fragment"),
        ("https://ehr.example/fhir#a", "must have no user, query or fragment"),
        ("https://10.0.0.1/fhir", "is a private address; it needs `allow_private_addresses`"),
        ("https://169.254.169.254/", "is a private address; it needs `allow_private_addresses`"),
        ("https://0x7f.1/fhir", "is a private address; it needs `allow_private_addresses`"),
        ("https://[::1]/fhir", "is a private address; it needs `allow_private_addresses`"),
        ("https://[::ffff:10.0.0.1]/fhir", "is a private address; it needs `allow_private_addresses`"),
    ];
    for (base_url, expected) in table {
        let message = faults_of_file(&fhir_server(base_url, ""));
        assert_eq!(message, format!("`fhir_servers.base_url` in file `config.toml`: entry 1: {expected}"), "{base_url}");
    }
}

#[test]
fn a_fhir_server_may_be_private_where_its_entry_says_so() {
    for base_url in ["http://ehr.example/fhir", "https://10.0.0.1/fhir", "http://[::1]:8080/fhir"] {
        assert!(from_file(&fhir_server(base_url, "allow_private_addresses = true")).is_ok(), "{base_url}");
    }
}

#[test]
fn two_fhir_servers_do_not_share_a_name() {
    let message = faults_of_file(&[fhir_server("https://a.example", ""), fhir_server("https://b.example", "")].concat());
    assert_eq!(message, "`fhir_servers.name` in file `config.toml`: entry 2: must be there, and only once");
}

#[test]
fn an_unknown_key_of_a_fhir_server_is_refused() {
    let message = faults_of_file(&fhir_server("https://a.example", "token = \"x\""));
    assert!(message.contains("in file `config.toml`: unknown key; known here are `name`, `base_url`"), "{message}");
}

#[test]
fn fetching_must_end_before_the_call_does() {
    for budget in ["3501ms", "4s", "5s"] {
        let budget = format!("[fhir]\nbudget = \"{budget}\"\n");
        let message = faults_of_file(&[budget, fhir_server("https://ehr.example", "")].concat());
        assert_eq!(message, "`fhir.budget` in file `config.toml`: must be shorter than `server.deadline`, by half a second at least");
    }
}

#[test]
fn zero_is_no_limit_to_work_with() {
    for key in ["body_limit_bytes", "max_concurrent_calls"] {
        let message = faults_of_file(&format!("[server]\n{key} = 0"));
        assert!(message.starts_with(&format!("`server.{key}` in file `config.toml`: ")), "{message}");
    }
}

#[test]
fn every_fault_is_told_at_once() {
    let file = file("[server]\nlisten = \"0.0.0.0:1\"\n[plan]\nname = \"\"");
    let environment = variables(&[("SIJ_CDS__LOG__LEVEL", "loud")]);
    let error = Config::layered(Layers { file: Some(file.path().to_path_buf()), environment, ..Layers::default() }).unwrap_err();
    let ConfigError::Invalid { faults } = error else { panic!("{error}") };
    let keys: Vec<&str> = faults.iter().map(|fault| fault.key.as_str()).collect();
    assert_eq!(keys, ["log.level", "server.listen", "plan.name"]);
}

#[test]
fn every_key_of_the_reference_has_a_comment() {
    let reference = include_str!("../../src/config/default.toml");
    let lines: Vec<&str> = reference.lines().collect();
    for pair in lines.windows(2).filter(|pair| pair[1].trim_start_matches("# ").split(" = ").nth(1).is_some()) {
        assert!(pair[0].starts_with("# "), "no comment above `{}`", pair[1]);
    }
}
