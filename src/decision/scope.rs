//! Which orders of a call are decided: those under review whose codes their policy version names. Until the policy of each order is chosen,
//! an order counts if any policy in use decides on it.
//! Not here: the codes themselves ([`crate::policy`]).

use super::context::DecisionContext;
use super::policy_choice::PolicyChoice;
use crate::cds_hooks::{Hook, MAX_ID_CHARS, RequestError};
use crate::evidence::{DraftOrder, PatientRecord, UnreadDraft};
use crate::policy::{Order, PassedOver, Policy, kind, passed_over};

/// Exceeds any real set of orders for one joint. Each order is judged against the whole chart, so the number is limited.
const MAX_ORDERS: usize = 20;

/// An answer repeats each order up to four times. An order is a few kilobytes.
const MAX_ORDERS_BYTES: usize = 256 * 1024;

/// A call's orders, with what tells whether they are decided.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'s, 'a> {
    pub(super) context: &'s DecisionContext<'s>,
    pub(super) patient_record: &'s PatientRecord<'a>,
    pub(super) patient_id: &'s str,
    /// The policy of each order; `None` until the Coverage has been read.
    pub(super) choice: Option<&'s PolicyChoice>,
}

impl<'s, 'a> Scope<'s, 'a> {
    /// The orders under review that are decided.
    pub(super) fn orders(self) -> Vec<&'s DraftOrder<'a>> {
        self.decided().filter(|draft| draft.is_asked).collect()
    }

    /// The unreadable orders under review that contain an in-scope code. They still get a card.
    pub(super) fn unreadable(self) -> Vec<&'s UnreadDraft<'a>> {
        let today = self.context.today();
        let has_kind = |draft: &UnreadDraft<'a>, policy| {
            let order = self.patient_record.unreadable_order(draft, self.context.reading(policy, self.patient_id));
            order.is_some_and(|order| order.kind.is_some())
        };
        let is_decided = |draft: &&UnreadDraft<'a>| match self.choice {
            Some(choice) => has_kind(draft, choice.version(draft.position, today)),
            None => self.context.policies.in_use().any(|family| has_kind(draft, family.on(today))),
        };
        self.patient_record.unread_drafts().iter().filter(|draft| draft.is_asked).filter(is_decided).collect()
    }

    /// Whether any order under review is in scope, including orders that cannot be parsed.
    pub(super) fn is_any(self) -> bool {
        !self.orders().is_empty() || !self.unreadable().is_empty()
    }

    /// Whether any order is in scope. Fails if an in-scope order contradicts the call.
    pub(super) fn check(self, hook: Hook) -> Result<bool, RequestError> {
        // Orders not under review count as well, because the others are judged against them.
        let unreadable = self.unreadable();
        let decided: Vec<_> = self.decided().take(MAX_ORDERS + 1).collect();
        if decided.len() > MAX_ORDERS || unreadable.len() > MAX_ORDERS {
            return Err(RequestError::TooManyOrders { limit: MAX_ORDERS, path: orders_path(hook) });
        }
        if self.patient_record.has_longer_draft_id(MAX_ID_CHARS) {
            return Err(RequestError::IdTooLong { path: orders_path(hook) });
        }
        let ids: Vec<&str> = decided.iter().map(|draft| draft.id()).chain(unreadable.iter().map(|draft| draft.id())).collect();
        let booked = self.patient_record.booked().iter().filter(|appointment| appointment.orders().any(|id| ids.contains(&id)));
        let orders = decided.iter().map(|draft| draft.raw).chain(unreadable.iter().map(|draft| draft.raw()));
        let texts = orders.chain(booked.map(|appointment| appointment.raw));
        if texts.map(|raw| raw.get().len()).sum::<usize>() > MAX_ORDERS_BYTES {
            return Err(RequestError::OrdersTooLarge { limit: MAX_ORDERS_BYTES, path: orders_path(hook) });
        }
        let mut orders = decided.into_iter().filter(|draft| draft.is_asked).peekable();
        let has_any = orders.peek().is_some() || !unreadable.is_empty();
        match orders.find(|draft| !draft.is_for(self.patient_id)) {
            Some(draft) => Err(RequestError::OtherPatient { path: subject_path(hook, draft) }),
            None => Ok(has_any),
        }
    }

    /// The orders under review that get no determination.
    pub(super) fn passed_over(self) -> Vec<PassedOver<'a>> {
        let own = self.patient_record.drafts().iter().filter(|draft| draft.is_asked && draft.is_for(self.patient_id));
        // Without a choice no policy decides on the order, so any of them tells why.
        own.filter_map(|draft| passed_over(&self.read_by(draft, self.versions(draft).next()?))).collect()
    }

    fn decided(self) -> impl Iterator<Item = &'s DraftOrder<'a>> {
        self.patient_record.drafts().iter().filter(move |draft| self.is_decided(draft))
    }

    /// Whether the version that judges an order, or any that may, decides on it.
    pub(super) fn is_decided(self, draft: &DraftOrder<'a>) -> bool {
        self.versions(draft).any(|policy| kind(&self.read_by(draft, policy)).is_some())
    }

    /// The version that judges an order, or all that may.
    fn versions(self, draft: &DraftOrder<'_>) -> impl Iterator<Item = &'s Policy> + use<'s, 'a> {
        let chosen = self.choice.map(|choice| choice.version(draft.position, draft.service_date(self.context.today())));
        let possible = chosen.is_none().then(|| self.context.versions(draft));
        chosen.into_iter().chain(possible.into_iter().flatten())
    }

    fn read_by(self, draft: &DraftOrder<'a>, policy: &Policy) -> Order<'a> {
        self.patient_record.order(draft, self.context.reading(policy, self.patient_id))
    }
}

fn orders_path(hook: Hook) -> &'static str {
    match hook {
        Hook::OrderDispatch => "context.dispatchedOrders",
        Hook::AppointmentBook => "context.appointments",
        Hook::OrderSign | Hook::OrderSelect | Hook::EncounterStart | Hook::EncounterDischarge | Hook::PatientView => "context.draftOrders",
    }
}

fn subject_path(hook: Hook, draft: &DraftOrder<'_>) -> String {
    let orders = orders_path(hook);
    match hook {
        Hook::OrderDispatch | Hook::AppointmentBook => orders.to_owned(),
        Hook::OrderSign | Hook::OrderSelect | Hook::EncounterStart | Hook::EncounterDischarge | Hook::PatientView => {
            format!("{orders}.entry[{}].resource.subject", draft.position)
        }
    }
}
