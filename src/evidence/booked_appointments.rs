//! Appointments that are based on orders: which orders those are, and the appointments whose orders cannot be found, which then describe the
//! service themselves.
//! Not here: reading a call's appointments ([`super::named_orders`]).

use chrono::NaiveDate;
use serde_json::value::RawValue;

use super::named_orders::{as_order, is_called_off};
use super::orders::{DraftKind, DraftOrder};
use super::patient_record::PatientRecord;
use super::resource::view;
use super::views::AppointmentView;
use crate::policy::DateInterval;

/// An appointment that is based on orders.
#[derive(Debug)]
pub struct BookedAppointment<'a> {
    /// Its position among the Bundle's entries.
    pub position: usize,
    /// The client's own JSON.
    pub raw: &'a RawValue,
    /// When it is, if it says so.
    pub(super) day: Option<DateInterval>,
    /// The ids of the orders it is based on.
    pub(super) orders: Vec<String>,
}

impl BookedAppointment<'_> {
    /// The ids of the orders it is based on.
    pub fn orders(&self) -> impl Iterator<Item = &str> {
        self.orders.iter().map(String::as_str)
    }

    /// Whether an order that is judged for this day is judged for this appointment.
    #[must_use]
    pub fn is_on(&self, day: NaiveDate) -> bool {
        self.day.is_none_or(|own| own.lo() <= day && day <= own.hi())
    }

    /// Whether it states its day in full.
    #[must_use]
    pub fn has_day(&self) -> bool {
        self.day.is_some_and(|own| own.lo() == own.hi())
    }
}

impl<'a> PatientRecord<'a> {
    /// The appointments that are based on orders.
    #[must_use]
    pub fn booked(&self) -> &[BookedAppointment<'a>] {
        &self.booked
    }

    /// For each appointment none of whose orders is in the record: the appointment as a draft order.
    #[must_use]
    pub fn appointments_without_their_orders(&self, patient_id: &str) -> Vec<DraftOrder<'a>> {
        let alone = self.booked.iter().filter(|appointment| !appointment.orders().any(|order| self.has_order(order)));
        let read = |appointment: &BookedAppointment<'a>| {
            let view: AppointmentView<'a> = view(appointment.raw).filter(|view| !is_called_off(view))?;
            Some(DraftOrder::new(DraftKind::Appointment, as_order(view, patient_id), appointment.position, appointment.raw))
        };
        alone.filter_map(read).collect()
    }

    /// Judges an appointment by its own contents, and returns the ids of the orders that it stands for.
    #[must_use]
    pub fn judge_alone(&mut self, appointment: DraftOrder<'a>) -> Vec<String> {
        let of_orders = |booked: &BookedAppointment<'_>| booked.position == appointment.position;
        let orders = self.booked.extract_if(.., |booked| of_orders(booked)).flat_map(|booked| booked.orders).collect();
        self.add_draft(appointment);
        orders
    }
}

/// The ids, each once.
pub(super) fn each_id<'i>(ids: impl Iterator<Item = &'i str>) -> Vec<String> {
    let mut each: Vec<String> = Vec::new();
    for id in ids {
        if !each.iter().any(|known| known == id) {
            each.push(id.to_owned());
        }
    }
    each
}
