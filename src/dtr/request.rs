//! Parses the input of `$questionnaire-package` (DTR 2.2, `dtr-qpackage-input-parameters`; 2.0 and 2.1 use the same names). Unknown
//! parameters are ignored.
//! Not here: the output ([`super::service`]).

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::assertion::AssertedOrder;
use super::input_error::InputError;
use crate::cds_hooks::JsonError;
use crate::evidence::Text;

/// Maximum number of parameters. It exceeds real requests, and each order is judged.
const MAX_PARAMETERS: usize = 100;

/// The profile whose version indicates the client's DTR edition.
const INPUT_PROFILE: &str = "/dtr-qpackage-input-parameters|";

/// A DTR edition, where outputs differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edition {
    /// 2.2; the default.
    Current,
    /// 2.0 and 2.1.
    Older,
}

/// A validated request.
#[derive(Debug)]
pub(super) struct PackageRequest<'a> {
    pub(super) edition: Edition,
    /// `Coverage/{id}` of each Coverage.
    pub(super) coverages: Vec<String>,
    /// Each Coverage.
    pub(super) coverage_resources: Vec<&'a RawValue>,
    /// The beneficiary's reference in the first Coverage.
    pub(super) beneficiary: String,
    pub(super) orders: Vec<GivenOrder<'a>>,
    pub(super) questionnaires: Vec<(usize, Text<'a>)>,
    pub(super) context: Option<(usize, Text<'a>)>,
    pub(super) changed_since: Option<DateTime<Utc>>,
}

/// An order of the input.
#[derive(Clone, Copy, Debug)]
pub(super) struct GivenOrder<'a> {
    /// The parameter's index; `None` for an order that is not from the input.
    pub(super) place: Option<usize>,
    pub(super) raw: &'a RawValue,
    /// The id of the policy that judged it, for an order of a decision.
    pub(super) policy: Option<&'a str>,
}

impl<'a> From<&'a AssertedOrder> for GivenOrder<'a> {
    fn from(order: &'a AssertedOrder) -> Self {
        Self { place: None, raw: &order.json, policy: order.policy.as_deref() }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ParametersView<'a> {
    #[serde(borrow)]
    resource_type: Text<'a>,
    #[serde(borrow, default)]
    meta: Option<MetaView<'a>>,
    #[serde(borrow)]
    parameter: Vec<ParameterView<'a>>,
}

#[derive(Deserialize)]
struct MetaView<'a> {
    #[serde(borrow, default)]
    profile: Option<Vec<Option<Text<'a>>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ParameterView<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow, default)]
    resource: Option<&'a RawValue>,
    #[serde(borrow, default)]
    value_canonical: Option<&'a RawValue>,
    #[serde(borrow, default)]
    value_string: Option<&'a RawValue>,
    #[serde(borrow, default)]
    value_instant: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InputHead<'a> {
    #[serde(borrow)]
    resource_type: Text<'a>,
    #[serde(borrow)]
    id: Text<'a>,
}

#[derive(Deserialize)]
struct CoverageView<'a> {
    #[serde(borrow)]
    beneficiary: Beneficiary<'a>,
}

#[derive(Deserialize)]
struct Beneficiary<'a> {
    #[serde(borrow)]
    reference: Text<'a>,
}

impl<'a> PackageRequest<'a> {
    /// Parses and validates an input.
    pub(super) fn read(body: &'a str) -> Result<Self, InputError> {
        let view: ParametersView<'a> = view(body, "")?;
        if view.resource_type.as_str() != "Parameters" {
            return Err(JsonError::WrongType { path: "resourceType".to_owned() }.into());
        }
        if view.parameter.len() > MAX_PARAMETERS {
            return Err(InputError::TooMany { limit: MAX_PARAMETERS });
        }
        let mut request = Self {
            edition: edition(view.meta),
            coverages: Vec::new(),
            coverage_resources: Vec::new(),
            beneficiary: String::new(),
            orders: Vec::new(),
            questionnaires: Vec::new(),
            context: None,
            changed_since: None,
        };
        for (place, parameter) in view.parameter.iter().enumerate() {
            request.take(place, parameter)?;
        }
        if request.coverages.is_empty() {
            return Err(InputError::NoCoverage);
        }
        let is_asked = !(request.orders.is_empty() && request.questionnaires.is_empty() && request.context.is_none());
        if is_asked { Ok(request) } else { Err(InputError::NothingAsked) }
    }

    /// The patient's id, without the type prefix.
    pub(super) fn patient_id(&self) -> &str {
        patient_id(&self.beneficiary).unwrap_or_default()
    }

    fn take(&mut self, place: usize, parameter: &ParameterView<'a>) -> Result<(), InputError> {
        match parameter.name.as_str() {
            "coverage" => self.take_coverage(place, parameter.resource),
            "order" => {
                let raw = parameter.resource.ok_or_else(|| missing(place, "resource"))?;
                head(raw, place)?;
                self.orders.push(GivenOrder { place: Some(place), raw, policy: None });
                Ok(())
            }
            "questionnaire" => {
                self.questionnaires.push((place, value(parameter.value_canonical, place, "valueCanonical")?));
                Ok(())
            }
            "context" => {
                let context = value(parameter.value_string, place, "valueString")?;
                self.context.get_or_insert((place, context));
                Ok(())
            }
            "changedsince" => {
                let text: Text<'_> = value(parameter.value_instant, place, "valueInstant")?;
                let instant = DateTime::parse_from_rfc3339(text.as_str()).map_err(|_| wrong(place, "valueInstant"))?;
                self.changed_since.get_or_insert(instant.to_utc());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn take_coverage(&mut self, place: usize, resource: Option<&'a RawValue>) -> Result<(), InputError> {
        let raw = resource.ok_or_else(|| missing(place, "resource"))?;
        let head = head(raw, place)?;
        if head.resource_type.as_str() != "Coverage" {
            return Err(wrong(place, "resource.resourceType"));
        }
        let coverage: CoverageView<'_> = view(raw.get(), &format!("parameter[{place}].resource"))?;
        let reference = coverage.beneficiary.reference.as_str();
        let patient = patient_id(reference).ok_or_else(|| wrong(place, "resource.beneficiary.reference"))?;
        if self.coverages.is_empty() {
            reference.clone_into(&mut self.beneficiary);
        } else if patient != self.patient_id() {
            return Err(InputError::OtherPatient { path: format!("parameter[{place}].resource.beneficiary") });
        }
        self.coverages.push(format!("Coverage/{}", head.id.as_str()));
        self.coverage_resources.push(raw);
        Ok(())
    }
}

/// The type and id of a resource; both are required.
fn head(raw: &RawValue, place: usize) -> Result<InputHead<'_>, InputError> {
    let head: InputHead<'_> = view(raw.get(), &format!("parameter[{place}].resource"))?;
    if head.id.as_str().is_empty() { Err(wrong(place, "resource.id")) } else { Ok(head) }
}

fn value<'a>(raw: Option<&'a RawValue>, place: usize, member: &str) -> Result<Text<'a>, InputError> {
    let raw = raw.ok_or_else(|| missing(place, member))?;
    serde_json::from_str(raw.get()).map_err(|_| wrong(place, member))
}

fn missing(place: usize, member: &str) -> InputError {
    JsonError::Missing { path: format!("parameter[{place}].{member}") }.into()
}

fn wrong(place: usize, member: &str) -> InputError {
    JsonError::WrongType { path: format!("parameter[{place}].{member}") }.into()
}

/// Parses the JSON located at `root`. An error names the JSON path, never a value.
fn view<'a, T: Deserialize<'a>>(json: &'a str, root: &str) -> Result<T, InputError> {
    serde_json::from_str(json).map_err(|error| {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
            Err(fault) if fault.inner().is_data() => named(JsonError::at(root, &fault)),
            _ => JsonError::from(&error).into(),
        }
    })
}

/// Names the whole input by its resource type.
fn named(error: JsonError) -> InputError {
    match error {
        JsonError::WrongType { path } if path == "." => JsonError::WrongType { path: "Parameters".to_owned() }.into(),
        JsonError::NotJson { .. } | JsonError::Missing { .. } | JsonError::WrongType { .. } => error.into(),
    }
}

/// The DTR edition that the input claims to conform to.
fn edition(meta: Option<MetaView<'_>>) -> Edition {
    let profiles = meta.and_then(|meta| meta.profile).unwrap_or_default();
    let version = profiles.iter().flatten().find_map(|profile| profile.as_str().split_once(INPUT_PROFILE)).map(|(_, version)| version);
    match version {
        Some(version) if version.starts_with("2.0") || version.starts_with("2.1") => Edition::Older,
        Some(_) | None => Edition::Current,
    }
}

/// The id in a reference to a Patient: relative, absolute, or the fullUrl of a new one.
fn patient_id(reference: &str) -> Option<&str> {
    let id = reference.strip_prefix("urn:uuid:").or_else(|| {
        let (rest, id) = reference.rsplit_once('/')?;
        (rest.rsplit('/').next() == Some("Patient")).then_some(id)
    });
    id.filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beneficiary_is_a_patient_in_any_form_of_reference() {
        for (reference, id) in [
            ("Patient/p1", Some("p1")),
            ("https://ehr.example/fhir/Patient/p1", Some("p1")),
            ("urn:uuid:0190", Some("0190")),
            ("Patient/", None),
            ("Group/p1", None),
            ("APatient/p1", None),
            ("p1", None),
            ("", None),
        ] {
            assert_eq!(patient_id(reference), id, "{reference}");
        }
    }

    #[test]
    fn the_edition_is_the_one_whose_profile_is_claimed() {
        let claimed = |profiles: &str| edition(serde_json::from_str(&format!(r#"{{"profile":{profiles}}}"#)).ok());
        let profile = "http://hl7.org/fhir/us/davinci-dtr/StructureDefinition/dtr-qpackage-input-parameters";
        for (version, expected) in
            [("|2.0.1", Edition::Older), ("|2.1.0", Edition::Older), ("|2.2.0", Edition::Current), ("", Edition::Current)]
        {
            assert_eq!(claimed(&format!(r#"["http://x.example/other|2.0", null, "{profile}{version}"]"#)), expected, "{version}");
        }
        assert_eq!(edition(None), Edition::Current);
    }
}
