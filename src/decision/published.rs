//! The form and value sets that a policy version publishes: each resource as in its file, without whitespace.
//! Not here: whether they match what the policy reads, which [`crate::policy`] checks.

use chrono::{DateTime, Days, NaiveTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::policies::FORM_FILE;
use super::services::compact;
use crate::policy::{DateInterval, Policy, PolicyError, PolicyFile};

const VALUE_SETS: &str = "valuesets/";

/// A kind of published resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishedKind {
    /// The documentation form.
    Questionnaire,
    /// The policy's value sets.
    ValueSet,
}

impl PublishedKind {
    /// The FHIR type.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Questionnaire => "Questionnaire",
            Self::ValueSet => "ValueSet",
        }
    }
}

/// The published resources of a policy version.
#[derive(Debug)]
pub struct Published {
    /// The form.
    pub form: PublishedResource,
    /// The form's items.
    pub items: Vec<PublishedItem>,
    value_sets: Vec<PublishedResource>,
}

/// A published resource.
#[derive(Debug)]
pub struct PublishedResource {
    /// The resource's id.
    pub id: String,
    /// Its canonical URL, without a version.
    pub url: String,
    /// The canonical URL that its file has, where the configured one differs. EHRs may have stored it.
    former_url: Option<String>,
    /// The segment of its address before its type: the policy's id, except for the default policy.
    segment: Option<String>,
    version: Option<String>,
    date: Option<String>,
    /// The resource.
    pub json: Box<RawValue>,
}

/// An item of the form.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PublishedItem {
    /// `linkId`
    pub link_id: String,
    /// `text`
    #[serde(default)]
    pub text: Option<String>,
    /// `type`
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    answer_value_set: Option<String>,
    /// The options of a choice question.
    #[serde(default)]
    pub answer_option: Vec<AnswerOption>,
    /// The items below this one.
    #[serde(default, rename = "item")]
    pub below: Vec<PublishedItem>,
}

/// An answer option.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerOption {
    #[serde(default)]
    pub value_coding: Option<OptionCoding>,
}

/// The option's coding.
#[derive(Debug, Deserialize)]
pub struct OptionCoding {
    pub system: Option<String>,
    pub code: Option<String>,
    pub display: Option<String>,
}

#[derive(Deserialize)]
struct PublishedHead {
    id: String,
    url: String,
    version: Option<String>,
    date: Option<String>,
}

#[derive(Deserialize)]
struct Items {
    item: Vec<PublishedItem>,
}

impl Published {
    /// Reads the published resources from a version's files. `segment` is that of their addresses, and `former_url` gives the canonical
    /// URL that the file of a resource has.
    ///
    /// # Errors
    /// A resource without a canonical URL.
    pub(super) fn read(
        files: &[PolicyFile],
        policy: &Policy,
        segment: Option<&str>,
        former_url: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, PolicyError> {
        // Use the policy's form, in which the policy's numbers are already filled in.
        let form = &PolicyFile { name: FORM_FILE.to_owned(), text: policy.form.json.get().to_owned() };
        let items: Items = serde_json::from_str(&form.text).map_err(|error| PolicyError::of_json(FORM_FILE, &error))?;
        let read = |file: &PolicyFile| {
            let resource = PublishedResource::read(file)?;
            Ok(PublishedResource { former_url: former_url(&resource.url), segment: segment.map(str::to_owned), ..resource })
        };
        let value_sets = files.iter().filter(|file| file.name.starts_with(VALUE_SETS));
        Ok(Self { form: read(form)?, items: items.item, value_sets: value_sets.map(read).collect::<Result<_, _>>()? })
    }

    /// Every resource of a kind.
    #[must_use]
    pub fn all(&self, kind: PublishedKind) -> &[PublishedResource] {
        match kind {
            PublishedKind::Questionnaire => std::slice::from_ref(&self.form),
            PublishedKind::ValueSet => &self.value_sets,
        }
    }

    /// The resource with this id, as JSON.
    #[must_use]
    pub fn get(&self, kind: PublishedKind, id: &str) -> Option<&str> {
        self.all(kind).iter().find(|document| document.id == id).map(|document| document.json.get())
    }

    /// The value sets that the form's questions reference.
    #[must_use]
    pub fn named_value_sets(&self) -> Vec<&PublishedResource> {
        let mut named = Vec::new();
        collect(&self.items, &mut named);
        self.value_sets.iter().filter(|set| named.iter().any(|canonical| set.is_named_by(canonical))).collect()
    }

    /// Whether the form, or a value set that it references, may have changed since the instant.
    #[must_use]
    pub fn changed_since(&self, instant: DateTime<Utc>) -> bool {
        self.form.changed_since(instant) || self.named_value_sets().iter().any(|set| set.changed_since(instant))
    }
}

fn collect<'i>(items: &'i [PublishedItem], named: &mut Vec<&'i str>) {
    for item in items {
        named.extend(item.answer_value_set.as_deref());
        collect(&item.below, named);
    }
}

impl PublishedResource {
    fn read(file: &PolicyFile) -> Result<Self, PolicyError> {
        let fault = |error: serde_json::Error| PolicyError::of_json(&file.name, &error);
        let PublishedHead { id, url, version, date } = serde_json::from_str(&file.text).map_err(fault)?;
        let json = compact(file.text.as_bytes()).and_then(RawValue::from_string).map_err(fault)?;
        Ok(Self { id, url, former_url: None, segment: None, version, date, json })
    }

    /// The canonical URL, with the version if there is one.
    #[must_use]
    pub fn canonical(&self) -> String {
        self.version.as_ref().map_or_else(|| self.url.clone(), |version| format!("{}|{version}", self.url))
    }

    /// Whether a canonical URL, with or without a version, identifies the resource.
    #[must_use]
    pub fn is_named_by(&self, canonical: &str) -> bool {
        let (url, version) = canonical.split_once('|').unwrap_or((canonical, ""));
        let is_own = url == self.url || self.former_url.as_deref() == Some(url);
        is_own && (version.is_empty() || self.has_version(version))
    }

    /// Its address below the base URL of the FHIR resources: `ValueSet/nsaid`, or `{policy id}/ValueSet/nsaid`.
    #[must_use]
    pub fn path(&self, kind: PublishedKind) -> String {
        let own = format!("{}/{}", kind.as_str(), self.id);
        self.segment.as_ref().map_or_else(|| own.clone(), |segment| format!("{segment}/{own}"))
    }

    /// Whether the resource has this version.
    #[must_use]
    pub fn has_version(&self, version: &str) -> bool {
        self.version.as_deref() == Some(version)
    }

    /// Whether it may have changed since the instant. A day has ended everywhere on Earth by the second UTC midnight after its beginning.
    fn changed_since(&self, instant: DateTime<Utc>) -> bool {
        let Some(date) = &self.date else { return true };
        if let Ok(changed) = DateTime::parse_from_rfc3339(date) {
            return changed > instant;
        }
        let end = DateInterval::parse(date).and_then(|day| day.hi().checked_add_days(Days::new(2)));
        end.is_none_or(|end| end.and_time(NaiveTime::MIN).and_utc() > instant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> PublishedResource {
        PublishedResource::read(&PolicyFile { name: "x.json".to_owned(), text: text.to_owned() }).expect("a document")
    }

    #[test]
    fn a_canonical_names_any_version_or_one() {
        let document = document(r#"{"id": "a", "url": "http://x.example/a", "version": "1.0"}"#);
        for (canonical, named) in [
            ("http://x.example/a", true),
            ("http://x.example/a|1.0", true),
            ("http://x.example/a|", true),
            ("http://x.example/a|2.0", false),
            ("http://x.example/b", false),
            ("|1.0", false),
            ("", false),
        ] {
            assert_eq!(document.is_named_by(canonical), named, "{canonical}");
        }
        assert_eq!(document.canonical(), "http://x.example/a|1.0");
    }

    #[test]
    fn what_changed_on_a_day_counts_until_that_day_is_over_everywhere() {
        for (date, since, changed) in [
            (r#","date":"2026-03-02""#, "2026-03-02T23:00:00Z", true),
            (r#","date":"2026-03-02""#, "2026-03-03T11:00:00Z", true),
            (r#","date":"2026-03-02""#, "2026-03-04T00:00:00Z", false),
            (r#","date":"2026-03-02T10:00:00+02:00""#, "2026-03-02T07:59:59Z", true),
            (r#","date":"2026-03-02T10:00:00+02:00""#, "2026-03-02T08:00:00Z", false),
            (r#","date":"2026""#, "2026-12-31T00:00:00Z", true),
            (r#","date":"once""#, "2026-12-31T00:00:00Z", true),
            ("", "2999-01-01T00:00:00Z", true),
        ] {
            let document = document(&format!(r#"{{"id":"a","url":"u"{date}}}"#));
            assert_eq!(document.changed_since(since.parse().expect("an instant")), changed, "{date} {since}");
        }
    }
}
