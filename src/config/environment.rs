//! The environment as a layer: `SIJ_CDS__SECTION__KEY`. The variables are passed in, so that tests need no process state.
//! Not here: any other use of the environment; there is none.

use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};

/// What every variable of ours begins with.
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
    // Else the section itself was given as a variable: that is the fault to report.
    if let Value::Dict(_, keys) = section {
        keys.insert(key.to_owned(), value);
    }
}

/// Numbers, booleans and lists are recognized as TOML writes them; anything else is text.
fn value_of(text: &str) -> Value {
    match text.parse::<Value>() {
        Ok(value) => value,
        Err(never) => match never {},
    }
}

/// The variable that sets `key`. One variable holds all that lies within a key.
pub(super) fn variable_for(key: &str) -> String {
    let outer: Vec<&str> = key.split('.').take(2).collect();
    format!("{ENVIRONMENT_PREFIX}{}", outer.join("__").to_ascii_uppercase())
}
