//! Files that hold secrets are refused if other users of the machine can read them: by name, with the mode that is wanted.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use sij_cds::ledger::new_key_line;
use tempfile::TempDir;

use crate::support::keeping::write_secret;

const SMART: &str = r#"
[server]
public_url = "https://cds.plan.example"
[[fhir_servers]]
name = "main"
base_url = "https://ehr.example/fhir"
[smart]
enabled = true
signing_key_file = "KEY"
[[smart.ehrs]]
name = "main"
fhir_server = "main"
client_id = "app"
authentication = "METHOD"
"#;

fn smart(method: &str, more: &str) -> String {
    let text = SMART.replace("METHOD", method).replace("enabled = true\n", "");
    let text = if method == "private-key-jwt" { text } else { text.replace("signing_key_file = \"KEY\"\n", "") };
    text + more
}

/// What `config check` says.
fn check(folder: &TempDir, config: &str) -> (i32, String) {
    let file = folder.path().join("sij-cds.toml");
    std::fs::write(&file, config).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_sij-cds")).args(["config", "check", "--config"]).arg(&file).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_file_with_a_secret_that_others_can_read_is_refused_by_its_key_its_path_and_the_mode_wanted() {
    let folder = TempDir::new().unwrap();
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&pair).unwrap();
    std::fs::write(folder.path().join("tls.crt"), certificate.pem()).unwrap();
    let pem = pair.serialize_pem();
    let tls = format!("[tls]\ncertificate_file = \"{}\"\nprivate_key_file = \"KEY\"\n", folder.path().join("tls.crt").display());
    let table = [
        ("ledger.keys_file", "[ledger]\nkeys_file = \"KEY\"\n".to_owned(), new_key_line("a").unwrap()),
        ("tls.private_key_file", tls, pem.clone()),
        ("smart.signing_key_file", smart("private-key-jwt", ""), pem),
        ("smart.ehrs.client_secret_file", smart("client-secret", "client_secret_file = \"KEY\"\n"), "s3cr:t-value".to_owned()),
    ];
    for (key, config, secret) in table {
        let path = folder.path().join("secret");
        write_secret(&path, &secret);
        let link = folder.path().join("link");
        symlink(&path, &link).unwrap();
        let config = config.replace("KEY", &link.display().to_string());
        for (mode, who) in [(0o644, "every user has"), (0o604, "every user has"), (0o640, "its group has"), (0o660, "its group has")] {
            set_mode(&path, mode);
            let (code, told) = check(&folder, &config);
            assert!(code == 2 && told.contains(&format!("`{key}`")) && told.contains(&link.display().to_string()), "{key}: {told}");
            let expected = format!("its mode is {mode:04o}, so that {who} access to it; it must be 0600 or 0400 (`chmod 600`)");
            assert!(told.contains(&expected) && !told.contains(secret.trim()), "{key}: {told}");
        }
        for mode in [0o600, 0o400] {
            set_mode(&path, mode);
            let (code, told) = check(&folder, &config);
            assert_eq!(code, 0, "{key}: {told}");
        }
        std::fs::remove_file(&link).unwrap();
        std::fs::remove_file(&path).unwrap();
    }
}
