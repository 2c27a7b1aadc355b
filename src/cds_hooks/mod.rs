//! The CDS Hooks protocol: calls read, cards written. Pure: no I/O, no clock, and no FHIR beyond the client's orders.

mod request;

pub use request::{Context, HookRequest, OrderBundle, OrderEntry, Prefetch, RequestError, fault, read};
