//! Key sets fetched from clients' key servers: cached, refreshed, rotated, and used from the cache while a server is down. The
//! tests control the clock.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use serde_json::{Value, json};
use sij_cds::app::{App, Ports};
use sij_cds::auth::CallerMemory;
use sij_cds::auth::{Credentials, Refusal};
use sij_cds::config::Config;
use sij_cds::ids::SequentialIds;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::callers::{EC_KEY, HandClock, OTHER_EC_KEY, PUBLIC_URL, RSA_KEY, Signer, Token, base64url, client, key_set};
use crate::support::{LogBuffer, day_of_the_fixtures, default_config};

const HOUR: i64 = 3_600;

/// A service whose only client publishes its keys on its own server.
struct Service {
    app: App,
    keys: MockServer,
    clock: Arc<HandClock>,
    memory: Arc<CallerMemory>,
    jku: String,
}

impl Service {
    async fn with(answer: ResponseTemplate) -> Self {
        Self::configured(answer, |_| {}).await
    }

    async fn configured(answer: ResponseTemplate, change: impl FnOnce(&mut Config)) -> Self {
        LogBuffer::of_this_run();
        let keys = MockServer::start().await;
        Mock::given(any()).respond_with(answer).mount(&keys).await;
        let (mut config, jku) = (default_config(), format!("{}/jwks.json", keys.uri()));
        config.server.public_url = Some(PUBLIC_URL.parse().unwrap());
        config.clients =
            vec![client(json!({"name": "ehr", "iss": "https://ehr.example", "jwks_uri": jku, "allow_private_addresses": true}))];
        change(&mut config);
        let clock = Arc::new(HandClock::at(day_of_the_fixtures()));
        let ports = Ports::new(&config, clock.clone(), Arc::new(SequentialIds::default())).unwrap();
        let memory = Arc::clone(&ports.callers);
        Self { app: App::build(&config, ports).unwrap(), keys, clock, memory, jku }
    }

    /// Sets the server's answer from now on.
    async fn answers(&self, answer: ResponseTemplate) {
        self.keys.reset().await;
        Mock::given(any()).respond_with(answer).mount(&self.keys).await;
    }

    /// Calls with a token signed by this key under this `kid`, at the clock's current time.
    async fn ask(&self, kid: &str, signer: &Signer) -> Result<(), Refusal> {
        let token = self.token(kid).signed_by(signer);
        let authorization = format!("Bearer {token}");
        let verified = self.app.authenticate(Credentials { authorization: &[authorization.as_bytes()], certificate: None }).await;
        verified.map(|_| ()).map_err(|refused| refused.cause)
    }

    fn token(&self, kid: &str) -> Token {
        use sij_cds::clock::Clock as _;
        let now = self.clock.now().timestamp();
        let token = Token::good().header("kid", json!(kid)).header("jku", json!(self.jku));
        token.claim("iat", json!(now)).claim("exp", json!(now + 300))
    }

    /// How often its keys were requested since its answer last changed.
    async fn fetches(&self) -> usize {
        self.keys.received_requests().await.unwrap().len()
    }
}

fn keys(keys: impl IntoIterator<Item = Value>) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(key_set(keys))
}

fn one_key() -> ResponseTemplate {
    keys([EC_KEY.jwk("k1")])
}

#[tokio::test]
async fn a_key_set_is_fetched_once_for_many_calls() {
    let service = Service::with(one_key()).await;
    for _ in 0..20 {
        assert_eq!(service.ask("k1", &EC_KEY).await, Ok(()));
    }
    assert_eq!(service.fetches().await, 1);
}

#[tokio::test]
async fn calls_that_come_together_wait_for_one_fetch() {
    let service = Service::with(one_key().set_delay(Duration::from_millis(50))).await;
    let all = join_all((0..100).map(|_| service.ask("k1", &EC_KEY))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(service.fetches().await, 1);
}

#[tokio::test]
async fn a_key_set_is_kept_as_long_as_its_server_says_within_bounds() {
    for (cache_control, fresh) in
        [("max-age=7200", 2 * HOUR), ("max-age=10", 5 * 60), ("no-store", 5 * 60), ("max-age=99999999", 24 * HOUR), ("", 5 * 60)]
    {
        let service = Service::with(one_key().insert_header("cache-control", cache_control)).await;
        assert_eq!(service.ask("k1", &EC_KEY).await, Ok(()));
        service.clock.advance(fresh - 1);
        assert_eq!(service.ask("k1", &EC_KEY).await, Ok(()));
        assert_eq!(service.fetches().await, 1, "{cache_control}");
        service.clock.advance(1);
        assert_eq!(service.ask("k1", &EC_KEY).await, Ok(()));
        assert_eq!(service.fetches().await, 2, "{cache_control}");
    }
}

#[tokio::test]
async fn a_new_key_is_found_at_once() {
    let service = Service::with(one_key()).await;
    assert_eq!(service.ask("k1", &EC_KEY).await, Ok(()));
    service.answers(keys([EC_KEY.jwk("k1"), OTHER_EC_KEY.jwk("k2")])).await;
    assert_eq!(service.ask("k2", &OTHER_EC_KEY).await, Ok(()));
    assert_eq!(service.fetches().await, 1);
}

#[tokio::test]
async fn a_key_that_was_withdrawn_is_refused_with_the_next_set() {
    let service = Service::with(one_key()).await;
    assert_eq!(service.ask("k1", &EC_KEY).await, Ok(()));
    service.answers(keys([OTHER_EC_KEY.jwk("k2")])).await;
    service.clock.advance(5 * 60);
    assert_eq!(service.ask("k1", &EC_KEY).await, Err(Refusal::UnknownKey));
}

#[tokio::test]
async fn a_thousand_calls_with_unknown_keys_cause_one_refresh() {
    let service = Service::with(one_key()).await;
    assert_eq!(service.ask("k1", &EC_KEY).await, Ok(()));
    service.answers(one_key()).await;
    for batch in 0..10 {
        let kids: Vec<String> = (0..100).map(|number| format!("unknown-{batch}-{number}")).collect();
        let all = join_all(kids.iter().map(|kid| service.ask(kid, &EC_KEY))).await;
        assert!(all.iter().all(|refused| *refused == Err(Refusal::UnknownKey)));
    }
    assert_eq!(service.fetches().await, 1);
    assert_eq!(service.ask("k1", &EC_KEY).await, Ok(()));
}

#[tokio::test]
async fn after_the_cooldown_an_unknown_key_causes_another_refresh() {
    let service = Service::with(one_key()).await;
    assert_eq!(service.ask("k1", &EC_KEY).await, Ok(()));
    assert_eq!(service.ask("k2", &EC_KEY).await, Err(Refusal::UnknownKey));
    service.clock.advance(29);
    assert_eq!(service.ask("k2", &EC_KEY).await, Err(Refusal::UnknownKey));
    assert_eq!(service.fetches().await, 2);
    service.clock.advance(1);
    assert_eq!(service.ask("k2", &EC_KEY).await, Err(Refusal::UnknownKey));
    assert_eq!(service.fetches().await, 3);
}

#[tokio::test]
async fn a_set_that_was_just_fetched_for_a_call_is_not_fetched_again_for_its_unknown_key() {
    let service = Service::with(one_key()).await;
    assert_eq!(service.ask("k2", &EC_KEY).await, Err(Refusal::UnknownKey));
    assert_eq!(service.fetches().await, 1);
}

#[tokio::test]
async fn while_the_key_server_is_down_the_last_set_serves_for_a_day() {
    let service = Service::with(one_key()).await;
    assert_eq!(service.ask("k1", &EC_KEY).await, Ok(()));
    service.answers(ResponseTemplate::new(503)).await;
    service.clock.advance(5 * 60 + 24 * HOUR - 1);
    assert_eq!(service.ask("k1", &EC_KEY).await, Ok(()));
    service.clock.advance(1);
    assert_eq!(service.ask("k1", &EC_KEY).await, Err(Refusal::NoKeySet));
    service.answers(one_key()).await;
    service.clock.advance(30);
    assert_eq!(service.ask("k1", &EC_KEY).await, Ok(()));
    assert_eq!(service.fetches().await, 1);
}

#[tokio::test]
async fn a_server_that_is_down_is_asked_once_a_cooldown() {
    let service = Service::with(ResponseTemplate::new(500)).await;
    for _ in 0..10 {
        assert_eq!(service.ask("k1", &EC_KEY).await, Err(Refusal::NoKeySet));
    }
    assert_eq!(service.fetches().await, 1);
    service.clock.advance(30);
    assert_eq!(service.ask("k1", &EC_KEY).await, Err(Refusal::NoKeySet));
    assert_eq!(service.fetches().await, 2);
}

#[tokio::test]
async fn a_server_that_is_slow_is_not_waited_for() {
    let slow = one_key().set_delay(Duration::from_secs(30));
    let service = Service::configured(slow, |config| config.auth.key_set_timeout = Duration::from_millis(20)).await;
    assert_eq!(service.ask("k1", &EC_KEY).await, Err(Refusal::NoKeySet));
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_end_the_fetch_for_the_others() {
    let service = Service::with(one_key().set_delay(Duration::from_millis(50))).await;
    let gone = tokio::time::timeout(Duration::from_millis(10), service.ask("k1", &EC_KEY)).await;
    assert!(gone.is_err());
    assert_eq!(service.ask("k1", &EC_KEY).await, Ok(()));
    assert_eq!(service.fetches().await, 1);
}

/// The key `k1` with a member changed; null removes it.
fn changed_key(name: &str, value: Value) -> Value {
    let mut key = EC_KEY.jwk("k1");
    if value.is_null() {
        key.as_object_mut().unwrap().remove(name)
    } else {
        key.as_object_mut().unwrap().insert(name.to_owned(), value)
    };
    key
}

#[tokio::test]
async fn what_is_no_key_set_is_not_taken() {
    let elsewhere = MockServer::start().await;
    Mock::given(any()).respond_with(one_key()).mount(&elsewhere).await;
    let padded = |bytes: usize| format!("{}{}", key_set([EC_KEY.jwk("k1")]), " ".repeat(bytes));
    for (name, answer) in [
        ("ten megabytes", ResponseTemplate::new(200).set_body_string(padded(10 << 20))),
        ("just too large", ResponseTemplate::new(200).set_body_string(padded(256 << 10))),
        ("no JSON", ResponseTemplate::new(200).set_body_string("<html>")),
        ("no set", ResponseTemplate::new(200).set_body_json(EC_KEY.jwk("k1"))),
        ("a redirect", ResponseTemplate::new(302).insert_header("location", elsewhere.uri())),
        ("not found", ResponseTemplate::new(404).set_body_json(key_set([EC_KEY.jwk("k1")]))),
    ] {
        let service = Service::with(answer).await;
        assert_eq!(service.ask("k1", &EC_KEY).await, Err(Refusal::NoKeySet), "{name}");
    }
    assert_eq!(elsewhere.received_requests().await.unwrap().len(), 0);
    let large = ResponseTemplate::new(200).set_body_string(padded(200 << 10));
    assert_eq!(Service::with(large).await.ask("k1", &EC_KEY).await, Ok(()));
}

#[tokio::test]
async fn keys_that_are_no_good_are_left_out_of_their_set() {
    let rsa = |bytes: usize| json!({"kty": "RSA", "kid": "k1", "n": base64url(&vec![0xff; bytes]), "e": "AQAB"});
    for (name, key) in [
        ("a private key", changed_key("d", json!("AAAA"))),
        ("an RSA key too short", rsa(255)),
        ("an RSA key too long", rsa(1025)),
        ("a key for encryption", changed_key("use", json!("enc"))),
        ("a key for signing only", changed_key("key_ops", json!(["sign"]))),
        ("a point cut short", changed_key("x", json!("AAAA"))),
        ("a point beside its curve", changed_key("x", OTHER_EC_KEY.jwk("k1")["x"].clone())),
        ("a key without a kid", changed_key("kid", Value::Null)),
        ("a shared secret", json!({"kty": "oct", "kid": "k1", "k": "AAAA"})),
    ] {
        let service = Service::with(keys([key])).await;
        assert_eq!(service.ask("k1", &EC_KEY).await, Err(Refusal::UnknownKey), "{name}");
    }
}

#[tokio::test]
async fn a_client_that_empties_its_set_takes_its_keys_back() {
    let service = Service::with(one_key()).await;
    assert_eq!(service.ask("k1", &EC_KEY).await, Ok(()));
    service.answers(keys([])).await;
    service.clock.advance(5 * 60);
    assert_eq!(service.ask("k1", &EC_KEY).await, Err(Refusal::UnknownKey));
}

#[tokio::test]
async fn more_than_a_hundred_keys_are_not_read() {
    let many = (0..100).map(|number| EC_KEY.jwk(&format!("other-{number}"))).chain([EC_KEY.jwk("k1")]);
    assert_eq!(Service::with(keys(many)).await.ask("k1", &EC_KEY).await, Err(Refusal::UnknownKey));
}

#[tokio::test]
async fn keys_of_kinds_that_are_not_known_do_not_spoil_the_others() {
    let odd = [json!({"kty": "OKP", "crv": "Ed25519", "kid": "odd", "x": "AAAA"}), json!({"kty": 7}), json!("key")];
    let service = Service::with(keys(odd.into_iter().chain([EC_KEY.jwk("k1")]))).await;
    assert_eq!(service.ask("k1", &EC_KEY).await, Ok(()));
}

#[tokio::test]
async fn of_keys_with_one_kid_the_one_that_fits_is_taken() {
    let service = Service::with(keys([RSA_KEY.jwk("k1"), EC_KEY.jwk("k1")])).await;
    assert_eq!(service.ask("k1", &EC_KEY).await, Ok(()));
}

#[tokio::test]
async fn a_key_that_is_for_another_algorithm_is_not_used() {
    let mut key = EC_KEY.jwk("k1");
    key["alg"] = json!("ES256");
    assert_eq!(Service::with(keys([key])).await.ask("k1", &EC_KEY).await, Err(Refusal::WrongKey));
}

#[tokio::test]
async fn a_failing_refresh_for_an_unknown_key_leaves_the_known_ones_good() {
    let service = Service::with(one_key()).await;
    assert_eq!(service.ask("k1", &EC_KEY).await, Ok(()));
    service.answers(ResponseTemplate::new(200).set_body_string("broken")).await;
    assert_eq!(service.ask("k2", &EC_KEY).await, Err(Refusal::UnknownKey));
    assert_eq!(service.ask("k1", &EC_KEY).await, Ok(()));
}

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_not_asked_unless_the_entry_says_so() {
    for (is_allowed, expected) in [(true, Ok(())), (false, Err(Refusal::NoKeySet))] {
        let mut service = Service::with(one_key()).await;
        let named = service.jku.replace("127.0.0.1", "localhost");
        let mut config = default_config();
        config.server.public_url = Some(PUBLIC_URL.parse().unwrap());
        let entry = json!({"name": "ehr", "iss": "https://ehr.example", "jwks_uri": named, "allow_private_addresses": is_allowed});
        config.clients = vec![client(entry)];
        let ports = Ports::new(&config, service.clock.clone(), Arc::new(SequentialIds::default())).unwrap();
        service.app = App::build(&config, ports).unwrap();
        service.jku = named;
        assert_eq!(service.ask("k1", &EC_KEY).await, expected);
    }
}

#[tokio::test]
async fn while_a_key_server_is_down_nobody_waits_for_it_who_has_the_key() {
    let service = Service::configured(one_key(), |config| config.auth.key_set_timeout = Duration::from_millis(100)).await;
    assert_eq!(service.ask("k1", &EC_KEY).await, Ok(()));
    service.answers(ResponseTemplate::new(503)).await;
    service.clock.advance(5 * 60);
    assert_eq!(service.ask("k1", &EC_KEY).await, Ok(()));
    service.answers(one_key().set_delay(Duration::from_mins(1))).await;
    service.clock.advance(30);
    let at_once = join_all((0..20).map(|_| service.ask("k1", &EC_KEY))).now_or_never();
    assert!(at_once.expect("nobody waits").iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_set_that_is_doubted_is_fetched_again_and_serves_on_if_that_fails() {
    let service = Service::with(one_key()).await;
    assert_eq!(service.ask("k1", &EC_KEY).await, Ok(()));
    service.answers(ResponseTemplate::new(503)).await;
    service.memory.doubt_key_sets();
    assert_eq!(service.ask("k1", &EC_KEY).await, Ok(()));
    assert_eq!(service.fetches().await, 1);
    service.answers(keys([])).await;
    service.clock.advance(30);
    // The server was down, so the call that retries it does not wait for it.
    assert_eq!(service.ask("k1", &EC_KEY).await, Ok(()));
    let withdrawn = async {
        while service.ask("k1", &EC_KEY).await != Err(Refusal::UnknownKey) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), withdrawn).await.expect("the next set is fetched");
}
