//! One page of a searchset, with only what fetching needs: whether it is a Bundle, its entry count, and the next page's URL.

use serde::Deserialize;
use serde::de::IgnoredAny;
use url::Url;

use super::reason::Reason;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageJson {
    resource_type: Option<String>,
    #[serde(default)]
    link: Option<Vec<LinkJson>>,
    #[serde(default)]
    entry: Option<Vec<IgnoredAny>>,
}

#[derive(Deserialize)]
struct LinkJson {
    relation: Option<String>,
    url: Option<String>,
}

/// A page's entry count, and the URL of the next page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ResultPage {
    pub entries: usize,
    pub next: Option<String>,
}

impl ResultPage {
    /// Reads a page.
    pub(super) fn read(body: &[u8]) -> Result<Self, Reason> {
        let page: PageJson = serde_json::from_slice(body).map_err(|_| Reason::NotFhir)?;
        match page.resource_type.as_deref() {
            Some("Bundle") => {
                let next = page.link.into_iter().flatten().find(|link| link.relation.as_deref() == Some("next"));
                Ok(Self { entries: page.entry.map_or(0, |entries| entries.len()), next: next.and_then(|link| link.url) })
            }
            Some("OperationOutcome") => Err(Reason::OutcomeOnly),
            Some(_) => Err(Reason::NotABundle),
            None => Err(Reason::NotFhir),
        }
    }
}

/// The URL of the next page, if it is below the server's base URL.
pub(super) fn next_url(base: &Url, current: &Url, link: &str) -> Result<Url, Reason> {
    let next = current.join(link).map_err(|_| Reason::ForeignPage)?;
    if is_below(base, &next) { Ok(next) } else { Err(Reason::ForeignPage) }
}

/// Invariant: a token is sent only to its server's origin and below its base path.
fn is_below(base: &Url, url: &Url) -> bool {
    let path = base.path().trim_end_matches('/');
    let same_origin =
        url.scheme() == base.scheme() && url.host() == base.host() && url.port_or_known_default() == base.port_or_known_default();
    let no_user = url.username().is_empty() && url.password().is_none();
    let below = url.path().strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    same_origin && no_user && below
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(link: &str) -> Result<String, Reason> {
        let base: Url = "https://ehr.example/fhir".parse().expect("a URL");
        let current: Url = "https://ehr.example/fhir/Condition?patient=p1".parse().expect("a URL");
        next_url(&base, &current, link).map(String::from)
    }

    #[test]
    fn a_next_page_must_lie_at_the_base() {
        for (link, expected) in [
            ("https://ehr.example/fhir?page=2", Ok("https://ehr.example/fhir?page=2")),
            ("https://ehr.example:443/fhir/Condition?page=2", Ok("https://ehr.example/fhir/Condition?page=2")),
            ("Condition?page=2", Ok("https://ehr.example/fhir/Condition?page=2")),
            ("https://other.example/fhir?page=2", Err(Reason::ForeignPage)),
            ("http://ehr.example/fhir?page=2", Err(Reason::ForeignPage)),
            ("https://ehr.example:8443/fhir?page=2", Err(Reason::ForeignPage)),
            ("https://user@ehr.example/fhir?page=2", Err(Reason::ForeignPage)),
            ("https://ehr.example/fhirx?page=2", Err(Reason::ForeignPage)),
            ("https://ehr.example/fhir/../admin", Err(Reason::ForeignPage)),
            ("//other.example/fhir", Err(Reason::ForeignPage)),
            ("file:///etc/passwd", Err(Reason::ForeignPage)),
        ] {
            assert_eq!(next(link).as_deref().map_err(|reason| *reason), expected, "{link}");
        }
    }

    #[test]
    fn a_page_is_a_bundle_and_nothing_else() {
        for (body, expected) in [
            (
                r#"{"resourceType":"Bundle","entry":[{},{}],"link":[{"relation":"self","url":"a"},{"relation":"next","url":"b"}]}"#,
                Ok((2, Some("b"))),
            ),
            (r#"{"resourceType":"Bundle"}"#, Ok((0, None))),
            (r#"{"resourceType":"OperationOutcome"}"#, Err(Reason::OutcomeOnly)),
            (r#"{"resourceType":"Patient"}"#, Err(Reason::NotABundle)),
            (r#"{"a":1}"#, Err(Reason::NotFhir)),
            ("<html>", Err(Reason::NotFhir)),
        ] {
            let page = ResultPage::read(body.as_bytes());
            assert_eq!(page.as_ref().map(|page| (page.entries, page.next.as_deref())).map_err(|reason| *reason), expected, "{body}");
        }
    }
}
