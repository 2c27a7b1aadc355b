//! What the tests share: the service driven in process, its answers, and a log to read.

mod answer;
mod log_buffer;
mod test_app;

pub(crate) use answer::Answer;
pub(crate) use log_buffer::LogBuffer;
pub(crate) use test_app::{SERVICE, TestApp, default_config, empty_sign_call, post};
