//! The documentation form for DTR clients (Da Vinci DTR 2.2, <http://hl7.org/fhir/us/davinci-dtr>): what is published of it, and the
//! packages of `$questionnaire-package`, each with a draft of a response.
//! Not here: HTTP, and reading responses that clinicians have signed ([`crate::evidence`]).

mod assertion;
mod draft;
mod error;
mod metadata;
mod outcome;
mod package;
mod published;
mod recorded;
mod request;
mod searchset;
mod selection;
mod tailored;

pub use assertion::{Assertion, AssertionLookup, ChartAnswer, ChartAnswers};
pub use error::FormError;
pub use published::PublishedKind;
pub use searchset::CanonicalSearch;

pub(super) use draft::context_extensions;
pub(super) use metadata::Forms;
pub(super) use published::Published;

/// This service's FHIR addresses below its own, beside discovery and calls: what tokens for them may have as their audience.
pub(super) const ENDPOINTS: [&str; 4] = ["/fhir", "/fhir/Questionnaire", "/fhir/Questionnaire/$questionnaire-package", "/fhir/ValueSet"];
