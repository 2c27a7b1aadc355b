//! What the tests share: the service driven in process, its answers, a log to read, and the project's documents.

mod answer;
mod log_buffer;
pub(crate) mod markdown;
mod test_app;

pub(crate) use answer::Answer;
pub(crate) use log_buffer::LogBuffer;
pub(crate) use test_app::{SERVICE, TestApp, default_config, empty_sign_call, post};
