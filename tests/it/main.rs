//! The one integration binary: a module an endpoint or failure mode, what they share in `support`.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test may fail by panicking")]

mod architecture;
mod card_protocol;
mod card_words;
mod command_line;
mod configuration;
mod contract;
mod documentation;
mod entry_addresses;
mod evaluate_command;
mod evaluated_requests;
mod fhir_faults;
mod fhir_fetching;
mod hostile_calls;
mod http_connections;
mod http_faults;
mod http_middleware;
mod incomplete_lists;
mod invariants;
mod laws;
mod many_and_deep;
mod other_patients;
mod policy_check;
mod policy_versions;
mod privacy;
mod readme;
mod rescheduling;
mod same_day;
mod source_rules;
mod stories;
mod support;
