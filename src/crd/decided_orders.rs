//! What a response needs of a decision: the evaluation of its orders and the evidence it was made on.
//! Not here: making the decision ([`crate::decision`]).

use super::plans::{HealthPlan, Payer};
use crate::cds_hooks::Hook;
use crate::evidence::{BookedAppointment, CoverageFound, Insurance, Kind, ListSource, PatientRecord, Sources, by_reason};
use crate::policy::{DiagnosisSupport, Evaluation, OrderEvaluation, Reference};

/// The resource type of an order.
const ORDER: &str = "ServiceRequest";

/// The list name for the Conditions that orders reference as their reasons.
const ORDERS_REASONS: &str = "reasons";

/// The orders that were decided.
#[derive(Clone, Copy, Debug)]
pub struct DecidedOrders<'d, 'a> {
    /// The hook of the call.
    pub hook: Hook,
    /// The policy's evaluation of the orders.
    pub evaluation: &'d Evaluation<'a>,
    /// The evidence.
    pub patient_record: &'d PatientRecord<'a>,
    /// The member's insurer.
    pub insurance: &'d Insurance<'a>,
    /// The source of each resource type.
    pub sources: &'d Sources,
    /// `Practitioner/d1`; empty if the call names no user.
    pub user_id: &'d str,
    /// `Encounter/e1`, if the call names one.
    pub encounter: Option<&'d str>,
}

impl<'d, 'a> DecidedOrders<'d, 'a> {
    /// The appointments on the order's service date that are based on this order and on no other decided one. What is asserted of an order
    /// holds for that day, and the assertions of several orders would contradict each other on one appointment.
    pub(super) fn appointments_of(&self, order: &OrderEvaluation<'a>) -> impl Iterator<Item = &'d BookedAppointment<'a>> {
        let ids: Vec<&'d str> =
            self.evaluation.orders.iter().map(|order| &order.order).filter(|order| order.kind() == ORDER).map(Reference::id).collect();
        let (id, day) = (order.order.id().to_owned(), order.service_date);
        let is_its = move |appointment: &&'d BookedAppointment<'a>| {
            let mut decided = appointment.orders().filter(|order| ids.contains(order));
            appointment.is_on(day) && decided.next() == Some(&id) && decided.next().is_none()
        };
        self.patient_record.booked().iter().filter(is_its)
    }
}

impl DecidedOrders<'_, '_> {
    /// The insurer's name as on the member's Coverage (CRD 2.2.1, resp-4), unless the payer is a foreign one.
    #[must_use]
    pub fn source_label(&self, plan: &HealthPlan, payer: Payer, found: &CoverageFound<'_>) -> String {
        let insurer = match found {
            CoverageFound::One(member) if payer == Payer::Handled => member.payer_name(),
            CoverageFound::One(_) | CoverageFound::Several(_) => None,
            CoverageFound::None | CoverageFound::Unavailable(_) => self.insurance.insurer.as_deref(),
        };
        insurer.unwrap_or(&plan.name).to_owned()
    }

    /// The lists that could not be read, grouped by reason.
    #[must_use]
    pub fn unavailable(&self) -> Vec<(&'static str, Vec<&'static str>)> {
        let missing = Kind::ALL.into_iter().filter(|kind| self.needs_but_misses(*kind));
        let lists = by_reason(self.sources, missing);
        let lists = lists.into_iter().map(|(reason, kinds)| (reason, kinds.into_iter().map(Kind::name).collect()));
        let open_diagnosis = self.evaluation.orders.iter().any(|order| order.diagnosis == DiagnosisSupport::Unavailable);
        let reasons = self.patient_record.reasons_unresolved().filter(|_| open_diagnosis).map(|reason| (reason, vec![ORDERS_REASONS]));
        lists.chain(reasons).collect()
    }

    /// Whether a card must name the list as missing. The policy always needs 3 lists; if a verdict is open, so does every other list that
    /// could have settled it.
    fn needs_but_misses(&self, kind: Kind) -> bool {
        let mut criteria = self.evaluation.orders.iter().flat_map(|order| &order.sites).flat_map(|site| &site.criteria);
        let is_evidence = kind != Kind::Coverage;
        let is_needed = matches!(kind, Kind::Conditions | Kind::Procedures | Kind::MedicationStatements);
        !self.is_available(kind) && (is_needed || (is_evidence && criteria.any(|criterion| criterion.verdict.is_unknown())))
    }

    fn is_available(&self, kind: Kind) -> bool {
        self.sources.get(kind.name()).is_some_and(ListSource::is_available)
    }
}
