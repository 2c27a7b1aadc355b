//! Extracts the policy's facts from FHIR R4 JSON, each with a reference to its source resource.
//! Borrowed views hold only the elements the policy needs. An unreadable resource is recorded and does not affect the
//! others. Pure: no I/O, no clock.
//!
//! - `patient_record` is what a call knows of a patient; `record` sorts its resources by type, `source` tells where each list comes from;
//! - `resource`, `views`, `text`, `written` read JSON; `lenient`, `lenient_views`, `unread` and `buffered_map` what has another shape;
//! - `orders`, `named_orders`, `booked_appointments` read orders, `side` their sides; `concepts` classifies codes and words, `code_map` a client's local codes;
//! - `chart`, `procedures`, `medication`, `observations`, `form`, `coverage`, `member_coverage` extract the facts;
//! - `index` and `unresolved_references` follow references, `patient_matcher` tells whose a resource is.

mod booked_appointments;
mod buffered_map;
mod chart;
mod code_map;
mod concepts;
mod coverage;
mod form;
mod index;
mod kind;
mod lenient;
mod lenient_views;
mod medication;
mod member_coverage;
mod named_orders;
mod observations;
mod orders;
mod patient_matcher;
mod patient_record;
mod procedures;
mod record;
mod resource;
mod side;
mod source;
mod text;
mod unread;
mod unresolved_references;
mod views;
mod written;

pub use booked_appointments::BookedAppointment;
pub use chart::ReadingOptions;
pub use code_map::{LocalCodes, Mapped};
pub use coverage::Insurance;
pub use kind::Kind;
pub use member_coverage::{CoverageFound, Identifier, MemberCoverage, Payor};
pub use named_orders::NamedOrders;
pub use orders::{DraftOrder, UnreadDraft};
pub use patient_record::{PatientRecord, PrefetchEntries, Prefetched, RawPrefetch, ReadingContext};
pub use record::{NOT_ASKED_FOR, PrefetchKeys};
pub use resource::Unreadable;
pub use source::{ListSource, Sources, by_reason};
pub use text::Text;
pub use unresolved_references::{PayorLookup, REFERRED_TYPES};
