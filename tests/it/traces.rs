//! Traces: what a build with tracing sends to a collector, and that a build without it rejects a configuration that enables it.

#[cfg(feature = "opentelemetry")]
mod built_in {
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};

    use serde_json::{Value, json};
    use sij_cds::clock::{Clock, SystemClock};
    use tempfile::TempDir;
    use wiremock::matchers::any;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use crate::support::callers::{EC_KEY, Token, key_set};
    use crate::support::fhir_server::{FhirServer, TOKEN, call_with_server};
    use crate::support::{SERVICE, story};

    const STORY: &str = "third-injection-at-seven-weeks";
    const AUDIENCE: &str = "https://cds.plan.example/of-the-traces";

    /// A trace and a span of its caller.
    const KNOWN: (&str, &str) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    const STRANGE: (&str, &str) = ("aaaabbbbccccdddd1111222233334444", "1234567890abcdef");

    fn configuration(directory: &TempDir, collector: &str, fhir_base: &str) -> std::path::PathBuf {
        let keys = directory.path().join("keys.json");
        std::fs::write(&keys, key_set([EC_KEY.jwk("k1")]).to_string()).unwrap();
        let text = format!(
            r#"
            [server]
            listen = "127.0.0.1:0"
            [traces]
            endpoint = "{collector}/v1/traces"
            [[clients]]
            name = "north-hospital"
            iss = "https://ehr.example"
            jwks_file = "{}"
            audiences = ["{AUDIENCE}"]
            fhir_servers = ["main"]
            [[fhir_servers]]
            name = "main"
            base_url = "{fhir_base}"
            allow_private_addresses = true
            [ledger]
            url = "sqlite:{}"
            keys = "a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
            "#,
            keys.display(),
            directory.path().join("ledger.db").display()
        );
        let path = directory.path().join("sij-cds.toml");
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Starts the program, and returns the address it listens on.
    fn start(configuration: &std::path::Path) -> (Child, BufReader<std::process::ChildStderr>, String) {
        let arguments = ["serve", "--config", configuration.to_str().unwrap()];
        let mut process = Command::new(env!("CARGO_BIN_EXE_sij-cds")).args(arguments).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap());
        let mut line = String::new();
        log.read_line(&mut line).unwrap();
        let listening: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let address = listening["address"].as_str().unwrap().to_owned();
        (process, log, address)
    }

    fn token() -> String {
        let now = SystemClock.now().timestamp();
        let token = Token::good().header("kid", json!("k1")).header("jku", Value::Null).claim("aud", json!(AUDIENCE));
        token.claim("iat", json!(now)).claim("exp", json!(now + 300)).signed_by(&EC_KEY)
    }

    async fn call(address: &str, authorization: &str, (trace, span): (&str, &str), body: String) -> u16 {
        let request = reqwest::Client::builder().no_proxy().build().unwrap().post(format!("http://{address}{SERVICE}"));
        let request = request.header("authorization", authorization).header("traceparent", format!("00-{trace}-{span}-01"));
        request.header("content-type", "application/json").body(body).send().await.unwrap().status().as_u16()
    }

    /// Everything sent to the collector, concatenated.
    async fn received(collector: &MockServer) -> Vec<u8> {
        let requests = collector.received_requests().await.unwrap();
        assert!(requests.iter().all(|request| request.url.path() == "/v1/traces"));
        requests.into_iter().flat_map(|request| request.body).collect()
    }

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    fn times(all: &[u8], part: &[u8]) -> usize {
        all.windows(part.len()).filter(|window| *window == part).count()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_known_callers_call_is_sent_within_its_own_trace_and_nothing_of_the_patient_with_it() {
        let collector = MockServer::start().await;
        Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(&collector).await;
        let story = story(STORY);
        let server = FhirServer::of(&story).await;
        let directory = TempDir::new().unwrap();
        let (mut process, mut log, address) = start(&configuration(&directory, &collector.uri(), &server.base()));
        let body = call_with_server(&story, &server.base(), |_| false).to_string();
        let (token, patient) =
            (token(), serde_json::from_str::<Value>(&body).unwrap()["context"]["patientId"].as_str().unwrap().to_owned());
        assert_eq!(call(&address, &format!("Bearer {token}"), KNOWN, body.clone()).await, 200);
        assert_eq!(call(&address, "Bearer of-nobody", STRANGE, body).await, 401);
        Command::new("kill").args(["-TERM", &process.id().to_string()]).status().unwrap();
        std::io::copy(&mut log, &mut std::io::sink()).unwrap();
        assert_eq!(process.wait().unwrap().code(), Some(0));

        let sent = received(&collector).await;
        let searches = server.requests().await.len();
        assert!(searches >= 9, "{searches}");
        assert!(times(&sent, b"fhir_search") >= 9);
        assert!(times(&sent, &bytes(KNOWN.0)) >= 11, "the call, its searches and its evaluation are in one trace");
        assert_eq!(times(&sent, &bytes(KNOWN.1)), 1, "the call alone is the child of the caller's span");
        for text in ["call", "evaluate", "north-hospital", "/cds-services/{id}", "MedicationStatement"] {
            assert!(times(&sent, text.as_bytes()) > 0, "{text}");
        }
        assert_eq!((times(&sent, &bytes(STRANGE.0)), times(&sent, &bytes(STRANGE.1))), (0, 0), "a stranger's trace is not believed");
        for secret in [patient.as_str(), TOKEN, &token, &server.base()] {
            assert_eq!(times(&sent, secret.as_bytes()), 0, "{secret}");
        }
    }
}

#[cfg(not(feature = "opentelemetry"))]
#[test]
fn an_endpoint_is_refused_by_a_program_without_traces() {
    use assert_cmd::assert::OutputAssertExt;
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sij-cds"));
    let outcome = command.args(["config", "check"]).env("SIJ_CDS__TRACES__ENDPOINT", "http://127.0.0.1:4318/v1/traces").assert().code(2);
    assert_eq!(
        String::from_utf8_lossy(&outcome.get_output().stderr),
        "sij-cds: `traces.endpoint` in environment variable `SIJ_CDS__TRACES__ENDPOINT`: this program was built without traces; build it \
         with `--features opentelemetry`\n"
    );
}
