//! The worked cases of a policy version: base charts, and each case's few changes to one of them. `docs/policy.md`, "Worked cases",
//! describes the format.
//! Not here: running them ([`super::check`]).

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Value, json};
use thiserror::Error;

use super::case_expected::expected_orders;
use super::case_patch::{answer, change};
use crate::policy::PolicyFile;

const CASES: &str = "cases/";
const CHARTS: &str = "cases/charts/";

/// A case with its complete request and expected result.
#[derive(Clone, Debug)]
pub struct PolicyCase {
    /// The file, within the version's folder.
    pub file: String,
    /// Unique among all cases.
    pub name: String,
    /// What the case tests.
    pub title: String,
    /// The instant of the decision.
    pub as_of: DateTime<Utc>,
    /// A CDS Hooks request.
    pub request: Value,
    /// The expected `orders` of the evaluation contract, without texts.
    pub expected: Value,
}

/// An invalid case.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{problem}")]
pub struct CaseError {
    /// The file, within the version's folder.
    pub file: String,
    /// The case's name; empty if the error concerns the whole file.
    pub name: String,
    /// What is wrong.
    pub problem: String,
}

/// The cases in a policy version's files, by file. Base charts come first; each is itself a case.
#[must_use]
pub fn policy_cases(files: &[PolicyFile]) -> Vec<Result<PolicyCase, CaseError>> {
    let is_case = |file: &&PolicyFile| {
        file.name.starts_with(CASES) && std::path::Path::new(&file.name).extension().is_some_and(|extension| extension == "json")
    };
    let (charts, sections): (Vec<_>, Vec<_>) = files.iter().filter(is_case).partition(|file| file.name.starts_with(CHARTS));
    let read: Vec<_> = charts.into_iter().map(read_chart).collect();
    let known: BTreeMap<&str, &BaseChart> = read.iter().flatten().map(|(name, chart)| (name.as_str(), chart)).collect();
    let mut cases: Vec<_> = read.iter().map(|chart| chart.as_ref().map(as_case).map_err(Clone::clone)).collect();
    for file in sections {
        match serde_json::from_str::<Section>(&file.text) {
            Ok(section) => cases.extend(section.cases.iter().map(|case| expand(&file.name, case, &known))),
            Err(error) => cases.push(Err(CaseError { file: file.name.clone(), name: String::new(), problem: error.to_string() })),
        }
    }
    with_unique_names(cases)
}

fn with_unique_names(cases: Vec<Result<PolicyCase, CaseError>>) -> Vec<Result<PolicyCase, CaseError>> {
    let mut names = HashSet::new();
    let check = |case: Result<PolicyCase, CaseError>| {
        let case = case?;
        if names.insert(case.name.clone()) {
            return Ok(case);
        }
        Err(CaseError { problem: format!("a case named `{}` exists already", case.name), file: case.file, name: case.name })
    };
    cases.into_iter().map(check).collect()
}

/// A base chart.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct BaseChart {
    title: String,
    #[serde(rename = "about")]
    _about: String,
    as_of: DateTime<Utc>,
    request: Value,
    expected: Value,
}

/// A file of cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    #[serde(rename = "title")]
    _title: String,
    cases: Vec<CaseMembers>,
}

/// The members of an object, in source order.
#[derive(Clone, Debug, Default)]
struct CaseMembers(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for CaseMembers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = CaseMembers;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<CaseMembers, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(CaseMembers(members))
    }
}

fn read_chart(file: &PolicyFile) -> Result<(String, BaseChart), CaseError> {
    let name = file.name.trim_start_matches(CHARTS).trim_end_matches(".json").to_owned();
    match serde_json::from_str(&file.text) {
        Ok(chart) => Ok((name, chart)),
        Err(error) => Err(CaseError { file: file.name.clone(), name, problem: error.to_string() }),
    }
}

fn as_case((name, chart): &(String, BaseChart)) -> PolicyCase {
    PolicyCase {
        file: format!("{CHARTS}{name}.json"),
        name: format!("chart-{name}"),
        title: chart.title.clone(),
        as_of: chart.as_of,
        request: chart.request.clone(),
        expected: chart.expected.clone(),
    }
}

/// The members that every case has, and the changes to its chart.
#[derive(Default)]
struct CaseParts<'c> {
    name: &'c str,
    title: &'c str,
    chart: &'c str,
    has_reason: bool,
    changes: Option<&'c Value>,
    /// Keyed by the form's id.
    answers: Vec<(&'c str, &'c Value)>,
    expected: Option<&'c Value>,
}

fn expand(file: &str, case: &CaseMembers, charts: &BTreeMap<&str, &BaseChart>) -> Result<PolicyCase, CaseError> {
    let mut parts = CaseParts::default();
    let read = parts.read(case);
    let fault = |problem| CaseError { file: file.to_owned(), name: parts.name.to_owned(), problem };
    read.map_err(fault)?;
    let chart = charts.get(parts.chart).ok_or_else(|| fault(format!("no chart `{}`", parts.chart)))?;
    let mut request = chart.request.clone();
    parts.apply(&mut request).map_err(fault)?;
    let expected = parts.expected.ok_or_else(|| fault("`expected` is missing".to_owned()))?;
    Ok(PolicyCase {
        file: file.to_owned(),
        name: parts.name.to_owned(),
        title: parts.title.to_owned(),
        as_of: chart.as_of,
        request,
        expected: json!({ "orders": expected_orders(expected, &chart.expected).map_err(fault)? }),
    })
}

impl<'c> CaseParts<'c> {
    fn read(&mut self, case: &'c CaseMembers) -> Result<(), String> {
        for (member, value) in &case.0 {
            let text = || value.as_str().ok_or_else(|| format!("`{member}` is not a text"));
            match member.as_str() {
                "name" => self.name = text()?,
                "title" => self.title = text()?,
                "why" => self.has_reason = !text()?.is_empty(),
                "chart" => self.chart = text()?,
                "changes" => self.changes = Some(value),
                "answers" => self.answers.push(("form1", value)),
                "expected" => self.expected = Some(value),
                other => match other.strip_prefix("answers:") {
                    Some(form) => self.answers.push((form, value)),
                    None => return Err(format!("unknown member `{other}`")),
                },
            }
        }
        let is_complete = !self.name.is_empty() && !self.title.is_empty() && self.has_reason;
        if is_complete { Ok(()) } else { Err("`name`, `title` or `why` is missing".to_owned()) }
    }

    fn apply(&self, request: &mut Value) -> Result<(), String> {
        for (key, patch) in self.changes.and_then(Value::as_object).into_iter().flatten() {
            change(request, key, patch)?;
        }
        for (form, answers) in &self.answers {
            answer(request, form, answers)?;
        }
        Ok(())
    }
}
