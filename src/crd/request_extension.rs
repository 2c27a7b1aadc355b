//! What a client requests in a call's `extension`: the CRD version and the configuration (CRD 2.2.1, "CRD Version declaration"
//! and "Hook configuration extension"), and Epic's native trigger.
//! <https://hl7.org/fhir/us/davinci-crd/deviations.html>
//! Lenient: no content makes a call fail (dev-15, dev-17). Not here: the effects of a version, and the defaults for clients that
//! request nothing.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::crd_version::CrdVersion;

/// CRD 2.2.1 defines the first; clients of earlier guides send the second, in which a service declares its versions.
const VERSIONS: [&str; 2] = ["davinci-crd.requestedVersion", "davinci-crd.version"];
const CONFIGURATION: &str = "davinci-crd.configuration";
/// 23 means signing orders, 18 entering one.
const EPIC_TRIGGER: &str = "com.epic.cdshooks.request.bpa-trigger-action";

/// Maximum number of ignored codes to report.
const MAX_IGNORED: usize = 16;
/// Longer than any code in the guide.
const MAX_CODE_CHARS: usize = 40;

/// The members of an object, unparsed.
type ExtensionMembers<'a> = HashMap<String, &'a RawValue>;

/// What a call's `extension` requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestExtension {
    /// The first requested CRD version that this service supports.
    pub version: Option<CrdVersion>,
    /// What the response should contain.
    pub options: Options,
    /// Epic's number for the user's action.
    pub trigger: Option<u32>,
    /// Configuration codes that are unknown or have a value of the wrong type: the first few, sorted, reduced to letters, digits and
    /// hyphens.
    pub ignored: Vec<String>,
}

/// What the client wants in a response. The default is everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of CRD's own, on or off by itself")]
pub struct Options {
    /// Coverage information on orders, and cards with that topic.
    pub coverage_info: bool,
    /// Cards that say a guideline is met.
    pub guideline: bool,
    /// Cards that say an order does not follow the guideline.
    pub off_guideline: bool,
    /// Cards that say other therapy comes first.
    pub therapy_alternatives_req: bool,
    /// Cards that say it is too soon after earlier therapy.
    pub duplicate_therapy: bool,
    /// Cards that ask for documentation.
    pub appropriate_use: bool,
    /// Approvals that the client did not request.
    pub unsolicited_determ: bool,
    /// Maximum number of cards.
    pub max_cards: Option<usize>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            coverage_info: true,
            guideline: true,
            off_guideline: true,
            therapy_alternatives_req: true,
            duplicate_therapy: true,
            appropriate_use: true,
            unsolicited_determ: true,
            max_cards: None,
        }
    }
}

impl Options {
    /// Whether cards on a topic are shown. A topic without an option always is.
    #[must_use]
    pub fn shows(mut self, topic: &str) -> bool {
        self.switch(topic).is_none_or(|switch| *switch)
    }

    /// The option for a topic's code.
    fn switch(&mut self, code: &str) -> Option<&mut bool> {
        match code {
            "coverage-info" => Some(&mut self.coverage_info),
            "guideline" => Some(&mut self.guideline),
            "off-guideline" => Some(&mut self.off_guideline),
            "therapy-alternatives-req" => Some(&mut self.therapy_alternatives_req),
            "duplicate-therapy" => Some(&mut self.duplicate_therapy),
            "appropriate-use" => Some(&mut self.appropriate_use),
            "unsolicited-determ" => Some(&mut self.unsolicited_determ),
            _ => None,
        }
    }

    /// Sets an option; returns whether it is known and its value has the right type.
    fn take(&mut self, code: &str, value: &RawValue) -> bool {
        if code == "max-cards" {
            let most = read::<usize>(value);
            self.max_cards = most.or(self.max_cards);
            return most.is_some();
        }
        let (Some(switch), Some(on)) = (self.switch(code), read::<bool>(value)) else { return false };
        *switch = on;
        true
    }
}

impl RequestExtension {
    /// Reads a call's `extension` and ignores anything it does not understand.
    #[must_use]
    pub fn read(extension: Option<&RawValue>) -> Self {
        let members = extension.and_then(read::<ExtensionMembers<'_>>).unwrap_or_default();
        let mut asked = Self {
            version: VERSIONS.iter().find_map(|name| spoken(members.get(*name)?)),
            trigger: members.get(EPIC_TRIGGER).and_then(|trigger| number(trigger)),
            ..Self::default()
        };
        let configuration = members.get(CONFIGURATION).and_then(|configuration| read::<ExtensionMembers<'_>>(configuration));
        asked.configure(configuration.unwrap_or_default());
        asked
    }

    fn configure(&mut self, configuration: ExtensionMembers<'_>) {
        let ignored = configuration.into_iter().filter(|(code, value)| !self.options.take(code, value));
        let mut ignored: Vec<String> = ignored.map(|(code, _)| tellable(&code)).filter(|code| !code.is_empty()).collect();
        ignored.sort_unstable();
        ignored.dedup();
        ignored.truncate(MAX_IGNORED);
        self.ignored = ignored;
    }
}

fn read<'a, T: Deserialize<'a>>(value: &'a RawValue) -> Option<T> {
    serde_json::from_str(value.get()).ok()
}

/// The first supported version in a single version or a list.
fn spoken(versions: &RawValue) -> Option<CrdVersion> {
    let list = read::<Vec<&RawValue>>(versions).unwrap_or_else(|| vec![versions]);
    list.into_iter().find_map(|version| version_of(&read::<String>(version)?))
}

/// The version may have more parts; only the first two count.
fn version_of(text: &str) -> Option<CrdVersion> {
    let mut parts = text.trim().splitn(3, '.');
    match (parts.next()?, parts.next()?) {
        ("2", "0") => Some(CrdVersion::V2_0),
        ("2", "2") => Some(CrdVersion::V2_2),
        _ => None,
    }
}

fn number(value: &RawValue) -> Option<u32> {
    read::<u32>(value).or_else(|| read::<String>(value)?.trim().parse().ok())
}

/// A code from the client, made safe for the log.
fn tellable(code: &str) -> String {
    code.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '-').take(MAX_CODE_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(extension: &str) -> RequestExtension {
        let raw: Box<RawValue> = serde_json::from_str(extension).expect("JSON");
        RequestExtension::read(Some(&raw))
    }

    fn configured(configuration: &str) -> RequestExtension {
        asked(&format!(r#"{{"davinci-crd.configuration":{configuration}}}"#))
    }

    #[test]
    fn a_client_that_asks_for_nothing_gets_everything() {
        for extension in ["null", "7", "[]", "{}", r#""x""#, r#"{"x":{"y":[1]}}"#, r#"{"davinci-crd.configuration":null}"#] {
            assert_eq!(asked(extension), RequestExtension::default(), "{extension}");
        }
        assert_eq!(RequestExtension::read(None), RequestExtension::default());
        let options = Options::default();
        let topics = ["coverage-info", "guideline", "off-guideline", "therapy-alternatives-req", "duplicate-therapy", "appropriate-use"];
        assert!(topics.iter().all(|topic| options.shows(topic)) && options.shows("some-other") && options.max_cards.is_none());
    }

    #[test]
    fn the_first_spoken_version_counts() {
        let table = [
            (r#"{"davinci-crd.requestedVersion":"2.2"}"#, Some(CrdVersion::V2_2)),
            (r#"{"davinci-crd.requestedVersion":"2.2.1"}"#, Some(CrdVersion::V2_2)),
            (r#"{"davinci-crd.version":"2.0"}"#, Some(CrdVersion::V2_0)),
            (r#"{"davinci-crd.version":["1.0",7,"2.2","2.0"]}"#, Some(CrdVersion::V2_2)),
            (r#"{"davinci-crd.version":"2.0","davinci-crd.requestedVersion":["2.2"]}"#, Some(CrdVersion::V2_2)),
            (r#"{"davinci-crd.version":"2.0","davinci-crd.requestedVersion":"3.0"}"#, Some(CrdVersion::V2_0)),
            (r#"{"davinci-crd.version":"2.1"}"#, None),
            (r#"{"davinci-crd.version":"2"}"#, None),
            (r#"{"davinci-crd.version":2.2}"#, None),
            (r#"{"davinci-crd.version":[]}"#, None),
            (r#"{"davinci-crd.version":{"2.2":true}}"#, None),
        ];
        for (extension, expected) in table {
            assert_eq!(asked(extension).version, expected, "{extension}");
        }
    }

    #[test]
    fn each_option_switches_its_own_topic_off() {
        let topics = ["coverage-info", "guideline", "off-guideline", "therapy-alternatives-req", "duplicate-therapy", "appropriate-use"];
        for off in topics {
            let options = configured(&format!(r#"{{"{off}":false}}"#)).options;
            for topic in topics {
                assert_eq!(options.shows(topic), topic != off, "{off} of {topic}");
            }
        }
        assert!(!configured(r#"{"unsolicited-determ":false}"#).options.unsolicited_determ);
    }

    #[test]
    fn a_value_of_the_wrong_type_is_ignored_and_told() {
        let table = [
            (r#"{"max-cards":2}"#, Some(2), ""),
            (r#"{"max-cards":0}"#, Some(0), ""),
            (r#"{"max-cards":-1}"#, None, "max-cards"),
            (r#"{"max-cards":1.5}"#, None, "max-cards"),
            (r#"{"max-cards":"2"}"#, None, "max-cards"),
            (r#"{"max-cards":99999999999999999999999}"#, None, "max-cards"),
            (r#"{"max-cards":null}"#, None, "max-cards"),
            (r#"{"guideline":"false"}"#, None, "guideline"),
            (r#"{"guideline":0}"#, None, "guideline"),
            (r#"{"cost":true}"#, None, "cost"),
            ("[true]", None, ""),
        ];
        for (configuration, most, ignored) in table {
            let asked = configured(configuration);
            assert_eq!((asked.options, asked.ignored.join(" ")), (Options { max_cards: most, ..Options::default() }, ignored.to_owned()));
        }
    }

    #[test]
    fn what_is_told_of_ignored_codes_is_bounded() {
        let many: Vec<String> = (10..90).map(|place| format!(r#""c{place}":1"#)).collect();
        assert_eq!(configured(&format!("{{{}}}", many.join(","))).ignored.len(), MAX_IGNORED);
        let long = format!(r#"{{"a\n b<{}>":true,"é ":1}}"#, "x".repeat(200));
        assert_eq!(configured(&long).ignored, [format!("ab{}", "x".repeat(MAX_CODE_CHARS - 2))]);
    }

    #[test]
    fn epics_trigger_is_a_number_or_a_text() {
        let table = [
            ("23", Some(23)),
            (r#""18""#, Some(18)),
            (r#"" 5 ""#, Some(5)),
            ("-1", None),
            ("2.5", None),
            (r#""sign""#, None),
            ("[23]", None),
        ];
        for (value, expected) in table {
            assert_eq!(asked(&format!(r#"{{"{EPIC_TRIGGER}":{value}}}"#)).trigger, expected, "{value}");
        }
    }
}
