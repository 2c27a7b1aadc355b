//! Why a configuration is refused, with the key and where it was set.
//! Not here: each section's rules; see its `validate`.

use std::fmt;
use std::path::PathBuf;

use super::environment::variable_for;

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file given by `--config` cannot be read.
    #[error("cannot read configuration file `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The underlying error.
        source: std::io::Error,
    },
    /// One or more keys are unknown, of the wrong type or out of range.
    #[error("{}", listed(faults))]
    Invalid {
        /// All faults found; never empty.
        faults: Vec<InvalidSetting>,
    },
}

/// One error in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", .origin.in_words(key))]
pub struct InvalidSetting {
    /// The key, as `section.key`; empty if a file is not valid TOML.
    pub key: String,
    /// The layer that set it.
    pub origin: Origin,
    /// What is wrong, and what would be valid.
    pub message: String,
}

/// The layer that set a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The embedded `default.toml`.
    Default,
    /// The file given by `--config`.
    File(PathBuf),
    /// An environment variable.
    Environment,
    /// A command-line option.
    CommandLine,
}

impl Origin {
    /// Names the key and its layer. A file that is not valid TOML has no key.
    fn in_words(&self, key: &str) -> String {
        match self {
            Self::Default => format!("`{key}` in the defaults"),
            Self::File(path) if key.is_empty() => format!("file `{}`", path.display()),
            Self::File(path) => format!("`{key}` in file `{}`", path.display()),
            Self::Environment => format!("`{key}` in environment variable `{}`", variable_for(key)),
            Self::CommandLine => format!("`{key}` on the command line"),
        }
    }
}

/// An error found by a section's `validate`: the key within the section, and what is wrong.
pub(super) struct SectionError {
    pub(super) key: &'static str,
    pub(super) message: String,
}

impl SectionError {
    pub(super) fn new(key: &'static str, message: impl fmt::Display) -> Self {
        Self { key, message: message.to_string() }
    }
}

fn listed(faults: &[InvalidSetting]) -> String {
    let lines: Vec<String> = faults.iter().map(InvalidSetting::to_string).collect();
    lines.join("\n")
}
