//! How discovery names the services: CDS Hooks 2.0.1 and 3.0.0-ballot, "Discovery".
//! Not here: the ids themselves, which are those of `cds-hooks/services/*.json`.

use serde::Deserialize;

/// Under which ids discovery lists the services. Calls and feedback work at every id either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceIds {
    /// Each hook's service has an id of its own, for clients that tell services apart by their URL.
    PerHook,
    /// All services have the id of order-sign's, so that a client that keeps advice by service replaces the advice of an earlier hook.
    Shared,
}
