//! What a record refers to and does not hold: to be looked up by id in one search a type.

use std::collections::{BTreeMap, BTreeSet};

use super::chart::text;
use super::index::{Index, Indices, Referable, id_in};
use super::orders::DraftOrder;
use super::record::Record;
use super::views::{ConceptView, ReferenceView};

/// The ids to look up, by type.
pub(super) fn ids(record: &Record<'_>, drafts: &[DraftOrder<'_>]) -> BTreeMap<&'static str, Vec<String>> {
    let indices = Indices::of(record);
    let statements = record.medication_statements.iter().map(|view| (&view.medication_codeable_concept, &view.medication_reference));
    let requests = record.medication_requests.iter().map(|view| (&view.medication_codeable_concept, &view.medication_reference));
    let medications = statements.chain(requests).filter_map(|(concept, reference)| uncoded(concept.as_ref(), reference.as_ref()));
    let reasons = drafts.iter().flat_map(|draft| draft.view.reason_reference.iter().flatten());
    let payors = record.coverages.iter().flat_map(|coverage| coverage.payor.iter().flatten());
    let found = [
        ("Medication", unknown(medications, &indices.medications)),
        ("Condition", unknown(reasons, &indices.conditions)),
        ("Organization", unknown(payors, &indices.organizations)),
    ];
    found.into_iter().filter(|(_, ids)| !ids.is_empty()).collect()
}

/// The reference of a medication entry that has no code of its own.
fn uncoded<'r, 'a>(concept: Option<&ConceptView<'a>>, reference: Option<&'r ReferenceView<'a>>) -> Option<&'r ReferenceView<'a>> {
    reference.filter(|_| concept.is_none())
}

fn unknown<'r, 'a: 'r, T: Referable<'a> + 'r>(
    references: impl Iterator<Item = &'r ReferenceView<'a>>,
    index: &Index<'r, T>,
) -> Vec<String> {
    let references = references.map(|reference| text(reference.reference.as_ref()));
    let open: BTreeSet<&str> =
        references.filter(|reference| index.named(reference).is_empty()).filter_map(|reference| id_in(reference, T::KIND)).collect();
    open.into_iter().map(str::to_owned).collect()
}
