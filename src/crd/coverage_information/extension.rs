//! Writes coverage information as FHIR extensions, in the form of CRD 2.2.1 or 2.0.1.
//! Not here: what is asserted ([`super::mapping`]), and how it gets into the order ([`super::existing`]).

use chrono::NaiveDate;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};

use super::super::crd_version::CrdVersion;
use super::super::policy_link::policy_link;
use super::super::presentation::CardCase;
use super::assertion::{CoverageAssertion, PlanContact};
use super::billing_codes::billing_codes;
use super::repetition::{AllowedPeriod, Basis, CoverageReason, RepeatedAuthorization, Repetition};
use super::{line, mapping, version_2_0};
use crate::cds_hooks::OrderJson;
use crate::policy::{CardText, each_once};

/// The extension's URL, the same in every version.
pub const COVERAGE_INFORMATION: &str = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-coverage-information";

/// The guide's own code systems; 2.2 has a second one for details.
const CODES: &str = "http://hl7.org/fhir/us/davinci-crd/CodeSystem/temp";
const DETAIL_CODES: &str = "http://terminology.hl7.org/CodeSystem/crd-coverage-detail";

/// Maximum number of policy links; more would not help the reader.
const MAX_LINKS: usize = 3;

/// An extension with either a value or nested extensions.
#[derive(Debug)]
pub(super) struct Extension {
    url: &'static str,
    content: ExtensionContent,
}

#[derive(Debug)]
enum ExtensionContent {
    /// The name of the value member, such as `valueCode`, and the value.
    Value(&'static str, Value),
    Parts(Vec<Extension>),
}

impl Serialize for Extension {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(Some(2))?;
        // Members are in alphabetical order, as in all JSON this service writes.
        if let ExtensionContent::Parts(parts) = &self.content {
            members.serialize_entry("extension", parts)?;
        }
        members.serialize_entry("url", self.url)?;
        if let ExtensionContent::Value(name, value) = &self.content {
            members.serialize_entry(name, value)?;
        }
        members.end()
    }
}

/// The extensions for one order and Coverage, one per repetition.
pub(super) fn extensions(case: &CardCase<'_, '_, '_>, assertion: &CoverageAssertion<'_>, order: &OrderJson<'_>) -> Vec<Extension> {
    let codes = billing_codes(case.policy, order);
    let adapted = |repetition| match assertion.version {
        CrdVersion::V2_0 => version_2_0::adapted(case, repetition),
        CrdVersion::V2_2 => repetition,
    };
    let written = |repetition| ExtensionWriter { case, assertion, repetition }.extension(&codes);
    mapping::repetitions(case, assertion).into_iter().map(adapted).map(written).collect()
}

/// One repetition with the context needed to write it.
struct ExtensionWriter<'w, 'p, 'e, 'a> {
    case: &'w CardCase<'p, 'e, 'a>,
    assertion: &'w CoverageAssertion<'w>,
    repetition: Repetition<'w>,
}

/// Purpose of the documentation: it stays in the chart. `withpa` would be more accurate if a reviewer decides, but invariant crd-ci-q4, as
/// the guide writes it, never holds when `withpa` is present.
const RETAINED: &str = "retain-doc";

impl ExtensionWriter<'_, '_, '_, '_> {
    fn extension(&self, codes: &[Value]) -> Extension {
        let coverage = json!({"reference": self.assertion.coverage});
        let mut parts = vec![part("coverage", "valueReference", coverage)];
        parts.extend(self.decisions());
        parts.extend(codes.iter().map(|coding| part("billingCode", "valueCoding", coding.clone())));
        parts.extend(self.repetition.reasons.iter().flat_map(|reason| self.reason(reason)));
        parts.extend(self.details());
        parts.extend(self.repetition.is_to_be_documented.then(|| part("questionnaire", "valueCanonical", self.assertion.questionnaire)));
        parts.extend(self.about_the_assertion());
        Extension { url: COVERAGE_INFORMATION, content: ExtensionContent::Parts(parts) }
    }

    fn decisions(&self) -> impl Iterator<Item = Extension> {
        let repetition = &self.repetition;
        let code = |url, code: &str| part(url, "valueCode", code);
        let documented = repetition.is_to_be_documented;
        [
            Some(code("covered", repetition.covered.code())),
            repetition.authorization.map(|authorization| code("pa-needed", authorization.code())),
            documented.then(|| code("doc-needed", "clinical")),
            documented.then(|| code("doc-purpose", RETAINED)),
            repetition.is_conditional().then(|| code("info-needed", "OTH")),
        ]
        .into_iter()
        .flatten()
    }

    /// The reason, plus a separate `reasonCode` for clients that read only the code.
    fn reason(&self, reason: &CoverageReason) -> impl Iterator<Item = Extension> + use<> {
        let coding = reason.code.map(|code| json!({"system": CODES, "code": code.code(), "display": code.display()}));
        let concept = match &coding {
            Some(coding) => json!({"coding": [coding], "text": reason.text}),
            None => json!({"text": reason.text}),
        };
        let again = coding.filter(|_| self.assertion.with_reason_code).map(|coding| part("reasonCode", "valueCoding", coding));
        [part("reason", "valueCodeableConcept", concept)].into_iter().chain(again)
    }

    fn details(&self) -> Vec<Extension> {
        let period = self.repetition.period.map(|period| match period {
            AllowedPeriod::From(first) => json!({"start": first}),
            AllowedPeriod::Within(first, last) => json!({"start": first, "end": last}),
            AllowedPeriod::Until(last) => json!({"end": last}),
        });
        let period = period.map(|period| self.detail(DetailCode::AllowedPeriod, "valuePeriod", period));
        let instructions = self.repetition.instructions.iter();
        let instructions = instructions.map(|text| self.detail(DetailCode::Instructions, "valueString", line(text)));
        let kind = if self.is_2_0() { "valueString" } else { "valueUrl" };
        let links = self.links().into_iter().map(|link| self.detail(DetailCode::PolicyLink, kind, link));
        period.into_iter().chain(instructions).chain(links).collect()
    }

    /// 2.0.1 has no category, and of these codes only the first.
    fn detail(&self, code: DetailCode, kind: &'static str, value: impl Into<Value>) -> Extension {
        let category = (!self.is_2_0()).then(|| part("category", "valueCode", code.category()));
        let systems: &[&str] = match (self.assertion.version, code) {
            (CrdVersion::V2_2, _) => &[DETAIL_CODES, CODES],
            (CrdVersion::V2_0, DetailCode::AllowedPeriod) => &[CODES],
            (CrdVersion::V2_0, DetailCode::Instructions | DetailCode::PolicyLink) => &[],
        };
        let codings: Vec<_> = systems.iter().map(|system| json!({"system": system, "code": code.code()})).collect();
        let text = self.case.say(code.words(), &[]);
        let concept = if codings.is_empty() { json!({"text": text}) } else { json!({"coding": codings, "text": text}) };
        let parts = [part("code", "valueCodeableConcept", concept), part("value", kind, value)];
        Extension { url: "detail", content: ExtensionContent::Parts(category.into_iter().chain(parts).collect()) }
    }

    /// One link per page that contains a deciding criterion.
    fn links(&self) -> Vec<String> {
        let (Some(url), Basis::Policy(criteria)) = (self.assertion.policy_url, &self.repetition.basis) else { return Vec::new() };
        let mut links = each_once(criteria.iter().map(|criterion| policy_link(url, Some(criterion))));
        if links.is_empty() {
            links.push(policy_link(url, None));
        }
        links.truncate(MAX_LINKS);
        links
    }

    /// Date, id, contact and expiry of the assertion.
    fn about_the_assertion(&self) -> Vec<Extension> {
        let date = part("date", "valueDate", json!(self.today()));
        let mut parts = vec![date, part("coverage-assertion-id", "valueString", self.assertion.assertion_id)];
        if let Some(RepeatedAuthorization::Satisfied(number)) = self.repetition.authorization {
            parts.push(part("satisfied-pa-id", "valueString", number));
        }
        parts.extend(self.assertion.contact.into_iter().flat_map(|contact| self.contact(contact)));
        parts.extend(self.expiry().map(|date| part("expiry-date", "valueDate", json!(date))));
        parts
    }

    /// 2.2 has one contact with several contact points. 2.0.1 has one contact point per entry and no place for a name.
    fn contact(&self, contact: &PlanContact) -> Vec<Extension> {
        let telecom = telecom(contact);
        if self.is_2_0() {
            return telecom.into_iter().map(|point| part("contact", "valueContactPoint", point)).collect();
        }
        let name = contact.name.as_ref().filter(|name| !name.trim().is_empty()).map(|name| ("name".to_owned(), json!(name)));
        let telecom = (!telecom.is_empty()).then(|| ("telecom".to_owned(), Value::Array(telecom)));
        let members: serde_json::Map<_, _> = name.into_iter().chain(telecom).collect();
        if members.is_empty() { Vec::new() } else { vec![part("contact", "valueContactDetail", members)] }
    }

    /// The earlier of the Coverage's last day and the policy's next review, ignoring past dates. None if the basis is membership, which is
    /// known only as of the call, and none in 2.0.1, which has no expiry date.
    fn expiry(&self) -> Option<NaiveDate> {
        if self.is_2_0() || self.repetition.basis == Basis::Membership {
            return None;
        }
        let days = [self.assertion.period_end, self.case.policy.next_review].into_iter().flatten();
        days.filter(|day| *day >= self.today()).min()
    }

    fn today(&self) -> NaiveDate {
        self.case.evaluation.as_of.date_naive()
    }

    fn is_2_0(&self) -> bool {
        self.assertion.version == CrdVersion::V2_0
    }
}

/// The kind of a detail.
#[derive(Clone, Copy, Debug)]
enum DetailCode {
    AllowedPeriod,
    Instructions,
    PolicyLink,
}

impl DetailCode {
    fn code(self) -> &'static str {
        match self {
            Self::AllowedPeriod => "allowed-period",
            Self::Instructions => "instructions",
            Self::PolicyLink => "policy-link",
        }
    }

    fn category(self) -> &'static str {
        match self {
            Self::AllowedPeriod => "cat-limitation",
            Self::Instructions | Self::PolicyLink => "cat-other",
        }
    }

    fn words(self) -> CardText {
        match self {
            Self::AllowedPeriod => CardText::DetailPeriod,
            Self::Instructions => CardText::DetailInstructions,
            Self::PolicyLink => CardText::DetailPolicyLink,
        }
    }
}

fn part(url: &'static str, kind: &'static str, value: impl Into<Value>) -> Extension {
    Extension { url, content: ExtensionContent::Value(kind, value.into()) }
}

fn telecom(contact: &PlanContact) -> Vec<Value> {
    let ways = [("phone", &contact.phone), ("email", &contact.email), ("url", &contact.url)];
    let known = ways.into_iter().filter_map(|(system, value)| Some((system, value.as_deref()?)));
    known.filter(|(_, value)| !value.trim().is_empty()).map(|(system, value)| json!({"system": system, "value": value})).collect()
}
