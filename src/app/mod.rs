//! The only orchestrator: the steps of one decision and of one feedback, and the composition root.

mod decision;
mod policies;
mod services;

pub use decision::Report;
pub use policies::{Policies, PoliciesError, PolicyFolder, folders};
pub use services::{Services, ServicesError};
