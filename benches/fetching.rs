//! Measures a call with an empty prefetch against a FHIR server that takes 50 ms per search: compared to the slowest of its
//! searches plus the call's own work, and ten concurrent calls compared to one. `cargo bench --bench fetching` exits with 1 if
//! it misses a target. `docs/performance.md` explains the results.

#[path = "support/request.rs"]
mod request;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use sij_cds::app::{App, Ports};
use sij_cds::auth::Credentials;
use sij_cds::clock::SystemClock;
use sij_cds::config::{Config, Layers};
use sij_cds::ids::RandomIds;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use request::Call;

/// The server's delay for every response.
const DELAY: Duration = Duration::from_millis(50);
const TURNS: usize = 21;
const SIZES: [usize; 2] = [60, 1_000];
const AT_A_TIME: u8 = 10;

/// Maximum ratio of a call without prefetch to its slowest search plus its own work. The work of ten calls adds up, the waiting does not.
const MOST: f64 = 1.3;

fn main() -> anyhow::Result<()> {
    // Like Criterion: one round if the benchmark is only tested.
    let turns = if std::env::args().any(|argument| argument == "--bench") { TURNS } else { 1 };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "resources  slowest search ms  own work ms  call ms  ratio  {AT_A_TIME} at a time ms  ratio")?;
    let mut missed = false;
    for resources in SIZES {
        let figures = runtime.block_on(measure(resources, turns))?;
        let Figures { search, own_work, call, together } = figures;
        let ratio = call / (search + own_work);
        let ratio_together = together / f64::from(AT_A_TIME).mul_add(own_work, search);
        missed |= ratio > MOST || ratio_together > MOST;
        writeln!(out, "{resources:9}  {search:17.1}  {own_work:11.2}  {call:7.1}  {ratio:5.2}  {together:15.1}  {ratio_together:5.2}")?;
    }
    anyhow::ensure!(!missed || turns == 1, "a target is missed: at most {MOST}");
    Ok(())
}

/// Medians in milliseconds.
struct Figures {
    search: f64,
    own_work: f64,
    call: f64,
    together: f64,
}

async fn measure(resources: usize, turns: usize) -> anyhow::Result<Figures> {
    let mut full: Value = serde_json::from_str(&Call::about(resources).json())?;
    let server = server(&full).await;
    let base = server.uri();
    let app = app(&base)?;
    let searches = searches(&app, &base, &mut full)?;
    let mut empty = full.clone();
    let members = empty.as_object_mut().context("an object")?;
    members.insert("fhirServer".to_owned(), json!(base));
    members.insert("prefetch".to_owned(), json!({}));
    let (full, empty, app) = (full.to_string(), Arc::new(empty.to_string()), Arc::new(app));
    let client = reqwest::Client::builder().gzip(true).build()?;
    let caller = app.authenticate(Credentials::default()).await.map_err(|refused| anyhow::anyhow!(refused.cause))?.client;
    let expected = app.hooks.answer(&caller, full.as_bytes()).await?.len();

    let mut times: [Vec<f64>; 4] = Default::default();
    for _ in 0..turns {
        let mut slowest: f64 = 0.0;
        for search in &searches {
            let begun = Instant::now();
            client.get(search).send().await?.bytes().await?;
            slowest = slowest.max(milliseconds(begun));
        }
        let begun = Instant::now();
        app.hooks.answer(&caller, full.as_bytes()).await?;
        let own_work = milliseconds(begun);
        let begun = Instant::now();
        let answer = app.hooks.answer(&caller, empty.as_bytes()).await?;
        let call = milliseconds(begun);
        anyhow::ensure!(answer.len() == expected, "the fetched evidence is not the prefetched");
        let begun = Instant::now();
        let calls = (0..AT_A_TIME).map(|_| {
            let (app, empty, caller) = (Arc::clone(&app), Arc::clone(&empty), caller.clone());
            tokio::spawn(async move { app.hooks.answer(&caller, empty.as_bytes()).await })
        });
        let answers = try_join_all(calls).await?;
        let together = milliseconds(begun);
        anyhow::ensure!(answers.iter().all(|answer| answer.as_ref().is_ok_and(|answer| answer.len() == expected)), "an answer is wrong");
        for (times, time) in times.iter_mut().zip([slowest, own_work, call, together]) {
            times.push(time);
        }
    }
    let [search, own_work, call, together] = times.map(median);
    Ok(Figures { search, own_work, call, together })
}

fn app(base: &str) -> anyhow::Result<App> {
    let mut config = Config::layered(Layers::default())?;
    let server = json!({"name": "ehr", "base_url": base, "allow_private_addresses": true});
    config.fhir_servers = vec![serde_json::from_value(server)?];
    Ok(App::build(&config, Ports::new(&config, Arc::new(SystemClock), Arc::new(RandomIds))?)?)
}

/// The searches of a call without prefetch, from the published templates. Sets prefetch keys the call lacks to null.
fn searches(app: &App, base: &str, call: &mut Value) -> anyhow::Result<Vec<String>> {
    let discovery: Value = serde_json::from_slice(app.discovery())?;
    let patient = call.pointer("/context/patientId").and_then(Value::as_str).context("a patient")?.to_owned();
    let templates = discovery.pointer("/services/0/prefetch").and_then(Value::as_object).context("prefetch templates")?;
    let prefetch = call.get_mut("prefetch").and_then(Value::as_object_mut).context("a prefetch")?;
    let mut searches = Vec::new();
    for (key, template) in templates {
        let Some(template) = template.as_str().filter(|template| template.contains('?')) else { continue };
        prefetch.entry(key).or_insert(Value::Null);
        searches.push(format!("{base}/{}", template.replace("{{context.patientId}}", &patient)));
    }
    Ok(searches)
}

/// A server that answers a search for a type with all resources of that type in the call's prefetch, after a delay.
async fn server(call: &Value) -> MockServer {
    let mut by_type: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let values = call.get("prefetch").and_then(Value::as_object).into_iter().flat_map(|prefetch| prefetch.values());
    for entry in values.filter_map(|value| value.get("entry")?.as_array()).flatten() {
        let of_type = entry.pointer("/resource/resourceType").and_then(Value::as_str).unwrap_or_default();
        by_type.entry(of_type.to_owned()).or_default().push(entry.clone());
    }
    let pages: BTreeMap<_, _> = by_type
        .into_iter()
        .map(|(of_type, entries)| (of_type, json!({"resourceType": "Bundle", "type": "searchset", "entry": entries}).to_string()))
        .collect();
    let none = json!({"resourceType": "Bundle", "type": "searchset"}).to_string();
    let answer = move |request: &Request| {
        let of_type = request.url.path_segments().and_then(Iterator::last).unwrap_or_default();
        let page = pages.get(of_type).unwrap_or(&none);
        ResponseTemplate::new(200).set_body_raw(page.clone(), "application/fhir+json").set_delay(DELAY)
    };
    // Recording requests would only slow the server down.
    let server = MockServer::builder().disable_request_recording().start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

fn milliseconds(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}
