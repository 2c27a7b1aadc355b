//! Parses a hook call: CDS Hooks 2.0.1 / 3.0.0-ballot, "HTTP Request".
//! Unknown members are ignored, required members are checked, and an error gives the JSON path but never a
//! value. <https://cds-hooks.hl7.org/2.0/#calling-a-cds-service>
//! Not here: the content of the hooks' contexts; see [`super::context`].

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::context::Context;
use super::hook::Hook;
use super::json_error::JsonError;
use super::redaction::Redactions;
use super::request_error::{RequestError, check_id};

/// A hook call; `P` is the type of its prefetch.
#[derive(Debug)]
pub struct HookRequest<'a, P> {
    /// The hook's name, such as `order-sign`.
    pub hook: Cow<'a, str>,
    /// The version of the hook's definition, such as `1.0`, if the call states one as a text.
    pub hook_version: Option<Cow<'a, str>>,
    /// The client's id for the call; never used for caching or to tell calls apart.
    pub hook_instance: Cow<'a, str>,
    /// The client's FHIR server, if the call offers access to it.
    pub fhir_server: Option<Cow<'a, str>>,
    /// The access token for that server.
    pub authorization: Option<Authorization>,
    /// The user, the patient and the orders.
    pub context: Context<'a>,
    /// The data that the client sent along.
    pub prefetch: Prefetch<'a, P>,
    /// Every `prefetch` member that was not parsed. A body can have several; the last one counts.
    pub prefetch_texts: Vec<&'a RawValue>,
    /// Extensions to CDS Hooks.
    pub extension: Option<&'a RawValue>,
    /// The parts of the call's text to redact before storage.
    pub redactions: Redactions<'a>,
}

/// The client's grant of access to its FHIR server. Only the token is used. Scopes are ignored, because a client in the field sends
/// scope names with spaces; the FHIR server's responses show what may be read.
#[derive(Debug, Deserialize)]
#[serde(from = "Object<Granted>")]
pub struct Authorization {
    /// Never displayed; this copy is wiped when the call ends. A blank one counts as none.
    pub access_token: Option<SecretString>,
}

#[derive(Deserialize)]
struct Granted {
    #[serde(default)]
    access_token: Option<SecretString>,
}

impl From<Object<Granted>> for Authorization {
    fn from(Object(Granted { access_token }): Object<Granted>) -> Self {
        Self { access_token: access_token.filter(|token| !token.expose_secret().trim().is_empty()) }
    }
}

/// The prefetch of a call.
#[derive(Debug)]
pub enum Prefetch<'a, P> {
    /// The call has no prefetch.
    Absent,
    /// It is not wanted, or came before the hook or the context, so it was not parsed.
    Raw(&'a RawValue),
    /// It was parsed.
    Read(P),
}

/// A body as text, without a byte order mark; `None` if it is not UTF-8.
#[must_use]
pub fn body_text(body: &[u8]) -> Option<&str> {
    std::str::from_utf8(body).ok().map(without_byte_order_mark)
}

/// Strips the byte order mark that some writers put before JSON; a reader may ignore it (RFC 8259, section 8.1).
#[must_use]
pub fn without_byte_order_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// Parses a call. The prefetch is parsed in the same pass if `wanted` accepts the hook and the context; a prefetch before either of them
/// stays unparsed.
///
/// # Errors
/// If a member is invalid, prefetch included.
pub fn read<'a, P: Deserialize<'a>>(
    body: &'a str,
    wanted: impl Fn(&str, &Context<'a>) -> bool,
) -> Result<HookRequest<'a, P>, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(body);
    let request = RequestSeed { wanted, prefetch: PhantomData }.deserialize(&mut json)?;
    json.end()?;
    Ok(request)
}

/// The reason why [`read`] refuses a body.
#[must_use]
pub fn fault(body: &str) -> RequestError {
    let mut json = serde_json::Deserializer::from_str(body);
    match serde_path_to_error::deserialize::<_, Strict<'_>>(&mut json) {
        Ok(_) => match json.end() {
            Ok(()) => JsonError::WrongType { path: "prefetch".to_owned() }.into(),
            Err(error) => JsonError::from(&error).into(),
        },
        Err(error) => JsonError::at("", &error).into(),
    }
}

/// The hook that a call names; ignores everything else.
#[must_use]
pub fn named_hook(body: &str) -> Option<Hook> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        hook: Borrowed<'a>,
    }
    Hook::of_name(&serde_json::from_str::<Named<'_>>(body).ok()?.hook.0)
}

/// The FHIR server that a call names; ignores everything else.
#[must_use]
pub fn named_server(body: &str) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Named<'a> {
        #[serde(borrow)]
        fhir_server: Borrowed<'a>,
    }
    Some(serde_json::from_str::<Named<'_>>(body).ok()?.fhir_server.0)
}

/// The required members of a call, parsed only to find the path of an error.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "read for the faults alone")]
struct Strict<'a> {
    #[serde(borrow)]
    hook: Cow<'a, str>,
    #[serde(borrow)]
    hook_instance: Cow<'a, str>,
    #[serde(default)]
    fhir_server: Option<String>,
    #[serde(borrow, deserialize_with = "object")]
    context: Context<'a>,
    #[serde(default)]
    prefetch: Option<UncheckedObject>,
}

/// An object with any members.
#[derive(Deserialize)]
struct UncheckedObject {}

struct RequestSeed<P, W> {
    wanted: W,
    prefetch: PhantomData<P>,
}

impl<'de, P: Deserialize<'de>, W: Fn(&str, &Context<'de>) -> bool> DeserializeSeed<'de> for RequestSeed<P, W> {
    type Value = HookRequest<'de, P>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, P: Deserialize<'de>, W: Fn(&str, &Context<'de>) -> bool> Visitor<'de> for RequestSeed<P, W> {
    type Value = HookRequest<'de, P>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a hook call")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = RequestMembers::default();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match key.as_ref() {
                // The hook that selected the prefetch must be the one that is answered.
                "hook" if members.hook.is_some() => return Err(A::Error::duplicate_field("hook")),
                "hook" => members.hook = Some(map.next_value::<Borrowed<'de>>()?.0),
                "hookVersion" => members.hook_version = text_of(map.next_value()?),
                "hookInstance" => members.hook_instance = Some(map.next_value::<Borrowed<'de>>()?.0),
                "fhirServer" => members.fhir_server = map.next_value::<Option<Borrowed<'de>>>()?.map(|server| server.0),
                // Redaction removes only one `fhirAuthorization`, so a second one is refused.
                "fhirAuthorization" if members.redactions.authorization.is_some() => {
                    return Err(A::Error::duplicate_field("fhirAuthorization"));
                }
                "fhirAuthorization" => members.take_authorization(map.next_value()?)?,
                // The context that selected the prefetch must be the one that is decided.
                "context" if members.context.is_some() => return Err(A::Error::duplicate_field("context")),
                "context" => members.context = Some(map.next_value::<Object<Context<'de>>>()?.0),
                "extension" => members.extension = map.next_value()?,
                "prefetch" => {
                    let prefetch = self.prefetch(members.hook.as_deref(), members.context.as_ref(), &mut map)?;
                    members.take_prefetch(prefetch);
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        members.finish()
    }
}

impl<P, W> RequestSeed<P, W> {
    fn prefetch<'de, A: MapAccess<'de>>(
        &self,
        hook: Option<&str>,
        context: Option<&Context<'de>>,
        map: &mut A,
    ) -> Result<Prefetch<'de, P>, A::Error>
    where
        P: Deserialize<'de>,
        W: Fn(&str, &Context<'de>) -> bool,
    {
        let is_wanted = hook.zip(context).is_some_and(|(hook, context)| (self.wanted)(hook, context));
        Ok(if is_wanted {
            map.next_value::<Option<P>>()?.map_or(Prefetch::Absent, Prefetch::Read)
        } else {
            map.next_value::<Option<&RawValue>>()?.map_or(Prefetch::Absent, Prefetch::Raw)
        })
    }
}

/// A JSON object. For a plain struct, serde also accepts an array with the members in order.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(StrictObjectVisitor(PhantomData)).map(Self)
    }
}

struct StrictObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for StrictObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Object::deserialize(deserializer).map(|object| object.0)
}

pub(super) fn optional_object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::<Object<T>>::deserialize(deserializer).map(|object| object.map(|object| object.0))
}

pub(super) fn optional_objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Vec<T>>, D::Error> {
    let objects = Option::<Vec<Object<T>>>::deserialize(deserializer)?;
    Ok(objects.map(|objects| objects.into_iter().map(|object| object.0).collect()))
}

/// The text of a member that may have any type.
fn text_of(raw: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Borrowed<'_>>(raw.get()).ok().map(|text| text.0)
}

/// A string, borrowed from the body unless it has escapes.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Borrowed<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

struct RequestMembers<'a, P> {
    hook: Option<Cow<'a, str>>,
    hook_version: Option<Cow<'a, str>>,
    hook_instance: Option<Cow<'a, str>>,
    fhir_server: Option<Cow<'a, str>>,
    authorization: Option<Authorization>,
    context: Option<Context<'a>>,
    prefetch: Prefetch<'a, P>,
    prefetch_texts: Vec<&'a RawValue>,
    extension: Option<&'a RawValue>,
    redactions: Redactions<'a>,
}

impl<P> Default for RequestMembers<'_, P> {
    fn default() -> Self {
        Self {
            hook: None,
            hook_version: None,
            hook_instance: None,
            fhir_server: None,
            authorization: None,
            context: None,
            prefetch: Prefetch::Absent,
            prefetch_texts: Vec::new(),
            extension: None,
            redactions: Redactions::default(),
        }
    }
}

impl<'a, P> RequestMembers<'a, P> {
    fn take_authorization<E: serde::de::Error>(&mut self, authorization: Option<&'a RawValue>) -> Result<(), E> {
        let read = |raw: &RawValue| serde_json::from_str(raw.get()).map_err(E::custom);
        self.authorization = authorization.map(read).transpose()?;
        self.redactions.authorization = authorization;
        Ok(())
    }

    fn take_prefetch(&mut self, prefetch: Prefetch<'a, P>) {
        if let Prefetch::Raw(raw) = prefetch {
            self.prefetch_texts.push(raw);
        }
        self.prefetch = prefetch;
    }

    fn finish<E: serde::de::Error>(self) -> Result<HookRequest<'a, P>, E> {
        Ok(HookRequest {
            hook: self.hook.ok_or_else(|| E::missing_field("hook"))?,
            hook_version: self.hook_version,
            hook_instance: self.hook_instance.ok_or_else(|| E::missing_field("hookInstance"))?,
            fhir_server: self.fhir_server,
            authorization: self.authorization,
            context: self.context.ok_or_else(|| E::missing_field("context"))?,
            prefetch: self.prefetch,
            prefetch_texts: self.prefetch_texts,
            extension: self.extension,
            redactions: self.redactions,
        })
    }
}

impl<P> HookRequest<'_, P> {
    /// Checks the rules that the types do not enforce. `offered` are the hooks this service answers.
    ///
    /// # Errors
    /// The first violation of the specification.
    pub fn check(&self, offered: &[Hook]) -> Result<Hook, RequestError> {
        let hook = Hook::of_name(&self.hook).filter(|hook| offered.contains(hook));
        let hook =
            hook.ok_or_else(|| RequestError::UnknownHook { offered: Hook::names(offered), successor: Hook::successor(&self.hook) })?;
        if self.authorization.is_some() && self.fhir_server.is_none() {
            return Err(RequestError::NoServer);
        }
        check_id(&self.hook_instance, "hookInstance")?;
        self.context.check(hook, self.hook_version.as_deref())?;
        Ok(hook)
    }
}
