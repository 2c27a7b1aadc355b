//! Selects the requested forms and the orders for each (DTR 2.2, `$questionnaire-package`): by a form's URL, by orders, or by an earlier
//! decision on orders.
//! Not here: whether the criteria are met; none is evaluated.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::assertion::{Assertion, ChartAnswers};
use super::input_error::InputError;
use super::outcome::{OutcomeDetails, Remark};
use super::request::{GivenOrder, PackageRequest};
use crate::crd::Plans;
use crate::decision::{Policies, PolicyFamily, Published};
use crate::evidence::{DraftOrder, NamedOrders, PatientRecord, ReadingContext, ReadingOptions, Text};
use crate::policy::{OrderKind, Question, kind};

/// A form, and the orders to complete it for.
#[derive(Debug)]
pub(super) struct Selected<'p> {
    pub(super) published: &'p Published,
    /// `ServiceRequest/{id}` or `Appointment/{id}` of each order.
    pub(super) orders: Vec<String>,
}

/// The contents of the packages.
#[derive(Debug, Default)]
pub(super) struct Selection<'p> {
    pub(super) forms: Vec<Selected<'p>>,
    pub(super) remarks: Vec<Remark>,
    /// The chart's answers, from the decision.
    pub(super) chart: ChartAnswers,
    /// The questions that the decision asked for; if empty, the whole form is asked.
    pub(super) asked: BTreeSet<Question>,
}

/// The inputs for selecting forms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chooser<'p> {
    pub(super) policies: &'p Policies,
    pub(super) plans: &'p Plans,
    /// The id of the client's own plan, if it has one.
    pub(super) plan: Option<&'p str>,
    /// The client's configuration for reading orders.
    pub(super) options: &'p ReadingOptions,
    pub(super) now: DateTime<Utc>,
}

/// The type and id of an order.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderHead<'a> {
    #[serde(borrow)]
    resource_type: Text<'a>,
    #[serde(borrow)]
    id: Text<'a>,
}

impl<'p> Chooser<'p> {
    /// The forms that an input requests, without duplicates. `assertion` is the one that the input's context names.
    pub(super) fn choose(self, request: &PackageRequest<'_>, assertion: Option<&Assertion>) -> Result<Selection<'p>, InputError> {
        let mut selection = Selection::default();
        let patient_id = request.patient_id();
        self.add_orders(&request.orders, request, &mut selection)?;
        if let Some((place, _)) = &request.context {
            self.add_context(*place, assertion.filter(|assertion| assertion.patient_id == patient_id), request, &mut selection)?;
        }
        let given = references(&request.orders);
        if !request.questionnaires.is_empty() {
            // A form that is requested by URL needs no order, so only warnings remain.
            selection.remarks.retain(|remark| remark.about.is_warning());
        }
        for (place, canonical) in &request.questionnaires {
            let mut published = self.policies.in_use().flat_map(|family| family.published());
            match published.find(|published| published.form.is_named_by(canonical.as_str())) {
                Some(published) => selection.add(published, &given),
                None => selection.remarks.push(Remark { place: Some(*place), about: OutcomeDetails::UnknownQuestionnaire }),
            }
        }
        Ok(selection)
    }

    fn add_context(
        self,
        place: usize,
        assertion: Option<&Assertion>,
        request: &PackageRequest<'_>,
        selection: &mut Selection<'p>,
    ) -> Result<(), InputError> {
        let Some(assertion) = assertion else {
            selection.remarks.push(Remark { place: Some(place), about: OutcomeDetails::UnknownContext });
            return Ok(());
        };
        let orders: Vec<GivenOrder<'_>> = assertion.orders.iter().map(GivenOrder::from).collect();
        let mut found = Selection::default();
        self.add_orders(&orders, request, &mut found)?;
        if found.forms.is_empty() {
            selection.remarks.push(Remark { place: Some(place), about: OutcomeDetails::ContextWithoutForm });
        }
        for form in found.forms {
            selection.add(form.published, &form.orders);
        }
        selection.chart = assertion.chart.clone();
        selection.asked.clone_from(&assertion.asked);
        Ok(())
    }

    /// Adds the form of each order in scope, and a remark on every other order.
    fn add_orders(self, orders: &[GivenOrder<'_>], request: &PackageRequest<'_>, selection: &mut Selection<'p>) -> Result<(), InputError> {
        let patient_id = request.patient_id();
        let plain = PatientRecord::of_orders(orders.iter().map(|order| (None, Some(order.raw))));
        let (booked, _) =
            PatientRecord::of_appointments(NamedOrders::booked(orders.iter().map(|order| Some(order.raw)), orders.len()), patient_id);
        let covered = |record| request.coverage_resources.iter().copied().fold(record, PatientRecord::with_resource);
        let (plain, booked) = (covered(plain), covered(booked));
        let drafts = |patient_record| PatientRecord::drafts(patient_record).iter().map(move |draft| (patient_record, draft));
        let drafts: Vec<_> = drafts(&plain).chain(drafts(&booked)).collect();
        for (position, order) in orders.iter().enumerate() {
            let about = match drafts.iter().find(|(_, draft)| draft.position == position) {
                Some((_, draft)) if !draft.is_for(patient_id) => return Err(InputError::OtherPatient { path: path(order.place) }),
                Some((patient_record, draft)) => self.add_draft(patient_record, draft, (patient_id, order.policy), selection),
                None => Some(undrafted(order.raw)),
            };
            selection.remarks.extend(about.map(|about| Remark { place: order.place, about }));
        }
        Ok(())
    }

    /// Adds an order's form, or a remark on why it needs none. `judged_by` is the id of the policy that judged it, if it is known.
    fn add_draft(
        self,
        patient_record: &PatientRecord<'_>,
        draft: &DraftOrder<'_>,
        (patient_id, judged_by): (&str, Option<&str>),
        selection: &mut Selection<'p>,
    ) -> Option<OutcomeDetails> {
        let service_date = draft.service_date(self.now.date_naive());
        let reading = |family: &'p PolicyFamily| ReadingContext { policy: family.on(service_date), patient_id, options: self.options };
        // The payer, which tells the plan, is read alike by every policy.
        let coverage = || patient_record.coverage(draft, reading(self.policies.default_family()), service_date);
        let family = judged_by
            .and_then(|id| self.policies.family(id))
            .unwrap_or_else(|| self.policies.family_or_default(self.plans.policy_of(self.plan, coverage())));
        match kind(&patient_record.order(draft, reading(family))) {
            Some(OrderKind::Injection) => {
                selection.add(family.published_on(service_date), &[reference(draft)]);
                None
            }
            Some(OrderKind::Neurotomy) => Some(OutcomeDetails::NothingToDocument),
            None => Some(OutcomeDetails::OutOfScope),
        }
    }
}

impl<'p> Selection<'p> {
    /// Adds a form for orders. If the form is already selected, adds the orders to it.
    fn add(&mut self, published: &'p Published, orders: &[String]) {
        let known = self.forms.iter_mut().find(|form| form.published.form.canonical() == published.form.canonical());
        let Some(form) = known else {
            self.forms.push(Selected { published, orders: orders.to_vec() });
            return;
        };
        for order in orders {
            if !form.orders.contains(order) {
                form.orders.push(order.clone());
            }
        }
    }
}

fn reference(draft: &DraftOrder<'_>) -> String {
    let kind = if draft.is_order() { "ServiceRequest" } else { "Appointment" };
    format!("{kind}/{}", draft.id())
}

/// References to the input's orders that a response can be based on.
fn references(orders: &[GivenOrder<'_>]) -> Vec<String> {
    let heads = orders.iter().filter_map(|order| serde_json::from_str::<OrderHead<'_>>(order.raw.get()).ok());
    let orders = heads.filter(|head| matches!(head.resource_type.as_str(), "ServiceRequest" | "Appointment"));
    orders.map(|head| format!("{}/{}", head.resource_type.as_str(), head.id.as_str())).collect()
}

/// Why an order of the input cannot be judged.
fn undrafted(raw: &RawValue) -> OutcomeDetails {
    let head = serde_json::from_str::<OrderHead<'_>>(raw.get()).ok();
    match head.as_ref().map_or("", |head| head.resource_type.as_str()) {
        "Appointment" => OutcomeDetails::ForAnOrder,
        "ServiceRequest" => OutcomeDetails::NotUnderstood,
        _ => OutcomeDetails::OutOfScope,
    }
}

fn path(place: Option<usize>) -> String {
    place.map_or_else(|| "parameter".to_owned(), |place| format!("parameter[{place}].resource"))
}
