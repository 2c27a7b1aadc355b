//! Borrowed views of the FHIR R4 resources the policy reads, each with only the elements it needs.
//! Other elements are skipped and not stored. `null` is treated as absent.
//! Not here: the meaning of the elements; see the files named after the facts.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::lenient::{Lenient, List};
use super::lenient_views::{DispenseView, DosageView, ItemView};
use super::text::Text;

/// A view that deserializes only from a JSON object.
pub(crate) trait ReadObject<'de>: Sized {
    fn read_object<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error>;
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: ReadObject<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::read_object(map)
    }
}

macro_rules! views {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Default, Deserialize)]
            // Deserialized through `ObjectVisitor`, because serde's derived implementation also accepts an array.
            #[serde(rename_all = "camelCase", default, remote = "Self")]
            #[allow(clippy::struct_field_names, reason = "the names are FHIR's")]
            pub(crate) struct $name<'a> {
                $(#[serde(borrow)] pub $field: Option<$kind>,)*
            }

            impl<'de: 'a, 'a> Deserialize<'de> for $name<'a> {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    deserializer.deserialize_map(ObjectVisitor(PhantomData))
                }
            }

            impl<'de: 'a, 'a> ReadObject<'de> for $name<'a> {
                fn read_object<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
                    // The derived function; `remote` makes it an inherent function.
                    $name::deserialize(MapAccessDeserializer::new(map))
                }
            }
        )*
    };
}

views! {
    /// `Condition`
    ConditionView {
        // From the Bundle entry, not the resource; `Resource::at` sets it.
        full_url: Text<'a>,
        id: Text<'a>,
        subject: ReferenceView<'a>,
        clinical_status: ConceptView<'a>,
        verification_status: ConceptView<'a>,
        category: List<ConceptView<'a>>,
        code: ConceptView<'a>,
        onset_date_time: Text<'a>,
        onset_period: PeriodView<'a>,
        recorded_date: Text<'a>,
        abatement_date_time: Text<'a>,
        abatement_age: AnyObject<'a>,
        abatement_period: AnyObject<'a>,
        abatement_range: AnyObject<'a>,
        abatement_string: Text<'a>,
    }

    /// `Procedure`
    ProcedureView {
        id: Text<'a>,
        subject: ReferenceView<'a>,
        status: Text<'a>,
        code: ConceptView<'a>,
        body_site: List<ConceptView<'a>>,
        performed_date_time: Text<'a>,
        performed_period: PeriodView<'a>,
        reason_code: List<ConceptView<'a>>,
        reason_reference: List<ReferenceView<'a>>,
        extension: List<ExtensionView<'a>>,
        contained: List<&'a RawValue>,
    }

    /// `MedicationStatement`
    MedicationStatementView {
        id: Text<'a>,
        subject: ReferenceView<'a>,
        status: Text<'a>,
        medication_codeable_concept: ConceptView<'a>,
        medication_reference: ReferenceView<'a>,
        effective_date_time: Text<'a>,
        effective_period: PeriodView<'a>,
        reason_code: List<ConceptView<'a>>,
        reason_reference: List<ReferenceView<'a>>,
        dosage: List<Lenient<DosageView<'a>>>,
        contained: List<&'a RawValue>,
    }

    /// `MedicationRequest`
    MedicationRequestView {
        id: Text<'a>,
        subject: ReferenceView<'a>,
        status: Text<'a>,
        intent: Text<'a>,
        do_not_perform: Flag<'a>,
        medication_codeable_concept: ConceptView<'a>,
        medication_reference: ReferenceView<'a>,
        authored_on: Text<'a>,
        dispense_request: Lenient<DispenseView<'a>>,
        dosage_instruction: List<Lenient<DosageView<'a>>>,
        reason_code: List<ConceptView<'a>>,
        reason_reference: List<ReferenceView<'a>>,
        contained: List<&'a RawValue>,
    }

    /// `Timing`
    TimingView {
        event: List<Text<'a>>,
        repeat: RepeatView<'a>,
    }

    /// `Timing.repeat`
    RepeatView {
        bounds_period: PeriodView<'a>,
    }

    /// `AllergyIntolerance`
    AllergyView {
        id: Text<'a>,
        patient: ReferenceView<'a>,
        clinical_status: ConceptView<'a>,
        verification_status: ConceptView<'a>,
        code: ConceptView<'a>,
        recorded_date: Text<'a>,
    }

    /// `Observation`
    ObservationView {
        id: Text<'a>,
        subject: ReferenceView<'a>,
        status: Text<'a>,
        code: ConceptView<'a>,
        body_site: ConceptView<'a>,
        effective_date_time: Text<'a>,
        effective_period: PeriodView<'a>,
        issued: Text<'a>,
        value_boolean: Flag<'a>,
        value_integer: Number<'a>,
        value_quantity: QuantityView<'a>,
        value_codeable_concept: ConceptView<'a>,
        interpretation: List<ConceptView<'a>>,
    }

    /// `QuestionnaireResponse`
    ResponseView {
        id: Text<'a>,
        subject: ReferenceView<'a>,
        status: Text<'a>,
        questionnaire: Text<'a>,
        authored: Text<'a>,
        item: List<Lenient<ItemView<'a>>>,
    }

    /// `ServiceRequest`
    ServiceRequestView {
        id: Text<'a>,
        status: Text<'a>,
        intent: Text<'a>,
        replaces: List<ReferenceView<'a>>,
        do_not_perform: Flag<'a>,
        subject: ReferenceView<'a>,
        code: ConceptView<'a>,
        body_site: List<ConceptView<'a>>,
        occurrence_date_time: Text<'a>,
        occurrence_period: PeriodView<'a>,
        occurrence_timing: TimingView<'a>,
        authored_on: Text<'a>,
        reason_code: List<ConceptView<'a>>,
        reason_reference: List<ReferenceView<'a>>,
        insurance: List<ReferenceView<'a>>,
        performer_type: ConceptView<'a>,
        performer: List<ReferenceView<'a>>,
        extension: List<ExtensionView<'a>>,
        contained: List<&'a RawValue>,
    }

    /// `Appointment`
    AppointmentView {
        id: Text<'a>,
        status: Text<'a>,
        service_type: List<ConceptView<'a>>,
        reason_code: List<ConceptView<'a>>,
        reason_reference: List<ReferenceView<'a>>,
        start: Text<'a>,
        requested_period: List<PeriodView<'a>>,
        based_on: List<ReferenceView<'a>>,
        participant: List<ParticipantView<'a>>,
        contained: List<&'a RawValue>,
    }

    /// `Appointment.participant`
    ParticipantView {
        actor: ReferenceView<'a>,
    }

    /// `Task`
    TaskView {
        focus: ReferenceView<'a>,
        restriction: RestrictionView<'a>,
        execution_period: PeriodView<'a>,
    }

    /// `Task.restriction`
    RestrictionView {
        period: PeriodView<'a>,
    }

    /// `Patient`
    PatientView {
        id: Text<'a>,
        birth_date: Text<'a>,
    }

    /// `Practitioner`
    PractitionerView {
        full_url: Text<'a>,
        id: Text<'a>,
        qualification: List<QualificationView<'a>>,
        specialty: List<ConceptView<'a>>,
    }

    /// `Practitioner.qualification`
    QualificationView {
        code: ConceptView<'a>,
    }

    /// `PractitionerRole`
    PractitionerRoleView {
        full_url: Text<'a>,
        id: Text<'a>,
        code: List<ConceptView<'a>>,
        specialty: List<ConceptView<'a>>,
    }

    /// `Coverage`
    CoverageView {
        full_url: Text<'a>,
        id: Text<'a>,
        status: Text<'a>,
        r#type: ConceptView<'a>,
        class: &'a RawValue,
        beneficiary: ReferenceView<'a>,
        period: PeriodView<'a>,
        payor: List<PayorView<'a>>,
        contained: List<&'a RawValue>,
    }

    /// `Coverage.payor`. The identifier stays raw until needed, so a malformed one does not affect the rest of the Coverage.
    PayorView {
        reference: Text<'a>,
        identifier: &'a RawValue,
        display: Text<'a>,
    }

    /// `Organization`. The identifiers stay raw until needed.
    OrganizationView {
        full_url: Text<'a>,
        id: Text<'a>,
        identifier: &'a RawValue,
        name: Text<'a>,
    }

    /// `Identifier`
    IdentifierView {
        system: Text<'a>,
        value: Text<'a>,
    }

    /// `Medication`
    MedicationView {
        full_url: Text<'a>,
        id: Text<'a>,
        code: ConceptView<'a>,
    }

    /// `OperationOutcome`
    OutcomeView {
        issue: List<IssueView<'a>>,
    }

    /// `OperationOutcome.issue`
    IssueView {
        severity: Text<'a>,
        code: Text<'a>,
    }

    /// `Reference`
    ReferenceView {
        reference: Text<'a>,
    }

    /// `CodeableConcept`
    ConceptView {
        coding: List<CodingView<'a>>,
        text: Text<'a>,
        extension: List<ExtensionView<'a>>,
    }

    /// `Coding`
    CodingView {
        system: Text<'a>,
        code: Text<'a>,
        display: Text<'a>,
        extension: List<ExtensionView<'a>>,
    }

    /// `Extension`, only the values that can contain a code
    ExtensionView {
        value_coding: CodingView<'a>,
        value_codeable_concept: ConceptView<'a>,
        value_code: Text<'a>,
    }

    /// `Period`
    PeriodView {
        start: Text<'a>,
        end: Text<'a>,
    }

    /// `Quantity` and `Duration`
    QuantityView {
        value: Number<'a>,
        comparator: Text<'a>,
        unit: Text<'a>,
        code: Text<'a>,
    }
}

/// An object of which only the presence matters.
#[derive(Debug)]
pub(crate) struct AnyObject<'a>(PhantomData<&'a ()>);

impl<'de> Deserialize<'de> for AnyObject<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

impl<'de> ReadObject<'de> for AnyObject<'_> {
    fn read_object<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        IgnoredAny::deserialize(MapAccessDeserializer::new(map)).map(|_| Self(PhantomData))
    }
}

/// A FHIR boolean.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flag<'a>(pub bool, PhantomData<&'a ()>);

impl<'de> Deserialize<'de> for Flag<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        bool::deserialize(deserializer).map(|value| Self(value, PhantomData))
    }
}

/// A FHIR integer or decimal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number<'a>(pub f64, PhantomData<&'a ()>);

impl<'de> Deserialize<'de> for Number<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        f64::deserialize(deserializer).map(|value| Self(value, PhantomData))
    }
}

impl<'a> ConceptView<'a> {
    /// The concept's codings.
    pub(crate) fn codings(&self) -> impl Iterator<Item = &CodingView<'a>> {
        self.coding.iter().flatten()
    }
}

impl CodingView<'_> {
    /// The coding system, or an empty string.
    pub(crate) fn system(&self) -> &str {
        self.system.as_ref().map_or("", Text::as_str)
    }

    /// The code, or an empty string.
    pub(crate) fn code(&self) -> &str {
        self.code.as_ref().map_or("", Text::as_str)
    }
}
