//! Matches resources to the patient of the call; resources of other patients are ignored.

use super::index::id_in;
use super::text::text;
use super::views::ReferenceView;

/// The patient of the call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PatientMatcher<'e> {
    id: &'e str,
}

impl<'e> PatientMatcher<'e> {
    /// Matches the patient with this id, which some clients write as `Patient/{id}`.
    pub(crate) fn new(patient_id: &'e str) -> Self {
        Self { id: patient_id.strip_prefix("Patient/").unwrap_or(patient_id) }
    }

    /// Whether a resource belongs to this patient. One that names no patient does, because it answers a query about this
    /// patient; one that names another patient does not.
    pub(crate) fn is(self, reference: Option<&ReferenceView<'_>>) -> bool {
        let named = reference.map_or("", |reference| text(reference.reference.as_ref()));
        // The first test is a fast path for the usual relative reference.
        named.strip_prefix("Patient/") == Some(self.id) || id_in(named, "Patient").is_none_or(|id| id == self.id)
    }

    /// Whether this is the patient's id.
    pub(crate) fn has_id(self, id: &str) -> bool {
        self.id == id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::text::Text;

    #[test]
    fn a_reference_names_the_patient_in_any_form_and_nobody_else() {
        for (reference, is) in [
            ("Patient/p1", true),
            ("https://ehr.example/fhir/Patient/p1", true),
            ("Patient/p1/_history/3", true),
            ("urn:uuid:p1", true),
            ("", true),
            ("Patient/p12", false),
            ("Patient/other", false),
            ("Group/p1", true),
            ("urn:uuid:other", true),
            ("https://ehr.example/fhir/Patient/other/_history/1", false),
        ] {
            let view = ReferenceView { reference: Some(Text(reference.into())) };
            assert_eq!(PatientMatcher::new("Patient/p1").is(Some(&view)), is, "{reference}");
        }
    }
}
