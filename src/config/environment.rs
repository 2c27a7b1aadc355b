//! The environment layer: `SIJ_CDS__SECTION__KEY`. The variables are passed in, so that tests need no process state.
//! Not here: other uses of the environment; there are none.

use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};

/// The prefix of all our variables.
pub const ENVIRONMENT_PREFIX: &str = "SIJ_CDS__";

/// The variables that begin with [`ENVIRONMENT_PREFIX`], nested as sections and keys.
pub(super) struct Environment(Dict);

impl Environment {
    pub(super) fn from_variables<'a>(variables: impl IntoIterator<Item = &'a (String, String)>) -> Self {
        let mut sections = Dict::new();
        for (name, value) in variables {
            if let Some(key) = name.strip_prefix(ENVIRONMENT_PREFIX) {
                insert(&mut sections, &key.to_ascii_lowercase(), value_of(value));
            }
        }
        Self(sections)
    }
}

impl Provider for Environment {
    fn metadata(&self) -> Metadata {
        Metadata::named("environment")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.0.clone())]))
    }
}

fn insert(sections: &mut Dict, name: &str, value: Value) {
    let Some((section, key)) = name.split_once("__") else {
        sections.insert(name.to_owned(), value);
        return;
    };
    let section = sections.entry(section.to_owned()).or_insert_with(|| Value::from(Dict::new()));
    // Otherwise the section itself was set as a variable, which is the error to report.
    if let Value::Dict(_, keys) = section {
        keys.insert(key.to_owned(), value);
    }
}

/// Parses numbers, booleans and lists as in TOML; anything else is a string.
fn value_of(text: &str) -> Value {
    match text.parse::<Value>() {
        Ok(value) => value,
        Err(never) => match never {},
    }
}

/// The variable that sets `key`. One variable contains everything nested within a key.
pub(super) fn variable_for(key: &str) -> String {
    let outer: Vec<&str> = key.split('.').take(2).collect();
    format!("{ENVIRONMENT_PREFIX}{}", outer.join("__").to_ascii_uppercase())
}
