//! References to resources that are not in the record, to be searched for by id with one search per type.

use std::collections::{BTreeMap, BTreeSet};

use super::index::{Index, Indices, Referable, id_in};
use super::kind::Kind;
use super::orders::DraftOrder;
use super::record::{ChartResources, Referring};
use super::text::text;
use super::views::{ConceptView, ReferenceView};

/// The resource types that are searched for by id.
pub const REFERRED_TYPES: [&str; 3] = ["Condition", "Medication", "Organization"];

/// The ids that one list, or the orders' reasons, reference and that are not in the record.
#[derive(Debug)]
pub(super) struct Unresolved {
    pub referring: Referring,
    pub resource_type: &'static str,
    pub ids: BTreeSet<String>,
}

/// The payors whose Organizations are searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayorLookup {
    /// Payors whose reference has no display name.
    Nameless,
    /// All payors, for their identifiers.
    All,
}

/// The ids to search for, by type.
pub(super) fn ids(record: &ChartResources<'_>, drafts: &[DraftOrder<'_>], payors: PayorLookup) -> BTreeMap<&'static str, Vec<String>> {
    let mut by_type: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
    for Unresolved { resource_type, ids, .. } in unresolved(record, drafts, payors) {
        by_type.entry(resource_type).or_default().extend(ids);
    }
    by_type.into_iter().map(|(of_type, ids)| (of_type, ids.into_iter().collect())).collect()
}

/// The references that do not resolve in the record. With [`PayorLookup::Nameless`], excludes payors that the Coverage names.
pub(super) fn unresolved(record: &ChartResources<'_>, drafts: &[DraftOrder<'_>], wanted: PayorLookup) -> Vec<Unresolved> {
    let indices = Indices::new(record);
    let statements = record.medication_statements.iter();
    let statements = statements.filter_map(|view| uncoded(view.medication_codeable_concept.as_ref(), view.medication_reference.as_ref()));
    let requests = record.medication_requests.iter();
    let requests = requests.filter_map(|view| uncoded(view.medication_codeable_concept.as_ref(), view.medication_reference.as_ref()));
    let reasons = drafts.iter().flat_map(|draft| draft.view.reason_reference.iter().flatten()).map(reference);
    let payors = record.coverages.iter().flat_map(|coverage| coverage.payor.iter().flatten());
    let nameless = payors
        .filter(|payor| wanted == PayorLookup::All || text(payor.display.as_ref()).trim().is_empty())
        .map(|payor| text(payor.reference.as_ref()));
    let list = |kind, resource_type, ids| Unresolved { referring: Referring::List(kind), resource_type, ids };
    let found = [
        list(Kind::MedicationStatements, "Medication", open(statements, indices.medications())),
        list(Kind::MedicationRequests, "Medication", open(requests, indices.medications())),
        list(Kind::Coverage, "Organization", open(nameless, indices.organizations())),
        Unresolved { referring: Referring::Reasons, resource_type: "Condition", ids: open(reasons, indices.conditions()) },
    ];
    found.into_iter().filter(|unresolved| !unresolved.ids.is_empty()).collect()
}

/// The Medication reference of a medication entry that has no code.
fn uncoded<'r>(concept: Option<&ConceptView<'_>>, medication: Option<&'r ReferenceView<'_>>) -> Option<&'r str> {
    medication.filter(|_| concept.is_none()).map(reference)
}

fn reference<'r>(view: &'r ReferenceView<'_>) -> &'r str {
    text(view.reference.as_ref())
}

fn open<'r, 'a: 'r, T: Referable<'a> + 'r>(references: impl Iterator<Item = &'r str>, index: &Index<'r, T>) -> BTreeSet<String> {
    let open = references.filter(|reference| index.named(reference).is_empty());
    open.filter_map(|reference| id_in(reference, T::KIND)).map(str::to_owned).collect()
}
