//! A file of a policy version, and why one cannot be used.
//! Not here: what the files say; see [`super::definition_file`].

use thiserror::Error;

use super::toml_words::in_plain_words;

/// An error in a policy file.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{file}:{line}: {problem}")]
pub struct PolicyError {
    /// The file, relative to the policy's folder.
    pub file: String,
    /// The line, starting at 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
}

impl PolicyError {
    pub(crate) fn at(file: &str, text: &str, offset: usize, problem: impl Into<String>) -> Self {
        let line = text.bytes().take(offset).filter(|&byte| byte == b'\n').count() + 1;
        Self { file: file.to_owned(), line, problem: problem.into() }
    }

    pub(crate) fn of_file(file: &str, problem: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: 1, problem: problem.into() }
    }

    pub(crate) fn of_toml(file: &str, text: &str, error: &toml::de::Error) -> Self {
        Self::at(file, text, error.span().map_or(0, |span| span.start), in_plain_words(error.message()))
    }

    pub(crate) fn of_json(file: &str, error: &serde_json::Error) -> Self {
        Self { file: file.to_owned(), line: error.line().max(1), problem: error.to_string() }
    }
}

/// One file of a policy's folder.
#[derive(Clone, Debug)]
pub struct PolicyFile {
    /// Its path within the folder, with `/`.
    pub name: String,
    /// Its text.
    pub text: String,
}
