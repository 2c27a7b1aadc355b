//! Code that the tests share: the service in process, its answers, a readable log, requests with known answers, and
//! the project's documents.

mod answer;
pub(crate) mod call;
pub(crate) mod callers;
mod cases;
pub(crate) mod check_rows;
pub(crate) mod coverage_information;
pub(crate) mod coverage_rules;
mod evaluator;
pub(crate) mod exchanges;
pub(crate) mod fhir_server;
pub(crate) mod fhirpath;
pub(crate) mod hook_calls;
pub(crate) mod hook_rules;
pub(crate) mod html;
mod json;
pub(crate) mod keeping;
mod log_buffer;
pub(crate) mod markdown;
pub(crate) mod module_graph;
pub(crate) mod opened_app;
pub(crate) mod page;
mod policy_folder;
mod protocol;
pub(crate) mod response_types;
pub(crate) mod running_program;
pub(crate) mod showing;
pub(crate) mod shown_card;
pub(crate) mod smart_ehr;
mod test_app;

pub(crate) use answer::Answer;
pub(crate) use call::Call;
pub(crate) use cases::{Case, all_cases, changed, disagreements, evaluated_requests, policy_cases, stories, story};
pub(crate) use evaluator::{Evaluator, day_of_the_fixtures};
pub(crate) use json::Json;
pub(crate) use log_buffer::LogBuffer;
pub(crate) use policy_folder::PolicyFolder;
pub(crate) use protocol::{changed_members, violations};
pub(crate) use test_app::{SERVICE, TestApp, bearing, default_config, empty_sign_call, post};
