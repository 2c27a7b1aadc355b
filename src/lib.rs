//! Coverage decisions for sacroiliac joint injections, answered to EHRs through CDS Hooks.
//!
//! This file is the table of contents; `docs/architecture.md` is the map.

#![forbid(unsafe_code)]

pub mod app;
pub mod auth;
pub mod cds_hooks;
pub mod cli;
pub mod clock;
pub mod config;
pub mod crd;
pub mod decision;
pub mod dtr;
pub mod evidence;
pub mod fhir;
pub mod http;
pub mod ids;
pub mod json_size;
mod large_work;
pub mod ledger;
pub mod memory_budget;
pub mod outgoing;
pub mod policy;
mod rate_limits;
pub mod service;
pub mod smart;
pub mod telemetry;
