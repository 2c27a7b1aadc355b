//! One FHIR resource of the record, deserialized in a single pass by its `resourceType`.
//! Members before `resourceType` are buffered as raw JSON, except `entry`, which is always deserialized as it streams.
//! [`Resource::read`] rereads a malformed resource from its raw text, so that it does not affect the others.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::buffered_map::BufferedMap;
use super::kind::Kind;
use super::text::Text;
use super::unread::UnreadView;
use super::views::{
    AllergyView, ConditionView, CoverageView, MedicationRequestView, MedicationStatementView, MedicationView, ObservationView,
    OrganizationView, OutcomeView, PatientView, PractitionerRoleView, PractitionerView, ProcedureView, ResponseView, ServiceRequestView,
};

/// How many Bundles may enclose a Bundle that is not readable in one pass. FHIR nests at most 1 level (a batch response).
/// The caller controls the depth, and each level costs stack and another pass over the text.
const DEEPEST_BUNDLE: usize = 4;

macro_rules! resources {
    ($($variant:ident = $name:literal ($view:ident),)*) => {
        /// A FHIR resource, by type; [`Self::Other`] if the policy does not read its type.
        #[derive(Debug)]
        pub(crate) enum Resource<'a> {
            // Boxed: a view is up to half a kilobyte, and is moved about six times on its way into the record.
            $($variant(Box<$view<'a>>),)*
            Bundle(BundleView<'a>),
            /// A malformed resource of a type in [`READ_IN_PARTS`].
            Unread(Box<UnreadView<'a>>),
            Other,
        }

        impl<'a> Resource<'a> {
            fn of_map<A: MapAccess<'a>>(kind: &str, map: A) -> Result<Self, A::Error> {
                let rest = MapAccessDeserializer::new(map);
                match kind {
                    $($name => $view::deserialize(rest).map(Box::new).map(Self::$variant),)*
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

        /// The FHIR name of a resource type that the policy reads, or `None`.
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
    Patient = "Patient" (PatientView),
    Practitioner = "Practitioner" (PractitionerView),
    PractitionerRole = "PractitionerRole" (PractitionerRoleView),
    OperationOutcome = "OperationOutcome" (OutcomeView),
}

/// The types whose malformed resources are still read, member by member.
const READ_IN_PARTS: [&str; 3] = ["Condition", "Procedure", "ServiceRequest"];

/// A Bundle of the record: its entries, and the links that show whether more pages follow.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct BundleView<'a> {
    #[serde(borrow)]
    pub total: Option<&'a RawValue>,
    #[serde(borrow)]
    pub link: Option<Vec<LinkView<'a>>>,
    #[serde(borrow)]
    pub entry: Option<Vec<BundleEntryView<'a>>>,
}

/// `Bundle.link`
#[derive(Debug, Deserialize)]
pub(crate) struct LinkView<'a> {
    #[serde(borrow)]
    pub relation: Option<Text<'a>>,
}

/// `Bundle.entry`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BundleEntryView<'a> {
    #[serde(borrow, default)]
    pub full_url: Option<Text<'a>>,
    #[serde(borrow)]
    pub resource: Option<Resource<'a>>,
}

/// A resource that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Unreadable {
    /// `Condition/c9`, or only the type if there is no id.
    pub resource: String,
    /// What is wrong. Names the element, never its value.
    pub problem: String,
}

impl Unreadable {
    /// No resource type's name and its slash have more characters.
    pub(crate) const MAX_TYPE_CHARS: usize = 40;
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
        let mut passed = Vec::new();
        let mut entries: Option<Vec<BundleEntryView<'de>>> = None;
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match key.as_str() {
                "resourceType" => {
                    let kind = map.next_value::<Text<'de>>()?;
                    return Resource::of_map(kind.as_str(), BufferedMap::new(passed, map))?.with_entries(entries);
                }
                // Not buffered: raw text would be parsed again at each nesting level, bypassing serde_json's recursion limit.
                "entry" if entries.is_none() => entries = Some(map.next_value::<Option<_>>()?.unwrap_or_default()),
                _ => passed.push((key, map.next_value()?)),
            }
        }
        Err(A::Error::missing_field("resourceType"))
    }
}

/// The elements that identify any resource.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity<'a> {
    #[serde(borrow)]
    resource_type: Option<Text<'a>>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
}

/// A Bundle with raw entries.
#[derive(Deserialize)]
struct RawBundle<'a> {
    #[serde(borrow, default)]
    total: Option<&'a RawValue>,
    #[serde(borrow, default)]
    link: Option<Vec<LinkView<'a>>>,
    #[serde(borrow, default)]
    entry: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawEntry<'a> {
    #[serde(borrow, default)]
    full_url: Option<Text<'a>>,
    #[serde(borrow, default)]
    resource: Option<&'a RawValue>,
}

impl<'a> Resource<'a> {
    /// Sets a Bundle's entries that preceded its `resourceType`.
    fn with_entries<E: serde::de::Error>(self, entries: Option<Vec<BundleEntryView<'a>>>) -> Result<Self, E> {
        match (self, entries) {
            (Self::Bundle(BundleView { entry: Some(_), .. }), Some(_)) => Err(E::duplicate_field("entry")),
            (Self::Bundle(bundle), Some(entries)) => Ok(Self::Bundle(BundleView { entry: Some(entries), ..bundle })),
            (resource, _) => Ok(resource),
        }
    }

    /// Sets the `fullUrl` of the resource's Bundle entry, for types that references can name by it.
    pub(crate) fn at(mut self, full_url: Option<Text<'a>>) -> Self {
        match &mut self {
            Self::Condition(view) => view.full_url = full_url,
            Self::Medication(view) => view.full_url = full_url,
            Self::Organization(view) => view.full_url = full_url,
            Self::Practitioner(view) => view.full_url = full_url,
            Self::PractitionerRole(view) => view.full_url = full_url,
            Self::Coverage(view) => view.full_url = full_url,
            Self::Procedure(_)
            | Self::MedicationStatement(_)
            | Self::MedicationRequest(_)
            | Self::AllergyIntolerance(_)
            | Self::Observation(_)
            | Self::QuestionnaireResponse(_)
            | Self::ServiceRequest(_)
            | Self::OperationOutcome(_)
            | Self::Patient(_)
            | Self::Bundle(_)
            | Self::Unread(_)
            | Self::Other => {}
        }
        self
    }

    /// The list the resource belongs to.
    pub(crate) fn kind(&self) -> Option<Kind> {
        self.kind_and_id().0
    }

    /// The resource's id, if it belongs to a list and has one.
    pub(crate) fn id(&self) -> Option<&Text<'a>> {
        self.kind_and_id().1
    }

    fn kind_and_id(&self) -> (Option<Kind>, Option<&Text<'a>>) {
        let (kind, id) = match self {
            Self::Condition(view) => (Kind::Conditions, &view.id),
            Self::Procedure(view) => (Kind::Procedures, &view.id),
            Self::MedicationStatement(view) => (Kind::MedicationStatements, &view.id),
            Self::MedicationRequest(view) => (Kind::MedicationRequests, &view.id),
            Self::AllergyIntolerance(view) => (Kind::Allergies, &view.id),
            Self::Observation(view) => (Kind::Observations, &view.id),
            Self::QuestionnaireResponse(view) => (Kind::QuestionnaireResponses, &view.id),
            Self::ServiceRequest(view) => (Kind::ServiceRequests, &view.id),
            Self::Coverage(view) => (Kind::Coverage, &view.id),
            Self::Unread(view) => return (Kind::from_resource_type(view.kind), view.id.as_ref()),
            Self::Organization(_)
            | Self::Medication(_)
            | Self::Patient(_)
            | Self::Practitioner(_)
            | Self::PractitionerRole(_)
            | Self::OperationOutcome(_)
            | Self::Bundle(_)
            | Self::Other => return (None, None),
        };
        (Some(kind), id.as_ref())
    }

    /// Reads a resource that is not expected to be a Bundle: a malformed Bundle is not read entry by entry.
    pub(crate) fn read_single(raw: &'a RawValue, unreadable: &mut Vec<Unreadable>) -> Self {
        Self::read_within(DEEPEST_BUNDLE + 1, raw, unreadable)
    }

    /// Reads a resource from its raw text. Reads a malformed Bundle entry by entry, and records what is unreadable.
    pub(crate) fn read(raw: &'a RawValue, unreadable: &mut Vec<Unreadable>) -> Self {
        Self::read_within(0, raw, unreadable)
    }

    fn read_within(bundles: usize, raw: &'a RawValue, unreadable: &mut Vec<Unreadable>) -> Self {
        serde_json::from_str(raw.get()).unwrap_or_else(|_| Self::read_piecewise(bundles, raw, unreadable))
    }

    fn read_piecewise(bundles: usize, raw: &'a RawValue, unreadable: &mut Vec<Unreadable>) -> Self {
        let identity = serde_json::from_str::<Identity<'_>>(raw.get());
        let kind = identity.as_ref().ok().and_then(|identity| known(identity.resource_type.as_ref()?.as_str()));
        let result = match (&identity, kind) {
            (Err(_), _) => Err("not a FHIR resource".to_owned()),
            (Ok(identity), _) if identity.resource_type.is_none() => Err("`resourceType` is missing".to_owned()),
            (Ok(_), None) => Ok(Self::Other),
            (Ok(_), Some("Bundle")) if bundles > DEEPEST_BUNDLE => Err("Bundles lie too deep in each other".to_owned()),
            (Ok(_), Some("Bundle")) => Self::read_bundle(bundles, raw, unreadable),
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
            unreadable.push(Unreadable { resource, problem: problem.clone() });
            if READ_IN_PARTS.contains(&kind) { Self::Unread(Box::new(UnreadView::new(kind, raw, problem))) } else { Self::Other }
        })
    }

    fn read_bundle(bundles: usize, raw: &'a RawValue, unreadable: &mut Vec<Unreadable>) -> Result<Self, String> {
        let bundle: RawBundle<'a> = serde_json::from_str(raw.get()).map_err(|_| "not a Bundle as FHIR R4 writes it".to_owned())?;
        let mut entries = Vec::new();
        for entry in bundle.entry.into_iter().flatten() {
            match serde_json::from_str::<RawEntry<'a>>(entry.get()) {
                Ok(RawEntry { full_url, resource }) => {
                    let resource = resource.map(|resource| Self::read_within(bundles + 1, resource, unreadable));
                    entries.push(BundleEntryView { full_url, resource });
                }
                Err(_) => unreadable.push(Unreadable { resource: "Bundle".to_owned(), problem: "an entry is not an object".to_owned() }),
            }
        }
        Ok(Self::Bundle(BundleView { total: bundle.total, link: bundle.link, entry: Some(entries) }))
    }
}

/// Reads `raw`, which is nested in another resource, as the view `T`. Does not check its `resourceType`.
pub(crate) fn view<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}
