//! The resource types that the policy reads as lists, and their names.
//! Not here: the lists themselves ([`super::record`]).

/// The resource types the policy reads, in the order they are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `Condition`
    Conditions,
    /// `Procedure`
    Procedures,
    /// `MedicationStatement`
    MedicationStatements,
    /// `MedicationRequest`
    MedicationRequests,
    /// `AllergyIntolerance`
    Allergies,
    /// `Observation`
    Observations,
    /// `QuestionnaireResponse`
    QuestionnaireResponses,
    /// `ServiceRequest`
    ServiceRequests,
    /// `Coverage`
    Coverage,
}

impl Kind {
    /// Every type.
    pub const ALL: [Self; 9] = [
        Self::Conditions,
        Self::Procedures,
        Self::MedicationStatements,
        Self::MedicationRequests,
        Self::Allergies,
        Self::Observations,
        Self::QuestionnaireResponses,
        Self::ServiceRequests,
        Self::Coverage,
    ];

    /// The name in an evaluation's `sources`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Conditions => "conditions",
            Self::Procedures => "procedures",
            Self::MedicationStatements => "medicationStatements",
            Self::MedicationRequests => "medicationRequests",
            Self::Allergies => "allergies",
            Self::Observations => "observations",
            Self::QuestionnaireResponses => "questionnaireResponses",
            Self::ServiceRequests => "serviceRequests",
            Self::Coverage => "coverage",
        }
    }

    /// The FHIR resource type.
    #[must_use]
    pub fn resource_type(self) -> &'static str {
        match self {
            Self::Conditions => "Condition",
            Self::Procedures => "Procedure",
            Self::MedicationStatements => "MedicationStatement",
            Self::MedicationRequests => "MedicationRequest",
            Self::Allergies => "AllergyIntolerance",
            Self::Observations => "Observation",
            Self::QuestionnaireResponses => "QuestionnaireResponse",
            Self::ServiceRequests => "ServiceRequest",
            Self::Coverage => "Coverage",
        }
    }

    /// The type with this name in an evaluation's `sources`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The type with this FHIR resource type name.
    #[must_use]
    pub fn from_resource_type(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.resource_type() == name)
    }
}
