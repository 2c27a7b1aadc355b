//! Index of the record's Conditions, Medications, Organizations, Practitioners and their roles by id and `fullUrl`, so that
//! resolving a reference is a hash lookup.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap, HashSet};

use super::record::ChartResources;
use serde_json::value::RawValue;

use super::resource::{Resource, view};
use super::text::text;
use super::text::{Text, local_id};
use super::views::{ConceptView, ConditionView, MedicationView, OrganizationView, PractitionerRoleView, PractitionerView, ReferenceView};

/// A resource that references can name, by its id or by its Bundle entry's `fullUrl`.
pub(super) trait Referable<'a> {
    /// The FHIR resource type.
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
    PractitionerView = "Practitioner",
    PractitionerRoleView = "PractitionerRole",
}

/// Resources of one type by id and `fullUrl`.
#[derive(Debug)]
pub(super) struct Index<'e, T> {
    by_id: HashMap<&'e str, Vec<&'e T>>,
    by_url: HashMap<&'e str, Vec<&'e T>>,
}

impl<'e, 'a: 'e, T: Referable<'a>> Index<'e, T> {
    fn new(resources: impl Iterator<Item = &'e T>) -> Self {
        let (mut by_id, mut by_url): (HashMap<_, Vec<_>>, HashMap<_, Vec<_>>) = (HashMap::new(), HashMap::new());
        for resource in resources {
            let [id, full_url] = resource.names();
            if let Some(id) = id.map(Text::as_str).filter(|id| !id.is_empty()) {
                by_id.entry(id).or_default().push(resource);
            }
            if let Some(full_url) = full_url.map(Text::as_str).filter(|url| !url.is_empty()) {
                by_url.entry(full_url).or_default().push(resource);
            }
        }
        Self { by_id, by_url }
    }

    /// The resources a reference names. It may be relative or absolute, versioned or not, or a Bundle entry's `fullUrl`.
    pub(super) fn named(&self, reference: &str) -> &[&'e T] {
        let found = id_in(reference, T::KIND).and_then(|id| self.by_id.get(id)).or_else(|| self.by_url.get(reference));
        found.map_or(&[], Vec::as_slice)
    }
}

/// The id in a reference to a resource of type `kind`.
pub(super) fn id_in<'r>(reference: &'r str, kind: &str) -> Option<&'r str> {
    let unversioned = reference.split_once("/_history/").map_or(reference, |(reference, _)| reference);
    let (rest, id) = unversioned.rsplit_once('/')?;
    (!id.is_empty() && rest.rsplit('/').next() == Some(kind)).then_some(id)
}

/// Indices of all resources in a record that references can name. Each is built on first use.
#[derive(Debug)]
pub(super) struct Indices<'e, 'a> {
    record: &'e ChartResources<'a>,
    conditions: OnceCell<Index<'e, ConditionView<'a>>>,
    medications: OnceCell<Index<'e, MedicationView<'a>>>,
    organizations: OnceCell<Index<'e, OrganizationView<'a>>>,
    practitioners: OnceCell<Index<'e, PractitionerView<'a>>>,
    practitioner_roles: OnceCell<Index<'e, PractitionerRoleView<'a>>>,
}

impl<'e, 'a> Indices<'e, 'a> {
    pub(super) fn new(record: &'e ChartResources<'a>) -> Self {
        Self {
            record,
            conditions: OnceCell::new(),
            medications: OnceCell::new(),
            organizations: OnceCell::new(),
            practitioners: OnceCell::new(),
            practitioner_roles: OnceCell::new(),
        }
    }

    pub(super) fn conditions(&self) -> &Index<'e, ConditionView<'a>> {
        self.conditions.get_or_init(|| Index::new(self.record.conditions.iter().chain(&self.record.drafted_conditions)))
    }

    pub(super) fn medications(&self) -> &Index<'e, MedicationView<'a>> {
        self.medications.get_or_init(|| Index::new(self.record.medications.iter()))
    }

    pub(super) fn organizations(&self) -> &Index<'e, OrganizationView<'a>> {
        self.organizations.get_or_init(|| Index::new(self.record.organizations.iter()))
    }

    /// Calls `read` with each concept that describes the referenced performers: a role's code and specialty, a
    /// practitioner's qualification and specialty.
    pub(super) fn each_performer(
        &self,
        references: &[ReferenceView<'a>],
        contained: &[&'a RawValue],
        read: &mut impl FnMut(&ConceptView<'a>),
    ) {
        let names: BTreeSet<&str> = references.iter().map(|reference| text(reference.reference.as_ref())).collect();
        let local: HashSet<&str> = names.iter().filter_map(|name| name.strip_prefix('#')).collect();
        for raw in contained.iter().filter(|_| !local.is_empty()) {
            match view::<Resource<'a>>(raw) {
                Some(Resource::PractitionerRole(role)) if local.contains(local_id(role.id.as_ref())) => each_of_role(&role, read),
                Some(Resource::Practitioner(found)) if local.contains(local_id(found.id.as_ref())) => each_of_practitioner(&found, read),
                _ => {}
            }
        }
        for name in names.into_iter().filter(|name| !name.starts_with('#')) {
            let roles = self.practitioner_roles.get_or_init(|| Index::new(self.record.practitioner_roles.iter()));
            roles.named(name).iter().for_each(|role| each_of_role(role, read));
            let practitioners = self.practitioners.get_or_init(|| Index::new(self.record.practitioners.iter()));
            practitioners.named(name).iter().for_each(|practitioner| each_of_practitioner(practitioner, read));
        }
    }
}

fn each_of_role<'a>(role: &PractitionerRoleView<'a>, read: &mut impl FnMut(&ConceptView<'a>)) {
    role.code.iter().flatten().chain(role.specialty.iter().flatten()).for_each(read);
}

fn each_of_practitioner<'a>(practitioner: &PractitionerView<'a>, read: &mut impl FnMut(&ConceptView<'a>)) {
    let qualifications = practitioner.qualification.iter().flatten().filter_map(|qualification| qualification.code.as_ref());
    // R4 defines no `Practitioner.specialty`, but some clients send it.
    qualifications.chain(practitioner.specialty.iter().flatten()).for_each(read);
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
