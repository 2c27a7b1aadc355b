//! One FHIR search: from the prefetch template that discovery publishes, by ids, or by canonical URL.

use url::Url;

/// A search for one resource type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    resource_type: String,
    parameters: Vec<(String, String)>,
    /// The parameters to keep if the server refuses the others.
    essential: &'static [&'static str],
}

impl Query {
    /// A search from a prefetch template such as `Condition?patient={{context.patientId}}`; `None` if the template is not a search.
    #[must_use]
    pub fn of_template(template: &str, patient_id: &str) -> Option<Self> {
        let (resource_type, query) = template.split_once('?')?;
        let parameters = query.split('&').map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            Some((name.to_owned(), value.replace("{{context.patientId}}", patient_id)))
        });
        Some(Self { resource_type: resource_type.to_owned(), parameters: parameters.collect::<Option<_>>()?, essential: &["patient"] })
    }

    /// A search for resources by their ids.
    #[must_use]
    pub fn of_ids(resource_type: &str, ids: &[String]) -> Self {
        let parameters = vec![("_id".to_owned(), ids.join(","))];
        Self { resource_type: resource_type.to_owned(), parameters, essential: &["_id"] }
    }

    /// A search by canonical URL, which may have a version after a `|`.
    #[must_use]
    pub fn of_canonical(resource_type: &str, canonical: &str) -> Self {
        let (url, version) = canonical.split_once('|').map_or((canonical, None), |(url, version)| (url, Some(version)));
        let parameters = [Some(("url", url)), version.map(|version| ("version", version))].into_iter().flatten();
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { resource_type: resource_type.to_owned(), parameters, essential: &["url"] }
    }

    /// The resource type.
    #[must_use]
    pub fn resource_type(&self) -> &str {
        &self.resource_type
    }

    /// The same search with only the essential parameters; `None` if it has no others. This service filters the surplus results.
    pub(super) fn plainly(&self) -> Option<Self> {
        let kept = self.parameters.iter().filter(|(name, _)| self.essential.contains(&name.as_str()));
        let plain = Self { parameters: kept.cloned().collect(), ..self.clone() };
        (plain != *self && !plain.parameters.is_empty()).then_some(plain)
    }

    /// The same search with this page size, unless it already sets one.
    pub(super) fn with_page_size(mut self, size: u32) -> Self {
        if !self.parameters.iter().any(|(name, _)| name == "_count") {
            self.parameters.push(("_count".to_owned(), size.to_string()));
        }
        self
    }

    /// The search URL at a base URL, with every value escaped.
    pub(super) fn url(&self, base: &Url) -> Option<Url> {
        let mut url = base.clone();
        url.path_segments_mut().ok()?.pop_if_empty().push(&self.resource_type);
        url.query_pairs_mut().extend_pairs(&self.parameters);
        Some(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "Observation?patient={{context.patientId}}&code=http://loinc.org|72514-3,urn:x|y";

    fn base() -> Url {
        "https://ehr.example/fhir/r4/".parse().expect("a URL")
    }

    #[test]
    fn a_template_becomes_an_address_with_every_value_escaped() {
        let query = Query::of_template(TEMPLATE, "p 1&x=y").expect("a search");
        let url = query.url(&base()).expect("a URL");
        assert_eq!(url.path(), "/fhir/r4/Observation");
        let pairs: Vec<_> = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        assert_eq!(pairs, [("patient".into(), "p 1&x=y".into()), ("code".into(), "http://loinc.org|72514-3,urn:x|y".into())]);
    }

    #[test]
    fn a_plainer_query_keeps_the_patient_alone_and_a_plain_one_has_none() {
        let query = Query::of_template(TEMPLATE, "p1").expect("a search").with_page_size(50);
        let plain = query.plainly().expect("a plainer query");
        assert_eq!(plain.url(&base()).expect("a URL").query(), Some("patient=p1"));
        assert_eq!(plain.plainly(), None);
    }

    #[test]
    fn a_read_is_no_search() {
        assert_eq!(Query::of_template("Patient/{{context.patientId}}", "p1"), None);
    }
}
