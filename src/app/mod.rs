//! The only orchestrator: the steps of one decision and of one feedback, and the composition root.

mod application;
mod call_error;
mod decision;
mod policies;
mod services;

pub use application::{App, BuildError, Ports, Readiness};
pub use call_error::{CallError, Category};
pub use decision::Report;
pub use policies::{Policies, PoliciesError, PolicyFolder, folders};
pub use services::{Services, ServicesError};
