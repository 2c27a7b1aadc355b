//! The criteria, each identified by its section of the policy.
//! Not here: how they are decided ([`super::criteria`]).

use serde::{Serialize, Serializer};

use super::keyed_enum::keyed_enum;

keyed_enum! {
    /// A criterion, identified by its section of the policy.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum CriterionId, as_str, from_id {
        PainDuration = "I.A.1",
        Tenderness = "I.A.2",
        ProvocationTests = "I.A.3",
        ConservativeCareFailed = "I.A.4",
        ExerciseTherapy = "I.A.4.a",
        Nsaids = "I.A.4.b",
        ActivityModification = "I.A.4.c",
        NoDiscOrFacetPain = "I.A.5",
        NoLikelierDiagnosis = "I.A.6",
        FirstDidNotHelp = "I.B.1",
        TwoWeeksPassed = "I.B.2",
        PainRecurred = "I.C",
        SustainedRelief = "I.C.1",
        WithOtherTreatment = "I.C.2",
        TwoMonthsApart = "I.C.3",
        FewerThanFour = "I.C.4",
        DiagnosticResponse = "II",
        WithinTwelveMonths = "III",
        Neurotomy = "IV",
        OneProcedurePerVisit = "V",
        PerformedByPhysician = "VI",
        HistoryKnown = "history",
    }
}

impl Serialize for CriterionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
