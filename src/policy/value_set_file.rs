//! Reads the policy's FHIR R4 ValueSet files into one index and checks each code against its system's format.
//! It reads only what the policy uses: `id` and `compose.include[].concept[].code`.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::code_format::CodeFormat;
use super::policy_file::{PolicyError, PolicyFile};
use super::value_sets::{ValueSet, ValueSets};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ValueSetJson<'a> {
    resource_type: String,
    id: String,
    #[serde(borrow)]
    compose: ComposeJson<'a>,
}

#[derive(Deserialize)]
struct ComposeJson<'a> {
    #[serde(borrow)]
    include: Vec<IncludeJson<'a>>,
}

#[derive(Deserialize)]
struct IncludeJson<'a> {
    system: String,
    #[serde(borrow)]
    concept: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct ConceptJson {
    code: String,
}

/// Reads every file below `folder` and checks that none of the policy's value sets is missing.
pub(crate) fn read_all(
    files: &[PolicyFile],
    folder: &str,
    formats: &HashMap<String, CodeFormat>,
    sets: &mut ValueSets,
) -> Result<(), PolicyError> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.name.starts_with(folder)) {
        found.push(read_one(file, formats, sets)?);
    }
    match ValueSet::ALL.iter().find(|set| !found.contains(set) && !ValueSet::LISTED.contains(set)) {
        Some(missing) => Err(PolicyError::of_file(&format!("{folder}{}.json", missing.id()), "the value set is missing")),
        None => Ok(()),
    }
}

fn read_one(file: &PolicyFile, formats: &HashMap<String, CodeFormat>, sets: &mut ValueSets) -> Result<ValueSet, PolicyError> {
    let read: ValueSetJson<'_> = serde_json::from_str(&file.text).map_err(|error| PolicyError::of_json(&file.name, &error))?;
    if read.resource_type != "ValueSet" {
        return Err(PolicyError::of_file(&file.name, format!("`{}` is not a ValueSet", read.resource_type)));
    }
    let set = ValueSet::from_id(&read.id)
        .filter(|set| !ValueSet::LISTED.contains(set))
        .ok_or_else(|| PolicyError::of_file(&file.name, format!("unknown value set `{}`", read.id)))?;
    for include in &read.compose.include {
        for concept in &include.concept {
            let fault = |problem: String| PolicyError::at(&file.name, &file.text, offset(&file.text, concept.get()), problem);
            let code = serde_json::from_str::<ConceptJson>(concept.get()).map_err(|error| fault(error.to_string()))?.code;
            let format = formats.get(&include.system).ok_or_else(|| fault(format!("unknown code system `{}`", include.system)))?;
            if !format(&code) {
                return Err(fault(format!("`{code}` is not a code of {}", include.system)));
            }
            sets.add_code(set, &include.system, &code);
        }
    }
    Ok(set)
}

/// The offset of `part`, a slice of `whole`, in `whole`.
fn offset(whole: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize)
}
