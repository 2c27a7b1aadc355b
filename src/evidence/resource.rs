//! One FHIR resource of the record, read in a single pass by its `resourceType`.
//! A resource whose type comes first is read as it streams by; any other, and any that does not fit, is read from
//! its raw text by [`Resource::read`], so that it harms nothing but itself.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::text::Text;
use super::views::{
    AllergyView, ConditionView, CoverageView, MedicationRequestView, MedicationStatementView, MedicationView, ObservationView,
    OrganizationView, OutcomeView, ProcedureView, ResponseView, ServiceRequestView,
};

macro_rules! resources {
    ($($variant:ident = $name:literal ($view:ident),)*) => {
        /// A resource the policy reads, or one it does not.
        #[derive(Debug)]
        pub(crate) enum Resource<'a> {
            $($variant($view<'a>),)*
            Bundle(BundleView<'a>),
            Other,
        }

        impl<'a> Resource<'a> {
            fn of_map<A: MapAccess<'a>>(kind: &str, map: A) -> Result<Self, A::Error> {
                let rest = MapAccessDeserializer::new(map);
                match kind {
                    $($name => $view::deserialize(rest).map(Self::$variant),)*
                    "Bundle" => BundleView::deserialize(rest).map(Self::Bundle),
                    _ => IgnoredAny::deserialize(rest).map(|_| Self::Other),
                }
            }

            fn of_raw(kind: &str, raw: &'a str) -> Result<Self, serde_path_to_error::Error<serde_json::Error>> {
                let mut json = serde_json::Deserializer::from_str(raw);
                match kind {
                    $($name => serde_path_to_error::deserialize(&mut json).map(Self::$variant),)*
                    _ => Ok(Self::Other),
                }
            }
        }

        /// The name of a resource type the policy reads, as FHIR spells it.
        fn known(kind: &str) -> Option<&'static str> {
            match kind {
                $($name => Some($name),)*
                "Bundle" => Some("Bundle"),
                _ => None,
            }
        }
    };
}

resources! {
    Condition = "Condition" (ConditionView),
    Procedure = "Procedure" (ProcedureView),
    MedicationStatement = "MedicationStatement" (MedicationStatementView),
    MedicationRequest = "MedicationRequest" (MedicationRequestView),
    AllergyIntolerance = "AllergyIntolerance" (AllergyView),
    Observation = "Observation" (ObservationView),
    QuestionnaireResponse = "QuestionnaireResponse" (ResponseView),
    ServiceRequest = "ServiceRequest" (ServiceRequestView),
    Coverage = "Coverage" (CoverageView),
    Organization = "Organization" (OrganizationView),
    Medication = "Medication" (MedicationView),
    OperationOutcome = "OperationOutcome" (OutcomeView),
}

/// A Bundle of the record: its entries, and whether it is only the first page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct BundleView<'a> {
    pub total: Option<u64>,
    #[serde(borrow)]
    pub link: Option<Vec<LinkView<'a>>>,
    #[serde(borrow)]
    pub entry: Option<Vec<EntryView<'a>>>,
}

/// `Bundle.link`
#[derive(Debug, Deserialize)]
pub(crate) struct LinkView<'a> {
    #[serde(borrow)]
    pub relation: Option<Text<'a>>,
}

/// `Bundle.entry`
#[derive(Debug, Deserialize)]
pub(crate) struct EntryView<'a> {
    #[serde(borrow)]
    pub resource: Option<Resource<'a>>,
}

/// A resource that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Unreadable {
    /// `Condition/c9`, or the type alone where there is no id.
    pub resource: String,
    /// What is wrong with it: the element, never its value.
    pub problem: String,
}

impl<'de: 'a, 'a> Deserialize<'de> for Resource<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ResourceVisitor)
    }
}

struct ResourceVisitor;

impl<'de> Visitor<'de> for ResourceVisitor {
    type Value = Resource<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a FHIR resource")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        match map.next_key::<Text<'de>>()? {
            Some(key) if key.as_str() == "resourceType" => {
                let kind = map.next_value::<Text<'de>>()?;
                Resource::of_map(kind.as_str(), map)
            }
            Some(_) | None => Err(A::Error::custom("resourceType is not the first member")),
        }
    }
}

/// What every resource says of itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity<'a> {
    #[serde(borrow)]
    resource_type: Option<Text<'a>>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
}

/// A Bundle whose entries are still raw.
#[derive(Deserialize)]
struct RawBundle<'a> {
    #[serde(default)]
    total: Option<u64>,
    #[serde(borrow, default)]
    link: Option<Vec<LinkView<'a>>>,
    #[serde(borrow, default)]
    entry: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct RawEntry<'a> {
    #[serde(borrow, default)]
    resource: Option<&'a RawValue>,
}

impl<'a> Resource<'a> {
    /// Reads a resource from its raw text, each entry of a Bundle on its own; what cannot be read is noted.
    pub(crate) fn read(raw: &'a RawValue, unreadable: &mut Vec<Unreadable>) -> Self {
        let identity = serde_json::from_str::<Identity<'_>>(raw.get());
        let kind = identity.as_ref().ok().and_then(|identity| known(identity.resource_type.as_ref()?.as_str()));
        let result = match (&identity, kind) {
            (Err(_), _) => Err("not a FHIR resource".to_owned()),
            (Ok(identity), _) if identity.resource_type.is_none() => Err("`resourceType` is missing".to_owned()),
            (Ok(_), None) => Ok(Self::Other),
            (Ok(_), Some("Bundle")) => Self::read_bundle(raw, unreadable),
            (Ok(_), Some(kind)) => Self::of_raw(kind, raw.get()).map_err(|error| {
                let path = error.path().to_string();
                if path == "." {
                    format!("not a {kind} as FHIR R4 writes it")
                } else {
                    format!("`{kind}.{path}` is not as FHIR R4 writes it")
                }
            }),
        };
        result.unwrap_or_else(|problem| {
            let id = identity.ok().and_then(|identity| identity.id).and_then(|id| serde_json::from_str::<String>(id.get()).ok());
            let kind = kind.unwrap_or("Resource");
            let resource = id.map_or_else(|| kind.to_owned(), |id| format!("{kind}/{id}"));
            unreadable.push(Unreadable { resource, problem });
            Self::Other
        })
    }

    fn read_bundle(raw: &'a RawValue, unreadable: &mut Vec<Unreadable>) -> Result<Self, String> {
        let bundle: RawBundle<'a> = serde_json::from_str(raw.get()).map_err(|_| "not a Bundle as FHIR R4 writes it".to_owned())?;
        let mut entries = Vec::new();
        for entry in bundle.entry.into_iter().flatten() {
            match serde_json::from_str::<RawEntry<'a>>(entry.get()) {
                Ok(entry) => entries.push(EntryView { resource: entry.resource.map(|resource| Self::read(resource, unreadable)) }),
                Err(_) => unreadable.push(Unreadable { resource: "Bundle".to_owned(), problem: "an entry is not an object".to_owned() }),
            }
        }
        Ok(Self::Bundle(BundleView { total: bundle.total, link: bundle.link, entry: Some(entries) }))
    }
}

/// Reads `raw` as the view of a resource that stands inside another one, whatever its type says.
pub(crate) fn view<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}
