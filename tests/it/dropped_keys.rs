//! A key that an operator drops by a reload is refused from then on, whatever the service had cached or failed to fetch.
//! Not here: key sets without a reload; see [`super::key_servers`].

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sij_cds::app::{App, Ports};
use sij_cds::auth::{Credentials, Refusal};
use sij_cds::clock::{Clock as _, SystemClock};
use sij_cds::config::{ClientConfig, Config, SigningAlgorithm};
use sij_cds::ids::SequentialIds;
use tempfile::{NamedTempFile, TempDir};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::callers::{EC_KEY, HandClock, OTHER_EC_KEY, PUBLIC_URL, Signer, Token, client, key_file, key_set};
use crate::support::running_program::{RunningProgram, configuration_file};
use crate::support::{LogBuffer, day_of_the_fixtures, default_config};

const EHR: &str = "https://ehr.example";

/// A service whose client `ehr` publishes the key `k1`, beside another client.
struct Installation {
    app: App,
    config: Config,
    ports: Ports,
    clock: Arc<HandClock>,
    keys: MockServer,
    other_keys: NamedTempFile,
}

impl Installation {
    /// The key `k1` was used, so that it is cached.
    async fn new() -> Self {
        LogBuffer::of_this_run();
        let (keys, other_keys) = (MockServer::start().await, key_file([OTHER_EC_KEY.jwk("k1")]));
        let mut config = default_config();
        config.server.public_url = Some(PUBLIC_URL.parse().unwrap());
        config.clients = vec![
            client(json!({"name": "ehr", "iss": EHR, "jwks_uri": format!("{}/a", keys.uri()), "allow_private_addresses": true})),
            client(json!({"name": "other", "iss": "https://other.example", "jwks_file": other_keys.path()})),
        ];
        let clock = Arc::new(HandClock::at(day_of_the_fixtures()));
        let ports = Ports::new(&config, clock.clone(), Arc::new(SequentialIds::default())).unwrap();
        let app = App::build(&config, ports.clone()).unwrap();
        let installation = Self { app, config, ports, clock, keys, other_keys };
        installation.publish(key_set([EC_KEY.jwk("k1")])).await;
        assert_eq!(installation.ask("k1", &EC_KEY).await, Ok(()));
        installation
    }

    async fn answer(&self, answer: ResponseTemplate) {
        self.keys.reset().await;
        Mock::given(any()).respond_with(answer).mount(&self.keys).await;
    }

    async fn publish(&self, keys: Value) {
        self.answer(ResponseTemplate::new(200).set_body_json(keys)).await;
    }

    async fn withdraw(&self) {
        self.publish(key_set([EC_KEY.jwk("k2")])).await;
    }

    /// The key server is down, and a fetch just failed.
    async fn fail(&self) {
        self.answer(ResponseTemplate::new(503)).await;
        assert!(self.ask("k3", &OTHER_EC_KEY).await.is_err());
        self.clock.advance(1);
    }

    /// Reloads the configuration with a change, as SIGHUP does.
    fn reload(&mut self, change: impl FnOnce(&mut Vec<ClientConfig>)) {
        change(&mut self.config.clients);
        let app = App::build(&self.config, self.ports.clone()).unwrap();
        self.ports.callers.doubt_key_sets();
        self.app = app;
    }

    async fn ask(&self, kid: &str, signer: &Signer) -> Result<(), Refusal> {
        let now = self.clock.now().timestamp();
        let token = Token::good().header("kid", json!(kid)).header("jku", Value::Null);
        let token = token.claim("iat", json!(now)).claim("exp", json!(now + 300)).signed_by(signer);
        let authorization = format!("Bearer {token}");
        let verified = self.app.authenticate(Credentials { authorization: &[authorization.as_bytes()], certificate: None }).await;
        verified.map(|_| ()).map_err(|refused| refused.cause)
    }

    async fn asked_with_the_dropped_key(&self) -> Refusal {
        self.ask("k1", &EC_KEY).await.expect_err("the key was dropped")
    }
}

#[tokio::test]
async fn a_withdrawn_key_is_refused_after_a_reload() {
    let mut service = Installation::new().await;
    service.withdraw().await;
    service.reload(|_| {});
    assert_eq!(service.asked_with_the_dropped_key().await, Refusal::UnknownKey);
    assert_eq!(service.ask("k2", &EC_KEY).await, Ok(()));
}

#[tokio::test]
async fn a_withdrawn_key_is_refused_after_a_reload_however_recently_a_fetch_failed() {
    for seconds in [0, 1, 28, 29, 30, 59, 60] {
        let mut service = Installation::new().await;
        service.fail().await;
        service.clock.advance(seconds);
        service.withdraw().await;
        service.reload(|_| {});
        assert_eq!(service.asked_with_the_dropped_key().await, Refusal::UnknownKey, "{seconds} s");
    }
}

#[tokio::test]
async fn a_withdrawn_key_is_refused_after_a_reload_in_the_cooldown_of_an_unknown_key() {
    let mut service = Installation::new().await;
    assert_eq!(service.ask("k3", &EC_KEY).await, Err(Refusal::UnknownKey));
    service.withdraw().await;
    service.reload(|_| {});
    assert_eq!(service.asked_with_the_dropped_key().await, Refusal::UnknownKey);
}

#[tokio::test]
async fn a_fetch_under_way_at_the_reload_neither_keeps_a_key_nor_counts_as_failed() {
    let slow = Duration::from_millis(300);
    for answer in [ResponseTemplate::new(503), ResponseTemplate::new(200).set_body_json(key_set([EC_KEY.jwk("k1")]))] {
        let mut service = Installation::new().await;
        service.answer(answer.set_delay(slow)).await;
        let gone = tokio::time::timeout(Duration::from_millis(50), service.ask("k3", &EC_KEY)).await;
        assert!(gone.is_err(), "the fetch is under way");
        service.withdraw().await;
        service.reload(|_| {});
        assert_eq!(service.asked_with_the_dropped_key().await, Refusal::UnknownKey);
        assert_eq!(service.asked_with_the_dropped_key().await, Refusal::UnknownKey);
    }
}

#[tokio::test]
async fn a_key_replaced_under_its_name_is_refused_after_a_reload() {
    let mut service = Installation::new().await;
    service.fail().await;
    service.publish(key_set([OTHER_EC_KEY.jwk("k1")])).await;
    service.reload(|_| {});
    assert_eq!(service.asked_with_the_dropped_key().await, Refusal::WrongSignature);
}

#[tokio::test]
async fn keys_of_another_address_are_none_of_the_client_even_while_the_new_one_cannot_be_had() {
    let mut service = Installation::new().await;
    let (old, new) = (format!("{}/a", service.keys.uri()), format!("{}/b", service.keys.uri()));
    let entry = |uri: &str| client(json!({"name": "ehr", "iss": EHR, "jwks_uri": uri, "allow_private_addresses": true}));
    service.fail().await;
    service.reload(|clients| clients[0] = entry(&new));
    assert_eq!(service.asked_with_the_dropped_key().await, Refusal::NoKeySet);
    service.withdraw().await;
    service.reload(|clients| clients[0] = entry(&old));
    assert_eq!(service.asked_with_the_dropped_key().await, Refusal::UnknownKey);
}

#[tokio::test]
async fn a_file_of_keys_drops_a_published_one_while_its_server_is_down() {
    let (mut service, file) = (Installation::new().await, key_file([EC_KEY.jwk("k2")]));
    service.fail().await;
    service.reload(|clients| clients[0].jwks_file = Some(file.path().to_owned()));
    assert_eq!(service.asked_with_the_dropped_key().await, Refusal::UnknownKey);
    assert_eq!(service.ask("k2", &EC_KEY).await, Ok(()));
}

#[tokio::test]
async fn a_key_dropped_from_a_file_is_refused_after_a_reload() {
    let (mut service, file) = (Installation::new().await, key_file([EC_KEY.jwk("k1"), EC_KEY.jwk("k2")]));
    service.reload(|clients| clients[0].jwks_file = Some(file.path().to_owned()));
    assert_eq!(service.ask("k1", &EC_KEY).await, Ok(()));
    std::fs::write(file.path(), key_set([EC_KEY.jwk("k2")]).to_string()).unwrap();
    service.reload(|_| {});
    assert_eq!(service.asked_with_the_dropped_key().await, Refusal::UnknownKey);
}

#[tokio::test]
async fn a_client_that_is_removed_or_gives_its_issuer_to_another_is_refused_after_a_reload() {
    let mut service = Installation::new().await;
    let removed = service.config.clients[0].clone();
    service.reload(|clients| drop(clients.remove(0)));
    assert_eq!(service.asked_with_the_dropped_key().await, Refusal::UnknownIssuer);
    let file = service.other_keys.path().to_owned();
    service.reload(|clients| clients[0] = client(json!({"name": "other", "iss": EHR, "jwks_file": file})));
    assert_eq!(service.asked_with_the_dropped_key().await, Refusal::WrongSignature);
    service.withdraw().await;
    service.reload(|clients| clients[0] = removed);
    assert_eq!(service.asked_with_the_dropped_key().await, Refusal::UnknownKey);
}

#[tokio::test]
async fn what_a_reload_shortens_or_forbids_counts_at_once() {
    let mut service = Installation::new().await;
    service.reload(|clients| clients[0].algorithms = vec![SigningAlgorithm::RS384]);
    assert_eq!(service.asked_with_the_dropped_key().await, Refusal::UnacceptedAlgorithm);

    let mut service = Installation::new().await;
    service.fail().await;
    service.clock.advance(5 * 60);
    assert_eq!(service.ask("k1", &EC_KEY).await, Ok(()), "while the server is down, the last set serves");
    service.config.auth.key_set_max_stale = Duration::ZERO;
    service.reload(|_| {});
    assert_eq!(service.asked_with_the_dropped_key().await, Refusal::NoKeySet);
}

#[tokio::test]
async fn sighup_drops_a_withdrawn_key_within_the_cooldown_of_a_failed_fetch() {
    let (keys, directory) = (MockServer::start().await, TempDir::new().unwrap());
    let answer = async |answer: ResponseTemplate| {
        keys.reset().await;
        Mock::given(any()).respond_with(answer).mount(&keys).await;
    };
    let published = |kid| ResponseTemplate::new(200).set_body_json(key_set([EC_KEY.jwk(kid)]));
    let token = |kid: &str| {
        let now = SystemClock.now().timestamp();
        let token = Token::good().header("kid", json!(kid)).header("jku", Value::Null);
        token.claim("iat", json!(now)).claim("exp", json!(now + 300)).signed_by(&EC_KEY)
    };
    let entry = "[[clients]]\nname = \"ehr\"\niss = \"https://ehr.example\"\nallow_private_addresses = true\n";
    let entry = format!("{entry}jwks_uri = \"{}/jwks.json\"\n", keys.uri());
    let mut program = RunningProgram::start(&configuration_file(&directory, &entry));
    answer(published("k1")).await;
    assert_eq!(program.call(&token("k1")).await, 200);
    answer(ResponseTemplate::new(503)).await;
    assert_eq!(program.call(&token("k2")).await, 401);
    program.line("key set not fetched");
    answer(published("k2")).await;
    program.reload();
    assert_eq!(program.call(&token("k1")).await, 401);
    assert_eq!(program.line("caller refused")["cause"], "unknown_key");
    assert_eq!(program.call(&token("k2")).await, 200);
}
