//! `[metrics]`: who may read the metrics.
//! Not here: the metrics; see [`crate::telemetry`].

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;

/// Who may read the metrics. Every value of these types is valid, so there is nothing to validate.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsConfig {
    /// The networks with access; other callers get 404.
    pub allowed_networks: Vec<IpNet>,
}

impl MetricsConfig {
    /// Whether an address may read the metrics.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.allowed_networks.iter().any(|network| network.contains(&address))
    }
}
