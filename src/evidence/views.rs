//! Borrowed views of the FHIR R4 resources the policy reads, each with just the elements it needs.
//! Every other element is skipped without being kept. `null` is as if absent.
//! Not here: what the elements mean; see the files named after the facts.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::text::Text;

macro_rules! views {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Default, Deserialize)]
            #[serde(rename_all = "camelCase", default)]
            pub(crate) struct $name<'a> {
                $(#[serde(borrow)] pub $field: Option<$kind>,)*
            }
        )*
    };
}

views! {
    /// `Condition`
    ConditionView {
        // Of the Bundle's entry, not of the resource: put in when the entry is read.
        full_url: Text<'a>,
        id: Text<'a>,
        subject: ReferenceView<'a>,
        clinical_status: ConceptView<'a>,
        verification_status: ConceptView<'a>,
        code: ConceptView<'a>,
        onset_date_time: Text<'a>,
        onset_period: PeriodView<'a>,
        recorded_date: Text<'a>,
        abatement_date_time: Presence<'a>,
        abatement_age: Presence<'a>,
        abatement_period: Presence<'a>,
        abatement_range: Presence<'a>,
        abatement_string: Presence<'a>,
    }

    /// `Procedure`
    ProcedureView {
        id: Text<'a>,
        subject: ReferenceView<'a>,
        status: Text<'a>,
        code: ConceptView<'a>,
        body_site: Vec<ConceptView<'a>>,
        performed_date_time: Text<'a>,
        performed_period: PeriodView<'a>,
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
        contained: Vec<&'a RawValue>,
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
        dispense_request: DispenseView<'a>,
        dosage_instruction: Vec<DosageView<'a>>,
        contained: Vec<&'a RawValue>,
    }

    /// `MedicationRequest.dispenseRequest`
    DispenseView {
        validity_period: PeriodView<'a>,
        expected_supply_duration: QuantityView<'a>,
    }

    /// `Dosage`
    DosageView {
        timing: TimingView<'a>,
    }

    /// `Timing`
    TimingView {
        event: Vec<Text<'a>>,
        repeat: RepeatView<'a>,
    }

    /// `Timing.repeat`
    RepeatView {
        bounds_duration: QuantityView<'a>,
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
        effective_date_time: Text<'a>,
        effective_period: PeriodView<'a>,
        issued: Text<'a>,
        value_boolean: Flag<'a>,
        value_integer: Number<'a>,
        value_quantity: QuantityView<'a>,
        value_codeable_concept: ConceptView<'a>,
        interpretation: Vec<ConceptView<'a>>,
    }

    /// `QuestionnaireResponse`
    ResponseView {
        id: Text<'a>,
        subject: ReferenceView<'a>,
        status: Text<'a>,
        questionnaire: Text<'a>,
        authored: Text<'a>,
        item: Vec<ItemView<'a>>,
    }

    /// `QuestionnaireResponse.item`
    ItemView {
        link_id: Text<'a>,
        answer: Vec<AnswerView<'a>>,
        item: Vec<ItemView<'a>>,
    }

    /// `QuestionnaireResponse.item.answer`: read as it stands, so that an answer of the wrong type harms nothing else.
    AnswerView {
        value_boolean: &'a RawValue,
        value_date: &'a RawValue,
        value_integer: &'a RawValue,
        value_decimal: &'a RawValue,
        value_coding: &'a RawValue,
        item: Vec<ItemView<'a>>,
    }

    /// `ServiceRequest`
    ServiceRequestView {
        id: Text<'a>,
        status: Text<'a>,
        do_not_perform: Flag<'a>,
        subject: ReferenceView<'a>,
        code: ConceptView<'a>,
        body_site: Vec<ConceptView<'a>>,
        occurrence_date_time: Text<'a>,
        occurrence_period: PeriodView<'a>,
        occurrence_timing: TimingView<'a>,
        authored_on: Text<'a>,
        reason_code: Vec<ConceptView<'a>>,
        reason_reference: Vec<ReferenceView<'a>>,
        insurance: Vec<ReferenceView<'a>>,
        contained: Vec<&'a RawValue>,
    }

    /// `Appointment`
    AppointmentView {
        id: Text<'a>,
        status: Text<'a>,
        service_type: Vec<ConceptView<'a>>,
        reason_code: Vec<ConceptView<'a>>,
        reason_reference: Vec<ReferenceView<'a>>,
        start: Text<'a>,
        requested_period: Vec<PeriodView<'a>>,
        based_on: Vec<ReferenceView<'a>>,
        participant: Vec<ParticipantView<'a>>,
        contained: Vec<&'a RawValue>,
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

    /// `Coverage`
    CoverageView {
        full_url: Text<'a>,
        id: Text<'a>,
        status: Text<'a>,
        r#type: ConceptView<'a>,
        beneficiary: ReferenceView<'a>,
        period: PeriodView<'a>,
        payor: Vec<PayorView<'a>>,
        contained: Vec<&'a RawValue>,
    }

    /// `Coverage.payor`: its identifier is read when it is asked for, so that one that does not fit harms nothing else.
    PayorView {
        reference: Text<'a>,
        identifier: &'a RawValue,
        display: Text<'a>,
    }

    /// `Organization`: its identifiers are read when they are asked for.
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
        issue: Vec<IssueView<'a>>,
    }

    /// `OperationOutcome.issue`
    IssueView {
        severity: Text<'a>,
        code: Text<'a>,
    }

    /// `Reference`
    ReferenceView {
        reference: Text<'a>,
        display: Text<'a>,
    }

    /// `CodeableConcept`
    ConceptView {
        coding: Vec<CodingView<'a>>,
        text: Text<'a>,
    }

    /// `Coding`
    CodingView {
        system: Text<'a>,
        code: Text<'a>,
        display: Text<'a>,
    }

    /// `Period`
    PeriodView {
        start: Text<'a>,
        end: Text<'a>,
    }

    /// `Quantity` and `Duration`
    QuantityView {
        value: Number<'a>,
        unit: Text<'a>,
        code: Text<'a>,
    }
}

/// An element that matters only by being there.
#[derive(Debug)]
pub(crate) struct Presence<'a>(std::marker::PhantomData<&'a ()>);

impl<'de> Deserialize<'de> for Presence<'_> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self(std::marker::PhantomData))
    }
}

/// A FHIR boolean.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flag<'a>(pub bool, std::marker::PhantomData<&'a ()>);

impl<'de> Deserialize<'de> for Flag<'_> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        bool::deserialize(deserializer).map(|value| Self(value, std::marker::PhantomData))
    }
}

/// A FHIR integer or decimal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number<'a>(pub f64, std::marker::PhantomData<&'a ()>);

impl<'de> Deserialize<'de> for Number<'_> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        f64::deserialize(deserializer).map(|value| Self(value, std::marker::PhantomData))
    }
}

impl<'a> ConceptView<'a> {
    /// Its codings.
    pub(crate) fn codings(&self) -> impl Iterator<Item = &CodingView<'a>> {
        self.coding.iter().flatten()
    }

    /// Whether one of its codings has one of these codes, in whatever system.
    pub(crate) fn has_code(&self, codes: &[&str]) -> bool {
        self.codings().any(|coding| codes.contains(&coding.code()))
    }
}

impl CodingView<'_> {
    /// Its system, or an empty string.
    pub(crate) fn system(&self) -> &str {
        self.system.as_ref().map_or("", Text::as_str)
    }

    /// Its code, or an empty string.
    pub(crate) fn code(&self) -> &str {
        self.code.as_ref().map_or("", Text::as_str)
    }
}
