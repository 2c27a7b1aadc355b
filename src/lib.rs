//! Coverage decision support for sacroiliac joint injections over CDS Hooks.
#![forbid(unsafe_code)]

pub mod app;
pub mod cds_hooks;
pub mod clock;
pub mod evidence;
pub mod ids;
pub mod policy;
