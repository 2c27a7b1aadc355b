//! The record's Conditions, Medications and Organizations by what references can name them by, so that a reference is
//! looked up and not searched for.

use std::cell::OnceCell;
use std::collections::HashMap;

use super::record::Record;
use super::text::Text;
use super::views::{ConditionView, MedicationView, OrganizationView};

/// A resource that references can name: by its id, or by the address its Bundle gives it.
pub(super) trait Referable<'a> {
    /// Its FHIR type.
    const KIND: &'static str;

    fn names(&self) -> [Option<&Text<'a>>; 2];
}

macro_rules! referable {
    ($($view:ident = $kind:literal,)*) => {
        $(impl<'a> Referable<'a> for $view<'a> {
            const KIND: &'static str = $kind;

            fn names(&self) -> [Option<&Text<'a>>; 2] {
                [self.id.as_ref(), self.full_url.as_ref()]
            }
        })*
    };
}

referable! {
    ConditionView = "Condition",
    MedicationView = "Medication",
    OrganizationView = "Organization",
}

/// Resources of one type by their names.
#[derive(Debug)]
pub(super) struct Index<'e, T> {
    by_name: HashMap<&'e str, Vec<&'e T>>,
}

impl<'e, 'a: 'e, T: Referable<'a>> Index<'e, T> {
    fn of(resources: impl Iterator<Item = &'e T>) -> Self {
        let mut by_name: HashMap<&'e str, Vec<&'e T>> = HashMap::new();
        for resource in resources {
            for name in resource.names().into_iter().flatten().map(Text::as_str).filter(|name| !name.is_empty()) {
                by_name.entry(name).or_default().push(resource);
            }
        }
        Self { by_name }
    }

    /// The resources a reference names: relative or absolute, versioned or not, or by the address of a Bundle's entry.
    pub(super) fn named(&self, reference: &str) -> &[&'e T] {
        let by_address = self.by_name.get(reference);
        let found = by_address.or_else(|| self.by_name.get(id_in(reference, T::KIND)?));
        found.map_or(&[], Vec::as_slice)
    }
}

/// The id in a reference to a resource of that type.
pub(super) fn id_in<'r>(reference: &'r str, kind: &str) -> Option<&'r str> {
    let unversioned = reference.split_once("/_history/").map_or(reference, |(reference, _)| reference);
    let (rest, id) = unversioned.rsplit_once('/')?;
    (!id.is_empty() && rest.rsplit('/').next() == Some(kind)).then_some(id)
}

/// Everything in a record that references can name. A type is gone through when the first reference to it is followed.
#[derive(Debug)]
pub(super) struct Indices<'e, 'a> {
    record: &'e Record<'a>,
    conditions: OnceCell<Index<'e, ConditionView<'a>>>,
    medications: OnceCell<Index<'e, MedicationView<'a>>>,
    organizations: OnceCell<Index<'e, OrganizationView<'a>>>,
}

impl<'e, 'a> Indices<'e, 'a> {
    pub(super) fn of(record: &'e Record<'a>) -> Self {
        Self { record, conditions: OnceCell::new(), medications: OnceCell::new(), organizations: OnceCell::new() }
    }

    pub(super) fn conditions(&self) -> &Index<'e, ConditionView<'a>> {
        self.conditions.get_or_init(|| Index::of(self.record.conditions.iter().chain(&self.record.drafted_conditions)))
    }

    pub(super) fn medications(&self) -> &Index<'e, MedicationView<'a>> {
        self.medications.get_or_init(|| Index::of(self.record.medications.iter()))
    }

    pub(super) fn organizations(&self) -> &Index<'e, OrganizationView<'a>> {
        self.organizations.get_or_init(|| Index::of(self.record.organizations.iter()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_gives_the_id_of_its_own_type_alone() {
        for (reference, id) in [
            ("Condition/c1", Some("c1")),
            ("https://ehr.example/fhir/Condition/c1/_history/2", Some("c1")),
            ("Procedure/c1", None),
            ("Condition/", None),
            ("c1", None),
        ] {
            assert_eq!(id_in(reference, "Condition"), id, "{reference}");
        }
    }
}
