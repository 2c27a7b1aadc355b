//! `[metrics]`: who may read the figures.
//! Not here: what is counted; see [`crate::telemetry`].

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;

/// Who may read the figures. Every value of these types is valid, so there is nothing to validate.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsConfig {
    /// The networks that may; nobody else is told that there is anything.
    pub allowed_networks: Vec<IpNet>,
}

impl MetricsConfig {
    /// Whether an address may read the figures.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.allowed_networks.iter().any(|network| network.contains(&address))
    }
}
