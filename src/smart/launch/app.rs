//! The steps of a launch, in order.
//! Not here: the details of a step; each has its own file.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use url::Url;

use super::authorization_response::{AuthorizationResponse, refused};
use super::ehr::Ehr;
use super::ehr_words::EhrRefusal;
use super::error::{IdentityError, LaunchError, SmartError, SmartErrorKind};
use super::exchange::{Asked, Exchange, TokenResponse};
use super::grant::{Grant, grants_identity};
use super::identity::Expected;
use super::launches::{Launch, LaunchBinding, LaunchMemory, random_text};
use super::scopes::{Beginning, requested};
use super::signing_key::OwnKey;
use super::smart_configuration::SmartConfiguration;
use crate::auth::span;
use crate::clock::Clock;
use crate::config::{Config, SmartConfig};

/// Maximum length of a launch parameter. Launch tokens and codes of EHRs can be JWTs.
const MAX_PARAMETER_BYTES: usize = 8 * 1024;

/// The SMART app's launch sequence.
#[derive(Debug)]
pub struct SmartApp {
    config: SmartConfig,
    leeway: TimeDelta,
    ehrs: Vec<Arc<Ehr>>,
    own_key: Option<Arc<OwnKey>>,
    memory: Arc<LaunchMemory>,
    clock: Arc<dyn Clock>,
}

/// A request to open the app, from an EHR or a user.
#[derive(Clone, Copy)]
pub struct LaunchRequest<'r> {
    /// The `iss` parameter: the base URL of the EHR's FHIR server.
    pub iss: &'r str,
    /// The `launch` parameter of an EHR launch; absent in a standalone launch.
    pub launch: Option<&'r str>,
    /// Identifies the browser, if it can be told from others; the callback must present the same value.
    pub browser: &'r str,
    /// The network of the browser's address, if it is known. If launches have to make room, those of the network with the most do.
    pub network: Option<IpAddr>,
}

/// Where to redirect the user. It contains a secret, so it does not implement `Debug`.
pub struct LaunchRedirect {
    /// The EHR's authorization endpoint, with the authorization request.
    pub url: Url,
    /// The launch's `state`: a secret of this browser.
    pub state: String,
}

/// The EHR's authorization response, as the user's browser delivers it.
#[derive(Clone, Copy)]
pub struct CallbackRequest<'r> {
    /// The id in the redirect URI that it came to.
    pub ehr: &'r str,
    /// The response.
    pub response: &'r AuthorizationResponse,
    /// All values that can identify the browser; one must match the launch's.
    pub browsers: &'r [&'r str],
}

impl SmartApp {
    /// Builds the app from a configuration. Does not connect yet.
    ///
    /// # Errors
    /// [`SmartError`] for key or secret files that cannot be used.
    pub fn build(config: &Config, memory: Arc<LaunchMemory>, clock: Arc<dyn Clock>) -> Result<Self, SmartError> {
        let mut faults = Vec::new();
        let own_key = taken(own_key(config.smart.signing_key_file.as_deref()), &mut faults).flatten();
        let build = |ehr| Ehr::build(config, ehr, own_key.as_ref()).map(Arc::new);
        // Skip the entries if the signing key failed, so that one fault is not reported twice.
        let entries = config.smart.ehrs.iter().filter(|_| faults.is_empty()).map(build).collect::<Vec<_>>();
        let ehrs = entries.into_iter().filter_map(|ehr| taken(ehr, &mut faults)).collect();
        if !faults.is_empty() {
            return Err(SmartError { faults });
        }
        Ok(Self { config: config.smart.clone(), leeway: span(config.auth.leeway), ehrs, own_key, memory, clock })
    }

    /// Whether any EHR can open the app.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.ehrs.is_empty()
    }

    /// The registered EHRs.
    #[must_use]
    pub fn ehrs(&self) -> &[Arc<Ehr>] {
        &self.ehrs
    }

    /// The app's public keys as a JWK Set (RFC 7517); empty if it signs for no EHR.
    #[must_use]
    pub fn jwks(&self) -> Value {
        json!({"keys": self.own_key.iter().map(|key| key.public()).collect::<Vec<_>>()})
    }

    /// Starts a launch.
    ///
    /// # Errors
    /// [`LaunchError`] for an unregistered `iss`, and for an EHR that cannot be reached or has an unusable SMART configuration.
    pub async fn launch(&self, request: LaunchRequest<'_>) -> Result<LaunchRedirect, LaunchError> {
        let ehr = self.ehrs.iter().find(|ehr| ehr.is_named(request.iss)).ok_or(LaunchError::UnknownEhr)?;
        let token = request.launch.filter(|token| !token.is_empty()).map(parameter).transpose()?;
        let now = self.clock.now();
        let description = ehr.description(now).await.map_err(LaunchError::Description)?;
        let beginning = if token.is_some() { Beginning::Ehr } else { Beginning::Standalone };
        let scopes = requested(ehr.scopes(), beginning, description.syntax);
        let (state, nonce, code_verifier) = (random_text()?, random_text()?, SecretString::from(random_text()?));
        let asked = Asked { iss: request.iss, launch: token, scopes: &scopes, state: &state, nonce: &nonce, code_verifier: &code_verifier };
        let url = self.exchange(ehr, &description).authorization_url(&asked);
        let launch = Launch {
            ehr: ehr.name().to_owned(),
            code_verifier,
            nonce: SecretString::from(nonce),
            scopes,
            browser: LaunchBinding::from_binding(request.browser),
            end: now + span(self.config.launch_lifetime),
        };
        self.memory.keep(&state, request.network, launch, self.config.max_sessions, now);
        Ok(LaunchRedirect { url, state })
    }

    /// Completes a launch and returns what the EHR granted.
    ///
    /// # Errors
    /// [`LaunchError`] for a response that matches no launch of this browser with this EHR, a denial, and an unusable token.
    pub async fn callback(&self, request: CallbackRequest<'_>) -> Result<Grant, LaunchError> {
        let browsers: Vec<LaunchBinding> = request.browsers.iter().copied().map(LaunchBinding::from_binding).collect();
        let AuthorizationResponse { state, code, error, error_description, issuer } = request.response;
        let launch = self.memory.take(parameter(state)?, &browsers, self.clock.now())?;
        let ehr = self.named(&launch.ehr)?;
        if ehr.id() != request.ehr {
            return Err(LaunchError::OtherEhr);
        }
        let description = ehr.description(self.clock.now()).await.map_err(LaunchError::Description)?;
        ehr.check_issuer(issuer.as_deref(), &description, self.clock.now()).await?;
        if let Some(error) = error {
            let meaning = refused(error);
            let secrets = [state, code.as_deref().unwrap_or_default(), launch.nonce.expose_secret()];
            let refusal = EhrRefusal { error, description: error_description.as_deref(), secrets: &secrets };
            refusal.report(ehr, "authorization endpoint", meaning);
            return Err(meaning);
        }
        let code = parameter(code.as_deref().unwrap_or_default())?;
        let answer = self.exchange(ehr, &description).redeem(code, &launch.code_verifier).await?;
        let user =
            if grants_identity(&answer, &launch.scopes) { self.user(ehr, &description, &answer, &launch.nonce).await? } else { None };
        Ok(Grant::of_code(ehr, &answer, launch.scopes, self.clock.now())?.of_user(user.as_deref()))
    }

    /// Returns the same grant with a new access token.
    ///
    /// # Errors
    /// [`LaunchError::Over`] if there is no refresh token or the EHR no longer accepts it, [`LaunchError::OtherPatient`] if the
    /// new token is for another patient, and others as for [`Self::callback`].
    pub async fn refresh(&self, grant: &Grant) -> Result<Grant, LaunchError> {
        let token = grant.refresh_token.as_ref().ok_or(LaunchError::Over)?;
        let ehr = self.named(grant.ehr.name()).ok().filter(|ehr| ehr.base() == grant.ehr.base()).ok_or(LaunchError::UnknownEhr)?;
        let description = ehr.description(self.clock.now()).await.map_err(LaunchError::Description)?;
        let answer = self.exchange(ehr, &description).refresh(token).await.map_err(|error| match error {
            LaunchError::CodeRefused => LaunchError::Over,
            other => other,
        })?;
        grant.refreshed(ehr, &answer, self.clock.now())
    }

    fn named(&self, name: &str) -> Result<&Arc<Ehr>, LaunchError> {
        self.ehrs.iter().find(|ehr| ehr.name() == name).ok_or(LaunchError::UnknownEhr)
    }

    fn exchange<'e>(&self, ehr: &'e Ehr, description: &'e SmartConfiguration) -> Exchange<'e> {
        Exchange { ehr, description, now: self.clock.now() }
    }

    /// Identifies the user. An unknown key may be new, so the EHR's keys are fetched once more.
    async fn user(
        &self,
        ehr: &Arc<Ehr>,
        description: &SmartConfiguration,
        answer: &TokenResponse,
        nonce: &SecretString,
    ) -> Result<Option<String>, LaunchError> {
        let token = answer.id_token.as_deref().ok_or(LaunchError::UntrustedIdentity(IdentityError::Missing))?;
        let now = self.clock.now();
        let expected = Expected { client_id: ehr.client_id(), nonce: nonce.expose_secret(), not_over_at: now - self.leeway };
        let keys = ehr.keys(now, description).await.map_err(LaunchError::Keys)?;
        let user = match keys.check(token, &expected) {
            Err(IdentityError::UnknownKey) => {
                ehr.newer_keys(now, description, &keys).await.map_err(LaunchError::Keys)?.check(token, &expected)
            }
            checked => checked,
        };
        user.map_err(LaunchError::UntrustedIdentity)
    }
}

fn own_key(path: Option<&Path>) -> Result<Option<Arc<OwnKey>>, SmartErrorKind> {
    let Some(path) = path else { return Ok(None) };
    let key = OwnKey::read(path).map_err(|source| SmartErrorKind::SigningKey { path: path.to_path_buf(), source })?;
    Ok(Some(Arc::new(key)))
}

fn taken<T>(outcome: Result<T, SmartErrorKind>, faults: &mut Vec<SmartErrorKind>) -> Option<T> {
    outcome.map_err(|fault| faults.push(fault)).ok()
}

/// Accepts a plausible parameter value: not empty, not too long, without control characters.
fn parameter(text: &str) -> Result<&str, LaunchError> {
    let is_visible = text.chars().all(|letter| !letter.is_control());
    if (1..=MAX_PARAMETER_BYTES).contains(&text.len()) && is_visible { Ok(text) } else { Err(LaunchError::Malformed) }
}
