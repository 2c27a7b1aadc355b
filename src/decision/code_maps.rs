//! Reads a client's map of local codes: a CSV file in which each row maps one local code to its meaning.
//! Not here: how a mapped code changes evidence ([`crate::evidence`]), and which client uses the map ([`super::chart_readings`]).

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use csv::StringRecord;
use thiserror::Error;

use super::digest::digest_of;
use crate::cds_hooks::without_byte_order_mark;
use crate::evidence::{LocalCodes, Mapped};
use crate::policy::{Policy, Side, ValueSet};

/// Maximum file size, in bytes.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Maximum number of rows after the header.
const MAX_ROWS: usize = 50_000;

/// Maximum number of errors to report per file.
const MAX_FAULTS: usize = 100;

const SYSTEM: &str = "system";
const CODE: &str = "code";
const STANDARD_SYSTEM: &str = "standard_system";
const STANDARD_CODE: &str = "standard_code";
const SIDE: &str = "side";
const VALUE_SET: &str = "value_set";

/// The allowed header columns.
const COLUMNS: [&str; 6] = [SYSTEM, CODE, STANDARD_SYSTEM, STANDARD_CODE, SIDE, VALUE_SET];

/// A local code needs at least one of these meanings.
const NO_MEANING: &str = "no standard code, side or value set: one of them must be there";

/// Invalid code maps.
#[derive(Debug, Error)]
#[error("{}", listed(faults))]
pub struct CodeMapsError {
    /// Every error found; at least one.
    pub faults: Vec<CodeMapError>,
}

/// An error in a code map.
#[derive(Debug, Error)]
#[error("{key}: `{}`{}: {problem}", path.display(), in_words(*line))]
pub struct CodeMapError {
    /// The configuration key that names the file, and its client.
    pub key: String,
    /// The file.
    pub path: PathBuf,
    /// From 1; `None` if the error concerns the whole file.
    pub line: Option<u64>,
    /// What is wrong.
    pub problem: String,
}

fn listed(faults: &[CodeMapError]) -> String {
    let lines: Vec<String> = faults.iter().map(CodeMapError::to_string).collect();
    lines.join("\n")
}

fn in_words(line: Option<u64>) -> String {
    line.map(|line| format!(", line {line}")).unwrap_or_default()
}

/// A parsed code map.
#[derive(Debug)]
pub(crate) struct CodeMap {
    pub(crate) codes: LocalCodes,
    /// SHA-256 of the entries, independent of their order in the file.
    pub(crate) digest: String,
}

/// Reads a code map file and validates each row against the policies' code systems and value sets. A code system of one policy is enough.
///
/// # Errors
/// Every error in the file, with its line.
pub(crate) fn read(key: &str, path: &Path, policies: &[&Policy]) -> Result<CodeMap, Vec<CodeMapError>> {
    let at = |(line, problem)| CodeMapError { key: key.to_owned(), path: path.to_owned(), line, problem };
    let text = text_of(path).map_err(|problem| vec![at((None, problem))])?;
    let codes = parse(&text, policies).map_err(|problems| problems.into_iter().map(at).collect::<Vec<_>>())?;
    let digest = digest(&codes);
    Ok(CodeMap { codes, digest })
}

/// The line, if the error concerns one, and the message.
type Problem = (Option<u64>, String);

fn text_of(path: &Path) -> Result<String, String> {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut text));
    read.map_err(|error| format!("cannot be read: {error}"))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(format!("is larger than {} MiB", MAX_BYTES >> 20));
    }
    String::from_utf8(text).map_err(|_| "is not UTF-8".to_owned())
}

fn parse(text: &str, policies: &[&Policy]) -> Result<LocalCodes, Vec<Problem>> {
    // Spreadsheets write a byte order mark first.
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(without_byte_order_mark(text).as_bytes());
    let header = reader.headers().cloned().map_err(|error| vec![(Some(1), error.to_string())])?;
    let columns = Columns::from_header(&header)?;
    let (mut codes, mut problems) = (LocalCodes::default(), Vec::new());
    for (place, record) in reader.into_records().enumerate() {
        if place == MAX_ROWS {
            problems.push((None, format!("has more than {MAX_ROWS} rows")));
        }
        if place == MAX_ROWS || problems.len() >= MAX_FAULTS {
            break;
        }
        match record {
            Ok(record) => {
                let line = record.position().map(csv::Position::line);
                problems.extend(columns.add(&record, policies, &mut codes).into_iter().map(|problem| (line, problem)));
            }
            Err(error) => problems.push((error.position().map(csv::Position::line), error.to_string())),
        }
    }
    if problems.is_empty() { Ok(codes) } else { Err(problems) }
}

/// The position of each column, and the row width.
struct Columns([Option<usize>; COLUMNS.len()], usize);

impl Columns {
    fn from_header(header: &StringRecord) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut known = BTreeSet::new();
        for name in header {
            if !COLUMNS.contains(&name) {
                problems.push((Some(1), format!("unknown column `{name}`; known here are {}", in_backticks(&COLUMNS))));
            } else if !known.insert(name) {
                problems.push((Some(1), format!("column `{name}` stands twice")));
            }
        }
        let missing = [SYSTEM, CODE].into_iter().filter(|name| !known.contains(name));
        problems.extend(missing.map(|name| (Some(1), format!("column `{name}` is missing"))));
        let places = COLUMNS.map(|column| header.iter().position(|name| name == column));
        if problems.is_empty() { Ok(Self(places, header.len())) } else { Err(problems) }
    }

    /// The value of a row's column; `None` if empty.
    fn value<'r>(&self, record: &'r StringRecord, column: &str) -> Option<&'r str> {
        let place = COLUMNS.iter().position(|known| *known == column)?;
        record.get((*self.0.get(place)?)?).filter(|value| !value.is_empty())
    }

    /// Adds a row's code, or returns the row's errors.
    fn add(&self, record: &StringRecord, policies: &[&Policy], codes: &mut LocalCodes) -> Vec<String> {
        let Self(_, width) = self;
        if record.len() != *width {
            return vec![format!("{} fields, where the header has {width}", record.len())];
        }
        let mut problems = Vec::new();
        let mut required = |column: &str| {
            let value = self.value(record, column);
            if value.is_none() {
                problems.push(format!("`{column}` is empty"));
            }
            value
        };
        let (system, code) = (required(SYSTEM), required(CODE));
        let mut taken = |part: Result<(), String>| problems.extend(part.err());
        let mut mapped = Mapped::default();
        taken(self.standard(record, policies).map(|coding| mapped.coding = coding));
        taken(self.side(record).map(|side| mapped.side = side));
        taken(self.value_set(record).map(|set| mapped.value_set = set));
        let says_nothing = mapped == Mapped::default();
        if problems.is_empty() && says_nothing {
            problems.push(NO_MEANING.to_owned());
        }
        if let (Some(system), Some(code)) = (system, code)
            && !codes.add(system, code, mapped)
        {
            problems.push(format!("code `{code}` of `{system}` stands twice"));
        }
        problems
    }

    /// A row's standard coding.
    fn standard(&self, record: &StringRecord, policies: &[&Policy]) -> Result<Option<(String, String)>, String> {
        let (system, code) = match (self.value(record, STANDARD_SYSTEM), self.value(record, STANDARD_CODE)) {
            (None, None) => return Ok(None),
            (Some(system), Some(code)) => (system, code),
            (_, _) => return Err(format!("`{STANDARD_SYSTEM}` and `{STANDARD_CODE}` must stand together")),
        };
        let mut forms = policies.iter().filter_map(|policy| policy.value_sets.has_form_of(system, code)).peekable();
        if forms.peek().is_none() {
            Err(format!("unknown code system `{system}`"))
        } else if forms.all(|has_form| has_form) {
            Ok(Some((system.to_owned(), code.to_owned())))
        } else {
            Err(format!("`{code}` is not a code of {system}"))
        }
    }

    fn side(&self, record: &StringRecord) -> Result<Option<Side>, String> {
        let Some(word) = self.value(record, SIDE) else { return Ok(None) };
        Side::from_word(word).map(Some).ok_or_else(|| format!("`{word}` is not a side (left, right, both)"))
    }

    fn value_set(&self, record: &StringRecord) -> Result<Option<ValueSet>, String> {
        let Some(id) = self.value(record, VALUE_SET) else { return Ok(None) };
        ValueSet::from_id(id).map(Some).ok_or_else(|| format!("unknown value set `{id}`"))
    }
}

fn in_backticks(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// SHA-256 of the entries in hexadecimal; each part is hashed with its length.
fn digest(codes: &LocalCodes) -> String {
    let parts = codes.entries().into_iter().map(|(system, code, mapped)| {
        let (standard_system, standard_code) = mapped.coding.as_ref().map_or(("", ""), |(system, code)| (system.as_str(), code.as_str()));
        let side = mapped.side.and_then(Side::word).unwrap_or_default();
        [system, code, standard_system, standard_code, side, mapped.value_set.map_or("", ValueSet::id)]
    });
    digest_of(parts.flatten())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::Policies;

    const HEADER: &str = "system,code,standard_system,standard_code,side,value_set\n";

    fn parsed(text: &str) -> Result<LocalCodes, String> {
        let policies = Policies::load(None).expect("the embedded policies");
        parse(text, &[policies.newest()]).map_err(|problems| {
            let line = |line: Option<u64>| line.map(|line| format!("{line}: ")).unwrap_or_default();
            problems.into_iter().map(|(at, problem)| line(at) + &problem).collect::<Vec<_>>().join("\n")
        })
    }

    #[test]
    fn each_way_to_say_what_a_code_stands_for_is_read() {
        let text = format!(
            "\u{feff}{HEADER}urn:local,INJ-L,http://www.ama-assn.org/go/cpt,27096,left,\n\
             urn:local, side-r ,,,right,\nurn:local,FINDING,,,,sij-tenderness\n\n\"urn:local\",\"DX, left\",http://hl7.org/fhir/sid/icd-10-cm,M46.1,,\n"
        );
        let codes = parsed(&text).expect("a code map");
        assert_eq!(codes.len(), 4);
        let injection = codes.find("urn:local", "inj-l").expect("there");
        assert_eq!(injection.coding, Some(("http://www.ama-assn.org/go/cpt".to_owned(), "27096".to_owned())));
        assert_eq!((injection.side, injection.value_set), (Some(Side::Left), None));
        assert_eq!(codes.find("urn:local", "SIDE-R").and_then(|mapped| mapped.side), Some(Side::Right));
        assert_eq!(codes.find("urn:local", "finding").and_then(|mapped| mapped.value_set), Some(ValueSet::SijTenderness));
        assert!(codes.find("urn:local", "dx, LEFT").is_some());
    }

    #[test]
    fn columns_stand_in_any_order_and_optional_ones_may_be_left_out() {
        let codes = parsed("side,code,system\nleft,L,urn:local\n").expect("a code map");
        assert_eq!(codes.find("urn:local", "L").and_then(|mapped| mapped.side), Some(Side::Left));
        assert!(parsed("system,code\n").expect("an empty map").is_empty());
    }

    #[test]
    fn every_fault_is_named_with_its_line() {
        for (rows, expected) in [
            ("urn:l,a,,,,no-such-set\n", "2: unknown value set `no-such-set`"),
            ("urn:l,a,,,LEFT,\n", "2: `LEFT` is not a side (left, right, both)"),
            ("urn:l,a,urn:other,27096,,\n", "2: unknown code system `urn:other`"),
            ("urn:l,a,http://snomed.info/sct,27096,,\n", "2: `27096` is not a code of http://snomed.info/sct"),
            ("urn:l,a,http://www.ama-assn.org/go/cpt,27096-LT,,\n", "2: `27096-LT` is not a code of http://www.ama-assn.org/go/cpt"),
            ("urn:l,a,http://hl7.org/fhir/sid/icd-10-cm,M46*,,\n", "2: `M46*` is not a code of http://hl7.org/fhir/sid/icd-10-cm"),
            ("urn:l,a,http://snomed.info/sct,,left,\n", "2: `standard_system` and `standard_code` must stand together"),
            ("urn:l,a,,27096,left,\n", "2: `standard_system` and `standard_code` must stand together"),
            ("urn:l,a,,,,\n", "2: no standard code, side or value set: one of them must be there"),
            (",a,,,left,\n", "2: `system` is empty"),
            ("urn:l, ,,,left,\n", "2: `code` is empty"),
            ("urn:l,a,,,left,\nurn:l/,A,,,right,\n", "3: code `A` of `urn:l/` stands twice"),
            ("urn:l,a,,,left\n", "2: 5 fields, where the header has 6"),
            ("urn:l,a,,,left,,\n", "2: 7 fields, where the header has 6"),
            (
                "urn:l,a,,,up,none\n\nurn:l,b,,,left,\n,,,,,\n",
                "2: `up` is not a side (left, right, both)\n2: unknown value set `none`\n5: `system` is empty\n5: `code` is empty",
            ),
        ] {
            assert_eq!(parsed(&format!("{HEADER}{rows}")).expect_err("a fault"), expected, "{rows}");
        }
    }

    #[test]
    fn a_header_without_the_columns_is_refused() {
        for (text, expected) in [
            ("", "1: column `system` is missing\n1: column `code` is missing"),
            ("system,side\n", "1: column `code` is missing"),
            ("system,code,side,side\n", "1: column `side` stands twice"),
            (
                "system,code,display\n",
                "1: unknown column `display`; known here are `system`, `code`, `standard_system`, `standard_code`, `side`, `value_set`",
            ),
        ] {
            assert_eq!(parsed(text).expect_err("a fault"), expected, "{text}");
        }
    }

    #[test]
    fn a_file_is_bounded_in_its_rows_and_in_the_faults_that_are_listed() {
        let row = |number: usize| format!("urn:l,c{number},,,left,\n");
        let rows = |count: usize| HEADER.to_owned() + &(0..count).map(row).collect::<String>();
        assert_eq!(parsed(&rows(MAX_ROWS)).expect("a code map").len(), MAX_ROWS);
        assert_eq!(parsed(&rows(MAX_ROWS + 1)).expect_err("a fault"), "has more than 50000 rows");
        let faulty = HEADER.to_owned() + &"urn:l,,,,left,\n".repeat(2 * MAX_FAULTS);
        assert_eq!(parsed(&faulty).expect_err("faults").lines().count(), MAX_FAULTS);
    }

    #[test]
    fn a_digest_tells_entries_apart_and_not_their_order() {
        let of = |rows: &str| digest(&parsed(&format!("{HEADER}{rows}")).expect("a code map"));
        let (one, other) = ("urn:l,a,,,left,\n", "urn:l,b,,,left,\n");
        assert_eq!(of(&format!("{one}{other}")), of(&format!("{other}{one}")));
        assert_eq!(of(one).len(), 64);
        for changed in [other, "urn:l,a,,,right,\n", "urn:la,,,,left,\n", "urn:l,a,,,left,low-back-region\n"] {
            if let Ok(codes) = parsed(&format!("{HEADER}{changed}")) {
                assert_ne!(digest(&codes), of(one), "{changed}");
            }
        }
    }
}
