//! Writes the request the benchmark measures, for load tests: `cargo run --example hook_request -- 1000 > large.json`.

#[path = "../benches/support/request.rs"]
mod request;

use std::io::Write as _;

use anyhow::Context as _;

fn main() -> anyhow::Result<()> {
    let resources = std::env::args().nth(1).context("usage: hook_request RESOURCES")?;
    let call = request::Call::about(resources.parse().context("the number of resources")?);
    Ok(std::io::stdout().write_all(call.json().as_bytes())?)
}
