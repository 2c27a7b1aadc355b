//! The patient's record for one call: resources by type, and whether each type's list is complete.
//! CDS Hooks prefetch is interpreted by its contents, not by its keys (section "Prefetch Template").
//! Not here: fetching what is missing.

use std::collections::{BTreeMap, HashSet};

use chrono::NaiveDate;

use super::kind::Kind;
use super::patient_matcher::PatientMatcher;
use super::resource::{BundleView, Resource};
use super::source::{ListSource, Sources};
use super::text::{MAX_FETCHED_ID_CHARS, MAX_URL_CHARS, Text};
use super::unread::UnreadView;
use super::views::{
    AllergyView, ConditionView, CoverageView, MedicationRequestView, MedicationStatementView, MedicationView, ObservationView,
    OrganizationView, OutcomeView, PatientView, PractitionerRoleView, PractitionerView, ProcedureView, ResponseView, ServiceRequestView,
};
use super::written::date;
use crate::policy::DateInterval;

/// The resource type that each of this service's own prefetch keys requests.
pub type PrefetchKeys = BTreeMap<String, Kind>;

/// The state of a type's lists. A later variant overrides an earlier one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum ListState {
    #[default]
    Absent,
    Error,
    Answered,
    Incomplete,
}

/// All resources of a call, by type.
#[derive(Debug, Default)]
pub(crate) struct ChartResources<'a> {
    pub conditions: Vec<ConditionView<'a>>,
    pub procedures: Vec<ProcedureView<'a>>,
    pub medication_statements: Vec<MedicationStatementView<'a>>,
    pub medication_requests: Vec<MedicationRequestView<'a>>,
    pub allergies: Vec<AllergyView<'a>>,
    pub observations: Vec<ObservationView<'a>>,
    pub responses: Vec<ResponseView<'a>>,
    pub service_requests: Vec<ServiceRequestView<'a>>,
    pub coverages: Vec<CoverageView<'a>>,
    pub organizations: Vec<OrganizationView<'a>>,
    pub medications: Vec<MedicationView<'a>>,
    pub patients: Vec<PatientView<'a>>,
    pub practitioners: Vec<PractitionerView<'a>>,
    pub practitioner_roles: Vec<PractitionerRoleView<'a>>,
    /// Malformed resources that belong to a list.
    pub unread: Vec<UnreadView<'a>>,
    /// The number of `unread` resources in each list.
    unread_counts: [usize; Kind::ALL.len()],
    /// Conditions among the draft orders. An order's reasons may reference them, but they are not part of the problem list.
    pub drafted_conditions: Vec<ConditionView<'a>>,
    states: [ListState; Kind::ALL.len()],
    fetched: BTreeMap<Kind, FetchedList>,
    /// Why resources that a list references are unavailable.
    unresolved: BTreeMap<Kind, &'static str>,
    /// Why a Condition that an order references as its reason is unavailable. The list of Conditions is complete without it.
    pub reasons_unresolved: Option<&'static str>,
}

/// Why a list is missing that was neither in the prefetch nor fetched.
pub const NOT_ASKED_FOR: &str = "not sent by the EHR";

const ERROR_IN_PART: &str = "the FHIR server answered with an error in part";

/// The origin of a reference to a resource that is not in the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Referring {
    /// The resources of a list.
    List(Kind),
    /// The orders' reasons.
    Reasons,
}

/// The result of fetching a type.
#[derive(Clone, Copy, Debug)]
struct FetchedList {
    entries: usize,
    missing: Option<&'static str>,
}

impl<'a> ChartResources<'a> {
    /// Adds the value of one prefetch key; `None` is `null`.
    pub(crate) fn add_prefetch(&mut self, own: Option<Kind>, value: Option<Resource<'a>>) {
        match value {
            None => self.note(own, ListState::Answered),
            Some(Resource::Bundle(bundle)) => self.add_bundle(own, bundle),
            Some(Resource::OperationOutcome(outcome)) => self.note(own, state_of(&outcome)),
            Some(resource) => self.add(resource),
        }
    }

    /// Adds a single resource.
    pub(crate) fn add(&mut self, resource: Resource<'a>) {
        match resource {
            Resource::Condition(view) => push(&mut self.conditions, *view, &mut self.states, Kind::Conditions),
            Resource::Procedure(view) => push(&mut self.procedures, *view, &mut self.states, Kind::Procedures),
            Resource::MedicationStatement(view) => {
                push(&mut self.medication_statements, *view, &mut self.states, Kind::MedicationStatements);
            }
            Resource::MedicationRequest(view) => push(&mut self.medication_requests, *view, &mut self.states, Kind::MedicationRequests),
            Resource::AllergyIntolerance(view) => push(&mut self.allergies, *view, &mut self.states, Kind::Allergies),
            Resource::Observation(view) => push(&mut self.observations, *view, &mut self.states, Kind::Observations),
            Resource::QuestionnaireResponse(view) => push(&mut self.responses, *view, &mut self.states, Kind::QuestionnaireResponses),
            Resource::ServiceRequest(view) => push(&mut self.service_requests, *view, &mut self.states, Kind::ServiceRequests),
            Resource::Coverage(view) => push(&mut self.coverages, *view, &mut self.states, Kind::Coverage),
            Resource::Organization(view) => self.organizations.push(*view),
            Resource::Medication(view) => self.medications.push(*view),
            Resource::Patient(view) => self.patients.push(*view),
            Resource::Practitioner(view) => self.practitioners.push(*view),
            Resource::PractitionerRole(view) => self.practitioner_roles.push(*view),
            Resource::Unread(view) => {
                let kind = Kind::from_resource_type(view.kind);
                self.note(kind, ListState::Answered);
                if let Some(count) = kind.and_then(|kind| self.unread_counts.get_mut(kind as usize)) {
                    *count += 1;
                }
                self.unread.push(*view);
            }
            Resource::Bundle(bundle) => self.add_bundle(None, bundle),
            Resource::OperationOutcome(_) | Resource::Other => {}
        }
    }

    /// Adds a Bundle. It answers for the type its prefetch key requests, and for every type it contains.
    fn add_bundle(&mut self, own: Option<Kind>, bundle: BundleView<'a>) {
        let mut partial = bundle.link.iter().flatten().any(|link| link.relation.as_ref().map(Text::as_str) == Some("next"));
        let held_before = self.counts();
        let mut state = ListState::Answered;
        let mut entries = 0;
        let resources = bundle.entry.into_iter().flatten().filter_map(|entry| Some(entry.resource?.at(entry.full_url)));
        for resource in resources {
            match resource {
                Resource::OperationOutcome(outcome) => state = state.min(state_of(&outcome)),
                resource => {
                    entries += 1;
                    self.add(resource);
                }
            }
        }
        partial |= entries > 0 && state == ListState::Error;
        if entries == 0 && bundle.total.and_then(|total| total.get().parse().ok()).is_some_and(|total: u64| total > 0) {
            state = ListState::Error;
        }
        let held_after = self.counts();
        for (place, kind) in Kind::ALL.into_iter().enumerate() {
            let holds = held_before.get(place) != held_after.get(place);
            if partial && (holds || own == Some(kind)) {
                self.note(Some(kind), ListState::Incomplete);
            }
        }
        self.note(own, if entries > 0 { ListState::Answered } else { state });
    }

    /// Adds the results of a search for a type: resources not yet in the record, and included resources they reference.
    pub(crate) fn add_fetched(&mut self, kind: Kind, pages: Vec<BundleView<'a>>, missing: Option<&'static str>) {
        let mut known = self.ids(kind);
        let counted = pages.iter().filter_map(|page| page.total?.get().parse::<u64>().ok()).max().unwrap_or_default();
        let mut fetched = FetchedList { entries: 0, missing };
        let entries = pages.into_iter().flat_map(|page| page.entry.into_iter().flatten());
        for resource in entries.filter_map(|entry| Some(entry.resource?.at(entry.full_url))) {
            if let Resource::OperationOutcome(outcome) = &resource {
                if state_of(outcome) == ListState::Error {
                    fetched.missing = fetched.missing.or(Some(ERROR_IN_PART));
                }
                continue;
            }
            fetched.entries += 1;
            if resource.id().is_some_and(|id| id.is_longer_than(MAX_FETCHED_ID_CHARS)) {
                fetched.missing = fetched.missing.or(Some("the FHIR server sends an id that is longer than any"));
                continue;
            }
            let is_referred_to = matches!(resource, Resource::Medication(_) | Resource::Organization(_));
            let is_new = resource.kind() == Some(kind) && resource.id().is_none_or(|id| known.insert(id.clone()));
            if is_referred_to || is_new {
                self.add(resource);
            }
        }
        if fetched.entries == 0 && counted > 0 {
            fetched.missing = fetched.missing.or(Some("the FHIR server counts entries and sends none"));
        }
        self.fetched.insert(kind, fetched);
    }

    /// Adds referenced resources of a type; they do not form a list of that type. Returns what is wrong with the pages.
    pub(crate) fn add_referred(&mut self, resource_type: &str, pages: Vec<BundleView<'a>>) -> Option<&'static str> {
        let mut problem = None;
        let entries = pages.into_iter().flat_map(|page| page.entry.into_iter().flatten());
        for resource in entries.filter_map(|entry| Some(entry.resource?.at(entry.full_url))) {
            match resource {
                Resource::OperationOutcome(outcome) if state_of(&outcome) == ListState::Error => problem = Some(ERROR_IN_PART),
                Resource::Condition(view) if resource_type == "Condition" => self.drafted_conditions.push(*view),
                resource if matches!(resource, Resource::Medication(_) | Resource::Organization(_)) => self.add(resource),
                _ => {}
            }
        }
        problem
    }

    /// Records why resources that a list or the orders' reasons reference are unavailable.
    pub(crate) fn note_unresolved(&mut self, referring: Referring, reason: &'static str) {
        match referring {
            Referring::List(kind) => _ = self.unresolved.insert(kind, reason),
            Referring::Reasons => self.reasons_unresolved = Some(reason),
        }
    }

    /// The patient's date of birth, if it is a full date.
    pub(crate) fn birth_date(&self, subject: PatientMatcher<'_>) -> Option<NaiveDate> {
        let patient = self.patients.iter().find(|patient| patient.id.as_ref().is_some_and(|id| subject.has_id(id.as_str())))?;
        date(patient.birth_date.as_ref()).and_then(DateInterval::full)
    }

    fn ids(&self, kind: Kind) -> HashSet<Text<'a>> {
        fn ids<'t, 'a: 't>(ids: impl Iterator<Item = Option<&'t Text<'a>>>) -> HashSet<Text<'a>> {
            ids.flatten().cloned().collect()
        }
        match kind {
            Kind::Conditions => ids(self.conditions.iter().map(|view| view.id.as_ref())),
            Kind::Procedures => ids(self.procedures.iter().map(|view| view.id.as_ref())),
            Kind::MedicationStatements => ids(self.medication_statements.iter().map(|view| view.id.as_ref())),
            Kind::MedicationRequests => ids(self.medication_requests.iter().map(|view| view.id.as_ref())),
            Kind::Allergies => ids(self.allergies.iter().map(|view| view.id.as_ref())),
            Kind::Observations => ids(self.observations.iter().map(|view| view.id.as_ref())),
            Kind::QuestionnaireResponses => ids(self.responses.iter().map(|view| view.id.as_ref())),
            Kind::ServiceRequests => ids(self.service_requests.iter().map(|view| view.id.as_ref())),
            Kind::Coverage => ids(self.coverages.iter().map(|view| view.id.as_ref())),
        }
    }

    /// Whether a resource has an id of more characters than this, or a `fullUrl` that is longer than any server's.
    pub(crate) fn has_longer_id(&self, chars: usize) -> bool {
        fn is_longer<'t, 'a: 't>(mut texts: impl Iterator<Item = &'t Option<Text<'a>>>, chars: usize) -> bool {
            texts.any(|text| text.as_ref().is_some_and(|text| text.is_longer_than(chars)))
        }
        let conditions = || self.conditions.iter().chain(&self.drafted_conditions);
        let urls = conditions().map(|view| &view.full_url).chain(self.coverages.iter().map(|view| &view.full_url));
        let urls =
            urls.chain(self.organizations.iter().map(|view| &view.full_url)).chain(self.medications.iter().map(|view| &view.full_url));
        let urls = urls.chain(self.practitioners.iter().map(|view| &view.full_url));
        is_longer(urls.chain(self.practitioner_roles.iter().map(|view| &view.full_url)), MAX_URL_CHARS)
            || is_longer(conditions().map(|view| &view.id), chars)
            || is_longer(self.procedures.iter().map(|view| &view.id), chars)
            || is_longer(self.medication_statements.iter().map(|view| &view.id), chars)
            || is_longer(self.medication_requests.iter().map(|view| &view.id), chars)
            || is_longer(self.allergies.iter().map(|view| &view.id), chars)
            || is_longer(self.observations.iter().map(|view| &view.id), chars)
            || is_longer(self.responses.iter().map(|view| &view.id), chars)
            || is_longer(self.service_requests.iter().map(|view| &view.id), chars)
            || is_longer(self.coverages.iter().map(|view| &view.id), chars)
            || is_longer(self.organizations.iter().map(|view| &view.id), chars)
            || is_longer(self.medications.iter().map(|view| &view.id), chars)
            || is_longer(self.patients.iter().map(|view| &view.id), chars)
            || is_longer(self.practitioners.iter().map(|view| &view.id), chars)
            || is_longer(self.practitioner_roles.iter().map(|view| &view.id), chars)
            || is_longer(self.unread.iter().map(|view| &view.id), chars)
    }

    fn counts(&self) -> [usize; Kind::ALL.len()] {
        let mut counts = [
            self.conditions.len(),
            self.procedures.len(),
            self.medication_statements.len(),
            self.medication_requests.len(),
            self.allergies.len(),
            self.observations.len(),
            self.responses.len(),
            self.service_requests.len(),
            self.coverages.len(),
        ];
        counts.iter_mut().zip(self.unread_counts).for_each(|(count, unread)| *count += unread);
        counts
    }

    fn note(&mut self, kind: Option<Kind>, state: ListState) {
        if let Some(kind) = kind {
            note(&mut self.states, kind, state);
        }
    }

    /// The source of a type's list, or why it is incomplete or missing.
    pub(crate) fn source(&self, kind: Kind) -> ListSource {
        let source = self.source_of_list(kind);
        match self.unresolved.get(&kind) {
            Some(reason) if source.is_available() => ListSource::Partial(reason),
            Some(_) | None => source,
        }
    }

    fn source_of_list(&self, kind: Kind) -> ListSource {
        let state = self.states.get(kind as usize).copied().unwrap_or_default();
        if let Some(fetched) = self.fetched.get(&kind) {
            return match fetched.missing {
                None => ListSource::Fetched,
                Some(reason) if fetched.entries > 0 || state == ListState::Incomplete => ListSource::Partial(reason),
                Some(reason) => ListSource::Unavailable(reason),
            };
        }
        match state {
            ListState::Absent => ListSource::Unavailable(NOT_ASKED_FOR),
            ListState::Error => ListSource::Unavailable("the prefetch holds an error"),
            ListState::Incomplete => ListSource::Partial("the prefetch holds only a part of it"),
            ListState::Answered => ListSource::Prefetch,
        }
    }

    /// The source of every type's list.
    pub(crate) fn sources(&self) -> Sources {
        Kind::ALL.into_iter().map(|kind| (kind.name(), self.source(kind))).collect()
    }
}

fn push<T>(list: &mut Vec<T>, view: T, states: &mut [ListState], kind: Kind) {
    list.push(view);
    note(states, kind, ListState::Answered);
}

/// Keeps the higher state, so that the order of values in the call does not matter.
fn note(states: &mut [ListState], kind: Kind, state: ListState) {
    if let Some(known) = states.get_mut(kind as usize) {
        *known = (*known).max(state);
    }
}

/// Issue codes that mean the server did not search, or withheld results (FHIR R4, `issue-type`). An OperationOutcome with one
/// of these does not mean "none".
const NOT_ANSWERS: [&str; 10] =
    ["security", "login", "forbidden", "suppressed", "expired", "throttled", "timeout", "incomplete", "not-supported", "too-costly"];

/// An OperationOutcome means "none" only if every issue is informational or a warning, and none is in [`NOT_ANSWERS`].
fn state_of(outcome: &OutcomeView<'_>) -> ListState {
    let issues: Vec<_> = outcome.issue.iter().flatten().collect();
    let informs = issues.iter().all(|issue| {
        let severity = issue.severity.as_ref().map_or("", Text::as_str);
        let code = issue.code.as_ref().map_or("", Text::as_str);
        matches!(severity, "information" | "warning") && !NOT_ANSWERS.contains(&code)
    });
    if informs && !issues.is_empty() { ListState::Answered } else { ListState::Error }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(own: Option<Kind>, json: &str) -> ListSource {
        let mut record = ChartResources::default();
        record.add_prefetch(own, serde_json::from_str(json).expect("a resource"));
        record.source(Kind::Conditions)
    }

    const OWN: Option<Kind> = Some(Kind::Conditions);

    #[test]
    fn null_an_empty_bundle_and_a_mild_outcome_under_our_key_all_answer_none() {
        for json in [
            "null",
            r#"{"resourceType":"Bundle","type":"searchset"}"#,
            r#"{"resourceType":"Bundle","total":0,"entry":[]}"#,
            r#"{"resourceType":"Bundle","total":0,"entry":[{"search":{"mode":"outcome"},"resource":{"resourceType":"OperationOutcome","issue":[{"severity":"warning"}]}}]}"#,
            r#"{"resourceType":"OperationOutcome","issue":[{"severity":"information"}]}"#,
        ] {
            assert_eq!(source(OWN, json), ListSource::Prefetch, "{json}");
        }
    }

    #[test]
    fn nothing_is_known_of_a_type_whose_key_is_absent() {
        assert_eq!(source(None, r#"{"resourceType":"Bundle"}"#), ListSource::Unavailable("not sent by the EHR"));
    }

    #[test]
    fn an_error_or_a_count_without_entries_is_no_answer() {
        for json in [
            r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error"}]}"#,
            r#"{"resourceType":"OperationOutcome"}"#,
            r#"{"resourceType":"OperationOutcome","issue":[]}"#,
            r#"{"resourceType":"OperationOutcome","issue":[{"severity":"warning","code":"forbidden"}]}"#,
            r#"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"OperationOutcome","issue":[{"severity":"fatal"}]}}]}"#,
            r#"{"resourceType":"Bundle","total":3}"#,
        ] {
            assert_eq!(source(OWN, json), ListSource::Unavailable("the prefetch holds an error"), "{json}");
        }
    }

    #[test]
    fn resources_answer_for_their_type_under_any_key() {
        let json = r#"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Condition","id":"c1"}}]}"#;
        assert_eq!(source(None, json), ListSource::Prefetch);
    }

    #[test]
    fn a_first_page_is_no_whole_list() {
        let json =
            r#"{"resourceType":"Bundle","link":[{"relation":"next","url":"x"}],"entry":[{"resource":{"resourceType":"Condition"}}]}"#;
        assert_eq!(source(None, json), ListSource::Partial("the prefetch holds only a part of it"));
    }
}
