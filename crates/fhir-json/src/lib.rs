//! Writes the resources that `sij-cds` builds with fhir-sdk's types.
//!
//! A crate of its own for the sake of the build alone: to write one resource is to compile the writing of all of them, which
//! took half of a release build where it was compiled for speed. Here it is compiled once and without optimisation.

use fhir_sdk::r4b::resources::Resource;
use serde_json::Value;

/// A resource as JSON (<https://hl7.org/fhir/R4/json.html>); `None` if it cannot be written, which no resource of R4B is known for.
#[must_use]
pub fn to_json(resource: &Resource) -> Option<Value> {
    serde_json::to_value(resource).ok()
}
