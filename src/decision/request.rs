//! A call that was read: who asks about whom, and the evidence so far.
//! Not here: reading it ([`mod@super::read_request`]), and which of its orders are decided ([`super::scope`]).

use std::borrow::Cow;

use secrecy::SecretString;
use serde_json::value::RawValue;

use super::context::{DecisionContext, ReadScope};
use super::error::DecisionError;
use super::policy_choice::PolicyChoice;
use super::scope::Scope;
use crate::cds_hooks::{Hook, MAX_ID_CHARS, Redactions, RequestError};
use crate::evidence::{DraftOrder, NamedOrders, PatientRecord};
use crate::fhir::Reason;
use crate::policy::PassedOver;

/// A parsed and validated call.
#[derive(Debug)]
pub struct Call<'a> {
    /// The metadata to record.
    pub metadata: CallMetadata<'a>,
    /// `None` if no order is in scope and the scope is [`ReadScope::InScope`].
    pub scoped_request: Option<ScopedRequest<'a>>,
    /// The orders without a determination, if there is no scoped request.
    pub passed_over: Vec<PassedOver<'a>>,
}

/// Metadata to record with a call's text.
#[derive(Debug)]
pub struct CallMetadata<'a> {
    /// The call's hook.
    pub hook: Hook,
    /// The client's id for the call.
    pub hook_instance: Cow<'a, str>,
    /// `Practitioner/d1`
    pub user_id: Cow<'a, str>,
    /// Without the type prefix.
    pub patient_id: Cow<'a, str>,
    /// The call's extension.
    pub extension: Option<&'a RawValue>,
    /// The unparsed prefetches, which are left out of the record if no order turns out to be in scope.
    pub prefetch_texts: Vec<&'a RawValue>,
    /// The parts of the call's text to redact in any case.
    pub redactions: Redactions<'a>,
}

/// A request for decisions, and the evidence for them.
#[derive(Debug)]
pub struct ScopedRequest<'a> {
    /// The evidence.
    pub patient_record: PatientRecord<'a>,
    /// The call's hook.
    pub hook: Hook,
    /// The patient's id, as the call gives it.
    pub patient_id: Cow<'a, str>,
    /// `Practitioner/d1`; empty if the call names no user.
    pub user_id: Cow<'a, str>,
    /// The encounter's id, if the call names one.
    pub encounter_id: Option<Cow<'a, str>>,
    /// The FHIR server, if the call offers access to it.
    pub fhir_server: Option<Cow<'a, str>>,
    /// The access token for that server.
    pub token: Option<SecretString>,
    /// The orders that the call names but does not include in its context.
    pub named: NamedOrders<'a>,
    /// How much of the call to read.
    pub read_scope: ReadScope,
}

impl<'a> ScopedRequest<'a> {
    /// The ids of the named orders that have not been read yet.
    #[must_use]
    pub fn missing_orders(&self) -> Vec<String> {
        self.named.missing(&self.patient_record)
    }

    /// Extends the patient's record with more evidence.
    #[must_use]
    pub fn map_record<'b>(self, extend: impl FnOnce(PatientRecord<'b>, &NamedOrders<'b>) -> PatientRecord<'b>) -> ScopedRequest<'b>
    where
        'a: 'b,
    {
        let ScopedRequest { patient_record, hook, patient_id, user_id, encounter_id, fhir_server, token, named, read_scope } = self;
        let patient_record = extend(patient_record, &named);
        ScopedRequest { patient_record, hook, patient_id, user_id, encounter_id, fhir_server, token, named, read_scope }
    }

    /// Judges each appointment whose orders cannot be had by its own contents, if any policy in use decides on those.
    ///
    /// # Errors
    /// Too many orders, counting these appointments.
    pub fn with_appointments_alone(mut self, context: &DecisionContext<'_>) -> Result<Self, RequestError> {
        let appointments = self.patient_record.appointments_without_their_orders(&self.patient_id);
        let is_decided = |draft: &DraftOrder<'a>| self.scope(context).is_decided(draft);
        let decided: Vec<_> = appointments.into_iter().filter(is_decided).collect();
        if decided.is_empty() {
            return Ok(self);
        }
        for appointment in decided {
            let mut orders = self.patient_record.judge_alone(appointment);
            orders.retain(|id| !self.patient_record.booked().iter().any(|other| other.orders().any(|named| named == id)));
            self.named.forget(&orders);
        }
        self.check_orders(context)?;
        Ok(self)
    }

    /// Which of the orders any policy in use decides.
    pub(super) fn scope<'s>(&'s self, context: &'s DecisionContext<'s>) -> Scope<'s, 'a> {
        Scope { context, patient_record: &self.patient_record, patient_id: &self.patient_id, choice: None }
    }

    /// Which of the orders their own policy decides.
    pub(super) fn scope_of<'s>(&'s self, context: &'s DecisionContext<'s>, choice: &'s PolicyChoice) -> Scope<'s, 'a> {
        Scope { choice: Some(choice), ..self.scope(context) }
    }

    /// Whether any policy in use decides an order of the call.
    #[must_use]
    pub fn has_scope(&self, context: &DecisionContext<'_>) -> bool {
        self.scope(context).is_any()
    }

    /// Validates the orders to decide.
    ///
    /// # Errors
    /// Too many orders, or an order of another patient.
    pub fn check_orders(&self, context: &DecisionContext<'_>) -> Result<(), RequestError> {
        self.scope(context).check(self.hook).map(drop)
    }

    /// Checks the lengths of the ids of the evidence, which cards and records repeat.
    ///
    /// # Errors
    /// [`RequestError::IdTooLong`].
    pub fn check_ids(&self) -> Result<(), RequestError> {
        let is_longer = self.patient_record.has_longer_id(MAX_ID_CHARS);
        if is_longer { Err(RequestError::IdTooLong { path: "prefetch" }) } else { Ok(()) }
    }

    /// A call whose orders could not be read cannot be answered, because the policy might decide one of them.
    ///
    /// # Errors
    /// [`DecisionError::OrdersNotFound`].
    pub fn require_orders(&self, fetched: Option<Reason>) -> Result<(), DecisionError> {
        let has_none = self.patient_record.drafts().is_empty() && self.patient_record.unread_drafts().is_empty();
        let is_unread = has_none && !self.missing_orders().is_empty();
        if is_unread && self.read_scope == ReadScope::InScope { Err(DecisionError::OrdersNotFound(fetched)) } else { Ok(()) }
    }
}

/// A patient id without the type prefix that some clients send.
pub(super) fn without_type(patient_id: Cow<'_, str>) -> Cow<'_, str> {
    match patient_id {
        Cow::Borrowed(id) => Cow::Borrowed(id.strip_prefix("Patient/").unwrap_or(id)),
        Cow::Owned(id) => Cow::Owned(id.strip_prefix("Patient/").map(str::to_owned).unwrap_or(id)),
    }
}
