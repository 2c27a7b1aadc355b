//! `sij-cds config check`.
//! Not here: the checks; see [`crate::config`].

use super::arguments::ConfigFile;
use crate::config::Config;

/// Reads the configuration as `serve` would, and says that it is valid; each fault is in the error.
#[expect(clippy::print_stdout, reason = "this command's output")]
pub(super) fn check(file: &ConfigFile) -> anyhow::Result<()> {
    Config::load(file.path.as_deref())?;
    println!("configuration is valid");
    Ok(())
}
