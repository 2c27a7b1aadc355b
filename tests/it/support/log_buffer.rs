//! The log of the whole test run, in memory, at the most detailed level.
//! All tests share it: scoped subscribers lose lines when tests with and without them reach a call site at the same time.

use std::io;
use std::sync::{Arc, Mutex, OnceLock};

use sij_cds::config::{LogConfig, LogFormat, LogLevel};
use sij_cds::telemetry::{self, Metrics};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
pub(crate) struct LogBuffer(Arc<Mutex<Vec<u8>>>);

impl LogBuffer {
    /// The log, which starts with the first call. Code that makes requests must call this first.
    pub(crate) fn of_this_run() -> &'static Self {
        static LOG: OnceLock<LogBuffer> = OnceLock::new();
        LOG.get_or_init(|| {
            let log = Self::default();
            let finest = LogConfig { format: LogFormat::Json, level: LogLevel::Trace };
            tracing::subscriber::set_global_default(telemetry::subscriber(&finest, log.clone())).expect("there is no other log");
            Metrics::install().expect("nothing else counts");
            log
        })
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).expect("the log is text")
    }
}

impl io::Write for LogBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for LogBuffer {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
