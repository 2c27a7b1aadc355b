//! Verifies a caller, cheapest checks first: the token's size and structure, its client, its signature, its claims, and last
//! that it is not a replay.
//! Not here: the response to a refused caller, which does not disclose the cause.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use rustls::pki_types::CertificateDer;

use super::clients::{AuthError, Client, Clients, Tenants, span};
use super::durable_tokens::TokenWrite;
use super::key_set::{KeyRequest, KeySetLimits};
use super::memory::CallerMemory;
use super::rates::Rates;
use super::refusal::{Refusal, Refused};
use super::replay::UsedToken;
use super::token::{Claims, NumericDate, SignedClaims, UnverifiedToken};
use super::verified::{Profile, VerifiedClient};
use crate::clock::Clock;
use crate::config::{AuthMode, Config};

/// What a caller presents to authenticate.
#[derive(Clone, Copy, Debug, Default)]
pub struct Credentials<'c> {
    /// The values of its `Authorization` headers.
    pub authorization: &'c [&'c [u8]],
    /// The client certificate of its TLS connection (DER), issued by an authority of `tls.client_ca_file`.
    pub certificate: Option<&'c [u8]>,
}

/// A caller that passed all checks.
#[derive(Debug)]
pub struct AdmittedCaller {
    /// The caller.
    pub client: VerifiedClient,
    /// The write of its used token, which must be durable before its call is answered.
    pub token: TokenWrite,
}

/// Authenticates callers.
#[derive(Debug)]
pub struct Authenticator {
    rule: Rule,
    rates: Rates,
    memory: Arc<CallerMemory>,
    clock: Arc<dyn Clock>,
}

#[derive(Debug)]
enum Rule {
    Anybody(Arc<Profile>),
    Clients(Registered),
}

#[derive(Debug)]
struct Registered {
    clients: Clients,
    leeway: TimeDelta,
    key_sets: KeySetLimits,
}

impl Authenticator {
    /// Builds the authenticator from the configuration. `endpoints` are this service's own URLs, the audiences of clients that
    /// configure none.
    ///
    /// # Errors
    /// [`AuthError`] if a key file cannot be used.
    pub fn build(config: &Config, endpoints: &[String], memory: Arc<CallerMemory>, clock: Arc<dyn Clock>) -> Result<Self, AuthError> {
        let rule = match config.auth_mode() {
            AuthMode::Development => Rule::Anybody(Arc::new(Profile::development(&config.development))),
            AuthMode::Required => Rule::Clients(Registered {
                clients: Clients::build(&config.auth, &config.clients, endpoints, &memory)?,
                leeway: span(config.auth.leeway),
                key_sets: KeySetLimits::from(&config.auth),
            }),
        };
        Ok(Self { rule, rates: Rates::new(config), memory, clock })
    }

    /// Authenticates the caller.
    ///
    /// # Errors
    /// The first check that fails.
    pub async fn verify(&self, credentials: Credentials<'_>) -> Result<AdmittedCaller, Refused> {
        match &self.rule {
            Rule::Anybody(profile) => {
                self.rates.take(profile.name())?;
                Ok(AdmittedCaller { client: VerifiedClient::new(Arc::clone(profile), None), token: TokenWrite::none() })
            }
            Rule::Clients(registered) => {
                let token = UnverifiedToken::parse(bearer_token(credentials.authorization)?)?;
                let client = registered.clients.named_by(&token)?;
                let verified = self.verify_token(registered, client, token, credentials.certificate).await;
                verified.map_err(|cause| Refused { cause, says_it_is: Some(client.name.clone()) })
            }
        }
    }

    /// Counts feedback entries of a client; reports how long it has to wait if it gave too many.
    #[must_use]
    pub fn take_feedback(&self, client: &VerifiedClient, entries: usize) -> Option<Duration> {
        self.rates.take_feedback(client.name(), u32::try_from(entries).unwrap_or(u32::MAX))
    }

    /// Whether calls of the named client may use the named FHIR server.
    #[must_use]
    pub fn may_name(&self, client: &str, server: &str) -> bool {
        let profile = match &self.rule {
            Rule::Anybody(profile) => Some(profile).filter(|profile| profile.name() == client),
            Rule::Clients(registered) => registered.clients.profile_of(client),
        };
        profile.is_some_and(|profile| profile.may_name(server))
    }

    async fn verify_token(
        &self,
        registered: &Registered,
        client: &Client,
        token: UnverifiedToken<'_>,
        certificate: Option<&[u8]>,
    ) -> Result<AdmittedCaller, Refusal> {
        if !client.algorithms.contains(&token.algorithm) {
            return Err(Refusal::UnacceptedAlgorithm);
        }
        let asking = KeyRequest { clock: &self.clock, limits: registered.key_sets, client: &client.name };
        let SignedClaims(claims) = client.verify_signature(token, &asking).await?;
        let now = self.clock.now().timestamp();
        let times = Times { now, leeway: registered.leeway.num_seconds(), longest_life: client.longest_life.num_seconds() };
        client.check_audience(&claims)?;
        let end = times.check(&claims)?;
        client.check_tenant(&claims)?;
        client.check_certificate(certificate)?;
        let jti = claims.jti.as_deref().filter(|jti| !jti.is_empty()).ok_or(Refusal::NoTokenId)?;
        let used = UsedToken { issuer: &client.issuer, jti, end };
        let token = self.take(client, used, now).await?;
        let tenant = matches!(client.tenants, Tenants::ByClaim { .. }).then_some(claims.tenant).flatten();
        Ok(AdmittedCaller { client: VerifiedClient::new(Arc::clone(&client.profile), tenant), token })
    }

    /// Counts the call, and takes its token, which only a test client may use again.
    async fn take(&self, client: &Client, token: UsedToken<'_>, now: i64) -> Result<TokenWrite, Refusal> {
        if client.may_reuse_tokens {
            self.rates.take(&client.name)?;
            return Ok(TokenWrite::none());
        }
        // Check for a replay before counting the call: a stolen, already used token must not consume its client's rate limit.
        self.memory.replays.refuse_known(token, now)?;
        self.rates.take(&client.name)?;
        self.memory.replays.take(token, now).await
    }
}

/// Extracts the token from a single `Authorization: Bearer …` header (RFC 6750, section 2.1). The scheme is case-insensitive.
fn bearer_token<'c>(values: &'c [&'c [u8]]) -> Result<&'c str, Refusal> {
    let value = match values {
        [] => return Err(Refusal::NoToken),
        [value] => std::str::from_utf8(value).map_err(|_| Refusal::NotBearer)?,
        [..] => return Err(Refusal::NotBearer),
    };
    let (scheme, token) = value.split_once(' ').ok_or(Refusal::NotBearer)?;
    if scheme.eq_ignore_ascii_case("Bearer") { Ok(token.trim_matches(' ')) } else { Err(Refusal::NotBearer) }
}

impl Client {
    /// Invariant: every audience of a token is this service. A token shared with another service could be replayed here.
    fn check_audience(&self, claims: &Claims) -> Result<(), Refusal> {
        let audience = &claims.aud.0;
        if audience.is_empty() || !audience.iter().all(|value| self.audiences.contains(value)) {
            return Err(Refusal::WrongAudience);
        }
        if self.subject.is_some() && self.subject != claims.sub { Err(Refusal::WrongSubject) } else { Ok(()) }
    }

    fn check_tenant(&self, claims: &Claims) -> Result<(), Refusal> {
        let Tenants::ByClaim { accepted } = &self.tenants else { return Ok(()) };
        let tenant = claims.tenant.as_ref().filter(|tenant| !tenant.is_empty()).ok_or(Refusal::NoTenant)?;
        let is_accepted = accepted.is_empty() || accepted.contains(tenant);
        // No tenant has a name that a record, a log line or a terminal cannot show.
        if is_accepted && !tenant.contains(char::is_control) { Ok(()) } else { Err(Refusal::UnknownTenant) }
    }

    /// The connection's certificate must be valid for one of the client's configured names, if there are any.
    fn check_certificate(&self, certificate: Option<&[u8]>) -> Result<(), Refusal> {
        if self.certificate_names.is_empty() {
            return Ok(());
        }
        let certificate = CertificateDer::from(certificate.ok_or(Refusal::WrongCertificate)?);
        let certificate = webpki::EndEntityCert::try_from(&certificate).map_err(|_| Refusal::WrongCertificate)?;
        let bears = |name| certificate.verify_is_valid_for_subject_name(name).is_ok();
        if self.certificate_names.iter().any(bears) { Ok(()) } else { Err(Refusal::WrongCertificate) }
    }
}

/// The current time and the limits that token times are checked against, in seconds.
struct Times {
    now: i64,
    leeway: i64,
    longest_life: i64,
}

impl Times {
    /// Checks the time claims. Returns the second after which the token has expired, leeway included.
    fn check(&self, claims: &Claims) -> Result<i64, Refusal> {
        let NumericDate(expiry) = claims.exp.ok_or(Refusal::NoExpiry)?;
        let end = expiry.saturating_add(self.leeway);
        if end < self.now {
            return Err(Refusal::Expired);
        }
        if claims.nbf.is_some_and(|begin| begin.0 > self.latest_begin()) {
            return Err(Refusal::NotYetValid);
        }
        let NumericDate(issued) = claims.iat.ok_or(Refusal::NoIssueTime)?;
        if issued > self.latest_begin() {
            return Err(Refusal::IssuedInFuture);
        }
        let is_short = (1..=self.longest_life).contains(&(expiry - issued));
        if is_short { Ok(end) } else { Err(Refusal::TooLongLived) }
    }

    fn latest_begin(&self) -> i64 {
        self.now.saturating_add(self.leeway)
    }
}
