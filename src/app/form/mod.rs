//! The documentation form for DTR clients (Da Vinci DTR 2.2, <http://hl7.org/fhir/us/davinci-dtr>): the published resources, and the
//! packages of `$questionnaire-package`, each with a draft response.
//! Not here: HTTP, and reading the responses that clinicians have signed ([`crate::evidence`]).

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

/// The service's FHIR paths besides discovery and calls; each is a valid token audience.
pub(super) const ENDPOINTS: [&str; 4] = ["/fhir", "/fhir/Questionnaire", "/fhir/Questionnaire/$questionnaire-package", "/fhir/ValueSet"];
