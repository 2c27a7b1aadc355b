//! `sij-cds config check`.
//! Not here: the checks; see [`crate::config`], and [`crate::app`] and [`crate::http`] for the files it names.

use std::io;
use std::sync::Arc;

use anyhow::Context;

use super::arguments::ConfigFile;
use super::output::quiet_when_closed;
use super::policy::print_unused;
use crate::app::{App, Ports};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::http::Live;
use crate::ids::RandomIds;
use crate::ledger::Ledger;

/// Loads the configuration and every file it names as `serve` would, and prints that they are valid, after the policies that judge no order. The error
/// lists every fault.
#[expect(clippy::print_stdout, reason = "this command's output")]
pub(super) fn check(file: &ConfigFile) -> anyhow::Result<()> {
    let config = Config::load(file.path.as_deref())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    // Nothing is connected yet, but clients must be constructed inside a runtime.
    let _within = runtime.enter();
    let app = App::build(&config, Ports::new(&config, Arc::new(SystemClock), Arc::new(RandomIds))?)?;
    Ledger::check_keys(&config.ledger)?;
    let app = Arc::new(app);
    Live::new(Arc::clone(&app), Arc::new(RandomIds), &config)?;
    quiet_when_closed(print_unused(&mut io::stdout().lock(), app.policies().unused()).map_err(Into::into))?;
    println!("configuration is valid");
    Ok(())
}
