//! `[[clients]]` and related settings: what is accepted, and the messages for what is rejected.

use std::io::Write as _;

use sij_cds::cds_hooks::Dialect;
use sij_cds::config::{AuthMode, Config, Layers, SigningAlgorithm, TenantRule};
use tempfile::NamedTempFile;

fn read(text: &str) -> Result<Config, String> {
    let mut file = NamedTempFile::new().unwrap();
    // A separate table after the last one of the text: a `[ledger]` in the text would make it a duplicate.
    let ledger = if text.contains("[ledger]") { "" } else { LEDGER };
    write!(file, "{text}\n{ledger}").unwrap();
    let layers = Layers { file: Some(file.path().to_path_buf()), ..Layers::default() };
    let name = format!(" in file `{}`", file.path().display());
    Config::layered(layers).map_err(|error| error.to_string().replace(&name, ""))
}

/// Serving clients requires a ledger, which requires a key.
const LEDGER: &str = "[ledger]\nkeys = \"a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"\n";

const SERVER: &str = "[server]\npublic_url = \"https://cds.plan.example\"\n";

/// A valid client entry with additional keys.
fn client(more: &str) -> String {
    entry(&format!("jwks_uri = \"https://ehr.example/jwks.json\"\n{more}"))
}

/// A client entry without authentication keys.
fn entry(more: &str) -> String {
    format!("[[clients]]\nname = \"ehr\"\niss = \"https://ehr.example\"\n{more}\n")
}

#[test]
fn a_client_is_read_with_its_defaults() {
    let config = read(&[SERVER, &client("")].concat()).unwrap();
    let client = &config.clients[0];
    assert_eq!(config.auth_mode(), AuthMode::Required);
    assert_eq!(client.algorithms, [SigningAlgorithm::ES384, SigningAlgorithm::RS384]);
    assert_eq!((client.tenant, client.dialect), (TenantRule::FhirServer, Dialect::Standard));
    assert!(client.dtr && client.system_actions && !client.shadow);
    assert_eq!((client.strict, client.therapy_order_code.as_deref(), client.plan.as_deref()), (None, None, None));
    assert!(client.audiences.is_empty() && client.fhir_servers.is_empty() && client.certificate_names.is_empty());
}

#[test]
fn without_a_client_the_mode_is_development() {
    assert_eq!(read("").unwrap().auth_mode(), AuthMode::Development);
}

#[test]
fn clients_that_cannot_be_are_refused_with_the_reason() {
    let uri = |uri: &str| entry(&format!("jwks_uri = \"{uri}\""));
    let table = [
        (entry(""), "`clients.jwks_uri`: entry 1: must be there, or `jwks_file`: without keys no token can be checked"),
        (
            uri("http://ehr.example/jwks"),
            "`clients.jwks_uri`: entry 1: must be https; http is for loopback addresses alone\n`clients.jwks_uri`: entry 1: must be https; http needs `allow_private_addresses`",
        ),
        (uri("https://10.0.0.1/jwks"), "`clients.jwks_uri`: entry 1: is a private address; it needs `allow_private_addresses`"),
        (uri("https://user@ehr.example/jwks"), "`clients.jwks_uri`: entry 1: must have no user, query or fragment"),
        (uri("ehr.example/jwks"), "`clients.0.jwks_uri`: `ehr.example/jwks` is not a URL"),
        (client("algorithms = []"), "`clients.algorithms`: entry 1: must name at least one"),
        (client("audiences = [\"\"]"), "`clients.audiences`: entry 1: must not be empty"),
        (client("tenants = [\"north\"]"), "`clients.tenants`: entry 1: needs `tenant = \"claim\"`"),
        (client("fhir_servers = [\"main\"]"), "`clients.fhir_servers`: entry 1: no `[[fhir_servers]]` is named `main`"),
        (client("plan = \"gold\""), "`clients.plan`: entry 1: no plan has the id `gold`"),
        (client("form_canonicals = [\"sij-form\"]"), "`clients.form_canonicals`: entry 1: `sij-form` is not an absolute URL"),
        (client("therapy_order_code = \" \""), "`clients.therapy_order_code`: entry 1: must not be empty"),
        (
            client("certificate_names = [\"a.example\"]"),
            "`clients.certificate_names`: entry 1: needs `tls.client_ca_file`, by which client certificates are checked",
        ),
        (
            [client(""), client("")].concat(),
            "`clients.name`: entry 2: must be there, and only once\n`clients.iss`: entry 2: another entry has the same `iss` and `jwks_uri`, so their tokens could not be told apart",
        ),
    ];
    for (text, expected) in table {
        assert_eq!(read(&[SERVER, &text].concat()).unwrap_err(), expected, "{text}");
    }
}

#[test]
fn a_test_client_is_for_this_machine_unless_that_is_said_twice() {
    const REUSE: &str = "token_reuse = \"allow-within-lifetime\"\n";
    let reachable = "[server]\npublic_url = \"https://cds.plan.example\"\nlisten = \"0.0.0.0:8443\"\ntrusted_proxies = [\"10.0.0.0/8\"]\n";
    let text = |server: &str, auth: &str, test_client: &str| [server, "[auth]\n", auth, &client(test_client)].concat();
    let needless = "`auth.token_reuse`: `allow-within-lifetime` is for clients with `test_client = true`, and there is none";
    let far =
        "`auth.allow_test_clients` in the defaults: has to be `true`: `ehr` is a test client, and `0.0.0.0:8443` is not a loopback address";
    let table = [
        (text(SERVER, "", ""), None),
        (text(SERVER, "", "test_client = true"), None),
        (text(SERVER, REUSE, "test_client = true"), None),
        (text(SERVER, REUSE, ""), Some(needless)),
        (text(SERVER, REUSE, "test_client = false"), Some(needless)),
        (text(reachable, "", ""), None),
        (text(reachable, "", "test_client = true"), Some(far)),
        (text(reachable, REUSE, "test_client = true"), Some(far)),
        (text(reachable, "allow_test_clients = true\n", "test_client = true"), None),
        (text(reachable, &format!("{REUSE}allow_test_clients = true\n"), "test_client = true"), None),
        (text(reachable, &format!("{REUSE}allow_test_clients = true\n"), ""), Some(needless)),
    ];
    for (text, fault) in table {
        assert_eq!(read(&text).err().as_deref(), fault, "{text}");
    }
}

#[test]
fn algorithms_that_share_a_secret_are_no_algorithms() {
    for algorithm in ["HS256", "none", "es384", "EdDSA"] {
        let message = read(&[SERVER, &client(&format!("algorithms = [\"{algorithm}\"]"))].concat()).unwrap_err();
        assert!(message.contains(&format!("unknown value `{algorithm}`; known here are `ES256`, `ES384`")), "{message}");
    }
}

#[test]
fn a_key_server_on_this_machine_may_be_plain() {
    let text = entry("jwks_uri = \"http://127.0.0.1:9999/jwks\"\nallow_private_addresses = true");
    assert!(read(&[SERVER, &text].concat()).is_ok());
    let text = entry("jwks_uri = \"http://10.0.0.1/jwks\"\nallow_private_addresses = true");
    assert_eq!(
        read(&[SERVER, &text].concat()).unwrap_err(),
        "`clients.jwks_uri`: entry 1: must be https; http is for loopback addresses alone"
    );
}

#[test]
fn audiences_or_the_public_url_must_be_known() {
    assert_eq!(
        read(&client("")).unwrap_err(),
        "`clients.audiences`: entry 1: must name at least one, or `server.public_url` be set for this service's own URLs"
    );
    assert!(read(&client("audiences = [\"https://cds.plan.example/cds-services\"]")).is_ok());
}

#[test]
fn a_mode_that_contradicts_the_clients_is_refused() {
    assert_eq!(
        read("[auth]\nmode = \"required\"").unwrap_err(),
        "`auth.mode`: `required` needs at least one of `[[clients]]`, or nobody could call"
    );
    let both = [SERVER, "[auth]\nmode = \"development\"\n", &client("")].concat();
    assert_eq!(read(&both).unwrap_err(), "`auth.mode`: `development` lets everybody in, and is refused where `[[clients]]` are configured");
}

#[test]
fn other_machines_are_listened_to_only_with_clients_and_encryption() {
    let open = "[server]\nlisten = \"0.0.0.0:8443\"\npublic_url = \"https://cds.plan.example\"\n";
    let tls = "[tls]\ncertificate_file = \"tls.crt\"\nprivate_key_file = \"tls.key\"\n";
    let fault = "`server.listen`: `0.0.0.0:8443` is not a loopback address, and ";
    assert_eq!(read(open).unwrap_err(), format!("{fault}without `[[clients]]` callers are not authenticated"));
    assert_eq!(read(&[open, tls].concat()).unwrap_err(), format!("{fault}without `[[clients]]` callers are not authenticated"));
    let plain = [open, &client("")].concat();
    assert_eq!(read(&plain).unwrap_err(), format!("{fault}there is neither `tls.certificate_file` nor one of `server.trusted_proxies`"));
    assert!(read(&[open, tls, &client("")].concat()).is_ok());
    assert!(read(&[open, "trusted_proxies = [\"10.0.0.0/8\"]\n", &client("")].concat()).is_ok());
}

#[test]
fn tls_needs_both_its_files() {
    assert_eq!(read("[tls]\ncertificate_file = \"a\"").unwrap_err(), "`tls.certificate_file`: needs `tls.private_key_file`");
    assert_eq!(read("[tls]\nprivate_key_file = \"a\"").unwrap_err(), "`tls.private_key_file`: needs `tls.certificate_file`");
    assert_eq!(read("[tls]\nclient_ca_file = \"a\"").unwrap_err(), "`tls.client_ca_file`: needs `tls.certificate_file`");
}

#[test]
fn a_replay_url_is_not_quoted_for_it_may_hold_a_password() {
    let message = read("[auth]\nreplay_url = \"mysql://u:secret@db.example/x\"").unwrap_err();
    assert_eq!(message, "`auth.replay_url`: is not a URL such as `postgres://user@host/database`");
    let message = read("[auth]\nreplay_store = \"memory\"\nreplay_url = \"postgres://u:secret@db.example/x\"").unwrap_err();
    assert_eq!(message, "`auth.replay_store`: `memory` contradicts `auth.replay_url`");
    let config = read("[auth]\nreplay_url = \"postgres://u:secret@db.example/x\"").unwrap();
    assert!(!format!("{config:?}").contains("secret@"));
}

#[test]
fn a_client_says_what_it_can_do() {
    let more = "dtr = false\nshadow = true\nsystem_actions = false\nstrict = true\ntherapy_order_code = \"12345\"";
    let config = read(&[SERVER, &client(more)].concat()).unwrap();
    let client = &config.clients[0];
    assert!(!client.dtr && client.shadow && !client.system_actions);
    assert_eq!((client.strict, client.therapy_order_code.as_deref()), (Some(true), Some("12345")));
}

#[test]
fn a_client_may_be_pinned_to_any_plan_that_has_an_id() {
    let plans = "[plan]\nid = \"main\"\n[[plans]]\nid = \"medicare\"\nname = \"Medicare\"\n";
    for id in ["main", "medicare"] {
        let config = read(&[SERVER, plans, &client(&format!("plan = \"{id}\""))].concat()).unwrap();
        assert_eq!(config.clients[0].plan.as_deref(), Some(id));
    }
}

const DEVELOPMENT: &str = "[development]\ndialect = \"epic\"\ndtr = false\nshadow = true\nsystem_actions = false\n\
                           therapy_order_code = \"1\"\nplan = \"main\"\n[plan]\nid = \"main\"\n";

#[test]
fn development_mode_is_answered_as_its_section_says() {
    let development = read(DEVELOPMENT).unwrap().development;
    assert_eq!(development.dialect, Some(Dialect::Epic));
    assert_eq!((development.dtr, development.shadow, development.system_actions), (Some(false), Some(true), Some(false)));
    assert_eq!((development.therapy_order_code.as_deref(), development.plan.as_deref()), (Some("1"), Some("main")));
}

#[test]
fn where_clients_are_configured_the_section_of_development_mode_is_refused() {
    let message = read(&[SERVER, DEVELOPMENT, &client("")].concat()).unwrap_err();
    let fault = "is for development mode, where nobody is asked; each of `[[clients]]` has a key of its own";
    let keys = ["dialect", "dtr", "shadow", "system_actions", "therapy_order_code", "plan"];
    assert_eq!(message, keys.map(|key| format!("`development.{key}`: {fault}")).join("\n"));
}

#[test]
fn what_development_mode_cannot_be_is_refused_with_the_reason() {
    let table = [
        ("plan = \"gold\"", "`development.plan`: no plan has the id `gold`"),
        ("therapy_order_code = \"\"", "`development.therapy_order_code`: must not be empty"),
        (
            "dialect = \"cerner\"",
            "`development.dialect`: unknown value `cerner`; known here are `standard`, `epic`, `br-provider`, `sandbox`",
        ),
        (
            "strict = true",
            "`development.strict`: unknown key; known here are `dialect`, `dtr`, `shadow`, `system_actions`, `therapy_order_code`, `code_map`, \
             `form_canonicals`, `plan`",
        ),
    ];
    for (text, expected) in table {
        assert_eq!(read(&format!("[development]\n{text}")).unwrap_err(), expected);
    }
}
