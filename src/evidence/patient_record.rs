//! The evidence of one call: reads prefetch and draft orders once, then extracts the facts for a policy version.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::marker::PhantomData;
use std::sync::OnceLock;

use bytes::Bytes;
use chrono::NaiveDate;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::booked_appointments::BookedAppointment;
use super::chart::{ChartReader, ReadingOptions};
use super::coverage::Insurance;
use super::index::id_in;
use super::kind::Kind;
use super::member_coverage::CoverageFound;
use super::orders::{DraftKind, DraftOrder, Replaced, UnreadDraft};
use super::patient_matcher::PatientMatcher;
use super::procedures::ProcedureFacts;
use super::record::{ChartResources, PrefetchKeys};
use super::resource::{BundleView, Resource, Unreadable};
use super::source::Sources;
use super::text::{MAX_URL_CHARS, Text};
use super::unresolved_references::{self, PayorLookup, Unresolved};
use crate::policy::{Facts, Order, Policy, Reference, UnreadableOrder};

/// A prefetch object: its keys and values.
#[derive(Debug)]
pub struct PrefetchEntries<'a, V>(Vec<(Text<'a>, V)>);

impl<'a> RawPrefetch<'a> {
    /// The values of the prefetch keys.
    pub fn values(&self) -> impl Iterator<Item = &'a RawValue> {
        self.0.iter().map(|(_, value)| *value)
    }
}

/// A prefetch deserialized in one pass. One malformed resource fails the whole; a [`RawPrefetch`] tolerates them.
#[derive(Debug)]
pub struct Prefetched<'a>(PrefetchEntries<'a, Option<Resource<'a>>>);

/// A prefetch with raw values, to be read one by one.
pub type RawPrefetch<'a> = PrefetchEntries<'a, &'a RawValue>;

impl<'de: 'a, 'a> Deserialize<'de> for Prefetched<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        PrefetchEntries::deserialize(deserializer).map(Self)
    }
}

impl<'de: 'a, 'a, V: Deserialize<'de>> Deserialize<'de> for PrefetchEntries<'a, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor(PhantomData))
    }
}

struct EntriesVisitor<'a, V>(PhantomData<(&'a (), V)>);

impl<'de: 'a, 'a, V: Deserialize<'de>> Visitor<'de> for EntriesVisitor<'a, V> {
    type Value = PrefetchEntries<'a, V>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a prefetch object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(PrefetchEntries(entries))
    }
}

const NOT_THERE: &str = "the FHIR server does not have what it refers to";

const UNREADABLE_COVERAGE: &str = "a Coverage could not be read";

/// Everything known in a call about one patient.
#[derive(Debug)]
pub struct PatientRecord<'a> {
    record: ChartResources<'a>,
    drafts: Vec<DraftOrder<'a>>,
    unread_drafts: Vec<UnreadDraft<'a>>,
    unreadable: Vec<Unreadable>,
    /// The appointments that are based on orders.
    pub(super) booked: Vec<BookedAppointment<'a>>,
    /// Computed on first use; adding a draft resets it.
    replaced: OnceLock<Replaced>,
}

impl<'a> PatientRecord<'a> {
    /// Reads the draft orders. The lists of the record are still empty.
    #[must_use]
    pub fn of_orders(entries: impl IntoIterator<Item = (Option<Cow<'a, str>>, Option<&'a RawValue>)>) -> Self {
        let mut patient_record = Self {
            record: ChartResources::default(),
            drafts: Vec::new(),
            unread_drafts: Vec::new(),
            unreadable: Vec::new(),
            booked: Vec::new(),
            replaced: OnceLock::new(),
        };
        for (position, (full_url, raw)) in entries.into_iter().enumerate() {
            let Some(raw) = raw else { continue };
            let full_url = full_url.map(Text);
            match Resource::read_single(raw, &mut patient_record.unreadable).at(full_url.clone()) {
                Resource::ServiceRequest(view) => {
                    patient_record.drafts.push(DraftOrder { full_url, ..DraftOrder::new(DraftKind::ServiceRequest, *view, position, raw) });
                }
                Resource::Unread(view) if view.kind == "ServiceRequest" => {
                    patient_record.unread_drafts.push(UnreadDraft { view: *view, position, is_asked: true });
                }
                resource @ (Resource::Practitioner(_) | Resource::PractitionerRole(_)) => patient_record.record.add(resource),
                Resource::Medication(view) => patient_record.record.medications.push(*view),
                Resource::Condition(view) => patient_record.record.drafted_conditions.push(*view),
                Resource::Procedure(_)
                | Resource::MedicationStatement(_)
                | Resource::MedicationRequest(_)
                | Resource::AllergyIntolerance(_)
                | Resource::Observation(_)
                | Resource::QuestionnaireResponse(_)
                | Resource::Coverage(_)
                | Resource::Organization(_)
                | Resource::Patient(_)
                | Resource::Unread(_)
                | Resource::OperationOutcome(_)
                | Resource::Bundle(_)
                | Resource::Other => {}
            }
        }
        patient_record
    }

    pub(super) fn add_draft(&mut self, draft: DraftOrder<'a>) {
        self.replaced = OnceLock::new();
        self.drafts.push(draft);
    }

    pub(super) fn add_unread_draft(&mut self, draft: UnreadDraft<'a>) {
        self.unread_drafts.push(draft);
    }

    pub(super) fn read_single(&mut self, raw: &'a RawValue) -> Resource<'a> {
        Resource::read_single(raw, &mut self.unreadable)
    }

    /// Marks only the selected orders as asked about; the others remain as context.
    #[must_use]
    pub fn asking_only(mut self, selections: &[Cow<'_, str>]) -> Self {
        let selected: HashSet<&str> = selections.iter().map(|reference| id_in(reference, "ServiceRequest").unwrap_or(reference)).collect();
        for draft in &mut self.drafts {
            draft.is_asked = !draft.id().is_empty() && selected.contains(draft.id());
        }
        for draft in &mut self.unread_drafts {
            draft.is_asked = !draft.id().is_empty() && selected.contains(draft.id());
        }
        self
    }

    /// Adds a prefetch that was deserialized in one pass.
    #[must_use]
    pub fn with(mut self, prefetch: Prefetched<'a>, keys: &PrefetchKeys) -> Self {
        for (key, value) in prefetch.0.0 {
            self.record.add_prefetch(keys.get(key.as_str()).copied(), value);
        }
        self
    }

    /// Adds a prefetch value by value, so that an unreadable resource does not affect the others.
    #[must_use]
    pub fn with_each(mut self, prefetch: &RawPrefetch<'a>, keys: &PrefetchKeys) -> Self {
        for (key, raw) in &prefetch.0 {
            let value = (raw.get() != "null").then(|| Resource::read(raw, &mut self.unreadable));
            self.record.add_prefetch(keys.get(key.as_str()).copied(), value);
        }
        self
    }

    /// Adds one resource, as if a prefetch key that was not requested brought it.
    #[must_use]
    pub fn with_resource(mut self, raw: &'a RawValue) -> Self {
        let resource = Resource::read(raw, &mut self.unreadable);
        self.record.add_prefetch(None, Some(resource));
        self
    }

    /// The types whose lists are still incomplete or missing.
    #[must_use]
    pub fn missing(&self) -> Vec<Kind> {
        Kind::ALL.into_iter().filter(|kind| !self.record.source(*kind).is_available()).collect()
    }

    /// Adds the result pages of a search for a type, and why they are incomplete.
    #[must_use]
    pub fn with_fetched<'b>(self, kind: Kind, pages: &'b [Bytes], missing: Option<&'static str>) -> PatientRecord<'b>
    where
        'a: 'b,
    {
        let mut patient_record: PatientRecord<'b> = self;
        let pages = patient_record.bundles(pages);
        patient_record.record.add_fetched(kind, pages, missing);
        patient_record
    }

    /// Adds the results of searches for referenced resources: for each search its type, its pages, and why they are
    /// incomplete. Records references that still do not resolve as unresolved.
    #[must_use]
    pub fn with_referred<'b>(
        self,
        answers: impl IntoIterator<Item = (&'static str, &'b [Bytes], Option<&'static str>)>,
    ) -> PatientRecord<'b>
    where
        'a: 'b,
    {
        let mut patient_record: PatientRecord<'b> = self;
        let mut reasons = BTreeMap::new();
        for (resource_type, pages, missing) in answers {
            let pages = patient_record.bundles(pages);
            let problem = patient_record.record.add_referred(resource_type, pages);
            if let Some(reason) = missing.or(problem) {
                reasons.entry(resource_type).or_insert(reason);
            }
        }
        for Unresolved { referring, resource_type, .. } in
            unresolved_references::unresolved(&patient_record.record, &patient_record.drafts, PayorLookup::Nameless)
        {
            patient_record.record.note_unresolved(referring, reasons.get(resource_type).copied().unwrap_or(NOT_THERE));
        }
        patient_record
    }

    fn bundles(&mut self, pages: &'a [Bytes]) -> Vec<BundleView<'a>> {
        let raw = pages.iter().filter_map(|page| serde_json::from_slice::<&'a RawValue>(page).ok());
        let resources = raw.map(|raw| Resource::read(raw, &mut self.unreadable));
        resources.filter_map(|resource| if let Resource::Bundle(bundle) = resource { Some(bundle) } else { None }).collect()
    }

    /// The ids of referenced resources that are not in the record, by type: Medications of medication entries without a
    /// code, Conditions that the orders' reasons reference, Organizations of payors.
    #[must_use]
    pub fn referred(&self, payors: PayorLookup) -> BTreeMap<&'static str, Vec<String>> {
        unresolved_references::ids(&self.record, &self.drafts, payors)
    }

    /// Why a Condition that an order references as its reason is unavailable.
    #[must_use]
    pub fn reasons_unresolved(&self) -> Option<&'static str> {
        self.record.reasons_unresolved
    }

    /// The draft orders.
    #[must_use]
    pub fn drafts(&self) -> &[DraftOrder<'a>] {
        &self.drafts
    }

    /// The draft order at a position among the call's orders.
    #[must_use]
    pub fn draft_at(&self, position: usize) -> Option<&DraftOrder<'a>> {
        self.drafts.iter().find(|draft| draft.position == position)
    }

    /// The unreadable draft orders.
    #[must_use]
    pub fn unread_drafts(&self) -> &[UnreadDraft<'a>] {
        &self.unread_drafts
    }

    /// Whether a draft order has an id of more characters than this, or a `fullUrl` that is longer than any server's.
    #[must_use]
    pub fn has_longer_draft_id(&self, chars: usize) -> bool {
        let ids = self.drafts.iter().map(|draft| &draft.view.id).chain(self.unread_drafts.iter().map(|draft| &draft.view.id));
        ids.flatten().any(|id| id.is_longer_than(chars))
            || self.drafts.iter().filter_map(|draft| draft.full_url.as_ref()).any(|url| url.is_longer_than(MAX_URL_CHARS))
    }

    /// The same of all resources.
    #[must_use]
    pub fn has_longer_id(&self, chars: usize) -> bool {
        self.has_longer_draft_id(chars)
            || self.record.has_longer_id(chars)
            || self.unreadable.iter().any(|unreadable| unreadable.resource.chars().nth(chars + Unreadable::MAX_TYPE_CHARS).is_some())
    }

    /// The unreadable resources.
    #[must_use]
    pub fn unreadable(&self) -> &[Unreadable] {
        &self.unreadable
    }

    /// The source of each type's list.
    #[must_use]
    pub fn sources(&self) -> Sources {
        self.record.sources()
    }

    /// A draft order as a fact, without its reasons.
    #[must_use]
    pub fn order(&self, draft: &DraftOrder<'a>, reading: ReadingContext<'_>) -> Order<'a> {
        self.chart(reading).order(draft, self.replaced(reading))
    }

    /// An unreadable draft order as a fact; `None` if it is for another patient or known not to be in effect.
    #[must_use]
    pub fn unreadable_order(&self, draft: &UnreadDraft<'a>, reading: ReadingContext<'_>) -> Option<UnreadableOrder<'a>> {
        self.chart(reading).unreadable_order(draft)
    }

    fn replaced(&self, reading: ReadingContext<'_>) -> &Replaced {
        self.replaced.get_or_init(|| Replaced::by(&self.drafts, reading.patient_id))
    }

    /// The facts, by the value sets of one policy version.
    #[must_use]
    pub fn facts(&self, reading: ReadingContext<'_>) -> Facts<'a> {
        let chart = self.chart(reading);
        let ProcedureFacts { injections, pain_procedures, therapies, fusions } = chart.procedures();
        let (findings, pain_scores) = chart.observations();
        let (forms, other_forms) = chart.forms();
        Facts {
            orders_missing: 0,
            orders: chart.orders(&self.drafts, self.replaced(reading)),
            unreadable_orders: chart.unreadable_orders(&self.unread_drafts),
            conditions: in_order(chart.conditions(), |fact| &fact.reference),
            conditions_available: self.record.source(Kind::Conditions).is_available(),
            conditions_unreadable: chart.unreadable_conditions(),
            injections: in_order(injections, |fact| &fact.reference),
            procedures_available: self.record.source(Kind::Procedures).is_available(),
            pain_procedures: in_order(pain_procedures, |fact| &fact.reference),
            therapies: in_order(therapies, |fact| &fact.reference),
            nsaids: in_order(chart.nsaids(), |fact| &fact.reference),
            allergies: in_order(chart.allergies(), |fact| &fact.reference),
            findings: in_order(findings, |fact| &fact.reference),
            pain_scores: in_order(pain_scores, |fact| &fact.reference),
            forms: in_order(forms, |fact| &fact.reference),
            other_forms: in_order(other_forms, |fact| &fact.reference),
            active_orders: in_order(chart.active_orders(&self.drafts, &self.unread_drafts, self.replaced(reading)), |fact| &fact.reference),
            fusions: in_order(fusions, |fact| &fact.reference),
            plan: chart.plan(&self.drafts),
            unavailable: Kind::ALL.into_iter().filter_map(|kind| Some((kind.name(), self.record.source(kind).problem()?))).collect(),
        }
    }

    /// The member's insurer.
    #[must_use]
    pub fn insurance(&self, reading: ReadingContext<'_>) -> Insurance<'a> {
        self.chart(reading).insurance(&self.drafts)
    }

    /// The Coverage that applies to a draft order on a day.
    #[must_use]
    pub fn coverage(&self, draft: &DraftOrder<'a>, reading: ReadingContext<'_>, on: NaiveDate) -> CoverageFound<'a> {
        match self.chart(reading).coverage(draft, on) {
            CoverageFound::None if self.unreadable.iter().any(|unreadable| unreadable.resource.starts_with("Coverage")) => {
                CoverageFound::Unavailable(UNREADABLE_COVERAGE)
            }
            found => found,
        }
    }

    /// The Coverage that applies to the order at a position of the call on a day, be the order readable or not.
    #[must_use]
    pub fn coverage_at(&self, position: usize, reading: ReadingContext<'_>, on: NaiveDate) -> CoverageFound<'a> {
        let mut unread = self.unread_drafts.iter().filter(|draft| draft.position == position);
        match self.draft_at(position) {
            Some(draft) => self.coverage(draft, reading, on),
            None => unread.find_map(UnreadDraft::insured).map_or(CoverageFound::None, |draft| self.coverage(&draft, reading, on)),
        }
    }

    fn chart<'e>(&'e self, reading: ReadingContext<'e>) -> ChartReader<'e, 'a> {
        ChartReader::new(reading.policy, &self.record, PatientMatcher::new(reading.patient_id), reading.options)
    }
}

/// The context for reading a record: the policy version, the patient and the client's configuration.
#[derive(Clone, Copy, Debug)]
pub struct ReadingContext<'e> {
    /// The policy version.
    pub policy: &'e Policy,
    /// The patient's id.
    pub patient_id: &'e str,
    /// The client's local codes and forms.
    pub options: &'e ReadingOptions,
}

/// Sorts facts by resource id, and by content if ids are equal or missing, so that nothing depends on the order of
/// resources in a call.
fn in_order<'a, T: fmt::Debug>(mut facts: Vec<T>, reference: impl Fn(&T) -> &Reference<'a>) -> Vec<T> {
    facts.sort_by(|left, right| reference(left).cmp(reference(right)));
    for alike in facts.chunk_by_mut(|left, right| reference(left) == reference(right)).filter(|alike| alike.len() > 1) {
        alike.sort_by_cached_key(|fact| format!("{fact:?}"));
    }
    facts
}
