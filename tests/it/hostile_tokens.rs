//! Tokens that must be rejected, each for its exact reason, and tokens of real clients that must be accepted.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::{Value, json};
use sij_cds::app::{App, Ports};
use sij_cds::auth::CallerMemory;
use sij_cds::auth::{Credentials, Refusal, VerifiedClient};
use sij_cds::clock::{Clock, FixedClock};
use sij_cds::config::{ClientConfig, Config, SigningAlgorithm, TenantRule, TokenReuse};
use sij_cds::ids::SequentialIds;

use crate::support::callers::{
    AUDIENCE, EC_KEY, EHR_JKU, HandClock, OTHER_EC_KEY, RSA_KEY, SMALL_EC_KEY, Token, base64url, client, ehr, good_token, key_file,
    let_in_the_ehr, other_client, signed,
};
use crate::support::{LogBuffer, SERVICE, TestApp, bearing, day_of_the_fixtures, default_config, empty_sign_call, post, story};

/// An application with the client `ehr`, a client of another issuer, and one whose tenants a claim identifies.
fn app() -> App {
    app_with(|_| {})
}

fn app_with(change: impl FnOnce(&mut Config)) -> App {
    let mut config = default_config();
    clients(&mut config);
    change(&mut config);
    let ports = Ports::new(&config, Arc::new(FixedClock::at(day_of_the_fixtures())), Arc::new(SequentialIds::default())).unwrap();
    App::build(&config, ports).unwrap()
}

fn clients(config: &mut Config) {
    let_in_the_ehr(config);
    config.clients.push(other_client());
    config.clients.push(ClientConfig {
        name: "tenanted".to_owned(),
        iss: "https://tenants.example".to_owned(),
        sub: Some("client-1".to_owned()),
        tenant: TenantRule::Claim,
        tenants: vec!["north".to_owned()],
        ..ehr()
    });
    config.clients.push(ClientConfig {
        name: "any-tenant".to_owned(),
        iss: "https://any-tenant.example".to_owned(),
        tenant: TenantRule::Claim,
        ..ehr()
    });
}

async fn verify(app: &App, authorization: &[&[u8]]) -> Result<VerifiedClient, Refusal> {
    app.authenticate(Credentials { authorization, certificate: None })
        .await
        .map(|admitted| admitted.client)
        .map_err(|refused| refused.cause)
}

async fn verify_token(app: &App, token: &str) -> Result<VerifiedClient, Refusal> {
    verify(app, &[format!("Bearer {token}").as_bytes()]).await
}

fn now() -> i64 {
    day_of_the_fixtures().timestamp()
}

fn ec(token: &Token) -> String {
    token.signed_by(&EC_KEY)
}

/// A valid token except for one member of its header.
fn with_header(name: &str, value: Value) -> String {
    ec(&Token::good().header(name, value))
}

/// A valid token except for one claim.
fn with_claim(name: &str, value: Value) -> String {
    ec(&Token::good().claim(name, value))
}

/// The parts of a valid token.
fn parts() -> [String; 3] {
    let token = good_token();
    let mut parts = token.split('.').map(str::to_owned);
    std::array::from_fn(|_| parts.next().unwrap())
}

fn hmac(key: &[u8], algorithm: aws_lc_rs::hmac::Algorithm, name: &str) -> String {
    let token = Token::good().header("alg", json!(name));
    let message = format!("{}.{}", base64url(token.header.to_string().as_bytes()), base64url(token.claims.to_string().as_bytes()));
    let tag = aws_lc_rs::hmac::sign(&aws_lc_rs::hmac::Key::new(algorithm, key), message.as_bytes());
    format!("{message}.{}", base64url(tag.as_ref()))
}

fn tenanted(tenant: Value, subject: Value) -> String {
    ec(&Token::good().claim("iss", json!("https://tenants.example")).claim("sub", subject).claim("tenant", tenant))
}

/// A token of the client for which any tenant is accepted.
fn of_any_tenant(tenant: &str) -> String {
    ec(&Token::good().claim("iss", json!("https://any-tenant.example")).claim("tenant", json!(tenant)))
}

/// Malformed encodings of a token.
fn of_wrong_structure() -> Vec<(&'static str, String, Refusal)> {
    let [header, claims, signature] = parts();
    vec![
        ("a megabyte", format!("{header}.{}.{signature}", "A".repeat(1 << 20)), Refusal::TooLong),
        ("just too long", format!("{header}.{claims}.{}", "A".repeat(8 * 1024)), Refusal::TooLong),
        ("nothing", String::new(), Refusal::Malformed),
        ("one part", header.clone(), Refusal::Malformed),
        ("two parts", format!("{header}.{claims}"), Refusal::Malformed),
        ("four parts", format!("{header}.{claims}.{signature}.{signature}"), Refusal::Malformed),
        ("five parts, as if encrypted", format!("{header}.{claims}.{claims}.{claims}.{signature}"), Refusal::Malformed),
        ("padded", format!("{header}=.{claims}.{signature}"), Refusal::Malformed),
        ("base64 of the other alphabet", format!("{header}.{claims}.+/{signature}"), Refusal::Malformed),
        ("white space inside", format!("{header}. {claims}.{signature}"), Refusal::Malformed),
        ("a line break inside", format!("{header}.{claims}\n.{signature}"), Refusal::Malformed),
        ("not base64", format!("{header}.{claims}.!!!!"), Refusal::Malformed),
        ("truncated signature", format!("{header}.{claims}.{}", &signature[..signature.len() - 8]), Refusal::WrongSignature),
        ("no signature", format!("{header}.{claims}."), Refusal::WrongSignature),
        ("no header", format!(".{claims}.{signature}"), Refusal::UnreadableHeader),
        ("no claims", format!("{header}..{signature}"), Refusal::UnreadableClaims),
        ("a header that is no JSON", format!("{}.{claims}.{signature}", base64url(b"ES384")), Refusal::UnreadableHeader),
        ("a header that is a list", format!("{}.{claims}.{signature}", base64url(br#"["ES384"]"#)), Refusal::UnreadableHeader),
        (
            "claims that are a list",
            signed(&Token::good().header.to_string(), r#"["https://ehr.example"]"#, &EC_KEY),
            Refusal::UnreadableClaims,
        ),
        ("claims that are text", signed(&Token::good().header.to_string(), r#""https://ehr.example""#, &EC_KEY), Refusal::UnreadableClaims),
        ("claims that are not UTF-8", format!("{header}.{}.{signature}", base64url(b"{\"iss\":\"\xff\"}")), Refusal::UnreadableClaims),
        (
            "more after the claims",
            signed(&Token::good().header.to_string(), &format!("{}{{}}", Token::good().claims), &EC_KEY),
            Refusal::UnreadableClaims,
        ),
    ]
}

/// Forbidden header contents.
fn of_wrong_header() -> Vec<(&'static str, String, Refusal)> {
    let public = EC_KEY.jwk("ehr-1").to_string();
    let twice = r#"{"alg":"ES384","alg":"none","kid":"ehr-1","jku":"https://ehr.example/jwks.json"}"#;
    vec![
        (
            "alg none",
            {
                let [_, claims, _] = parts();
                format!("{}.{claims}.", base64url(br#"{"alg":"none"}"#))
            },
            Refusal::ForbiddenAlgorithm,
        ),
        ("alg none, signed", with_header("alg", json!("none")), Refusal::ForbiddenAlgorithm),
        ("alg None", with_header("alg", json!("None")), Refusal::ForbiddenAlgorithm),
        ("alg in small letters", with_header("alg", json!("es384")), Refusal::ForbiddenAlgorithm),
        ("alg empty", with_header("alg", json!("")), Refusal::ForbiddenAlgorithm),
        ("alg unknown", with_header("alg", json!("XX999")), Refusal::ForbiddenAlgorithm),
        ("alg ES256K", with_header("alg", json!("ES256K")), Refusal::ForbiddenAlgorithm),
        ("alg EdDSA", with_header("alg", json!("EdDSA")), Refusal::ForbiddenAlgorithm),
        ("no alg", with_header("alg", Value::Null), Refusal::UnreadableHeader),
        ("alg a number", with_header("alg", json!(384)), Refusal::UnreadableHeader),
        ("alg twice", signed(twice, &Token::good().claims.to_string(), &EC_KEY), Refusal::UnreadableHeader),
        ("HS256 keyed with the public key", hmac(public.as_bytes(), aws_lc_rs::hmac::HMAC_SHA256, "HS256"), Refusal::ForbiddenAlgorithm),
        ("HS384 keyed with the public key", hmac(public.as_bytes(), aws_lc_rs::hmac::HMAC_SHA384, "HS384"), Refusal::ForbiddenAlgorithm),
        ("HS512 keyed with nothing", hmac(b"", aws_lc_rs::hmac::HMAC_SHA512, "HS512"), Refusal::ForbiddenAlgorithm),
        ("crit", with_header("crit", json!(["b64"])), Refusal::CriticalExtension),
        ("crit empty", with_header("crit", json!([])), Refusal::CriticalExtension),
        (
            "crit null",
            signed(&Token::good().header.to_string().replacen('{', "{\"crit\":null,", 1), &Token::good().claims.to_string(), &EC_KEY),
            Refusal::CriticalExtension,
        ),
        ("typ of an access token", with_header("typ", json!("at+jwt")), Refusal::WrongType),
        ("its own jwk", Token::good().header("jwk", OTHER_EC_KEY.jwk("ehr-1")).signed_by(&OTHER_EC_KEY), Refusal::BroughtKey),
        ("x5u", with_header("x5u", json!("https://evil.example/chain.pem")), Refusal::BroughtKey),
        ("x5c", with_header("x5c", json!(["MIIB"])), Refusal::BroughtKey),
        ("jku elsewhere", with_header("jku", json!("https://evil.example/jwks.json")), Refusal::UnknownKeySet),
        ("jku with userinfo", with_header("jku", json!("https://ehr.example@evil.example/jwks.json")), Refusal::UnknownKeySet),
        ("jku on another port", with_header("jku", json!("https://ehr.example:8443/jwks.json")), Refusal::UnknownKeySet),
        ("jku with the default port", with_header("jku", json!("https://ehr.example:443/jwks.json")), Refusal::UnknownKeySet),
        ("jku with a query", with_header("jku", json!(format!("{EHR_JKU}?x"))), Refusal::UnknownKeySet),
        ("jku with a fragment", with_header("jku", json!(format!("{EHR_JKU}#x"))), Refusal::UnknownKeySet),
        ("jku in capitals", with_header("jku", json!("HTTPS://EHR.EXAMPLE/jwks.json")), Refusal::UnknownKeySet),
        ("jku plain", with_header("jku", json!("http://ehr.example/jwks.json")), Refusal::UnknownKeySet),
        ("jku a file", with_header("jku", json!("file:///etc/passwd")), Refusal::UnknownKeySet),
        ("jku on the link-local address of clouds", with_header("jku", json!("http://169.254.169.254/latest")), Refusal::UnknownKeySet),
        ("jku a list", with_header("jku", json!([EHR_JKU])), Refusal::UnreadableHeader),
        ("no kid", with_header("kid", Value::Null), Refusal::NoKeyId),
        ("kid unknown", with_header("kid", json!("ehr-2")), Refusal::UnknownKey),
        ("kid traversal", with_header("kid", json!("../../../../dev/null")), Refusal::UnknownKey),
        ("kid SQL", with_header("kid", json!("x' UNION SELECT 'ehr-1")), Refusal::UnknownKey),
        ("kid in capitals", with_header("kid", json!("EHR-1")), Refusal::UnknownKey),
        ("kid with a NUL", with_header("kid", json!("ehr-1\u{0}")), Refusal::UnknownKey),
        ("kid a number", with_header("kid", json!(1)), Refusal::UnreadableHeader),
    ]
}

/// Signatures by the wrong key, or of the wrong kind.
fn of_wrong_signature() -> Vec<(&'static str, String, Refusal)> {
    let [header, claims, signature] = parts();
    let other_claims = base64url(Token::good().claim("sub", json!("admin")).claims.to_string().as_bytes());
    vec![
        ("by another client's key", Token::good().signed_by(&OTHER_EC_KEY), Refusal::WrongSignature),
        ("another client's iss and its own key", with_claim("iss", json!("https://other.example")), Refusal::UnknownKeySet),
        (
            "another client's iss, no jku, its own key",
            ec(&Token::good().header("jku", Value::Null).claim("iss", json!("https://other.example"))),
            Refusal::WrongSignature,
        ),
        ("other claims under the signature", format!("{header}.{other_claims}.{signature}"), Refusal::WrongSignature),
        ("zeros for a signature", format!("{header}.{claims}.{}", base64url(&[0; 96])), Refusal::WrongSignature),
        ("on the wrong curve", Token::good().header("kid", json!("ehr-small")).signed_by(&SMALL_EC_KEY), Refusal::WrongKey),
        ("an RSA key's kid for an EC algorithm", with_header("kid", json!("ehr-rsa")), Refusal::WrongKey),
        ("an EC key's kid for an RSA algorithm", Token::good().header("alg", json!("RS384")).signed_by(&RSA_KEY), Refusal::WrongKey),
        (
            "an algorithm the client does not use",
            Token::good().header("alg", json!("RS256")).header("kid", json!("ehr-rsa")).signed_by(&RSA_KEY),
            Refusal::UnacceptedAlgorithm,
        ),
        (
            "an RSA signature with another padding",
            {
                let token = Token::good().header("kid", json!("ehr-rsa"));
                let text = token.clone().header("alg", json!("PS384")).signed_by(&RSA_KEY);
                let honest = token.header("alg", json!("RS384"));
                format!(
                    "{}.{}.{}",
                    base64url(honest.header.to_string().as_bytes()),
                    base64url(honest.claims.to_string().as_bytes()),
                    text.rsplit_once('.').unwrap().1
                )
            },
            Refusal::WrongSignature,
        ),
    ]
}

/// Claims that are not acceptable.
fn of_wrong_claims() -> Vec<(&'static str, String, Refusal)> {
    let claims = Token::good().claims.to_string();
    let twice = claims.replacen('{', r#"{"iss":"https://other.example","#, 1);
    let escaped = claims.replacen('{', r#"{"\u0069ss":"https://other.example","#, 1);
    let header = Token::good().header.to_string();
    vec![
        ("iss with a slash at the end", with_claim("iss", json!("https://ehr.example/")), Refusal::UnknownIssuer),
        ("iss in capitals", with_claim("iss", json!("https://EHR.example")), Refusal::UnknownIssuer),
        ("iss of nobody", with_claim("iss", json!("https://evil.example")), Refusal::UnknownIssuer),
        ("iss a list", with_claim("iss", json!(["https://ehr.example"])), Refusal::UnreadableClaims),
        ("no iss", with_claim("iss", Value::Null), Refusal::UnknownIssuer),
        ("iss twice", signed(&header, &twice, &EC_KEY), Refusal::UnreadableClaims),
        ("iss twice, once escaped", signed(&header, &escaped, &EC_KEY), Refusal::UnreadableClaims),
        ("aud of another service", with_claim("aud", json!("https://evil.example/cds-services/x")), Refusal::WrongAudience),
        ("aud of another service of ours", with_claim("aud", json!("https://cds.plan.example/cds-services/other")), Refusal::WrongAudience),
        ("aud with a slash at the end", with_claim("aud", json!(format!("{AUDIENCE}/"))), Refusal::WrongAudience),
        ("aud a list with another", with_claim("aud", json!([AUDIENCE, "https://evil.example"])), Refusal::WrongAudience),
        ("aud an empty list", with_claim("aud", json!([])), Refusal::WrongAudience),
        ("aud an object", with_claim("aud", json!({"0": AUDIENCE})), Refusal::UnreadableClaims),
        ("no aud", with_claim("aud", Value::Null), Refusal::WrongAudience),
        ("expired", ec(&Token::good().claim("iat", json!(now() - 400)).claim("exp", json!(now() - 61))), Refusal::Expired),
        ("expired for years", ec(&Token::good().claim("iat", json!(1)).claim("exp", json!(2))), Refusal::Expired),
        ("no exp", with_claim("exp", Value::Null), Refusal::NoExpiry),
        ("exp as text", with_claim("exp", json!((now() + 300).to_string())), Refusal::UnreadableClaims),
        ("exp huge", with_claim("exp", json!(1e300)), Refusal::UnreadableClaims),
        (
            "exp past every integer",
            signed(&header, &claims.replacen(&(now() + 300).to_string(), "1e400", 1), &EC_KEY),
            Refusal::UnreadableClaims,
        ),
        ("exp in a century", with_claim("exp", json!(now() + 3_155_760_000_i64)), Refusal::TooLongLived),
        ("exp just beyond the lifetime", with_claim("exp", json!(now() + 901)), Refusal::TooLongLived),
        ("exp before iat", ec(&Token::good().claim("iat", json!(now() + 30)).claim("exp", json!(now() + 20))), Refusal::TooLongLived),
        ("exp negative", with_claim("exp", json!(-1)), Refusal::UnreadableClaims),
        ("nbf in the future", with_claim("nbf", json!(now() + 61)), Refusal::NotYetValid),
        ("nbf as text", with_claim("nbf", json!("now")), Refusal::UnreadableClaims),
        ("no iat", with_claim("iat", Value::Null), Refusal::NoIssueTime),
        ("iat in the future", ec(&Token::good().claim("iat", json!(now() + 61)).claim("exp", json!(now() + 361))), Refusal::IssuedInFuture),
        ("no jti", with_claim("jti", Value::Null), Refusal::NoTokenId),
        ("jti empty", with_claim("jti", json!("")), Refusal::NoTokenId),
        ("jti a number", with_claim("jti", json!(7)), Refusal::UnreadableClaims),
        ("no tenant where one is needed", tenanted(Value::Null, json!("client-1")), Refusal::NoTenant),
        ("a tenant of nobody's", tenanted(json!("south"), json!("client-1")), Refusal::UnknownTenant),
        ("a tenant with a NUL", of_any_tenant("no\u{0}rth"), Refusal::UnknownTenant),
        ("a tenant with a line break", of_any_tenant("north\n"), Refusal::UnknownTenant),
        ("an empty tenant", of_any_tenant(""), Refusal::NoTenant),
        ("a tenant in a list", tenanted(json!(["north"]), json!("client-1")), Refusal::UnreadableClaims),
        ("the sub of another app", tenanted(json!("north"), json!("client-2")), Refusal::WrongSubject),
        ("no sub where one is needed", tenanted(json!("north"), Value::Null), Refusal::WrongSubject),
    ]
}

fn hostile() -> Vec<(&'static str, String, Refusal)> {
    [of_wrong_structure(), of_wrong_header(), of_wrong_signature(), of_wrong_claims()].concat()
}

#[tokio::test]
async fn every_hostile_token_is_refused_for_its_exact_reason() {
    let app = app();
    let table = hostile();
    assert!(table.len() >= 100, "{}", table.len());
    let mut wrong = Vec::new();
    for (name, token, expected) in &table {
        let found = verify_token(&app, token).await.err();
        if found != Some(*expected) {
            wrong.push(format!("{name}: {found:?}, not {expected:?}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// The control: the token is valid before the table changes it.
#[tokio::test]
async fn the_tokens_that_the_table_changes_are_good() {
    let app = app();
    let other = Token::good().header("jku", Value::Null).claim("iss", json!("https://other.example")).signed_by(&OTHER_EC_KEY);
    let tenanted = tenanted(json!("north"), json!("client-1"));
    let any = of_any_tenant("south");
    for (token, name) in [(good_token(), "ehr"), (other, "other"), (tenanted, "tenanted"), (any, "any-tenant")] {
        assert_eq!(verify_token(&app, &token).await.map(|client| client.name().to_owned()), Ok(name.to_owned()));
    }
}

#[tokio::test]
async fn no_hostile_token_reaches_the_hook_and_all_get_the_same_answer() {
    let app = TestApp::on_the_day_of_the_fixtures_with(clients);
    let (mut answers, call) = (BTreeSet::new(), empty_sign_call());
    for (name, token, _) in hostile() {
        // A header cannot contain a line break; HTTP rejects it earlier.
        if token.contains('\n') {
            continue;
        }
        let answer = app.sign_as(&token, &call).await;
        assert_eq!(answer.outcome(401, "login"), "the caller is not authenticated", "{name}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        answers.insert(answer.body);
    }
    assert_eq!(answers.len(), 1);
    assert_eq!(app.sign_as(&good_token(), &call).await.status, 200);
}

#[tokio::test]
async fn a_header_that_is_no_single_bearer_token_is_refused() {
    let app = app();
    let good = format!("Bearer {}", good_token());
    let table: [(&[&[u8]], Refusal); 7] = [
        (&[], Refusal::NoToken),
        (&[b""], Refusal::NotBearer),
        (&[b"Bearer"], Refusal::NotBearer),
        (&[b"Basic dTpw"], Refusal::NotBearer),
        (&[b"Bearer\xff x"], Refusal::NotBearer),
        (&[good.as_bytes(), good.as_bytes()], Refusal::NotBearer),
        (&[b"Bearer  "], Refusal::Malformed),
    ];
    for (values, expected) in table {
        assert_eq!(verify(&app, values).await.err(), Some(expected), "{values:?}");
    }
    let small = good.replacen("Bearer", "bearer", 1);
    assert!(verify(&app, &[small.as_bytes()]).await.is_ok());
}

#[tokio::test]
async fn a_token_is_taken_once() {
    let (app, token) = (app(), good_token());
    assert!(verify_token(&app, &token).await.is_ok());
    assert_eq!(verify_token(&app, &token).await.err(), Some(Refusal::Replayed));
}

#[tokio::test]
async fn only_a_test_client_may_use_a_token_again_and_only_where_that_is_allowed() {
    let table = [
        (false, TokenReuse::Refuse, false),
        (true, TokenReuse::Refuse, false),
        (false, TokenReuse::AllowWithinLifetime, false),
        (true, TokenReuse::AllowWithinLifetime, true),
    ];
    for (test_client, token_reuse, is_taken) in table {
        let clock = Arc::new(HandClock::at(day_of_the_fixtures()));
        let mut config = default_config();
        clients(&mut config);
        config.auth.token_reuse = token_reuse;
        config.clients[0].test_client = test_client;
        let ports = Ports::new(&config, Arc::clone(&clock) as Arc<dyn Clock>, Arc::new(SequentialIds::default())).unwrap();
        let (app, token) = (App::build(&config, ports).unwrap(), good_token());
        assert!(verify_token(&app, &token).await.is_ok());
        for _ in 0..3 {
            let again = verify_token(&app, &token).await.err();
            assert_eq!(again, (!is_taken).then_some(Refusal::Replayed), "{test_client} {token_reuse:?}");
        }
        // Beyond its lifetime.
        clock.advance(24 * 60 * 60);
        assert_eq!(verify_token(&app, &token).await.err(), Some(Refusal::Expired));
    }
}

/// A test client is limited, checked and counted like any other.
#[tokio::test]
async fn a_test_client_keeps_to_its_rate() {
    let app = TestApp::on_the_day_of_the_fixtures_with(|config| {
        let_in_the_ehr(config);
        config.auth.token_reuse = TokenReuse::AllowWithinLifetime;
        config.clients[0].test_client = true;
        config.clients[0].calls_per_second = Some(std::num::NonZeroU32::MIN);
    });
    let token = good_token();
    assert_eq!(app.sign_as(&token, &empty_sign_call()).await.status, 200);
    assert_eq!(app.sign_as(&token, &empty_sign_call()).await.status, 429);
}

#[tokio::test]
async fn of_a_token_sent_many_times_at_once_one_is_taken() {
    let (app, token) = (app(), good_token());
    let all = join_all((0..50).map(|_| verify_token(&app, &token))).await;
    assert_eq!(all.iter().filter(|verified| verified.is_ok()).count(), 1);
}

/// Two instances that share a replay cache; with PostgreSQL that is one database, see `shared_replays`.
#[tokio::test]
async fn a_token_that_one_instance_took_is_refused_by_another() {
    let mut config = default_config();
    clients(&mut config);
    let memory = Arc::new(CallerMemory::build(&config).unwrap());
    let instance = || {
        let clock = Arc::new(FixedClock::at(day_of_the_fixtures()));
        let mut ports = Ports::new(&config, clock, Arc::new(SequentialIds::default())).unwrap();
        ports.callers = Arc::clone(&memory);
        App::build(&config, ports).unwrap()
    };
    let (one, two, token) = (instance(), instance(), good_token());
    assert!(verify_token(&one, &token).await.is_ok());
    assert_eq!(verify_token(&two, &token).await.err(), Some(Refusal::Replayed));
}

#[tokio::test]
async fn a_token_that_was_refused_is_not_used_up() {
    let app = app();
    let token = Token::good();
    let forged = token.signed_by(&OTHER_EC_KEY);
    assert_eq!(verify_token(&app, &forged).await.err(), Some(Refusal::WrongSignature));
    assert!(verify_token(&app, &ec(&token)).await.is_ok());
}

#[tokio::test]
async fn without_room_to_remember_tokens_calls_are_answered_503() {
    let app = TestApp::on_the_day_of_the_fixtures_with(|config| {
        let_in_the_ehr(config);
        config.auth.replay_capacity = std::num::NonZeroUsize::MIN;
    });
    assert_eq!(app.sign_as(&good_token(), &empty_sign_call()).await.status, 200);
    let answer = app.sign_as(&good_token(), &empty_sign_call()).await;
    answer.outcome(503, "transient");
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn clocks_may_be_off_by_the_leeway_and_no_more() {
    let app = app();
    for (token, is_good) in [
        (Token::good().claim("iat", json!(now() - 300)).claim("exp", json!(now() - 60)), true),
        (Token::good().claim("iat", json!(now() - 300)).claim("exp", json!(now() - 61)), false),
        (Token::good().claim("iat", json!(now() + 60)), true),
        (Token::good().claim("nbf", json!(now() + 60)), true),
        (Token::good().claim("exp", json!(now() + 900)), true),
    ] {
        assert_eq!(verify_token(&app, &ec(&token)).await.is_ok(), is_good, "{}", token.claims);
    }
}

/// RS384; a base64 `kid`; valid from five minutes before to fifteen after; `sub` is the app's client id.
#[tokio::test]
async fn epics_token_is_taken() {
    let keys = key_file([RSA_KEY.jwk("Zk+9/Q==")]);
    let app = app_with(|config| {
        let entry = json!({"name": "epic", "iss": "https://epic.example/api/FHIR/R4", "sub": "0a1b2c3d",
            "jwks_uri": "https://epic.example/api/epic/jwks", "jwks_file": keys.path(), "audiences": ["https://cds.plan.example/cds-services"]});
        config.clients = vec![client(entry)];
    });
    let token = Token {
        header: json!({"alg": "RS384", "jku": "https://epic.example/api/epic/jwks", "kid": "Zk+9/Q==", "typ": "JWT"}),
        claims: json!({"aud": "https://cds.plan.example/cds-services", "exp": now() + 900, "iat": now(), "iss": "https://epic.example/api/FHIR/R4",
            "jti": "e1", "nbf": now() - 300, "sub": "0a1b2c3d"}),
    };
    assert_eq!(verify_token(&app, &token.signed_by(&RSA_KEY)).await.map(|client| client.name().to_owned()), Ok("epic".to_owned()));
}

/// ES384, five minutes, the whole service URL as `aud`.
#[tokio::test]
async fn the_sandboxs_token_is_taken() {
    let keys = key_file([EC_KEY.jwk("sandbox-key")]);
    let jku = "https://sandbox.example/.well-known/jwks.json";
    let app = app_with(|config| {
        let entry = json!({"name": "sandbox", "iss": "https://sandbox.example", "jwks_uri": jku, "jwks_file": keys.path()});
        config.clients = vec![client(entry)];
    });
    let token = Token {
        header: json!({"alg": "ES384", "typ": "JWT", "kid": "sandbox-key", "jku": jku}),
        claims: json!({"iss": "https://sandbox.example", "aud": AUDIENCE, "exp": now() + 300, "iat": now(), "jti": "s1"}),
    };
    assert!(verify_token(&app, &ec(&token)).await.is_ok());
}

/// RS384 without `jku`, `sub` and `nbf`.
#[tokio::test]
async fn br_providers_token_is_taken() {
    let keys = key_file([RSA_KEY.jwk("br-1")]);
    let app = app_with(|config| {
        config.clients = vec![client(json!({"name": "br-provider", "iss": "https://provider.example", "jwks_file": keys.path()}))];
    });
    let token = Token {
        header: json!({"alg": "RS384", "kid": "br-1", "typ": "JWT"}),
        claims: json!({"iss": "https://provider.example", "aud": AUDIENCE, "exp": now() + 300, "iat": now(), "jti": "b1"}),
    };
    assert!(verify_token(&app, &token.signed_by(&RSA_KEY)).await.is_ok());
}

#[tokio::test]
async fn a_client_may_have_tokens_that_live_longer() {
    let app = app_with(|config| config.clients[0].max_token_lifetime = Some(std::time::Duration::from_hours(24)));
    assert!(verify_token(&app, &with_claim("exp", json!(now() + 86_400))).await.is_ok());
}

#[tokio::test]
async fn an_audience_in_a_list_of_one_is_accepted() {
    assert!(verify_token(&app(), &with_claim("aud", json!([AUDIENCE]))).await.is_ok());
}

#[tokio::test]
async fn clients_of_one_issuer_are_told_apart_by_their_jku() {
    let [one, two] = [key_file([EC_KEY.jwk("k")]), key_file([OTHER_EC_KEY.jwk("k")])];
    let entry = |name: &str, file: &tempfile::NamedTempFile| {
        client(
            json!({"name": name, "iss": "https://shared.example", "jwks_uri": format!("https://{name}.example/jwks"), "jwks_file": file.path()}),
        )
    };
    let app = app_with(|config| config.clients = vec![entry("one", &one), entry("two", &two)]);
    let token = |jku: Value| Token::good().claim("iss", json!("https://shared.example")).header("kid", json!("k")).header("jku", jku);
    let of_two = token(json!("https://two.example/jwks")).signed_by(&OTHER_EC_KEY);
    assert_eq!(verify_token(&app, &of_two).await.map(|client| client.name().to_owned()), Ok("two".to_owned()));
    let mixed = token(json!("https://one.example/jwks")).signed_by(&OTHER_EC_KEY);
    assert_eq!(verify_token(&app, &mixed).await.err(), Some(Refusal::WrongSignature));
    let neither = token(Value::Null).signed_by(&EC_KEY);
    assert_eq!(verify_token(&app, &neither).await.err(), Some(Refusal::UnknownKeySet));
}

#[tokio::test]
async fn the_cause_is_in_the_log_and_the_token_is_not() {
    let app = TestApp::on_the_day_of_the_fixtures_with(clients);
    let token = Token::good().claim("aud", json!("https://a-service-nobody-else-names.example")).claim("jti", json!("a-jti-of-this-test"));
    let token = ec(&token);
    let id = "00000000-0000-4000-8000-00000000a0d1";
    let mut request = bearing(&token, post(SERVICE, "{}"));
    request.headers_mut().insert("x-request-id", id.parse().unwrap());
    app.send(request).await.outcome(401, "login");
    let log = LogBuffer::of_this_run().text();
    let line = log.lines().find(|line| line.contains(id) && line.contains("caller refused")).expect("a line");
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!((&line["cause"], &line["says_it_is"]), (&json!("wrong_audience"), &json!("ehr")));
    let mut secrets: Vec<&str> = token.split('.').collect();
    secrets.extend(["a-service-nobody-else-names", "a-jti-of-this-test"]);
    assert!(secrets.iter().all(|secret| !log.contains(secret)));
}

#[tokio::test]
async fn each_algorithm_that_can_be_accepted_verifies_its_own_signatures() {
    use SigningAlgorithm::{ES256, ES384, PS256, PS384, PS512, RS256, RS384, RS512};
    let app = app_with(|config| config.clients[0].algorithms = vec![ES256, ES384, RS256, RS384, RS512, PS256, PS384, PS512]);
    for (name, kid, key) in [
        ("ES256", "ehr-small", &*SMALL_EC_KEY),
        ("ES384", "ehr-1", &*EC_KEY),
        ("RS256", "ehr-rsa", &*RSA_KEY),
        ("RS384", "ehr-rsa", &*RSA_KEY),
        ("RS512", "ehr-rsa", &*RSA_KEY),
        ("PS256", "ehr-rsa", &*RSA_KEY),
        ("PS384", "ehr-rsa", &*RSA_KEY),
        ("PS512", "ehr-rsa", &*RSA_KEY),
    ] {
        let token = Token::good().header("alg", json!(name)).header("kid", json!(kid));
        assert_eq!(verify_token(&app, &token.signed_by(key)).await.err(), None, "{name}");
    }
}

#[tokio::test]
async fn a_decision_is_the_same_with_and_without_a_token() {
    let story = story("second-diagnostic-day-10");
    let [open, closed] = [TestApp::on_the_day_of_the_fixtures(), TestApp::on_the_day_of_the_fixtures_with(let_in_the_ehr)];
    let with_token = closed.sign_text_as(&good_token(), &story.request).await;
    assert_eq!(open.sign_text(&story.request).await.body, with_token.body);
}

#[tokio::test]
async fn a_token_is_asked_for_calls_and_feedback_and_not_for_discovery_and_health() {
    let app = TestApp::with(let_in_the_ehr);
    app.sign(&empty_sign_call()).await.outcome(401, "login");
    app.feedback(&json!({"feedback": []})).await.outcome(401, "login");
    for path in ["/cds-services", "/health/live", "/health/ready"] {
        assert_eq!(app.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn discovery_takes_a_token_where_it_is_protected() {
    let app = TestApp::on_the_day_of_the_fixtures_with(|config| {
        let_in_the_ehr(config);
        config.auth.protect_discovery = true;
    });
    app.discovery().await.outcome(401, "login");
    let token = with_claim("aud", json!("https://cds.plan.example/cds-services"));
    assert_eq!(app.get_as(&token, "/cds-services").await.status, 200);
}

#[tokio::test]
async fn discovery_says_when_nobody_is_asked() {
    let says = |text: String| text.contains("Development mode: callers are not authenticated.");
    assert!(says(TestApp::new().discovery().await.text()));
    assert!(!says(TestApp::with(let_in_the_ehr).discovery().await.text()));
}
