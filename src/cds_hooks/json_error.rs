//! Errors in the JSON of a body: each gives a JSON path, and never a value.
//! Not here: what a body must say besides; see [`super::request_error`].

use thiserror::Error;

/// JSON that cannot be read as what the specification demands.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum JsonError {
    /// Not JSON at all.
    #[error("the body is not JSON (line {line}, column {column})")]
    NotJson {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// A required member is missing.
    #[error("`{path}` is missing")]
    Missing {
        /// The member's JSON path.
        path: String,
    },
    /// A member is of the wrong type.
    #[error("`{path}` is not of the type the specification gives it")]
    WrongType {
        /// The member's JSON path; `.` for the whole body.
        path: String,
    },
}

impl JsonError {
    /// A short stable name, for records and metrics.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::NotJson { .. } => "not_json",
            Self::Missing { .. } => "member_missing",
            Self::WrongType { .. } => "wrong_type",
        }
    }

    /// The JSON path of the error.
    #[must_use]
    pub fn expression(&self) -> Option<String> {
        match self {
            Self::NotJson { .. } => None,
            Self::Missing { path } | Self::WrongType { path } => Some(path.clone()),
        }
    }

    /// An error in the value at `root`, which is empty for the whole body.
    pub(crate) fn at(root: &str, error: &serde_path_to_error::Error<serde_json::Error>) -> Self {
        if !error.inner().is_data() {
            return Self::from(error.inner());
        }
        let below = error.path().to_string();
        let joined = |member: &str| if root.is_empty() { member.to_owned() } else { format!("{root}.{member}") };
        let path = match below.as_str() {
            "." if root.is_empty() => below,
            "." => root.to_owned(),
            _ => joined(&below),
        };
        match error.inner().to_string().strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
            Some(member) if path == "." => Self::Missing { path: member.to_owned() },
            Some(member) => Self::Missing { path: format!("{path}.{member}") },
            None => Self::WrongType { path },
        }
    }
}

impl From<&serde_json::Error> for JsonError {
    fn from(error: &serde_json::Error) -> Self {
        Self::NotJson { line: error.line(), column: error.column() }
    }
}
