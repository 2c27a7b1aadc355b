//! The documentation form for DTR clients (Da Vinci DTR 2.2, <http://hl7.org/fhir/us/davinci-dtr>): the published resources, and the
//! packages of `$questionnaire-package`, each with a draft response.
//!
//! - `service` answers, `request` reads the input, `selection` finds the forms, `draft` and `tailored` write them;
//! - `assertion` is the decision that an input names, which `recorded` reads from the ledger;
//! - `outcome` has the remarks, `error` and `input_error` the refusals; `metadata` and `searchset` are the rest of the FHIR API.
//!
//! Not here: HTTP, and reading the responses that clinicians have signed ([`crate::evidence`]).

mod assertion;
mod draft;
mod error;
mod input_error;
mod metadata;
mod outcome;
mod recorded;
mod request;
mod searchset;
mod selection;
mod service;
mod tailored;

pub use assertion::{AssertedOrder, Assertion, ChartAnswer, ChartAnswers};
pub use error::PackageError;
pub use input_error::InputError;
pub use searchset::CanonicalSearch;
pub use service::{DtrParts, DtrService};

pub(crate) use draft::context_extensions;

/// The service's FHIR paths besides discovery and calls; each is a valid token audience.
pub const ENDPOINTS: [&str; 4] = ["/fhir", "/fhir/Questionnaire", "/fhir/Questionnaire/$questionnaire-package", "/fhir/ValueSet"];
