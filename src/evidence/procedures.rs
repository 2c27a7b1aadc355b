//! Extracts injections of the joint, possible injections, other pain procedures, therapies and fusions from Procedures.

use super::chart::ChartReader;
use super::concepts::{CodeUse, Coded, RegionParts};
use super::lenient::List;
use super::side::SideParts;
use super::text::{id, text};
use super::unread::{Part, UnreadView};
use super::views::{ConceptView, PeriodView, ProcedureView};
use super::written::DateElement;
use crate::policy::{
    BillingLine, ChartedInjection, DateInterval, InjectionDoubt, Membership, NamedResource, PainProcedure, Reference, Side, Span, Therapy,
    ValueSet,
};

/// The facts in a record's Procedures.
#[derive(Debug, Default)]
pub(crate) struct ProcedureFacts<'a> {
    pub injections: Vec<ChartedInjection<'a>>,
    pub pain_procedures: Vec<PainProcedure<'a>>,
    pub therapies: Vec<Therapy<'a>>,
    pub fusions: Vec<NamedResource<'a>>,
}

/// Statuses of a Procedure that was not carried out, whatever its code.
const NOT_CARRIED_OUT: [&str; 4] = ["not-done", "entered-in-error", "preparation", "stopped"];

const THERAPY_SETS: [ValueSet; 3] = [ValueSet::ConservativeTherapy, ValueSet::TherapySession, ValueSet::ActivityModification];

impl<'a> ChartReader<'_, 'a> {
    pub(crate) fn procedures(&self) -> ProcedureFacts<'a> {
        let mut found = ProcedureFacts::default();
        for procedure in self.record.procedures.iter().filter(|procedure| self.subject.is(procedure.subject.as_ref())) {
            self.add_procedure(procedure, &mut found);
        }
        for unread in self.record.unread.iter().filter(|unread| unread.kind == "Procedure") {
            self.add_unread(unread, &mut found);
        }
        found
    }

    fn add_procedure(&self, procedure: &ProcedureView<'a>, found: &mut ProcedureFacts<'a>) {
        let status = text(procedure.status.as_ref());
        if NOT_CARRIED_OUT.contains(&status) {
            return;
        }
        let coded = self.coded(procedure.code.as_ref(), CodeUse::Procedure);
        let is_completed = status == "completed";
        let reference = || Reference::new("Procedure", id(procedure.id.as_ref()));
        if is_completed && coded.sets.has_any(&THERAPY_SETS) && !self.is_elsewhere(region(procedure)) {
            let span = self.therapy_span(procedure);
            found.therapies.push(Therapy { reference: reference(), sets: coded.sets, label: coded.label.clone(), span });
        }
        if is_completed && coded.sets.has(ValueSet::SijFusion) {
            found.fusions.push(NamedResource { reference: reference(), words: coded.label.to_string() });
        }
        let body_sites = procedure.body_site.as_deref().unwrap_or_default();
        let is_injection = self.is_injection(coded.sets, procedure.code.as_ref(), body_sites);
        let performed = self.performed(procedure.performed_date_time.as_ref(), procedure.performed_period.as_ref());
        let doubt = if is_injection {
            status_doubt(procedure.status.as_ref().map(super::text::Text::as_str)).or(performed.is_none().then_some(InjectionDoubt::NoDate))
        } else {
            let Some(doubt) = self.unclear_code(procedure.code.as_ref(), &coded, body_sites, false) else {
                found.pain_procedures.extend(self.other_pain_procedure(procedure, &coded, performed).filter(|_| is_completed));
                return;
            };
            Some(doubt)
        };
        let side = self.procedure_side(procedure, &coded);
        let billing = BillingLine::from_sets(coded.sets);
        if let Some(performed) = performed.and_then(DateInterval::full).filter(|_| is_injection && is_completed) {
            let label = coded.label.clone();
            found.pain_procedures.push(PainProcedure { reference: reference(), label, side, is_injection, billing, performed });
        }
        found.injections.push(ChartedInjection { reference: reference(), label: coded.label, side, billing, performed, doubt });
    }

    /// A Procedure in the value set `invasive-pain-procedure`, or a neurotomy of the joint, if it has a full date.
    fn other_pain_procedure(
        &self,
        procedure: &ProcedureView<'a>,
        coded: &Coded<'a>,
        performed: Option<DateInterval>,
    ) -> Option<PainProcedure<'a>> {
        let body_sites = procedure.body_site.as_deref().unwrap_or_default();
        let is_one = self.is_invasive(coded.sets, procedure.code.as_ref(), body_sites);
        let performed = performed.and_then(DateInterval::full).filter(|_| is_one)?;
        Some(PainProcedure {
            reference: Reference::new("Procedure", id(procedure.id.as_ref())),
            label: coded.label.clone(),
            side: self.procedure_side(procedure, coded),
            is_injection: false,
            billing: BillingLine::from_sets(coded.sets),
            performed,
        })
    }

    fn procedure_side(&self, procedure: &ProcedureView<'a>, coded: &Coded<'a>) -> Side {
        let parts = SideParts {
            code: procedure.code.as_ref(),
            body_sites: procedure.body_site.as_deref().unwrap_or_default(),
            extensions: procedure.extension.as_deref().unwrap_or_default(),
            by_code: coded.side,
        };
        self.named_side(parts).side
    }

    /// Why a Procedure without a recognised code may still be an injection of the joint.
    fn unclear_code(
        &self,
        code: Option<&ConceptView<'a>>,
        coded: &Coded<'a>,
        body_sites: &[ConceptView<'a>],
        site_is_unreadable: bool,
    ) -> Option<InjectionDoubt> {
        let has_words = || code.into_iter().flat_map(super::concepts::words).any(|words| !words.is_empty());
        if !coded.has_procedure_code && !has_words() {
            return Some(InjectionDoubt::NoCode);
        }
        if coded.has_procedure_system {
            return None;
        }
        let lists = &self.policy.words;
        let names_joint = site_is_unreadable || Self::says(&lists.sacroiliac_joint, code, body_sites);
        (names_joint && Self::says(&lists.injection, code, body_sites)).then_some(InjectionDoubt::Words)
    }

    /// The date of a Procedure: `performedDateTime`, else the start of `performedPeriod`, else its end.
    pub(crate) fn performed(&self, day: Option<&super::text::Text<'a>>, period: Option<&PeriodView<'a>>) -> Option<DateInterval> {
        let candidates = [day, period.and_then(|period| period.start.as_ref()), period.and_then(|period| period.end.as_ref())];
        candidates.into_iter().find_map(|candidate| DateElement::read_after(candidate, self.birth_date).date())
    }

    fn therapy_span(&self, procedure: &ProcedureView<'a>) -> Span {
        let read = |text: Option<&super::text::Text<'a>>| DateElement::read_after(text, self.birth_date);
        match read(procedure.performed_date_time.as_ref()) {
            day @ DateElement::Date(_) => day.span_to(day),
            DateElement::Absent | DateElement::NoDate => {
                let period = procedure.performed_period.as_ref();
                let (start, end) = (period.and_then(|period| period.start.as_ref()), period.and_then(|period| period.end.as_ref()));
                read(start).span_to(read(end))
            }
        }
        .unwrap_or(Span::Unproven)
    }

    /// Adds a malformed Procedure if its readable members show a possible injection of the joint or another procedure of a
    /// visit. It proves no therapy, because the unreadable members may name another region or reason.
    fn add_unread(&self, unread: &UnreadView<'a>, found: &mut ProcedureFacts<'a>) {
        let status = unread.part::<super::text::Text<'a>>("status").read();
        if !self.subject.is(unread.subject().as_ref()) || status.as_ref().is_some_and(|status| NOT_CARRIED_OUT.contains(&status.as_str())) {
            return;
        }
        let code = unread.part::<ConceptView<'a>>("code").read();
        let coded = self.coded(code.as_ref(), CodeUse::Procedure);
        let sites = unread.part::<List<ConceptView<'a>>>("bodySite");
        let site_is_unreadable = matches!(sites, Part::Unreadable);
        let sites = sites.read().unwrap_or_default();
        let is_injection =
            self.is_injection(coded.sets, code.as_ref(), &sites) || (site_is_unreadable && coded.sets.has(ValueSet::JointInjection));
        let doubt = if is_injection {
            Some(InjectionDoubt::Unreadable)
        } else {
            self.unclear_code(code.as_ref(), &coded, &sites, site_is_unreadable)
        };
        let (day, period) = (unread.part("performedDateTime").read(), unread.part("performedPeriod").read());
        let performed = self.performed(day.as_ref(), period.as_ref());
        let reference = || Reference::new("Procedure", id(unread.id.as_ref()));
        let (side, billing) = (Side::Unspecified, BillingLine::from_sets(coded.sets));
        let is_invasive = is_injection || self.is_invasive(coded.sets, code.as_ref(), &sites);
        let is_completed = status.is_some_and(|status| status.as_str() == "completed");
        if let Some(performed) = performed.and_then(DateInterval::full).filter(|_| is_invasive && is_completed) {
            let label = coded.label.clone();
            found.pain_procedures.push(PainProcedure { reference: reference(), label, side, is_injection, billing, performed });
        }
        let charted = |doubt| ChartedInjection { reference: reference(), label: coded.label.clone(), side, billing, performed, doubt };
        found.injections.extend(doubt.map(|doubt| charted(Some(doubt))));
    }

    /// Whether this is an invasive pain procedure other than an injection of the joint.
    fn is_invasive(&self, sets: Membership, code: Option<&ConceptView<'a>>, body_sites: &[ConceptView<'a>]) -> bool {
        sets.has(ValueSet::InvasivePainProcedure) || self.is_neurotomy(sets, code, body_sites)
    }
}

fn region<'r, 'a>(procedure: &'r ProcedureView<'a>) -> RegionParts<'r, 'a> {
    RegionParts {
        body_sites: procedure.body_site.as_deref().unwrap_or_default(),
        reason_codes: procedure.reason_code.as_deref().unwrap_or_default(),
        reason_references: procedure.reason_reference.as_deref().unwrap_or_default(),
        contained: procedure.contained.as_deref().unwrap_or_default(),
        is_drug: false,
    }
}

fn status_doubt(status: Option<&str>) -> Option<InjectionDoubt> {
    match status {
        Some("completed") => None,
        None => Some(InjectionDoubt::NoStatus),
        Some(other) => Some(InjectionDoubt::Status(other.to_owned())),
    }
}
