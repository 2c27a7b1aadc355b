//! From the record's resources to the facts of the chart: conditions, injections, therapies, medication, allergies,
//! findings and pain scores. Not here: orders ([`super::orders`]) and the form ([`super::form`]).

use std::borrow::Cow;

use chrono::NaiveDate;

use super::index::{Indices, id_in};
use super::record::Record;
use super::resource::view;
use super::subject::Subject;
use super::text::Text;
use super::views::{
    AllergyView, CodingView, ConceptView, ConditionView, MedicationRequestView, MedicationStatementView, MedicationView, ObservationView,
    PeriodView, ProcedureView, QuantityView, ReferenceView,
};
use crate::policy::{
    Allergy, Condition, DateInterval, Examination, Finding, Label, Membership, NsaidUse, PainScore, PastInjection, Policy, Reference, Side,
    Span, Therapy, ValueSet,
};

/// Reads the chart with the value sets of one policy version.
pub(crate) struct Chart<'e, 'a> {
    pub policy: &'e Policy,
    pub record: &'e Record<'a>,
    pub subject: Subject<'e>,
    /// What references can name.
    pub(super) indices: Indices<'e, 'a>,
}

/// What a concept is, by the policy's value sets.
pub(crate) struct Coded<'a> {
    pub sets: Membership,
    pub label: Label<'a>,
    pub side: Side,
}

pub(crate) fn id<'a>(id: Option<&Text<'a>>) -> Cow<'a, str> {
    id.map(|id| id.0.clone()).unwrap_or_default()
}

pub(crate) fn text<'t>(text: Option<&'t Text<'_>>) -> &'t str {
    text.map_or("", Text::as_str)
}

pub(crate) fn date(text: Option<&Text<'_>>) -> Option<DateInterval> {
    DateInterval::parse(text?.as_str())
}

impl<'e, 'a> Chart<'e, 'a> {
    pub(crate) fn new(policy: &'e Policy, record: &'e Record<'a>, subject: Subject<'e>) -> Self {
        Self { policy, record, subject, indices: Indices::of(record) }
    }
}

impl<'a> Chart<'_, 'a> {
    /// The value sets of a concept's codings, its words, and the side its modifiers name.
    pub(crate) fn coded(&self, concept: Option<&ConceptView<'a>>) -> Coded<'a> {
        let mut coded = Coded { sets: Membership::NONE, label: Label::default(), side: Side::Unspecified };
        let Some(concept) = concept else { return coded };
        for coding in concept.codings() {
            let sets = self.policy.value_sets.of(coding.system(), coding.code());
            if coded.label.code.is_empty() || (coded.sets.is_empty() && !sets.is_empty()) {
                coded.label = label(coding, concept);
            }
            coded.sets = coded.sets.union(sets);
            for modifier in self.policy.value_sets.modifiers(coding.system(), coding.code()) {
                coded.side = coded.side.joined(self.policy.side_of_modifier(modifier));
            }
        }
        if coded.label == Label::default() {
            coded.label.display = concept.text.as_ref().map(|text| text.0.clone());
        }
        coded
    }

    /// The side the body sites name, and whether one of them is the sacroiliac joint.
    pub(crate) fn body_site(&self, sites: Option<&Vec<ConceptView<'a>>>) -> (Side, bool) {
        let codings = sites.into_iter().flatten().flat_map(ConceptView::codings);
        codings.fold((Side::Unspecified, false), |(side, is_joint), coding| {
            let sets = self.policy.value_sets.of(coding.system(), coding.code());
            let named = [(ValueSet::SideLeft, Side::Left), (ValueSet::SideRight, Side::Right), (ValueSet::SideBoth, Side::Both)];
            let side = named.into_iter().filter(|(set, _)| sets.has(*set)).fold(side, |side, (_, named)| side.joined(named));
            (side, is_joint || sets.has(ValueSet::SacroiliacJointStructure))
        })
    }

    /// An SIJ injection by its code, or by an intra-articular injection together with the joint.
    pub(crate) fn is_injection(sets: Membership, is_joint: bool) -> bool {
        sets.has(ValueSet::SijInjection) || (sets.has(ValueSet::IntraArticularInjection) && is_joint)
    }

    pub(crate) fn conditions(&self) -> Vec<Condition<'a>> {
        self.record.conditions.iter().filter_map(|condition| self.condition(condition)).collect()
    }

    fn condition(&self, condition: &ConditionView<'a>) -> Option<Condition<'a>> {
        let coded = self.coded(condition.code.as_ref());
        if coded.sets.is_empty() || !self.subject.is(condition.subject.as_ref()) || retracted(condition.verification_status.as_ref()) {
            return None;
        }
        let recorded = date(condition.recorded_date.as_ref());
        let onset = condition.onset_date_time.as_ref().or_else(|| condition.onset_period.as_ref()?.start.as_ref());
        Some(Condition {
            reference: Reference::new("Condition", id(condition.id.as_ref())),
            sets: coded.sets,
            label: coded.label,
            active: is_active(condition),
            onset: onset.map_or(recorded, |onset| date(Some(onset))),
            recorded,
        })
    }

    /// The completed injections and therapies.
    pub(crate) fn procedures(&self) -> (Vec<PastInjection<'a>>, Vec<Therapy<'a>>) {
        let (mut injections, mut therapies) = (Vec::new(), Vec::new());
        for procedure in &self.record.procedures {
            let coded = self.coded(procedure.code.as_ref());
            if coded.sets.is_empty() || !self.completed(procedure) {
                continue;
            }
            therapies.extend(therapy(procedure, &coded));
            injections.extend(self.injection(procedure, coded));
        }
        (injections, therapies)
    }

    fn completed(&self, procedure: &ProcedureView<'a>) -> bool {
        text(procedure.status.as_ref()) == "completed" && self.subject.is(procedure.subject.as_ref())
    }

    fn injection(&self, procedure: &ProcedureView<'a>, coded: Coded<'a>) -> Option<PastInjection<'a>> {
        let (side, is_joint) = self.body_site(procedure.body_site.as_ref());
        if !Self::is_injection(coded.sets, is_joint) {
            return None;
        }
        let period = procedure.performed_period.as_ref();
        let performed = procedure.performed_date_time.as_ref();
        let performed = performed.or_else(|| period?.start.as_ref()).or_else(|| period?.end.as_ref());
        Some(PastInjection {
            reference: Reference::new("Procedure", id(procedure.id.as_ref())),
            label: coded.label,
            side: coded.side.joined(side),
            performed: date(performed),
        })
    }

    pub(crate) fn nsaids(&self) -> Vec<NsaidUse<'a>> {
        let statements = self.record.medication_statements.iter().filter_map(|statement| self.nsaid_statement(statement));
        statements.chain(self.record.medication_requests.iter().filter_map(|request| self.nsaid_request(request))).collect()
    }

    fn nsaid_statement(&self, statement: &MedicationStatementView<'a>) -> Option<NsaidUse<'a>> {
        let status = text(statement.status.as_ref());
        let counts = matches!(status, "active" | "completed" | "stopped" | "on-hold") && self.subject.is(statement.subject.as_ref());
        let medication = Medication {
            concept: statement.medication_codeable_concept.as_ref(),
            reference: statement.medication_reference.as_ref(),
            contained: statement.contained.as_deref().unwrap_or_default(),
        };
        let label = self.nsaid(&medication).filter(|_| counts)?;
        let span = match (&statement.effective_date_time, &statement.effective_period) {
            (Some(day), _) => span(date(Some(day)), date(Some(day))),
            (None, Some(PeriodView { start, end: Some(end) })) => span(date(start.as_ref()), date(Some(end))),
            (None, Some(PeriodView { start, end: None })) => match date(start.as_ref()).and_then(DateInterval::full) {
                Some(first) if status == "active" => Span::Since(first),
                Some(first) => Span::Days(first, first),
                None => Span::Unproven,
            },
            (None, None) => Span::Unproven,
        };
        let reference = Reference::new("MedicationStatement", id(statement.id.as_ref()));
        Some(NsaidUse { reference, label, span, prescribed: false })
    }

    fn nsaid_request(&self, request: &MedicationRequestView<'a>) -> Option<NsaidUse<'a>> {
        let counts = matches!(text(request.status.as_ref()), "active" | "completed" | "stopped" | "on-hold")
            && matches!(text(request.intent.as_ref()), "order" | "original-order" | "reflex-order" | "filler-order" | "instance-order")
            && !request.do_not_perform.is_some_and(|flag| flag.0)
            && self.subject.is(request.subject.as_ref());
        let medication = Medication {
            concept: request.medication_codeable_concept.as_ref(),
            reference: request.medication_reference.as_ref(),
            contained: request.contained.as_deref().unwrap_or_default(),
        };
        let label = self.nsaid(&medication).filter(|_| counts)?;
        let reference = Reference::new("MedicationRequest", id(request.id.as_ref()));
        Some(NsaidUse { reference, label, span: prescribed_span(request), prescribed: true })
    }

    /// The medication's words, if it is an NSAID: by its own code, or that of the Medication it refers to.
    fn nsaid(&self, medication: &Medication<'_, 'a>) -> Option<Label<'a>> {
        if medication.concept.is_some() {
            let coded = self.coded(medication.concept);
            return coded.sets.has(ValueSet::Nsaid).then(|| coded.label.by_name());
        }
        let reference = text(medication.reference?.reference.as_ref());
        let coded = if let Some(local) = reference.strip_prefix('#') {
            let mut contained = medication.contained.iter().filter_map(|raw| view::<MedicationView<'a>>(raw));
            self.coded(contained.find(|found| text(found.id.as_ref()) == local)?.code.as_ref())
        } else {
            self.coded(self.indices.medications().named(reference).first()?.code.as_ref())
        };
        coded.sets.has(ValueSet::Nsaid).then(|| coded.label.by_name())
    }

    pub(crate) fn allergies(&self) -> Vec<Allergy<'a>> {
        self.record.allergies.iter().filter_map(|allergy| self.allergy(allergy)).collect()
    }

    fn allergy(&self, allergy: &AllergyView<'a>) -> Option<Allergy<'a>> {
        let coded = self.coded(allergy.code.as_ref());
        let clinical = allergy.clinical_status.as_ref();
        let is_active = clinical.is_none_or(|status| status.codings().next().is_none() || status.has_code(&["active"]));
        let counts = is_active && !retracted(allergy.verification_status.as_ref()) && self.subject.is(allergy.patient.as_ref());
        (coded.sets.has(ValueSet::NsaidAllergy) && counts).then(|| Allergy {
            reference: Reference::new("AllergyIntolerance", id(allergy.id.as_ref())),
            label: coded.label.by_name(),
            recorded: date(allergy.recorded_date.as_ref()),
        })
    }

    fn observed(&self, observation: &ObservationView<'a>) -> bool {
        matches!(text(observation.status.as_ref()), "final" | "amended" | "corrected") && self.subject.is(observation.subject.as_ref())
    }

    /// The examination findings and pain scores.
    pub(crate) fn observations(&self) -> (Vec<Finding<'a>>, Vec<PainScore<'a>>) {
        let (mut findings, mut pain_scores) = (Vec::new(), Vec::new());
        for observation in &self.record.observations {
            let sets = self.coded(observation.code.as_ref()).sets;
            if sets.is_empty() || !self.observed(observation) {
                continue;
            }
            findings.extend(findings_of(observation, sets));
            pain_scores.extend(pain_score(observation, sets));
        }
        (findings, pain_scores)
    }
}

/// What a medication resource says it is about.
struct Medication<'e, 'a> {
    concept: Option<&'e ConceptView<'a>>,
    reference: Option<&'e ReferenceView<'a>>,
    contained: &'e [&'a serde_json::value::RawValue],
}

/// The words of a coding, with the concept's text where it has no display of its own.
pub(crate) fn label<'a>(coding: &CodingView<'a>, concept: &ConceptView<'a>) -> Label<'a> {
    let display = coding.display.as_ref().or(concept.text.as_ref());
    Label { code: id(coding.code.as_ref()), display: display.map(|display| display.0.clone()) }
}

fn therapy<'a>(procedure: &ProcedureView<'a>, coded: &Coded<'a>) -> Option<Therapy<'a>> {
    if !coded.sets.has(ValueSet::ConservativeTherapy) && !coded.sets.has(ValueSet::ActivityModification) {
        return None;
    }
    let span = match (&procedure.performed_date_time, &procedure.performed_period) {
        (Some(day), _) => span(date(Some(day)), date(Some(day))),
        (None, Some(PeriodView { start, end })) => {
            let first = start.as_ref().or(end.as_ref());
            span(date(first), date(end.as_ref().or(first)))
        }
        (None, None) => Span::Unproven,
    };
    let reference = Reference::new("Procedure", id(procedure.id.as_ref()));
    Some(Therapy { reference, sets: coded.sets, label: coded.label.clone(), span })
}

fn findings_of<'a>(observation: &ObservationView<'a>, sets: Membership) -> impl Iterator<Item = Finding<'a>> {
    const EXAMINATIONS: [(ValueSet, Examination); 6] = [
        (ValueSet::SijTenderness, Examination::Tenderness),
        (ValueSet::TestDistraction, Examination::Provocation(0)),
        (ValueSet::TestCompression, Examination::Provocation(1)),
        (ValueSet::TestThighThrust, Examination::Provocation(2)),
        (ValueSet::TestGaenslen, Examination::Provocation(3)),
        (ValueSet::TestSacralThrust, Examination::Provocation(4)),
    ];
    let examinations = EXAMINATIONS.into_iter().filter(move |(set, _)| sets.has(*set));
    examinations.filter_map(|(_, examination)| {
        Some(Finding {
            reference: Reference::new("Observation", id(observation.id.as_ref())),
            examination,
            positive: is_positive(observation)?,
            date: observed_on(observation),
        })
    })
}

fn pain_score<'a>(observation: &ObservationView<'a>, sets: Membership) -> Option<PainScore<'a>> {
    if !sets.has(ValueSet::PainSeverityScore) {
        return None;
    }
    let quantity = observation.value_quantity.as_ref().and_then(|quantity| quantity.value);
    let score = quantity.or(observation.value_integer)?.0;
    let date = observed_on(observation).and_then(DateInterval::full)?;
    let reference = Reference::new("Observation", id(observation.id.as_ref()));
    (0.0..=10.0).contains(&score).then_some(PainScore { reference, date, score })
}

/// Refuted or entered in error.
fn retracted(status: Option<&ConceptView<'_>>) -> bool {
    status.is_some_and(|status| status.has_code(&["refuted", "entered-in-error"]))
}

fn is_active(condition: &ConditionView<'_>) -> bool {
    let abated = condition.abatement_date_time.is_some()
        || condition.abatement_age.is_some()
        || condition.abatement_period.is_some()
        || condition.abatement_range.is_some()
        || condition.abatement_string.is_some();
    let status = condition.clinical_status.as_ref().filter(|status| status.codings().next().is_some());
    !abated && status.is_none_or(|status| status.has_code(&["active", "recurrence", "relapse"]))
}

/// Whole days alone prove a span.
fn span(first: Option<DateInterval>, last: Option<DateInterval>) -> Span {
    match (first.and_then(DateInterval::full), last.and_then(DateInterval::full)) {
        (Some(first), Some(last)) => Span::Days(first, last),
        (None, _) | (_, None) => Span::Unproven,
    }
}

fn prescribed_span(request: &MedicationRequestView<'_>) -> Span {
    let dispense = request.dispense_request.as_ref();
    let validity = dispense.and_then(|dispense| dispense.validity_period.as_ref()?.start.as_ref());
    let Some(start) = date(validity.or(request.authored_on.as_ref())).and_then(DateInterval::full) else {
        return Span::Unproven;
    };
    let repeat = request.dosage_instruction.as_ref().and_then(|dosages| dosages.first()?.timing.as_ref()?.repeat.as_ref());
    let supply = dispense.and_then(|dispense| days(dispense.expected_supply_duration.as_ref()));
    let bounds = supply.or_else(|| days(repeat?.bounds_duration.as_ref()));
    if let Some(days) = bounds {
        return last_of(start, days).map_or(Span::Unproven, |last| Span::Days(start, last));
    }
    match repeat.and_then(|repeat| repeat.bounds_period.as_ref()?.end.as_ref()) {
        Some(end) => span(Some(DateInterval::day(start)), date(Some(end))),
        None => Span::Days(start, start),
    }
}

/// The last of that many days from `start` on.
fn last_of(start: NaiveDate, days: i64) -> Option<NaiveDate> {
    start.checked_add_signed(chrono::Duration::try_days(days - 1)?)
}

/// A UCUM duration in whole days.
fn days(duration: Option<&QuantityView<'_>>) -> Option<i64> {
    let duration = duration?;
    let unit = duration.code.as_ref().or(duration.unit.as_ref())?.as_str();
    let factor = match unit {
        "d" => 1.0,
        "wk" => 7.0,
        "mo" => 30.0,
        "a" => 365.0,
        _ => return None,
    };
    let days = (duration.value?.0 * factor).floor();
    // A century is longer than any prescription; beyond it the number is a slip.
    #[expect(clippy::cast_possible_truncation, reason = "the range was just checked")]
    (0.0..=36_500.0).contains(&days).then_some(days as i64)
}

fn observed_on(observation: &ObservationView<'_>) -> Option<DateInterval> {
    let period = observation.effective_period.as_ref();
    let at = observation.effective_date_time.as_ref().or_else(|| period?.start.as_ref()).or(observation.issued.as_ref());
    date(at)
}

/// Positive or negative, by the boolean, else the coded value, else the interpretation.
fn is_positive(observation: &ObservationView<'_>) -> Option<bool> {
    if let Some(flag) = observation.value_boolean {
        return Some(flag.0);
    }
    let by_code = |concept: &ConceptView<'_>| match concept.codings().next()?.code() {
        "10828004" | "POS" | "positive" => Some(true),
        "260385009" | "NEG" | "negative" => Some(false),
        _ => None,
    };
    let value = observation.value_codeable_concept.as_ref().filter(|concept| concept.codings().next().is_some());
    by_code(value.or_else(|| observation.interpretation.as_ref()?.first())?)
}

/// Whether a reference, absolute or relative, versioned or not, names this resource.
pub(crate) fn is_reference_to(reference: &str, kind: &str, id: &str) -> bool {
    id_in(reference, kind) == Some(id)
}
