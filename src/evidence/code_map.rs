//! A client's local codes, mapped to standard codings.
//! Not here: reading the mapping file ([`crate::app`]).

use std::collections::HashMap;

use crate::policy::{Side, ValueSet};

/// A client's local codes. A mapped coding counts both as itself and as what it maps to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalCodes {
    by_system: HashMap<String, HashMap<String, Mapped>>,
}

/// What a local code maps to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapped {
    /// The standard system and code.
    pub coding: Option<(String, String)>,
    /// The side that the local code specifies.
    pub side: Option<Side>,
    /// A policy value set that contains the code, in addition to those of the standard coding.
    pub value_set: Option<ValueSet>,
}

impl LocalCodes {
    /// Adds a code, replacing an existing one. Returns `false` if the code was already present.
    pub fn add(&mut self, system: &str, code: &str, mapped: Mapped) -> bool {
        let codes = self.by_system.entry(system_key(system).to_owned()).or_default();
        codes.insert(code_key(code), mapped).is_none()
    }

    /// Whether there are no codes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_system.is_empty()
    }

    /// The number of codes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_system.values().map(HashMap::len).sum()
    }

    /// Every code with its system, sorted. Systems have no trailing slash; codes are in lower case.
    #[must_use]
    pub fn entries(&self) -> Vec<(&str, &str, &Mapped)> {
        let of_system = |(system, codes)| {
            let codes: &HashMap<String, Mapped> = codes;
            let system: &String = system;
            codes.iter().map(move |(code, mapped)| (system.as_str(), code.as_str(), mapped))
        };
        let mut entries: Vec<_> = self.by_system.iter().flat_map(of_system).collect();
        entries.sort_unstable_by_key(|(system, code, _)| (*system, *code));
        entries
    }

    /// What a local code maps to. Codes are case-insensitive.
    #[must_use]
    pub fn find(&self, system: &str, code: &str) -> Option<&Mapped> {
        self.by_system.get(system_key(system))?.get(&code_key(code))
    }
}

fn system_key(system: &str) -> &str {
    let system = system.trim();
    system.strip_suffix('/').unwrap_or(system)
}

fn code_key(code: &str) -> String {
    code.trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_code_is_found_by_system_and_code_without_case() {
        let mut codes = LocalCodes::default();
        let mapped = Mapped { side: Some(Side::Left), ..Mapped::default() };
        assert!(codes.add("urn:local", "SIJ-L", mapped.clone()));
        assert!(!codes.add("urn:local/", "sij-l", mapped.clone()));
        assert_eq!(codes.find(" urn:local ", "Sij-L"), Some(&mapped));
        assert_eq!(codes.find("urn:other", "SIJ-L"), None);
    }
}
