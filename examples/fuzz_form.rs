//! Submits broken forms to the app's form reader for as long as it is told to, and reports panics, items that are no items, and the slowest
//! form: `cargo run --release --example fuzz_form -- --seconds 600`.
//!
//! A form has names and values of every published questionnaire, each with a few changes: cut, repeated, exchanged, made long, with places
//! that are no numbers or too large, and with actions of every kind. Everything follows from `--seed` and the form's number, so that
//! `--seed S --from N --count 1` makes one again. Ends with 1 where something was found. Run from the repository's root.

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use chrono::NaiveDate;
use clap::Parser;
use serde_json::Value;
use sij_cds::smart::page::{CurrentAnswers, FormDefinition, Submission};
use url::form_urlencoded;

/// Longer than this is a finding.
const SLOW: Duration = Duration::from_millis(50);

/// Values that somebody could send.
const VALUES: &[&str] = &[
    "",
    "yes",
    "true",
    "2026-11-22",
    "2026-02-30",
    "9999-12-31",
    "0",
    "-1",
    "1e308",
    "99999999999999999999",
    "0.1",
    "http://snomed.info/sct|7771000",
    "|",
    "<script>",
    "\u{202e}\u{fe0f}\0",
    "%ff%00&=+",
];

/// Actions, some of which name a group.
const ACTIONS: &[&str] =
    &["save", "preview", "add:", "remove:", "remove:GROUP.0", "remove:GROUP.18446744073709551616", "add:GROUP", ":", ""];

#[derive(Parser)]
struct Arguments {
    /// How long to go on.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How many forms to make at most.
    #[arg(long)]
    count: Option<u64>,
    /// Where everything follows from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The first form's number.
    #[arg(long, default_value_t = 0)]
    from: u64,
}

/// A form and the ids of its items.
struct Published {
    form: FormDefinition,
    link_ids: Vec<String>,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let published = published()?;
    let today = NaiveDate::from_ymd_opt(2026, 11, 22).context("a date")?;
    let (mut forms, mut slowest, mut findings) = (0_u64, (Duration::ZERO, 0), Vec::new());
    std::panic::set_hook(Box::new(|_| {}));
    let until = Instant::now() + Duration::from_secs(arguments.seconds);
    let last = arguments.count.map_or(u64::MAX, |count| arguments.from.saturating_add(count));
    for number in (arguments.from..last).take_while(|_| Instant::now() < until) {
        let mut chance = Chance::new(arguments.seed, number);
        let Published { form, link_ids } = chance.one_of(&published).context("no form")?;
        let body = chance.body(link_ids);
        let try_one = || {
            let began = Instant::now();
            let read = catch_unwind(AssertUnwindSafe(|| {
                let pairs: Vec<_> = form_urlencoded::parse(&body).into_owned().collect();
                let pairs = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                Submission::from_form(form, pairs, &CurrentAnswers::default(), today)
            }));
            (read, began.elapsed())
        };
        let (read, mut took) = try_one();
        // One slower than it may be is tried again: the machine may have been busy.
        (0..3).for_each(|_| took = if took > SLOW { took.min(try_one().1) } else { took });
        forms += 1;
        slowest = slowest.max((took, number));
        match read {
            Err(_) => findings.push((number, "panicked")),
            Ok(submission) if !submission.items.is_array() => findings.push((number, "the items are no list")),
            Ok(_) if took > SLOW => findings.push((number, "took long")),
            Ok(_) => {}
        }
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "{forms} forms, {} findings", findings.len())?;
    writeln!(out, "slowest: {:.1} ms (--seed {} --from {} --count 1)", slowest.0.as_secs_f64() * 1e3, arguments.seed, slowest.1)?;
    for (number, finding) in &findings {
        writeln!(out, "--seed {} --from {number} --count 1: {finding}", arguments.seed)?;
    }
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The forms of every policy version.
fn published() -> anyhow::Result<Vec<Published>> {
    let mut found = Vec::new();
    for policy in std::fs::read_dir("cds-hooks/policies").context("run this from the repository's root")? {
        for version in std::fs::read_dir(policy?.path())? {
            let Ok(text) = std::fs::read_to_string(version?.path().join("questionnaire.json")) else { continue };
            let mut link_ids = Vec::new();
            collect(&serde_json::from_str(&text)?, &mut link_ids);
            found.push(Published { form: FormDefinition::read(&text)?, link_ids });
        }
    }
    if found.is_empty() {
        bail!("no questionnaire")
    }
    Ok(found)
}

fn collect(item: &Value, link_ids: &mut Vec<String>) {
    link_ids.extend(item.get("linkId").and_then(Value::as_str).map(str::to_owned));
    item.get("item").and_then(Value::as_array).into_iter().flatten().for_each(|item| collect(item, link_ids));
}

/// Random choices.
struct Chance(u64);

impl Chance {
    fn new(seed: u64, number: u64) -> Self {
        let state = seed.wrapping_mul(0xd134_2543_de82_ef95) ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self(((state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ (state >> 31)).max(1))
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap_or_default() % end.max(1)
    }

    fn one_of<'c, T>(&mut self, choices: &'c [T]) -> Option<&'c T> {
        choices.get(self.below(choices.len()))
    }

    fn text(&mut self, choices: &[&str]) -> String {
        self.one_of(choices).map(|choice| (*choice).to_owned()).unwrap_or_default()
    }

    fn name(&mut self, link_ids: &[String]) -> String {
        let mut link_id = || self.one_of(link_ids).cloned().unwrap_or_default();
        let (first, second) = (link_id(), link_id());
        let place = self.text(&["0", "1", "19", "20", "-1", "x", "18446744073709551616", ""]);
        match self.below(6) {
            0 => "confirm".to_owned(),
            1 => format!("{first}.{place}"),
            2 | 3 => format!("{first}.{place}.{second}"),
            _ => first,
        }
    }

    fn value(&mut self, link_ids: &[String]) -> String {
        match self.below(8) {
            0 => self.name(link_ids),
            1 => "long ".repeat(1 + self.below(3_000)),
            _ => self.text(VALUES),
        }
    }

    /// A form as a browser, or somebody else, sends it.
    fn body(&mut self, link_ids: &[String]) -> Vec<u8> {
        let mut body = form_urlencoded::Serializer::new(String::new());
        let group = self.one_of(link_ids).cloned().unwrap_or_default();
        body.append_pair("action", &self.text(ACTIONS).replace("GROUP", &group)).append_pair("csrf", "x").append_pair("order", "x");
        for _ in 0..self.below(200) {
            body.append_pair(&self.name(link_ids), &self.value(link_ids));
        }
        let mut bytes = body.finish().into_bytes();
        for _ in 0..self.below(4) {
            let place = self.below(bytes.len());
            bytes.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= 1 << self.below(8));
        }
        bytes.truncate(64 * 1024);
        bytes
    }
}
