//! Sends broken requests to the decision for as long as it is told to, and reports panics, answers that are no answers,
//! and the slowest request: `cargo run --release --example fuzz_request -- --seconds 600`.
//!
//! The requests are those of the stories and of the messy charts, each with a few changes: bytes flipped, cut or repeated, values
//! and members exchanged, doubled, nested deep or made huge, resources put in Bundles within Bundles. Everything follows from `--seed` and the request's number,
//! so that `--seed S --from N --count 1` makes one again. `--digest` prints a hash of each answer: two builds that print
//! the same decided the same. Ends with 1 where something was found. Run from the repository's root.

use std::io::Write as _;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use chrono::{DateTime, Utc};
use clap::Parser;
use futures_util::FutureExt as _;
use serde::Deserialize;
use serde_json::value::RawValue;
use sij_cds::app::{App, Ports};
use sij_cds::auth::{Credentials, VerifiedClient};
use sij_cds::clock::FixedClock;
use sij_cds::config::{Config, Layers};
use sij_cds::ids::IdSource;
use uuid::Uuid;

/// Longer than this is a finding.
const SLOW: Duration = Duration::from_millis(50);
/// No request grows beyond this.
const LARGEST: usize = 1 << 20;

/// Values that are valid JSON in most places, and unwelcome there.
const VALUES: &[&str] = &[
    "null",
    "true",
    "[]",
    "{}",
    "\"\"",
    "0",
    "-1",
    "1e308",
    "-1e-400",
    "1e999",
    "18446744073709551616",
    "0.1e1",
    "[null]",
    "[[]]",
    "\"2026-02-30\"",
    "\"0000-01-01\"",
    "\"9999-12-31\"",
    "\"+999-01-01\"",
    "\"2026\"",
    "\"2026-11\"",
    "\"2026-11-22T25:61:00Z\"",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "\"\u{202e}\u{fe0f}\"",
    "\"27096:50:LT:RT\"",
    "\"Patient/p1\"",
    "\"#\"",
    "\"Bundle\"",
    "\"/_history/\"",
    "{\"resourceType\":\"Bundle\"}",
    "{\"resourceType\":\"Condition\"}",
    "{\"resourceType\":\"OperationOutcome\"}",
    "{\"value\":1e300,\"code\":\"a\"}",
];

#[derive(Parser)]
struct Arguments {
    /// How long to go on.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How many requests to make at most.
    #[arg(long)]
    count: Option<u64>,
    /// Where everything follows from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The first request's number.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Print a line for each request with a hash of its answers.
    #[arg(long)]
    digest: bool,
    /// Write each request that is a finding to this folder.
    #[arg(long)]
    keep: Option<PathBuf>,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let corpus = corpus()?;
    let target = Target::new()?;
    let mut tally = Tally::default();
    std::panic::set_hook(Box::new(|_| {}));
    let until = Instant::now() + Duration::from_secs(arguments.seconds);
    let last = arguments.count.map_or(u64::MAX, |count| arguments.from.saturating_add(count));
    for number in (arguments.from..last).take_while(|_| Instant::now() < until) {
        let request = Mutator::new(arguments.seed, number).request(&corpus);
        let outcome = target.try_one(&request);
        if let Some(folder) = arguments.keep.as_ref().filter(|_| outcome.finding.is_some()) {
            std::fs::write(folder.join(format!("{}-{number}.json", arguments.seed)), &request)?;
        }
        if arguments.digest {
            writeln!(std::io::stdout(), "{number} {:016x}", outcome.digest)?;
        }
        tally.add(number, outcome);
    }
    tally.report(&arguments)
}

/// The requests everything starts from: clean and messy charts.
fn corpus() -> anyhow::Result<Vec<Vec<u8>>> {
    let mut requests = Vec::new();
    for folder in ["fixtures/stories", "fixtures/charts"] {
        for path in json_files(folder)?.into_iter().filter(|path| path.ends_with("request.json")) {
            requests.push(std::fs::read(path)?);
        }
    }
    if requests.is_empty() {
        bail!("no request to start from: run this from the repository's root")
    }
    Ok(requests)
}

fn json_files(folder: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::from(folder)];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// What is tried.
struct Target {
    app: App,
    caller: VerifiedClient,
    ids: Arc<Ids>,
    instants: [DateTime<Utc>; 4],
}

/// The same ids for each request, so that what one is answered does not depend on those before it.
#[derive(Default)]
struct Ids(AtomicU64);

impl IdSource for Ids {
    fn new_id(&self) -> Uuid {
        Uuid::from_u128(self.0.fetch_add(1, Ordering::Relaxed).into())
    }
}

struct Outcome {
    answered: bool,
    digest: u64,
    took: Duration,
    finding: Option<String>,
}

impl Target {
    fn new() -> anyhow::Result<Self> {
        let instants = ["2026-11-22T10:00:00Z", "2024-02-29T23:59:60Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z"];
        let [now, leap, first, last] = instants.map(str::parse::<DateTime<Utc>>);
        let instants = [now?, leap?, first?, last?];
        let ids = Arc::new(Ids::default());
        let config = Config::layered(Layers::default())?;
        let ports = Ports::new(&config, Arc::new(FixedClock::at(instants[0])), ids.clone())?;
        let app = App::build(&config, ports)?;
        let caller = app
            .authenticate(Credentials::default())
            .now_or_never()
            .context("nobody is asked")?
            .map_err(|refused| anyhow::anyhow!(refused.cause))?
            .client;
        Ok(Self { app, caller, ids, instants })
    }

    /// A request slower than it may be is tried again: the machine may have been busy.
    fn try_one(&self, request: &[u8]) -> Outcome {
        let mut outcome = self.run(request);
        for _ in 0..3 {
            if outcome.took > SLOW && outcome.finding.is_none() {
                outcome.took = outcome.took.min(self.run(request).took);
            }
        }
        if outcome.took > SLOW && outcome.finding.is_none() {
            outcome.finding = Some(format!("took {} ms", outcome.took.as_millis()));
        }
        outcome
    }

    fn run(&self, request: &[u8]) -> Outcome {
        self.ids.0.store(0, Ordering::Relaxed);
        let began = Instant::now();
        let answer = catch_unwind(AssertUnwindSafe(|| self.app.hooks.answer(&self.caller, request).now_or_never()));
        let took = began.elapsed();
        let evaluations = catch_unwind(AssertUnwindSafe(|| self.evaluations(request)));
        // Without FHIR servers there is nothing to wait for.
        let (Ok(Some(answer)), Ok(evaluations)) = (answer, evaluations) else {
            return Outcome { answered: false, digest: 0, took, finding: Some("panicked, or did not end".to_owned()) };
        };
        let text = answer.as_ref().map_or_else(|error| error.to_string().into_bytes(), Clone::clone);
        let finding = answer.as_ref().ok().and_then(|answer| fault(answer));
        Outcome { answered: answer.is_ok(), digest: digest(&[text, evaluations].concat()), took, finding }
    }

    /// The evaluations at every instant, as text.
    fn evaluations(&self, request: &[u8]) -> Vec<u8> {
        let Ok(text) = std::str::from_utf8(request) else { return Vec::new() };
        let evaluate = |instant: &DateTime<Utc>| match self
            .app
            .hooks
            .evaluate(text, *instant)
            .map(|decision| serde_json::to_vec(&decision.report()))
        {
            Ok(Ok(report)) => report,
            Ok(Err(error)) => error.to_string().into_bytes(),
            Err(error) => error.to_string().into_bytes(),
        };
        self.instants.iter().flat_map(evaluate).collect()
    }
}

/// What is wrong with an answer, by the CDS Hooks specification. It is not read into a `Value`, which has a limit of
/// nesting: an order is sent back as it came, however deep.
fn fault(answer: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Answer {
        cards: Vec<Card>,
    }
    #[derive(Deserialize)]
    struct Card {
        summary: String,
    }
    match serde_json::from_slice::<Answer>(answer) {
        Err(error) => Some(format!("the answer is not as the specification has it: {error}")),
        Ok(answer) => {
            let is_right = |card: &Card| (1..140).contains(&card.summary.chars().count());
            (!answer.cards.iter().all(is_right)).then(|| "a card's summary is empty or too long".to_owned())
        }
    }
}

/// FNV-1a.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[derive(Default)]
struct Tally {
    requests: u64,
    answered: u64,
    slowest: (Duration, u64),
    findings: Vec<(u64, String)>,
}

impl Tally {
    fn add(&mut self, number: u64, outcome: Outcome) {
        self.requests += 1;
        self.answered += u64::from(outcome.answered);
        self.slowest = self.slowest.max((outcome.took, number));
        self.findings.extend(outcome.finding.map(|finding| (number, finding)));
    }

    fn report(self, arguments: &Arguments) -> anyhow::Result<ExitCode> {
        let mut out = std::io::stdout().lock();
        let (time, number) = self.slowest;
        writeln!(out, "{} requests, {} answered with cards or none, {} findings", self.requests, self.answered, self.findings.len())?;
        writeln!(out, "slowest: {:.1} ms (--seed {} --from {number} --count 1)", time.as_secs_f64() * 1e3, arguments.seed)?;
        for (number, finding) in &self.findings {
            writeln!(out, "--seed {} --from {number} --count 1: {finding}", arguments.seed)?;
        }
        Ok(if self.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Makes one request from the corpus.
struct Mutator(u64);

impl Mutator {
    /// Seeds and numbers next to each other start far apart (the finalizer of splitmix64).
    fn new(seed: u64, number: u64) -> Self {
        let mut state = seed.wrapping_mul(0xd134_2543_de82_ef95) ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self((state ^ (state >> 31)).max(1))
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap_or_default() % end.max(1)
    }

    fn one_of<'c, T: ?Sized>(&mut self, choices: &[&'c T], otherwise: &'c T) -> &'c T {
        choices.get(self.below(choices.len())).copied().unwrap_or(otherwise)
    }

    fn range(&mut self, bytes: &[u8], most: usize) -> Range<usize> {
        let start = self.below(bytes.len());
        start..(start + 1 + self.below(most)).min(bytes.len())
    }

    fn request(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let place = self.below(corpus.len());
        let mut bytes = corpus.get(place).cloned().unwrap_or_default();
        for _ in 0..=self.below(4) {
            bytes = self.changed(bytes, corpus);
            bytes.truncate(LARGEST);
        }
        bytes
    }

    fn changed(&mut self, mut bytes: Vec<u8>, corpus: &[Vec<u8>]) -> Vec<u8> {
        match self.below(16) {
            0 => {
                let place = self.below(bytes.len());
                let bit = 1 << self.below(8);
                bytes.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= bit);
            }
            1 => bytes.truncate(self.below(bytes.len())),
            2 => {
                let range = self.range(&bytes, 64);
                bytes.drain(range);
            }
            3 => {
                let range = self.range(&bytes, 512);
                let piece = bytes.get(range.clone()).unwrap_or_default().to_vec();
                bytes.splice(range.start..range.start, piece);
            }
            4 => {
                let other = corpus.get(self.below(corpus.len())).map(Vec::as_slice).unwrap_or_default();
                bytes.truncate(self.below(bytes.len()));
                bytes.extend_from_slice(other.get(self.below(other.len())..).unwrap_or_default());
            }
            5 => {
                let place = self.below(bytes.len());
                let invalid = self.one_of(&[b"\xff".as_slice(), b"\xc3\x28", b"\xed\xa0\x80", b"\0", b"\\u12"], b"\xfe");
                bytes.splice(place..place, invalid.iter().copied());
            }
            6 => {
                let depth = [10, 120, 130, 5_000].get(self.below(4)).copied().unwrap_or(10);
                let (open, close) = if self.below(2) == 0 { ("[", "]") } else { ("{\"item\":", "}") };
                let nested = [open.repeat(depth), "1".to_owned(), close.repeat(depth)].concat();
                self.replace_value(&mut bytes, nested.as_bytes());
            }
            7 => {
                let long = format!("\"{}\"", "A very long text \\n <script> **markdown** ".repeat(1 + self.below(500)));
                self.replace_value(&mut bytes, long.as_bytes());
            }
            8 | 9 => self.exchange(&mut bytes),
            12 => self.put_in_bundles(&mut bytes),
            10 => self.repeat_member(&mut bytes),
            11 => self.remove_member(&mut bytes),
            _ => {
                let value = self.one_of(VALUES, "null");
                self.replace_value(&mut bytes, value.as_bytes());
            }
        }
        bytes
    }

    /// The place of the value behind some `":`.
    fn value(&mut self, bytes: &[u8]) -> Option<Range<usize>> {
        let start = self.below(bytes.len());
        let colon = start + bytes.get(start..)?.windows(2).position(|pair| pair == b"\":")?;
        let value = colon + 2;
        let mut values = serde_json::Deserializer::from_slice(bytes.get(value..)?).into_iter::<&RawValue>();
        values.next()?.ok()?;
        Some(value..value + values.byte_offset())
    }

    /// The place of a whole member, its key included.
    fn member(&mut self, bytes: &[u8]) -> Option<Range<usize>> {
        let value = self.value(bytes)?;
        let key = bytes.get(..value.start.checked_sub(2)?)?.iter().rposition(|byte| *byte == b'"')?;
        Some(key..value.end)
    }

    fn replace_value(&mut self, bytes: &mut Vec<u8>, value: &[u8]) {
        if let Some(range) = self.value(bytes) {
            bytes.splice(range, value.iter().copied());
        }
    }

    /// Puts two values, or two members, in each other's place.
    fn exchange(&mut self, bytes: &mut Vec<u8>) {
        let members = self.below(2) == 0;
        let mut place = |bytes: &[u8]| if members { self.member(bytes) } else { self.value(bytes) };
        let (Some(one), Some(other)) = (place(bytes), place(bytes)) else { return };
        let (first, second) = if one.start < other.start { (one, other) } else { (other, one) };
        if first.end <= second.start {
            let [early, late] = [&first, &second].map(|range| bytes.get(range.clone()).unwrap_or_default().to_vec());
            bytes.splice(second, early);
            bytes.splice(first, late);
        }
    }

    /// Makes a member stand twice, or a great many times.
    fn repeat_member(&mut self, bytes: &mut Vec<u8>) {
        let Some(range) = self.member(bytes) else { return };
        let times = if self.below(8) == 0 { 200 } else { 1 };
        let member = [bytes.get(range.clone()).unwrap_or_default(), b","].concat();
        if member.len() * times < LARGEST {
            bytes.splice(range.start..range.start, member.repeat(times));
        }
    }

    /// Puts an object in Bundles within Bundles, each with its type before its entries or behind them.
    fn put_in_bundles(&mut self, bytes: &mut Vec<u8>) {
        let Some(range) = self.value(bytes).filter(|range| bytes.get(range.start) == Some(&b'{')) else { return };
        let depth = [1, 3, 50, 8_000].get(self.below(4)).copied().unwrap_or(1);
        let (open, close) = if self.below(2) == 0 {
            (r#"{"resourceType":"Bundle","entry":[{"resource":"#, "}]}")
        } else {
            (r#"{"entry":[{"resource":"#, r#"}],"resourceType":"Bundle"}"#)
        };
        bytes.splice(range.end..range.end, close.repeat(depth).into_bytes());
        bytes.splice(range.start..range.start, open.repeat(depth).into_bytes());
    }

    fn remove_member(&mut self, bytes: &mut Vec<u8>) {
        if let Some(range) = self.member(bytes) {
            let comma = usize::from(bytes.get(range.end) == Some(&b','));
            bytes.drain(range.start..range.end + comma);
        }
    }
}
